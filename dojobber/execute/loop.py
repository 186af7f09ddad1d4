"""The one loop, whoever makes the attempts."""

from __future__ import annotations

from typing import Callable

from ..schedule import Schedule
from .futures import Futures
from .inline import Inline
from .recorded import LONGEST_WAIT
from .threads import Threads

LONGEST_SLEEP = 86_400.0  # seconds; time.sleep() refuses what does not fit the platform's clock


def execute(
    schedule: Schedule,
    workers: Inline | Futures | Threads,
    waiting: Callable[[float, float, int], object],
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> None:
    """Have Jobs tried in the order of the schedule. Only the caller's thread touches it.

    Args:
        waiting: Called with now, when the next Job is due, and its index, before each wait in which nothing runs.
        clock: The monotonic clock, in seconds.
        sleep: Waits that many seconds, or less.
    """
    try:
        _drive(schedule, workers, waiting, clock, sleep)
    except BaseException:
        workers.stop()
        raise


def _drive(
    schedule: Schedule,
    workers: Inline | Futures | Threads,
    waiting: Callable[[float, float, int], object],
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> None:
    # A function of its own: a signal that strikes where a loop jumps back can miss the except around the loop.
    most, running = workers.most, 0
    while True:
        index = schedule.take(clock()) if running < most else None
        upcoming = schedule.next_due() if index is None and running < most else None
        if index is not None:
            has_passed = workers.start(index)
            running += has_passed is None
        elif running:
            ended = workers.ended(min(max(upcoming[0] - clock(), 0), LONGEST_WAIT) if upcoming else LONGEST_WAIT)
            if ended is None:
                continue
            running -= 1
            index, has_passed = ended
        elif upcoming:
            due, index = upcoming
            waiting(clock(), due, index)
            while (left := due - clock()) > 0:
                sleep(min(left, LONGEST_SLEEP))
            continue
        else:
            return
        if has_passed:
            schedule.passed(index)
        elif has_passed is not None:
            schedule.failed(index)
