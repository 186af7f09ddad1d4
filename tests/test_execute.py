from __future__ import annotations

import pytest
from kit import FakeClock

from dojobber.execute import LONGEST_SLEEP, Inline, execute
from dojobber.schedule import Schedule


def run(schedule, attempt, clock):
    waits = []
    execute(schedule, Inline(attempt), lambda now, due, index: waits.append((now, due, index)), clock, clock.sleep)
    return waits


def test_it_sleeps_only_when_nothing_is_due():
    clock = FakeClock(0.0)
    tried = []

    def attempt(index):
        tried.append((index, clock.now))
        clock.now += 1
        return len(tried) >= 4

    # Job 0 is due every 10 s, Job 1 every 4 s; both fail until the fourth attempt.
    waits = run(Schedule([[], []], [3, 3], [10.0, 4.0]), attempt, clock)
    assert tried == [(0, 0.0), (1, 1.0), (1, 5.0), (1, 9.0), (0, 10.0)]
    assert waits == [(2.0, 5.0, 1), (6.0, 9.0, 1)]
    assert clock.sleeps == [3.0, 3.0]


def test_what_an_attempt_raises_ends_it():
    def attempt(index):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Schedule([[], []], [1, 1], [0, 0]), attempt, FakeClock())


def test_a_long_wait_is_slept_in_pieces_the_platform_can_take():
    clock = FakeClock(0.0)
    seen = []

    def attempt(index):
        seen.append(clock.now)
        return len(seen) == 2

    waits = run(Schedule([[]], [2], [2.5 * LONGEST_SLEEP]), attempt, clock)
    assert clock.sleeps == [LONGEST_SLEEP, LONGEST_SLEEP, 0.5 * LONGEST_SLEEP]
    assert len(waits) == 1


def test_waking_early_is_slept_out():
    clock = FakeClock(0.0)
    clock.sleep = lambda seconds: setattr(
        clock, 'now', clock.now + seconds / 2 if seconds > 0.1 else clock.now + seconds
    )
    seen = []

    def attempt(index):
        seen.append(clock.now)
        return len(seen) == 2

    run(Schedule([[]], [2], [1.0]), attempt, clock)
    assert seen == [0.0, 1.0]
