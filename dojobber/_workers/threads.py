"""Attempts on threads of this process: the engine's own, or those of a ``ThreadPoolExecutor``."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import threading
from functools import partial
from typing import Any, Callable

from ..log import logger
from .base import LONGEST_WAIT, Pool, PoolRecorder
from .executors import is_future, not_a_future

STOP = -1
"""Queued in place of an index: tells a worker thread to exit."""


class _Threads(Pool):
    """Makes attempts on threads, which take Jobs from a queue without a lock (interrupt rule 4).

    Each attempt runs in a copy of the ``contextvars`` context in which this object was created.

    Args:
        attempt: Called on a thread with the index of a Job. The recorder gets what it returns or raises.
    """

    def __init__(self, recorder: PoolRecorder, max_running: float, attempt: Callable[[int], Any]) -> None:
        import queue

        super().__init__(recorder, max_running)
        self._attempt = attempt
        self._queue: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._unclaimed: dict[int, None] = {}
        """Queued Jobs whose attempt has not started. Whoever removes one makes the attempt, or withdraws it."""
        self._context = contextvars.copy_context()

    def start(self, index: int) -> None:
        """Queue an attempt for a thread."""
        self._recorder.started(index)
        self._unclaimed[index] = None
        self._running[index] = None
        self._queue.put(index)
        self._provide_thread()

    def _provide_thread(self) -> None:
        """Make sure that a thread takes the Job just queued."""
        raise NotImplementedError

    def _attempt_if_unclaimed(self, index: int) -> None:
        """Make the attempt, on a thread."""
        if not self._claim(index):
            return
        try:
            result = self._context.copy().run(self._attempt, index)
        except BaseException as error:
            result = error
        self._end(index, result)

    def _claim(self, index: int) -> bool:
        """Return whether the attempt was neither started nor withdrawn before."""
        return self._unclaimed.pop(index, index) is None

    def _withdraw(self) -> None:
        for index in list(self._running):
            if self._claim(index):
                self._running.pop(index, None)
                self._recorder.withdrawn(index)


class OwnThreads(_Threads):
    """Starts threads as they are needed. Each makes one attempt after the other.

    They are plain threads: a forked child joins the threads of executors at its exit, which gives processes that a Job
    starts with ``multiprocessing`` a wrong exit status. A thread that has been idle for a while exits, so that none is
    left waiting if an interrupt prevents the call of :meth:`close`.
    """

    def __init__(self, recorder: PoolRecorder, max_running: float, attempt: Callable[[int], Any]) -> None:
        super().__init__(recorder, max_running, attempt)
        self._alive: set[object] = set()
        self._names = itertools.count()

    def _provide_thread(self) -> None:
        if len(self._alive) >= len(self._running):
            return
        token = object()
        self._alive.add(token)
        thread = threading.Thread(target=self._work, args=[token], name=f'dojobber_{next(self._names)}')
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            self._alive.discard(token)
            if not self._alive:
                raise
            self.max_running = len(self._alive)
            logger.warning('the system allows no more than %d threads', self.max_running)

    def _work(self, token: object) -> None:
        try:
            while (index := self._take(token)) != STOP:
                self._attempt_if_unclaimed(index)
        finally:
            self._alive.discard(token)

    def _take(self, token: object) -> int:
        try:
            return self._queue.get(timeout=LONGEST_WAIT)
        except self._empty:
            # start() queues a Job and then counts the threads, so this one must not count when it looks for the last
            # time.
            self._alive.discard(token)
            if self._queue.empty():
                return STOP
            self._alive.add(token)
            return self._take(token)

    def _queue_ended_again(self) -> None:
        # Libraries that limit time throw exceptions into threads, which can end one between two attempts.
        if not self._alive and self._queue.empty():
            for index in [index for index in self._running if index not in self._results]:
                self._end(index, RuntimeError('the thread of this attempt has ended'))
        super()._queue_ended_again()

    def close(self) -> None:
        """Tell the threads to exit when they have nothing left to do."""
        for _ in range(len(self._alive)):
            self._queue.put(STOP)


class ExecutorThreads(_Threads):
    """Makes attempts on the threads of a ``ThreadPoolExecutor``, one attempt per call that is submitted."""

    def __init__(
        self, recorder: PoolRecorder, max_running: float, attempt: Callable[[int], Any], executor: Any
    ) -> None:
        super().__init__(recorder, max_running, attempt)
        self._executor = executor

    def _provide_thread(self) -> None:
        calls: list[bool] = []
        future = self._executor.submit(self._work, calls)
        if not is_future(future):
            raise not_a_future(future)
        future.add_done_callback(partial(self._check, calls))

    def _work(self, calls: list[bool]) -> None:
        calls.append(True)
        with contextlib.suppress(self._empty):  # withdrawn, or taken by another call
            self._attempt_if_unclaimed(self._queue.get_nowait())

    def _check(self, calls: list[bool], future: Any) -> None:
        """Fail a queued Job if the executor did not run our call to its end: no other call would take it."""
        from concurrent.futures import CancelledError

        failure = CancelledError() if future.cancelled() else future.exception()
        if failure is None:
            if calls:
                return
            failure = RuntimeError('the executor did not run the attempt')
        with contextlib.suppress(self._empty):
            index = self._queue.get_nowait()
            if self._claim(index):
                self._end(index, failure)

    def close(self) -> None:
        """Do nothing: the threads belong to the executor."""
