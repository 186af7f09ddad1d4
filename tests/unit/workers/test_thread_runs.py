"""Runs on threads if the system allows few or none, after interrupts, and from several threads at once."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
import textwrap
import threading
import tracemalloc

import pytest
from support.factories import changing, failing, job, make_engine, run_engine
from support.workers import LIMIT, limit_threads, raised_in_time

from dojobber import DoJobberError, DummyJob


def engines_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith('dojobber')]


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    for thread in engines_threads():
        thread.join(LIMIT)
        assert not thread.is_alive()


def wide(count=20, **members):
    return job('Root', [changing(f'J{number}', **members) for number in range(count)], DummyJob)


@pytest.mark.parametrize('count', [10**7, sys.maxsize, 10**30])
def test_a_huge_max_workers_costs_nothing(count):
    root = wide(3)
    run_engine(root, max_workers=2)
    tracemalloc.start()
    try:
        assert run_engine(root, max_workers=count).success()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2**20


@pytest.mark.parametrize('count', [1, 3])
def test_a_run_goes_on_with_fewer_threads_if_the_system_allows_no_more(monkeypatch, count):
    started = limit_threads(monkeypatch, count)
    together, most = set(), []

    def check(self):
        together.add(self)
        most.append(len(together))
        together.discard(self)

    leaves = [job(f'J{number}', Check=check) for number in range(40)]
    engine = make_engine(job('Root', [*leaves, failing('Lost')]), max_workers=30)
    assert raised_in_time(engine.checknrun) is None
    assert [engine.nodestatus[leaf.__name__] for leaf in leaves] == [True] * 40
    assert engine.outcomes['Lost'].tries == 3
    assert len(started) == count
    assert max(most) <= count


def test_a_run_without_any_thread_raises_the_error_and_runs_nothing(monkeypatch):
    limit_threads(monkeypatch, 0)
    engine = make_engine(wide(), max_workers=3)
    assert str(raised_in_time(engine.checknrun)) == "can't start new thread"
    assert not engine.partial_success()
    monkeypatch.undo()
    assert raised_in_time(engine.checknrun) is None
    assert engine.success()


def test_a_script_exits_after_an_interrupt_at_any_line_of_the_package():
    script = pathlib.Path(__file__).parents[2] / 'processes' / 'scripts' / 'interrupted_threads.py'
    paths = os.pathsep.join([str(script.parents[2]), *filter(None, [os.environ.get('PYTHONPATH')])])
    run = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, 'PYTHONPATH': paths},
        capture_output=True,
        text=True,
        timeout=2 * LIMIT,
    )
    assert (run.stdout.strip(), run.stderr) == ('end', '')


def test_only_one_thread_at_a_time_can_run_an_engine():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(60):
            inside, most = [], []

            def check(self, inside=inside, most=most):
                inside.append(1)
                most.append(len(inside))
                threading.Event().wait(0.001)
                inside.pop()

            engine = make_engine(job('Slow', Check=check))
            barrier = threading.Barrier(4)

            def call(engine=engine, barrier=barrier):
                barrier.wait(LIMIT)
                with contextlib.suppress(DoJobberError):  # raised if another thread is running the engine
                    engine.checknrun()

            threads = [threading.Thread(target=call) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(LIMIT)
            assert max(most) == 1
    finally:
        sys.setswitchinterval(before)


def test_a_logging_configuration_does_not_silence_the_engine():
    script = """
        import logging.config
        from dojobber import DoJobber, DummyJob

        class Fine(DummyJob):
            pass

        def broken(event):
            raise LookupError('a broken listener')

        def run(*listeners, **options):
            engine = DoJobber(**options)
            logging.config.dictConfig({'version': 1})  # disables existing loggers by default
            engine.configure(Fine, listeners=listeners)
            engine.checknrun()

        logging.config.dictConfig({'version': 1})
        run(broken)
        run(broken)
        logging.config.dictConfig({'version': 1})
        engine = DoJobber(dojobber_loglevel='DEBUG')
        engine.configure(Fine)
        engine.checknrun()
    """
    command = [sys.executable, '-c', textwrap.dedent(script)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    lines = run.stderr.splitlines()
    assert lines.count('LookupError: a broken listener') == 2
    assert 'run finished' in run.stderr
