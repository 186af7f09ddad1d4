"""The exceptions that DoJobber raises.

Each derives from :class:`DoJobberError` and from a built-in exception. Its message names the offending object and says
what was expected. ``culprit`` holds the object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from .outcome import Outcome


class DoJobberError(Exception):
    """Base of all errors of this package. ``culprit`` holds the offending object, as each subclass describes.

    Two methods raise this class itself: ``checknrun()`` if it is already running, with its argument as ``culprit``, and
    ``cleanup()`` while Jobs run, without one.
    """

    culprit: Any
    """The offending object; None if there is none."""

    def __init__(self, message: str, culprit: Any = None) -> None:
        super().__init__(message)
        self.culprit = culprit


class DoJobberWarning(UserWarning):
    """Something in a Job class is probably a mistake, such as a method ``run`` where ``Run`` is missing."""


class PlanError(DoJobberError, RuntimeError):
    """An argument of ``configure()`` or a Job is invalid, or ``checknrun()`` is running. The engine is unchanged.

    ``culprit`` is the Job class, the value of the argument, or its name.
    """


class DepsError(PlanError, TypeError):
    """The root, or something in a ``DEPS``, is not a Job class, or a ``DEPS`` is misspelled or cannot be read.

    ``culprit`` is the Job class with these ``DEPS`` or the misspelled name, or the value given as root.
    """


class CycleError(PlanError):
    """Jobs depend on each other in a cycle. ``culprit`` and ``cycle`` hold the path."""

    @property
    def cycle(self) -> list[Any]:
        """The Job classes on the cycle. Each depends on the next; the last repeats the first."""
        return list(self.culprit)


class ArgumentsError(DoJobberError, TypeError):
    """A Check, Run or Cleanup cannot be called with the arguments of ``set_args()``. ``check_args()`` raises it.

    The message lists each hook with its missing and unexpected arguments. ``culprit`` is a tuple of the names of the
    Jobs.
    """


class UnknownJobError(DoJobberError, LookupError):
    """A Job to run or to skip is not in the graph, or the list of Jobs to run is empty.

    ``culprit`` is that Job or list, as given.
    """


class NotConfiguredError(DoJobberError, RuntimeError):
    """``configure()`` or ``checknrun()`` must be called first. ``culprit`` is the name of what was used."""


class StorageConflictError(DoJobberError, RuntimeError):
    """Two Jobs in other processes wrote the same key of ``global_storage``, and neither depends on the other.

    It fails the Job that ended second. ``culprit`` is the key. Changing an object that was read counts as writing its
    key, unless both Jobs left the object in the same state and changed only attributes that were missing or None, as
    an object does that computes a value on first use.
    """


class RemoteError(DoJobberError, RuntimeError):
    """An object cannot be sent to a worker process or back. This error takes the place of the object.

    ``culprit`` is the Job class, its name, the key of ``global_storage``, or a description of the object. It can
    be None, as for the arguments of ``set_args()``.
    """


class JobsFailedError(DoJobberError, RuntimeError):
    """``raise_for_failure()`` found Jobs that did not pass. ``culprit`` is a tuple of the names of those that failed.

    With ``no_act``, Jobs that would run count as failed. The message counts all that did not pass, and shows the first
    of those in ``culprit``, each with its error and that of its Run. ``outcomes`` holds the outcome of every Job.
    """

    outcomes: Mapping[str, Outcome]
    """The outcome of each Job, by name."""

    def __init__(self, message: str, culprit: Any = None, outcomes: Optional[Mapping[str, Outcome]] = None) -> None:
        super().__init__(message, culprit)
        self.outcomes = outcomes or {}


class GraphError(DoJobberError, RuntimeError):
    """The picture cannot be drawn, or ``engine.graph`` cannot be created.

    ``culprit`` is the format, another invalid argument, the offending part of ``engine.graph``, or the name of the
    missing module.
    """
