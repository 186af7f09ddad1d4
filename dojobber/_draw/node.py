"""A Job as the pictures show it."""

from __future__ import annotations

from typing import NamedTuple

from ..outcome import Outcome


class Node(NamedTuple):
    """A Job with its outcome."""

    name: str
    dependencies: tuple[str, ...]
    kind: str
    """``'Job'``, ``'RunonlyJob'`` or ``'DummyJob'``."""
    summary: str
    """First line of the docstring; may be empty."""
    outcome: Outcome | None
    """None if the Job was not part of the last run."""
    error: str
    """Error message of the Job; empty if there is none."""

    def is_blocked_by(self, dependency: str) -> bool:
        """Tell whether this Job was not attempted because of ``dependency``."""
        return self.outcome is not None and dependency in self.outcome.blocked_by
