"""What became of a Job."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from .read_only import ReadOnlyDict


class State(Enum):
    """The ways a Job can end up.

    ``OK`` and ``CHANGED`` have passed, at the first check or after a Run; ``FAILED`` and ``WOULD_RUN`` have not, the
    latter because of ``no_act``; ``BLOCKED`` and ``NOT_RUN`` were never tried, because of a Job that did not pass or
    for another reason. ``passed`` says it in short: True, False, and None for those never tried.
    """

    OK = 'ok'
    """Passed at the first check."""
    CHANGED = 'changed'
    """Passed after its Run."""
    FAILED = 'failed'
    """Did not pass, or was interrupted."""
    BLOCKED = 'blocked'
    """Never tried, because something it needs was tried and did not pass, or is blocked itself."""
    WOULD_RUN = 'would run'
    """In ``no_act`` only: its check failed and it has a Run. To ``nodestatus`` it has failed."""
    NOT_RUN = 'not run'
    """Never tried, though nothing it needs failed: the run was interrupted or has not come to it yet."""

    passed: bool | None
    """True passed, False did not, None never tried."""

    def __init__(self, _: str) -> None:
        self.passed = {'ok': True, 'changed': True, 'failed': False, 'would run': False}.get(self.value)


def is_interrupt(error: BaseException | None) -> bool:
    """Tell whether ``error`` ends the whole run, as KeyboardInterrupt does, and not just one phase of one Job.

    A Job that exits, or that has an asyncio task cancelled, has only failed itself. An exception group is an interrupt
    if one of its exceptions is.
    """
    kind = type(error)  # isinstance() would call a property named __class__, which may raise
    if error is None or issubclass(kind, (Exception, SystemExit)):
        return False
    group = getattr(builtins, 'BaseExceptionGroup', None)  # Python 3.11 and later
    if group is not None and issubclass(kind, group):
        return any(map(is_interrupt, group.exceptions.__get__(error)))
    asyncio = sys.modules.get('asyncio.exceptions')  # not imported: without it, nobody can raise its exceptions
    return asyncio is None or not issubclass(kind, asyncio.CancelledError)


class Outcome(NamedTuple):
    """What became of one Job in one ``checknrun()``: an immutable record.

    ``state`` says how it ended up, after how many ``tries``; ``result`` is what its passing Check returned, and
    ``exception`` why it did not pass; ``seconds`` is the time spent in it, and ``phases`` that of each kind of phase;
    ``blocked_by`` names the needs that kept it from being tried.
    """

    state: State
    """How it ended up."""
    tries: int = 0
    """How often it was tried."""
    result: Any = None
    """What the passing Check returned; None if none passed."""
    exception: BaseException | None = None
    """Why it did not pass: the last try's error, as in ``nodeexceptions``. None if it passed or was never tried."""
    phases: Mapping[str, float] = ReadOnlyDict()
    """Seconds spent by phase (``'check'``, ``'run'``, ``'recheck'``), over all tries; without those not come to."""
    blocked_by: tuple[str, ...] = ()
    """Names of its direct needs that failed, would run, or are blocked themselves, in the order of its ``DEPS``."""

    @property
    def seconds(self) -> float:
        """Seconds spent in all phases of all tries."""
        return sum(self.phases.values())


def merge_attempts(earlier: Outcome, latest: Outcome) -> Outcome:
    """Return what became of a Job: what its latest try left, with the tries and the time of those before."""
    phases = dict(earlier.phases)
    for phase, seconds in latest.phases.items():
        phases[phase] = phases.get(phase, 0.0) + seconds
    return latest._replace(tries=earlier.tries + latest.tries, phases=phases)
