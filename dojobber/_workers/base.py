"""What all who make attempts elsewhere than in the caller's thread have in common."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from .._attempt.error_chain import chain_errors
from ..outcome import is_interrupt

LONGEST_WAIT = 1.0  # seconds; a signal that arrives just before a wait does not end it, and on Windows no signal does


class Recorded(NamedTuple):
    """What there is to know about an attempt that has ended."""

    passed: bool
    fatal: BaseException | None = None
    """The interrupt with which the attempt itself ends the run."""
    interrupt: BaseException | None = None
    """What was raised while it was recorded, which ends the run too."""

    def raise_interrupt(self) -> None:
        """Raise what ends the run, if anything."""
        for error in self.interrupt, self.fatal:
            if error is not None:
                raise error


class Recorder(Protocol):
    """What is notified of attempts, in the thread that waits for them; each by the index of its Job."""

    def started(self, index: int) -> None:
        """Note that an attempt is about to start."""

    def ended(self, index: int, result: Any) -> Recorded:
        """Record what an attempt has left: an ``AttemptResult``, or the error for which there is none."""

    def withdrawn(self, index: int) -> None:
        """Note that an attempt will not start after all."""

    def abandoned(self, index: int, interrupt: BaseException) -> None:
        """Record that an attempt goes on, but that the wait for it was interrupted."""


class Pool:
    """Keeps the attempts that run and those that have ended.

    An interrupt can come between any two statements, so an attempt is not forgotten before it is recorded. And attempts
    that have ended come through a queue that needs no lock, so that an interrupt leaves none locked.

    Args:
        max_running: How many attempts there may be at once.
    """

    def __init__(self, recorder: Recorder, max_running: float) -> None:
        import queue

        self.max_running = max_running
        self._recorder = recorder
        self._running: dict[int, Any] = {}
        self._results: dict[int, Any] = {}
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._empty = queue.Empty

    def wait_for_one(self, timeout: float) -> tuple[int, bool] | None:
        """Return the index of a Job whose attempt has ended and whether it passed; None if none does in time."""
        index = self._next_ended(timeout)
        if index is None:
            return None
        recorded = self._collect(index)
        recorded.raise_interrupt()
        return index, recorded.passed

    def drain(self) -> None:
        """Start nothing more and wait for what runs.

        An interrupt ends the wait. What is raised otherwise while one attempt is recorded is raised in the end.
        """
        try:
            self._wait_for_all()
        except BaseException as interrupt:
            for index in list(self._running):
                if index in self._results:  # it ended while others were waited for
                    self._collect(index)
                else:
                    self._recorder.abandoned(index, interrupt)
            raise

    def _wait_for_all(self) -> None:
        self._withdraw()
        errors: list[BaseException | None] = []
        self._find_ended()
        while self._running:
            index = self._next_ended(LONGEST_WAIT)
            error = None if index is None else self._collect(index).interrupt
            if is_interrupt(error):
                errors.append(error)
                break
            errors.append(error)
        failure = chain_errors(errors)
        if failure is not None:
            raise failure

    def _withdraw(self) -> None:
        """Take back what nobody has begun."""

    def _next_ended(self, timeout: float) -> int | None:
        try:
            index = self._ended.get(timeout=timeout)
        except self._empty:
            self._find_ended()
            return None
        return index if index in self._running and index in self._results else None

    def _find_ended(self) -> None:
        """Announce once more what has ended, since an interrupt may have come between that and recording it."""
        for index in list(self._running):
            if index in self._results:
                self._ended.put(index)

    def _collect(self, index: int) -> Recorded:
        recorded = self._recorder.ended(index, self._result(index))
        del self._running[index], self._results[index]
        return recorded

    def _result(self, index: int) -> Any:
        """Return what the recorder is to be given of the attempt that has ended."""
        return self._results[index]


def is_future(value: Any) -> bool:
    """Tell whether an executor's ``submit()`` has returned something that says when it is done."""
    return callable(getattr(value, 'add_done_callback', None))


def no_future(value: Any) -> TypeError:
    """Return the error of an executor whose ``submit()`` has returned something else."""
    return TypeError(
        f'submit() of an executor must return a concurrent.futures.Future, and this one returned {value!r}'
    )
