"""Faults, Jobs into which they are injected, and the comparison of a run with the model's prediction."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from dojobber import DummyJob, RunonlyJob

from .comparison import assert_results_match, is_expected
from .factories import FakeClock, make_engine
from .model import Fault, Model
from .specified import specified_jobs


class CustomInterrupt(BaseException):
    """An interrupt that is not one of Python's own."""


class UnprintableError(Exception):
    def __str__(self):
        raise ValueError('no message')

    __repr__ = __str__


def raising(error):
    def inject(_):
        raise error

    return Fault(inject, error)


def _endless(_):
    _endless(_)


EXCEPTIONS = {
    'Exception': raising(ValueError),
    'SystemExit': Fault(lambda _: sys.exit(3), SystemExit),
    'KeyboardInterrupt': raising(KeyboardInterrupt),
    'BaseException': raising(CustomInterrupt),
    'SIGINT': Fault(lambda _: signal.raise_signal(signal.SIGINT), KeyboardInterrupt),
}
CONDITIONS = {
    'RecursionError': Fault(_endless, RecursionError),
    'MemoryError': Fault(lambda _: bytearray(sys.maxsize), MemoryError),
    'unprintable error': raising(UnprintableError),
    'directory removed': Fault(lambda home: os.path.isdir(home) and os.rmdir(home), None),
}


class RecordingJobs:
    """An engine with real Jobs that log all they do. Each hook changes the directory, for the engine to restore it."""

    def __init__(self, specs, faults, home, listening=True, **options):
        self.log: list[tuple[Any, ...]] = []
        self.raised: dict[int, BaseException] = {}
        """The errors of the faults by their position in the log."""
        self.misplaced: list[tuple[Any, ...]] = []
        """Hooks that were not called in the directory that the run was started in."""
        self.starts: list[tuple[str, float]] = []
        """Each instance that was made, as (Job, time)."""
        self.run_succeeded: set[Any] = set()
        """The values of ``run_succeeded`` in Cleanups."""
        self.faults = faults
        self.home = str(home)
        self.clock = clock = FakeClock(0.0)
        advance = clock.sleep

        def sleep(seconds):
            self.reach('sleep')
            advance(seconds)

        clock.sleep = sleep
        self._takes = {spec.name: spec.takes for spec in specs}
        root = specified_jobs(specs, self._hook)[-1]
        listeners = [lambda event: self.reach(f'event {event.kind.value}', event.job, event.attempt)]
        notified = {'listeners': listeners, 'verbose': True} if listening else {}
        self.engine = make_engine(root, clock, **notified, **options)

    def start_afresh(self):
        """Forget what was recorded, stop injecting faults, and reset the clock."""
        self.faults = {}
        self.log.clear()
        self.starts.clear()
        self.run_succeeded.clear()
        self.clock.now = 0.0

    def reach(self, place, name=None, number=None):
        position = len(self.log)
        self.log.append((place, name, number))
        if position in self.faults:
            try:
                self.faults[position].inject(self.home)
            except BaseException as error:
                self.raised[position] = error
                raise

    def _hook(self, place, job):
        name = type(job).__name__
        if place == 'init':
            self.starts.append((name, self.clock.now))
            self.clock.now += self._takes[name]
        elif place == 'cleanup':
            self.run_succeeded.add(job.run_succeeded)
        if os.getcwd() != self.home:
            self.misplaced.append((place, name, job.number))
        if place != 'init' or isinstance(job, (DummyJob, RunonlyJob)):  # our Check runs in the same phase as __init__
            os.chdir(os.sep)
        self.reach(place, name, job.number)


def error_raised_by(function):
    try:
        function()
    except BaseException as error:
        return error
    return None


def assert_every_error_is_raised(error, model, jobs, case):
    """Check that the predicted error is raised and that every other error is in its context, once."""
    assert (error is None) == (not model.ending), case
    chain = [error] if error else []
    while chain and chain[-1].__context__ is not None:
        chain.append(chain[-1].__context__)
        assert len(chain) <= len(model.ending), case
    assert len(chain) == len(model.ending), case
    if chain:
        assert is_expected(error, model.raised(), jobs.raised), case
    for expected in model.ending:
        assert any(is_expected(link, expected, jobs.raised) for link in chain), case


def assert_nothing_is_lost(specs, faults, home, listening=True, cleanup=True, **options):
    """Run the graph with these faults, then once more without any, and compare both runs with the model.

    Args:
        options: Those of the model and of ``configure()``.
    """
    home.mkdir(exist_ok=True)
    os.chdir(home)
    options['cleanup'] = cleanup
    model = Model(specs, faults, listening, **options).run()
    jobs = RecordingJobs(specs, faults, home, listening, **options)
    case = [(position, model.log[position], faults[position].error) for position in faults if position < len(model.log)]

    assert_every_error_is_raised(error_raised_by(jobs.engine.checknrun), model, jobs, case)
    _assert_run_matches(jobs, model, case)
    assert not model.home_exists or os.getcwd() == jobs.home, case
    if not cleanup:
        model.ending.clear()
        model.clean_up()
        assert_every_error_is_raised(error_raised_by(jobs.engine.cleanup), model, jobs, case)
        assert jobs.log == model.log, case
        assert not model.home_exists or os.getcwd() == jobs.home, case
    assert jobs.misplaced == [], case
    assert jobs.run_succeeded <= {model.run_succeeded}, case

    home.mkdir(exist_ok=True)
    os.chdir(home)
    jobs.start_afresh()
    model = Model(specs, {}, model.listening, **options).run()
    jobs.engine.checknrun()
    _assert_run_matches(jobs, model, (case, 'the next run is as on a fresh engine'))
    jobs.engine.cleanup()
    model.clean_up()
    assert jobs.log == model.log, (case, 'no other Cleanup was pending')
    assert jobs.run_succeeded <= {model.run_succeeded}, (case, 'in the next run')


def _assert_run_matches(jobs, model, case):
    assert jobs.log == model.log, case
    assert jobs.starts == model.starts, case
    assert_results_match(jobs.engine, model, jobs.raised, case)
