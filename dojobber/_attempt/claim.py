"""Something that one call holds at a time."""

from __future__ import annotations

from types import FrameType


class Claim:
    """Tells which call came first, by its frame.

    Unlike a lock it cannot be left locked by an interrupt: taking it is a single operation of a dict, and a frame that
    is not being executed any more holds nothing.
    """

    def __init__(self) -> None:
        self._holders: dict[str, FrameType] = {}

    def take(self, frame: FrameType) -> FrameType:
        """Return who holds it: ``frame``, unless another call does already."""
        while True:
            holder = self._holders.setdefault('holder', frame)
            if holder is frame or _is_executed(holder):
                return holder
            self.release(holder)

    def release(self, frame: FrameType) -> None:
        """Let others take it, if ``frame`` holds it."""
        if self._holders.get('holder') is frame:
            self._holders.pop('holder', None)

    @property
    def is_held(self) -> bool:
        """Whether a call holds it."""
        holder = self._holders.get('holder')
        return holder is not None and _is_executed(holder)

    def __reduce__(self) -> tuple[type[Claim], tuple[()]]:
        """Copy and pickle it as one that nobody holds."""
        return Claim, ()


def is_below(frame: FrameType, caller: FrameType) -> bool:
    """Tell whether ``caller``, which is being executed in this thread, is ``frame`` or was called by it."""
    link: FrameType | None = caller
    while link is not None and link is not frame:
        link = link.f_back
    return link is not None


def _is_executed(frame: FrameType) -> bool:
    try:
        frame.clear()  # which is refused while it is executed, and harmless afterwards
    except RuntimeError:
        return True
    return False
