"""Attempts that an executor lets be made in other processes."""

from __future__ import annotations

import contextlib
from typing import Any, Callable

from .recorded import LONGEST_WAIT, Recorded


class Futures:
    """Has attempts made by an executor of ``concurrent.futures``, elsewhere than in this process.

    What is under way is never cancelled: some executors say that they have cancelled what is running already. And no
    lock of a future is taken that its worker has still to take: an interrupt in between would not give it back.

    Args:
        submit: Submits an attempt of the Job of that index and returns its future.
        record: Called, in the thread that waits, with the index and the future of an attempt that has ended.
        abandon: Called with the index of a Job that still runs when even the wait for it is interrupted, and with what
            interrupted it.
        most: How many attempts there may be at once.
    """

    def __init__(
        self,
        submit: Callable[[int], Any],
        record: Callable[[int, Any], Recorded],
        abandon: Callable[[int, BaseException], object],
        most: float,
    ) -> None:
        import queue

        self.most = most
        self._submit, self._record, self._abandon = submit, record, abandon
        self._running: dict[int, Any] = {}
        self._over: set[int] = set()
        self._done: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._nothing = queue.Empty

    def start(self, index: int) -> None:
        """Submit an attempt of the Job of that index. How it ends is not known yet."""

        def is_done(_: object) -> None:
            self._over.add(index)
            self._done.put(index)

        self._running[index] = future = self._submit(index)
        future.add_done_callback(is_done)

    def ended(self, timeout: float) -> tuple[int, bool] | None:
        """Return the index of a Job whose attempt has ended and whether it passed; None if none does in time."""
        try:
            index = self._done.get(timeout=timeout)
        except self._nothing:
            return None
        recorded = self._record_future(index)
        recorded.raise_interrupt()
        return index, recorded.has_passed

    def stop(self) -> None:
        """Wait for what is under way."""
        try:
            self._settle()
        except BaseException as interrupt:
            for index in list(self._running):
                if index in self._over:  # it ended while others were waited for
                    self._record_future(index)
                else:
                    self._abandon(index, interrupt)
            raise

    def _settle(self) -> None:
        for index in list(self._running):
            while index not in self._over:
                with contextlib.suppress(self._nothing):
                    self._done.get(timeout=LONGEST_WAIT)
            struck = self._record_future(index).struck
            if struck is not None:
                raise struck

    def _record_future(self, index: int) -> Recorded:
        recorded = self._record(index, self._running[index])
        del self._running[index]  # and the future: an executor may do again what somebody still waits for
        self._over.discard(index)
        return recorded
