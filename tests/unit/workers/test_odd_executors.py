"""Executors and futures that behave differently from those of ``concurrent.futures``."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from support.factories import changing, job, make_engine
from support.workers import raised_in_time

from dojobber import DummyJob, EventKind, RunonlyJob, State
from dojobber._workers import loop


def wide(count=20, **members):
    return job('Root', [changing(f'J{number}', **members) for number in range(count)], DummyJob)


class Odd(Executor):
    """Makes each call at once and returns another object instead of the future."""

    def __init__(self, instead):
        self._instead = instead

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        future.set_result(function(*args, **kwargs))
        return self._instead(future)


class Handle:
    """Has a result but takes no callbacks."""

    def result(self):
        return None


async def nothing():
    """Do nothing."""


class Uncallable(Future):
    """A future that refuses callbacks."""

    def add_done_callback(self, function):
        raise NotImplementedError('no callbacks here')


@pytest.mark.parametrize('instead', [lambda future: None, lambda future: Handle(), lambda future: 42])
def test_an_executor_that_returns_something_else_than_a_future_is_an_error(instead):
    engine = make_engine(wide(3), executor=Odd(instead))
    error = raised_in_time(engine.checknrun)
    assert isinstance(error, TypeError)
    assert 'submit()' in str(error)
    assert 'Future' in str(error)
    assert not engine.success()


def test_a_thread_pool_that_returns_something_else_than_a_future_is_an_error():
    class Silent(ThreadPoolExecutor):
        def submit(self, *args, **kwargs):
            super().submit(*args, **kwargs)

    with Silent(2) as executor:
        engine = make_engine(wide(3), executor=executor)
        error = raised_in_time(engine.checknrun)
    assert 'submit' in str(error) or 'add_done_callback' in str(error)
    assert not engine.success()


def test_a_future_that_refuses_callbacks_ends_the_run_with_its_error():
    engine = make_engine(wide(3), executor=Odd(lambda future: Uncallable()))
    assert 'no callbacks here' in str(raised_in_time(engine.checknrun))


class Repeating(Future):
    """A future that calls back more than once."""

    def add_done_callback(self, function):
        super().add_done_callback(function)
        function(self)
        function(self)


class Mute(Future):
    """A future that is done but never calls back."""

    def add_done_callback(self, function):
        pass


@pytest.mark.parametrize('kind', [Repeating, Mute])
def test_an_attempt_ends_once_if_its_future_calls_back_twice_or_never(kind, monkeypatch):
    monkeypatch.setattr(loop, 'LONGEST_WAIT', 0.05)

    def convert(future):
        odd = kind()
        odd.set_result(future.result())
        return odd

    finished = []

    def listen(event):
        if event.kind is EventKind.ATTEMPT_FINISHED:
            finished.append(event.job)

    engine = make_engine(wide(2), executor=Odd(convert), listeners=[listen])
    assert raised_in_time(engine.checknrun) is None
    assert engine.success()
    assert sorted(finished) == ['J0', 'J1', 'Root']


@pytest.mark.parametrize('base', [Executor, ThreadPoolExecutor])
def test_an_error_of_submit_ends_the_run_after_running_attempts_and_cleanups(base):
    class Closing(base):
        calls = 0

        def submit(self, function, /, *args, **kwargs):
            self.calls += 1
            if self.calls == 3:
                raise RuntimeError('no more, please')
            if base is ThreadPoolExecutor:
                return super().submit(function, *args, **kwargs)
            future = Future()
            future.set_result(function(*args, **kwargs))
            return future

    def listen(event):
        if event.kind is EventKind.CLEANUP:
            cleaned.append(event.job)

    cleaned = []
    executor = Closing()
    hooks = {'Run': lambda self: 1, 'Cleanup': lambda self: None}
    jobs = [job(f'J{number}', base=RunonlyJob, **hooks) for number in range(5)]
    engine = make_engine(job('Root', jobs, DummyJob), executor=executor, listeners=[listen])
    assert str(raised_in_time(engine.checknrun)) == 'no more, please'
    states = {name: outcome.state for name, outcome in engine.outcomes.items()}
    done = {name for name, state in states.items() if state is State.CHANGED}
    assert done <= {'J0', 'J1'}, 'attempts that had not started may be missing'
    assert base is ThreadPoolExecutor or done == {'J0', 'J1'}
    assert (states['J3'], states['J4']) == (State.NOT_RUN, State.NOT_RUN)
    assert sorted(cleaned) == sorted(done)
    executor.shutdown()
