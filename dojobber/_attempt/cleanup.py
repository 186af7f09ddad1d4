"""The stack of pending Cleanups.

Threads, listeners, signal handlers and Cleanups may all call ``cleanup()``, at any time. Whoever takes a Job off the
stack calls its Cleanup (interrupt rule 7), so each is called once. Other threads wait, so that the order holds.
"""

from __future__ import annotations

import itertools
import sys
from bisect import bisect
from operator import methodcaller
from typing import Any, Callable

from .._plan.hooks import LAZY_RESULTS, close_lazy_result
from ..events import Event, EventKind
from ..log import log_critical
from .claim import Claim, is_on_stack
from .clock import perf_counter, sleep
from .directory import enter_directory, is_gone
from .error_chain import capture_error, chain_errors
from .frames import strip_engine_frames
from .process import end_child, forks

POLL_INTERVAL = 0.05  # seconds between two looks at whether another thread has finished

_call_cleanup = methodcaller('Cleanup')


class _AlreadyTaken:
    def Cleanup(self) -> None:
        """Do nothing: another call has taken the Job off the stack."""


def has_cleanup(job: Any) -> bool:
    """Tell whether the instance ``job`` has a Cleanup. A property that raises counts: the call will raise its error."""
    try:
        return getattr(job, 'Cleanup', None) is not None
    except (Exception, SystemExit):  # of a property; or of __getattr__, which means that there is none
        return any('Cleanup' in vars(base) for base in type(job).__mro__)


class CleanupStack:
    """A stack of pending Cleanups. Each is called once, in reverse order of the start of its attempt.

    A Cleanup is pending from the start of its Run, and stays on the stack until it is called.
    """

    timer = staticmethod(perf_counter)
    """Measures the seconds of each Cleanup."""

    def __init__(self) -> None:
        self._jobs: dict[int, Any] = {}
        """By sequence number of the attempt, the instance whose Cleanup is pending."""
        self._order: list[tuple[int, str | None]] = []
        """Sorted sequence numbers, each with the directory to start in. Their Jobs may have been taken already."""
        self.directory: str | None = None
        """The directory in which the Cleanups that are pushed next will be called."""
        self._numbers = itertools.count()
        self._claim = Claim()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state to copy and pickle, without iterators: Python 3.14 and later cannot pickle them."""
        return {**vars(self), '_numbers': self.next_sequence()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _numbers=itertools.count(state['_numbers']))

    def next_sequence(self) -> int:
        """Return the sequence number of an attempt that starts now."""
        return next(self._numbers)

    def push(self, job: Any, sequence: int | None = None) -> None:
        """Make the Cleanup of ``job``, whose Run is about to start, a pending one.

        Args:
            sequence: The sequence number of its attempt; by default a new one. Pushing a number twice changes nothing
                (interrupt rule 3).
        """
        sequence = self.next_sequence() if sequence is None else sequence
        self._jobs[sequence] = job
        place = bisect(self._order, (sequence,)) if self._order and self._order[-1][0] >= sequence else len(self._order)
        if place == len(self._order) or self._order[place][0] != sequence:
            self._order.insert(place, (sequence, self.directory))

    def drop_last_if_no_cleanup(self) -> None:
        """Drop the last Job, whose attempt has ended, if it has no Cleanup."""
        if self._order:
            sequence, _ = self._order[-1]
            if not has_cleanup(self._jobs.get(sequence)):
                self._forget(sequence)

    def run(self, notify: Callable[[Event], object], since: int = 0) -> BaseException | None:
        """Call the pending Cleanups of the attempts from number ``since`` on, and return the error to raise, if any.

        If another thread is calling them, wait until it has finished. A call from within a Cleanup, or from a listener
        or signal handler that interrupts one, calls all others, and not the one that is being called.
        """
        errors: list[BaseException | None] = []
        end = self.next_sequence()  # another thread may start a run meanwhile, which calls its own
        me = sys._getframe()
        try:
            while not is_on_stack(self._claim.take(me), me):
                sleep(POLL_INTERVAL)
            while not self._run_all(range(since, end), notify, errors):
                pass
        finally:
            self._claim.release(me)
        return chain_errors(errors)

    def _run_all(self, numbers: range, notify: Callable[[Event], object], errors: list[BaseException | None]) -> bool:
        """Call these Cleanups. Return False if an interrupt, which is added to ``errors``, came between two of them."""
        try:
            self._run_each(numbers, notify, errors)
        except (RecursionError, MemoryError) as error:  # the next call would hit the same limit; the rest stays pending
            errors.append(error)
        except BaseException as interrupt:  # of the engine's code between two Cleanups
            errors.append(interrupt)
            return False
        return True

    def _run_each(self, numbers: range, notify: Callable[[Event], object], errors: list[BaseException | None]) -> None:
        # A function of its own by interrupt rule 5.
        while True:
            place = bisect(self._order, (numbers.stop,)) - 1
            if place < 0 or self._order[place][0] < numbers.start:
                return
            sequence, directory = self._order[place]
            if sequence in self._jobs:
                self._run_one(sequence, directory, notify, errors)
            self._forget(sequence)

    def _run_one(
        self,
        sequence: int,
        directory: str | None,
        notify: Callable[[Event], object],
        errors: list[BaseException | None],
    ) -> None:
        job = self._jobs[sequence]
        if not has_cleanup(job):
            return
        name = type(job).__name__
        errors.append(capture_error(notify, Event(EventKind.CLEANUP_STARTED, name)))
        if sequence not in self._jobs:
            return  # a listener has called its Cleanup
        started = self.timer()
        error = _enter(directory, errors)
        if error is None:
            error = self._call(sequence, job, errors)
        else:
            errors.append(error)
        event = Event(EventKind.CLEANUP, name, seconds=self.timer() - started, exception=error)
        errors.append(capture_error(notify, event))

    def _call(self, sequence: int, job: Any, errors: list[BaseException | None]) -> BaseException | None:
        fork, error = forks[0], None
        try:
            # Interrupt rule 7: one call into C takes the Job off the stack and calls its Cleanup.
            result = next(map(_call_cleanup, map(self._jobs.pop, (sequence,), (_AlreadyTaken(),))))
            kind = close_lazy_result(result, job.Cleanup) if type(result) in LAZY_RESULTS else None
            if kind:
                raise TypeError(f'Cleanup of {type(job).__name__!r} returned {kind}, so calling it did nothing')
        except BaseException as raised:
            if sequence in self._jobs:  # interrupted, or out of stack, before the Cleanup was called
                raise
            error = strip_engine_frames(raised, None)  # its context stays: it will be raised to that caller
            errors.append(error)  # within the except: an interrupt here gets it as its context
        if forks[0] != fork:
            end_child(error)
        return error

    def _forget(self, sequence: int) -> None:
        self._jobs.pop(sequence, None)
        place = bisect(self._order, (sequence,))
        if place < len(self._order) and self._order[place][0] == sequence:
            del self._order[place]


def _enter(directory: str | None, errors: list[BaseException | None]) -> BaseException | None:
    """Enter ``directory`` before a Cleanup. Return an error only if the Cleanup must not be called.

    That is so if the directory no longer exists, since relative paths would mean something else. If the process may not
    enter it any more, perhaps because a Job gave up its rights, the Cleanup is called so that nothing is left behind.
    """
    for _ in range(2):  # the first error may be an interrupt, such as a time limit
        error = capture_error(enter_directory, directory)
        if error is None:
            return None
        if isinstance(error, OSError) and is_gone(directory):
            return error
        last = error
        if not isinstance(error, PermissionError):
            errors.append(error)
    log_critical('a Cleanup is called in another directory, since %r cannot be entered: %s', directory, last)
    return None
