"""Rules that hold for every graph, tested on random ones: the order of attempts, and which Jobs are touched at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factories import FakeClock, make_engine
from support.strategies import build_graph, graphs


def post_order(specs):
    by_name = {spec.name: spec for spec in specs}
    order = []

    def visit(name):
        if name not in order:
            for dep in by_name[name].deps:
                visit(dep)
            order.append(name)

    visit(specs[-1].name)
    return [by_name[name] for name in order]


def rounds_model(specs):
    """Run DESIGN's section 4 literally, without delays: one pass over the plan after the other."""
    plan = post_order(specs)
    passed, tries, order = set(), dict.fromkeys((spec.name for spec in plan), 0), []
    attempted = None
    while attempted != set():
        attempted = set()
        for spec in plan:
            if spec.name in passed or spec.name in attempted or tries[spec.name] >= spec.tries:
                continue
            if not passed.issuperset(spec.deps):
                continue
            attempted.add(spec.name)
            tries[spec.name] += 1
            order.append(spec.name)
            if tries[spec.name] >= spec.passing_attempt:
                passed.add(spec.name)
    return order, passed, tries


def clock_model(specs, now):
    """Run section 4 with delays: attempt the smallest (round, index) of the Jobs that are ready and due, or sleep."""
    plan = post_order(specs)
    index = {spec.name: position for position, spec in enumerate(plan)}
    passed_in, failed_in = {}, {}
    tries, due, order = dict.fromkeys(index, 0), dict.fromkeys(index, 0.0), []
    while True:
        ready = []
        for spec in plan:
            if (
                spec.name in passed_in
                or tries[spec.name] >= spec.tries
                or any(dep not in passed_in for dep in spec.deps)
            ):
                continue
            unblocked = max([passed_in[dep] for dep in spec.deps], default=1)
            ready.append((failed_in[spec.name] + 1 if spec.name in failed_in else unblocked, index[spec.name]))
        if not ready:
            return order
        due_now = [entry for entry in ready if due[plan[entry[1]].name] <= now]
        if not due_now:
            now = min(due[plan[position].name] for _, position in ready)
            continue
        round_, position = min(due_now)
        spec = plan[position]
        tries[spec.name] += 1
        order.append((spec.name, now))
        due[spec.name] = now + spec.delay
        now += spec.takes
        (passed_in if tries[spec.name] >= spec.passing_attempt else failed_in)[spec.name] = round_


def run(specs, clock=None, **options):
    log = []
    engine = make_engine(build_graph(specs, log, clock), clock, **options)
    engine.checknrun()
    return engine, log


def attempts_in(log):
    return [entry[0] for entry in log if entry[1] == 'attempt']


@given(graphs())
def test_without_delays_attempts_come_in_the_order_of_the_rounds(specs):
    engine, log = run(specs)
    order, passed, tries = rounds_model(specs)
    assert attempts_in(log) == order
    assert {name for name, status in engine.nodestatus.items() if status} == passed
    assert {name: outcome.tries for name, outcome in engine.outcomes.items()} == tries


@given(graphs(delays=st.sampled_from([0.0, 0.5, 1.0, 3.0, 10.0])))
def test_with_delays_attempts_come_in_the_order_and_at_the_times_of_the_model(specs):
    clock = FakeClock()
    _, log = run(specs, clock)
    assert [(entry[0], entry[2]) for entry in log if entry[1] == 'attempt'] == clock_model(specs, 1000.0)


@given(graphs())
def test_a_job_is_attempted_only_after_all_its_dependencies_passed(specs):
    by_name = {spec.name: spec for spec in specs}
    _, log = run(specs)
    count = dict.fromkeys(by_name, 0)
    for name in attempts_in(log):
        assert all(count[dep] == by_name[dep].passing_attempt for dep in by_name[name].deps)
        count[name] += 1


@given(graphs())
def test_attempts_never_exceed_tries_and_end_when_the_job_passes(specs):
    _, log = run(specs)
    for spec in specs:
        assert attempts_in(log).count(spec.name) in (0, min(spec.tries, spec.passing_attempt))


@given(graphs())
def test_blocked_jobs_are_never_touched(specs):
    engine, log = run(specs)
    by_name = {spec.name: spec for spec in specs}
    touched = {entry[0] for entry in log}
    for name, status in engine.nodestatus.items():
        assert (status is None) == (name not in touched)
        blocking = [dep for dep in by_name[name].deps if not engine.nodestatus[dep]]
        assert (status is None) == bool(blocking)
        assert set(engine.outcomes[name].blocked_by) == set(blocking)


@given(graphs())
def test_each_attempt_that_called_run_gets_one_cleanup_in_reverse_order(specs):
    _, log = run(specs)
    runs = [entry[0] for entry in log if entry[1] == 'run']
    cleanups = [entry[0] for entry in log if entry[1] == 'cleanup']
    assert cleanups == runs[::-1]
    assert [entry[1] for entry in log][-len(cleanups) :] == ['cleanup'] * len(cleanups) or not cleanups


@given(graphs())
def test_no_act_calls_no_run_and_no_cleanup_and_attempts_nothing_twice(specs):
    _, log = run(specs, no_act=True)
    assert not [entry for entry in log if entry[1] in ('run', 'recheck', 'cleanup')]
    assert len(attempts_in(log)) == len(set(attempts_in(log)))


@given(graphs())
def test_a_second_run_equals_one_on_a_fresh_engine(specs):
    engine, log = run(specs)
    first, status, results = list(log), engine.nodestatus, engine.noderesults
    log.clear()
    engine.checknrun()
    assert log == first
    assert (engine.nodestatus, engine.noderesults) == (status, results)


@given(graphs(), st.data())
def test_a_subgraph_runs_like_a_graph_of_its_own(specs, data):
    number = data.draw(st.integers(0, len(specs) - 1))
    log, log_alone = [], []
    engine = make_engine(build_graph(specs, log))
    engine.checknrun(specs[number].name)
    engine_alone = make_engine(build_graph(specs[: number + 1], log_alone))
    engine_alone.checknrun()
    assert log == log_alone
    assert engine.nodestatus == engine_alone.nodestatus


@given(graphs(), st.data())
def test_an_interrupt_anywhere_calls_each_pending_cleanup_once(specs, data):
    _, complete = run(specs)
    steps = len([entry for entry in complete if entry[1] != 'cleanup'])
    position = data.draw(st.integers(0, steps - 1))

    class Log(list):
        def append(self, entry):
            super().append(entry)
            if len(self) == position + 1:
                raise KeyboardInterrupt

    log = Log()
    engine = make_engine(build_graph(specs, log))
    with pytest.raises(KeyboardInterrupt):
        engine.checknrun()
    runs = [entry[0] for entry in log if entry[1] == 'run']
    assert list(log) == complete[: position + 1] + [(name, 'cleanup') for name in runs[::-1]]
    assert engine.nodestatus[log[position][0]] is False
    engine.checknrun()
    assert list(log)[position + 1 + len(runs) :] == complete, 'the next run is as on a fresh engine'
