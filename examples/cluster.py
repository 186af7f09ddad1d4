"""Work the same graph of a few hundred Jobs twice: one by one in this process, then on a Dask cluster.

From a checkout::

    pip install '.[dask]'
    python examples/cluster.py

It counts primes. Each leaf counts those of one range of numbers, and writes how many there are to a file of its own. A
Job above reads the files of some ranges next to each other, and writes the sum. So all that the Jobs say to each other
goes through a folder, which all machines of a cluster have to share. This cluster is two processes of this machine,
bound to the loopback address; a ``Client`` with the address of another cluster is all that would change.

With ``--folder`` the files are kept, and the next time there is nothing left to do.
"""

from __future__ import annotations

import argparse
import logging
import os
import pathlib
import sys
import tempfile
import time
from concurrent.futures import Executor

from dask.distributed import Client, LocalCluster

from dojobber import DoJobber, Job

FAN_IN = 16
"""How many files a Job adds up at most."""


class CountPrimes(Job):
    """Know how many primes there are from ``low`` up to, and without, ``high``."""

    low: int
    high: int

    def Check(self, folder: pathlib.Path) -> int:
        """Return what the file says."""
        return int(self.file(folder, self.low, self.high).read_text())

    def Run(self, folder: pathlib.Path) -> None:
        """Count by a sieve: cross out the multiples of each number up to the root of ``high``."""
        is_prime = [number > 1 for number in range(self.low, self.high)]
        factor = 2
        while factor * factor < self.high:
            first = max(factor * factor, -(-self.low // factor) * factor)
            for multiple in range(first, self.high, factor):
                is_prime[multiple - self.low] = False
            factor += 1
        self.write(folder, sum(is_prime))

    @staticmethod
    def file(folder: pathlib.Path, low: int, high: int) -> pathlib.Path:
        """Return where the count of a range is."""
        return folder / f'primes-{low}-{high}.txt'

    def write(self, folder: pathlib.Path, count: int) -> None:
        """Write the file as a whole, or not at all: who reads it meanwhile finds no half of a number."""
        path = self.file(folder, self.low, self.high)
        unfinished = path.with_suffix('.unfinished')
        unfinished.write_text(str(count))
        os.replace(unfinished, path)


class AddPrimes(CountPrimes):
    """Know the same of a larger range, from the files of its parts."""

    parts: list[tuple[int, int]]  # DEPS does not travel to the workers

    def Run(self, folder: pathlib.Path) -> None:
        """Add up the parts."""
        self.write(folder, sum(int(self.file(folder, *part).read_text()) for part in self.parts))


def count(low: int, high: int) -> type[CountPrimes]:
    """Return a Job that counts."""
    return type(f'Count{low}to{high}', (CountPrimes,), {'low': low, 'high': high})


def add(jobs: list[type[CountPrimes]]) -> type[CountPrimes]:
    """Return a Job that adds up what others, of ranges next to each other, have counted."""
    low, high = jobs[0].low, jobs[-1].high
    parts = [(job.low, job.high) for job in jobs]
    return type(f'Add{low}to{high}', (AddPrimes,), {'DEPS': jobs, 'low': low, 'high': high, 'parts': parts})


def graph(below: int, jobs: int) -> type[CountPrimes]:
    """Return the root of a graph with that many leaves, which between them have all numbers ``below``."""
    ends = [below * index // jobs for index in range(jobs + 1)]
    level = [count(low, high) for low, high in zip(ends, ends[1:])]
    while len(level) > 1:
        groups = [level[start : start + FAN_IN] for start in range(0, len(level), FAN_IN)]
        level = [add(group) if len(group) > 1 else group[0] for group in groups]
    return level[0]


def work(name: str, root: type[CountPrimes], folder: pathlib.Path, executor: Executor | None = None) -> int | None:
    """Work the graph, say what was done, and return the number of primes; None if some Job failed."""
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    engine = DoJobber()
    engine.configure(root, executor=executor)
    engine.set_args(folder.resolve())
    engine.checknrun()
    seconds = time.perf_counter() - begun
    changed = sum(outcome.state.name == 'CHANGED' for outcome in engine.outcomes.values())
    primes: int | None = engine.noderesults.get(root.__name__)
    print(f'{name}: {len(engine.outcomes)} Jobs, {changed} changed, {seconds:.1f} s: {primes} primes below {root.high}')
    for job, error in engine.nodeexceptions.items():
        print(f'  {job}: {error}')
    return primes


def main() -> int:
    """Work the graph twice, and return the exit status: 0 if both results are the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--jobs', type=int, default=256, help='Jobs that count (%(default)s)')
    parser.add_argument('--workers', type=int, default=2, help='processes of the cluster (%(default)s)')
    parser.add_argument('--below', type=int, default=1_000_000, help='count the primes below this (%(default)s)')
    parser.add_argument('--folder', type=pathlib.Path, help='where to keep the files')
    options = parser.parse_args()
    if not 1 <= options.jobs <= options.below:
        parser.error('there must be at least one Job, and a number for each')

    root = graph(options.below, options.jobs)
    cluster = LocalCluster(
        n_workers=options.workers,
        threads_per_worker=1,
        host='127.0.0.1',
        dashboard_address='127.0.0.1:0',
        silence_logs=logging.CRITICAL,  # a worker that is just being stopped may complain
    )
    with tempfile.TemporaryDirectory() as temporary, cluster, Client(cluster) as client:
        folder = options.folder or pathlib.Path(temporary)
        serially = work('one by one', root, folder / 'serial')
        # pure=False: the same call made twice is work to be done twice.
        on_cluster = work('on the cluster', root, folder / 'cluster', client.get_executor(pure=False))
    return 0 if serially is not None and serially == on_cluster else 1


if __name__ == '__main__':
    sys.exit(main())
