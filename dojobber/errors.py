"""The exceptions DoJobber raises.

Each is a :class:`DoJobberError` and also the builtin exception a caller would expect; each names what it is about in
its message and carries it as ``culprit``.
"""

from __future__ import annotations

from typing import Any


class DoJobberError(Exception):
    """Base of every error of this package."""

    culprit: Any
    """What the error is about: a Job class, the value that was given, the name of a method."""

    def __init__(self, message: str, culprit: Any = None) -> None:
        super().__init__(message)
        self.culprit = culprit


class PlanError(DoJobberError, RuntimeError):
    """``configure()`` was given something that cannot work. Nothing has changed."""


class DepsError(PlanError, TypeError):
    """``DEPS``, or the root itself, is not made of Job classes."""


class CycleError(PlanError):
    """Jobs need each other in a circle."""

    @property
    def cycle(self) -> list[Any]:
        """The Job classes on the circle, each needing the next; the first is repeated at the end."""
        return list(self.culprit)


class UnknownJobError(DoJobberError, LookupError):
    """The Job asked for is not in the configured graph."""


class NotConfiguredError(DoJobberError, RuntimeError):
    """``configure()`` has to be called first."""


class StorageConflictError(DoJobberError, RuntimeError):
    """Two Jobs, neither of which needs the other, wrote one key of ``global_storage`` in different processes."""


class RemoteError(DoJobberError, RuntimeError):
    """Something cannot travel to another process or back. It stands where that would have been."""


class GraphError(DoJobberError, RuntimeError):
    """The picture asked for cannot be made."""
