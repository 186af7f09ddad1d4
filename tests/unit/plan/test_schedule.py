from __future__ import annotations

from support.factories import make_plan_of, make_schedule

from dojobber._plan.plan import JobSettings
from dojobber._plan.schedule import Schedule


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


def order_of(dependencies, **options):
    """Return the order in which Jobs start that all pass, one at a time."""
    schedule, order = make_schedule(dependencies, **options), []
    while (index := schedule.next_ready(0)) is not None:
        order.append(index)
        schedule.mark_ended(index, True)
    return order


CHAIN_AFTER_A_LEAF = [[], [], [], [2], [3], [0, 1, 4]]  # 2 is the bottom of a chain of three


def test_the_longest_chain_of_dependents_comes_first_if_that_is_wanted():
    assert order_of(CHAIN_AFTER_A_LEAF, critical_path_first=True) == [2, 3, 0, 1, 4, 5]
    assert order_of(CHAIN_AFTER_A_LEAF) == [0, 1, 2, 3, 4, 5]


def test_the_longest_chain_counts_and_not_the_number_of_dependents():
    dependencies = [[], [0], [0], [0], [], [4], [5], [1, 2, 3, 6]]
    assert order_of(dependencies, critical_path_first=True)[0] == 4


def test_of_several_chains_of_dependents_the_longest_one_counts():
    dependencies = [[], [0], [], [2], [2], [4], [1, 3, 5]]  # above 2 there are two chains, of one Job and of two
    assert order_of(dependencies, critical_path_first=True) == [2, 0, 4, 1, 3, 5, 6]


def test_chains_of_equal_length_come_in_plan_order():
    dependencies = [[], [0], [], [2], [], [4], [1, 3, 5]]
    assert order_of(dependencies, critical_path_first=True) == [0, 2, 4, 1, 3, 5, 6]
    assert order_of([[], [], []], critical_path_first=True) == [0, 1, 2]


def test_the_critical_path_comes_first_within_a_round_only():
    schedule = make_schedule([[], [], [1], [2], [3]], critical_path_first=True)
    schedule.mark_ended(schedule.next_ready(0), False)  # index 1, which is in round 2 now
    assert [schedule.next_ready(0), schedule.next_ready(0)] == [0, 1]
    assert [schedule.round_of(0), schedule.round_of(1)] == [1, 2]


def test_a_retry_keeps_its_place_on_the_critical_path_in_the_next_round():
    schedule = make_schedule([[], [], [1], [0, 2]], critical_path_first=True)
    assert [schedule.next_ready(0), schedule.next_ready(0)] == [1, 0]
    schedule.mark_ended(0, False)
    schedule.mark_ended(1, False)
    assert [schedule.next_ready(0), schedule.next_ready(0)] == [1, 0]


def test_the_job_that_is_due_next_is_told_by_its_index_with_the_critical_path_first():
    schedule = make_schedule([[], [], [1], [0, 2]], delays=[9.0, 5.0, 0.0, 0.0], critical_path_first=True)
    assert [schedule.next_ready(100), schedule.next_ready(100)] == [1, 0]
    schedule.mark_ended(1, False)
    schedule.mark_ended(0, False)
    assert schedule.next_due() == (105.0, 1)


def test_after_a_failed_last_attempt_nothing_is_ready_or_due_if_that_ends_the_run():
    schedule = make_schedule([[], [], []], tries=[1, 2, 1], delays=1.0, fail_fast=True)
    schedule.next_ready(0)
    schedule.mark_ended(schedule.next_ready(0), False)
    assert schedule.next_due() == (1.0, 1)
    schedule.last_attempt_failed()
    assert schedule.is_stopped
    assert schedule.next_ready(9.0) is None
    assert schedule.next_due() is None
    lenient = make_schedule([[], []])
    lenient.last_attempt_failed()
    assert lenient.next_ready(0) == 0


def test_the_last_delay_of_a_sequence_is_repeated():
    plan = make_plan_of([[]], (JobSettings(9, (1.0, 5.0)),))
    schedule, due = Schedule(plan), []
    for now in (0.0, 10.0, 20.0, 30.0):
        assert schedule.next_ready(now) == 0
        schedule.mark_ended(0, False)
        due.append(schedule.next_due()[0] - now)
    assert due == [1.0, 5.0, 5.0, 5.0]


def test_a_skipped_job_is_never_ready_and_unblocks_its_dependents():
    plan = make_plan_of([[], [0], [1], [2]], (JobSettings(3, (0.0,)),) * 4)
    schedule = Schedule(plan._replace(skipped=frozenset([1, 2])))
    assert [schedule.next_ready(0), schedule.next_ready(0), schedule.next_ready(0)] == [0, 3, None]
    schedule.mark_ended(0, True)
    schedule.mark_ended(3, True)
    assert schedule.next_ready(0) is None
