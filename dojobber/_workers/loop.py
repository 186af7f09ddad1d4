"""The one loop that drives a schedule with any workers."""

from __future__ import annotations

from typing import Callable, Protocol

from .._plan.schedule import Schedule
from .base import LONGEST_WAIT, Workers

LONGEST_SLEEP = 86_400.0
"""Maximum seconds of one sleep. ``time.sleep()`` refuses more than the platform's clock can represent."""


class Clock(Protocol):
    """The part of the module ``time`` that the loop needs."""

    def monotonic(self) -> float:
        """Return the seconds since an unspecified moment."""

    def sleep(self, seconds: float, /) -> object:
        """Wait for ``seconds``, or less."""


def execute(schedule: Schedule, workers: Workers, clock: Clock, on_wait: Callable[[float, float, int], object]) -> None:
    """Attempt the Jobs in the order of the schedule. Only the caller's thread uses the schedule.

    Args:
        on_wait: Called before each wait during which no attempt runs, with the current time, the time at which the next
            Job is due, and the index of that Job.

    Raises:
        BaseException: An interrupt, or an error of the workers, after the running attempts have ended.
    """
    try:
        _drive(schedule, workers, clock, on_wait)
    except BaseException:
        workers.drain()
        raise


def _drive(schedule: Schedule, workers: Workers, clock: Clock, on_wait: Callable[[float, float, int], object]) -> None:
    # In its own function: interrupt rule 5.
    now = clock.monotonic
    running, has_withdrawn = 0, False
    while True:
        can_start = running < workers.max_running
        if schedule.fails_fast and running and workers.has_results:
            can_start = False  # a failure that is not recorded yet may stop the schedule
        index = schedule.next_ready(now()) if can_start else None
        if index is not None:
            unblocks = workers.start(index)
            if unblocks is None:
                running += 1
            else:
                schedule.mark_ended(index, unblocks)
            continue
        if schedule.is_stopped and not has_withdrawn:
            has_withdrawn = True
            running -= workers.withdraw()
        upcoming = schedule.next_due() if can_start else None
        if running:
            timeout = min(max(upcoming[0] - now(), 0), LONGEST_WAIT) if upcoming else LONGEST_WAIT
            ended = workers.wait_for_one(timeout)
            if ended is not None:
                running -= 1
                schedule.mark_ended(*ended)
        elif upcoming:
            due, index = upcoming
            on_wait(now(), due, index)
            while (left := due - now()) > 0:
                clock.sleep(min(left, LONGEST_SLEEP))
        else:
            return
