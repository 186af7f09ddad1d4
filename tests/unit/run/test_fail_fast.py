"""With ``fail_fast``, no attempt starts once a Job has failed for good."""

from __future__ import annotations

import io
import itertools
import threading
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor

import pytest
from support.factories import changing, failing, job, make_engine, mark_reached, run_engine, wait_until_reached
from support.workers import LIMIT, call_in_time

from dojobber import EventKind, GiveUp, JobsFailedError, Outcome, RunonlyJob, Skip, State
from dojobber._workers.threads import ExecutorThreads


def states(engine):
    return {name: outcome.state for name, outcome in engine.outcomes.items()}


def raising(name, error, deps=(), **members):
    """Return a Job without Run whose Check raises ``error``."""

    def check(self):
        raise error

    return job(name, deps, Check=check, **members)


def setting(event):
    """Return a listener that sets ``event`` once the Job Broken has failed."""

    def listen(emitted):
        if emitted.kind is EventKind.ATTEMPT_FINISHED and emitted.job == 'Broken':
            event.set()

    return listen


def waiting(name, event, reached=None, error=None, **members):
    """Return a Job whose Run waits for ``event``. It then raises ``error`` or passes."""

    def run(self):
        if reached is not None:
            reached.set()
        assert event.wait(LIMIT)
        if error is not None:
            raise error
        self.storage['ran'] = True

    return changing(name, Run=run, **members)


def broken_after(event, is_running=None):
    """Return a Job called Broken, whose only attempt sets ``is_running`` and fails once ``event`` is set."""

    def check(self):
        if is_running is not None:
            is_running.set()
        assert event.wait(LIMIT)
        raise ValueError('broken')

    return job('Broken', Check=check, TRIES=1)


def test_nothing_starts_after_a_job_has_failed_its_last_attempt():
    engine = run_engine(
        job('Root', [changing('First'), failing('Broken', TRIES=1), job('Above', []), job('Last')]), fail_fast=True
    )
    assert states(engine) == {
        'First': State.CHANGED,
        'Broken': State.FAILED,
        'Above': State.NOT_RUN,
        'Last': State.NOT_RUN,
        'Root': State.BLOCKED,
    }
    assert engine.outcomes['Root'].blocked_by == ('Broken',)
    assert engine.nodestatus == {'First': True, 'Broken': False, 'Above': None, 'Last': None, 'Root': None}
    assert (engine.success(), engine.partial_success(), engine.failure()) == (False, True, True)


def test_without_it_the_other_jobs_go_on(way):
    engine = run_engine(job('Root', [failing('Broken', TRIES=1), changing('Last')]), fail_fast=False, **way)
    assert engine.outcomes['Last'].state is State.CHANGED


def test_a_failed_job_with_attempts_left_does_not_end_the_run(way):
    def check(self):
        attempts = self.global_storage['attempts'] = self.global_storage.get('attempts', 0) + 1
        if attempts < 3:  # the recheck of the first attempt fails, too
            raise ValueError('not yet')

    root = job('Root', [job('Late', Check=check, TRIES=2), changing('Last')])
    engine = run_engine(root, fail_fast=True, **way)
    assert engine.outcomes['Late'].tries == 2
    assert engine.success()


def test_a_run_in_which_nothing_fails_for_good_is_the_same(way):
    root = job('Root', [changing('A', [raising('S', Skip('not here'))]), changing('B')])
    assert states(run_engine(root, fail_fast=True, **way)) == states(run_engine(root, **way))


def test_the_first_job_that_fails_for_good_ends_the_run_and_jobs_waiting_for_a_retry_stay_failed(fake_clock):
    slow = failing('Slow', TRIES=5, RETRY_DELAY=60)
    broken = failing('Broken', TRIES=2, RETRY_DELAY=1)
    engine = run_engine(job('Root', [slow, broken, job('Above', [slow])]), clock=fake_clock, fail_fast=True)
    assert fake_clock.sleeps == [1], 'the retry that is due in a minute is not waited for'
    assert (engine.outcomes['Slow'].state, engine.outcomes['Slow'].tries) == (State.FAILED, 1)
    assert str(engine.nodeexceptions['Slow']) == 'Slow is not done'
    assert engine.outcomes['Broken'].tries == 2
    assert engine.outcomes['Above'] == Outcome(State.BLOCKED, blocked_by=('Slow',))
    assert engine.outcomes['Root'] == Outcome(State.BLOCKED, blocked_by=('Slow', 'Broken', 'Above'))


@pytest.mark.parametrize('phase', ['Check', 'Run'])
def test_a_job_that_gives_up_ends_the_run_at_once_although_it_has_attempts_left(phase):
    def give_up(self):
        raise GiveUp('no disk')

    broken = failing('Broken', TRIES=9, **{phase: give_up})
    engine = run_engine(job('Root', [broken, job('Last')]), fail_fast=True)
    assert engine.outcomes['Broken'].tries == 1
    assert engine.outcomes['Last'].state is State.NOT_RUN


def test_a_job_whose_init_fails_for_good_ends_the_run():
    def init(self):
        raise OSError('no disk')

    engine = run_engine(job('Root', [job('Broken', __init__=init, TRIES=1), job('Last')]), fail_fast=True)
    assert engine.outcomes['Last'].state is State.NOT_RUN


def test_infinite_tries_never_end_the_run(fake_clock):
    attempts = []

    def check(self):
        attempts.append(self)
        if len(attempts) < 20:
            raise ValueError('not yet')

    root = job('Root', [job('Late', Check=check, TRIES=float('inf'), RETRY_DELAY=1), job('Last')])
    assert run_engine(root, clock=fake_clock, fail_fast=True).success()


def test_cleanups_run_after_the_first_failure_and_learn_of_it(way):
    log = []

    def clean_up(self):
        log.append((type(self).__name__, self.run_succeeded))

    broken = failing('Broken', [changing('First', Cleanup=clean_up)], TRIES=1, Cleanup=clean_up)
    run_engine(job('Root', [broken]), fail_fast=True, **way)
    assert log == [('Broken', False), ('First', False)]


def test_with_no_act_a_job_that_would_run_does_not_end_the_run(way):
    engine = run_engine(job('Root', [changing('Change'), job('Last')]), no_act=True, fail_fast=True, **way)
    assert states(engine) == {'Change': State.WOULD_RUN, 'Last': State.OK, 'Root': State.BLOCKED}


@pytest.mark.parametrize('error', [ValueError('cannot be made'), GiveUp('no disk')])
def test_with_no_act_a_failed_job_ends_the_run_whatever_its_tries(error):
    engine = run_engine(job('Root', [raising('Broken', error, TRIES=9), job('Last')]), no_act=True, fail_fast=True)
    assert states(engine) == {'Broken': State.FAILED, 'Last': State.NOT_RUN, 'Root': State.BLOCKED}


def test_the_next_run_is_a_fresh_one(way):
    is_broken = [True]

    def check(self):
        if is_broken:
            raise ValueError('broken')

    broken = job('Broken', Check=check, TRIES=1)
    engine = make_engine(job('Root', [broken, changing('Above', [broken])]), fail_fast=True, **way)
    for _ in range(2):
        engine.checknrun()
        assert states(engine) == {'Broken': State.FAILED, 'Above': State.BLOCKED, 'Root': State.BLOCKED}
    is_broken.clear()
    engine.checknrun()
    assert engine.success()


def test_the_next_configure_is_without_it():
    root = job('Root', [failing('Broken', TRIES=1), job('Last')])
    engine = run_engine(root, fail_fast=True)
    assert engine.outcomes['Last'].state is State.NOT_RUN
    engine.configure(root, default_retry_delay=0)
    engine.checknrun()
    assert engine.outcomes['Last'].state is State.OK


def broken_beside_others():
    """Return the engine of a run that left a Job in each of the states failed, blocked and not run."""
    broken = failing('Broken', TRIES=1)
    return run_engine(job('Root', [job('First'), broken, job('Last')]), fail_fast=True)


def test_raise_for_failure_counts_the_jobs_that_were_not_run_and_lists_only_the_failed_one():
    with pytest.raises(JobsFailedError) as caught:
        broken_beside_others().raise_for_failure()
    assert str(caught.value).splitlines() == ['1 failed, 1 blocked, 1 not run, of 4 Jobs', 'Broken: Broken is not done']
    assert caught.value.culprit == ('Broken',)


def test_the_repr_the_graph_and_pictures_show_the_jobs_that_were_not_run():
    engine = broken_beside_others()
    assert repr(engine) == '<DoJobber Root: 4 jobs: 1 ok, 1 failed, 1 blocked, 1 not run>'
    assert engine.graph.node_attributes('Last') == []
    assert ('color', 'red') in engine.graph.node_attributes('Broken')
    stream = io.BytesIO()
    engine.write_graph(stream, 'mermaid')
    lines = [line for line in stream.getvalue().decode().splitlines() if ':::' in line]
    assert [line.rpartition(':::')[2] for line in lines] == [
        'passed_at_the_first_check',
        'failed',
        'not_run',
        'blocked',
    ]


def test_events_and_views_agree_at_the_end_of_the_run():
    events = []
    root = job('Root', [failing('Broken', TRIES=1), job('Last')])
    engine = run_engine(root, fail_fast=True, listeners=[events.append])
    assert events[-1].kind is EventKind.RUN_FINISHED
    assert events[-1].value == engine.outcomes
    assert [event.job for event in events if event.kind is EventKind.ATTEMPT_STARTED] == ['Broken']


def test_a_subgraph_without_the_failing_job_runs_on():
    engine = run_engine(
        job('Root', [failing('Broken', TRIES=1), job('Part', [changing('Fine')])]), node='Part', fail_fast=True
    )
    assert engine.success()


@pytest.fixture(params=['max_workers', 'executor'])
def on_threads(request):
    """Options to run two Jobs at once, on threads of the engine or of an executor."""
    if request.param == 'max_workers':
        yield {'max_workers': 2}
        return
    with ThreadPoolExecutor(2) as pool:
        yield {'executor': pool, 'max_workers': 2}


def test_an_attempt_that_runs_beside_the_first_failure_is_waited_for_and_recorded(on_threads):
    has_failed, is_running, log = threading.Event(), threading.Event(), []
    slow = waiting('Slow', has_failed, is_running, Cleanup=lambda self: log.append('Slow'))
    root = job('Root', [broken_after(is_running), slow, job('Above', [slow]), job('Last')])
    engine = make_engine(root, fail_fast=True, listeners=[setting(has_failed)], **on_threads)
    call_in_time(engine.checknrun)
    assert states(engine) == {
        'Broken': State.FAILED,
        'Slow': State.CHANGED,
        'Above': State.NOT_RUN,
        'Last': State.NOT_RUN,
        'Root': State.BLOCKED,
    }
    assert log == ['Slow']


def test_a_running_attempt_that_fails_after_the_first_failure_is_not_repeated(on_threads):
    has_failed, is_running = threading.Event(), threading.Event()
    slow = waiting('Slow', has_failed, is_running, error=OSError('too late'), TRIES=9)
    engine = make_engine(
        job('Root', [broken_after(is_running), slow]), fail_fast=True, listeners=[setting(has_failed)], **on_threads
    )
    call_in_time(engine.checknrun)
    assert (engine.outcomes['Slow'].state, engine.outcomes['Slow'].tries) == (State.FAILED, 1)
    assert str(engine.outcomes['Slow'].run_exception) == 'too late'
    assert engine.outcomes['Root'].blocked_by == ('Broken', 'Slow')


def test_the_dependents_of_an_attempt_that_passes_after_the_first_failure_do_not_start(on_threads):
    has_failed, is_running = threading.Event(), threading.Event()
    above = job('Above', [waiting('Slow', has_failed, is_running)])
    engine = make_engine(
        job('Root', [broken_after(is_running), above]), fail_fast=True, listeners=[setting(has_failed)], **on_threads
    )
    call_in_time(engine.checknrun)
    assert engine.outcomes['Slow'].state is State.CHANGED
    assert engine.outcomes['Above'].state is State.NOT_RUN


def test_an_interrupt_in_an_attempt_that_is_waited_for_is_raised(on_threads):
    has_failed, is_running, log = threading.Event(), threading.Event(), []
    slow = waiting(
        'Slow', has_failed, is_running, error=KeyboardInterrupt('enough'), Cleanup=lambda self: log.append('Slow')
    )
    engine = make_engine(
        job('Root', [broken_after(is_running), slow]), fail_fast=True, listeners=[setting(has_failed)], **on_threads
    )
    with pytest.raises(KeyboardInterrupt, match='enough'):
        call_in_time(engine.checknrun)
    assert states(engine) == {'Broken': State.FAILED, 'Slow': State.FAILED, 'Root': State.BLOCKED}
    assert log == ['Slow']


class NotingThreads(ThreadPoolExecutor):
    """A pool that sets ``is_full`` once ``count`` calls were submitted."""

    def __init__(self, count, threads=2):
        super().__init__(threads)
        self.is_full = threading.Event()
        self._count = count
        self._numbers = itertools.count(1)  # can be advanced by several threads at once

    def submit(self, *args, **kwargs):
        future = super().submit(*args, **kwargs)
        if next(self._numbers) == self._count:
            self.is_full.set()
        return future


def test_attempts_that_are_queued_in_a_thread_pool_are_withdrawn_and_never_run():
    called, may_end, is_running = [], threading.Event(), threading.Event()
    pool = NotingThreads(count=6)

    def occupy_both_threads(self):
        assert is_running.wait(LIMIT)
        for _ in range(2):
            pool.submit(may_end.wait, LIMIT)

    filler = job('Filler', Check=occupy_both_threads)
    queued = [job(name, [filler], Check=lambda self: called.append(self)) for name in ('One', 'Two')]
    root = job('Root', [broken_after(pool.is_full, is_running), *queued])
    engine = make_engine(root, fail_fast=True, executor=pool)
    with pool:
        call_in_time(engine.checknrun)  # it ends although both threads are still occupied
        assert states(engine) == {
            'Broken': State.FAILED,
            'Filler': State.OK,
            'One': State.NOT_RUN,
            'Two': State.NOT_RUN,
            'Root': State.BLOCKED,
        }
        may_end.set()
    assert called == []


def test_a_retry_that_is_withdrawn_from_a_thread_pool_leaves_its_job_failed():
    started, may_end, is_running = [], threading.Event(), threading.Event()
    pool = NotingThreads(count=5)

    def run(self):
        assert is_running.wait(LIMIT)
        for _ in range(2):
            pool.submit(may_end.wait, LIMIT)  # before the retry, which is submitted next
        raise ValueError('first attempt')

    def listen(event):
        if event.kind is EventKind.ATTEMPT_STARTED:
            started.append(event.job)

    late = job('Late', base=RunonlyJob, Run=run, TRIES=2)
    root = job('Root', [broken_after(pool.is_full, is_running), late])
    engine = make_engine(root, fail_fast=True, executor=pool, listeners=[listen])
    with pool:
        call_in_time(engine.checknrun)
        may_end.set()
    assert started == ['Broken', 'Late', 'Late']
    assert (engine.outcomes['Late'].state, engine.outcomes['Late'].tries) == (State.FAILED, 1)
    assert str(engine.nodeexceptions['Late']) == 'first attempt'


def test_an_interrupt_while_others_are_waited_for_does_not_fail_the_attempts_that_were_withdrawn():
    has_failed, may_end = threading.Event(), threading.Event()
    broken_runs, slow_runs = threading.Event(), threading.Event()
    pool = NotingThreads(count=7, threads=3)

    def occupy_all_threads(self):
        assert broken_runs.wait(LIMIT)
        assert slow_runs.wait(LIMIT)
        for _ in range(3):
            pool.submit(may_end.wait, LIMIT)

    slow = waiting('Slow', has_failed, slow_runs, error=KeyboardInterrupt('enough'))
    queued = job('Queued', [job('Filler', Check=occupy_all_threads)])
    root = job('Root', [broken_after(pool.is_full, broken_runs), slow, queued])
    engine = make_engine(root, fail_fast=True, executor=pool, listeners=[setting(has_failed)])
    with pool:
        with pytest.raises(KeyboardInterrupt, match='enough'):
            call_in_time(engine.checknrun)
        may_end.set()
    assert engine.outcomes['Slow'].state is State.FAILED
    assert engine.outcomes['Queued'] == Outcome(State.NOT_RUN)


def test_a_pool_whose_queue_was_withdrawn_can_run_the_same_graph_again():
    is_broken = [True]

    def check(self):
        if is_broken:
            raise ValueError('broken')

    root = job('Root', [job('Broken', Check=check, TRIES=1), *[changing(f'Job{number}') for number in range(20)]])
    with ThreadPoolExecutor(2) as pool:
        engine = make_engine(root, fail_fast=True, executor=pool)
        call_in_time(engine.checknrun)
        assert not engine.success()
        is_broken.clear()
        call_in_time(engine.checknrun)
    assert engine.success()


class EndingTheFirstCall(Executor):
    """An executor that runs its first call when a second one is submitted, and leaves that to the test."""

    def __init__(self):
        self.calls = []

    def submit(self, function, *args):
        self.calls.append((Future(), function, args))
        if len(self.calls) == 2:
            future, first, first_args = self.calls[0]
            future.set_result(first(*first_args))
        return self.calls[-1][0]


def test_a_broken_executor_is_raised_while_submitted_attempts_are_waited_for():
    executor, log = EndingTheFirstCall(), []

    def listen(event):
        if event.kind is EventKind.ATTEMPT_FINISHED and event.job == 'Broken':
            executor.calls[1][0].set_exception(BrokenExecutor('the pool is gone'))

    broken = failing('Broken', TRIES=1, Cleanup=lambda self: log.append('Broken'))
    root = job('Root', [broken, changing('Slow')])
    engine = make_engine(root, fail_fast=True, executor=executor, listeners=[listen])
    with pytest.raises(BrokenExecutor, match='the pool is gone'):
        call_in_time(engine.checknrun)
    assert states(engine) == {'Broken': State.FAILED, 'Slow': State.FAILED, 'Root': State.BLOCKED}
    assert isinstance(engine.nodeexceptions['Slow'], BrokenExecutor)
    assert log == ['Broken']


def test_in_processes_what_was_submitted_ends_normally_and_nothing_else_starts(processes, tmp_path):
    folder = str(tmp_path)

    def fail(self):
        wait_until_reached(folder, 'running')
        raise ValueError('broken')

    def run_slowly(self):
        mark_reached(folder, 'running')
        wait_until_reached(folder, 'failed')
        self.storage['ran'] = True

    def listen(event):
        if event.kind is EventKind.ATTEMPT_FINISHED and event.job == 'Broken':
            mark_reached(folder, 'failed')

    slow = changing('Slow', Run=run_slowly)
    root = job('Root', [job('Broken', Check=fail, TRIES=1), slow, job('Last'), job('Above', [slow])])
    engine = make_engine(root, fail_fast=True, executor=processes, max_workers=2, listeners=[listen])
    engine.checknrun()
    assert states(engine) == {
        'Broken': State.FAILED,
        'Slow': State.CHANGED,
        'Last': State.NOT_RUN,
        'Above': State.NOT_RUN,
        'Root': State.BLOCKED,
    }


def test_nothing_starts_after_a_failure_on_an_executor_that_runs_each_call_at_once():
    class Immediate(Executor):
        def submit(self, function, /, *args, **kwargs):
            future = Future()
            future.set_result(function(*args, **kwargs))
            return future

    leaves = [failing('Broken', TRIES=1), *[job(f'Leaf{number}') for number in range(5)]]
    engine = run_engine(job('Root', leaves), executor=Immediate(), fail_fast=True)
    assert [engine.outcomes[f'Leaf{number}'].state for number in range(5)] == [State.NOT_RUN] * 5


def test_attempts_are_withdrawn_only_once(monkeypatch):
    calls = []
    withdraw = ExecutorThreads.withdraw

    def counting(self):
        calls.append(self)
        return withdraw(self)

    monkeypatch.setattr(ExecutorThreads, 'withdraw', counting)
    leaves = [failing('Broken', TRIES=1), *[job(f'Leaf{number}') for number in range(200)]]
    with ThreadPoolExecutor(2) as pool:
        run_engine(job('Root', leaves), executor=pool, fail_fast=True)
    assert len(calls) == 1
