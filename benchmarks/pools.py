"""Run many Jobs at once, each case in a fresh process: with the engine, and with a plain loop over its executor."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import pathlib
import queue
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from graphlib import TopologicalSorter
from time import perf_counter, sleep
from typing import Any, NamedTuple

import graphs

from dojobber import DoJobber, Job

HERE = pathlib.Path(__file__).resolve()

Turns = list[tuple[float, float]]
"""For each turn, the seconds of the engine and of the plain loop."""


class Case(NamedTuple):
    """A graph to measure, and the workers that run it."""

    executor: str
    workers: int
    shape: str
    jobs: int
    """The number of Jobs, including the root, which never sleeps."""
    shortest: float = 0.0
    """Seconds that a Job sleeps at least; the value is drawn with a fixed seed."""
    longest: float = 0.0
    """Seconds that a Job sleeps at most."""

    @property
    def sleeps(self) -> bool:
        """Whether the Jobs sleep. If they do nothing, all the time is overhead."""
        return self.longest > 0

    def make(self) -> tuple[graphs.Dependencies, list[float]]:
        """Return its graph and the seconds that each Job sleeps."""
        draw = random.Random(1)
        dependencies = graphs.SHAPES[self.shape](self.jobs)
        return dependencies, [*(draw.uniform(self.shortest, self.longest) for _ in dependencies[1:]), 0.0]


def ideal(dependencies: graphs.Dependencies, seconds: Sequence[float], workers: int) -> float:
    """Return the seconds that no scheduler can beat: the longest path, or the total work divided by the workers."""
    ends: list[float] = []
    for indexes, own in zip(dependencies, seconds):
        ends.append(own + max((ends[index] for index in indexes), default=0.0))
    return max(max(ends), sum(seconds) / workers)


def nap(seconds: float) -> None:
    """Sleep, if there is anything to sleep."""
    if seconds:
        sleep(seconds)


def check(job: Any) -> None:
    """Check: sleep."""
    nap(job.seconds)


def make_jobs(dependencies: graphs.Dependencies, seconds: Sequence[float]) -> list[type[Job]]:
    """Return Job classes for a graph, the root last. Each Job sleeps in its Check."""
    jobs: list[type[Job]] = []
    for index, (indexes, own) in enumerate(zip(dependencies, seconds)):
        members = {'DEPS': [jobs[dependency] for dependency in indexes], 'seconds': own, 'Check': check}
        jobs.append(type(f'Job{index}', (Job,), members))
    return jobs


def run_graph(executor: Executor, jobs: Sequence[Any], remote: bool = False) -> list[Any]:
    """Run a graph with a plain loop and return its Jobs in the order in which they ended.

    Each Job is submitted as soon as it is ready. There are no retries, and nothing is recorded.

    Args:
        remote: Whether the executor runs calls in other processes. Then only the call that Check makes is submitted.
    """
    sorter = TopologicalSorter({job: job.DEPS for job in jobs})
    sorter.prepare()
    done: queue.SimpleQueue[tuple[Any, Future[None]]] = queue.SimpleQueue()
    ended = []
    while sorter.is_active():
        for job in sorter.get_ready():
            future = executor.submit(nap, job.seconds) if remote else executor.submit(attempt, job)
            future.add_done_callback(lambda future, job=job: done.put((job, future)))  # type: ignore[misc]
        job, future = done.get()
        future.result()
        sorter.done(job)
        ended.append(job)
    return ended


def attempt(job: Any) -> None:
    """Run a minimal attempt of a Job."""
    instance = job()
    instance.storage = {}
    instance.global_storage = {}
    instance.Check()


@contextlib.contextmanager
def running_executor(case: Case) -> Iterator[Executor | None]:
    """Yield the executor of a case with its workers started; None for threads, which each turn starts for itself."""
    if case.executor == 'threads':
        yield None
    elif case.executor == 'processes':
        with ProcessPoolExecutor(case.workers) as pool:
            list(pool.map(nap, [0.01] * 4 * case.workers))
            yield pool
    else:
        import distributed

        cluster = distributed.LocalCluster(
            n_workers=case.workers,
            threads_per_worker=1,
            host='127.0.0.1',
            dashboard_address='127.0.0.1:0',
            silence_logs=logging.CRITICAL,  # workers log complaints while they are stopped
        )
        with cluster, distributed.Client(cluster) as client:
            yield client.get_executor(pure=False)


def times(case: Case, turns: int) -> Turns:
    """Measure ``turns`` turns, after a first one that fills the caches of all classes."""
    dependencies, seconds = case.make()
    jobs = make_jobs(dependencies, seconds)
    with running_executor(case) as executor:
        timed = [(_time_engine(case, jobs[-1], executor), _time_loop(case, jobs, executor)) for _ in range(turns + 1)]
    return timed[1:]


def _time_engine(case: Case, root: type[Job], executor: Executor | None) -> float:
    gc.collect()
    started_at = perf_counter()
    engine = DoJobber()
    engine.configure(root, max_workers=case.workers if executor is None else None, executor=executor)
    engine.checknrun()
    seconds = perf_counter() - started_at
    if not engine.success() or len(engine.nodestatus) != case.jobs:
        raise AssertionError(f'the engine failed to run {case}: {engine.nodeexceptions}')
    return seconds


def _time_loop(case: Case, jobs: list[type[Job]], executor: Executor | None) -> float:
    gc.collect()
    started_at = perf_counter()
    if executor is None:
        with ThreadPoolExecutor(case.workers) as threads:
            ended = run_graph(threads, jobs)
    else:
        ended = run_graph(executor, jobs, remote=True)
    seconds = perf_counter() - started_at
    if set(ended) != set(jobs):
        raise AssertionError(f'the plain loop failed to run {case}')
    return seconds


def in_fresh_process(case: Case, turns: int) -> Turns:
    """Return the result of :func:`times` in a process of its own."""
    command = [sys.executable, str(HERE), json.dumps([case, turns])]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return [(engine, loop) for engine, loop in found]


if __name__ == '__main__':
    fields, count = json.loads(sys.argv[1])
    print(json.dumps(times(Case(*fields), count)))
