"""What happens in a run, as records that listeners are called with."""

from __future__ import annotations

from enum import Enum
from typing import Any, Callable, NamedTuple


class EventKind(Enum):
    """What an ``Event`` is about.

    ``RUN_STARTED`` and ``RUN_FINISHED`` are told once a ``checknrun()``, with the names of the Jobs and with their
    Outcomes as ``value``. In between, each try of a Job is told by ``ATTEMPT_STARTED``, then ``CHECK``, ``RUN`` and
    ``RECHECK`` when these have ended, and ``ATTEMPT_FINISHED``, with the Job's Outcome so far as ``value``. Of a try
    that is made on a thread or in another process, all but the start is told when it has ended. ``WAITING`` tells that
    nothing can be tried for some seconds, ``CLEANUP_STARTED`` and ``CLEANUP`` that a Cleanup starts and has ended.
    """

    RUN_STARTED = 'run started'
    """``value`` is the tuple of Job names, in plan order."""
    ATTEMPT_STARTED = 'attempt started'
    """``job`` is about to be tried, or was handed to a thread or a process for that."""
    CHECK = 'check'
    """The first check ended: ``seconds`` it took, ``value`` it returned, ``exception`` it raised."""
    RUN = 'run'
    """Run ended, told in the same way."""
    RECHECK = 'recheck'
    """The check after Run ended, told in the same way."""
    WAITING = 'waiting'
    """Nothing can be tried for ``seconds``, until ``value`` on the monotonic clock, when ``job`` is retried."""
    ATTEMPT_FINISHED = 'attempt finished'
    """``seconds`` it took; ``value`` is the Job's ``Outcome`` so far, over all tries; ``exception`` is why this one did
    not pass."""
    CLEANUP_STARTED = 'cleanup started'
    """The Cleanup of a try of ``job`` is about to be called; that of a later ``cleanup()`` is told too."""
    CLEANUP = 'cleanup'
    """It ended: ``seconds`` it took, ``exception`` it raised. Told alone, without seconds, of a Job that still runs and
    is not cleaned up because the wait for it was interrupted."""
    RUN_FINISHED = 'run finished'
    """``seconds`` in all, with the Cleanups called; ``value`` maps names to Outcomes; ``exception`` is about to be
    raised."""


class Event(NamedTuple):
    """Something that happened in a run: an immutable record, handed to each listener.

    ``kind`` says what happened, and ``job`` names the Job it happened to; ``round`` and ``attempt`` say in which of its
    tries; ``seconds``, ``value`` and ``exception`` tell what ``EventKind`` says for each kind. What a kind has no
    use for is None. A listener that prints what became of each try::

        from dojobber import EventKind

        def tell(event):
            if event.kind is EventKind.ATTEMPT_FINISHED:
                print(event.job, event.attempt, event.value.state.value)

        engine.configure(MakeFolder, listeners=[tell])
        engine.checknrun()  # MakeFolder 1 ok
    """

    kind: EventKind
    """What happened."""
    job: str | None = None
    """Name of the Job; None for the run as a whole."""
    round: int | None = None
    """Which walk over the graph this try belongs to, counted from 1; None for the run and for Cleanups."""
    attempt: int | None = None
    """Which try of this Job, counted from 1; None likewise. While it waits, the try to come."""
    seconds: float | None = None
    """How long it took; for ``WAITING``, how long it will take."""
    value: Any = None
    """What the kind says; of a phase, what the Job's method returned."""
    exception: BaseException | None = None
    """What was raised, if anything was."""


Listener = Callable[[Event], object]
