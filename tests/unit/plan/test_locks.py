"""``LOCKS`` of a Job, and the queue of the Jobs that wait for locks."""

from __future__ import annotations

import itertools
import warnings
from collections import deque
from heapq import heappush

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factories import job, make_engine, make_plan_of

from dojobber import DoJobberWarning, DummyJob, Job, PlanError, RunonlyJob
from dojobber._plan import locks as locks_module
from dojobber._plan.locks import LockQueue
from dojobber._plan.plan import JobSettings, make_plan
from dojobber._plan.schedule import Schedule


def locks_of(job_class):
    return make_plan(job_class, 3, 0).settings[-1].locks


@pytest.mark.parametrize(
    'value',
    [
        ['apt', 'db'],
        ('apt', 'db'),
        {'apt', 'db'},
        frozenset(['apt', 'db']),
        ['db', 'apt', 'db'],
        deque(['apt', 'db']),
        {'apt': 1, 'db': 2}.keys(),
    ],
)
def test_locks_can_be_any_collection_of_names(value):
    assert locks_of(job('Fine', LOCKS=value)) == {'apt', 'db'}


@pytest.mark.parametrize('value', [(), [], set(), frozenset(), {}, None])
def test_a_job_can_have_no_locks(value):
    assert locks_of(job('Fine', LOCKS=value)) == frozenset()
    assert locks_of(job('Other')) == frozenset()


def test_a_lock_can_have_any_name_that_is_not_empty():
    names = [' ', 'a b', 'é', '\n', '\udc80', 'x' * 10_000]
    assert locks_of(job('Fine', LOCKS=names)) == set(names)


BAD_LOCKS = {
    'a bytes object': b'apt',
    'a byte array': bytearray(b'apt'),
    'a number': 5,
    'a truth value': True,
    'an iterator': iter(['apt']),
    'a generator': (name for name in ['apt']),
    'a range': range(2),
    'a class': Job,
    'a function': len,
    'a number in a list': ['apt', 1],
    'a number in a set': {5},
    'None in a list': [None],
    'bytes in a list': [b'apt'],
    'a list in a list': [['apt']],
    'an empty name': ['apt', ''],
}


@pytest.mark.parametrize('kind', BAD_LOCKS)
def test_locks_that_are_not_a_collection_of_names_are_refused(kind):
    culprit = job('Culprit', LOCKS=BAD_LOCKS[kind])
    with pytest.raises(PlanError, match=r"^LOCKS of 'Culprit' must be a list or tuple of names, not ") as caught:
        make_plan(job('Root', [culprit]), 3, 0)
    assert caught.value.culprit is culprit


def test_a_bare_string_is_refused_with_the_remedy():
    with pytest.raises(PlanError, match=r"LOCKS of 'Culprit' must be .*, not 'apt': write LOCKS = \('apt',\)$"):
        make_plan(job('Culprit', LOCKS='apt'), 3, 0)


def test_an_empty_string_is_refused():
    with pytest.raises(PlanError, match="LOCKS of 'Culprit' must be a list or tuple of names"):
        make_plan(job('Culprit', LOCKS=''), 3, 0)


def test_locks_that_are_refused_leave_the_engine_unchanged():
    engine = make_engine(job('Before'))
    with pytest.raises(PlanError):
        engine.configure(job('After', LOCKS='apt'))
    engine.checknrun()
    assert list(engine.outcomes) == ['Before']


class UnreadableSet(set):
    def __iter__(self):
        raise OSError('the list of devices cannot be read')


def test_the_remedy_for_an_empty_string_is_not_another_empty_name():
    with pytest.raises(PlanError, match=r"not ''$"):
        make_plan(job('Culprit', LOCKS=''), 3, 0)


def test_locks_set_on_the_base_class_are_those_of_every_job(monkeypatch):
    monkeypatch.setattr(Job, 'LOCKS', ('everything',))
    assert locks_of(job('Fine')) == {'everything'}


def test_locks_that_cannot_be_listed_are_refused():
    with pytest.raises(PlanError, match="LOCKS of 'Culprit'"):
        make_plan(job('Culprit', LOCKS=UnreadableSet(['apt'])), 3, 0)


def test_a_property_of_a_metaclass_that_raises_is_refused():
    def read(_):
        raise OSError('the list of devices cannot be read')

    culprit = type('Raising', (type,), {'LOCKS': property(read)})('Culprit', (Job,), {'Check': lambda self: None})
    with pytest.raises(PlanError, match="LOCKS of 'Culprit' cannot be read: OSError: the list of devices") as caught:
        make_plan(culprit, 3, 0)
    assert caught.value.culprit is culprit
    assert isinstance(caught.value.__cause__, OSError)


def test_locks_are_inherited_and_can_be_replaced():
    base = job('Base', LOCKS=['apt'])
    assert locks_of(type('Derived', (base,), {})) == {'apt'}
    assert locks_of(type('Free', (base,), {'LOCKS': ()})) == frozenset()
    assert locks_of(type('Other', (base,), {'LOCKS': ['db']})) == {'db'}


def test_locks_whose_comparison_raises_are_read_as_a_list():
    class Odd(list):
        def __eq__(self, other):
            raise ValueError('ambiguous')

    assert locks_of(job('Fine', LOCKS=Odd(['apt']))) == {'apt'}


def test_locks_can_be_given_to_named():
    base = job('Base', LOCKS=['apt'])
    assert locks_of(base.named('Install')) == {'apt'}
    assert locks_of(base.named('Migrate', LOCKS=['db'])) == {'db'}
    with pytest.raises(PlanError, match=r"LOCKS of 'Install' .*: write LOCKS = \('apt',\)$"):
        make_plan(base.named('Install', LOCKS='apt'), 3, 0)


@pytest.mark.parametrize('base', [DummyJob, RunonlyJob])
def test_jobs_of_each_kind_can_have_locks(base):
    assert locks_of(type('Fine', (base,), {'LOCKS': ['apt'], 'Run' if base is RunonlyJob else 'x': print})) == {'apt'}


def test_a_list_of_locks_that_is_changed_after_configure_has_no_effect():
    locks = ['apt']
    plan = make_plan(job('Fine', LOCKS=locks), 3, 0)
    locks.append('db')
    assert plan.settings[0].locks == {'apt'}


@pytest.mark.parametrize('name', ['locks', 'Locks', 'lOCKS'])
@pytest.mark.parametrize('value', [['apt'], ('apt',), {'apt'}, 'apt'])
def test_misspelled_locks_are_warned_of(name, value):
    with pytest.warns(DoJobberWarning, match=f"^{name} of 'Root' has no effect: is it meant to be LOCKS") as caught:
        make_engine(job('Root', **{name: value}))
    assert len(caught) == 1


def test_an_attribute_locks_that_the_job_uses_or_that_stands_beside_locks_is_not_warned_of():
    def check(self):
        assert self.locks

    with warnings.catch_warnings():
        warnings.simplefilter('error')
        make_engine(job('Uses', Check=check, locks=['door']))
        make_engine(job('Both', LOCKS=['apt'], locks=['door']))
        make_engine(job('Other', locks=5))


def queue_of(*jobs):
    """Return a queue of Jobs, each given by its locks, with the priorities 0, 1 and so on."""
    queue = LockQueue()
    for priority, locks in enumerate(jobs):
        queue.push(priority, frozenset(locks))
    return queue


def test_an_empty_queue_has_no_first_job():
    assert LockQueue().first() is None


def test_jobs_with_one_lock_are_taken_one_after_the_other():
    queue = queue_of('a', 'a')
    assert (queue.first(), queue.take_first(), queue.first()) == (0, 0, None)
    queue.release(frozenset('a'))
    assert (queue.first(), queue.take_first(), queue.first()) == (1, 1, None)


def test_a_job_with_other_locks_is_taken_meanwhile():
    queue = queue_of('a', 'a', 'b')
    assert (queue.first(), queue.take_first()) == (0, 0)
    assert (queue.first(), queue.take_first()) == (2, 2)


def test_a_job_with_several_locks_needs_all_of_them():
    queue = queue_of('a', 'ab')
    assert (queue.first(), queue.take_first(), queue.first()) == (0, 0, None)
    queue.release(frozenset('a'))
    assert queue.first() == 1


def test_nothing_is_reserved_for_a_job_that_waits_for_several_locks():
    queue = queue_of('a', 'ab', 'b')
    assert (queue.first(), queue.take_first()) == (0, 0)
    assert (queue.first(), queue.take_first()) == (2, 2)
    queue.release(frozenset('a'))
    assert queue.first() is None, 'the other lock is held meanwhile'
    queue.release(frozenset('b'))
    assert queue.first() == 1


def test_the_first_waiting_job_whose_locks_are_all_free_comes_first_whichever_lock_it_needs():
    queue = queue_of('ab', 'bc', 'a', 'c')
    assert (queue.first(), queue.take_first()) == (0, 0)
    assert (queue.first(), queue.take_first()) == (3, 3)
    queue.release(frozenset('ab'))
    assert (queue.first(), queue.take_first()) == (2, 2), 'c is still held'
    queue.release(frozenset('c'))
    assert (queue.first(), queue.take_first()) == (1, 1)


def test_an_earlier_job_that_comes_late_gets_the_lock_that_has_become_free():
    queue = queue_of('x', 'x', 'x', 'a', 'a', 'ab', 'x', 'ac')  # priorities 3, 5 and 7 need the lock a
    assert [queue.first(), queue.take_first(), queue.first(), queue.take_first(), queue.first()] == [0, 0, 3, 3, None]
    queue.release(frozenset('a'))
    queue.push(2.5, frozenset('ac'))
    assert queue.first() == 2.5


@pytest.mark.parametrize('own', [[], ['own']])
def test_the_work_for_jobs_that_share_a_lock_grows_in_proportion_to_their_number(own, monkeypatch):
    calls = []

    def counting(heap, item):
        calls.append(item)
        heappush(heap, item)

    monkeypatch.setattr(locks_module, 'heappush', counting)
    needed = [frozenset(['apt', *[f'{name} {number}' for name in own]]) for number in range(500)]
    queue = LockQueue()
    for priority, each in enumerate(needed):
        queue.push(priority, each)
    for priority, each in enumerate(needed):
        assert (queue.first(), queue.take_first(), queue.first()) == (priority, priority, None)
        queue.release(each)
    assert len(calls) <= 5 * len(needed)


def test_jobs_that_come_in_reverse_order_are_each_taken_once_in_order():
    queue = LockQueue()
    for priority in (4, 3, 2, 1):
        queue.push(priority, frozenset('a'))
    for priority in (1, 2, 3, 4):
        assert (queue.first(), queue.take_first()) == (priority, priority)
        queue.release(frozenset('a'))
    assert queue.first() is None


def test_a_lock_stays_held_while_other_locks_are_taken_and_released():
    queue = queue_of('a', 'a', 'b', 'b')
    assert (queue.first(), queue.take_first()) == (0, 0)
    assert (queue.first(), queue.take_first(), queue.first()) == (2, 2, None)
    queue.release(frozenset('b'))
    assert (queue.first(), queue.take_first(), queue.first()) == (3, 3, None)


def test_a_job_that_comes_later_with_a_smaller_priority_is_taken_first():
    queue = LockQueue()
    queue.push(5, frozenset('a'))
    queue.push(3, frozenset('a'))
    queue.push(4, frozenset('ab'))
    assert (queue.first(), queue.take_first()) == (3, 3)
    queue.release(frozenset('a'))
    assert (queue.first(), queue.take_first()) == (4, 4)


LOCK_SETS = [frozenset(locks) for size in (1, 2, 3) for locks in itertools.combinations('abc', size)]


@given(st.lists(st.one_of(st.tuples(st.sampled_from(LOCK_SETS), st.integers(0, 99)), st.integers(0, 9)), max_size=40))
def test_the_queue_always_returns_the_smallest_priority_whose_locks_are_all_free(steps):
    """Each step pushes a Job, given by its locks and its priority, or releases the locks of a Job that was taken."""
    queue, waiting, taken = LockQueue(), {}, []
    for step in steps:
        if isinstance(step, tuple):
            locks, priority = step
            if priority in waiting or any(priority == held for held, _ in taken):
                continue
            queue.push(priority, locks)
            waiting[priority] = locks
        elif taken:
            queue.release(taken.pop(step % len(taken))[1])
        held = frozenset().union(*[locks for _, locks in taken])
        free = [priority for priority, locks in waiting.items() if not locks & held]
        assert queue.first() == min(free, default=None)
        if free and len(taken) < 3:
            priority = queue.take_first()
            assert priority == min(free)
            taken.append((priority, waiting.pop(priority)))


def make_locked_schedule(locks, dependencies=None, tries=1.0, delay=0.0, **options):
    """Return a schedule of Jobs, given the locks of each."""
    settings = tuple(JobSettings(tries, (delay,), frozenset(names)) for names in locks)
    return Schedule(make_plan_of(dependencies or [[] for _ in locks], settings), **options)


def test_a_job_whose_lock_is_held_is_passed_over():
    schedule = make_locked_schedule(['a', 'a', '', 'b'])
    assert [schedule.next_ready(0) for _ in range(4)] == [0, 2, 3, None]
    schedule.mark_ended(0, True)
    assert schedule.next_ready(0) == 1


@pytest.mark.parametrize('passed', [True, False])
def test_a_job_releases_its_locks_when_its_attempt_ends(passed):
    schedule = make_locked_schedule(['ab', 'a', 'b'])
    assert [schedule.next_ready(0), schedule.next_ready(0)] == [0, None]
    schedule.mark_ended(0, passed)
    assert [schedule.next_ready(0), schedule.next_ready(0)] == [1, 2]


def test_a_job_waits_for_its_retry_without_its_lock():
    schedule = make_locked_schedule(['a', 'a'], tries=2, delay=5)
    assert schedule.next_ready(0) == 0
    schedule.mark_ended(0, False)
    assert schedule.next_ready(1) == 1
    assert schedule.next_ready(5) is None, 'the retry is due, but the other Job holds the lock'
    schedule.mark_ended(1, True)
    assert schedule.next_ready(5) == 0


def test_a_job_of_an_earlier_round_gets_the_lock_first():
    schedule = make_locked_schedule(['a', '', 'a'], [[], [], [1]], tries=3)
    assert [schedule.next_ready(0), schedule.next_ready(0)] == [0, 1]
    schedule.mark_ended(0, False)  # it is in round 2 now
    schedule.mark_ended(1, True)  # the last one is in round 1
    assert schedule.next_ready(0) == 2
    schedule.mark_ended(2, True)
    assert schedule.next_ready(0) == 0


@pytest.mark.parametrize('has_locks', [True, False])
def test_one_at_a_time_locks_do_not_change_the_order(has_locks):
    def order(locks):
        schedule, log = make_locked_schedule(locks, [[], [0], [], [0, 2], []], tries=2), []
        while (index := schedule.next_ready(0)) is not None:
            log.append(index)
            if index == 2 and log.count(2) < 2:
                schedule.mark_ended(index, False)
            else:
                schedule.mark_ended(index, True)
        return log

    assert order(['a', 'ab', 'b', 'a', 'c'] if has_locks else [''] * 5) == [0, 1, 2, 4, 2, 3]


def test_locks_and_the_critical_path_go_together():
    schedule = make_locked_schedule(['a', 'a', '', ''], [[], [], [1], [2]], critical_path_first=True)
    assert [schedule.next_ready(0), schedule.next_ready(0)] == [1, None]


def test_many_jobs_with_one_lock_cost_no_more_than_with_their_own():
    count = 20_000
    queue = queue_of(*['a'] * count)
    for priority in range(count):
        assert (queue.first(), queue.take_first(), queue.first()) == (priority, priority, None)
        queue.release(frozenset('a'))
