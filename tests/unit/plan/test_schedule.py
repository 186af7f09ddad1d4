from __future__ import annotations

from support.factories import make_schedule


def test_jobs_without_dependencies_come_in_plan_order():
    schedule = make_schedule([[], [], []])
    assert [schedule.next_ready(0) for _ in range(4)] == [0, 1, 2, None]


def test_a_job_is_ready_when_all_its_dependencies_have_passed():
    schedule = make_schedule([[], [], [0, 1]])
    assert [schedule.next_ready(0), schedule.next_ready(0), schedule.next_ready(0)] == [0, 1, None]
    schedule.mark_ended(0, True)
    assert schedule.next_ready(0) is None
    schedule.mark_ended(1, True)
    assert schedule.next_ready(0) == 2


def test_a_job_that_becomes_ready_comes_before_later_jobs_of_its_round():
    schedule = make_schedule([[], [0], []])
    schedule.mark_ended(schedule.next_ready(0), True)
    assert [schedule.next_ready(0), schedule.next_ready(0)] == [1, 2]


def test_a_failed_job_comes_again_after_all_others_of_its_round():
    schedule = make_schedule([[], [], []])
    schedule.mark_ended(schedule.next_ready(0), False)
    assert [schedule.next_ready(0), schedule.next_ready(0), schedule.next_ready(0)] == [1, 2, 0]


def test_a_job_joins_the_latest_round_in_which_a_dependency_passed():
    schedule = make_schedule([[], [], [0, 1], []])
    schedule.mark_ended(schedule.next_ready(0), False)
    schedule.mark_ended(schedule.next_ready(0), True)
    schedule.mark_ended(schedule.next_ready(0), False)  # index 3
    schedule.mark_ended(schedule.next_ready(0), True)  # index 0, in round 2
    assert schedule.round_of(2) == 2
    assert [schedule.next_ready(0), schedule.next_ready(0)] == [2, 3]


def test_a_job_joins_the_latest_round_even_if_that_dependency_passed_first():
    schedule = make_schedule([[], [], [0, 1]], [9, 9, 9], [5.0, 0.0, 0.0])
    schedule.mark_ended(schedule.next_ready(0.0), False)  # index 0, due at 5.0
    schedule.mark_ended(schedule.next_ready(0.0), False)
    schedule.mark_ended(schedule.next_ready(0.0), False)
    schedule.mark_ended(schedule.next_ready(0.0), True)  # index 1, in round 3
    schedule.mark_ended(schedule.next_ready(5.0), True)  # index 0, in round 2
    assert schedule.round_of(2) == 3


def test_a_blocked_job_is_never_returned():
    schedule = make_schedule([[], [0], [1]], tries=2)
    schedule.mark_ended(schedule.next_ready(0), False)
    schedule.mark_ended(schedule.next_ready(0), False)
    assert schedule.next_ready(0) is None
    assert schedule.next_due() is None


def test_a_job_has_as_many_attempts_as_tries_allows():
    for tries, expected in (1, 1), (2, 2), (2.5, 3), (1.0001, 2):
        schedule = make_schedule([[]], tries=tries)
        count = 0
        while schedule.next_ready(0) is not None:
            count += 1
            schedule.mark_ended(0, False)
        assert count == expected


def test_infinite_tries_are_never_used_up():
    schedule = make_schedule([[]])
    for _ in range(1000):
        schedule.mark_ended(schedule.next_ready(0), False)
    assert schedule.next_ready(0) == 0


def test_a_retry_waits_for_its_delay_from_start_to_start():
    schedule = make_schedule([[]], delays=5.0)
    assert schedule.next_ready(100.0) == 0
    schedule.mark_ended(0, False)
    assert schedule.next_due() == (105.0, 0)
    assert schedule.next_ready(104.9) is None
    assert schedule.next_ready(105.0) == 0


def test_a_waiting_job_keeps_its_round():
    schedule = make_schedule([[], []], [3, 3], [5.0, 0.0])
    assert schedule.next_ready(0.0) == 0
    schedule.mark_ended(0, False)
    assert schedule.next_ready(1.0) == 1
    schedule.mark_ended(1, False)
    assert schedule.next_ready(2.0) == 1, 'the other is not due'
    schedule.mark_ended(1, False)
    assert schedule.next_ready(5.0) == 0, 'round 2 comes before round 3'
    assert schedule.round_of(0) == 2
