"""Lazy hooks, which do nothing when they are called: async functions, and functions that contain a ``yield``."""

from __future__ import annotations

import asyncio
import functools
import gc
import warnings

import pytest
from support.factories import job, make_engine, run_engine

from dojobber import DoJobber, Job, PlanError, RunonlyJob, State


async def coroutine(self, *args):
    """Do nothing yet."""


def generator(self, *args):
    """Do nothing yet."""
    yield


async def async_generator(self, *args):
    """Do nothing yet."""
    yield


LAZY = [coroutine, generator, async_generator]


class Calls:
    """A callable object that calls a function."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args):
        return self.function(self, *args)


def callable_of(function):
    """Return an object whose class has ``function`` as its ``__call__``."""
    return type('Called', (), {'__call__': function})()


def passed_on(function):
    """Decorate a function as most decorators do."""

    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


def run_to_the_end(function):
    """Decorate an async function so that calling it runs it to its end."""

    @functools.wraps(function)
    def wrapper(*args):
        return asyncio.run(function(*args))

    return wrapper


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    """Fail the test if Python warns that a coroutine was never awaited."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter('always')
        yield
        gc.collect(0)  # only what the test has created: collecting everything takes much longer
    assert [str(warning.message) for warning in found] == []


WRAPPINGS = {
    'itself': lambda function: function,
    'partial': functools.partial,
    'partialmethod': functools.partialmethod,
    'staticmethod': staticmethod,
    'classmethod': classmethod,
    'callable': callable_of,
    'partial of a callable': lambda function: functools.partial(callable_of(function)),
    'partialmethod of a partial': lambda function: functools.partialmethod(functools.partial(function)),
    'partial of a partial': lambda function: functools.partial(functools.partial(function, 1), 2),
    'staticmethod of a partial': lambda function: staticmethod(functools.partial(function)),
}


@pytest.mark.parametrize('function', LAZY)
@pytest.mark.parametrize('wrapping', WRAPPINGS)
@pytest.mark.parametrize('hook', ['Check', 'Run', 'Cleanup'])
def test_configure_refuses_a_lazy_hook(hook, wrapping, function):
    lazy = job('Lazy', **{'Check': lambda self: None, hook: WRAPPINGS[wrapping](function)})
    for culprit in lazy, job('Heir', base=lazy, Check=lazy.__dict__['Check']):
        with pytest.raises(PlanError, match=f"{hook} of '{culprit.__name__}' .*(async|yield)") as caught:
            DoJobber().configure(job('Root', [culprit]))
        assert caught.value.culprit is culprit


@pytest.mark.parametrize('function', LAZY)
def test_a_hook_that_overrides_a_lazy_one_is_accepted(function):
    lazy = job('Lazy', Check=function, Run=function, Cleanup=function)
    sound = {hook: lambda self: 'done' for hook in ('Check', 'Run')}
    assert run_engine(job('Sound', base=lazy, Cleanup=None, **sound)).noderesults == {'Sound': 'done'}


def test_decorators_that_run_a_coroutine_to_its_end_are_accepted():
    class Client:
        """A client with an async method."""

        async def ask(self):
            return 'answer'

    @run_to_the_end
    async def check(self):
        await asyncio.sleep(0)
        return await Client().ask()

    log = []

    @run_to_the_end
    async def cleanup(self):
        log.append('cleaned')

    engine = run_engine(job('Asking', Check=check))
    assert engine.noderesults == {'Asking': 'answer'}
    both = job('Both', base=RunonlyJob, Run=Calls(lambda self: 'ran'), Cleanup=cleanup)
    assert run_engine(both).noderesults == {'Both': 'ran'}
    assert log == ['cleaned']


def numbers():
    """Yield two numbers."""
    yield from (1, 2)


@pytest.mark.parametrize(
    'check',
    [
        lambda self: numbers(),
        lambda self: (number for number in (1, 2)),
        lambda self: functools.partial(numbers)(),
        passed_on(lambda self: numbers()),
    ],
)
@pytest.mark.parametrize('options', [{}, {'max_workers': 2}], ids=str)
def test_a_generator_that_is_not_the_hook_itself_is_a_result(options, check):
    assert list(run_engine(job('Numbers', Check=check), **options).noderesults['Numbers']) == [1, 2]


def described(function):
    return {coroutine: 'coroutine', generator: 'generator', async_generator: 'async generator'}[function]


HIDDEN = {
    'decorator': passed_on,
    'two decorators': lambda function: passed_on(passed_on(function)),
    'partialmethod of a decorator': lambda function: functools.partialmethod(passed_on(function)),
    'property': lambda function: property(lambda self: functools.partial(function, self)),
}


@pytest.mark.parametrize('function', LAZY)
@pytest.mark.parametrize('hiding', HIDDEN)
@pytest.mark.parametrize('options', [{}, {'max_workers': 2}], ids=str)
def test_a_lazy_hook_that_configure_cannot_see_fails_its_phase_with_the_reason(options, hiding, function):
    hidden = HIDDEN[hiding](function)
    engine = run_engine(job('Checking', Check=hidden), default_tries=1, **options)
    assert engine.nodestatus == {'Checking': False}
    assert described(function) in str(engine.nodeexceptions['Checking'])
    assert 'Checking' in str(engine.nodeexceptions['Checking'])
    engine = run_engine(job('Running', base=RunonlyJob, Run=hidden), default_tries=1, **options)
    assert engine.nodestatus == {'Running': False}
    assert described(function) in str(engine.nodeexceptions['Running'])


@pytest.mark.parametrize('function', LAZY)
def test_a_lazy_hook_that_init_sets_on_the_instance_fails_its_phase(function):
    def init(self):
        self.Check = functools.partial(function, self)

    engine = run_engine(job('Late', __init__=init), default_tries=1)
    assert engine.nodestatus == {'Late': False}
    assert described(function) in str(engine.nodeexceptions['Late'])


@pytest.mark.parametrize('function', LAZY)
@pytest.mark.parametrize('hiding', HIDDEN)
@pytest.mark.parametrize('options', [{}, {'max_workers': 2}], ids=str)
def test_a_lazy_cleanup_fails_like_one_that_raises_and_stops_no_other(options, hiding, function):
    log = []
    first = job('First', base=RunonlyJob, Run=lambda self: None, Cleanup=lambda self: log.append('cleaned'))
    lazy = job('Lazy', [first], base=RunonlyJob, Run=lambda self: None, Cleanup=HIDDEN[hiding](function))
    engine = make_engine(lazy, **options)
    with pytest.raises(Exception, match=f"Cleanup of 'Lazy' .*{described(function)}"):
        engine.checknrun()
    assert log == ['cleaned']
    assert engine.success(), 'a Cleanup fails no Job'
    engine.cleanup()
    assert log == ['cleaned']


def test_a_lazy_generator_that_was_started_is_closed():
    log = []

    @passed_on
    def check(self):
        try:
            yield
        finally:
            log.append('closed')

    @passed_on
    def advanced(self):
        opened = check.__wrapped__(self)
        next(opened)
        return opened

    advanced.__wrapped__ = check.__wrapped__
    engine = run_engine(job('Opening', Check=advanced), default_tries=1)
    assert engine.nodestatus == {'Opening': False}
    assert set(log) == {'closed'}


def test_a_coroutine_that_refuses_to_be_closed_fails_its_phase():
    class Stubborn:
        def __await__(self):
            while True:
                try:
                    yield
                except GeneratorExit:
                    raise ValueError('I stay') from None

    async def wait():
        await Stubborn()

    def check(self):
        waiting = wait()
        waiting.send(None)
        return waiting

    engine = run_engine(job('Stuck', [], Check=check), job('Fine'), default_tries=1)
    assert engine.outcomes['Stuck'].state is State.FAILED


def test_a_hook_wrapped_in_itself_is_examined_in_finite_time():
    def check(self):
        return numbers()

    check.__wrapped__ = check
    looped = functools.partial(check)
    looped.__wrapped__ = looped
    assert list(run_engine(job('Looped', Check=check)).noderesults['Looped']) == [1, 2]

    class Round(Job):
        Check = staticmethod(looped)

    engine = run_engine(Round, default_tries=1)
    assert set(engine.nodestatus) == {'Round'}
