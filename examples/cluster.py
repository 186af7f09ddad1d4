"""Run the same graph of a few hundred Jobs twice: one Job at a time in this process, then on a Dask cluster.

From a checkout::

    pip install '.[dask]'
    python examples/cluster.py

The graph counts primes. Each leaf counts the primes in one range of numbers and writes the count to its own file. Every
other Job reads the files of adjacent ranges and writes their sum. So the Jobs exchange data only through a folder,
which all machines of a cluster must share. This cluster is two processes of this machine, bound to the loopback
address. To use another one, pass its address to ``Client``.

With ``--folder`` the files are kept, and the next run has nothing left to do.
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
"""The largest number of files that one Job adds up."""


class CountPrimes(Job):
    """Count the primes in ``range(low, high)``."""

    low: int
    high: int

    def Check(self, folder: pathlib.Path) -> int:
        """Return the count in the file."""
        return int(self.file(folder, self.low, self.high).read_text())

    def Run(self, folder: pathlib.Path) -> None:
        """Count with a sieve: cross out the multiples of each number up to the square root of ``high``."""
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
        """Return the path of the file with the count of a range."""
        return folder / f'primes-{low}-{high}.txt'

    def write(self, folder: pathlib.Path, count: int) -> None:
        """Write the file atomically, so that no reader finds half a number."""
        path = self.file(folder, self.low, self.high)
        unfinished = path.with_suffix('.unfinished')
        unfinished.write_text(str(count))
        os.replace(unfinished, path)


class AddPrimes(CountPrimes):
    """Add up the counts of adjacent ranges."""

    parts: list[tuple[int, int]]  # the workers receive this, but not DEPS

    def Run(self, folder: pathlib.Path) -> None:
        """Add up the parts."""
        self.write(folder, sum(int(self.file(folder, *part).read_text()) for part in self.parts))


def count(low: int, high: int) -> type[CountPrimes]:
    """Return a Job that counts the primes of a range."""
    return CountPrimes.named(f'Count{low}to{high}', low=low, high=high)


def add(jobs: list[type[CountPrimes]]) -> type[CountPrimes]:
    """Return a Job that adds up the counts of ``jobs``, whose ranges are adjacent."""
    low, high = jobs[0].low, jobs[-1].high
    parts = [(job.low, job.high) for job in jobs]
    return AddPrimes.named(f'Add{low}to{high}', DEPS=jobs, low=low, high=high, parts=parts)


def graph(below: int, jobs: int) -> type[CountPrimes]:
    """Return the root of a graph with ``jobs`` leaves, which together cover ``range(below)``."""
    ends = [below * index // jobs for index in range(jobs + 1)]
    level = [count(low, high) for low, high in zip(ends, ends[1:])]
    while len(level) > 1:
        groups = [level[start : start + FAN_IN] for start in range(0, len(level), FAN_IN)]
        level = [add(group) if len(group) > 1 else group[0] for group in groups]
    return level[0]


def run(name: str, root: type[CountPrimes], folder: pathlib.Path, executor: Executor | None = None) -> int | None:
    """Run the graph, print a summary, and return the number of primes, or None if a Job failed."""
    folder.mkdir(parents=True, exist_ok=True)
    started_at = time.perf_counter()
    engine = DoJobber()
    engine.configure(root, executor=executor)
    engine.set_args(folder.resolve())
    engine.checknrun()
    seconds = time.perf_counter() - started_at
    changed = sum(outcome.state.name == 'CHANGED' for outcome in engine.outcomes.values())
    primes: int | None = engine.noderesults.get(root.__name__)
    print(f'{name}: {len(engine.outcomes)} Jobs, {changed} changed, {seconds:.1f} s: {primes} primes below {root.high}')
    for job, error in engine.nodeexceptions.items():
        print(f'  {job}: {error}')
    return primes


def main() -> int:
    """Run the graph twice and return the exit status, 0 if the results agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--jobs', type=int, default=256, help='number of Jobs that count (default: %(default)s)')
    parser.add_argument(
        '--workers', type=int, default=2, help='number of processes in the cluster (default: %(default)s)'
    )
    parser.add_argument(
        '--below', type=int, default=1_000_000, help='count the primes below this number (default: %(default)s)'
    )
    parser.add_argument('--folder', type=pathlib.Path, help='keep the files in this folder')
    options = parser.parse_args()
    if not 1 <= options.jobs <= options.below:
        parser.error('--jobs must be at least 1 and at most --below')

    root = graph(options.below, options.jobs)
    cluster = LocalCluster(
        n_workers=options.workers,
        threads_per_worker=1,
        host='127.0.0.1',
        dashboard_address='127.0.0.1:0',
        silence_logs=logging.CRITICAL,  # workers log complaints while they are stopped
    )
    with tempfile.TemporaryDirectory() as temporary, cluster, Client(cluster) as client:
        folder = options.folder or pathlib.Path(temporary)
        serially = run('in this process', root, folder / 'serial')
        # pure=False: Dask must repeat a call that it has seen before.
        on_cluster = run('on the cluster', root, folder / 'cluster', client.get_executor(pure=False))
    return 0 if serially is not None and serially == on_cluster else 1


if __name__ == '__main__':
    sys.exit(main())
