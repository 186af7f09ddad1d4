"""The record of a Job's result."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple, Optional

from .read_only import ReadOnlyDict


class State(Enum):
    """The state of a Job during or after a run. ``passed`` tells whether the Job passed.

    It is True for ``OK``, ``CHANGED`` and ``SKIPPED``, False for ``FAILED`` and ``WOULD_RUN``, and None for ``BLOCKED``
    and ``NOT_RUN``: whether such a Job would pass is not known.
    """

    OK = 'ok', True
    """Passed at the first check."""
    CHANGED = 'changed', True
    """Passed after Run."""
    SKIPPED = 'skipped', True
    """Counts as passed: it raised ``Skip``, since it does not apply here, or ``configure(skip=...)`` names it."""
    FAILED = 'failed', False
    """Did not pass, or was interrupted."""
    BLOCKED = 'blocked', None
    """Never attempted, because a dependency did not pass or is blocked itself. With ``assume_changes``, also a Job
    without a Run whose check failed: Jobs that it depends on would run first, so the check may pass then."""
    WOULD_RUN = 'would run', False
    """Only with ``no_act``: the check failed, and the Job has a Run, which was not called."""
    NOT_RUN = 'not run', None
    """Never attempted: the run was interrupted or ended by ``fail_fast``, or has not reached the Job yet."""

    _value_: str
    passed: Optional[bool]
    """True if the Job passed, False if it did not, None if that is not known."""

    def __new__(cls, value: str, passed: Optional[bool]) -> State:
        """Create a member. Only the first item is its ``value``."""
        state = object.__new__(cls)
        state._value_ = value
        state.passed = passed
        return state


def is_interrupt(error: Optional[BaseException]) -> bool:
    """Tell whether ``error`` ends the whole run, as KeyboardInterrupt does, instead of failing one Job.

    SystemExit and asyncio's CancelledError only fail a Job. An exception group is an interrupt if it contains one.
    """
    kind = type(error)  # isinstance() would call a property named __class__, which may raise
    if error is None or issubclass(kind, (Exception, SystemExit)):
        return False
    group = getattr(builtins, 'BaseExceptionGroup', None)  # Python 3.11 and later
    if group is not None and issubclass(kind, group):
        return any(map(is_interrupt, group.exceptions.__get__(error)))
    asyncio = sys.modules.get('asyncio.exceptions')  # if it is not imported, its exceptions cannot be raised
    return asyncio is None or not issubclass(kind, asyncio.CancelledError)


class Outcome(NamedTuple):
    """The record of one Job's result in one ``checknrun()``. It is immutable.

    ``state`` is its ``State`` after ``tries`` attempts. ``result`` is the return value of the passing Check,
    ``exception`` the error of a Job that did not pass, or its ``Skip``, and ``run_exception`` what its Run raised.
    ``seconds`` is the time that all attempts took, and ``phases`` breaks it down by phase. ``blocked_by`` names the
    dependencies that block it or, with ``assume_changes``, would run first.
    """

    state: State
    """The state of the Job."""
    tries: int = 0
    """Number of attempts."""
    result: Any = None
    """Return value of the passing Check; None if none passed."""
    exception: Optional[BaseException] = None
    """The error of its last attempt, or the ``Skip`` that it raised. None if it passed, was skipped by ``configure()``
    or was never attempted."""
    phases: Mapping[str, float] = ReadOnlyDict()
    """Seconds by phase (``'check'``, ``'run'``, ``'recheck'``) over all attempts. Phases not reached are missing."""
    blocked_by: tuple[str, ...] = ()
    """Names of its direct dependencies that failed, would run or are blocked themselves, in the order of ``DEPS``.

    With ``assume_changes``, a Job that would run, or is ``BLOCKED`` after its check, lists its direct dependencies that
    would run or are ``BLOCKED``. If there are none, it lists those that passed but depend on a Job that would run."""
    run_exception: Optional[BaseException] = None
    """What the Run of its last attempt raised, even if the recheck passed, and even a ``Skip``; None if nothing."""

    @property
    def seconds(self) -> float:
        """Seconds in all phases of all attempts."""
        return sum(self.phases.values())


def merge_attempts(earlier: Outcome, latest: Outcome) -> Outcome:
    """Return ``latest`` with the number of attempts and the seconds of ``earlier`` added."""
    phases = dict(earlier.phases)
    for phase, seconds in latest.phases.items():
        phases[phase] = phases.get(phase, 0.0) + seconds
    state, tries, result, exception, _, blocked_by, run_exception = latest  # faster than _replace()
    return Outcome(state, earlier.tries + tries, result, exception, phases, blocked_by, run_exception)
