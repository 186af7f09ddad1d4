"""Attempts on threads of this process: the engine's own, or those of a ``ThreadPoolExecutor``."""

from __future__ import annotations

import contextlib
import itertools
import threading
from functools import partial
from typing import Any, Callable

from ..log import logger
from .base import LONGEST_WAIT, Pool, PoolRecorder, is_future, not_a_future_error

STOP = -1
"""Queued in place of a Job index to make one thread exit."""

WITHDRAWN = object()
"""The owner of an attempt that no thread will run."""


class _Threads(Pool):
    """Runs attempts on threads, which take Jobs from a queue without a lock (interrupt rule 4).

    Each attempt runs in a copy of the ``contextvars`` context in which this object was created.

    Args:
        attempt: Attempts a Job, given its index. It is called on a thread.
    """

    def __init__(self, recorder: PoolRecorder, max_running: float, attempt: Callable[[int], Any]) -> None:
        import contextvars  # here, since not every run needs them
        import queue

        super().__init__(recorder, max_running)
        self._attempt = attempt
        self._queue: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._owners: dict[int, object] = {}
        """By Job index: the owner of the attempt that was queued last: a call on a thread, a future, or WITHDRAWN."""
        self._context = contextvars.copy_context()

    def start(self, index: int) -> None:
        """Queue an attempt for a thread."""
        self._recorder.started(index)
        self._owners.pop(index, None)
        self._running[index] = None
        self._queue.put(index)
        self._provide_thread()

    def _provide_thread(self) -> None:
        """Make sure that a thread takes the Job that was just queued."""
        raise NotImplementedError

    def _attempt_if_unclaimed(self, index: int) -> None:
        """Run the attempt on this thread, unless another has claimed it or it was withdrawn."""
        if not self._claim(index, object()):
            return
        try:
            result = self._context.copy().run(self._attempt, index)
        except BaseException as error:
            result = error
        self._end(index, result)

    def _claim(self, index: int, owner: object) -> bool:
        """Claim a queued attempt. Return whether ``owner`` has it, now or from an earlier call (interrupt rule 3)."""
        return self._owners.setdefault(index, owner) is owner

    def withdraw(self) -> int:
        """Withdraw the attempts that no thread has claimed. Return how many."""
        count = 0
        for index in list(self._running):
            if self._claim(index, WITHDRAWN):
                count += 1
                self._recorder.withdrawn(index)
                self._running.pop(index, None)
        return count


class OwnThreads(_Threads):
    """Starts threads as they are needed. Each runs one attempt after another.

    They are not threads of an executor, which a forked child would join at its exit: processes that a Job starts with
    ``multiprocessing`` would exit with the wrong status. An idle thread exits after :data:`LONGEST_WAIT`, in case an
    interrupt prevents the call of :meth:`close`.
    """

    def __init__(self, recorder: PoolRecorder, max_running: float, attempt: Callable[[int], Any]) -> None:
        super().__init__(recorder, max_running, attempt)
        self._alive: set[object] = set()
        """A token for each thread. Unlike a counter, a set can be changed atomically."""
        self._numbers = itertools.count()

    def _provide_thread(self) -> None:
        if len(self._alive) >= len(self._running):
            return
        token = object()
        self._alive.add(token)
        thread = threading.Thread(target=self._work, args=[token], name=f'dojobber_{next(self._numbers)}')
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
        while True:
            try:
                return self._queue.get(timeout=LONGEST_WAIT)
            except self._queue_empty_error:
                # start() queues a Job and then counts the threads. So this thread leaves the count before it looks into
                # the queue for the last time: otherwise both could miss the Job.
                self._alive.discard(token)
                if self._queue.empty():
                    return STOP
                self._alive.add(token)

    def _queue_ended_again(self) -> None:
        # A library may throw an exception into a thread, for a time limit, and end the thread between two attempts.
        if not self._alive and self._queue.empty():
            for index in list(self._running):
                if index not in self._results:
                    self._end(index, RuntimeError('the thread of this attempt has ended'))
        super()._queue_ended_again()

    def close(self) -> None:
        """Make the threads exit when the queue is empty."""
        for _ in range(len(self._alive)):
            self._queue.put(STOP)


class ExecutorThreads(_Threads):
    """Runs attempts on the threads of a ``ThreadPoolExecutor``, with one call of ``submit()`` for each."""

    def __init__(
        self, recorder: PoolRecorder, max_running: float, attempt: Callable[[int], Any], executor: Any
    ) -> None:
        super().__init__(recorder, max_running, attempt)
        self._executor = executor

    def _provide_thread(self) -> None:
        called: list[bool] = []
        future = self._executor.submit(self._work, called)
        if not is_future(future):
            raise not_a_future_error(future)
        future.add_done_callback(partial(self._on_done, called))

    def _work(self, called: list[bool]) -> None:
        called.append(True)
        with contextlib.suppress(self._queue_empty_error):  # another call has taken the Job
            self._attempt_if_unclaimed(self._queue.get_nowait())

    def _on_done(self, called: list[bool], future: Any) -> None:
        """Fail a queued Job if the executor did not complete this call: no other call would take that Job."""
        from concurrent.futures import CancelledError

        failure = CancelledError() if future.cancelled() else future.exception()
        if failure is None:
            if called:
                return
            failure = RuntimeError('the executor did not run the attempt')
        with contextlib.suppress(self._queue_empty_error):
            index = self._queue.get_nowait()
            if self._claim(index, future):
                self._end(index, failure)

    def close(self) -> None:
        """Do nothing: the threads belong to the executor."""
