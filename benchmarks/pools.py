"""Many Jobs at once, each case in a fresh process: by the engine, and by a plain loop over the same executor."""

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
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from graphlib import TopologicalSorter
from time import perf_counter
from typing import Any, NamedTuple

import graphs

from dojobber import DoJobber, Job

HERE = pathlib.Path(__file__).resolve()

Turns = list[tuple[float, float]]
"""Seconds of the engine and of the plain loop, a turn each."""


class Case(NamedTuple):
    """A graph to measure, and who works it."""

    executor: str
    workers: int
    shape: str
    jobs: int
    """The root included, which never sleeps."""
    shortest: float = 0.0
    """Seconds that each Job sleeps: drawn with a fixed seed, between this and ``longest``."""
    longest: float = 0.0

    @property
    def sleeps(self) -> bool:
        """Tell whether the Jobs sleep. Otherwise they do nothing, and all the time is overhead."""
        return self.longest > 0

    def make(self) -> tuple[graphs.Needs, list[float]]:
        """Return its graph and the seconds that each Job sleeps."""
        draw = random.Random(1)
        needs = graphs.SHAPES[self.shape](self.jobs)
        return needs, [*(draw.uniform(self.shortest, self.longest) for _ in needs[1:]), 0.0]


def ideal(needs: graphs.Needs, seconds: Sequence[float], workers: int) -> float:
    """Return the seconds that no scheduler can beat: the longest path, or all the work over all the workers."""
    ends: list[float] = []
    for indexes, own in zip(needs, seconds):
        ends.append(own + max((ends[need] for need in indexes), default=0.0))
    return max(max(ends), sum(seconds) / workers)


def nap(seconds: float) -> None:
    """Do what each Job does."""
    if seconds:
        time.sleep(seconds)


def naps(job: Any) -> None:
    """Check: sleep."""
    nap(job.seconds)


def make_jobs(needs: graphs.Needs, seconds: Sequence[float]) -> list[type[Job]]:
    """Return Job classes for a graph, the root last. Each sleeps in its Check."""
    jobs: list[type[Job]] = []
    for index, (indexes, own) in enumerate(zip(needs, seconds)):
        members = {'DEPS': [jobs[need] for need in indexes], 'seconds': own, 'Check': naps}
        jobs.append(type(f'Job{index}', (Job,), members))
    return jobs


def work(executor: Executor, jobs: Sequence[Any], travels: bool = False) -> list[Any]:
    """Work a graph by a plain loop and return its Jobs in the order in which they ended.

    All that is ready is submitted at once. There is no second try, and nothing is remembered.

    Args:
        travels: Whether what is submitted goes to another process: then it is no more than what the Check does.
    """
    sorter = TopologicalSorter({job: job.DEPS for job in jobs})
    sorter.prepare()
    done: queue.SimpleQueue[tuple[Any, Future[None]]] = queue.SimpleQueue()
    ended = []
    while sorter.is_active():
        for job in sorter.get_ready():
            future = executor.submit(nap, job.seconds) if travels else executor.submit(attempt, job)
            future.add_done_callback(lambda future, job=job: done.put((job, future)))  # type: ignore[misc]
        job, future = done.get()
        future.result()
        sorter.done(job)
        ended.append(job)
    return ended


def attempt(job: Any) -> None:
    """Try a Job, and do no more."""
    instance = job()
    instance.storage = {}
    instance.global_storage = {}
    instance.Check()


@contextlib.contextmanager
def started(case: Case) -> Iterator[Executor | None]:
    """Yield the executor of a case, with its workers at work; None for threads, which each turn starts by itself."""
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
            silence_logs=logging.CRITICAL,  # a worker that is just being stopped may complain
        )
        with cluster, distributed.Client(cluster) as client:
            yield client.get_executor(pure=False)


def times(case: Case, turns: int) -> Turns:
    """Return what ``turns`` turns took. A first one is not counted: it uses all classes for the first time."""
    needs, seconds = case.make()
    jobs = make_jobs(needs, seconds)
    with started(case) as executor:
        return [(_by_engine(case, jobs[-1], executor), _by_loop(case, jobs, executor)) for _ in range(turns + 1)][1:]


def _by_engine(case: Case, root: type[Job], executor: Executor | None) -> float:
    gc.collect()
    begun = perf_counter()
    engine = DoJobber()
    engine.configure(root, max_workers=case.workers if executor is None else None, executor=executor)
    engine.checknrun()
    ended = perf_counter()
    if not engine.success() or len(engine.nodestatus) != case.jobs:
        raise AssertionError(f'the engine has not worked {case}: {engine.nodeexceptions}')
    return ended - begun


def _by_loop(case: Case, jobs: list[type[Job]], executor: Executor | None) -> float:
    gc.collect()
    begun = perf_counter()
    if executor is None:
        with ThreadPoolExecutor(case.workers) as threads:
            worked = work(threads, jobs)
    else:
        worked = work(executor, jobs, travels=True)
    ended = perf_counter()
    if set(worked) != set(jobs):
        raise AssertionError(f'the plain loop has not worked {case}')
    return ended - begun


def in_fresh_process(case: Case, turns: int) -> Turns:
    """Return what :func:`times` says in a process of its own."""
    command = [sys.executable, str(HERE), json.dumps([case, turns])]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return [(engine, loop) for engine, loop in found]


if __name__ == '__main__':
    fields, count = json.loads(sys.argv[1])
    print(json.dumps(times(Case(*fields), count)))
