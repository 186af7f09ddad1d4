"""Run eight Jobs at the same time until they are released, for tests that interrupt the run at its terminal.

Arguments: ``max_workers`` or ``executor``, and for each Job a pipe whose first byte releases it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from dojobber import DoJobber, DummyJob, Job


class Terminated(BaseException):
    """Raised by SIGTERM."""


def say(*words):
    os.write(sys.stdout.fileno(), f'{" ".join(words)}\n'.encode())  # one call, so that lines of threads do not mix


def make_job(number, pipe):
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


def started_pool(count):
    """Return a pool with all its threads running: a pool that is interrupted while it starts one cannot shut down."""
    pool, barrier = ThreadPoolExecutor(count), threading.Barrier(count)
    for future in [pool.submit(barrier.wait) for _ in range(count)]:
        future.result()
    return pool


def terminate(*_):
    raise Terminated


def main(workers, *pipes):
    signal.signal(signal.SIGTERM, terminate)
    sys.excepthook = lambda *_: None  # a traceback would mix with the lines of the Jobs
    jobs = [make_job(number, int(pipe)) for number, pipe in enumerate(pipes)]
    late = type('Late', (Job,), {'Check': lambda self: say('Late runs')})
    engine = DoJobber()
    executor = started_pool(len(jobs)) if workers == 'executor' else None
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
