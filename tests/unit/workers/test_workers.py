"""Threads and executors that do not behave as one would like: few, none, forgetful, or struck by an interrupt."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap
import threading
import tracemalloc

import pytest
from support.factories import changing, failing, job, make_engine, run_engine

from dojobber import DoJobberError, DummyJob

LIMIT = 30  # seconds after which something that should have ended never will


def in_time(function):
    """Call ``function`` in a thread with a limit and return what it raises."""
    errors = []

    def call():
        try:
            function()
        except BaseException as error:
            errors.append(error)
        else:
            errors.append(None)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert errors, 'it does not end'
    return errors[0]


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
def test_as_many_workers_as_one_likes_cost_nothing(count):
    root = wide(3)
    run_engine(root, max_workers=2)
    tracemalloc.start()
    try:
        assert run_engine(root, max_workers=count).success()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2**20


def limited(monkeypatch, count):
    """Let no more than that many threads be started; after that the system refuses."""
    start, started = threading.Thread.start, []

    def refuse(thread):
        if thread.name.startswith('dojobber'):
            if len(started) == count:
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, 'start', refuse)
    return started


@pytest.mark.parametrize('count', [1, 3])
def test_where_no_more_threads_can_be_started_those_that_are_there_do_all(monkeypatch, count):
    started = limited(monkeypatch, count)
    together, most = set(), []

    def check(self):
        together.add(self)
        most.append(len(together))
        together.discard(self)

    leaves = [job(f'J{number}', Check=check) for number in range(40)]
    engine = make_engine(job('Root', [*leaves, failing('Lost')]), max_workers=30)
    assert in_time(engine.checknrun) is None
    assert [engine.nodestatus[leaf.__name__] for leaf in leaves] == [True] * 40
    assert engine.outcomes['Lost'].tries == 3
    assert len(started) == count
    assert max(most) <= count


def test_where_none_can_be_started_that_is_what_is_raised_and_nothing_has_run(monkeypatch):
    limited(monkeypatch, 0)
    engine = make_engine(wide(), max_workers=3)
    assert str(in_time(engine.checknrun)) == "can't start new thread"
    assert not engine.partial_success()
    monkeypatch.undo()
    assert in_time(engine.checknrun) is None
    assert engine.success()


def test_threads_end_with_their_run():
    run_engine(wide(), max_workers=5)
    for thread in engines_threads():
        thread.join(LIMIT)
    assert engines_threads() == []


@pytest.mark.parametrize('method', ['close', 'start', '_provide_thread', 'wait_for_one'])
def test_after_an_interrupt_at_any_line_of_the_threads_code_the_script_ends(tmp_path, method):
    script = tmp_path / 'script.py'
    script.write_text(
        textwrap.dedent(f"""
        import sys, threading
        import dojobber
        from dojobber import DoJobber, DummyJob, Job

        class Root(DummyJob):
            DEPS = [type(f'J{{n}}', (Job,), {{'Check': lambda self: None}}) for n in range(3)]

        number, is_struck = 0, True
        while is_struck:
            number, count, is_struck = number + 1, 0, False

            def trace(frame, event, _):
                global count, is_struck
                code = frame.f_code
                if code.co_name != {method!r} or '_workers' not in code.co_filename:
                    return trace if code.co_filename.startswith(dojobber.__path__[0]) else None
                if event == 'line':
                    count += 1
                    if count == number:
                        is_struck = True
                        sys.settrace(None)
                        raise KeyboardInterrupt
                return trace

            engine = DoJobber()
            engine.configure(Root, max_workers=2)
            sys.settrace(trace)
            try:
                engine.checknrun()
            except KeyboardInterrupt:
                pass
            finally:
                sys.settrace(None)
            engine.checknrun()
            assert engine.success()
        assert number > 1, 'there is no such line'
        print('end')
        """)
    )
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=LIMIT)
    assert (run.stdout.strip(), run.stderr) == ('end', '')


def test_one_engine_is_run_by_one_thread_at_a_time():
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
                with contextlib.suppress(DoJobberError):  # the others, if they come while it runs
                    engine.checknrun()

            threads = [threading.Thread(target=call) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(LIMIT)
            assert max(most) == 1
    finally:
        sys.setswitchinterval(before)


def test_logging_set_up_by_the_application_silences_nothing():
    script = """
        import logging.config
        from dojobber import DoJobber, DummyJob

        class Fine(DummyJob):
            pass

        def broken(event):
            raise LookupError('a broken listener')

        def run(*listeners, **options):
            engine = DoJobber(**options)
            logging.config.dictConfig({'version': 1})  # disables loggers, as is its default
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
