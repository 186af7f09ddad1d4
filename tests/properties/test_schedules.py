"""Random plans, with attempts that end in random order: the schedule equals a naive one, which looks at all Jobs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.factories import make_schedule
from support.naive_schedule import NaiveSchedule, PlannedJob
from support.strategies import LOCKS

SECONDS = st.sampled_from([0.0, 0.0, 1.0, 3.0])
DELAYS = st.lists(SECONDS, min_size=1, max_size=3).map(tuple)
NO_LOCKS = st.just(())


@st.composite
def plans(draw, locks=NO_LOCKS, most=10):
    """Draw a list of PlannedJobs, each of which depends only on earlier ones."""
    count = draw(st.integers(1, most))
    return [
        PlannedJob(
            tuple(draw(st.lists(st.integers(0, index - 1), unique=True, max_size=3))) if index else (),
            draw(st.integers(1, 3)),
            draw(DELAYS),
            draw(locks),
        )
        for index in range(count)
    ]


def drive(jobs, random, skipped=(), **options):
    """Run a plan to its end on the schedule and on the naive one, and compare them at each step.

    Args:
        random: Decides which of the running attempts ends next, when, and how.
    """
    columns = [list(column) for column in zip(*jobs)]
    schedule = make_schedule(*columns, skipped=skipped, **options)
    naive = NaiveSchedule(jobs, skipped, **options)
    now = 0.0
    while True:
        may_start = not naive.running or random.random() < 0.7
        index = schedule.next_ready(now) if may_start else None
        if may_start:
            assert index == naive.next_ready(now)
        if index is not None:
            naive.start(index, now)
            assert schedule.round_of(index) == naive.round_of(index)
        elif naive.running:
            if may_start:
                assert not any(map(naive.is_free, naive.ready(now))), 'each ready Job waits for a lock that is held'
            now += random.choice([0.0, 0.0, 1.0])
            end_an_attempt(schedule, naive, random)
        else:
            assert naive.ready(now) == [], 'no Job waits for a lock that nobody holds'
            due = schedule.next_due()
            assert (due and due[0]) == naive.next_due(now)
            if due is None:
                return naive
            now = due[0]


def end_an_attempt(schedule, naive, random):
    index = random.choice(naive.running)
    passed, gives_up = random.random() < 0.7, random.random() < 0.1
    if passed:
        schedule.mark_ended(index, True)
    else:
        if gives_up:
            schedule.make_last(index)
        schedule.mark_ended(index, False)
    naive.end(index, passed, gives_up)


def assert_each_job_had_its_attempts(naive):
    for index, job in enumerate(naive.jobs):
        is_blocked = any(dep not in naive.passed_in for dep in job.deps)
        assert (index in naive.finished) != is_blocked
        assert bool(naive.tries[index]) != is_blocked


RANDOM = st.randoms()


@given(plans(LOCKS), RANDOM)
def test_the_first_ready_job_whose_locks_are_all_free_comes_next(jobs, random):
    drive(jobs, random)


@given(plans(LOCKS), RANDOM)
def test_locks_never_keep_a_job_from_its_attempts(jobs, random):
    assert_each_job_had_its_attempts(drive(jobs, random))


@given(plans(), RANDOM)
def test_of_the_ready_jobs_of_a_round_the_one_with_the_longest_chain_of_dependents_comes_first(jobs, random):
    drive(jobs, random, critical_path_first=True)


@given(plans(LOCKS), RANDOM)
def test_of_the_jobs_whose_locks_are_free_the_one_with_the_longest_chain_of_dependents_comes_first(jobs, random):
    drive(jobs, random, critical_path_first=True)


@given(plans(LOCKS), RANDOM, st.booleans(), st.data())
def test_skipped_jobs_count_as_passed_in_round_1_and_are_never_returned(jobs, random, critical_path_first, data):
    skipped = data.draw(st.frozensets(st.integers(0, len(jobs) - 1)))
    naive = drive(jobs, random, skipped, critical_path_first=critical_path_first)
    assert all(naive.tries[index] == 0 for index in skipped)
