"""What is measured, each in a fresh process: time, memory, and the import.

The garbage collector is on, as it is for a user, and collects before each measurement, so that all begin alike.
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
"""What the interpreters do that are compared."""


class Case(NamedTuple):
    """A graph to measure."""

    shape: str
    leaves: str
    jobs: int

    def make(self) -> list[type[Job]]:
        """Return its Job classes, the root last."""
        return graphs.make_jobs(graphs.SHAPES[self.shape](self.jobs), self.leaves)


def times(case: Case) -> Figures:
    """Return the seconds of ``configure``, ``run``, ``ask`` (``success()``) and the ``bare`` loop, and Jobs by outcome.

    Engine and bare loop take turns, and the fastest turn of each counts: what else the machine does only adds to it.
    """
    jobs = case.make()
    turns, bare_turns = [], []
    for _ in range(max(2, min(20, 100_000 // case.jobs))):
        gc.collect()
        begun = perf_counter()
        without = bare.work(jobs[-1], graphs.TRIES)
        bare_turns.append(perf_counter() - begun)

        engine = DoJobber()
        gc.collect()
        begun = perf_counter()
        configure(engine, jobs[-1])
        configured = perf_counter()
        engine.checknrun()
        ran = perf_counter()
        engine.success()
        asked = perf_counter()
        turns.append((ran - begun, configured - begun, ran - configured, asked - ran))

        passed = engine.nodestatus
        if {job for job in jobs if not passed[job.__name__]} != without:
            raise AssertionError(f'the engine and the bare loop disagree about {case}')
        outcomes = list(passed.values())
        del engine, passed, without  # so that none is freed on another's time
    _, configure_seconds, run, ask = min(turns)
    return {
        'configure': configure_seconds,
        'run': run,
        'ask': ask,
        'bare': min(bare_turns),
        'passed': outcomes.count(True),
        'failed': outcomes.count(False),
        'blocked': outcomes.count(None),
    }


def memory(case: Case) -> Figures:
    """Return bytes: ``plan`` after ``configure()``, ``kept`` after the run, plan included, and ``peak`` in between.

    What was there before the engine is not counted: the Job classes, and what these keep from their first use.
    """
    root = case.make()[-1]
    bare.work(root, graphs.TRIES)
    worked = DoJobber()  # on two Jobs, for what the library keeps from its first use
    configure(worked, Case('chain', 'failing', 2).make()[-1])
    worked.checknrun()
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
    """Configure an engine as all are here."""
    engine.configure(root, default_tries=graphs.TRIES, default_retry_delay=0)


def in_fresh_process(what: str, case: Case) -> Figures:
    """Return what :func:`times` or :func:`memory`, by name, says in a process of its own."""
    command = [sys.executable, str(HERE), what, case.shape, case.leaves, str(case.jobs)]
    figures: Figures = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return figures


def imports(rounds: int) -> list[dict[str, Figures]]:
    """Return, a round at a time, the seconds of each of ``IMPORTS`` in a fresh interpreter.

    ``inside`` is the import alone, ``outside`` all from the start of the process to its end.
    """
    found = [{name: _import(statement) for name, statement in IMPORTS.items()} for _ in range(rounds + 1)]
    return found[1:]  # the first round writes the bytecode


def _import(statement: str) -> Figures:
    found_in = str(pathlib.Path(dojobber.__file__).parents[1])
    code = (
        f'import sys, time; sys.path.append({found_in!r}); begun = time.perf_counter(); {statement}; '
        'print(time.perf_counter() - begun)'
    )
    with_bytecode = {name: value for name, value in os.environ.items() if name != 'PYTHONDONTWRITEBYTECODE'}
    command = [sys.executable, '-c', code]
    begun = perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=HERE.parent, env=with_bytecode)
    return {'inside': float(done.stdout), 'outside': perf_counter() - begun}


if __name__ == '__main__':
    what, shape, leaves, jobs = sys.argv[1:]
    print(json.dumps({'times': times, 'memory': memory}[what](Case(shape, leaves, int(jobs)))))
