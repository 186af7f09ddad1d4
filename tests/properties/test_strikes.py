"""Wherever an interrupt strikes in a run: nothing that was begun is forgotten, and the engine can be used again."""

from __future__ import annotations

import contextlib
from collections import Counter
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
from support.factories import failing, job, make_engine
from support.interrupts import interrupt_everywhere

from dojobber import EventKind

LOG: list[tuple[str, str]] = []


def check(self):
    assert self.storage, 'not yet'


def run(self):
    LOG.append(('run', type(self).__name__))
    self.storage['ran'] = True


def run_in_vain(self):
    LOG.append(('run', type(self).__name__))


def cleanup(self):
    LOG.append(('cleanup', type(self).__name__))


class Elsewhere(Executor):
    """Makes its calls on threads, and is taken for one that makes them in other processes."""

    def __init__(self):
        self._pool = ThreadPoolExecutor(2)
        self.submit = self._pool.submit
        self.shutdown = self._pool.shutdown


def serial():
    return contextlib.nullcontext({})


def own_threads():
    return contextlib.nullcontext({'max_workers': 2})


@contextlib.contextmanager
def executor_threads():
    with ThreadPoolExecutor(2) as pool:
        yield {'executor': pool}


@contextlib.contextmanager
def elsewhere():
    pytest.importorskip('cloudpickle')
    with Elsewhere() as executor:
        yield {'executor': executor}


def changes(name, deps=()):
    return job(name, deps, Check=check, Run=run, Cleanup=cleanup)


def small():
    return job('Root', [changes('Middle', [changes('Leaf')])])


def retrying():
    leaf = changes('Leaf')
    broken = failing('Broken', TRIES=2, Run=run_in_vain, Cleanup=cleanup)
    return job('Root', [leaf, changes('Middle', [leaf]), broken])


def counted(what):
    return Counter(name for each, name in LOG if each == what)


def states(engine):
    return {name: outcome.state for name, outcome in engine.outcomes.items()}


class Struck:
    """An engine that has been interrupted somewhere."""

    def __init__(self, root, strike, options):
        LOG.clear()
        self.events = []
        self.engine = make_engine(root, listeners=[self.events.append], **options)
        self.raised = strike(self.engine.checknrun)
        self.ran = counted('run')
        self.engine.cleanup()
        self.cleaned = counted('cleanup')
        self.given_up = Counter(
            event.job for event in self.events if event.kind is EventKind.CLEANUP and event.seconds is None
        )

    def check_cleanups(self):
        lost = self.ran - self.cleaned - self.given_up
        assert not lost, (self.raised, LOG)
        needless = self.cleaned - self.ran
        assert sum(needless.values()) <= 1, (self.raised, LOG)  # it may strike just before a Run

    def check_statuses(self):
        for name, outcome in self.engine.outcomes.items():
            if self.ran[name]:
                assert outcome.tries >= self.ran[name], (name, outcome, self.raised)
                assert outcome.state.passed is not None, (name, outcome, self.raised)
        ends = Counter((event.job, event.attempt) for event in self.events if event.kind is EventKind.ATTEMPT_FINISHED)
        assert set(ends.values()) <= {1}, (ends, self.raised)
        for name, attempt in ends:
            assert self.engine.outcomes[name].tries >= attempt, (name, self.raised)
        status = {name: state.passed for name, state in states(self.engine).items()}
        assert self.engine.nodestatus == status, self.raised
        assert self.engine.success() is (bool(status) and all(status.values())), self.raised
        assert self.engine.partial_success() is (True in status.values()), self.raised

    def check_it_can_be_used_again(self, root, options, fresh):
        LOG.clear()
        self.engine.configure(root, default_retry_delay=0, **options)
        self.engine.checknrun()
        assert (states(self.engine), counted('run'), counted('cleanup')) == fresh, self.raised


def check_every_place(root, way, is_cleaned):
    with way() as options:
        LOG.clear()
        engine = make_engine(root, **options)
        engine.checknrun()
        fresh = states(engine), counted('run'), counted('cleanup')

        def attempt(strike):
            struck = Struck(root, strike, {**options, 'cleanup': is_cleaned})
            assert struck.raised is None or isinstance(struck.raised, KeyboardInterrupt)
            struck.check_cleanups()
            struck.check_statuses()
            struck.check_it_can_be_used_again(root, options, fresh)

        interrupt_everywhere(attempt)


@pytest.mark.parametrize(
    ('way', 'is_cleaned'),
    [
        (serial, True),
        (serial, False),
        (own_threads, True),
        pytest.param(executor_threads, True, marks=pytest.mark.faults),
        pytest.param(own_threads, False, marks=pytest.mark.faults),
        pytest.param(executor_threads, False, marks=pytest.mark.faults),
    ],
)
def test_nothing_is_lost(way, is_cleaned):
    check_every_place(small(), way, is_cleaned)


@pytest.mark.faults
@pytest.mark.parametrize('is_cleaned', [True, False])
@pytest.mark.parametrize('way', [serial, own_threads, executor_threads, elsewhere])
def test_nothing_is_lost_in_a_larger_graph_either(way, is_cleaned):
    check_every_place(retrying(), way, is_cleaned)
