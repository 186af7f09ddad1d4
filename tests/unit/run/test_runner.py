from __future__ import annotations

import os
import threading
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor

import pytest
from support.factories import FakeClock, changing, failing, job
from support.interrupts import interrupt_everywhere

from dojobber import Outcome, State
from dojobber._attempt.attempt import AttemptSettings
from dojobber._attempt.cleanup import CleanupStack
from dojobber._attempt.directory import directory_restorer
from dojobber._plan.plan import make_plan
from dojobber._plan.schedule import Schedule
from dojobber._run.listeners import Listeners
from dojobber._run.recorder import Recorder
from dojobber._run.results import NOT_RUN, Results
from dojobber._run.runner import Runner
from dojobber.events import Event, EventKind


class RunUnderTest:
    """A run of a plan, with all that is emitted and recorded."""

    def __init__(self, root, no_act=False, listeners=None):
        self.events, self.skipped = [], []
        self.cleanups = CleanupStack()
        self.cleanups.directory = os.getcwd()
        self.clock = FakeClock()
        plan = make_plan(root, 2, 0)
        tries = [1 if no_act else step.tries for step in plan.steps.values()]
        delays = [step.retry_delay for step in plan.steps.values()]
        schedule = Schedule(plan.dependencies, tries, delays)
        self.results = Results(plan)
        listeners = Listeners([self.events.append] if listeners is None else listeners, self.skipped.append)
        self.runner = Runner(
            plan,
            AttemptSettings((), {}, {}, no_act, directory_restorer(os.getcwd())),
            Recorder(plan, schedule, self.results, listeners, self.cleanups),
            self.clock,
        )

    def go(self, max_workers=None, executor=None):
        self.runner.run(max_workers, executor)
        return self


WAYS = pytest.mark.parametrize('max_workers', [None, 1, 2, 8])


@WAYS
def test_each_attempt_is_announced_with_its_round_and_number(max_workers):
    run = RunUnderTest(failing('Broken')).go(max_workers)
    kinds = EventKind.ATTEMPT_STARTED, EventKind.CHECK, EventKind.RUN, EventKind.RECHECK, EventKind.ATTEMPT_FINISHED
    seen = [(event.kind, event.job, event.round, event.attempt) for event in run.events]
    assert [each for each in seen if each[0] is not EventKind.WAITING] == [
        (kind, 'Broken', number, number) for number in (1, 2) for kind in kinds
    ]


@WAYS
def test_views_of_the_outcomes_follow_each_change(max_workers):
    seen = []

    def look(event):
        if event.kind is EventKind.ATTEMPT_FINISHED:
            seen.append((dict(run.results.outcomes), dict(status), dict(values)))

    run = RunUnderTest(job('Root', [changing('Leaf')], Check=lambda self: 'result'), listeners=[look])
    status, values = run.results.status, run.results.values
    run.go(max_workers)
    states = [{name: outcome.state for name, outcome in outcomes.items()} for outcomes, _, _ in seen]
    assert states == [{'Leaf': State.CHANGED, 'Root': State.NOT_RUN}, {'Leaf': State.CHANGED, 'Root': State.OK}]
    assert [each for _, each, _ in seen] == [{'Leaf': True, 'Root': None}, {'Leaf': True, 'Root': True}]
    assert [each for _, _, each in seen] == [{'Leaf': None}, {'Leaf': None, 'Root': 'result'}]


@WAYS
def test_without_listeners_the_outcomes_are_the_same(max_workers):
    run = RunUnderTest(job('Root', [changing('Leaf'), failing('Broken')]), listeners=[]).go(max_workers)
    states = {name: (outcome.state, outcome.tries) for name, outcome in run.results.outcomes.items()}
    assert states == {'Leaf': (State.CHANGED, 1), 'Broken': (State.FAILED, 2), 'Root': (State.BLOCKED, 0)}
    assert run.events == []


@WAYS
def test_what_made_the_attempts_can_be_kept_as_long_as_their_exceptions(max_workers):
    assert RunUnderTest(failing('Broken')).go(max_workers).results.attempts is not None


@WAYS
def test_in_no_act_each_job_is_tried_once(max_workers):
    run = RunUnderTest(job('Root', [changing('Leaf')]), no_act=True).go(max_workers)
    assert {name: (each.state, each.tries) for name, each in run.results.outcomes.items()} == {
        'Leaf': (State.WOULD_RUN, 1),
        'Root': (State.BLOCKED, 0),
    }


@WAYS
def test_cleanups_are_owed_in_the_order_of_the_starts_and_not_called(max_workers):
    leaves = [changing(name, Cleanup=lambda self: None) for name in 'ABC']
    run = RunUnderTest(job('Root', leaves)).go(max_workers)
    names = []
    run.cleanups.run(lambda event: names.append(event.job) if event.kind is EventKind.CLEANUP else None)
    assert names == ['C', 'B', 'A']


@WAYS
def test_what_is_waited_for_is_run_with_the_time_when_it_is_due(max_workers):
    run = RunUnderTest(failing('Broken', RETRY_DELAY=5)).go(max_workers)
    (waiting,) = [event for event in run.events if event.kind is EventKind.WAITING]
    assert (waiting.job, waiting.seconds, waiting.value) == ('Broken', 5, 1005.0)
    assert run.clock.sleeps == [5]


def test_the_threads_are_its_own_and_end_with_it():
    threads = []
    RunUnderTest(job('Root', Check=lambda self: threads.append(threading.current_thread()))).go(2)
    (thread,) = threads
    thread.join(20)
    assert not thread.is_alive()


def test_the_threads_end_wherever_an_interrupt_strikes():
    threads = set()

    def check(self):
        threads.add(threading.current_thread())

    def attempt(strike):
        run = RunUnderTest(job('Root', [job('A', Check=check), job('B', Check=check)], Check=check))
        raised = strike(lambda: run.go(2))
        assert raised is None or isinstance(raised, KeyboardInterrupt)

    interrupt_everywhere(attempt)
    assert len(threads) > 10
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


class Losing(Executor):
    """Loses every worker, with that error."""

    def __init__(self, error):
        self.error = error

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        future.set_exception(self.error)
        return future


def test_an_attempt_whose_worker_was_lost_is_a_failed_check_that_took_no_time():
    error = CancelledError()
    run = RunUnderTest(job('Root', TRIES=1)).go(executor=Losing(error))
    failed = Outcome(State.FAILED, 1, None, error)
    assert run.results.outcomes == {'Root': failed}
    assert run.events == [
        Event(EventKind.ATTEMPT_STARTED, 'Root', 1, 1),
        Event(EventKind.CHECK, 'Root', 1, 1, 0.0, None, error),
        Event(EventKind.ATTEMPT_FINISHED, 'Root', 1, 1, 0, failed, error),
    ]


def test_an_executor_that_is_broken_ends_the_walk():
    broken = BrokenExecutor('no memory left')
    run = RunUnderTest(failing('Broken', TRIES=2))
    with pytest.raises(BrokenExecutor) as caught:
        run.go(executor=Losing(broken))
    assert caught.value is broken
    assert run.results.outcomes == {'Broken': Outcome(State.FAILED, 1, None, broken)}


def test_an_executor_is_used_also_when_it_may_have_one_job_at_once_only():
    with ThreadPoolExecutor(1, 'users') as pool:
        run = RunUnderTest(job('Root', Check=lambda self: threading.current_thread().name)).go(1, pool)
    assert run.results.outcomes['Root'].result.startswith('users')


def test_of_jobs_that_are_not_waited_for_only_those_with_a_cleanup_are_said_to_miss_it():
    at_work, let_go = threading.Barrier(4), threading.Event()

    def run(self):
        self.storage['ran'] = True
        at_work.wait(20)
        let_go.wait(20)

    def interrupt(event):
        if event.kind is EventKind.ATTEMPT_FINISHED:
            raise KeyboardInterrupt(event.job)

    ends = [job(name, Check=lambda self: at_work.wait(20)) for name in ('Ends1', 'Ends2')]
    without, with_one = changing('Without', Run=run), changing('With', Run=run, Cleanup=lambda self: None)
    run = RunUnderTest(job('Root', [*ends, without, with_one]), listeners=[interrupt])
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            run.go(4)
    finally:
        let_go.set()
    assert [(event.kind, event.job) for event in run.skipped] == [(EventKind.CLEANUP, 'With')]
    assert 'not called' in str(run.skipped[0].exception)
    assert run.skipped[0].exception.culprit is with_one
    outcomes = dict(run.results.outcomes)
    ended = {name: outcomes.pop(name).state for name in ('Ends1', 'Ends2')}
    assert ended == {'Ends1': State.OK, 'Ends2': State.OK}
    failed = Outcome(State.FAILED, 1, None, caught.value)
    assert outcomes == {'Without': failed, 'With': failed, 'Root': NOT_RUN}
    assert run.cleanups.run(lambda event: pytest.fail(f'{event} is not expected')) is None
