"""What all workers have in common: the interface that the loop drives, and the bookkeeping of attempts elsewhere."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from .._attempt.error_chain import chain_errors
from ..outcome import is_interrupt

LONGEST_WAIT = 1.0
"""Seconds to wait at most before looking again (interrupt rule 6)."""


class Workers(Protocol):
    """Whoever makes the attempts. A Job is given by its index in the plan."""

    @property
    def max_running(self) -> float:
        """How many attempts may run at the same time. It may shrink."""

    def start(self, index: int) -> bool | None:
        """Start an attempt of a Job. If it has ended already, return whether the Job passed."""

    def wait_for_one(self, timeout: float) -> tuple[int, bool] | None:
        """Return the index of a Job whose attempt has ended and whether it passed, None after ``timeout`` seconds."""

    def drain(self) -> None:
        """Wait for the attempts that run, and start no others."""


class Recorded(NamedTuple):
    """What the recorder has found out about an attempt that has ended."""

    passed: bool
    fatal: BaseException | None = None
    """The interrupt with which the attempt ends the run."""
    interrupt: BaseException | None = None
    """What was raised while the attempt was recorded, which ends the run as well."""

    def raise_interrupt(self) -> None:
        """Raise what ends the run, if anything."""
        for error in self.interrupt, self.fatal:
            if error is not None:
                raise error


class PoolRecorder(Protocol):
    """Is notified of attempts elsewhere, in the thread that waits for them."""

    def started(self, index: int) -> None:
        """Record that an attempt is about to start."""

    def finished(self, index: int, result: Any) -> Recorded:
        """Record the result of an attempt: an ``AttemptResult``, or the error because of which there is none."""

    def withdrawn(self, index: int) -> None:
        """Record that an attempt will not start after all."""

    def abandoned(self, index: int, interrupt: BaseException) -> None:
        """Record that an attempt goes on although the wait for it was interrupted."""


class Pool:
    """Bookkeeping of attempts that run elsewhere than in the caller's thread.

    Attempts that have ended arrive through a queue without a lock (interrupt rule 4), and none is forgotten before it
    is recorded (interrupt rule 2).

    Args:
        max_running: How many attempts may run at the same time.
    """

    def __init__(self, recorder: PoolRecorder, max_running: float) -> None:
        import queue

        self.max_running = max_running
        self._recorder = recorder
        self._running: dict[int, Any] = {}
        self._results: dict[int, Any] = {}
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._empty = queue.Empty

    def wait_for_one(self, timeout: float) -> tuple[int, bool] | None:
        """Return the index of a Job whose attempt has ended and whether it passed, None after ``timeout`` seconds.

        Raises:
            BaseException: What ends the run, when the attempt has been recorded.
        """
        index = self._next_ended(timeout)
        if index is None:
            return None
        recorded = self._collect(index)
        recorded.raise_interrupt()
        return index, recorded.passed

    def drain(self) -> None:
        """Wait for the attempts that run, and start no others.

        Raises:
            BaseException: An interrupt, which ends the wait; or, at the end, what else was raised while attempts were
                recorded.
        """
        try:
            self._wait_for_all()
        except BaseException as interrupt:
            for index in list(self._running):
                if index in self._results:  # ended during the wait for others
                    self._collect(index)
                else:
                    self._recorder.abandoned(index, interrupt)
            raise

    def _wait_for_all(self) -> None:
        self._withdraw()
        errors: list[BaseException | None] = []
        self._queue_ended_again()
        while self._running:
            index = self._next_ended(LONGEST_WAIT)
            error = None if index is None else self._collect(index).interrupt
            errors.append(error)
            if is_interrupt(error):
                break
        failure = chain_errors(errors)
        if failure is not None:
            raise failure

    def _withdraw(self) -> None:
        """Withdraw the attempts that have not started."""

    def _end(self, index: int, result: Any) -> None:
        """Note that an attempt has ended. Any thread may call it."""
        self._results[index] = result
        self._ended.put(index)

    def _next_ended(self, timeout: float) -> int | None:
        try:
            index = self._ended.get(timeout=timeout)
        except self._empty:
            self._queue_ended_again()
            return None
        return index if index in self._running and index in self._results else None

    def _queue_ended_again(self) -> None:
        """Queue all that has ended once more: an interrupt may have come between taking it out and recording it."""
        for index in list(self._running):
            if index in self._results:
                self._ended.put(index)

    def _collect(self, index: int) -> Recorded:
        recorded = self._recorder.finished(index, self._result_of(index))
        del self._running[index], self._results[index]
        return recorded

    def _result_of(self, index: int) -> Any:
        """Return what the recorder needs to know about the attempt, which has ended."""
        return self._results[index]
