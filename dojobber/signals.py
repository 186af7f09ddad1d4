"""The signals that end a run of the command line: who handles them, and for how long."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Callable, NoReturn, Optional

SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, Optional[FrameType]], NoReturn]


class Terminated(BaseException):
    """SIGTERM came."""


@contextlib.contextmanager
def ended_at_once(before: Callable[[], object]) -> Iterator[Handler]:
    """Let a signal end the process, but call ``before`` first. It returns the handler that does this."""

    def leave(number: int, _: object) -> NoReturn:
        before()
        os._exit(128 + number)

    with handled_by(leave):
        yield leave


@contextlib.contextmanager
def handled_by(handler: Handler) -> Iterator[None]:
    """Have the signals handled; one that whoever started the process had ignored stays so."""
    earlier = {each: signal.getsignal(each) for each in SIGNALS}
    heeded = [each for each in SIGNALS if earlier[each] is not signal.SIG_IGN]
    for each in heeded:
        signal.signal(each, handler)
    try:
        yield
    finally:
        for each in heeded:
            signal.signal(each, earlier[each])
