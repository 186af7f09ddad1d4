"""Attempts in the caller's thread, one after the other."""

from __future__ import annotations

from typing import Callable


class Inline:
    """Makes each attempt itself, in the caller's thread.

    Args:
        attempt: Attempts the Job of that index and returns whether it passed. What it raises ends the run.
    """

    max_running = 1

    def __init__(self, attempt: Callable[[int], bool]) -> None:
        self.start = attempt

    def wait_for_one(self, timeout: float) -> None:
        """Return None: each attempt ends where it starts."""

    def drain(self) -> None:
        """Do nothing: nothing runs."""
