"""The one loop, whoever makes the attempts."""

from __future__ import annotations

from typing import Callable

from .._plan.schedule import Schedule
from .base import LONGEST_WAIT
from .futures import Futures
from .inline import Inline
from .threads import OwnThreads, PoolThreads

LONGEST_SLEEP = 86_400.0  # seconds; time.sleep() refuses what does not fit the platform's clock


def execute(
    schedule: Schedule,
    workers: Inline | Futures | OwnThreads | PoolThreads,
    on_wait: Callable[[float, float, int], object],
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> None:
    """Have Jobs attempted in the order of the schedule. Only the caller's thread touches it.

    Args:
        on_wait: Called with now, when the next Job is due, and its index, before each wait in which nothing runs.
        clock: The monotonic clock, in seconds.
        sleep: Waits that many seconds, or less.
    """
    try:
        _drive(schedule, workers, on_wait, clock, sleep)
    except BaseException:
        workers.drain()
        raise


def _drive(
    schedule: Schedule,
    workers: Inline | Futures | OwnThreads | PoolThreads,
    on_wait: Callable[[float, float, int], object],
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> None:
    # In its own function: CPython may run a signal handler on the loop's jump back, where an except around the loop
    # does not catch it.
    running = 0
    while True:
        has_room = running < workers.max_running  # which may shrink
        index = schedule.take(clock()) if has_room else None
        upcoming = schedule.next_due() if index is None and has_room else None
        if index is not None:
            has_passed = workers.start(index)
            running += has_passed is None
        elif running:
            timeout = min(max(upcoming[0] - clock(), 0), LONGEST_WAIT) if upcoming else LONGEST_WAIT
            ended = workers.wait_for_one(timeout)
            if ended is None:
                continue
            running -= 1
            index, has_passed = ended
        elif upcoming:
            due, index = upcoming
            on_wait(clock(), due, index)
            while (left := due - clock()) > 0:
                sleep(min(left, LONGEST_SLEEP))
            continue
        else:
            return
        if has_passed:
            schedule.passed(index)
        elif has_passed is not None:
            schedule.failed(index)
