"""Drives a schedule until nothing is left to try: one attempt at a time, or several."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, NamedTuple

from .schedule import Schedule

LONGEST_SLEEP = 86_400.0  # seconds; time.sleep() refuses what does not fit the platform's clock
NOTHING_LEFT = -1  # in place of the index of a Job, to threads and from them
LONGEST_WAIT = 1.0  # seconds; a signal does not end a wait that it comes just before, and on Windows none at all


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


class Inline:
    """Makes each attempt itself, in the caller's thread.

    Args:
        attempt: Tries the Job of that index and returns whether it passed. What it raises ends the run.
    """

    most = 1

    def __init__(self, attempt: Callable[[int], bool]) -> None:
        self.start = attempt

    def ended(self, timeout: float) -> None:
        """Return None: each attempt ends where it starts."""

    def stop(self) -> None:
        """Do nothing: nothing runs."""


class Recorded(NamedTuple):
    """What there is to know about an attempt that has ended."""

    has_passed: bool
    failure: BaseException | None = None
    """What the attempt itself ends the run with."""
    struck: BaseException | None = None
    """What struck while it was recorded, and ends the run too."""


class Futures:
    """Has attempts made by an executor of ``concurrent.futures``.

    Args:
        submit: Called with an index, submits an attempt of that Job. Hands its future to the second argument, if it can
            before the attempt may begin: an interrupt may strike in here, and what has begun is to be waited for.
        record: Called, in the thread that waits, with the index and the future of an attempt that has ended.
        abandon: Called with the index of a Job that still runs when even the wait for it is interrupted, and with what
            interrupted it.
        most: How many attempts there may be at once.
        may_cancel: Whether ``cancel()`` of a future can be relied upon. Some executors say that they have cancelled
            what is running already.
    """

    def __init__(
        self,
        submit: Callable[[int, Callable[[Any], object]], object],
        record: Callable[[int, Any], Recorded],
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

        def submitted(future: Any) -> None:
            self._running[index] = future
            future.add_done_callback(lambda _: self._done.put(index))

        self._submit(index, submitted)

    def ended(self, timeout: float) -> tuple[int, bool] | None:
        """Return the index of a Job whose attempt has ended and whether it passed; None if none does in time."""
        try:
            index = self._done.get(timeout=timeout)
        except self._nothing:
            return None
        recorded = self._record(index, self._running[index])
        del self._running[index]  # and the future: an executor may do again what somebody still waits for
        for interrupt in recorded.struck, recorded.failure:
            if interrupt is not None:
                raise interrupt
        return index, recorded.has_passed

    def stop(self) -> None:
        """Cancel what waits for a worker, where that can be relied upon, and wait for the rest."""
        try:
            self._settle()
        except BaseException as interrupt:
            for index, future in self._running.items():
                if self._may_cancel and future.cancel():
                    continue
                if future.done():  # while another was waited for
                    self._record(index, future)
                else:
                    self._abandon(index, interrupt)
            raise

    def _settle(self) -> None:
        for future in self._running.values():
            if self._may_cancel:
                future.cancel()
        for index in list(self._running):
            future, struck = self._running[index], None
            while not future.done():
                with contextlib.suppress(self._nothing):
                    self._done.get(timeout=LONGEST_WAIT)
            if not (self._may_cancel and future.cancelled()):
                struck = self._record(index, future).struck
            del self._running[index]
            if struck is not None:
                raise struck


class Threads:
    """Has attempts made on threads of its own, each of which makes one after the other.

    Args:
        begin: Called with the index of a Job before an attempt of it is handed to a thread.
        attempt: Called on a thread with that index. What it returns, or raises, is handed to ``record``.
        record, abandon: As of :class:`Futures`, but ``record`` gets that in place of a future.
        most: How many attempts there may be at once.
    """

    def __init__(
        self,
        begin: Callable[[int], object],
        attempt: Callable[[int], Any],
        record: Callable[[int, Any], Recorded],
        abandon: Callable[[int, BaseException], object],
        most: int,
    ) -> None:
        import queue
        from concurrent.futures import ThreadPoolExecutor

        self.most = most
        self._begin, self._attempt, self._record, self._abandon = begin, attempt, record, abandon
        self._threads = ThreadPoolExecutor(most, 'dojobber')
        self._submitted = 0
        self._begun: list[None] = []  # an entry for each thread that has begun to take Jobs,
        self._over: list[None] = []  # and for each that has ended
        self._to_do: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._nothing = queue.Empty
        # An interrupt between two statements must lose nothing: what is in here is not forgotten until it is recorded.
        self._running: dict[int, None] = {}
        self._results: dict[int, Any] = {}

    def start(self, index: int) -> None:
        """Hand an attempt of the Job of that index to a thread. How it ends is not known yet."""
        self._begin(index)
        self._running[index] = None
        if self._submitted < min(len(self._running), self.most):
            self._threads.submit(self._loop)
            self._submitted += 1
        self._to_do.put(index)

    def _loop(self) -> None:
        self._begun.append(None)
        while (index := self._to_do.get()) != NOTHING_LEFT:
            try:
                self._results[index] = self._attempt(index)
            except BaseException as error:
                self._results[index] = error
            self._done.put(index)
        self._over.append(None)
        self._done.put(NOTHING_LEFT)  # for stop(), which waits for that

    def ended(self, timeout: float) -> tuple[int, bool] | None:
        """Return the index of a Job whose attempt has ended and whether it passed; None if none does in time."""
        try:
            index = self._done.get(timeout=timeout)
        except self._nothing:
            return None
        recorded = self._record_result(index)
        for interrupt in recorded.struck, recorded.failure:
            if interrupt is not None:
                raise interrupt
        return index, recorded.has_passed

    def _record_result(self, index: int) -> Recorded:
        recorded = self._record(index, self._results[index])
        del self._running[index], self._results[index]
        return recorded

    def stop(self) -> None:
        """Start nothing more that waits for a thread, and wait for the rest."""
        try:
            self._settle()
        except BaseException as interrupt:
            for index in list(self._running):
                if index in self._results:  # it ended while others were waited for
                    self._record_result(index)
                else:
                    self._abandon(index, interrupt)
            raise

    def _settle(self) -> None:
        with contextlib.suppress(self._nothing):
            while True:
                del self._running[self._to_do.get_nowait()]
        self.close()
        are_over = False
        while not are_over:
            are_over = len(self._over) == len(self._begun)
            for index in list(self._running):
                struck = self._record_result(index).struck if index in self._results else None
                if struck is not None:
                    raise struck
            if not are_over:
                with contextlib.suppress(self._nothing):
                    self._done.get(timeout=LONGEST_WAIT)

    def close(self) -> None:
        """Let the threads end when they have nothing left to do."""
        for _ in range(self.most):
            self._to_do.put(NOTHING_LEFT)
        self._threads.shutdown(wait=False)
