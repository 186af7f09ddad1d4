"""The events of a run, which listeners receive."""

from __future__ import annotations

from enum import Enum
from typing import Any, Callable, NamedTuple, Optional


class EventKind(Enum):
    """The kind of an ``Event``.

    A run begins with ``RUN_STARTED`` and ends with ``RUN_FINISHED``. In between, each attempt at a Job emits
    ``ATTEMPT_STARTED``, then ``CHECK``, ``RUN`` and ``RECHECK`` as these phases end, and ``ATTEMPT_FINISHED``. For an
    attempt on a thread or in another process, its start is reported at once and everything else when the attempt ends.
    ``WAITING`` is emitted when no Job can be attempted for some seconds, ``CLEANUP_STARTED`` and ``CLEANUP`` before and
    after each Cleanup.
    """

    RUN_STARTED = 'run started'
    """The run starts. ``value`` is a tuple of the Job names, in plan order."""
    ATTEMPT_STARTED = 'attempt started'
    """An attempt at ``job`` starts, or is handed to a thread or process. If the run ends before a thread takes it, no
    other event of this attempt follows."""
    CHECK = 'check'
    """The first check ended: it took ``seconds``, and returned ``value`` or raised ``exception``."""
    RUN = 'run'
    """Run ended, with the same fields."""
    RECHECK = 'recheck'
    """The check after Run ended, with the same fields."""
    WAITING = 'waiting'
    """No Job can be attempted for ``seconds``. The next is ``job``, when the monotonic clock reaches ``value``."""
    ATTEMPT_FINISHED = 'attempt finished'
    """The attempt ended: it took ``seconds``. ``value`` is the Job's ``Outcome`` so far, over all attempts, and
    ``exception`` the error of this attempt, or its ``Skip``."""
    CLEANUP_STARTED = 'cleanup started'
    """The Cleanup of an attempt at ``job`` is about to be called, at the end of a run or by ``cleanup()``."""
    CLEANUP = 'cleanup'
    """The Cleanup ended: it took ``seconds``, and may have raised ``exception``. If an interrupt ended the wait for a
    Job that is still running, its Cleanup is not called, and this event comes without CLEANUP_STARTED and seconds."""
    RUN_FINISHED = 'run finished'
    """The run ended: it took ``seconds``, including its Cleanups. ``value`` maps Job names to Outcomes. ``checknrun()``
    will raise ``exception``, if any."""


class Event(NamedTuple):
    """An immutable record of something that happened in a run. Each listener is called with it.

    ``kind`` is the ``EventKind``, ``job`` the name of the Job; ``round`` and ``attempt`` number the attempt. The
    meaning of ``seconds``, ``value`` and ``exception`` depends on the kind. ``time`` is the time of day, and ``worker``
    the thread or process. Fields that do not apply are None. A listener that prints the state after each attempt::

        from dojobber import EventKind

        def print_state(event):
            if event.kind is EventKind.ATTEMPT_FINISHED:
                print(event.job, event.attempt, event.value.state.value)

        engine.configure(MakeFolder, listeners=[print_state])
        engine.checknrun()  # MakeFolder 1 ok
    """

    kind: EventKind
    """The kind of the event."""
    job: Optional[str] = None
    """Name of the Job; None for events of the whole run."""
    round: Optional[int] = None
    """Number of the round, counted from 1. None for events of the whole run and of Cleanups."""
    attempt: Optional[int] = None
    """Number of the attempt at this Job, counted from 1; for ``WAITING``, of the next attempt. None if
    ``round`` is None."""
    seconds: Optional[float] = None
    """Duration in seconds; for ``WAITING``, the expected duration."""
    value: Any = None
    """Depends on the kind: for a phase, the return value of the hook."""
    exception: Optional[BaseException] = None
    """The exception that was raised, if any."""
    time: Optional[float] = None
    """When it happened, in seconds since 1970. For a phase and the end of an attempt, the worker has measured it."""
    worker: Optional[str] = None
    """Name of the thread that did it or, in another process, that process and its host, after the thread if it is not
    the main one. None for events of the whole run, for ``WAITING``, for the start of an attempt that a thread or
    process will take, and if it is not known."""


Listener = Callable[[Event], object]
"""The type of a listener."""
