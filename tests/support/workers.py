"""Recorders, limits of time and limits of threads for the tests of workers."""

from __future__ import annotations

import faulthandler
import threading

import pytest

from dojobber._workers.base import Recorded

LIMIT = 30  # seconds after which a wait that should end at once counts as a deadlock


class RecordingRecorder:
    """A recorder that keeps its notifications in lists, by Job index."""

    def __init__(self, read=lambda result: Recorded(bool(result))):
        self.started_indexes, self.finished_indexes, self.withdrawn_indexes, self.abandoned_indexes = [], [], [], []
        self.results = []
        self._read = read

    def started(self, index):
        self.started_indexes.append(index)

    def finished(self, index, result):
        self.finished_indexes.append(index)
        self.results.append(result)
        return self._read(result)

    def withdrawn(self, index):
        self.withdrawn_indexes.append(index)

    def abandoned(self, index, interrupt):
        self.abandoned_indexes.append((index, interrupt))


def passing(_):
    return Recorded(True)


def limit_threads(monkeypatch, count):
    """Let the system refuse to start more than ``count`` threads of the engine; return the list of those started."""
    start, started = threading.Thread.start, []

    def start_or_refuse(thread):
        if thread.name.startswith('dojobber'):
            if len(started) == count:
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, 'start', start_or_refuse)
    return started


def call_in_time(function, *args):
    """Return or raise the result of ``function(*args)``, called in a thread. Fail after ``LIMIT`` seconds."""
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
        pytest.fail(f'{function} has not ended after {LIMIT} seconds')
    returned, error = ends[0]
    if error is not None:
        raise error
    return returned


def raised_in_time(function, *args):
    """Return the error that ``call_in_time()`` raises, or None."""
    try:
        call_in_time(function, *args)
    except BaseException as error:
        return error
    return None
