"""Recorders and queues with which tests watch workers."""

from __future__ import annotations

import queue

from dojobber._workers.base import Recorded


class RecordingRecorder:
    """Keeps what it is notified of."""

    def __init__(self, read=lambda result: Recorded(bool(result))):
        self.started_ones, self.recorded, self.withdrawn_ones, self.abandoned_ones = [], [], [], []
        self.results = []
        self._read = read

    def started(self, index):
        self.started_ones.append(index)

    def finished(self, index, result):
        self.recorded.append(index)
        self.results.append(result)
        return self._read(result)

    def withdrawn(self, index):
        self.withdrawn_ones.append(index)

    def abandoned(self, index, interrupt):
        self.abandoned_ones.append((index, interrupt))


def passing(_):
    return Recorded(True)


class Waits:
    """In place of a queue: calls each function in turn, as what happens while somebody waits for it to be filled."""

    def __init__(self, *happens):
        self.timeouts = []
        self.filled = queue.SimpleQueue()
        self.put = self.filled.put
        self._happens = iter(happens)

    def get(self, timeout=None):
        self.timeouts.append(timeout)
        return next(self._happens)()


def nothing_comes():
    raise queue.Empty


def interrupt_comes():
    raise KeyboardInterrupt
