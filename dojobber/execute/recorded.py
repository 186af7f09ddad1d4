"""What those who wait for attempts made elsewhere have in common."""

from __future__ import annotations

from typing import NamedTuple

LONGEST_WAIT = 1.0  # seconds; a signal does not end a wait that it comes just before, and on Windows none at all


class Recorded(NamedTuple):
    """What there is to know about an attempt that has ended."""

    has_passed: bool
    failure: BaseException | None = None
    """What the attempt itself ends the run with."""
    struck: BaseException | None = None
    """What struck while it was recorded, and ends the run too."""

    def raise_interrupt(self) -> None:
        """Raise what is to end the run, if anything."""
        for interrupt in self.struck, self.failure:
            if interrupt is not None:
                raise interrupt
