"""A script whose eight Jobs run until they are let go, for tests that interrupt it at its terminal.

Its arguments: ``max_workers`` or ``executor``, and for each Job a pipe to read one byte from.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import termios
import threading
from concurrent.futures import ThreadPoolExecutor

from dojobber import DoJobber, DummyJob, Job


class Terminated(BaseException):
    """SIGTERM came."""


def say(*words):
    os.write(sys.stdout.fileno(), f'{" ".join(words)}\n'.encode())  # in one piece, whichever thread says it


def make(number, pipe):
    """Return a Job class that runs until there is something to read."""
    name = f'J{number}'

    def check(self):
        if not self.storage:
            raise ValueError

    def run(self):
        self.storage['ran'] = True
        say(name, 'runs')
        os.read(pipe, 1)
        say(name, 'ends')

    def cleanup(self):
        say(name, 'cleaned up')

    return type(name, (Job,), {'Check': check, 'Run': run, 'Cleanup': cleanup})


def started(count):
    """Return a pool with all its threads: one that an interrupt strikes as it starts one cannot end at the exit."""
    pool, together = ThreadPoolExecutor(count), threading.Barrier(count)
    for future in [pool.submit(together.wait) for _ in range(count)]:
        future.result()
    return pool


def terminate(*_):
    raise Terminated


def main(how, *pipes):
    """Work the Jobs, and say what that raised."""
    fcntl.ioctl(sys.stdin, termios.TIOCSCTTY, 0)  # from here on, Ctrl-C there is for this process
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a child of a background process has not
    signal.signal(signal.SIGTERM, terminate)
    sys.excepthook = lambda *_: None  # a traceback would mix with what the Jobs say
    jobs = [make(number, int(pipe)) for number, pipe in enumerate(pipes)]
    late = type('Late', (Job,), {'Check': lambda self: say('Late runs')})
    engine = DoJobber()
    executor = started(len(jobs)) if how == 'executor' else None
    root = type('Root', (DummyJob,), {'DEPS': [*jobs, late]})
    engine.configure(root, verbose=True, max_workers=len(jobs), executor=executor)
    try:
        engine.checknrun()
    except BaseException as error:
        say('passed:', *(name for name, status in engine.nodestatus.items() if status))
        say('raised', type(error).__name__)
        raise


if __name__ == '__main__':
    main(*sys.argv[1:])
