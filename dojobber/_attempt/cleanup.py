"""The stack of pending Cleanups.

Threads, listeners, signal handlers and Cleanups may all call ``cleanup()``, at any time. The call that pops a Job also
calls its Cleanup (interrupt rule 7), so every Cleanup is called once. Only one thread calls Cleanups at a time, to keep
the order; the others wait.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from operator import methodcaller
from typing import Any, Callable

from .._plan.hooks import LAZY_RESULTS, definition_of, refuse_lazy_result
from ..events import Event, EventKind
from ..job import Job, set_attribute
from ..log import log_critical
from .claim import Claim, is_on_stack
from .clock import event_now, perf_counter, sleep
from .directory import enter_directory, is_gone
from .error_chain import capture_error, chain_errors
from .frames import strip_engine_frames
from .process import end_child, forks

POLL_INTERVAL = 0.05  # seconds between two checks of whether the thread that calls Cleanups has finished
MAX_BEGUN = 10  # so many times, a Cleanup is begun whose call is prevented each time


class _AlreadyPopped:
    def Cleanup(*_: Any, **__: Any) -> None:
        """Do nothing: another call has popped the Job."""


def has_cleanup(job: Any) -> bool:
    """Tell whether an instance has a Cleanup. A property that raises counts: the call will raise its error."""
    try:
        return getattr(job, 'Cleanup', None) is not None
    except (Exception, SystemExit):  # from a property; or from __getattr__, which Python calls if there is no Cleanup
        return any('Cleanup' in vars(base) for base in type(job).__mro__)


class CleanupContext:
    """The state of a run that its Cleanups use.

    Args:
        directory: The directory in which they are called; None if it no longer exists.
        args, kwargs: The arguments of ``set_args()``.
    """

    def __init__(
        self, directory: str | None = None, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> None:
        self.directory, self.args, self.kwargs = directory, args, kwargs or {}
        self.succeeded = False
        """Whether all Jobs of the run have passed; False until it has ended."""


class CleanupStack:
    """A stack of pending Cleanups. Each is called once, in reverse order of the start of their attempts.

    A Cleanup is pending from the start of its Job's Run, and stays on the stack until it is called.
    """

    timer = staticmethod(perf_counter)
    """The clock, in seconds, by which each Cleanup is timed."""

    def __init__(self) -> None:
        self._jobs: dict[int, Any] = {}
        """Instances whose Run was started, by sequence number of the attempt. Some may have no Cleanup."""
        self._contexts: dict[int, CleanupContext] = {}
        """The context of each Cleanup, by the same number."""
        self.context = CleanupContext()
        """The context of the Jobs that are pushed from now on."""
        self._numbers = itertools.count()
        self._claim = Claim()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state to copy and pickle, without the ``itertools.count``, which Python 3.14 cannot pickle."""
        return {**vars(self), '_numbers': self.next_sequence()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _numbers=itertools.count(state['_numbers']))

    def next_sequence(self) -> int:
        """Return the sequence number of an attempt that starts now."""
        return next(self._numbers)

    def push(self, job: Any, sequence: int | None = None) -> None:
        """Push an instance whose Run is about to start.

        Args:
            sequence: The sequence number of its attempt (default: a new one). Pushing a number twice changes nothing
                (interrupt rule 3).
        """
        if (self.context.args or self.context.kwargs) and definition_of(type(job), 'Cleanup') is not None:
            from . import cleanup_arguments  # noqa: F401 - now: after Run, it may be impossible to import anything
        sequence = self.next_sequence() if sequence is None else sequence
        self._contexts.setdefault(sequence, self.context)
        self._jobs[sequence] = job

    def drop_last_if_no_cleanup(self) -> None:
        """Drop the last Job, whose attempt has ended, if it has no Cleanup."""
        sequence = next(reversed(self._jobs), None)
        if sequence is not None and not has_cleanup(self._jobs.get(sequence)):
            self._forget(sequence)

    def run(self, notify: Callable[[Event], object], since: int = 0, end: int | None = None) -> BaseException | None:
        """Call the pending Cleanups of attempts numbered from ``since`` to below ``end``. Return the error to raise.

        By default, ``end`` is now: a run that another thread starts meanwhile calls its own Cleanups.

        If another thread is calling Cleanups, wait until it has finished. A call from a Cleanup, or from a listener or
        signal handler in the thread that calls Cleanups, does not wait: it calls those that are still pending.
        """
        errors: list[BaseException | None] = []
        end = self.next_sequence() if end is None else end
        frame = sys._getframe()
        try:
            while not is_on_stack(self._claim.take(frame), frame):
                sleep(POLL_INTERVAL)
            begun: Counter[int] = Counter()
            while not self._run_until_interrupt(range(since, end), notify, errors, begun):
                pass
        finally:
            self._claim.release(frame)
        return chain_errors(errors)

    def _run_until_interrupt(
        self,
        sequences: range,
        notify: Callable[[Event], object],
        errors: list[BaseException | None],
        begun: Counter[int],
    ) -> bool:
        """Call the Cleanups of these attempts, and add all errors to ``errors``. Return False if interrupted.

        Args:
            begun: Counts how often each of them was begun. Only an interrupt should prevent the call; but if something
                prevents it :data:`MAX_BEGUN` times, the Cleanup is given up, so that the others are called.
        """
        try:
            self._run_in_order(sequences, notify, errors, begun)
        except (RecursionError, MemoryError) as error:  # another call would fail, too; the rest stays pending
            errors.append(error)
        except BaseException as interrupt:  # between two Cleanups
            errors.append(interrupt)
            return False
        return True

    def _run_in_order(
        self,
        sequences: range,
        notify: Callable[[Event], object],
        errors: list[BaseException | None],
        begun: Counter[int],
    ) -> None:
        # In its own function: interrupt rule 5.
        for sequence in sorted(self._jobs, reverse=True):
            if sequence in sequences:
                begun[sequence] += 1
                if begun[sequence] <= MAX_BEGUN:
                    self._run_one(sequence, notify, errors)
                self._forget(sequence)

    def _run_one(self, sequence: int, notify: Callable[[Event], object], errors: list[BaseException | None]) -> None:
        job, context = self._jobs.get(sequence), self._contexts.get(sequence, self.context)
        if not has_cleanup(job):  # or another call has popped it
            return
        name, worker = type(job).__name__, threading.current_thread().name
        event = event_now(EventKind.CLEANUP_STARTED, job=name, worker=worker)
        errors.append(capture_error(notify, event))
        if sequence not in self._jobs:
            return  # a listener has called cleanup()
        started = self.timer()
        error = _enter(context.directory, errors)
        if error is None:
            error = self._call(sequence, job, context, errors)
        seconds = self.timer() - started
        event = event_now(EventKind.CLEANUP, job=name, seconds=seconds, exception=error, worker=worker)
        errors.append(capture_error(notify, event))

    def _call(
        self, sequence: int, job: Any, context: CleanupContext, errors: list[BaseException | None]
    ) -> BaseException | None:
        fork_count, error = forks[0], None
        try:
            if not _redefines(type(job), 'run_succeeded'):
                set_attribute(job, 'run_succeeded', context.succeeded)
            args, kwargs = _arguments(job, context)
            call_cleanup = methodcaller('Cleanup', *args, **kwargs)
            # Interrupt rule 7: one call into C pops the Job and calls its Cleanup.
            result = next(map(call_cleanup, map(self._jobs.pop, (sequence,), (_AlreadyPopped(),))))
            if type(result) in LAZY_RESULTS:
                refuse_lazy_result(result, job.Cleanup, 'Cleanup', type(job))
        except BaseException as raised:
            if sequence in self._jobs:  # an interrupt or a full stack prevented the call
                raise
            error = strip_engine_frames(raised, None)  # None: keep its context, since the caller will see it
            errors.append(error)  # within this block, so that an interrupt gets the error as its context
        if forks[0] != fork_count:
            end_child(error)
        return error

    def _forget(self, sequence: int) -> None:
        self._jobs.pop(sequence, None)
        self._contexts.pop(sequence, None)


def _redefines(job_class: type, name: str) -> bool:
    """Tell whether a class uses a name of Job for something else."""
    for base in job_class.__mro__:
        if name in vars(base):
            return base is not Job
    return False


def _arguments(job: Any, context: CleanupContext) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments for a Cleanup: those of ``set_args()`` if it takes them, else none."""
    if context.args or context.kwargs:
        from .cleanup_arguments import wants_arguments  # here, since it is slow to import

        if wants_arguments(job, context.args, context.kwargs):
            return context.args, context.kwargs
    return (), {}


def _enter(directory: str | None, errors: list[BaseException | None]) -> BaseException | None:
    """Enter ``directory`` before a Cleanup. Return an error only if the Cleanup must not be called.

    It must not be called if the directory no longer exists, since relative paths would mean something else. If the
    process may no longer enter the directory, perhaps because a Job dropped its privileges, the Cleanup is called, so
    that nothing is left behind. All errors but that one are added to ``errors``.
    """
    for _ in range(2):  # twice, since the first error may be an interrupt
        error = capture_error(enter_directory, directory)
        if error is None:
            return None
        if isinstance(error, OSError) and is_gone(directory):
            errors.append(error)
            return error
        if not isinstance(error, PermissionError):
            errors.append(error)
    log_critical('a Cleanup is called in another directory, since %r cannot be entered: %s', directory, error)
    return None
