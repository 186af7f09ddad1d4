"""Of the Jobs that share a name in ``LOCKS``, at most one runs at a time; those that wait hold up nobody else."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.factories import changing, failing, job, make_engine, mark_reached, run_engine, wait_until_reached
from support.workers import LIMIT, call_in_time

from dojobber import DummyJob, EventKind, GiveUp, RunonlyJob, Skip, State


class Holders:
    """Notes which Jobs hold each lock, and which locks were ever held by two."""

    def __init__(self):
        self.shared = set()
        self.order = []
        self._mutex = threading.Lock()
        self._holders = {}

    def job(self, name, locks, deps=(), base=job, hook='Check', action=None, **members):
        """Return a Job whose ``hook`` enters and leaves the locks, and calls ``action`` in between."""

        def watched(job_instance):
            with self._mutex:
                self.order.append(name)
                for lock in locks:
                    holders = self._holders.setdefault(lock, set())
                    holders.add(name)
                    if len(holders) > 1:
                        self.shared.add(lock)
            try:
                if action is not None:
                    action()
            finally:
                with self._mutex:
                    for lock in locks:
                        self._holders[lock].discard(name)

        return base(name, deps, LOCKS=locks, **{hook: watched, **members})


@pytest.fixture(params=['max_workers', 'executor'])
def on_threads(request):
    """Return options to run ``count`` Jobs at once, on threads of the engine or of an executor."""
    pools = []

    def options(count):
        if request.param == 'max_workers':
            return {'max_workers': count}
        pools.append(ThreadPoolExecutor(count))
        return {'executor': pools[-1], 'max_workers': count}

    yield options
    for pool in pools:
        pool.shutdown()


def run_in_time(root, **options):
    engine = make_engine(root, **options)
    call_in_time(engine.checknrun)
    return engine


def meeting(count):
    """Return a function that waits until it runs in ``count`` Jobs at once."""
    barrier = threading.Barrier(count)
    return lambda *_: barrier.wait(LIMIT)


def test_two_jobs_with_one_lock_never_run_at_once(on_threads):
    holders = Holders()
    jobs = [holders.job(f'Job{number}', ['apt']) for number in range(40)]
    assert run_in_time(job('Root', jobs), **on_threads(8)).success()
    assert holders.shared == set()
    assert holders.order == [f'Job{number}' for number in range(40)]


def test_the_lock_is_held_during_check_run_and_recheck(on_threads):
    held, shared = [], []
    mutex = threading.Lock()

    def check(self):
        with mutex:
            shared.extend(name for name in held if name != type(self).__name__)
            if 'ran' in self.storage:
                held.remove(type(self).__name__)
                return
            held.append(type(self).__name__)
        raise ValueError('not done')

    def run(self):
        self.storage['ran'] = True

    jobs = [job(f'Job{number}', Check=check, Run=run, LOCKS=['apt']) for number in range(20)]
    assert run_in_time(job('Root', jobs), **on_threads(4)).success()
    assert shared == []


def test_a_job_that_waits_for_a_lock_occupies_no_worker(on_threads):
    meet, holders = meeting(2), Holders()
    first = holders.job('First', ['apt'], action=meet)
    second = holders.job('Second', ['apt'])
    free = job('Free', Check=meet)  # passes only beside First
    assert run_in_time(job('Root', [first, second, free]), **on_threads(2)).success()
    assert holders.order == ['First', 'Second']


def test_many_jobs_that_wait_for_a_lock_hold_up_nobody_else():
    meet = meeting(2)
    waiting = [job(f'Waiting{number}', LOCKS=['apt']) for number in range(50)]
    root = job('Root', [job('First', LOCKS=['apt'], Check=meet), *waiting, job('Free', Check=meet)])
    assert run_in_time(root, max_workers=2).success()


def test_jobs_with_different_locks_run_at_once(on_threads):
    meet = meeting(3)
    root = job('Root', [job(name, LOCKS=[name], Check=meet) for name in ('apt', 'db', 'disk')])
    assert run_in_time(root, **on_threads(3)).success()


def test_jobs_that_take_several_locks_in_different_orders_do_not_deadlock(on_threads):
    holders = Holders()
    orders = [('a', 'b'), ('b', 'a'), ('b', 'c'), ('c', 'a'), ('c', 'b', 'a'), ('a',), ('b',)]
    jobs = [holders.job(f'Job{number}', orders[number % len(orders)]) for number in range(105)]
    assert run_in_time(job('Root', jobs), **on_threads(4)).success()
    assert holders.shared == set()


def test_locks_are_taken_all_at_once_so_a_free_one_goes_to_others_meanwhile(on_threads):
    meet, holders = meeting(2), Holders()
    first = holders.job('First', ['a'], action=meet)
    both = holders.job('Both', ['a', 'b'])
    second = holders.job('Second', ['b'], action=meet)  # passes only beside First, so Both does not keep its lock
    assert run_in_time(job('Root', [first, both, second]), **on_threads(3)).success()
    assert sorted(holders.order[:2]) == ['First', 'Second']
    assert holders.shared == set()


def test_a_released_lock_goes_to_the_first_waiting_job_in_the_order_of_the_schedule(on_threads):
    holders = Holders()
    jobs = [holders.job(name, ['apt']) for name in ('A', 'B', 'C')]
    deep = holders.job('Deep', ['apt'])
    root = job('Root', [*jobs, job('Above', [deep])])
    assert run_in_time(root, **on_threads(3)).success()
    assert holders.order == ['Deep', 'A', 'B', 'C'], 'the critical path first, then in the order of the plan'


def test_a_failed_job_waits_for_its_retry_without_its_lock(fake_clock, on_threads):
    order = []

    def run(self):
        order.append('First')
        if order.count('First') < 2:
            raise ValueError('not yet')

    first = job('First', base=RunonlyJob, Run=run, LOCKS=['apt'], RETRY_DELAY=60)
    second = job('Second', Check=lambda self: order.append('Second'), LOCKS=['apt'])
    engine = make_engine(job('Root', [first, second]), fake_clock, **on_threads(2))
    call_in_time(engine.checknrun)
    assert order == ['First', 'Second', 'First']
    assert fake_clock.sleeps == [60]
    assert engine.success()


@pytest.mark.parametrize('error', [ValueError('broken'), GiveUp('no disk'), Skip('not here'), SystemExit(1)])
def test_a_lock_is_released_however_the_attempt_ends(error, way):
    def check(self):
        raise error

    broken = job('Broken', Check=check, LOCKS=['apt'], TRIES=2)
    engine = run_engine(job('Root', [broken, job('Last', LOCKS=['apt'])]), **way)
    assert engine.outcomes['Last'].state is State.OK


def test_a_job_and_its_dependency_can_share_a_lock(way):
    root = changing('Root', [changing('Below', LOCKS=['apt'])], LOCKS=('apt', 'db'))
    assert run_engine(root, **way).success()


def test_jobs_of_each_kind_can_hold_locks(way):
    once = type('Once', (RunonlyJob,), {'LOCKS': ['apt'], 'Run': lambda self: 5})
    root = type('Root', (DummyJob,), {'LOCKS': ['apt'], 'DEPS': [once, changing('Change', LOCKS=['apt'])]})
    engine = run_engine(root, **way)
    assert engine.success()
    assert engine.noderesults['Once'] == 5


def test_one_at_a_time_locks_change_nothing():
    def started(locks):
        names = []

        def listen(event):
            if event.kind is EventKind.ATTEMPT_STARTED:
                names.append((event.job, event.round))

        shared = failing('Shared', LOCKS=locks, TRIES=2)
        root = job('Root', [changing('A', LOCKS=locks), shared, changing('B', [changing('C')], LOCKS=locks)])
        run_engine(root, listeners=[listen])
        return names

    assert started(['apt', 'db']) == started([])


def test_with_no_act_locks_are_held_too(on_threads):
    meet, holders = meeting(2), Holders()
    first = holders.job('First', ['apt'], action=meet)
    waiting = [holders.job(f'Job{number}', ['apt']) for number in range(10)]
    root = job('Root', [first, *waiting, job('Free', Check=meet)])
    assert run_in_time(root, no_act=True, **on_threads(2)).success()
    assert holders.shared == set()
    assert holders.order[0] == 'First'


def exclusive(folder, name, locks, **members):
    """Return a Job that fails if another one of these is running at the same time, in whatever process."""

    def run(self):
        path = os.path.join(folder, 'held')
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        os.remove(path)
        self.storage['ran'] = True

    return changing(name, LOCKS=locks, Run=run, TRIES=1, **members)


def test_in_processes_two_jobs_with_one_lock_never_run_at_once(processes, tmp_path):
    jobs = [exclusive(str(tmp_path), f'Job{number}', ['apt']) for number in range(12)]
    engine = run_engine(job('Root', jobs), executor=processes)
    assert engine.nodeexceptions == {}
    assert engine.success()


def test_in_processes_a_job_that_waits_for_a_lock_occupies_no_worker(processes, tmp_path):
    folder = str(tmp_path)

    def check_first(self):
        wait_until_reached(folder, 'free')

    first = job('First', Check=check_first, LOCKS=['apt'], TRIES=1)
    second = job('Second', LOCKS=['apt'])
    free = job('Free', Check=lambda self: mark_reached(folder, 'free'))
    engine = run_engine(job('Root', [first, second, free]), executor=processes, max_workers=2)
    assert engine.success()


def test_an_interrupt_leaves_jobs_that_wait_for_a_lock_not_run_and_the_next_run_is_a_fresh_one(on_threads):
    is_interrupted = [True]

    def check(self):
        if is_interrupted:
            raise KeyboardInterrupt('enough')

    root = job('Root', [job('First', Check=check, LOCKS=['apt']), job('Second', LOCKS=['apt'])])
    engine = make_engine(root, **on_threads(2))
    with pytest.raises(KeyboardInterrupt, match='enough'):
        call_in_time(engine.checknrun)
    assert engine.outcomes['Second'].state is State.NOT_RUN
    is_interrupted.clear()
    call_in_time(engine.checknrun)
    assert engine.success()


def test_with_fail_fast_a_job_that_waits_for_the_lock_of_the_failed_one_is_not_run(on_threads):
    root = job('Root', [failing('Broken', TRIES=1, LOCKS=['apt']), job('Last', LOCKS=['apt'])])
    engine = run_in_time(root, fail_fast=True, **on_threads(2))
    assert engine.outcomes['Last'].state is State.NOT_RUN


def test_two_engines_do_not_share_locks():
    meet = meeting(2)
    roots = [job(name, LOCKS=['apt'], Check=meet) for name in ('One', 'Two')]
    engines = [make_engine(root) for root in roots]
    threads = [threading.Thread(target=engine.checknrun) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert [engine.success() for engine in engines] == [True, True]
