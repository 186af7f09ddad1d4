"""What happened, as a record, and telling those who asked to be told."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from enum import Enum
from typing import Any, Callable, NamedTuple

logger = logging.getLogger('DoJobber')
"""The developer log. Unless the application or ``dojobber_loglevel`` says otherwise, only what is critical is shown."""

if logger.level == logging.NOTSET:
    logger.setLevel(logging.CRITICAL)


def log_critical(text: str, *args: object) -> None:
    """Log the exception being handled; a log that cannot be written (stderr may be closed) harms nothing."""
    with contextlib.suppress(Exception):
        logger.critical(text, *args, exc_info=True)


class EventKind(Enum):
    """What an :class:`Event` is about. The values of check, run and recheck name the phases of an attempt."""

    RUN_STARTED = 'run started'
    """``value`` is the tuple of Job names, in plan order."""
    ATTEMPT_STARTED = 'attempt started'
    CHECK = 'check'
    RUN = 'run'
    RECHECK = 'recheck'
    """A phase ended: ``seconds`` it took, ``value`` it returned, ``exception`` it raised."""
    WAITING = 'waiting'
    """Nothing can be tried for ``seconds``, until ``value`` on the monotonic clock, when ``job`` is retried."""
    ATTEMPT_FINISHED = 'attempt finished'
    """``seconds`` it took; ``value`` is the Job's :class:`~dojobber.outcome.Outcome` so far, over all tries."""
    CLEANUP_STARTED = 'cleanup started'
    CLEANUP = 'cleanup'
    RUN_FINISHED = 'run finished'
    """``seconds`` in all, Cleanups included; ``value`` maps names to Outcomes; ``exception`` is about to be raised."""


class Event(NamedTuple):
    """Something that happened in a run: an immutable record. What a kind has no use for is None."""

    kind: EventKind
    job: str | None = None
    round: int | None = None
    """Counted from 1."""
    attempt: int | None = None
    """Which try of this Job, counted from 1."""
    seconds: float | None = None
    value: Any = None
    exception: BaseException | None = None


Listener = Callable[[Event], object]


class Listeners:
    """The callables to tell about events, in order. It is false when there are none."""

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self._listeners = list(listeners)

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def tell(self, event: Event) -> None:
        """Hand ``event`` to every listener; one that raises is logged and not told again."""
        for listener in self._listeners:
            try:
                listener(event)
            except (Exception, SystemExit):
                log_critical('listener %r raised and is dropped', listener)
                self._listeners = [other for other in self._listeners if other is not listener]
