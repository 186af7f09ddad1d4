"""The one loop that drives a schedule with any workers."""

from __future__ import annotations

from typing import Callable, Protocol

from .._plan.schedule import Schedule
from .base import LONGEST_WAIT, Workers

LONGEST_SLEEP = 86_400.0
"""Seconds to sleep at most; time.sleep() refuses more than the platform's clock can hold."""


class Clock(Protocol):
    """Tells the time and sleeps, as the module ``time`` does."""

    @property
    def monotonic(self) -> Callable[[], float]:
        """Returns seconds since some moment."""

    @property
    def sleep(self) -> Callable[[float], object]:
        """Waits that many seconds, or less."""


def execute(schedule: Schedule, workers: Workers, clock: Clock, on_wait: Callable[[float, float, int], object]) -> None:
    """Attempt the Jobs in the order of the schedule, which only the caller's thread touches.

    Args:
        on_wait: Called with the time, when the next Job is due, and its index, before each wait in which nothing runs.
    """
    try:
        _drive(schedule, workers, clock, on_wait)
    except BaseException:
        workers.drain()
        raise


def _drive(schedule: Schedule, workers: Workers, clock: Clock, on_wait: Callable[[float, float, int], object]) -> None:
    # A function of its own: interrupt rule 5.
    now = clock.monotonic
    running = 0
    while True:
        has_room = running < workers.max_running
        index = schedule.next_ready(now()) if has_room else None
        upcoming = schedule.next_due() if index is None and has_room else None
        if index is not None:
            has_passed = workers.start(index)
            running += has_passed is None
        elif running:
            timeout = min(max(upcoming[0] - now(), 0), LONGEST_WAIT) if upcoming else LONGEST_WAIT
            ended = workers.wait_for_one(timeout)
            if ended is None:
                continue
            running -= 1
            index, has_passed = ended
        elif upcoming:
            due, index = upcoming
            on_wait(now(), due, index)
            while (left := due - now()) > 0:
                clock.sleep(min(left, LONGEST_SLEEP))
            continue
        else:
            return
        if has_passed:
            schedule.mark_passed(index)
        elif has_passed is not None:
            schedule.mark_failed(index)
