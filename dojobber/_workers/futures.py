"""Attempts that an executor has made in other processes."""

from __future__ import annotations

from typing import Any, Callable

from ..outcome import is_interrupt
from .base import Pool, Recorder, is_future, no_future


class Futures(Pool):
    """Has attempts made by an executor of ``concurrent.futures``, elsewhere than in this process.

    A running attempt is never cancelled: some executors say that they have cancelled what is running already. And a
    lock that a worker needs is never held while there is something to wait for, since an interrupt could leave it
    locked.

    Args:
        pack: Returns what is to be submitted for an attempt of the Job of that index.
        submit: Submits that and returns the future.
        read: Returns what the recorder is given of a future that is done, by the index of its Job.
    """

    def __init__(
        self,
        recorder: Recorder,
        max_running: float,
        pack: Callable[[int], Any],
        submit: Callable[[Any], Any],
        read: Callable[[int, Any], Any],
    ) -> None:
        super().__init__(recorder, max_running)
        self._pack, self._submit, self._read = pack, submit, read

    def start(self, index: int) -> None:
        """Submit an attempt of the Job of that index. How it ends is not known yet.

        Raises:
            TypeError: What the executor returns is not a future, so nobody would know when the attempt ends.
        """
        packed = self._pack(index)  # before anybody is told that the attempt starts: it takes time
        self._recorder.started(index)
        try:
            self._running[index] = future = self._submit(packed)  # at once: an interrupt may come next
        except BaseException as error:
            if is_interrupt(error):  # whatever has become of the attempt, nobody waits for it
                self._recorder.abandoned(index, error)
            else:
                self._recorder.withdrawn(index)
            raise
        if not is_future(future):
            del self._running[index]
            raise no_future(future)

        identity = id(future)  # without a reference: Dask re-runs a task whose future is still there

        def on_done(_: object) -> None:
            running = self._running.get(index)
            if running is not None and id(running) == identity:  # else it says so a second time
                self._results[index] = running
                self._ended.put(index)

        try:
            future.add_done_callback(on_done)
        except Exception as error:  # nobody would know when it ends
            del self._running[index]
            self._recorder.abandoned(index, error)
            raise

    def _find_ended(self) -> None:
        # An interrupt may have come before add_done_callback() had done its work.
        for index, future in list(self._running.items()):
            is_done = getattr(future, 'done', None)
            if index not in self._results and (not is_future(future) or (callable(is_done) and is_done())):
                self._results[index] = future
        super()._find_ended()

    def _result(self, index: int) -> Any:
        try:
            return self._read(index, self._results[index])
        except Exception as error:
            return error
