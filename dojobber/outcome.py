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
    and ``NOT_RUN``, of which nothing is known.
    """

    OK = 'ok'
    """Passed at the first check."""
    CHANGED = 'changed'
    """Passed after Run."""
    SKIPPED = 'skipped'
    """Counts as passed: it raised ``Skip``, since it does not apply here, or ``configure(skip=...)`` names it."""
    FAILED = 'failed'
    """Did not pass, or was interrupted."""
    BLOCKED = 'blocked'
    """Never attempted, because a dependency did not pass or is blocked itself. With ``assume_changes``, also checked in
    vain: the check failed, but dependencies would run first."""
    WOULD_RUN = 'would run'
    """Only with ``no_act``: the check failed, and the Job has a Run, which was not called."""
    NOT_RUN = 'not run'
    """Never attempted: the run was interrupted or ended by ``fail_fast``, or has not reached the Job yet."""

    passed: Optional[bool]
    """True if the Job passed, False if it did not, None if that is not known."""

    def __init__(self, _: str) -> None:
        self.passed = {
            'ok': True,
            'changed': True,
            'skipped': True,
            'failed': False,
            'would run': False,
        }.get(self.value)


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
    ``exception`` the error of a Job that did not pass, and ``run_exception`` that of its Run. ``seconds`` is the time
    that all attempts took, and ``phases`` breaks it down by phase. ``blocked_by`` names the dependencies that kept it
    from being attempted.
    """

    state: State
    """The state of the Job."""
    tries: int = 0
    """Number of attempts."""
    result: Any = None
    """Return value of the passing Check; None if none passed."""
    exception: Optional[BaseException] = None
    """The error of its last attempt, as in ``nodeexceptions``, or the ``Skip`` that it raised; None if it passed in
    another way or was never attempted."""
    phases: Mapping[str, float] = ReadOnlyDict()
    """Seconds by phase (``'check'``, ``'run'``, ``'recheck'``) over all attempts. Phases not reached are missing."""
    blocked_by: tuple[str, ...] = ()
    """Names of its direct dependencies that failed, would run or are blocked themselves, in the order of ``DEPS``.

    With ``assume_changes``, also of a Job that was checked although these would run first; if there are none, those
    that depend on such a Job in turn."""
    run_exception: Optional[BaseException] = None
    """The error of the Run of its last attempt, even if the recheck passed; None if there was none."""

    @property
    def seconds(self) -> float:
        """Seconds in all phases of all attempts."""
        return sum(self.phases.values())


def merge_attempts(earlier: Outcome, latest: Outcome) -> Outcome:
    """Return ``latest`` with the number of attempts and the seconds of ``earlier`` added."""
    phases = dict(earlier.phases)
    for phase, seconds in latest.phases.items():
        phases[phase] = phases.get(phase, 0.0) + seconds
    state, tries, result, exception, _, blocked_by, run_exception = latest
    return Outcome(state, earlier.tries + tries, result, exception, phases, blocked_by, run_exception)
