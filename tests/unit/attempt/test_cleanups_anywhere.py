"""Each pending Cleanup is called once, whoever calls ``cleanup()`` at whatever time."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from support.factories import job, make_engine

from dojobber import DoJobber, DoJobberError, DummyJob, EventKind, RunonlyJob

LIMIT = 30  # seconds after which the test fails instead of waiting on


class Cleaned(list):
    """The names of Jobs in the order of their Cleanups, and a graph of such Jobs."""

    def graph(self, count=20, cleanup=lambda name: None, **members):
        """Return the root of ``count`` Jobs. Their Cleanup records its call here, then calls ``cleanup``."""

        def note(job):
            self.append(type(job).__name__)
            cleanup(type(job).__name__)

        hooks = {'Run': lambda self: None, 'Cleanup': note, **members}
        return job('Root', [job(f'J{number}', base=RunonlyJob, **hooks) for number in range(count)], DummyJob)

    def expected(self, count=20):
        """Return the content that this list should have: each name once, in reverse order of the starts."""
        return [f'J{number}' for number in reversed(range(count))]


@pytest.fixture
def cleaned():
    return Cleaned()


def test_the_second_thread_that_calls_cleanup_waits_until_the_first_has_finished(cleaned):
    started, go_on = threading.Event(), threading.Event()

    def cleanup(name):
        callers.add(threading.get_ident())
        started.set()
        assert go_on.wait(LIMIT)

    callers = set()
    engine = make_engine(cleaned.graph(cleanup=cleanup), cleanup=False)
    engine.checknrun()
    first = threading.Thread(target=engine.cleanup)
    first.start()
    assert started.wait(LIMIT)
    lengths = []
    second = threading.Thread(target=lambda: (engine.cleanup(), lengths.append(len(cleaned))))
    second.start()
    second.join(0.2)
    assert lengths == []
    go_on.set()
    for thread in first, second:
        thread.join(LIMIT)
    assert lengths == [20]
    assert cleaned == cleaned.expected()
    assert callers == {first.ident}


def test_many_threads_that_call_cleanup_at_once_call_each_cleanup_once_in_order(cleaned):
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        engine = make_engine(cleaned.graph(100), cleanup=False, listeners=[lambda event: None])
        engine.checknrun()
        errors = []

        def call():
            try:
                engine.cleanup()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=call) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
    finally:
        sys.setswitchinterval(before)
    assert errors == []
    assert cleaned == cleaned.expected(100)


@pytest.mark.parametrize('kind', [EventKind.CLEANUP_STARTED, EventKind.CLEANUP, EventKind.RUN_FINISHED])
@pytest.mark.parametrize('cleanup', [True, False])
def test_a_listener_may_call_cleanup_while_cleanups_are_called(cleaned, kind, cleanup):
    def listen(event):
        if event.kind is kind:
            engine.cleanup()

    engine = make_engine(cleaned.graph(), listeners=[listen], cleanup=cleanup)
    engine.checknrun()
    engine.cleanup()
    assert sorted(cleaned) == sorted(cleaned.expected())


def test_a_cleanup_and_a_signal_handler_may_call_cleanup(cleaned):
    nested = []

    def cleanup(name):
        if name == 'J10':
            nested.append(len(cleaned))
            engine.cleanup()
            nested.append(len(cleaned))
        elif name == 'J15':
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, lambda *_: engine.cleanup())
    try:
        engine = make_engine(cleaned.graph(cleanup=cleanup))
        engine.checknrun()
    finally:
        signal.signal(signal.SIGINT, before)
    assert cleaned == cleaned.expected()
    assert nested == [10, 20]


@pytest.mark.parametrize('options', [{}, {'max_workers': 2}], ids=str)
@pytest.mark.parametrize('who', ['job', 'listener', 'signal handler', 'thread'])
def test_cleanup_is_refused_while_jobs_run_and_calls_no_cleanup_early(cleaned, options, who):
    errors = []

    def call(*_):
        try:
            engine.cleanup()
        except DoJobberError as error:
            errors.append((str(error), len(cleaned)))

    def check(self):
        if who == 'job':
            call()
        elif who == 'thread':
            thread = threading.Thread(target=call)
            thread.start()
            thread.join(LIMIT)

    def listen(event):
        if event.job == 'Calling' and event.kind is EventKind.ATTEMPT_FINISHED:
            if who == 'listener':
                call()
            elif who == 'signal handler':
                signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, call)
    try:
        engine = make_engine(job('Calling', [cleaned.graph()], Check=check), listeners=[listen], **options)
        engine.checknrun()
    finally:
        signal.signal(signal.SIGINT, before)
    assert [count for _, count in errors] == [0]
    assert 'cleanup()' in errors[0][0]
    assert sorted(cleaned) == sorted(cleaned.expected())
    assert engine.success()


def test_a_run_that_starts_while_another_thread_cleans_up_calls_its_own_cleanups(cleaned):
    started, go_on, running = threading.Event(), threading.Event(), threading.Event()
    log = []

    def slow(self):
        started.set()
        assert go_on.wait(LIMIT)
        log.append('earlier run cleaned up')

    def run(self):
        running.set()
        go_on.set()
        cleaner.join(1)  # if it called all Cleanups that it finds, it would call ours now
        log.append('run ends')

    engine = DoJobber(cleanup=False)
    engine.configure(job('Earlier', base=RunonlyJob, Run=lambda self: None, Cleanup=slow))
    engine.checknrun()
    engine.configure(job('Later', base=RunonlyJob, Run=run, Cleanup=lambda self: log.append('cleaned')), cleanup=True)
    cleaner = threading.Thread(target=engine.cleanup)
    cleaner.start()
    assert started.wait(LIMIT)
    runner = threading.Thread(target=engine.checknrun)
    runner.start()
    running.wait(1)  # it may also wait until the other thread has finished
    go_on.set()
    for thread in cleaner, runner:
        thread.join(LIMIT)
    engine.cleanup()
    assert sorted(log) == ['cleaned', 'earlier run cleaned up', 'run ends']
    assert log.index('run ends') < log.index('cleaned')


def test_cleanups_of_several_runs_and_graphs_stay_pending_until_cleanup_is_called(cleaned):
    engine = DoJobber(cleanup=False)
    engine.configure(cleaned.graph(2))
    engine.checknrun()
    engine.checknrun()
    engine.configure(job('Other', base=RunonlyJob, Run=lambda self: None, Cleanup=lambda self: cleaned.append('Other')))
    engine.checknrun()
    assert cleaned == []
    engine.cleanup()
    assert cleaned == ['Other', 'J1', 'J0', 'J1', 'J0']
    engine.cleanup()
    assert len(cleaned) == 5


@pytest.mark.parametrize('options', [{}, {'max_workers': 2}], ids=str)
def test_run_may_set_replace_or_remove_the_cleanup_of_its_instance(options):
    log = []

    def set_it(self):
        self.Cleanup = lambda: log.append('set')

    def remove_it(self):
        self.Cleanup = None

    def replace_it(self):
        self.Cleanup = lambda: log.append('replaced')

    def old(self):
        log.append('of the class')

    kinds = {
        'Set': (set_it, None),
        'Removed': (remove_it, old),
        'Replaced': (replace_it, old),
        'Kept': (lambda s: 1, old),
    }
    jobs = [job(name, base=RunonlyJob, Run=run, Cleanup=cleanup) for name, (run, cleanup) in kinds.items()]
    engine = make_engine(job('Root', jobs, DummyJob), **options)
    engine.checknrun()
    assert sorted(log) == ['of the class', 'replaced', 'set']


def test_many_failing_cleanups_take_linear_time_and_all_their_errors_are_chained():
    def fail(self):
        raise ConnectionError(type(self).__name__)

    def work(count):
        calls = 0

        def note(*_):
            nonlocal calls
            calls += 1

        engine = make_engine(Cleaned().graph(count, Cleanup=fail), cleanup=False)
        engine.checknrun()
        sys.setprofile(note)
        try:
            engine.cleanup()
        except ConnectionError as error:
            link = error
        finally:
            sys.setprofile(None)
        names = []
        while link is not None:
            names.append(str(link))
            link = link.__context__
        assert names == [f'J{number}' for number in range(count)]
        return calls

    assert work(600) < 2.2 * work(300)


def test_thousands_of_cleanups_fail_and_the_uncaught_error_is_still_printed():
    script = """
        import sys
        from dojobber import DoJobber, DummyJob, RunonlyJob

        def fail(self):
            raise ConnectionError('the host of ' + type(self).__name__ + ' is gone')

        hooks = {'Run': lambda self: None, 'Cleanup': fail}
        class Root(DummyJob):
            DEPS = [type(f'J{number}', (RunonlyJob,), hooks) for number in range(5_000)]

        engine = DoJobber()
        engine.configure(Root)
        engine.checknrun()
    """
    command = [sys.executable, '-c', textwrap.dedent(script)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=2 * LIMIT)
    lines = run.stderr.splitlines()
    assert run.returncode == 1
    assert lines[-1] == 'ConnectionError: the host of J0 is gone'
    assert 'Traceback (most recent call last):' in lines
    assert sum('cleanup: fail' in line for line in lines) == 5_000
