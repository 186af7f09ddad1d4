"""Attempts on threads of this process: of its own, or of somebody's ``ThreadPoolExecutor``."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import threading
from typing import Any, Callable

from ..log import logger
from .base import LONGEST_WAIT, Pool, Recorder, is_future, no_future

STOP = -1  # in place of the index of a Job: tells a thread to end


class _Threads(Pool):
    """Has attempts made on threads. Jobs are handed to them through a queue that needs no lock.

    Each attempt runs in a copy of the context (of ``contextvars``) in which this object was made.

    Args:
        attempt: Called on a thread with the index of a Job. The recorder is given what it returns or raises.
    """

    def __init__(self, recorder: Recorder, max_running: float, attempt: Callable[[int], Any]) -> None:
        import queue

        super().__init__(recorder, max_running)
        self._attempt = attempt
        self._queue: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._waiting: dict[int, None] = {}
        """The Jobs that nobody has begun. Whoever removes one makes the attempt, or withdraws it."""
        self._context = contextvars.copy_context()

    def start(self, index: int) -> None:
        """Hand an attempt of the Job of that index to a thread. How it ends is not known yet."""
        self._recorder.started(index)
        self._waiting[index] = None
        self._running[index] = None
        self._queue.put(index)
        self._provide_thread()

    def _provide_thread(self) -> None:
        """See to it that there is a thread that takes the Job just queued."""
        raise NotImplementedError

    def _make(self, index: int) -> None:
        """Make the attempt, on a thread."""
        if not self._claim(index):
            return
        try:
            result = self._context.copy().run(self._attempt, index)
        except BaseException as error:
            result = error
        self._end(index, result)

    def _claim(self, index: int) -> bool:
        """Tell whether nobody has begun the attempt, nor withdrawn it. From now on somebody has."""
        return self._waiting.pop(index, index) is None

    def _end(self, index: int, result: Any) -> None:
        self._results[index] = result
        self._ended.put(index)

    def _withdraw(self) -> None:
        for index in list(self._running):
            if self._claim(index):
                self._running.pop(index, None)
                self._recorder.withdrawn(index)


class OwnThreads(_Threads):
    """Makes threads as they are needed, each of which makes one attempt after the other.

    They are plain threads: those of an executor are joined at the exit of a forked child, which gives the helpers that
    a Job starts with ``multiprocessing`` a wrong exit status. One that has nothing to do for a while ends by itself, so
    that none is left waiting if an interrupt keeps :meth:`close` from being called.
    """

    def __init__(self, recorder: Recorder, max_running: float, attempt: Callable[[int], Any]) -> None:
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
            self.max_running = len(self._alive)  # the system allows no more, so these make all attempts
            logger.warning('no more than %d threads can be started', self.max_running)

    def _work(self, token: object) -> None:
        try:
            while (index := self._take(token)) != STOP:
                self._make(index)
        finally:
            self._alive.discard(token)

    def _take(self, token: object) -> int:
        try:
            return self._queue.get(timeout=LONGEST_WAIT)
        except self._empty:
            # Whoever queues a Job counts the threads afterwards. So this one is counted out before its last look.
            self._alive.discard(token)
            if self._queue.empty():
                return STOP
            self._alive.add(token)
            return self._take(token)

    def _find_ended(self) -> None:
        # Somebody may have thrown an exception into a thread between two attempts, as libraries do that limit time.
        if not self._alive and self._queue.empty():
            for index in [index for index in self._running if index not in self._results]:
                self._end(index, RuntimeError('the thread that was to make this attempt has ended'))
        super()._find_ended()

    def close(self) -> None:
        """Let the threads end when they have nothing left to do."""
        for _ in range(len(self._alive)):
            self._queue.put(STOP)


class PoolThreads(_Threads):
    """Has attempts made by the threads of somebody's ``ThreadPoolExecutor``, one attempt a call."""

    def __init__(self, recorder: Recorder, max_running: float, attempt: Callable[[int], Any], executor: Any) -> None:
        super().__init__(recorder, max_running, attempt)
        self._executor = executor

    def _provide_thread(self) -> None:
        future = self._executor.submit(self._work)
        if not is_future(future):
            raise no_future(future)
        future.add_done_callback(self._check)

    def _work(self) -> None:
        with contextlib.suppress(self._empty):  # it was withdrawn, or another call has made the attempt
            self._make(self._queue.get_nowait())

    def _check(self, future: Any) -> None:
        from concurrent.futures import CancelledError

        failure = CancelledError() if future.cancelled() else future.exception()
        if failure is not None:  # the executor has not made our call, so one queued Job would never be taken
            with contextlib.suppress(self._empty):
                index = self._queue.get_nowait()
                if self._claim(index):
                    self._end(index, failure)

    def close(self) -> None:
        """Do nothing: the threads are somebody else's."""
