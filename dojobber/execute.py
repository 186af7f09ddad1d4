"""Drives a schedule until nothing is left to try: one attempt at a time, or several."""

from __future__ import annotations

from typing import Any, Callable

from .schedule import Schedule

LONGEST_SLEEP = 86_400.0  # seconds; time.sleep() refuses what does not fit the platform's clock


def execute(
    schedule: Schedule,
    workers: Inline | Futures,
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
    most, running = workers.most, 0
    try:
        while True:
            index = schedule.take(clock()) if running < most else None
            upcoming = schedule.next_due() if index is None and running < most else None
            if index is not None:
                has_passed = workers.start(index)
                running += has_passed is None
            elif running:
                ended = workers.ended(min(max(upcoming[0] - clock(), 0), LONGEST_SLEEP) if upcoming else None)
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
    except BaseException:
        workers.stop()
        raise


class Inline:
    """Makes each attempt itself, in the caller's thread.

    Args:
        attempt: Tries the Job of that index and returns whether it passed. What it raises ends the run.
    """

    most = 1

    def __init__(self, attempt: Callable[[int], bool]) -> None:
        self.start = attempt

    def ended(self, timeout: float | None) -> None:
        """Return None: each attempt ends where it starts."""

    def stop(self) -> None:
        """Do nothing: nothing runs."""


class Futures:
    """Has attempts made by an executor of ``concurrent.futures``.

    Args:
        submit: Submits an attempt of the Job of that index and returns its future.
        record: Called, in the thread that waits, with the index and the future of an attempt that has ended. Returns
            whether the Job passed, and what is to end the run, if anything.
        abandon: Called with the index of a Job that still runs when even the wait for it is interrupted, and with what
            interrupted it.
        most: How many attempts there may be at once.
        may_cancel: Whether ``cancel()`` of a future can be relied upon. Some executors say that they have cancelled
            what is running already.
    """

    def __init__(
        self,
        submit: Callable[[int], Any],
        record: Callable[[int, Any], tuple[bool, BaseException | None]],
        abandon: Callable[[int, BaseException], object],
        most: float,
        may_cancel: bool,
    ) -> None:
        import queue

        self.most = most
        self._submit, self._record, self._abandon = submit, record, abandon
        self._may_cancel = may_cancel
        self._running: dict[int, Any] = {}
        self._done: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._nothing = queue.Empty

    def start(self, index: int) -> None:
        """Submit an attempt of the Job of that index. How it ends is not known yet."""
        self._running[index] = future = self._submit(index)
        future.add_done_callback(lambda _: self._done.put(index))

    def ended(self, timeout: float | None) -> tuple[int, bool] | None:
        """Return the index of a Job whose attempt has ended and whether it passed; None if none does in time."""
        try:
            index = self._done.get(timeout=timeout)
        except self._nothing:
            return None
        has_passed, failure = self._record(index, self._running[index])
        del self._running[index]  # and the future: an executor may do again what somebody still waits for
        if failure is not None:
            raise failure
        return index, has_passed

    def stop(self) -> None:
        """Cancel what waits for a worker, where that can be relied upon, and wait for the rest."""
        try:
            for future in self._running.values():
                if self._may_cancel:
                    future.cancel()
            for index in list(self._running):
                future = self._running[index]
                if not (self._may_cancel and future.cancelled()):
                    self._record(index, future)
                del self._running[index]
        except BaseException as interrupt:
            for index, future in self._running.items():
                if self._may_cancel and future.cancel():
                    continue
                if future.done():  # while another was waited for
                    self._record(index, future)
                else:
                    self._abandon(index, interrupt)
            raise
