"""Drives a schedule until nothing is left to try."""

from __future__ import annotations

from typing import Callable

from .schedule import Schedule

LONGEST_SLEEP = 86_400.0  # seconds; time.sleep() refuses what does not fit the platform's clock


def execute(
    schedule: Schedule,
    attempt: Callable[[int], bool],
    waiting: Callable[[float, float, int], object],
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> None:
    """Try Jobs one at a time, in the caller's thread, in the order of the schedule.

    Args:
        attempt: Tries the Job of that index and returns whether it passed. What it raises ends the loop.
        waiting: Called with now, when the next Job is due, and its index, before each wait.
        clock: The monotonic clock, in seconds.
        sleep: Waits that many seconds, or less.
    """
    while True:
        now = clock()
        index = schedule.take(now)
        if index is not None:
            if attempt(index):
                schedule.passed(index)
            else:
                schedule.failed(index)
            continue
        upcoming = schedule.next_due()
        if upcoming is None:
            return
        due, index = upcoming
        waiting(now, due, index)
        while (left := due - clock()) > 0:
            sleep(min(left, LONGEST_SLEEP))
