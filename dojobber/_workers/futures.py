"""Runs attempts in other processes, through an executor."""

from __future__ import annotations

from typing import Any

from ..errors import RemoteError
from ..outcome import is_interrupt
from .base import Pool, PoolRecorder, is_future, not_a_future_error
from .remote.client import RemoteClient
from .remote.worker import run_request


class FutureWorkers(Pool):
    """Submits attempts to an executor.

    Futures are never canceled, since some executors claim to have canceled a call that is already running. This class
    never holds a lock that a worker needs, since an interrupt could leave it locked (interrupt rule 4).
    """

    def __init__(self, recorder: PoolRecorder, max_running: float, client: RemoteClient, executor: Any) -> None:
        super().__init__(recorder, max_running)
        self._client, self._executor = client, executor

    def start(self, index: int) -> None:
        """Submit an attempt.

        Raises:
            TypeError: The executor does not return a future, so the end of the attempt would go unnoticed.
            BaseException: An error of the executor.
        """
        try:
            request = self._client.encode(index)  # before started(), since it may take a while
        except RemoteError as error:
            self._recorder.started(index)
            self._running[index] = None
            self._end(index, error)
            return
        self._recorder.started(index)
        try:
            self._running[index] = future = self._executor.submit(run_request, request)
        except BaseException as error:
            if is_interrupt(error):  # whether the executor accepted the attempt is unknown
                self._recorder.abandoned(index, error)
            else:
                self._recorder.withdrawn(index)
            raise
        if not is_future(future):
            del self._running[index]
            raise not_a_future_error(future)

        # Not the future itself: while it is referenced, Dask runs its task again if it loses the worker.
        identity = id(future)

        def on_done(_: object) -> None:
            running = self._running.get(index)
            if running is not None and id(running) == identity:  # else a second call of this callback
                self._end(index, running)

        try:
            future.add_done_callback(on_done)
        except Exception as error:  # the end of the attempt would go unnoticed
            del self._running[index]
            self._recorder.abandoned(index, error)
            raise

    def withdraw(self) -> int:
        """Return 0: an executor of other processes may be running any attempt that was submitted to it."""
        return 0

    def _queue_ended_again(self) -> None:
        # An interrupt may have prevented the call of add_done_callback().
        for index, future in list(self._running.items()):
            is_done = getattr(future, 'done', None)
            if index not in self._results and (not is_future(future) or (callable(is_done) and is_done())):
                self._results[index] = future
        super()._queue_ended_again()

    def _result_of(self, index: int) -> Any:
        """Return the result to record, or the error that prevented one."""
        future = self._results[index]
        if isinstance(future, RemoteError):  # the Job could not be sent
            return future
        try:
            failure = future.exception()
            return self._client.decode(index, future.result()) if failure is None else failure
        except Exception as error:  # it was canceled, or the executor is faulty
            return error
