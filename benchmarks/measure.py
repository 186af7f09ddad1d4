"""Measure time, memory and the import, each in a fresh process.

The garbage collector is on, as it is for users. It collects before each measurement, so that all start alike.
"""

from __future__ import annotations

import gc
import json
import os
import pathlib
import subprocess
import sys
import tracemalloc
from time import perf_counter
from typing import NamedTuple

import bare
import graphs

import dojobber
from dojobber import DoJobber, Job

HERE = pathlib.Path(__file__).resolve()

Figures = dict[str, float]

IMPORTS = {'start': 'pass', 'stdlib': 'import dataclasses, enum, logging, traceback', 'dojobber': 'import dojobber'}
"""The statements that the compared interpreters run."""


class Case(NamedTuple):
    """A graph to measure."""

    shape: str
    leaves: str
    jobs: int

    def make(self) -> list[type[Job]]:
        """Return its Job classes, the root last."""
        return graphs.make_jobs(graphs.SHAPES[self.shape](self.jobs), self.leaves)


def times(case: Case) -> Figures:
    """Return the seconds of ``configure``, ``run``, ``success`` and the ``bare`` loop, and numbers of Jobs.

    Engine and bare loop take turns, and the fastest turn of each counts, since other load only adds time.
    """
    jobs = case.make()
    turns, bare_turns = [], []
    for _ in range(max(2, min(20, 100_000 // case.jobs))):
        gc.collect()
        started_at = perf_counter()
        not_passed = bare.run_graph(jobs[-1], graphs.TRIES)
        bare_turns.append(perf_counter() - started_at)

        engine = DoJobber()
        gc.collect()
        started_at = perf_counter()
        configure(engine, jobs[-1])
        configured_at = perf_counter()
        engine.checknrun()
        ended_at = perf_counter()
        engine.success()
        success_seconds = perf_counter() - ended_at
        turns.append((ended_at - started_at, configured_at - started_at, ended_at - configured_at, success_seconds))

        status = engine.nodestatus
        if {job for job in jobs if not status[job.__name__]} != not_passed:
            raise AssertionError(f'the engine and the bare loop disagree about {case}')
        statuses = list(status.values())
        del engine, status, not_passed  # free them outside the measurements
    _, configure_seconds, run, success_seconds = min(turns)
    return {
        'configure': configure_seconds,
        'run': run,
        'success': success_seconds,
        'bare': min(bare_turns),
        'passed': statuses.count(True),
        'failed': statuses.count(False),
        'blocked': statuses.count(None),
    }


def memory(case: Case) -> Figures:
    """Return bytes: ``plan`` after ``configure()``, ``kept`` after the run including the plan, and ``peak`` in between.

    The Job classes are not counted, nor what they and the library cache at their first use.
    """
    root = case.make()[-1]
    bare.run_graph(root, graphs.TRIES)
    first = DoJobber()  # fills the caches of the library
    configure(first, Case('chain', 'failing', 2).make()[-1])
    first.checknrun()
    gc.collect()

    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    engine = DoJobber()
    configure(engine, root)
    gc.collect()
    plan = tracemalloc.get_traced_memory()[0]
    engine.checknrun()
    peak = tracemalloc.get_traced_memory()[1]
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return {'plan': plan - before, 'kept': kept - before, 'peak': peak - before}


def configure(engine: DoJobber, root: type[Job]) -> None:
    """Configure an engine like all others of these benchmarks."""
    engine.configure(root, default_tries=graphs.TRIES, default_retry_delay=0)


def in_fresh_process(function: str, case: Case) -> Figures:
    """Return the result of :func:`times` or :func:`memory`, given by name, in a process of its own."""
    command = [sys.executable, str(HERE), function, case.shape, case.leaves, str(case.jobs)]
    figures: Figures = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return figures


def imports(rounds: int) -> list[dict[str, Figures]]:
    """Return for each round the seconds that each of ``IMPORTS`` takes in a fresh interpreter.

    ``inside`` is the import alone, ``outside`` the whole process.
    """
    results = [{name: _import(statement) for name, statement in IMPORTS.items()} for _ in range(rounds + 1)]
    return results[1:]  # the first round writes the bytecode


def _import(statement: str) -> Figures:
    folder = str(pathlib.Path(dojobber.__file__).parents[1])
    code = (
        f'import sys, time; sys.path.append({folder!r}); started_at = time.perf_counter(); {statement}; '
        'print(time.perf_counter() - started_at)'
    )
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONDONTWRITEBYTECODE'}
    command = [sys.executable, '-c', code]
    started_at = perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=HERE.parent, env=environment)
    return {'inside': float(done.stdout), 'outside': perf_counter() - started_at}


if __name__ == '__main__':
    function, shape, leaves, jobs = sys.argv[1:]
    print(json.dumps({'times': times, 'memory': memory}[function](Case(shape, leaves, int(jobs)))))
