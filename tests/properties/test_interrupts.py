"""An interrupt at any line of the engine: nothing that was started is forgotten, and the engine can be used again."""

from __future__ import annotations

import contextlib
from collections import Counter
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
from support.factories import failing, job, make_engine
from support.interrupts import interrupt_everywhere

from dojobber import EventKind, GiveUp, Skip

LOG: list[tuple[str, str]] = []


def check(self):
    assert self.storage, 'not yet'


def run(self):
    LOG.append(('run', type(self).__name__))
    self.storage['ran'] = True


def run_without_effect(self):
    LOG.append(('run', type(self).__name__))


def cleanup(self):
    LOG.append(('cleanup', type(self).__name__))


class UnknownExecutor(Executor):
    """Runs its calls on threads, but the engine must assume that it runs them in other processes."""

    def __init__(self):
        self._pool = ThreadPoolExecutor(2)
        self.submit = self._pool.submit
        self.shutdown = self._pool.shutdown


def serial():
    return contextlib.nullcontext({})


def own_threads():
    return contextlib.nullcontext({'max_workers': 2})


@contextlib.contextmanager
def thread_pool():
    with ThreadPoolExecutor(2) as pool:
        yield {'executor': pool}


@contextlib.contextmanager
def unknown_executor():
    pytest.importorskip('cloudpickle')
    with UnknownExecutor() as executor:
        yield {'executor': executor}


def changes(name, deps=()):
    return job(name, deps, Check=check, Run=run, Cleanup=cleanup)


def small_graph():
    return job('Root', [changes('Middle', [changes('Leaf')])])


def graph_with_retries():
    leaf = changes('Leaf')
    broken = failing('Broken', TRIES=2, Run=run_without_effect, Cleanup=cleanup)
    return job('Root', [leaf, changes('Middle', [leaf]), broken])


def graph_that_gives_up():
    """Return a graph with locks, in which one Job skips itself and one gives up when all others have ended."""

    def skip(self):
        raise Skip('not here')

    def give_up(self):
        run_without_effect(self)
        raise GiveUp('no disk')

    locked = [job(name, Check=check, Run=run, Cleanup=cleanup, LOCKS=('lock', name)) for name in ('Left', 'Right')]
    skips = job('Skips', [job('Skipped', locked[:1], Check=check)], Check=skip)
    hopeless = failing('Hopeless', [*locked, skips], Run=give_up, Cleanup=cleanup)
    return job('Root', [hopeless])


def calls_of(hook):
    return Counter(name for logged, name in LOG if logged == hook)


def states(engine):
    return {name: outcome.state for name, outcome in engine.outcomes.items()}


class InterruptedRun:
    """An engine whose run was interrupted somewhere, and what is known about that run."""

    def __init__(self, root, interrupt, options):
        LOG.clear()
        self.events = []
        self.engine = make_engine(root, listeners=[self.events.append], **options)
        self.raised = interrupt(self.engine.checknrun)
        self.runs = calls_of('run')
        self.engine.cleanup()
        self.cleanups = calls_of('cleanup')
        self.skipped = Counter(
            event.job for event in self.events if event.kind is EventKind.CLEANUP and event.seconds is None
        )

    def check_cleanups(self):
        lost = self.runs - self.cleanups - self.skipped
        assert not lost, (self.raised, LOG)
        superfluous = self.cleanups - self.runs
        assert sum(superfluous.values()) <= 1, (self.raised, LOG)  # the interrupt may come just before a Run

    def check_results(self):
        for name, outcome in self.engine.outcomes.items():
            if self.runs[name]:
                assert outcome.tries >= self.runs[name], (name, outcome, self.raised)
                assert outcome.state.passed is not None, (name, outcome, self.raised)
        ends = Counter((event.job, event.attempt) for event in self.events if event.kind is EventKind.ATTEMPT_FINISHED)
        assert set(ends.values()) <= {1}, (ends, self.raised)
        for name, attempt in ends:
            assert self.engine.outcomes[name].tries >= attempt, (name, self.raised)
        status = {name: state.passed for name, state in states(self.engine).items()}
        assert self.engine.nodestatus == status, self.raised
        assert self.engine.success() is (bool(status) and all(status.values())), self.raised
        assert self.engine.partial_success() is (True in status.values()), self.raised

    def check_next_run(self, root, options, undisturbed):
        LOG.clear()
        self.engine.configure(root, default_retry_delay=0, **options)
        self.engine.checknrun()
        assert (states(self.engine), calls_of('run'), calls_of('cleanup')) == undisturbed, self.raised


def interrupt_everywhere_in(root, workers, cleanup, **more_options):
    with workers() as options:
        options = {**options, **more_options}
        LOG.clear()
        engine = make_engine(root, **options)
        engine.checknrun()
        undisturbed = states(engine), calls_of('run'), calls_of('cleanup')

        def check(interrupt):
            interrupted = InterruptedRun(root, interrupt, {**options, 'cleanup': cleanup})
            assert interrupted.raised is None or isinstance(interrupted.raised, KeyboardInterrupt)
            interrupted.check_cleanups()
            interrupted.check_results()
            interrupted.check_next_run(root, options, undisturbed)

        interrupt_everywhere(check)


@pytest.mark.parametrize(
    ('workers', 'cleanup'),
    [
        (serial, True),
        (serial, False),
        (own_threads, True),
        pytest.param(thread_pool, True, marks=pytest.mark.faults),
        pytest.param(own_threads, False, marks=pytest.mark.faults),
        pytest.param(thread_pool, False, marks=pytest.mark.faults),
    ],
)
def test_an_interrupt_at_any_line_loses_nothing(workers, cleanup):
    interrupt_everywhere_in(small_graph(), workers, cleanup)


@pytest.mark.faults
@pytest.mark.parametrize('cleanup', [True, False])
@pytest.mark.parametrize('workers', [serial, own_threads, thread_pool, unknown_executor])
def test_an_interrupt_at_any_line_of_a_run_with_retries_loses_nothing(workers, cleanup):
    interrupt_everywhere_in(graph_with_retries(), workers, cleanup)


@pytest.mark.faults
@pytest.mark.parametrize('cleanup', [True, False])
@pytest.mark.parametrize('workers', [serial, own_threads, thread_pool, unknown_executor])
def test_an_interrupt_at_any_line_of_a_run_that_fails_fast_loses_nothing(workers, cleanup):
    interrupt_everywhere_in(graph_that_gives_up(), workers, cleanup, fail_fast=True, skip=['Skipped'])
