"""The Cleanups that are to be called at the end of a run.

Rules, some of which look roundabout where they are followed below:

- An interrupt (a signal handler that raises) can come between any two bytecodes. So a Cleanup leaves the stack by the
  same call into C that calls it: before, it is still pending; afterwards, it has been called.
- ``cleanup()`` may be called by several threads, by listeners, by signal handlers and by Cleanups, at any time. Whoever
  takes a Job off the stack calls its Cleanup, so each is called once. Other threads wait, so that the order holds.
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
from .claim import Claim, is_below
from .clock import perf_counter, sleep
from .directory import enter_directory, is_gone
from .error_chain import capture_error, chain_errors
from .frames import strip_engine_frames
from .process import end_child, forks

POLLING = 0.05  # seconds between two looks whether another thread has finished

_call_cleanup = methodcaller('Cleanup')


class _Nothing:
    def Cleanup(self) -> None:
        """Do nothing: somebody else has taken the Job off the stack."""


def has_cleanup(job: Any) -> bool:
    """Tell whether ``job``, an instance, has a Cleanup. A property that raises is one: it is called, and fails."""
    try:
        return getattr(job, 'Cleanup', None) is not None
    except (Exception, SystemExit):  # of a property, else of __getattr__, whose answer is no
        return any('Cleanup' in vars(each) for each in type(job).__mro__)


class CleanupStack:
    """The pending Cleanups. Each is called once, in the reverse order in which their attempts started.

    A Cleanup is pending from the start of its Run, and stays on the stack until it is called.
    """

    def __init__(self) -> None:
        self._jobs: dict[int, Any] = {}
        """By sequence number of the attempt: the instance whose Cleanup is pending."""
        self._order: list[tuple[int, str | None]] = []
        """Sorted: the sequence number and the directory to start in. Jobs that are gone already may still be here."""
        self.directory: str | None = None
        """Where the Cleanups that are pushed next will start."""
        self._numbers = itertools.count()
        self._claim = Claim()

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied and pickled: iterators cannot be, from Python 3.14 on."""
        return {**vars(self), '_numbers': self.next_sequence()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _numbers=itertools.count(state['_numbers']))

    def next_sequence(self) -> int:
        """Return the sequence number of an attempt that starts now."""
        return next(self._numbers)

    def push(self, job: Any, sequence: int | None = None) -> None:
        """Note that the Run of ``job`` has started.

        Args:
            sequence: That of the attempt, by default a new one. Pushing it twice changes nothing.
        """
        sequence = self.next_sequence() if sequence is None else sequence
        self._jobs[sequence] = job
        place = bisect(self._order, (sequence,)) if self._order and self._order[-1][0] >= sequence else len(self._order)
        if place == len(self._order) or self._order[place][0] != sequence:
            self._order.insert(place, (sequence, self.directory))

    def drop_last_if_no_cleanup(self) -> None:
        """Forget the Job pushed last if its attempt, which has ended, has left it without a Cleanup."""
        if self._order:
            sequence, _ = self._order[-1]
            if not has_cleanup(self._jobs.get(sequence)):
                self._forget(sequence)

    def run(self, notify: Callable[[Event], object], since: int = 0) -> BaseException | None:
        """Call the pending Cleanups of the attempts from number ``since`` on and return what is to be raised.

        Another thread that is calling them is waited for. Within a Cleanup, a listener or a signal handler that
        interrupts one, the others are called, and the one that is being called is not called again.
        """
        errors: list[BaseException | None] = []
        before = self.next_sequence()  # a run that starts meanwhile, in another thread, calls its own
        me = sys._getframe()
        try:
            while not is_below(self._claim.take(me), me):
                sleep(POLLING)
            while not self._run_all(range(since, before), notify, errors):
                pass
        finally:
            self._claim.release(me)
        return chain_errors(errors)

    def _run_all(self, which: range, notify: Callable[[Event], object], errors: list[BaseException | None]) -> bool:
        """Call them and return whether there is nothing left to do. What interrupts that is one of the errors."""
        try:
            self._run_each(which, notify, errors)
        except (RecursionError, MemoryError) as error:  # going on would hit the same limit again; they stay pending
            errors.append(error)
        except BaseException as interrupt:  # between two Cleanups
            errors.append(interrupt)
            return False
        return True

    def _run_each(self, which: range, notify: Callable[[Event], object], errors: list[BaseException | None]) -> None:
        # In its own function: CPython may run a signal handler on the loop's jump back, where an except around the loop
        # does not catch it.
        while True:
            place = bisect(self._order, (which.stop,)) - 1
            if place < 0 or self._order[place][0] < which.start:
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
            return  # a listener has called it
        started = perf_counter()
        error = _enter(directory, errors)
        if error is None:
            error = self._call(sequence, job, errors)
        else:
            errors.append(error)
        event = Event(EventKind.CLEANUP, name, seconds=perf_counter() - started, exception=error)
        errors.append(capture_error(notify, event))

    def _call(self, sequence: int, job: Any, errors: list[BaseException | None]) -> BaseException | None:
        fork, error = forks[0], None
        try:
            # One call into C, so that no signal handler runs between taking the Job off the stack and its Cleanup.
            result = next(map(_call_cleanup, map(self._jobs.pop, (sequence,), (_Nothing(),))))
            kind = close_lazy_result(result, job.Cleanup) if type(result) in LAZY_RESULTS else None
            if kind:
                raise TypeError(f'Cleanup of {type(job).__name__!r} returned {kind}, so it has not been done')
        except BaseException as raised:
            if sequence in self._jobs:  # an interrupt, or no room on the stack, before the Cleanup was called
                raise
            error = strip_engine_frames(raised, None)  # it is raised where the caller handles what it is handling
            errors.append(error)  # here, where an interrupt still has it as its context
        if forks[0] != fork:
            end_child(error)
        return error

    def _forget(self, sequence: int) -> None:
        self._jobs.pop(sequence, None)
        place = bisect(self._order, (sequence,))
        if place < len(self._order) and self._order[place][0] == sequence:
            del self._order[place]


def _enter(directory: str | None, errors: list[BaseException | None]) -> BaseException | None:
    """Go to ``directory`` and return the error for which a Cleanup is not called, if any.

    In a directory that is gone, no relative path means what it meant. One that may not be entered any more, as after a
    Job that gave up its rights, is no reason to leave behind what is to be cleaned up.
    """
    for _ in range(2):  # the first error may be that of a signal handler, a time limit say, which has struck by chance
        error = capture_error(enter_directory, directory)
        if error is None:
            return None
        if isinstance(error, OSError) and is_gone(directory):
            return error
        last = error
        if not isinstance(error, PermissionError):
            errors.append(error)
    log_critical('a Cleanup starts in another directory, since %r cannot be entered: %s', directory, last)
    return None
