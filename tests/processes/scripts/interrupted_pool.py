"""Run Jobs of this script on a pool of processes and print the results, for tests that interrupt it.

Arguments: the start method of the pool; a folder in which this script marks the points it reaches; what the Job Slow
does in its Run (``pass``, ``raise`` or ``wait``); whether workers ``ignore`` SIGINT or ``heed`` it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor

from support.factories import mark_reached, wait_until_reached

from dojobber import DoJobber, Job
from dojobber._workers.futures import FutureWorkers

METHOD, FOLDER, ACTION, ON_SIGINT = sys.argv[1:]


class CustomInterrupt(BaseException):
    """Ends a run, as KeyboardInterrupt does."""


class Movie:
    def __init__(self, title):
        self.title = title


class First(Job):
    def Check(self):
        if not self.storage:
            raise ValueError('not yet')

    def Run(self):
        self.storage['pid'] = os.getpid()

    def Cleanup(self):
        print('cleaned', type(self).__name__, self.storage['pid'] != os.getpid(), flush=True)


class Slow(First):
    DEPS = [First]

    def Run(self):
        super().Run()
        if ACTION == 'raise':
            raise CustomInterrupt('enough')
        if ACTION == 'wait':
            mark_reached(FOLDER, 'slow')
            wait_until_reached(FOLDER, 'go')


class Root(Job):
    DEPS = [Slow]

    def Check(self):
        return Movie('Noises Off')


class MarkingPool:
    """Marks that the engine has added its callback to a future of the pool."""

    def __init__(self, pool):
        self.pool = pool
        self.submitted = 0

    def submit(self, function, request):
        future = self.pool.submit(function, request)
        add_to_future = future.add_done_callback

        def add_done_callback(callback):
            add_to_future(callback)
            self.submitted += 1
            mark_reached(FOLDER, f'submitted {self.submitted}')

        future.add_done_callback = add_done_callback
        return future


def drain(workers, drain=FutureWorkers.drain):
    mark_reached(FOLDER, 'waiting')
    drain(workers)


def ignore_sigint():
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def main():
    FutureWorkers.drain = drain
    initializer = ignore_sigint if ON_SIGINT == 'ignore' else None
    with ProcessPoolExecutor(2, multiprocessing.get_context(METHOD), initializer=initializer) as pool:
        engine = DoJobber()
        engine.configure(Root, default_tries=1, executor=MarkingPool(pool))
        try:
            engine.checknrun()
        except BaseException as error:
            print(type(error).__name__)
        print(engine.nodestatus)
        print([type(result) is Movie and result.title for result in engine.noderesults.values()][-1:], flush=True)
        mark_reached(FOLDER, 'end')


if __name__ == '__main__':
    main()
