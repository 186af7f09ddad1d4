"""Attempts on threads of this process."""

from __future__ import annotations

import contextlib
from typing import Any, Callable

from .recorded import LONGEST_WAIT, Recorded

NOTHING_LEFT = -1  # in place of the index of a Job, to threads that they may end, and to stop() when one does


class Threads:
    """Has attempts made on threads of this process: on its own, or on those of somebody's ``ThreadPoolExecutor``.

    Jobs and what became of them pass through queues that need no lock, so that an interrupt leaves none locked.

    Args:
        begin: Called with the index of a Job before an attempt of it is handed to a thread.
        attempt: Called on a thread with that index. What it returns, or raises, is handed to ``record``.
        record, abandon: As of :class:`Futures`, but ``record`` gets that in place of a future.
        most: How many attempts there may be at once.
        executor: None makes threads, each of which makes one attempt after the other.
    """

    def __init__(
        self,
        begin: Callable[[int], object],
        attempt: Callable[[int], Any],
        record: Callable[[int, Any], Recorded],
        abandon: Callable[[int, BaseException], object],
        most: float,
        executor: Any = None,
    ) -> None:
        import queue
        from concurrent.futures import ThreadPoolExecutor

        self.most = most
        self._begin, self._attempt, self._record, self._abandon = begin, attempt, record, abandon
        self._is_ours = executor is None
        self._executor = ThreadPoolExecutor(int(most), 'dojobber') if self._is_ours else executor
        self._submitted = 0
        self._begun: list[None] = []  # an entry for each call of _work() that has begun,
        self._over: list[None] = []  # and for each that has ended
        self._is_stopping = False
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
        self._to_do.put(index)
        if not self._is_ours:
            self._executor.submit(self._work).add_done_callback(self._watch)
        elif self._submitted < min(len(self._running), self.most):
            self._executor.submit(self._work)
            self._submitted += 1

    def _work(self) -> None:
        self._begun.append(None)
        with contextlib.suppress(self._nothing):  # what was to do is taken back, or somebody else has done it
            while (index := self._to_do.get(self._is_ours)) != NOTHING_LEFT:
                try:
                    self._results[index] = self._attempt(index)
                except BaseException as error:
                    self._results[index] = error
                self._done.put(index)
                if not self._is_ours:
                    break  # others may wait for this thread
        self._over.append(None)
        if self._is_stopping:
            self._done.put(NOTHING_LEFT)

    def _watch(self, future: Any) -> None:
        from concurrent.futures import CancelledError

        failure = CancelledError() if future.cancelled() else future.exception()
        if failure is not None:  # that of the executor: it will not work, so that one Job less is tried
            with contextlib.suppress(self._nothing):
                index = self._to_do.get_nowait()
                self._results[index] = failure
                self._done.put(index)

    def ended(self, timeout: float) -> tuple[int, bool] | None:
        """Return the index of a Job whose attempt has ended and whether it passed; None if none does in time."""
        try:
            index = self._done.get(timeout=timeout)
        except self._nothing:
            return None
        recorded = self._record_result(index)
        recorded.raise_interrupt()
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
        self._is_stopping = True
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
        """Let threads of its own end when they have nothing left to do."""
        if self._is_ours:
            for _ in range(int(self.most)):
                self._to_do.put(NOTHING_LEFT)
            self._executor.shutdown(wait=False)
