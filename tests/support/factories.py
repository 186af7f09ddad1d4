"""Job classes, engines and clocks for tests."""

from __future__ import annotations

import contextlib
import io
import math
import os
import pathlib
import time
from functools import partial

from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from dojobber._attempt.attempt import Attempter, AttemptSettings
from dojobber._attempt.directory import enter_directory
from dojobber._plan.plan import JobSettings, Plan
from dojobber._plan.schedule import Schedule


def job(name, deps=(), base=Job, **members):
    """Return a new Job class that passes, unless ``members`` override that."""
    if base is Job:
        members.setdefault('Check', lambda self, *args, **kwargs: None)
    return type(name, (base,), {'DEPS': deps, **members})


def failing(name, deps=(), **members):
    """Return a new Job class whose Check always fails and whose Run changes nothing."""

    def check(self, *args, **kwargs):
        raise ValueError(f'{name} is not done')

    return job(name, deps, **{'Check': check, 'Run': lambda self, *args, **kwargs: None, **members})


def changing(name, deps=(), **members):
    """Return a new Job class whose Check passes after a Run in the same attempt."""

    def check(self, *args, **kwargs):
        if 'ran' not in self.storage:
            raise ValueError(f'{name} is not done')

    def run(self, *args, **kwargs):
        self.storage['ran'] = True

    return job(name, deps, **{'Check': check, 'Run': run, **members})


def chain(length, leaf):
    """Return the root of a chain of ``length`` Jobs that ends in ``leaf``."""
    for number in range(length - 1):
        leaf = job(f'Chain{number}', [leaf])
    return leaf


def scripted(name, deps, log, passes_at=1, runs=False, base=Job, **members):
    """Return a Job class that logs (name, phase) and passes in attempt number ``passes_at``.

    If ``runs``, its first Check fails in that attempt, too, and only the recheck passes.
    """

    def attempt(self):
        return self.global_storage.setdefault(f'attempts of {name}', 0)

    def check(self, *args, **kwargs):
        rechecking = bool(self.storage)
        if not rechecking:
            self.global_storage[f'attempts of {name}'] = attempt(self) + 1
        self.storage['checked'] = True
        log.append((name, 'recheck' if rechecking else 'check'))
        if rechecking < runs or attempt(self) < passes_at:
            raise ValueError(f'{name} attempt {attempt(self)}')
        return attempt(self)

    def run(self, *args, **kwargs):
        log.append((name, 'run'))
        if base is RunonlyJob:
            self.global_storage[f'attempts of {name}'] = attempt(self) + 1
            if attempt(self) < passes_at:
                raise ValueError(f'{name} attempt {attempt(self)}')
        return attempt(self)

    def cleanup(self):
        log.append((name, 'cleanup'))

    hooks = {} if base is DummyJob else {'Run': run, 'Cleanup': cleanup}
    if base is Job:
        hooks['Check'] = check
    return type(name, (base,), {'DEPS': deps, **hooks, **members})


def mark_reached(folder, name):
    """Let other processes see that this point is reached."""
    pathlib.Path(folder, name).touch()


def wait_until_reached(folder, name, limit=60):
    """Wait until another process has reached that point.

    Raises:
        TimeoutError: It did not within ``limit`` seconds.
    """
    deadline = time.monotonic() + limit
    while not pathlib.Path(folder, name).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f'no process reached {name!r}')
        time.sleep(0.005)


def run_attempt(
    job_class,
    *args,
    no_act=False,
    directory=None,
    global_storage=None,
    on_run_started=lambda job: None,
    report=None,
    **kwargs,
):
    """Run one attempt and return its outcome."""
    storage = {} if global_storage is None else global_storage
    setting = AttemptSettings(args, kwargs, storage, no_act, partial(enter_directory, directory or os.getcwd()))
    return Attempter(setting, on_run_started).send((job_class, report))


class FakeClock:
    """A clock that advances only by its ``sleep()``, or when a test sets ``now``. In seconds."""

    def __init__(self, now=1000.0):
        self.now = now
        self.sleeps = []

    def monotonic(self):
        return self.now

    __call__ = monotonic

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds


def make_engine(root, clock=None, **options):
    """Return an engine that is configured for ``root``, by default without delays."""
    engine = DoJobber()
    if clock is not None:
        engine._clock = clock
    engine.configure(root, **{'default_retry_delay': 0, **options})
    return engine


def make_schedule(dependencies, tries=math.inf, delays=0.0, locks=frozenset(), skipped=frozenset(), **options):
    """Return a schedule. ``tries``, ``delays`` and ``locks`` are lists with an item for each Job, or one value for all.

    A delay is a number, or a tuple with the delays after the first attempt, the second, and so on.
    """
    columns = [value if isinstance(value, list) else [value] * len(dependencies) for value in (tries, delays, locks)]
    settings = tuple(
        JobSettings(tries, delay if isinstance(delay, tuple) else (delay,), frozenset(locks))
        for tries, delay, locks in zip(*columns)
    )
    plan = make_plan_of(dependencies, settings)._replace(skipped=frozenset(skipped))
    return Schedule(plan, **options)


def make_plan_of(dependencies, settings):
    """Return a plan of Jobs that are called Job0, Job1 and so on, given the indexes of the dependencies of each."""
    jobs = tuple(job(f'Job{index}') for index in range(len(dependencies)))
    return Plan(tuple(each.__name__ for each in jobs), jobs, tuple(map(tuple, dependencies)), settings)


def run_engine(root, *args, clock=None, node=None, **options):
    """Return an engine that has run ``root``."""
    engine = make_engine(root, clock, **options)
    engine.set_args(*args)
    engine.checknrun(node)
    return engine


def stderr_lines(function, *args, **kwargs):
    """Return the lines that ``function`` writes to stderr."""
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream):
        function(*args, **kwargs)
    return stream.getvalue().splitlines()
