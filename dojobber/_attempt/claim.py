"""A claim that at most one call holds at a time, without a lock."""

from __future__ import annotations

from types import FrameType


class Claim:
    """A claim. The first call that takes it holds it; a call is identified by its frame.

    An interrupt cannot leave it held forever (interrupt rule 4): a single operation of a dict takes it, and the
    next call that takes it releases it first if the frame of its holder has ended.
    """

    def __init__(self) -> None:
        self._holders: dict[str, FrameType] = {}

    def take(self, frame: FrameType) -> FrameType:
        """Take it for ``frame``, unless another call holds it, and return the frame that holds it."""
        while True:
            holder = self._holders.setdefault('holder', frame)
            if holder is frame or _is_running(holder):
                return holder
            self.release(holder)

    def release(self, frame: FrameType) -> None:
        """Release it if ``frame`` holds it."""
        if self._holders.get('holder') is frame:
            self._holders.pop('holder', None)

    @property
    def is_held(self) -> bool:
        """Whether a call holds it."""
        holder = self._holders.get('holder')
        return holder is not None and _is_running(holder)

    def __reduce__(self) -> tuple[type[Claim], tuple[()]]:
        """Copy and pickle it as a claim that nobody holds."""
        return Claim, ()


def is_on_stack(frame: FrameType, top: FrameType) -> bool:
    """Tell whether ``frame`` is ``top``, a running frame of this thread, or one of its callers."""
    link: FrameType | None = top
    while link is not None and link is not frame:
        link = link.f_back
    return link is not None


def _is_running(frame: FrameType) -> bool:
    try:
        frame.clear()  # refused while the frame runs, harmless afterward
    except RuntimeError:
        return True
    return False
