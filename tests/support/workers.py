"""Recorders, queues and time limits with which tests watch workers."""

from __future__ import annotations

import faulthandler
import queue
import threading

import pytest

from dojobber._workers.base import Recorded

LIMIT = 30  # seconds after which something that should happen at once is taken for a deadlock


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


def call_in_time(function, *args):
    """Call ``function`` in a thread, and fail if that takes longer than the limit; return and raise what it does."""
    ends = []

    def call():
        try:
            ends.append((function(*args), None))
        except BaseException as error:
            ends.append((None, error))

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(LIMIT)
    if not ends:
        faulthandler.dump_traceback()
        pytest.fail('it does not end')
    returned, error = ends[0]
    if error is not None:
        raise error
    return returned


def raised_in_time(function, *args):
    """Return what ``function`` raises when it is called in the same way; None if it returns."""
    try:
        call_in_time(function, *args)
    except BaseException as error:
        return error
    return None
