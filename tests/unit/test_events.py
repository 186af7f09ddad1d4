"""The events of a run, and the listeners that are called with them."""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
import os
import platform
import re
import threading
import time

import pytest
from support.factories import changing, failing, job, make_engine, run_engine

from dojobber import Event, EventKind, State, log
from dojobber._run.listeners import Listeners


def heard(root, **options):
    events = []
    engine = run_engine(root, listeners=[events.append], **options)
    return events, engine


def test_an_event_cannot_be_changed():
    with pytest.raises(AttributeError):
        Event(EventKind.CHECK).job = 'other'


def test_listeners_receive_all_events_in_order():
    done = changing('Done', Cleanup=lambda self: None)
    events, engine = heard(job('Root', [done, failing('Broken')]), default_tries=2)
    assert [(event.kind.name, event.job, event.round, event.attempt) for event in events] == [
        ('RUN_STARTED', None, None, None),
        ('ATTEMPT_STARTED', 'Done', 1, 1),
        ('CHECK', 'Done', 1, 1),
        ('RUN', 'Done', 1, 1),
        ('RECHECK', 'Done', 1, 1),
        ('ATTEMPT_FINISHED', 'Done', 1, 1),
        ('ATTEMPT_STARTED', 'Broken', 1, 1),
        ('CHECK', 'Broken', 1, 1),
        ('RUN', 'Broken', 1, 1),
        ('RECHECK', 'Broken', 1, 1),
        ('ATTEMPT_FINISHED', 'Broken', 1, 1),
        ('ATTEMPT_STARTED', 'Broken', 2, 2),
        ('CHECK', 'Broken', 2, 2),
        ('RUN', 'Broken', 2, 2),
        ('RECHECK', 'Broken', 2, 2),
        ('ATTEMPT_FINISHED', 'Broken', 2, 2),
        ('CLEANUP_STARTED', 'Done', None, None),
        ('CLEANUP', 'Done', None, None),
        ('RUN_FINISHED', None, None, None),
    ]
    assert events[0].value == ('Done', 'Broken', 'Root')
    assert events[-1].value == engine.outcomes
    assert events[-1].exception is None


def test_phase_events_hold_the_value_or_exception_and_the_seconds():
    ran = job('Ran', Check=lambda self: self.storage['ran'], Run=lambda self: self.storage.update(ran='yes'))
    events, _ = heard(ran)
    check, run, recheck = [event for event in events if event.kind.value in ('check', 'run', 'recheck')]
    assert isinstance(check.exception, KeyError)
    assert (run.value, run.exception) == (None, None)
    assert (recheck.value, recheck.exception) == ('yes', None)
    assert all(event.seconds >= 0 for event in (check, run, recheck))


def test_attempt_finished_holds_the_outcome_so_far():
    events, engine = heard(failing('Broken'), default_tries=2)
    outcomes = [event.value for event in events if event.kind is EventKind.ATTEMPT_FINISHED]
    assert [(outcome.state, outcome.tries) for outcome in outcomes] == [(State.FAILED, 1), (State.FAILED, 2)]
    assert outcomes[-1] == engine.outcomes['Broken']
    seconds = [event.seconds for event in events if event.kind is EventKind.ATTEMPT_FINISHED]
    assert sum(seconds) == pytest.approx(outcomes[-1].seconds)
    exceptions = [event.exception for event in events if event.kind is EventKind.ATTEMPT_FINISHED]
    assert exceptions == [outcome.exception for outcome in outcomes]


def test_run_finished_holds_the_seconds_with_cleanups_and_the_exception_to_be_raised(fake_clock):
    error = ValueError('still mounted')

    def cleanup(self):
        fake_clock.now += 2.0
        raise error

    def check(self):
        fake_clock.now += 1.0

    events = []
    root = job('Root', [changing('Done', Cleanup=cleanup)], Check=check)
    with pytest.raises(ValueError, match='still mounted'):
        run_engine(root, clock=fake_clock, listeners=[events.append])
    assert (events[-1].kind, events[-1].seconds, events[-1].exception) == (EventKind.RUN_FINISHED, 3.0, error)


def test_waiting_holds_the_seconds_and_the_time_of_the_next_attempt(fake_clock):
    events, _ = heard(failing('Broken', RETRY_DELAY=5), clock=fake_clock, default_tries=2)
    (waiting,) = [event for event in events if event.kind is EventKind.WAITING]
    assert (waiting.job, waiting.round, waiting.attempt) == ('Broken', 2, 2)
    assert (waiting.seconds, waiting.value) == (5.0, 1005.0)


def test_a_listener_that_raises_is_logged_as_critical_and_dropped(caplog):
    calls = []

    def broken(event):
        calls.append(event)
        raise ValueError('listener trouble')

    others = []
    run_engine(changing('Fine'), listeners=[broken, others.append])
    assert len(calls) == 1
    assert [event.kind for event in others][-1] is EventKind.RUN_FINISHED
    (record,) = caplog.records
    assert (record.name, record.levelname) == ('DoJobber', 'CRITICAL')
    assert 'is dropped' in record.getMessage()
    assert 'listener trouble' in caplog.text


def test_a_listener_that_raises_system_exit_is_dropped():
    def leave(event):
        calls.append(event)
        raise SystemExit

    calls = []
    assert run_engine(changing('Fine'), listeners=[leave]).success()
    assert len(calls) == 1


def test_only_the_one_that_raises_of_two_equal_listeners_is_dropped():
    @dataclasses.dataclass
    class Counting:
        fails: bool = dataclasses.field(compare=False)
        calls: int = dataclasses.field(default=0, compare=False)

        def __call__(self, event):
            self.calls += 1
            if self.fails:
                raise ValueError

    good, bad = Counting(False), Counting(True)
    run_engine(job('Fine'), listeners=[good, bad])
    assert (good.calls, bad.calls) == (5, 1)


def test_an_interrupt_in_a_listener_is_raised_after_the_cleanups():
    log = []

    def interrupt(event):
        if event.kind is EventKind.RECHECK:
            raise KeyboardInterrupt

    root = job('Root', [changing('Done', Cleanup=lambda self: log.append('cleaned'))])
    with pytest.raises(KeyboardInterrupt):
        run_engine(root, listeners=[interrupt])
    assert log == ['cleaned']


def test_an_interrupt_in_a_listener_fails_the_job():
    error = KeyboardInterrupt()

    def interrupt(event):
        if event.kind is EventKind.CHECK:
            raise error

    engine = make_engine(job('Hit'), listeners=[interrupt])
    with pytest.raises(KeyboardInterrupt):
        engine.checknrun()
    assert engine.outcomes['Hit'][:4] == (State.FAILED, 1, None, error)


def test_listeners_are_false_if_there_are_none():
    assert not Listeners([])
    assert Listeners([print])


@pytest.mark.parametrize(('before', 'after'), [(logging.NOTSET, logging.CRITICAL), (logging.INFO, logging.INFO)])
def test_importing_the_package_keeps_a_log_level_set_by_the_application(before, after):
    logger = logging.getLogger('DoJobber')
    level = logger.level
    try:
        logger.setLevel(before)
        spec = importlib.util.spec_from_file_location('dojobber.imported_again', log.__file__)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        assert logger.level == after
    finally:
        logger.setLevel(level)


def timed_events(way):
    """Return the events of a run of two Jobs, with the times of day before and after it."""
    events = []
    started_at = time.time()
    run_engine(job('Root', [changing('Leaf', Cleanup=lambda self: None)]), listeners=[events.append], **way)
    return started_at, events, time.time()


OF_THE_RUN = {EventKind.RUN_STARTED, EventKind.RUN_FINISHED, EventKind.WAITING}


def test_every_event_has_the_time_of_day_at_which_it_happened(way):
    started_at, events, ended_at = timed_events(way)
    for name in 'Leaf', 'Root':
        times = [event.time for event in events if event.job == name]
        assert started_at <= times[0] <= times[-1] <= ended_at
        assert times == sorted(times)
    assert started_at <= events[0].time <= events[-1].time <= ended_at


def test_the_phases_of_an_attempt_are_timed_where_it_runs(way):
    _, events, _ = timed_events(way)
    ends = {event.kind: event.time for event in events if event.job == 'Leaf'}
    assert ends[EventKind.CHECK] <= ends[EventKind.RUN] <= ends[EventKind.RECHECK] <= ends[EventKind.ATTEMPT_FINISHED]
    if way:
        assert ends[EventKind.ATTEMPT_FINISHED] == ends[EventKind.RECHECK], 'when the worker has ended it'


def test_time_is_the_systems_even_if_a_test_has_frozen_it(monkeypatch):
    before = time.time()
    monkeypatch.setattr(time, 'time', lambda: 0.0)
    _, events, _ = timed_events({})
    assert all(event.time >= before for event in events)


def test_events_name_the_thread_or_process_that_did_it(way):
    _, events, _ = timed_events(way)
    here = threading.current_thread().name
    for event in events:
        if event.kind in OF_THE_RUN:
            assert event.worker is None
        elif event.kind in (EventKind.CLEANUP_STARTED, EventKind.CLEANUP) or not way:
            assert event.worker == here
        elif event.kind is EventKind.ATTEMPT_STARTED:
            assert event.worker is None, 'it is not known yet'
        elif 'executor' in way:
            assert re.fullmatch(rf'process \d+ on {re.escape(platform.node())}', event.worker)
            assert str(os.getpid()) not in event.worker
        else:
            assert event.worker.startswith('dojobber_')


def test_waiting_belongs_to_the_run(fake_clock):
    events = []
    run_engine(
        job('Slow', Check=lambda self: 1 / 0, TRIES=2, RETRY_DELAY=9), clock=fake_clock, listeners=[events.append]
    )
    waiting = next(event for event in events if event.kind is EventKind.WAITING)
    assert waiting.worker is None
    assert waiting.time is not None
