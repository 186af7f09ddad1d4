"""Lines on stderr during a run without a bar: failed attempts, and Jobs that take long."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Callable

from ..text import duration
from .signals import leave_signals_to_main_thread
from .streams import print_to_stderr

INTERVAL = 60.0
"""Seconds between two lines about a Job that is still running."""


class Notices:
    """Writes a line for each failed attempt that is retried, and a line each minute for a Job that is still running.

    Args:
        running: Start of each running attempt or Cleanup on that clock, by name. Another thread may change it.
        clock: Returns seconds of a monotonic clock.
        interval: Seconds between two lines about a running Job.
    """

    def __init__(
        self, running: Mapping[str, float], clock: Callable[[], float] = monotonic, interval: float = INTERVAL
    ) -> None:
        self._running, self._clock, self._interval = running, clock, interval
        self._counts: dict[tuple[str, float], int] = {}  # lines about each attempt, by name and start

    @contextlib.contextmanager
    def watching(self, poll_seconds: float = 1.0) -> Iterator[None]:
        """For the duration of the block, report long-running Jobs from a thread."""
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=[stop, poll_seconds], name='dojobber-notices', daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()  # no join(): the thread may be blocked writing to a pipe that nobody reads

    def report_retry(self, name: str, attempt: int, tries: float, error: str, seconds: float) -> None:
        """Write that an attempt has failed with ``error``, and that the next one starts in ``seconds``."""
        total = f' of {math.ceil(tries)}' if tries < math.inf else ''
        next_attempt = f'next in {duration(seconds, 0)}' if seconds >= 0.5 else 'trying again'
        print_to_stderr(f'{name}: attempt {attempt}{total} failed: {error}; {next_attempt}')

    def report_running(self) -> None:
        """Write which Jobs have been running for another interval."""
        now = self._clock()
        running = dict(self._running)
        self._counts = {key: count for key, count in self._counts.items() if running.get(key[0]) == key[1]}
        for name, start in running.items():
            count = math.floor((now - start) / self._interval)
            if count > self._counts.get((name, start), 0):
                self._counts[name, start] = count
                print_to_stderr(f'{name}: still running after {duration(count * self._interval, 0)}')

    def _watch(self, stop: threading.Event, poll_seconds: float) -> None:
        leave_signals_to_main_thread()
        while not stop.wait(poll_seconds):
            self.report_running()
