"""Runs on threads, whose results equal those of a serial run in whatever order the Jobs end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.factories import FakeClock, chain, changing, failing, job, make_engine, run_engine, stderr_lines
from support.interrupts import interrupt_everywhere
from support.strategies import build_graph, graphs
from support.workers import LIMIT, call_in_time

from dojobber import DoJobber, DummyJob, EventKind, PlanError, State
from dojobber._attempt.attempt import AttempterPool


@pytest.fixture(autouse=True)
def _switching():
    """Switch between threads as often as possible, and check that none is left."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
    for thread in threading.enumerate():
        if thread.name.startswith('dojobber'):
            thread.join(LIMIT)
            assert not thread.is_alive()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4, 'users') as pool:
        yield pool


@pytest.fixture(params=['max_workers', 'executor'])
def on_threads(request):
    """Return options to run ``count`` Jobs at once, on threads of the engine or of an executor."""
    pools = []

    def options(count):
        if request.param == 'max_workers':
            return {'max_workers': count}
        pools.append(ThreadPoolExecutor(count, 'users'))
        return {'executor': pools[-1]}

    yield options
    for pool in pools:
        pool.shutdown()


def after(event, value=True):
    """Wait for ``event``, but not for ever, and return ``value``."""
    assert event.wait(LIMIT), 'the event was never set'
    return value


def cleaning(log, name, deps=(), **members):
    return changing(name, deps, **{'Cleanup': lambda self: log.append(name), **members})


def raising(error):
    def hook(self, *args, **kwargs):
        raise error

    return hook


class CustomInterrupt(BaseException):
    """An interrupt that the user defines, which is not an Exception."""


class ConcurrencyCounter:
    """Counts how many hooks of Jobs run at the same time."""

    def __init__(self):
        self.most = self._now = 0
        self._lock = threading.Lock()
        self._watched_ones = set()

    def watch(self, job_class):
        if job_class in self._watched_ones:
            return
        self._watched_ones.add(job_class)
        for hook in 'Check', 'Run':
            if hook in vars(job_class):
                setattr(job_class, hook, self._watched(vars(job_class)[hook]))
        for dep in job_class.DEPS:
            self.watch(dep)

    def _watched(self, hook):
        def watched(*args, **kwargs):
            with self._lock:
                self._now += 1
                self.most = max(self.most, self._now)
            try:
                return hook(*args, **kwargs)
            finally:
                with self._lock:
                    self._now -= 1

        return watched


class Seen(NamedTuple):
    """Everything that was observed during a run."""

    engine: DoJobber
    log: list
    lines: list
    events: list
    threads: set


def seen(specs, busy=None, **options):
    log, events, threads = [], [], set()

    def listener(event):
        events.append(event)
        threads.add(threading.current_thread())

    root = build_graph(specs, log)
    if busy is not None:
        busy.watch(root)
    engine = make_engine(root, verbose=True, listeners=[listener], **options)
    lines = stderr_lines(engine.checknrun)
    threads.discard(threading.current_thread())
    return Seen(engine, log, lines, events, threads)


def comparable_events(job_name, events):
    """Return the parts of events that do not depend on the clock, on other Jobs or on the identity of exceptions."""
    return [
        (event.kind, event.round, event.attempt, str(event.exception))
        for event in events
        if event.job == job_name and event.kind is not EventKind.WAITING
    ]


def results(engine):
    errors = {name: str(error) for name, error in engine.nodeexceptions.items()}
    tries = {name: outcome.tries for name, outcome in engine.outcomes.items()}
    blocked_by = {name: outcome.blocked_by for name, outcome in engine.outcomes.items()}
    return engine.nodestatus, engine.noderesults, errors, tries, blocked_by


def check_like_serial(specs, workers, **options):
    serial = seen(specs, **options)
    threaded = call_in_time(lambda: seen(specs, max_workers=workers, **options))
    assert results(threaded.engine) == results(serial.engine)
    for spec in specs:
        own = [[line for line in run.lines if line.startswith(f'{spec.name}.')] for run in (threaded, serial)]
        assert own[0] == own[1]
        assert comparable_events(spec.name, threaded.events) == comparable_events(spec.name, serial.events)
    names = [line.partition('.') for line in threaded.lines]
    for (before, _, _), (name, _, text) in zip(names, names[1:]):
        assert text.startswith('check') or name == before, 'the lines of an attempt come as one block'
    assert threaded.threads == set()


def check_order(specs, workers, **options):
    busy = ConcurrencyCounter()
    run = call_in_time(lambda: seen(specs, busy, max_workers=workers, **options))
    assert busy.most <= workers
    by_name = {spec.name: spec for spec in specs}
    done = [entry for entry in run.log if entry[1] != 'cleanup']
    assert run.log[: len(done)] == done, 'Cleanups come last'
    last = {name: place for place, (name, *_) in enumerate(done)}
    for place, (name, *_) in enumerate(done):
        assert all(last[dependency] < place for dependency in by_name[name].deps)
        assert all(run.engine.nodestatus[dependency] for dependency in by_name[name].deps)
    starts = [(event.job, event.attempt) for event in run.events if event.kind is EventKind.ATTEMPT_STARTED]
    pending = {
        (event.job, event.attempt)
        for event in run.events
        if event.kind is EventKind.RUN and by_name[event.job].base is not DummyJob
    }
    cleanups = [name for name, hook, *_ in run.log if hook == 'cleanup']
    assert cleanups == [start[0] for start in starts if start in pending][::-1]
    ran = [name for name, hook, *_ in run.log if hook == 'run']
    assert sorted(ran) == sorted(cleanups)


WORKERS = st.integers(2, 5)
DELAYED = graphs(delays=st.sampled_from([0.0, 0.0, 0.001]), most=10)


class TestRandomGraphs:
    @given(DELAYED, WORKERS)
    @settings(max_examples=100)
    def test_parallel_results_equal_serial_ones(self, specs, workers):
        check_like_serial(specs, workers)

    @given(graphs(), WORKERS)
    @settings(max_examples=30)
    def test_parallel_results_of_no_act_equal_serial_ones(self, specs, workers):
        check_like_serial(specs, workers, no_act=True)

    @given(DELAYED, WORKERS)
    @settings(max_examples=70)
    def test_dependencies_run_first_within_max_workers_and_cleanups_run_in_reverse(self, specs, workers):
        check_order(specs, workers)

    @given(graphs(), WORKERS, st.data())
    @settings(max_examples=70)
    def test_pending_cleanups_are_called_once_after_an_interrupt_anywhere(self, specs, workers, data):
        check_interrupt(specs, workers, data)


@pytest.mark.parallel
class TestThousandRandomGraphs:
    @given(graphs(delays=st.sampled_from([0.0, 0.0, 0.001]), most=25), st.integers(2, 9))
    @settings(max_examples=1000)
    def test_parallel_results_equal_serial_ones(self, specs, workers):
        check_like_serial(specs, workers)

    @given(graphs(delays=st.sampled_from([0.0, 0.0, 0.001]), most=25), st.integers(2, 9))
    @settings(max_examples=1000)
    def test_dependencies_run_first_within_max_workers_and_cleanups_run_in_reverse(self, specs, workers):
        check_order(specs, workers)

    @given(graphs(most=15), st.integers(2, 9), st.data())
    @settings(max_examples=1000)
    def test_pending_cleanups_are_called_once_after_an_interrupt_anywhere(self, specs, workers, data):
        check_interrupt(specs, workers, data)


def check_interrupt(specs, workers, data):
    whole = []
    make_engine(build_graph(specs, whole)).checknrun()
    position = data.draw(st.integers(0, len([entry for entry in whole if entry[1] != 'cleanup']) - 1))

    class Log(list):
        lock = threading.Lock()

        def append(self, entry):
            with self.lock:
                super().append(entry)
                is_due = len(self) == position + 1
            if is_due:
                raise CustomInterrupt(entry[0])

    log = Log()
    engine = make_engine(build_graph(specs, log), max_workers=workers)
    with pytest.raises(CustomInterrupt) as caught:
        call_in_time(engine.checknrun)
    first = list(log)
    done = [entry for entry in first if entry[1] != 'cleanup']
    cleanups = [entry[0] for entry in first if entry[1] == 'cleanup']
    assert first[: len(done)] == done, 'Cleanups come last'
    assert sorted(cleanups) == sorted(entry[0] for entry in done if entry[1] == 'run')
    assert engine.nodestatus[caught.value.args[0]] is False
    assert {name for name, status in engine.nodestatus.items() if status is not None} == {entry[0] for entry in done}
    call_in_time(engine.checknrun)
    assert sorted(map(str, log[len(first) :])) == sorted(map(str, whole)), 'the next run is as on a fresh engine'


class TestConcurrency:
    def test_as_many_jobs_as_allowed_run_at_once(self, on_threads):
        together = threading.Barrier(4)
        root = job('Root', [job(f'J{n}', Check=lambda self: together.wait(LIMIT)) for n in range(8)])
        engine = make_engine(root, default_tries=1, **on_threads(4))
        call_in_time(engine.checknrun)
        assert engine.success(), 'four met at the barrier, twice'

    def test_max_workers_limits_how_many_jobs_an_executor_runs_at_once(self):
        lock, together, at_work, counts = threading.Lock(), threading.Barrier(2), set(), []

        def check(self):
            with lock:
                at_work.add(self)
                counts.append(len(at_work))
            together.wait(LIMIT)
            with lock:
                at_work.remove(self)

        root = job('Root', [job(f'J{n}', Check=check) for n in range(8)])
        with ThreadPoolExecutor(8) as pool:
            call_in_time(make_engine(root, max_workers=2, executor=pool).checknrun)
        assert max(counts) == 2

    @pytest.mark.parametrize('max_workers', [None, 1])
    def test_jobs_run_in_the_callers_thread_by_default(self, max_workers):
        seen, before = [], set(threading.enumerate())

        def check(self):
            seen.append((threading.current_thread(), set(threading.enumerate()) - before))

        root = job('Root', [job('A', Check=check), job('B', Check=check)], Check=check)
        run_engine(root, max_workers=max_workers)
        assert seen == [(threading.current_thread(), set())] * 3

    def test_jobs_run_on_other_threads_with_max_workers_above_1(self):
        engine = run_engine(job('Root', Check=lambda self: threading.current_thread()), max_workers=2)
        assert engine.noderesults['Root'] is not threading.current_thread()
        assert engine.noderesults['Root'].name.startswith('dojobber')

    @pytest.mark.parametrize('root', [job('Root', [job(f'J{n}') for n in range(1500)]), chain(1500, job('Leaf'))])
    def test_many_jobs_run_on_threads(self, root):
        engine = make_engine(root, max_workers=3)
        call_in_time(engine.checknrun)
        assert engine.success()

    def test_a_subgraph_runs_alone_on_threads(self, on_threads):
        root = job('Root', [failing('Other'), job('Middle', [changing('Leaf')])])
        engine = make_engine(root, **on_threads(3))
        engine.checknrun('Middle')
        assert engine.nodestatus == {'Leaf': True, 'Middle': True}


class TestConfigure:
    @pytest.mark.parametrize('bad', [0, -1, 1.5, '4', (2,)])
    def test_a_wrong_max_workers_is_refused_and_nothing_changes(self, bad):
        self.check_refused('max_workers', bad)

    @pytest.mark.parametrize('bad', [ThreadPoolExecutor, object(), 4, 'threads', type('Odd', (), {'submit': None})()])
    def test_an_executor_without_submit_is_refused_and_nothing_changes(self, bad):
        self.check_refused('executor', bad)

    def check_refused(self, option, bad):
        seen = []
        engine = run_engine(job('Root', Check=lambda self: threading.current_thread()), listeners=[seen.append])
        count = len(seen)
        with pytest.raises(PlanError, match=option) as caught:
            engine.configure(job('Other'), no_act=True, verbose=True, **{option: bad})
        assert caught.value.args[1:] == () or bad in caught.value.args
        assert engine.noderesults == {'Root': threading.current_thread()}
        engine.checknrun()
        assert engine.noderesults == {'Root': threading.current_thread()}
        assert len(seen) == 2 * count

    def test_a_later_configure_without_workers_is_serial_again(self):
        engine = run_engine(job('Root'), max_workers=4)
        engine.configure(job('Root', Check=lambda self: threading.current_thread()))
        engine.checknrun()
        assert engine.noderesults['Root'] is threading.current_thread()


class TestExecutor:
    def test_an_executor_is_not_shut_down_and_can_be_used_again(self, pool):
        root = job('Root', [changing('Leaf')], Check=lambda self: threading.current_thread().name)
        engine = run_engine(root, executor=pool)
        for _ in range(2):
            engine.checknrun()
            assert engine.noderesults['Root'].startswith('users')
        assert run_engine(root, executor=pool).success()
        assert pool.submit(int, '5').result(LIMIT) == 5

    def test_other_calls_submitted_to_an_executor_run_between_the_jobs(self):
        log, all_wait = [], threading.Event()

        def listener(event):
            if event.kind is EventKind.ATTEMPT_STARTED and event.job == 'B':
                pool.submit(log.append, 'of the owner')
            if event.kind is EventKind.ATTEMPT_STARTED and event.job == 'C':
                all_wait.set()

        first = job('A', Check=lambda self: log.append(after(all_wait, 'A')))
        leaves = [first, *(job(name, Check=lambda self: log.append(type(self).__name__)) for name in 'BC')]
        with ThreadPoolExecutor(1) as pool:
            call_in_time(make_engine(job('Root', leaves), executor=pool, listeners=[listener]).checknrun)
        assert log == ['A', 'of the owner', 'B', 'C']

    def test_an_executor_is_not_shut_down_after_an_interrupt(self, pool):
        with pytest.raises(CustomInterrupt):
            run_engine(job('Root', Check=raising(CustomInterrupt())), executor=pool)
        assert pool.submit(int, '5').result(LIMIT) == 5

    def test_a_run_on_an_executor_that_is_shut_down_raises_its_error(self, pool):
        gone = ThreadPoolExecutor(2)
        gone.shutdown()
        engine = make_engine(job('Root'), executor=gone)
        for _ in range(2):
            with pytest.raises(RuntimeError, match='shutdown'):
                engine.checknrun()
            assert engine.nodestatus == {'Root': None}
        engine.configure(job('Root'), executor=pool)
        engine.checknrun()
        assert engine.success()

    def test_an_executor_shut_down_during_the_run_ends_it_after_the_cleanups(self):
        log, leaving = [], ThreadPoolExecutor(2)
        meet = threading.Barrier(2)

        def shut(self):
            self.storage['ran'] = True
            meet.wait(LIMIT)
            leaving.shutdown(wait=False)

        def stay(self):
            self.storage['ran'] = True
            meet.wait(LIMIT)

        shuts, stays = cleaning(log, 'Shuts', Run=shut), cleaning(log, 'Stays', Run=stay)
        engine = make_engine(job('Root', [stays, job('Next', [shuts])]), executor=leaving)
        with pytest.raises(RuntimeError, match='shutdown'):
            call_in_time(engine.checknrun)
        assert log == ['Stays', 'Shuts']  # Shuts is on the critical path, so it was started first
        assert engine.nodestatus == {'Shuts': True, 'Stays': True, 'Next': None, 'Root': None}

    def test_a_job_whose_future_somebody_cancels_has_failed(self):
        class Leaving(ThreadPoolExecutor):
            both = threading.Barrier(2)
            calls = 0

            def submit(self, *args):
                future = super().submit(*args)
                self.calls += 1
                if self.calls == 2:  # the first call is running
                    self.both.wait(LIMIT)
                return future

        leaving = Leaving(1)

        def shut(self):
            leaving.both.wait(LIMIT)
            leaving.shutdown(wait=False, cancel_futures=True)

        events = []
        root = job('Root', [job('Shuts', Check=shut), cleaning([], 'Queued')])
        engine = make_engine(root, executor=leaving, listeners=[events.append], default_tries=1)
        call_in_time(engine.checknrun)
        assert engine.nodestatus == {'Shuts': True, 'Queued': False, 'Root': None}
        assert isinstance(engine.nodeexceptions['Queued'], CancelledError)
        assert [event.kind for event in events if event.job == 'Queued'] == [
            EventKind.ATTEMPT_STARTED,
            EventKind.CHECK,
            EventKind.ATTEMPT_FINISHED,
        ]

    @pytest.mark.filterwarnings('ignore')  # some versions of Python print what the initializer raised
    def test_a_broken_executor_ends_the_run(self, caplog):
        with ThreadPoolExecutor(1, initializer=raising(ValueError('no licence')), initargs=(None,)) as broken:
            engine = make_engine(job('Root', [job('A'), job('B')]), executor=broken)
            with pytest.raises(BrokenExecutor):
                call_in_time(engine.checknrun)
        assert not engine.partial_success()


class TestEvents:
    def test_events_are_emitted_in_the_calling_thread_one_attempt_after_the_other(self, on_threads):
        events, threads = [], set()
        together = threading.Barrier(3)

        def run(self):
            self.storage['ran'] = True
            together.wait(LIMIT)

        def listener(event):
            events.append(event)
            threads.add(threading.current_thread())

        names = 'A', 'B', 'C'
        root = type('Root', (DummyJob,), {'DEPS': [cleaning([], name, Run=run) for name in names]})
        run_engine(root, listeners=[listener], **on_threads(3))
        assert threads == {threading.current_thread()}
        kinds = EventKind.CHECK, EventKind.RUN, EventKind.RECHECK, EventKind.ATTEMPT_FINISHED
        seen_events = [(event.kind, event.job) for event in events]
        assert seen_events[:4] == [
            (EventKind.RUN_STARTED, None),
            *((EventKind.ATTEMPT_STARTED, name) for name in names),
        ]
        ended = [seen_events[place][1] for place in (4, 8, 12)]
        assert sorted(ended) == sorted(names)
        assert seen_events[4:16] == [(kind, name) for name in ended for kind in kinds]
        cleanup = EventKind.CLEANUP_STARTED, EventKind.CLEANUP
        assert seen_events[-7:-1] == [(kind, name) for name in reversed(names) for kind in cleanup]
        assert seen_events[-1] == (EventKind.RUN_FINISHED, None)

    def test_lines_of_concurrent_attempts_do_not_mix(self, on_threads):
        meets = [threading.Barrier(3) for _ in range(3)]

        def check(self):
            self.storage['step'] = self.storage.get('step', -1) + 1
            meets[self.storage['step']].wait(LIMIT)
            if self.storage['step'] < 2:
                raise ValueError

        def run(self):
            self.storage['step'] += 1
            meets[1].wait(LIMIT)

        root = type('Root', (DummyJob,), {'DEPS': [job(name, Check=check, Run=run) for name in 'ABC']})
        lines = stderr_lines(run_engine, root, verbose=True, **on_threads(3))
        blocks = [lines[place : place + 3] for place in (0, 3, 6)]
        whole = [[f'{name}.check: fail', f'{name}.run: pass', f'{name}.recheck: pass'] for name in 'ABC']
        assert sorted(blocks) == whole
        assert lines[9:] == ['Root.check: pass']

    def test_the_status_can_be_read_while_jobs_run(self):
        seen, seen_events = [], threading.Event()

        def listener(event):
            if event.kind is EventKind.ATTEMPT_FINISHED and event.job == 'Quick':
                seen.append(dict(engine.nodestatus))
                seen_events.set()

        root = job('Root', [job('Quick'), job('Slow', Check=lambda self: after(seen_events))])
        engine = make_engine(root, max_workers=2, listeners=[listener])
        call_in_time(engine.checknrun)
        assert seen == [{'Quick': True, 'Slow': None, 'Root': None}]
        assert engine.success()


class TestStorage:
    def test_jobs_on_threads_share_one_global_storage(self, on_threads):
        seen = []

        def cleanup(self):
            seen.append(self.global_storage)

        def run(self):
            self.storage['ran'] = True
            self.global_storage[type(self).__name__] = True
            seen.append(self.global_storage)

        leaves = [changing(f'J{n}', Run=run, Cleanup=cleanup) for n in range(6)]
        engine = run_engine(job('Root', leaves, Check=lambda self: dict(self.global_storage)), **on_threads(3))
        assert len(seen) == 12
        assert all(storage is seen[0] for storage in seen)
        assert engine.noderesults['Root'] == {f'J{n}': True for n in range(6)}

    def test_each_attempt_on_a_thread_has_its_own_storage(self, on_threads):
        together = threading.Barrier(2)

        def check(self):
            together.wait(LIMIT)
            self.storage.setdefault('names', []).append(type(self).__name__)
            if len(self.storage['names']) < 2:
                raise ValueError
            return self.storage['names']

        root = type('Root', (DummyJob,), {'DEPS': [job(n, Check=check, Run=lambda self: None) for n in 'AB']})
        engine = run_engine(root, **on_threads(2))
        assert engine.noderesults == {'A': ['A', 'A'], 'B': ['B', 'B'], 'Root': None}

    @pytest.mark.parametrize('handled', [True, False])
    def test_exceptions_of_threads_begin_at_the_jobs_frame_without_errors_of_the_script(self, on_threads, handled):
        root = job('Root', [failing('Broken'), job('Fine')])
        if handled:
            try:
                raise KeyError('of the script')
            except KeyError:
                engine = run_engine(root, **on_threads(2))
        else:
            engine = run_engine(root, **on_threads(2))
        error = engine.nodeexceptions['Broken']
        assert error.__context__ is None
        frame = error.__traceback__.tb_frame
        assert (frame.f_code.co_name, frame.f_back.f_back) == ('check', None)


class TestDirectory:
    def test_the_directory_is_restored_only_for_cleanups_and_at_the_end(self, on_threads, tmp_path):
        os.chdir(tmp_path)
        (tmp_path / 'elsewhere').mkdir()
        seen = []

        def check(self):
            seen.append(os.getcwd())
            assert len(seen) > 1

        def cleanup(self):
            seen.append(os.getcwd())
            os.chdir('/')

        moves = job('Moves', Check=check, Run=lambda self: os.chdir('elsewhere'), Cleanup=cleanup)
        run_engine(job('Root', [moves]), **on_threads(2))
        assert seen == [str(tmp_path), str(tmp_path / 'elsewhere'), str(tmp_path)]
        assert os.getcwd() == str(tmp_path)

    def test_the_directory_is_restored_after_an_interrupt(self, on_threads, tmp_path):
        os.chdir(tmp_path)

        def check(self):
            os.chdir('/')
            raise CustomInterrupt

        with pytest.raises(CustomInterrupt):
            run_engine(job('Root', Check=check), **on_threads(2))
        assert os.getcwd() == str(tmp_path)


class TestRetries:
    def test_a_job_is_retried_when_due_while_another_still_runs(self, on_threads):
        again, tries = threading.Event(), []

        def check(self):
            assert len(tries) > 1
            again.set()

        retried = job('Retried', __init__=lambda self: tries.append(1), Check=check, RETRY_DELAY=0.01)
        slow = job('Slow', Check=lambda self: after(again), TRIES=1)
        engine = make_engine(job('Root', [slow, retried]), **on_threads(2))
        call_in_time(engine.checknrun)
        assert engine.success()

    def test_a_job_that_waits_for_its_retry_delays_no_other(self, on_threads):
        others, tries = threading.Event(), []

        class Clock(FakeClock):
            def monotonic(self):
                return self.now + 1000 * others.is_set()

        def check(self):
            assert len(tries) > 1

        waits = job('Waits', __init__=lambda self: tries.append(others.is_set()), Check=check, RETRY_DELAY=500)
        last = job('Last', [chain(20, job('Leaf'))], Check=lambda self: others.set())
        clock = Clock()
        call_in_time(make_engine(job('Root', [waits, last]), clock, **on_threads(2)).checknrun)
        assert tries == [False, True]
        assert clock.sleeps == []

    def test_an_interrupt_during_a_wait_calls_the_cleanups(self, on_threads, fake_clock):
        log = []
        fake_clock.sleep = raising(KeyboardInterrupt())
        root = job('Root', [cleaning(log, 'Done'), failing('Broken', RETRY_DELAY=5)])
        with pytest.raises(KeyboardInterrupt):
            run_engine(root, clock=fake_clock, **on_threads(2))
        assert log == ['Done']


class TestInterrupts:
    @pytest.mark.parametrize('where', ['init', 'check', 'run', 'recheck'])
    @pytest.mark.parametrize('interrupt', [KeyboardInterrupt(), GeneratorExit(), CustomInterrupt()])
    def test_after_an_interrupt_running_jobs_end_no_others_start_and_cleanups_run_in_reverse(
        self, on_threads, interrupt, where
    ):
        log, running, recorded = [], threading.Barrier(3), threading.Event()

        def hit(phase):
            if phase == where:
                running.wait(LIMIT)
                raise interrupt

        def check(self):
            hit('recheck' if self.storage else 'check')
            assert self.storage

        def run(self):
            self.storage['ran'] = True
            hit('run')

        def slow(self):
            self.storage['ran'] = True
            running.wait(LIMIT)
            after(recorded)

        def listener(event):
            if event.kind is EventKind.ATTEMPT_FINISHED and event.job == 'Hit':
                recorded.set()

        root = job(
            'Root',
            [
                cleaning(log, 'Slow', Run=slow),
                cleaning(log, 'Hit', __init__=lambda self: hit('init'), Check=check, Run=run),
                cleaning(log, 'Slower', Run=slow),
            ],
        )
        engine = make_engine(root, listeners=[listener], **on_threads(3))
        with pytest.raises(type(interrupt)) as caught:
            call_in_time(engine.checknrun)
        assert caught.value is interrupt
        assert log == ['Slower', *(['Hit'] if where in ('run', 'recheck') else []), 'Slow']
        assert engine.nodestatus == {'Slow': True, 'Hit': False, 'Slower': True, 'Root': None}
        assert engine.nodeexceptions == {'Hit': interrupt}

    def test_a_ready_job_does_not_start_after_an_interrupt(self):
        touched, together = [], threading.Barrier(2)

        def hit(self):
            together.wait(LIMIT)
            raise CustomInterrupt

        hits = [job(name, Check=hit) for name in ('Hit1', 'Hit2')]
        root = job('Root', [*hits, job('Ready', Check=lambda self: touched.append(1))])
        engine = make_engine(root, max_workers=2)
        with pytest.raises(CustomInterrupt):
            call_in_time(engine.checknrun)
        assert touched == []
        assert engine.nodestatus == {'Hit1': False, 'Hit2': False, 'Ready': None, 'Root': None}

    @pytest.mark.parametrize('where', ['init', 'check', 'run', 'recheck'])
    def test_system_exit_on_a_thread_fails_only_its_phase(self, on_threads, where):
        def hit(phase):
            if phase == where:
                sys.exit(3)

        def check(self):
            hit('recheck' if self.storage else 'check')
            assert self.storage

        def run(self):
            self.storage['ran'] = True
            hit('run')

        leaves = job('Leaves', __init__=lambda self: hit('init'), Check=check, Run=run)
        engine = run_engine(job('Root', [leaves, job('Stays')]), default_tries=1, **on_threads(2))
        passes = where in ('check', 'run')
        assert engine.nodestatus == {'Leaves': passes, 'Stays': True, 'Root': True if passes else None}

    def test_a_signal_ends_the_run_as_an_interrupt_in_a_job_does(self, on_threads):
        log, is_waiting, interrupted = [], threading.Event(), threading.Event()

        def run(self):
            self.storage['ran'] = True
            after(is_waiting)
            os.kill(os.getpid(), signal.SIGINT)
            after(interrupted)

        def handler(*_):
            interrupted.set()
            raise KeyboardInterrupt

        def listener(event):
            if event.kind is EventKind.ATTEMPT_FINISHED and event.job == 'Quick':
                is_waiting.set()  # only A still runs

        before = signal.signal(signal.SIGINT, handler)
        try:
            root = job('Root', [cleaning(log, 'A', Run=run), job('Quick')])
            engine = make_engine(root, listeners=[listener], **on_threads(2))
            with pytest.raises(KeyboardInterrupt):
                engine.checknrun()
        finally:
            signal.signal(signal.SIGINT, before)
        assert log == ['A']
        assert engine.nodestatus == {'A': True, 'Quick': True, 'Root': None}

    def test_an_interrupt_while_an_attempt_is_queued_does_not_lose_it(self):
        class Interrupting(ThreadPoolExecutor):
            def submit(self, *args):
                super().submit(*args)
                after(started)
                raise KeyboardInterrupt  # as from a signal handler before the future is returned

        log, started = [], threading.Event()

        def run(self):
            self.storage['ran'] = True
            started.set()

        with Interrupting(1) as pool:
            engine = make_engine(job('Root', [cleaning(log, 'Started', Run=run)]), executor=pool)
            with pytest.raises(KeyboardInterrupt):
                call_in_time(engine.checknrun)
        assert log == ['Started']
        assert engine.nodestatus == {'Started': True, 'Root': None}

    def test_with_cleanup_false_cleanups_stay_pending_after_an_interrupt(self, on_threads):
        log, ended, together = [], threading.Event(), threading.Barrier(2)

        def slow(self):
            self.storage['ran'] = True
            together.wait(LIMIT)
            after(ended)

        def interrupt(self):
            together.wait(LIMIT)
            raise CustomInterrupt

        def listener(event):
            if event.kind is EventKind.ATTEMPT_FINISHED and event.job == 'Hit':
                ended.set()

        hit = cleaning(log, 'Hit', Run=interrupt)
        root = job('Root', [cleaning(log, 'Slow', Run=slow), hit])
        engine = make_engine(root, cleanup=False, listeners=[listener], **on_threads(2))
        with pytest.raises(CustomInterrupt):
            call_in_time(engine.checknrun)
        assert log == []
        engine.cleanup()
        assert log == ['Hit', 'Slow']

    @pytest.mark.parametrize(
        'kind',
        [EventKind.ATTEMPT_STARTED, EventKind.CHECK, EventKind.RUN, EventKind.RECHECK, EventKind.ATTEMPT_FINISHED],
    )
    def test_a_listener_that_interrupts_is_not_notified_twice(self, on_threads, kind):
        log, events, together = [], [], threading.Barrier(2)
        interrupt = KeyboardInterrupt(kind.value)

        def run(self):
            self.storage['ran'] = True
            together.wait(LIMIT)

        def listener(event):
            events.append((event.kind, event.job, event.attempt))
            if (event.kind, event.job) == (kind, 'C'):
                raise interrupt

        leaves = [cleaning(log, 'A', Run=run), cleaning(log, 'B', Run=run), cleaning(log, 'C')]
        options = {**on_threads(2), 'max_workers': 2}
        engine = make_engine(job('Root', [job('Next', leaves)]), listeners=[listener], **options)
        with pytest.raises(KeyboardInterrupt) as caught:
            call_in_time(engine.checknrun)
        assert caught.value is interrupt
        assert events[-1][0] is EventKind.RUN_FINISHED
        assert [event[1:] for event in events if event[0] is EventKind.ATTEMPT_STARTED] == [
            event[1:]
            for event in sorted(events, key=lambda event: event[1] or '')
            if event[0] is EventKind.ATTEMPT_FINISHED
        ], 'every announced attempt has ended'
        started = kind is not EventKind.ATTEMPT_STARTED
        assert log == (['C', 'B', 'A'] if started else ['B', 'A'])
        assert len(events) == len(set(events))
        assert {name: outcome.tries for name, outcome in engine.outcomes.items()} == {
            'A': 1,
            'B': 1,
            'C': 1,  # as in a serial run: an attempt announced as started has failed
            'Next': 0,
            'Root': 0,
        }
        with contextlib.suppress(KeyboardInterrupt):
            call_in_time(engine.checknrun)
        assert len(log) == 2 * len(['C', 'B', 'A'] if started else ['B', 'A']), 'the engine can be used again'

    def test_a_second_interrupt_from_a_listener_ends_the_wait_for_running_jobs(self, on_threads):
        log, lines, started, let_go = [], [], threading.Barrier(3), threading.Event()

        def run(self):
            self.storage['ran'] = True
            started.wait(LIMIT)

        def run_on(self):
            run(self)
            after(let_go)

        def listener(event):
            if event.kind is EventKind.ATTEMPT_FINISHED:
                raise KeyboardInterrupt(event.job)

        root = job('Root', [cleaning(log, 'A', Run=run), cleaning(log, 'B', Run=run), cleaning(log, 'C', Run=run_on)])
        engine = make_engine(root, listeners=[listener], **on_threads(3))

        def work():
            with pytest.raises(KeyboardInterrupt):
                call_in_time(engine.checknrun)

        try:
            lines += stderr_lines(work)
        finally:
            let_go.set()
        assert log == ['B', 'A']
        assert engine.nodestatus == {'A': True, 'B': True, 'C': False, 'Root': None}
        assert lines == [
            'C.cleanup: fail "not called: the wait for this Job was interrupted, and it is still running"',
        ]


class TestCleanup:
    def test_an_error_in_a_cleanup_is_raised_after_all_others_were_called(self, on_threads):
        log, together = [], threading.Barrier(3)
        error = ValueError('no')

        def run(self):
            self.storage['ran'] = True
            together.wait(LIMIT)

        names = [
            cleaning(log, 'A', Run=run),
            cleaning(log, 'B', Run=run, Cleanup=raising(error)),
            cleaning(log, 'C', Run=run),
        ]
        engine = make_engine(job('Root', names), **on_threads(3))
        raised = []

        def work():
            try:
                call_in_time(engine.checknrun)
            except ValueError as caught:
                raised.append(caught)

        lines = stderr_lines(work)
        assert raised == [error]
        assert log == ['C', 'A']
        assert lines == ['B.cleanup: fail "no"']
        assert engine.success()

    def test_an_interrupt_is_raised_before_errors_of_cleanups(self, on_threads):
        error = ValueError('no')
        dirty = changing('Dirty', Cleanup=raising(error))
        engine = make_engine(job('Root', [dirty], Check=raising(CustomInterrupt())), **on_threads(2))
        with pytest.raises(CustomInterrupt) as caught:
            call_in_time(engine.checknrun)
        assert caught.value.__context__ is error

    def test_cleanups_are_called_in_the_callers_thread(self, on_threads):
        threads = []
        run_engine(changing('A', Cleanup=lambda self: threads.append(threading.current_thread())), **on_threads(2))
        assert threads == [threading.current_thread()]

    def test_each_attempt_on_a_thread_has_its_own_cleanup(self, on_threads):
        log = []

        def cleanup(self):
            log.append(self.storage['number'])

        def run(self):
            self.storage['number'] = self.global_storage['count'] = self.global_storage.get('count', 0) + 1

        def check(self):
            assert self.storage.get('number') == 3

        run_engine(job('Root', [job('Late', Check=check, Run=run, Cleanup=cleanup), job('B')]), **on_threads(2))
        assert log == [3, 2, 1]

    def test_no_act_on_threads_calls_no_cleanup(self, on_threads):
        log = []
        engine = run_engine(cleaning(log, 'A'), no_act=True, **on_threads(2))
        assert log == []
        assert engine.outcomes['A'].state is State.WOULD_RUN


def test_started_attempts_are_recorded_once_after_an_interrupt_anywhere(on_threads):
    """Interrupt at each line of the package that the caller's thread runs."""
    options = on_threads(2)

    def attempt(interrupted):
        ran, cleaned, ends = [], [], []

        def run(self):
            ran.append(self)
            self.storage['ran'] = True

        def look(event):
            if event.kind is EventKind.ATTEMPT_FINISHED:
                ends.append(event.attempt)
                assert engine.outcomes['Job'].tries == event.attempt

        cleans = changing('Job', Run=run, Cleanup=lambda self: cleaned.append(self))
        engine = make_engine(cleans, listeners=[look], **options)
        lines = []
        raised = []
        lines += stderr_lines(lambda: raised.append(interrupted(engine.checknrun)))
        with contextlib.suppress(KeyboardInterrupt):
            engine.cleanup()
        if not engine.outcomes:
            assert not ran, raised
            return
        outcome = engine.outcomes['Job']
        is_abandoned = any('not called' in line for line in lines)
        assert outcome.tries <= 1
        assert len(ends) <= outcome.tries, raised
        if ran and not is_abandoned:
            assert cleaned == ran, raised
            assert (outcome.state, outcome.tries) == (State.CHANGED, 1), raised

    interrupt_everywhere(attempt)


def test_a_job_whose_attempt_somebody_cancels_has_failed():
    class Cancelling(Executor):
        def submit(self, function, /, *args, **kwargs):
            future = Future()
            future.cancel()
            return future

    engine = make_engine(job('Root', [job('Leaf')]), executor=Cancelling(), default_tries=1)
    engine.checknrun()
    assert engine.nodestatus == {'Leaf': False, 'Root': None}
    assert isinstance(engine.nodeexceptions['Leaf'], CancelledError)


@pytest.mark.parametrize('error', [MemoryError(), SystemExit(3)])
def test_a_job_whose_attempt_breaks_down_has_failed_and_the_run_goes_on(monkeypatch, error):
    def attempt(self, job_class, with_reports):
        if job_class.__name__ == 'Breaks':
            raise error  # as if the engine itself failed
        return make(self, job_class, with_reports)

    make = AttempterPool.__call__
    monkeypatch.setattr(AttempterPool, '__call__', attempt)
    engine = run_engine(job('Root', [job('Breaks'), job('Fine')]), max_workers=2, default_tries=1)
    assert engine.nodestatus == {'Breaks': False, 'Fine': True, 'Root': None}
    assert engine.nodeexceptions == {'Breaks': error}
