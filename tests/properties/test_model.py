"""Random graphs with random options end as the model predicts: serially, on threads, and in other processes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.comparison import assert_results_match, is_expected
from support.factories import FakeClock, make_engine
from support.faults import assert_nothing_is_lost
from support.model import Model
from support.specified import specified_jobs
from support.strategies import configured_graphs
from support.workers import call_in_time

from dojobber import State

SERIAL = configured_graphs()
CONCURRENT = configured_graphs(takes=st.just(0))
WORKERS = st.integers(2, 4)


@pytest.fixture(scope='module')
def home(tmp_path_factory):
    return tmp_path_factory.mktemp('model') / 'home'


def assert_serial_run_is_as_predicted(home, case):
    specs, options = case
    assert_nothing_is_lost(specs, {}, home, **options)


def assert_concurrent_run_is_as_predicted(case, workers):
    """Run the graph on these workers, given as options, and compare what the schedule does not decide."""
    specs, options = case
    log = []

    def reach(place, job):
        log.append((place, type(job).__name__, job.number, job.run_succeeded))

    engine = make_engine(specified_jobs(specs, reach)[-1], FakeClock(), **options, **workers)
    call_in_time(engine.checknrun)
    model = Model(specs, **{**options, 'fail_fast': False}).run()
    if not (options['fail_fast'] and model.failed_for_good):
        assert_results_match(engine, model)
        pending = [(*entry, model.run_succeeded) for entry in model.log if entry[0] == 'cleanup']
    else:
        assert_run_that_fails_fast_is_allowed(engine, specs, options, model)
        runs = [entry for entry in model.log if entry[0] == 'run']
        pending = [('cleanup', name, number, False) for _, name, number in runs if number <= tries_of(engine, name)]
    assert sorted(entry for entry in log if entry[0] == 'cleanup') == sorted(pending)


def tries_of(engine, name):
    return engine.outcomes[name].tries


def assert_run_that_fails_fast_is_allowed(engine, specs, options, whole):
    """Compare each Job with ``whole``, the model of a run that does not end early.

    A Job that was attempted is as in ``whole`` or, if it was cut off, as after that number of attempts.
    """
    for spec in specs:
        name, outcome = spec.name, engine.outcomes[spec.name]
        below = {dep: engine.outcomes[dep] for dep in spec.deps}
        if name in options['skip']:
            assert outcome.state is State.SKIPPED
        elif not outcome.tries:
            blockers = tuple(dep for dep in below if is_blocking(below[dep], options))
            assert outcome.state is (State.BLOCKED if blockers else State.NOT_RUN)
            assert outcome.blocked_by == blockers
        else:
            assert all(unblocks(dependency, options) for dependency in below.values())
            assert outcome.tries <= whole.tries[name]
            if outcome.tries == whole.tries[name]:
                assert outcome.state is whole.states[name]
                assert outcome.blocked_by == whole.blocked_by(name)
                assert is_expected(outcome.exception, whole.errors[name])
            else:
                alone = Model([spec._replace(deps=(), tries=outcome.tries)]).run()
                assert outcome.state is State.FAILED
                assert is_expected(outcome.exception, alone.errors[name])
    assert any(tries_of(engine, name) == whole.tries[name] for name in whole.failed_for_good), 'a Job has ended the run'


def unblocks(outcome, options):
    """Tell whether the dependents of a Job with this outcome may be attempted."""
    is_assumed = options['assume_changes'] and outcome.tries and outcome.state is not State.FAILED
    return bool(outcome.state.passed or is_assumed)


def is_blocking(outcome, options):
    """Tell whether this outcome, rather than the end of the run, keeps dependents of the Job from being attempted."""
    return outcome.state is not State.NOT_RUN and not unblocks(outcome, options)


@settings(max_examples=100)
@given(SERIAL)
def test_a_serial_run_of_a_random_graph_is_as_predicted(home, case):
    assert_serial_run_is_as_predicted(home, case)


@settings(max_examples=60)
@given(CONCURRENT, WORKERS)
def test_a_run_of_a_random_graph_on_threads_ends_as_predicted(case, count):
    assert_concurrent_run_is_as_predicted(case, {'max_workers': count})


@settings(max_examples=30)
@given(CONCURRENT)
def test_a_run_of_a_random_graph_in_processes_ends_as_predicted(processes, case):
    assert_concurrent_run_is_as_predicted(case, {'executor': processes})


@settings(max_examples=60)
@given(CONCURRENT, st.data())
def test_a_run_of_a_part_of_a_random_graph_is_that_of_a_graph_of_its_own(case, data):
    specs, options = case
    part = specs[: data.draw(st.integers(1, len(specs)))]
    engine = make_engine(specified_jobs(specs, lambda place, job: None)[-1], FakeClock(), **options)
    engine.checknrun(part[-1].name)
    skip = set(options['skip']) & set(Model(part).plan())
    assert_results_match(engine, Model(part, **{**options, 'skip': skip}).run())


@pytest.mark.faults
@settings(max_examples=8000)
@given(SERIAL)
def test_serial_runs_of_thousands_of_random_graphs_are_as_predicted(home, case):
    assert_serial_run_is_as_predicted(home, case)


@pytest.mark.faults
@settings(max_examples=8000)
@given(CONCURRENT, WORKERS)
def test_runs_of_thousands_of_random_graphs_on_threads_end_as_predicted(case, count):
    assert_concurrent_run_is_as_predicted(case, {'max_workers': count})


@pytest.mark.faults
@settings(max_examples=4000)
@given(CONCURRENT)
def test_runs_of_thousands_of_random_graphs_in_processes_end_as_predicted(processes, case):
    assert_concurrent_run_is_as_predicted(case, {'executor': processes})
