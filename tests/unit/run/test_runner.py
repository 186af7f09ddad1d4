from __future__ import annotations

import os
import threading
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from functools import partial

import pytest
from support.factories import FakeClock, changing, failing, job
from support.interrupts import interrupt_everywhere
from support.workers import LIMIT

from dojobber import Outcome, State
from dojobber._attempt.attempt import AttemptSettings
from dojobber._attempt.cleanup import CleanupContext, CleanupStack
from dojobber._attempt.directory import enter_directory
from dojobber._plan.plan import make_plan
from dojobber._plan.schedule import Schedule
from dojobber._run.listeners import Listeners
from dojobber._run.recorder import Recorder
from dojobber._run.results import NOT_RUN, Results
from dojobber._run.runner import Runner
from dojobber._workers import threads as threads_module
from dojobber.events import Event, EventKind


class RunUnderTest:
    """A run of a plan, with its events and results."""

    def __init__(self, root, no_act=False, listeners=None):
        self.events, self.skipped = [], []
        self.cleanups = CleanupStack()
        self.cleanups.context = CleanupContext(os.getcwd())
        self.clock = FakeClock()
        plan = make_plan(root, 2, 0)
        plan = plan.with_one_attempt() if no_act else plan
        schedule = Schedule(plan)
        self.results = Results(plan)
        listeners = Listeners([self.events.append] if listeners is None else listeners, self.skipped.append)
        self.runner = Runner(
            plan,
            AttemptSettings((), {}, {}, no_act, partial(enter_directory, os.getcwd())),
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
    assert [entry for entry in seen if entry[0] is not EventKind.WAITING] == [
        (kind, 'Broken', number, number) for number in (1, 2) for kind in kinds
    ]


@WAYS
def test_views_are_updated_with_each_attempt(max_workers):
    seen = []

    def look(event):
        if event.kind is EventKind.ATTEMPT_FINISHED:
            seen.append((dict(run.results.outcomes), dict(status), dict(values)))

    run = RunUnderTest(job('Root', [changing('Leaf')], Check=lambda self: 'result'), listeners=[look])
    status, values = run.results.status, run.results.values
    run.go(max_workers)
    states = [{name: outcome.state for name, outcome in outcomes.items()} for outcomes, _, _ in seen]
    assert states == [{'Leaf': State.CHANGED, 'Root': State.NOT_RUN}, {'Leaf': State.CHANGED, 'Root': State.OK}]
    assert [statuses for _, statuses, _ in seen] == [{'Leaf': True, 'Root': None}, {'Leaf': True, 'Root': True}]
    assert [results for _, _, results in seen] == [{'Leaf': None}, {'Leaf': None, 'Root': 'result'}]


@WAYS
def test_outcomes_are_the_same_without_listeners(max_workers):
    run = RunUnderTest(job('Root', [changing('Leaf'), failing('Broken')]), listeners=[]).go(max_workers)
    states = {name: (outcome.state, outcome.tries) for name, outcome in run.results.outcomes.items()}
    assert states == {'Leaf': (State.CHANGED, 1), 'Broken': (State.FAILED, 2), 'Root': (State.BLOCKED, 0)}
    assert run.events == []


@WAYS
def test_results_keep_what_made_the_attempts(max_workers):
    assert RunUnderTest(failing('Broken')).go(max_workers).results.attempter is not None


@WAYS
def test_no_act_attempts_each_job_once(max_workers):
    run = RunUnderTest(job('Root', [changing('Leaf')]), no_act=True).go(max_workers)
    assert {name: (outcome.state, outcome.tries) for name, outcome in run.results.outcomes.items()} == {
        'Leaf': (State.WOULD_RUN, 1),
        'Root': (State.BLOCKED, 0),
    }


@WAYS
def test_cleanups_are_pending_in_the_order_of_the_starts_and_not_called(max_workers):
    leaves = [changing(name, Cleanup=lambda self: None) for name in 'ABC']
    run = RunUnderTest(job('Root', leaves)).go(max_workers)
    names = []
    run.cleanups.run(lambda event: names.append(event.job) if event.kind is EventKind.CLEANUP else None)
    assert names == ['C', 'B', 'A']


@WAYS
def test_a_wait_is_announced_with_the_time_when_the_job_is_due(max_workers):
    run = RunUnderTest(failing('Broken', RETRY_DELAY=5)).go(max_workers)
    (waiting,) = [event for event in run.events if event.kind is EventKind.WAITING]
    assert (waiting.job, waiting.seconds, waiting.value) == ('Broken', 5, 1005.0)
    assert run.clock.sleeps == [5]


def test_the_threads_of_a_run_exit_at_its_end(monkeypatch):
    monkeypatch.setattr(threads_module, 'LONGEST_WAIT', 2 * LIMIT)  # seconds after which an idle thread exits anyway
    threads = []
    RunUnderTest(job('Root', Check=lambda self: threads.append(threading.current_thread()))).go(2)
    (thread,) = threads
    thread.join(LIMIT)
    assert not thread.is_alive()


def test_threads_exit_after_an_interrupt_at_any_line(monkeypatch):
    monkeypatch.setattr(threads_module, 'LONGEST_WAIT', 0.01)  # seconds after which an idle thread exits
    threads = set()

    def check(self):
        threads.add(threading.current_thread())

    def attempt(interrupted):
        run = RunUnderTest(job('Root', [job('A', Check=check), job('B', Check=check)], Check=check))
        raised = interrupted(lambda: run.go(2))
        assert raised is None or isinstance(raised, KeyboardInterrupt)

    interrupt_everywhere(attempt)
    assert len(threads) > 10
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive()


class Losing(Executor):
    """Loses every worker with ``error``."""

    def __init__(self, error):
        self.error = error

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        future.set_exception(self.error)
        return future


def test_a_lost_worker_is_announced_as_a_failed_check_of_zero_seconds():
    error = CancelledError()
    run = RunUnderTest(job('Root', TRIES=1)).go(executor=Losing(error))
    failed = Outcome(State.FAILED, 1, None, error)
    assert run.results.outcomes == {'Root': failed}
    assert [event._replace(time=None) for event in run.events] == [
        Event(EventKind.ATTEMPT_STARTED, 'Root', 1, 1),
        Event(EventKind.CHECK, 'Root', 1, 1, 0.0, None, error),
        Event(EventKind.ATTEMPT_FINISHED, 'Root', 1, 1, 0, failed, error),
    ]


def test_a_broken_executor_ends_the_run():
    broken = BrokenExecutor('no memory left')
    run = RunUnderTest(failing('Broken', TRIES=2))
    with pytest.raises(BrokenExecutor) as caught:
        run.go(executor=Losing(broken))
    assert caught.value is broken
    assert run.results.outcomes == {'Broken': Outcome(State.FAILED, 1, None, broken)}


def test_an_executor_is_used_even_with_max_workers_of_1():
    with ThreadPoolExecutor(1, 'users') as pool:
        run = RunUnderTest(job('Root', Check=lambda self: threading.current_thread().name)).go(1, pool)
    assert run.results.outcomes['Root'].result.startswith('users')


def test_a_cleanup_event_reports_the_abandoned_jobs_whose_cleanup_is_not_called():
    at_work, let_go = threading.Barrier(4), threading.Event()

    def run(self):
        self.storage['ran'] = True
        at_work.wait(LIMIT)
        let_go.wait(LIMIT)

    def interrupt(event):
        if event.kind is EventKind.ATTEMPT_FINISHED:
            raise KeyboardInterrupt(event.job)

    ends = [job(name, Check=lambda self: at_work.wait(LIMIT)) for name in ('Ends1', 'Ends2')]
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
