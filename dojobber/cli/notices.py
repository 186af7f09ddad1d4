"""What stderr gets during a run where no bar shows it: attempts that failed, and Jobs that take long."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Callable

from ..text import duration
from .signals import leave_signals_to_main_thread
from .streams import complain

LONG = 60.0
"""Seconds after which a Job that is still running is mentioned, and after as many again."""


class Notices:
    """Writes a line for each failed attempt that is retried, and one for each minute that a Job is running.

    Args:
        running: When the attempts under way started, on the clock, by name. Another thread may change it.
        clock: Returns the seconds of a monotonic clock.
        long: After how many seconds a running Job is mentioned.
    """

    def __init__(
        self, running: Mapping[str, float], clock: Callable[[], float] = monotonic, long: float = LONG
    ) -> None:
        self._running, self._clock, self._long = running, clock, long
        self._mentioned: dict[tuple[str, float], int] = {}  # how often, by name and start

    @contextlib.contextmanager
    def watching(self, interval: float = 1.0) -> Iterator[None]:
        """Mention the Jobs that take long, from a thread that looks every ``interval`` seconds while this lasts."""
        end = threading.Event()
        thread = threading.Thread(target=self._watch, args=[end, interval], name='dojobber-notices', daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()  # the thread is not waited for: it may be about to write to a stderr that nobody reads

    def retried(self, name: str, attempt: int, tries: float, error: str, seconds: float) -> None:
        """Write that an attempt failed, with ``error``, and that the next one comes in ``seconds``."""
        of = f' of {math.ceil(tries)}' if tries < math.inf else ''
        following = f'next in {duration(seconds, 0)}' if seconds >= 0.5 else 'trying again'
        complain(f'{name}: attempt {attempt}{of} failed: {error}; {following}')

    def mention(self) -> None:
        """Write which Jobs have been running for another minute."""
        now = self._clock()
        under_way = dict(self._running)
        self._mentioned = {key: count for key, count in self._mentioned.items() if under_way.get(key[0]) == key[1]}
        for name, start in under_way.items():
            count = math.floor((now - start) / self._long)
            if count > self._mentioned.get((name, start), 0):
                self._mentioned[name, start] = count
                complain(f'{name}: still running after {duration(count * self._long, 0)}')

    def _watch(self, end: threading.Event, interval: float) -> None:
        leave_signals_to_main_thread()
        while not end.wait(interval):
            self.mention()
