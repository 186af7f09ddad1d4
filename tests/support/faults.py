"""Faults, Jobs into which they are injected, and the comparison of a run with the model's prediction."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from dojobber import DummyJob, Job, RunonlyJob

from .factories import FakeClock, make_engine
from .model import Fault, Model


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
        self.faults = faults
        self.home = str(home)
        clock = FakeClock()
        advance = clock.sleep

        def sleep(seconds):
            self.reach('sleep')
            advance(seconds)

        clock.sleep = sleep
        classes = {}
        for spec in specs:
            classes[spec.name] = self._job(spec, [classes[dep] for dep in spec.deps])
        listeners = [lambda event: self.reach(f'event {event.kind.value}', event.job, event.attempt)]
        notified = {'listeners': listeners, 'verbose': True} if listening else {}
        self.engine = make_engine(classes[specs[-1].name], clock, **notified, **options)

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
        if os.getcwd() != self.home:
            self.misplaced.append((place, type(job).__name__, job.number))
        if place != 'init' or isinstance(job, (DummyJob, RunonlyJob)):  # our Check runs in the same phase as __init__
            os.chdir(os.sep)
        self.reach(place, type(job).__name__, job.number)

    def _job(self, spec, deps):
        def fail_as_specified(job):
            error = spec.own_error(job.number, 'ran' in job.storage)
            if error:
                raise LookupError(error)

        def init(job):
            attempts = job.global_storage.setdefault('attempts', {})
            attempts[spec.name] = job.number = attempts.get(spec.name, 0) + 1
            self._hook('init', job)

        def check(job):
            place = 'recheck' if 'checked' in job.storage else 'check'
            job.storage['checked'] = True
            self._hook(place, job)
            fail_as_specified(job)
            return job.number

        def run(job):
            job.storage['checked'] = True  # the Check of a RunonlyJob is not ours
            self._hook('run', job)
            job.storage['ran'] = True
            if spec.base is RunonlyJob:
                fail_as_specified(job)
            return job.number

        hooks = {'__init__': init}
        if spec.base is Job:
            hooks['Check'] = check
        if spec.has_run:
            hooks.update(Run=run, Cleanup=lambda job: self._hook('cleanup', job))
        return type(spec.name, (spec.base,), {'DEPS': deps, 'TRIES': spec.tries, 'RETRY_DELAY': spec.delay, **hooks})


def error_raised_by(function):
    try:
        function()
    except BaseException as error:
        return error
    return None


def is_expected(error, expected, jobs):
    if isinstance(expected, int):
        return error is jobs.raised[expected]
    if isinstance(expected, type):
        return type(error) is expected
    return str(error) == expected


def assert_every_error_is_raised(error, model, jobs, case):
    """Check that the predicted error is raised and that every other error is in its context, once."""
    assert (error is None) == (not model.ending), case
    chain = [error] if error else []
    while chain and chain[-1].__context__ is not None:
        chain.append(chain[-1].__context__)
        assert len(chain) <= len(model.ending), case
    assert len(chain) == len(model.ending), case
    if chain:
        assert is_expected(error, model.raised(), jobs), case
    for expected in model.ending:
        assert any(is_expected(link, expected, jobs) for link in chain), case


def assert_results_match(engine, model, jobs, case):
    states = model.all_states()
    assert {name: outcome.state for name, outcome in engine.outcomes.items()} == states, case
    assert engine.nodestatus == {name: state.passed for name, state in states.items()}, case
    assert {name: outcome.tries for name, outcome in engine.outcomes.items() if outcome.tries} == model.tries, case
    passed = {name: result for name, result in model.results.items() if states[name].passed}
    assert engine.noderesults == passed, case
    assert engine.nodeexceptions.keys() == model.errors.keys(), case
    for name, expected in model.errors.items():
        assert is_expected(engine.nodeexceptions[name], expected, jobs), case
    all_passed = all(state.passed for state in states.values())
    assert (engine.success(), engine.failure()) == (all_passed, not all_passed), case
    assert engine.partial_success() == bool(passed), case


def assert_nothing_is_lost(specs, faults, home, listening=True, cleanup=True, no_act=False):
    """Run the graph with these faults, then once more without any, and compare both runs with the model."""
    home.mkdir(exist_ok=True)
    os.chdir(home)
    options = {'no_act': no_act, 'cleanup': cleanup}
    model = Model(specs, faults, listening, **options).run()
    jobs = RecordingJobs(specs, faults, home, listening, **options)
    case = [(position, model.log[position], faults[position].error) for position in faults if position < len(model.log)]

    assert_every_error_is_raised(error_raised_by(jobs.engine.checknrun), model, jobs, case)
    assert jobs.log == model.log, case
    assert_results_match(jobs.engine, model, jobs, case)
    assert not model.home_exists or os.getcwd() == jobs.home, case
    if not cleanup:
        model.ending.clear()
        model.clean_up()
        assert_every_error_is_raised(error_raised_by(jobs.engine.cleanup), model, jobs, case)
        assert jobs.log == model.log, case
        assert not model.home_exists or os.getcwd() == jobs.home, case
    assert jobs.misplaced == [], case

    home.mkdir(exist_ok=True)
    os.chdir(home)
    faults, jobs.faults = {}, {}
    jobs.log.clear()
    model = Model(specs, faults, model.listening, **options).run()
    jobs.engine.checknrun()
    assert jobs.log == model.log, (case, 'the next run is as on a fresh engine')
    assert_results_match(jobs.engine, model, jobs, (case, 'in the next run'))
    jobs.engine.cleanup()
    model.clean_up()
    assert jobs.log == model.log, (case, 'no other Cleanup was pending')
