from __future__ import annotations

import math

from dojobber._plan.schedule import Schedule


def schedule(needs, tries=math.inf, delays=0.0):
    return Schedule(needs, [tries] * len(needs), [delays] * len(needs))


def test_jobs_without_needs_come_in_plan_order():
    plan = schedule([[], [], []])
    assert [plan.next_ready(0) for _ in range(4)] == [0, 1, 2, None]


def test_a_job_is_ready_when_all_its_needs_have_passed():
    plan = schedule([[], [], [0, 1]])
    assert [plan.next_ready(0), plan.next_ready(0), plan.next_ready(0)] == [0, 1, None]
    plan.mark_passed(0)
    assert plan.next_ready(0) is None
    plan.mark_passed(1)
    assert plan.next_ready(0) == 2


def test_an_unblocked_job_comes_before_later_ones_of_the_same_round():
    plan = schedule([[], [0], []])
    plan.mark_passed(plan.next_ready(0))
    assert [plan.next_ready(0), plan.next_ready(0)] == [1, 2]


def test_a_failed_job_comes_again_after_all_others_of_its_round():
    plan = schedule([[], [], []])
    plan.mark_failed(plan.next_ready(0))
    assert [plan.next_ready(0), plan.next_ready(0), plan.next_ready(0)] == [1, 2, 0]


def test_an_unblocked_job_belongs_to_the_highest_round_in_which_a_need_passed():
    plan = schedule([[], [], [0, 1], []])
    plan.mark_failed(plan.next_ready(0))
    plan.mark_passed(plan.next_ready(0))
    plan.mark_failed(plan.next_ready(0))  # index 3
    plan.mark_passed(plan.next_ready(0))  # index 0, in round 2
    assert plan.round_of(2) == 2
    assert [plan.next_ready(0), plan.next_ready(0)] == [2, 3]


def test_it_does_so_also_when_that_need_was_the_first_to_pass():
    plan = Schedule([[], [], [0, 1]], [9, 9, 9], [5.0, 0.0, 0.0])
    plan.mark_failed(plan.next_ready(0.0))  # index 0, due at 5.0
    plan.mark_failed(plan.next_ready(0.0))
    plan.mark_failed(plan.next_ready(0.0))
    plan.mark_passed(plan.next_ready(0.0))  # index 1, in round 3
    plan.mark_passed(plan.next_ready(5.0))  # index 0, in round 2
    assert plan.round_of(2) == 3


def test_a_blocked_job_is_never_handed_out():
    plan = schedule([[], [0], [1]], tries=2)
    plan.mark_failed(plan.next_ready(0))
    plan.mark_failed(plan.next_ready(0))
    assert plan.next_ready(0) is None
    assert plan.next_due() is None


def test_tries_are_counted_down_to_zero():
    for tries, expected in (1, 1), (2, 2), (2.5, 3), (1.0001, 2):
        plan = schedule([[]], tries=tries)
        count = 0
        while plan.next_ready(0) is not None:
            count += 1
            plan.mark_failed(0)
        assert count == expected


def test_infinite_tries_never_end():
    plan = schedule([[]])
    for _ in range(1000):
        plan.mark_failed(plan.next_ready(0))
    assert plan.next_ready(0) == 0


def test_a_retry_waits_for_its_delay_from_start_to_start():
    plan = schedule([[]], delays=5.0)
    assert plan.next_ready(100.0) == 0
    plan.mark_failed(0)
    assert plan.next_due() == (105.0, 0)
    assert plan.next_ready(104.9) is None
    assert plan.next_ready(105.0) == 0


def test_a_waiting_job_is_passed_over_and_taken_up_in_its_own_round():
    plan = Schedule([[], []], [3, 3], [5.0, 0.0])
    assert plan.next_ready(0.0) == 0
    plan.mark_failed(0)
    assert plan.next_ready(1.0) == 1
    plan.mark_failed(1)
    assert plan.next_ready(2.0) == 1, 'the other is not due'
    plan.mark_failed(1)
    assert plan.next_ready(5.0) == 0, 'round 2 comes before round 3'
    assert plan.round_of(0) == 2
