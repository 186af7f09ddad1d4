"""The exceptions DoJobber raises.

Each is a :class:`DoJobberError` and also the builtin exception a caller would expect; each names what it is about in
its message and carries it as ``culprit``.
"""

from __future__ import annotations

from typing import Any


class DoJobberError(Exception):
    """Base of every error of this package. ``culprit`` is what the error is about; its kind says what that can be.

    It is raised itself, with what ``checknrun()`` was given as culprit, when the engine is at work already.
    """

    culprit: Any
    """What the error is about; None if it is nothing that could be named."""

    def __init__(self, message: str, culprit: Any = None) -> None:
        super().__init__(message)
        self.culprit = culprit


class PlanError(DoJobberError, RuntimeError):
    """``configure()`` was given something that cannot work. Nothing has changed.

    ``culprit`` is the Job class, the value that was given, or the name of the argument.
    """


class DepsError(PlanError, TypeError):
    """``DEPS``, or the root itself, is not made of Job classes.

    ``culprit`` is the Job class that has these ``DEPS``, or what was given as root.
    """


class CycleError(PlanError):
    """Jobs depend on each other in a cycle. ``culprit`` is the ``cycle``."""

    @property
    def cycle(self) -> list[Any]:
        """The Job classes on the cycle, each depending on the next; the first is repeated at the end."""
        return list(self.culprit)


class UnknownJobError(DoJobberError, LookupError):
    """The Job asked for is not in the configured graph. ``culprit`` is what was asked for, a class or a name."""


class NotConfiguredError(DoJobberError, RuntimeError):
    """``configure()`` has to be called first. ``culprit`` is the name of what was called before it."""


class StorageConflictError(DoJobberError, RuntimeError):
    """Two Jobs, neither of which needs the other, wrote one key of ``global_storage`` in other processes.

    It fails the one that came second. ``culprit`` is the key. To change an object that was read is to write its key.
    But it is no conflict if all that changed are attributes that were missing or None, and both Jobs left the object in
    the same state: so an object changes that computes something when it is first used.
    """


class RemoteError(DoJobberError, RuntimeError):
    """Something cannot travel to another process or back. It stands where that would have been.

    ``culprit`` is the Job class, its name, or words for what cannot travel; None for the arguments of ``set_args()``,
    and for all that a worker could not read or that could not be read from it.
    """


class GraphError(DoJobberError, RuntimeError):
    """The picture asked for cannot be made.

    ``culprit`` is the format, another argument that cannot be, what is wrong in ``engine.graph``, or the name of the
    module that is missing.
    """
