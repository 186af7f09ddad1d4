"""The interface of all workers, and the base class of those that run attempts outside the caller's thread."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from .._attempt.error_chain import chain_errors
from ..outcome import is_interrupt

LONGEST_WAIT = 1.0
"""Time limit of every wait, in seconds (interrupt rule 6)."""


class Workers(Protocol):
    """Run the attempts. A Job is identified by its index in the plan."""

    @property
    def max_running(self) -> float:
        """How many attempts may run at the same time. It may decrease during a run."""

    @property
    def has_results(self) -> bool:
        """Whether an attempt has ended that :meth:`wait_for_one` has not returned yet."""

    def start(self, index: int) -> bool | None:
        """Start an attempt of a Job. Return whether the Job's dependents may be attempted.

        None means that the attempt is still running.
        """

    def wait_for_one(self, timeout: float) -> tuple[int, bool] | None:
        """Wait up to ``timeout`` seconds for an attempt to end.

        Return its Job index and whether that Job's dependents may be attempted, or None.
        """

    def withdraw(self) -> int:
        """Withdraw the attempts that have not started yet, as far as possible. Return how many."""

    def drain(self) -> None:
        """Wait for the running attempts, and start no others."""


class Recorded(NamedTuple):
    """How an attempt ended, and the exceptions that end the run because of it."""

    unblocks: bool
    """Whether the Job's dependents may be attempted."""
    fatal: BaseException | None = None
    """The exception of the attempt, if it ends the run."""
    interrupt: BaseException | None = None
    """An exception raised while the attempt was recorded. It ends the run, too."""


class PoolRecorder(Protocol):
    """Records attempts that run outside the caller's thread. Only that thread, which waits for them, calls it."""

    def started(self, index: int) -> None:
        """Record that an attempt is about to start."""

    def finished(self, index: int, result: Any) -> Recorded:
        """Record the result of an attempt: an ``AttemptResult``, or the error that prevented one."""

    def withdrawn(self, index: int) -> None:
        """Record that an attempt will not run, although its start was recorded."""

    def abandoned(self, index: int, error: BaseException) -> None:
        """Record that ``error`` ended the wait for an attempt, which may still run."""


class Pool:
    """Base class of workers that run attempts outside the caller's thread.

    Results arrive through a queue without a lock (interrupt rule 4), and are kept until they are recorded (rule 2).

    Args:
        max_running: How many attempts may run at the same time.
    """

    def __init__(self, recorder: PoolRecorder, max_running: float) -> None:
        import queue  # here, since not every run needs it

        self.max_running = max_running
        self._recorder = recorder
        self._running: dict[int, Any] = {}
        """Attempts that are not recorded yet, by Job index. Subclasses choose the values."""
        self._results: dict[int, Any] = {}
        """Results that are not recorded yet, by Job index."""
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._queue_empty_error = queue.Empty

    @property
    def has_results(self) -> bool:
        """Whether an attempt has ended that :meth:`wait_for_one` has not returned yet."""
        return not self._ended.empty()

    def wait_for_one(self, timeout: float) -> tuple[int, bool] | None:
        """Wait up to ``timeout`` seconds for an attempt to end.

        Return its Job index and whether that Job's dependents may be attempted, or None.

        Raises:
            BaseException: An exception that ends the run, after the attempt is recorded.
        """
        index = self._next_ended(timeout)
        if index is None:
            return None
        recorded = self._collect(index)
        for error in recorded.interrupt, recorded.fatal:
            if error is not None:
                raise error
        return index, recorded.unblocks

    def drain(self) -> None:
        """Wait for the running attempts, and start no others.

        Raises:
            BaseException: An interrupt, which ends the wait; or at the end, other errors from recording the attempts.
        """
        try:
            self._wait_for_all()
        except BaseException as interrupt:
            for index in list(self._running):
                if index in self._results:  # has ended meanwhile
                    self._collect(index)
                else:
                    self._recorder.abandoned(index, interrupt)
            raise

    def _wait_for_all(self) -> None:
        self.withdraw()
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

    def withdraw(self) -> int:
        """Withdraw the attempts that have not started yet, as far as possible. Return how many."""
        raise NotImplementedError

    def _end(self, index: int, result: Any) -> None:
        """Store and queue the result of an attempt. Any thread may call this."""
        self._results[index] = result
        self._ended.put(index)

    def _next_ended(self, timeout: float) -> int | None:
        try:
            index = self._ended.get(timeout=timeout)
        except self._queue_empty_error:
            self._queue_ended_again()
            return None
        return index if index in self._running and index in self._results else None

    def _queue_ended_again(self) -> None:
        """Queue all unrecorded results again: an interrupt may have come between taking one out and recording it."""
        for index in list(self._running):
            if index in self._results:
                self._ended.put(index)

    def _collect(self, index: int) -> Recorded:
        recorded = self._recorder.finished(index, self._result_of(index))
        del self._running[index], self._results[index]
        return recorded

    def _result_of(self, index: int) -> Any:
        """Return the result to record, or the error that prevented one."""
        return self._results[index]


def is_future(value: Any) -> bool:
    """Tell whether ``value`` can call a function when it is done, as futures do."""
    return callable(getattr(value, 'add_done_callback', None))


def not_a_future_error(value: Any) -> TypeError:
    """Return the error for an executor whose ``submit()`` returned ``value``."""
    return TypeError(f'submit() of an executor must return a concurrent.futures.Future, but it returned {value!r}')
