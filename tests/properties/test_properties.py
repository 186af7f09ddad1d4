"""Rules that speak of all graphs, over random ones: DESIGN's order of execution, and who is touched at all."""

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
    """Section 4 word for word, without delays: walk the plan round by round."""
    plan = post_order(specs)
    passed, tries, order = set(), dict.fromkeys((spec.name for spec in plan), 0), []
    tried = None
    while tried != set():
        tried = set()
        for spec in plan:
            if spec.name in passed or spec.name in tried or tries[spec.name] >= spec.tries:
                continue
            if not passed.issuperset(spec.deps):
                continue
            tried.add(spec.name)
            tries[spec.name] += 1
            order.append(spec.name)
            if tries[spec.name] >= spec.first_pass:
                passed.add(spec.name)
    return order, passed, tries


def clock_model(specs, now):
    """Section 4 with delays: of the Jobs that are ready and due, the smallest (round, index); else sleep."""
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
        can_go = [entry for entry in ready if due[plan[entry[1]].name] <= now]
        if not can_go:
            now = min(due[plan[position].name] for _, position in ready)
            continue
        round_, position = min(can_go)
        spec = plan[position]
        tries[spec.name] += 1
        order.append((spec.name, now))
        due[spec.name] = now + spec.delay
        now += spec.takes
        (passed_in if tries[spec.name] >= spec.first_pass else failed_in)[spec.name] = round_


def run(specs, clock=None, **options):
    log = []
    engine = make_engine(build_graph(specs, log, clock), clock, **options)
    engine.checknrun()
    return engine, log


def tries_in(log):
    return [entry[0] for entry in log if entry[1] == 'try']


@given(graphs())
def test_without_delays_the_order_is_that_of_the_rounds(specs):
    engine, log = run(specs)
    order, passed, tries = rounds_model(specs)
    assert tries_in(log) == order
    assert {name for name, status in engine.nodestatus.items() if status} == passed
    assert {name: outcome.tries for name, outcome in engine.outcomes.items()} == tries


@given(graphs(delays=st.sampled_from([0.0, 0.5, 1.0, 3.0, 10.0])))
def test_with_delays_the_order_and_the_times_are_those_of_the_model(specs):
    clock = FakeClock()
    _, log = run(specs, clock)
    assert [(entry[0], entry[2]) for entry in log if entry[1] == 'try'] == clock_model(specs, 1000.0)


@given(graphs())
def test_a_job_is_tried_only_after_all_its_needs_passed(specs):
    by_name = {spec.name: spec for spec in specs}
    _, log = run(specs)
    count = dict.fromkeys(by_name, 0)
    for name in tries_in(log):
        assert all(count[dep] == by_name[dep].first_pass for dep in by_name[name].deps)
        count[name] += 1


@given(graphs())
def test_attempts_never_exceed_tries_and_end_with_the_first_pass(specs):
    _, log = run(specs)
    for spec in specs:
        assert tries_in(log).count(spec.name) in (0, min(spec.tries, spec.first_pass))


@given(graphs())
def test_blocked_jobs_are_never_touched(specs):
    engine, log = run(specs)
    by_name = {spec.name: spec for spec in specs}
    touched = {entry[0] for entry in log}
    for name, status in engine.nodestatus.items():
        assert (status is None) == (name not in touched)
        held = [dep for dep in by_name[name].deps if not engine.nodestatus[dep]]
        assert (status is None) == bool(held)
        assert set(engine.outcomes[name].blocked_by) == set(held)


@given(graphs())
def test_cleanups_are_exactly_the_attempts_whose_run_ran_in_reverse(specs):
    _, log = run(specs)
    runs = [entry[0] for entry in log if entry[1] == 'run']
    cleanups = [entry[0] for entry in log if entry[1] == 'cleanup']
    assert cleanups == runs[::-1]
    assert [entry[1] for entry in log][-len(cleanups) :] == ['cleanup'] * len(cleanups) or not cleanups


@given(graphs())
def test_in_no_act_no_run_and_no_cleanup_is_called_and_nothing_is_tried_twice(specs):
    _, log = run(specs, no_act=True)
    assert not [entry for entry in log if entry[1] in ('run', 'recheck', 'cleanup')]
    assert len(tries_in(log)) == len(set(tries_in(log)))


@given(graphs())
def test_a_second_run_is_like_that_of_a_fresh_engine(specs):
    engine, log = run(specs)
    first, status, results = list(log), engine.nodestatus, engine.noderesults
    log.clear()
    engine.checknrun()
    assert log == first
    assert (engine.nodestatus, engine.noderesults) == (status, results)


@given(graphs(), st.data())
def test_a_subgraph_runs_like_a_graph_of_its_own(specs, data):
    number = data.draw(st.integers(0, len(specs) - 1))
    log, alone = [], []
    engine = make_engine(build_graph(specs, log))
    engine.checknrun(specs[number].name)
    engine_alone = make_engine(build_graph(specs[: number + 1], alone))
    engine_alone.checknrun()
    assert log == alone
    assert engine.nodestatus == engine_alone.nodestatus


@given(graphs(), st.data())
def test_wherever_an_interrupt_strikes_the_cleanups_owed_are_called_once(specs, data):
    _, whole = run(specs)
    steps = len([entry for entry in whole if entry[1] != 'cleanup'])
    strike = data.draw(st.integers(0, steps - 1))

    class Log(list):
        def append(self, entry):
            super().append(entry)
            if len(self) == strike + 1:
                raise KeyboardInterrupt

    log = Log()
    engine = make_engine(build_graph(specs, log))
    with pytest.raises(KeyboardInterrupt):
        engine.checknrun()
    runs = [entry[0] for entry in log if entry[1] == 'run']
    assert list(log) == whole[: strike + 1] + [(name, 'cleanup') for name in runs[::-1]]
    assert engine.nodestatus[log[strike][0]] is False
    engine.checknrun()
    assert list(log)[strike + 1 + len(runs) :] == whole, 'the next run is as on a fresh engine'
