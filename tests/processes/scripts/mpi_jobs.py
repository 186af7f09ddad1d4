"""Run Jobs on MPI workers and print the results."""

from __future__ import annotations

import os

from mpi4py.futures import MPIPoolExecutor

from dojobber import DoJobber, Job


class Leaf(Job):
    def Check(self):
        if not self.storage:
            raise ValueError('not yet')
        self.global_storage['leaf'] = os.getpid()

    def Run(self):
        self.storage['pid'] = os.getpid()

    def Cleanup(self):
        print('cleaned', self.storage['pid'] != os.getpid())


class Late(Job):
    def Check(self):
        self.global_storage['attempts'] = self.global_storage.get('attempts', 0) + 1
        if self.global_storage['attempts'] < 4:
            raise ValueError('not yet')


class Root(Job):
    DEPS = [Leaf, Late]

    def Check(self):
        return self.global_storage['leaf'] != os.getppid(), self.global_storage['attempts']


class Interrupts(Job):
    DEPS = [Root]

    def Check(self):
        raise KeyboardInterrupt


if __name__ == '__main__':
    with MPIPoolExecutor() as pool:
        engine = DoJobber()
        engine.configure(Interrupts, default_retry_delay=0, executor=pool)
        try:
            engine.checknrun()
        except KeyboardInterrupt:
            print(engine.nodestatus, engine.noderesults['Root'])
