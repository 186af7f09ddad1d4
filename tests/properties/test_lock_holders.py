"""Random graphs of Jobs with locks on threads: a lock has one holder at a time, and holds up nobody else."""

from __future__ import annotations

import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.comparison import assert_results_match
from support.factories import FakeClock, job, make_engine, run_engine
from support.model import Model
from support.specified import specified_jobs
from support.strategies import DELAY_SEQUENCES, LOCKS, QUITS, graphs
from support.workers import LIMIT, call_in_time


@pytest.fixture(autouse=True)
def _switching():
    """Switch between threads as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def watch(job_class, log):
    """Log each instance as it enters and leaves a hook, in a list: a lock could hide that two are in one at once."""
    for name in 'Check', 'Run', '__init__':
        if name in vars(job_class):
            setattr(job_class, name, watched(vars(job_class)[name], log))


def watched(hook, log):
    def call(instance):
        log.append(instance)
        time.sleep(0)  # lets another thread run
        try:
            return hook(instance)
        finally:
            log.append(instance)

    return call


def assert_one_holder_at_a_time(log):
    """Check that the hooks of an attempt are all called without those of another one that has a lock in common."""
    for lock in {lock for instance in log for lock in instance.LOCKS}:
        holders = [instance for instance in log if lock in instance.LOCKS]
        changes = [holder for holder, before in zip(holders, [None, *holders]) if holder is not before]
        assert len(changes) == len(set(changes)), lock


def run_watched(specs, workers):
    log = []
    jobs = specified_jobs(specs, lambda place, instance: None)
    for job_class in jobs:
        watch(job_class, log)
    engine = make_engine(jobs[-1], FakeClock(), max_workers=workers)
    call_in_time(engine.checknrun)
    return engine, log


LOCKING = graphs(locks=LOCKS, delays=DELAY_SEQUENCES, takes=st.just(0), quits=QUITS)
WORKERS = st.integers(2, 4)


@settings(max_examples=60)
@given(LOCKING, WORKERS)
def test_a_lock_has_one_holder_at_a_time_for_a_whole_attempt(specs, workers):
    _, log = run_watched(specs, workers)
    assert_one_holder_at_a_time(log)


@settings(max_examples=40)
@given(LOCKING, WORKERS)
def test_locks_change_no_result(specs, workers):
    engine, _ = run_watched(specs, workers)
    assert_results_match(engine, Model(specs).run())


@settings(max_examples=30)
@given(st.permutations(['apt', 'apt', 'disk', 'disk', 'port', 'port']))
def test_a_job_that_waits_for_a_lock_occupies_no_worker_and_holds_up_nobody_else(locks):
    barrier = threading.Barrier(3)  # passed only if one Job of each lock runs
    jobs = [
        job(f'Job{number}', Check=lambda self: barrier.wait(LIMIT), LOCKS=(lock,)) for number, lock in enumerate(locks)
    ]
    engine = call_in_time(lambda: run_engine(job('Root', jobs), max_workers=3))
    assert engine.success()
