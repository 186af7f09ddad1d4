"""The engine waits by the system's clock even if a test has replaced the functions of the time module."""

from __future__ import annotations

import datetime
import subprocess
import sys
import textwrap
import time

import pytest
from support.factories import job, scripted

from dojobber import DoJobber, Event, EventKind

WAITING = [{}, {'max_workers': 2}]
LIMIT = 40  # seconds


def engine_that_waits(**options):
    """Return an engine whose Job passes at its second attempt, after a short delay, and the list of its events."""
    events = []
    engine = DoJobber()
    root = job('Root', [scripted('Slow', [], [], passes_at=2, RETRY_DELAY=0.05)])
    engine.configure(root, listeners=[events.append], **options)
    return engine, events


def waits(events):
    return [event.seconds for event in events if event.kind is EventKind.WAITING]


@pytest.mark.parametrize('options', WAITING, ids=str)
def test_retries_happen_even_if_the_clock_of_the_time_module_stands_still(monkeypatch, options):
    slept = []
    for name in 'monotonic', 'perf_counter', 'time':
        monkeypatch.setattr(time, name, lambda: 7.0)
    monkeypatch.setattr(time, 'sleep', slept.append)
    engine, events = engine_that_waits(**options)
    engine.checknrun()
    assert engine.success()
    assert engine.outcomes['Slow'].tries == 2
    assert slept == []
    assert all(0 < seconds <= 0.05 for seconds in waits(events))
    assert isinstance(events[-1], Event)
    assert events[-1].seconds >= 0.05, 'the seconds of events are real ones, too'


@pytest.mark.parametrize('options', WAITING, ids=str)
def test_a_run_does_not_hang_while_freezegun_freezes_time(options):
    freezegun = pytest.importorskip('freezegun')
    engine, _ = engine_that_waits(**options)
    with freezegun.freeze_time('2030-01-02'):
        engine.checknrun()
        assert datetime.date.today() == datetime.date(2030, 1, 2), 'the test itself still sees the frozen time'
    assert engine.success()
    with freezegun.freeze_time('2030-01-02'):
        engine, _ = engine_that_waits(**options)
        engine.checknrun()
    assert engine.success()


@pytest.mark.parametrize('options', WAITING, ids=str)
def test_a_run_does_not_hang_while_time_machine_freezes_time(options):
    time_machine = pytest.importorskip('time_machine')
    with time_machine.travel(0, tick=False):
        engine, _ = engine_that_waits(**options)
        engine.checknrun()
    assert engine.success()


@pytest.mark.parametrize('options', WAITING, ids=str)
def test_clocks_may_be_replaced_before_the_package_is_imported(options):
    script = f"""
        import time

        original = {{name: getattr(time, name) for name in ('monotonic', 'perf_counter', 'sleep', 'time')}}
        time.monotonic = time.perf_counter = time.time = lambda: 7.0
        time.sleep = lambda seconds: None
        from dojobber import DoJobber, Job
        assert time.monotonic() == time.perf_counter() == 7.0, 'the import has restored nothing'

        class Slow(Job):
            RETRY_DELAY = 0.05

            def Check(self):
                self.global_storage['checks'] = self.global_storage.get('checks', 0) + 1
                if self.global_storage['checks'] < 3:
                    raise ValueError

            def Run(self):
                pass

        engine = DoJobber()
        engine.configure(Slow, **{options})
        started = original['monotonic']()
        engine.checknrun()
        print(engine.outcomes['Slow'].tries, original['monotonic']() - started >= 0.05)
    """
    command = [sys.executable, '-c', textwrap.dedent(script)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert (run.stdout.split(), run.stderr) == (['2', 'True'], '')


def test_importing_the_package_does_not_change_the_time_module():
    script = """
        import sys, time
        before = dict(vars(time)), time
        import dojobber
        engine = dojobber.DoJobber()
        assert (dict(vars(time)), sys.modules['time']) == before
        assert all(vars(time)[name] is value for name, value in before[0].items())
        print('the same')
    """
    command = [sys.executable, '-c', textwrap.dedent(script)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert (run.stdout.strip(), run.stderr) == ('the same', '')
