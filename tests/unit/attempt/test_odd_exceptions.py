"""Odd exceptions, and interrupts at any line of the package, fail one Job at most."""

from __future__ import annotations

import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.factories import job, make_engine, run_engine
from support.interrupts import PACKAGE

from dojobber import DummyJob, RunonlyJob, State

BOTH = pytest.mark.parametrize('options', [{}, {'max_workers': 2}], ids=str)
LIMIT = 30  # seconds


def refuse(self, *_):
    raise OSError('not with me')


def odd(name, **members):
    return type(name, (Exception,), members)


ODD = [
    *(odd(name, **{name: property(refuse)}) for name in ('__traceback__', '__context__', '__cause__', '__class__')),
    odd('suppress', __suppress_context__=property(refuse)),
    odd('dict', __dict__=property(refuse)),
    odd('args', args=property(refuse)),
    odd('eq', __eq__=refuse, __hash__=None),
    odd('bool', __bool__=refuse),
    odd('str', __str__=refuse, __repr__=refuse),
    odd('setattr', __setattr__=refuse, __getattribute__=object.__getattribute__),
    odd('getattr', __getattribute__=refuse),
    odd('with_traceback', with_traceback=refuse),
    odd('slots', __slots__=()),
    odd('name', __name__=property(refuse), __module__=property(refuse)),
    StopIteration,
    StopAsyncIteration,
    GeneratorExit,
    RecursionError,
    SystemExit,
]


def in_a_cycle():
    first, second = ValueError('first'), ValueError('second')
    first.__context__, second.__context__ = second, first
    return first


@pytest.mark.parametrize('make', [*ODD, in_a_cycle], ids=lambda make: make.__name__)
@pytest.mark.parametrize('hook', ['__init__', 'Check', 'Run'])
@pytest.mark.parametrize('is_handling', [False, True])
@BOTH
def test_an_odd_exception_fails_its_job_only(options, is_handling, hook, make):
    if make is GeneratorExit:
        pytest.skip('it ends the run, like every exception that is not an Exception')
    log = []

    def throw(self):
        if not is_handling:
            raise make()
        try:
            raise KeyError('handled')
        except KeyError:
            raise make()  # noqa: B904 - with a context

    culprit = job('Culprit', base=RunonlyJob, Run=lambda self: None, Cleanup=lambda s: log.append('Culprit'))
    setattr(culprit, hook, throw)
    if hook == '__init__':
        del culprit.Cleanup
    good = [
        job(f'Good{number}', base=RunonlyJob, Run=lambda self: 1, Cleanup=lambda self: log.append(type(self).__name__))
        for number in range(3)
    ]
    engine = make_engine(job('Root', [culprit, *good], DummyJob), default_tries=2, **options)
    try:
        engine.checknrun()
    except BaseException as error:
        pytest.fail(f'{type(error).__name__} from checknrun()')
    states = {name: outcome.state for name, outcome in engine.outcomes.items()}
    expected = {f'Good{number}': State.CHANGED for number in range(3)}
    assert states == {'Culprit': State.FAILED, **expected, 'Root': State.BLOCKED}
    assert engine.outcomes['Culprit'].tries == 2
    assert set(engine.nodeexceptions) == {'Culprit'}
    assert {name for name in log if name != 'Culprit'} == set(expected)
    assert len(log) == 3 + (0 if hook == '__init__' else 2)


@pytest.mark.parametrize('make', [*ODD, in_a_cycle], ids=lambda make: make.__name__)
def test_an_odd_exception_in_a_cleanup_stops_no_other_cleanup(make):
    log = []

    def throw(self):
        log.append('raised')
        raise make()

    jobs = [
        job('First', base=RunonlyJob, Run=lambda self: None, Cleanup=lambda self: log.append('First')),
        job('Culprit', base=RunonlyJob, Run=lambda self: None, Cleanup=throw),
        job('Other', base=RunonlyJob, Run=lambda self: None, Cleanup=throw),
        job('Last', base=RunonlyJob, Run=lambda self: None, Cleanup=lambda self: log.append('Last')),
    ]
    engine = make_engine(job('Root', jobs, DummyJob))
    raised = None
    try:
        engine.checknrun()
    except BaseException as error:
        raised = error
    assert type(raised) is type(make())
    assert log == ['Last', 'raised', 'raised', 'First']
    assert all(engine.nodestatus.values())


def entries(error):
    count, entry = 0, BaseException.__traceback__.__get__(error)
    while entry is not None:
        count, entry = count + 1, entry.tb_next
    return count


@BOTH
def test_the_traceback_of_an_object_that_is_raised_again_and_again_does_not_grow(options):
    constant = ConnectionError('the server does not answer')

    def deeper(self, depth=3):
        if depth:
            deeper(self, depth - 1)
        raise constant

    lengths = []
    for tries in 2, 40:
        engine = run_engine(job('Waiting', Check=deeper, Run=deeper, TRIES=tries), **options)
        lengths.append(entries(engine.nodeexceptions['Waiting']))
    assert lengths[0] == lengths[1] == 4


def inner():
    raise LookupError('deep inside')


def outer():
    inner()


@BOTH
def test_the_traceback_of_an_error_from_a_thread_of_the_job_is_complete(options):
    def check(self):
        with ThreadPoolExecutor(1) as executor:
            executor.submit(outer).result(LIMIT)

    def names(error):
        return [frame.name for frame in traceback.extract_tb(error.__traceback__)]

    engine = run_engine(job('Asking', Check=check, TRIES=2), **options)
    found = names(engine.nodeexceptions['Asking'])
    assert found[0] == 'check'
    assert found[-2:] == ['outer', 'inner']


def rethrow(self):
    try:
        outer()
    except LookupError as error:
        raise error


def retry(self):
    """Call itself, as a function that retries may."""
    if self.storage.setdefault('calls', 0) == 3:
        inner()
    self.storage['calls'] += 1
    retry(self)


def retry_by_loop(self):
    for _ in range(3):
        try:
            outer()
        except LookupError as error:
            last = error
    raise last


@BOTH
@pytest.mark.parametrize('check', [rethrow, retry, retry_by_loop])
def test_the_traceback_of_an_error_that_passes_a_function_several_times_is_complete(options, check):
    with pytest.raises(LookupError) as caught:
        check(job('ByHand')())
    engine = run_engine(job('Checking', Check=check), no_act=True, **options)
    error = engine.nodeexceptions['Checking']
    assert entries(error) == entries(caught.value) - 1, 'all entries except that of this test'


@BOTH
def test_the_traceback_of_an_error_in_a_recursive_hook_is_complete(options):
    def countdown(self, depth=5):
        if not depth:
            raise LookupError('at the bottom')
        try:
            countdown(self, depth - 1)
        except LookupError as error:
            raise error.with_traceback(error.__traceback__)  # noqa: B904 - as many write it

    with pytest.raises(LookupError) as caught:
        countdown(None)
    engine = run_engine(job('Counting', Check=countdown, TRIES=1), **options)
    assert entries(engine.nodeexceptions['Counting']) == entries(caught.value) - 1, (
        'all entries except that of this test'
    )


class InterruptedRun:
    """A run of Jobs that record their Runs and Cleanups, with a TimeoutError at one line of the package."""

    def __init__(self, options):
        self.started, self.cleaned, self.place, self.raised = [], [], None, None

        def check(job):
            if 'key' not in job.storage:
                raise ValueError

        def run(job):
            job.storage['key'] = len(self.started)
            self.started.append(job.storage['key'])

        def cleanup(job):
            if 'key' in job.storage:
                self.cleaned.append(job.storage['key'])

        def made(name, deps=()):
            return job(name, deps, Check=check, Run=run, Cleanup=cleanup)

        first = made('First')
        jobs = [first, made('Second', [first]), made('Third')]
        self.engine = make_engine(job('Root', jobs, DummyJob), listeners=[lambda event: None], **options)

    def at(self, number):
        """Run it with a TimeoutError at the line of that number, and return whether the run reached that line."""
        count = 0

        def trace(frame, event, _):
            nonlocal count
            if not frame.f_code.co_filename.startswith(PACKAGE):
                return None
            count += event == 'line'
            if event == 'line' and count == number:
                self.place = f'{frame.f_code.co_filename[len(PACKAGE) :]}:{frame.f_lineno}'
                sys.settrace(None)
                raise TimeoutError('time is up')
            return trace

        def work():
            sys.settrace(trace)
            try:
                self.engine.checknrun()
            except BaseException as error:
                self.raised = error
            finally:
                sys.settrace(None)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(LIMIT)
        assert not thread.is_alive(), f'it hangs after an error at {self.place}'
        return self.place is not None


@pytest.mark.parametrize(
    ('options', 'step'),
    [({}, 2), ({'max_workers': 2}, 3), pytest.param({'max_workers': 2}, 1, marks=pytest.mark.faults)],
)
def test_a_time_limit_anywhere_in_the_package_fails_one_job_at_most_and_loses_no_cleanup(options, step):
    number, faults = 0, []
    while True:
        number += step
        interrupted = InterruptedRun(options)
        if not interrupted.at(number):
            break
        engine, place = interrupted.engine, interrupted.place
        if interrupted.raised is not None and type(interrupted.raised) is not TimeoutError:
            faults.append((place, 'raised', repr(interrupted.raised)))
        errors = [type(error) for error in engine.nodeexceptions.values()]
        if not set(errors) <= {TimeoutError, ValueError}:
            faults.append((place, 'errors', errors))
        states = {name: outcome.state for name, outcome in engine.outcomes.items()}
        failed = [name for name, state in states.items() if state is State.FAILED]
        if interrupted.raised is None and len(failed) > 1:
            faults.append((place, 'failed', failed))
        for name, state in states.items():
            if engine.nodestatus[name] is not state.passed or (name in engine.noderesults) is not bool(state.passed):
                faults.append((place, 'views', name))
        if engine.success() is not (bool(states) and all(state.passed for state in states.values())):
            faults.append((place, 'success', states))
        if sorted(interrupted.cleaned) != interrupted.started:
            faults.append((place, 'cleaned up', *interrupted.started, 'not', *interrupted.cleaned))
        interrupted.started.clear()
        engine.checknrun()
        if not engine.success():
            faults.append((place, 'the next run', engine.nodeexceptions))
    assert number > 100
    assert faults == [], '\n'.join(map(str, faults))
