"""Attempts in a worker, without another process: the tests pass the bytes."""

from __future__ import annotations

import asyncio
import copyreg
import os
import pickle
import subprocess
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.asserts import mount
from support.factories import changing, failing, job, mark_reached, wait_until_reached
from support.pickling import (
    Caching,
    CustomInterrupt,
    FrozenError,
    NeedsTwoError,
    PlainError,
    PrefixingError,
    Raises,
    RefusingError,
    Unloadable,
)

from dojobber import DummyJob, Job, Outcome, RemoteError, RunonlyJob, State, StorageConflictError
from dojobber._attempt.attempt import AttempterPool, AttemptSettings
from dojobber._plan.plan import make_plan
from dojobber._workers.remote.client import RemoteClient, RemoteTraceback
from dojobber._workers.remote.worker import run_request
from dojobber.text import error_details


class RemoteRun:
    """Runs attempts of the Jobs of a graph, with the client and the worker in this process."""

    def __init__(self, root, *args, no_act=False, with_reports=True, **kwargs):
        plan = make_plan(root, 1, 0)
        self.global_storage = {}
        self.names = list(plan.names)
        self.client = RemoteClient(plan, AttemptSettings(args, kwargs, self.global_storage, no_act, None), with_reports)

    def request_of(self, name):
        return self.client.encode(self.names.index(name))

    def attempt(self, name):
        return self.client.decode(self.names.index(name), run_request(self.request_of(name)))

    def attempt_all(self):
        """Run one attempt of each Job and return the outcomes by name."""
        return {name: self.attempt(name).outcome for name in self.names}


def run_in_process(request):
    """Run a request in another process and return the response."""
    code = (
        'import sys; from dojobber._workers.remote.worker import run_request; '
        'sys.stdout.buffer.write(run_request(sys.stdin.buffer.read()))'
    )
    return subprocess.run(
        [sys.executable, '-c', code], input=request, stdout=subprocess.PIPE, check=True, timeout=60
    ).stdout


def outcome_of(job_class, *args, **kwargs):
    return RemoteRun(job_class, *args, **kwargs).attempt(job_class.__name__).outcome


def scrambled_error():
    """Return the type and message of the error of reading ``b'scrambled'``."""
    with pytest.raises(pickle.UnpicklingError) as caught:
        pickle.loads(b'scrambled')
    return f'UnpicklingError: {caught.value}'


def raising(error, name='Raises', **members):
    """Return a Job class whose Check raises a new ``error()``."""

    def check(self, *args):
        raise error()

    return job(name, **{'Check': check, **members})


def writing(name, deps=(), **values):
    """Return a Job class that writes ``values`` to ``global_storage``."""
    return job(name, deps, Check=lambda self: self.global_storage.update(values))


def reading(name, deps=()):
    """Return a Job class whose result is the ``global_storage`` that it sees."""
    return job(name, deps, Check=lambda self: {**self.global_storage})


class InterruptsWhenLoaded:
    """Raises an interrupt while it is loaded, once a test has armed it."""

    is_armed = False

    def __reduce__(self):
        return interrupt_or_load, ()


def interrupt_or_load():
    if InterruptsWhenLoaded.is_armed:
        raise KeyboardInterrupt
    return InterruptsWhenLoaded()


class PrefixingInterrupt(BaseException):
    """Gets a longer message each time it is loaded."""

    def __init__(self, word):
        super().__init__(f'error: {word}')


class UnprintableError(Exception):
    """Its ``__str__`` raises its first argument."""

    def __str__(self):
        raise self.args[0]


class TestAttempt:
    def test_a_job_that_passes_at_once_is_ok_with_its_result(self):
        result = RemoteRun(job('Fine', Check=lambda self, a, b: (a, b)), 1, b='two').attempt('Fine')
        assert result.outcome[:4] == (State.OK, 1, (1, 'two'), None)
        assert [report.phase for report in result.reports] == ['check']
        assert result.pending_cleanup is None

    def test_a_job_that_must_run_is_changed(self):
        result = RemoteRun(changing('Changed')).attempt('Changed')
        assert result.outcome.state is State.CHANGED
        assert [(report.phase, report.error is None) for report in result.reports] == [
            ('check', False),
            ('run', True),
            ('recheck', True),
        ]
        assert list(result.outcome.phases) == ['check', 'run', 'recheck']

    def test_all_kinds_of_jobs_can_be_sent(self):
        only = job('Only', base=RunonlyJob, Run=lambda self: 'verdict')
        root = job('All', [only], DummyJob)
        assert {name: outcome[:3] for name, outcome in RemoteRun(root).attempt_all().items()} == {
            'Only': (State.CHANGED, 1, 'verdict'),
            'All': (State.OK, 1, None),
        }

    def test_no_act_in_a_worker_does_not_call_run(self):
        result = RemoteRun(changing('Changed'), no_act=True).attempt('Changed')
        assert result.outcome.state is State.WOULD_RUN
        assert [report.phase for report in result.reports] == ['check']

    @pytest.mark.parametrize('where', ['result', 'global_storage', 'message'])
    def test_an_interrupt_while_a_result_is_pickled_fails_the_job(self, where):
        def check(self):
            if where == 'message':
                raise UnprintableError(KeyboardInterrupt())
            if where == 'global_storage':
                self.global_storage['key'] = Raises(KeyboardInterrupt())
            return Raises(KeyboardInterrupt()) if where == 'result' else None

        outcome = outcome_of(job('Interrupted', Check=check))
        assert outcome.state is State.FAILED
        assert 'a worker cannot run the Job: KeyboardInterrupt' in str(outcome.exception)

    def test_phases_are_reported_only_on_request(self):
        result = RemoteRun(changing('Changed'), with_reports=False).attempt('Changed')
        assert (result.outcome.state, list(result.reports)) == (State.CHANGED, [])

    def test_a_request_that_cannot_be_read_fails_the_job(self):
        result = RemoteRun(job('Fine')).client.decode(0, run_request(b'scrambled'))
        error = result.outcome.exception
        assert result.outcome == Outcome(State.FAILED, 1, None, error)
        assert [report[:4] for report in result.reports] == [('check', 0.0, None, error)]
        assert result.pending_cleanup is None
        assert str(error) == f'a worker cannot run the Job: {scrambled_error()}'

    def test_an_error_while_a_request_is_read_is_not_raised_in_the_worker(self, monkeypatch):
        request = pickle.dumps(InterruptsWhenLoaded())
        with monkeypatch.context() as patched:
            patched.setattr(InterruptsWhenLoaded, 'is_armed', True)
            response = run_request(request)
        result = RemoteRun(job('Fine')).client.decode(0, response)
        assert 'a worker cannot run the Job: KeyboardInterrupt' in str(result.outcome.exception)

    def test_a_response_that_cannot_be_read_fails_the_job(self):
        result = RemoteRun(job('Fine')).client.decode(0, b'scrambled')
        error = result.outcome.exception
        assert isinstance(error, RemoteError)
        assert result.outcome == Outcome(State.FAILED, 1, None, error)
        assert [report[:4] for report in result.reports] == [('check', 0.0, None, error)]
        assert result.pending_cleanup is None
        assert str(error) == f"the result of 'Fine' cannot be read: {scrambled_error()}"

    @pytest.mark.parametrize('where', ['result', 'global_storage', 'storage'])
    def test_an_interrupt_while_a_response_is_read_is_raised(self, monkeypatch, where):
        def run(self):
            self.storage['ran'] = InterruptsWhenLoaded() if where == 'storage' else True
            self.global_storage['key'] = InterruptsWhenLoaded() if where == 'global_storage' else True

        def check(self):
            if 'ran' not in self.storage:
                raise ValueError
            return InterruptsWhenLoaded() if where == 'result' else True

        remote_run = RemoteRun(changing('Interrupted', Check=check, Run=run, Cleanup=lambda self: None))
        response = run_request(remote_run.request_of('Interrupted'))
        monkeypatch.setattr(InterruptsWhenLoaded, 'is_armed', True)
        with pytest.raises(KeyboardInterrupt):
            remote_run.client.decode(0, response)

    def test_the_workers_directory_is_restored_between_phases_and_after_the_job(self, tmp_path):
        home = os.getcwd()

        def check(self, away):
            self.storage.setdefault('seen', []).append(os.getcwd())
            os.chdir(away)
            if len(self.storage['seen']) == 1:
                raise ValueError
            return self.storage['seen']

        def run(self, away):
            self.storage['seen'].append(os.getcwd())
            os.chdir(away)

        outcome = outcome_of(job('Moves', Check=check, Run=run), str(tmp_path))
        assert outcome.result == [home] * 3
        assert os.getcwd() == home

    def test_the_workers_directory_is_restored_after_an_attempt_that_breaks_down(self, monkeypatch, tmp_path):
        def attempt(self, job_class, with_reports):
            os.chdir(tmp_path)
            raise MemoryError  # in the engine's own code, where no Job can make it fail

        home = os.getcwd()
        monkeypatch.setattr(AttempterPool, '__call__', attempt)
        outcome = outcome_of(job('Breaks'))
        assert 'a worker cannot run the Job: MemoryError' in str(outcome.exception)
        assert os.getcwd() == home

    def test_a_job_that_removes_the_workers_directory_can_pass(self, tmp_path):
        home = tmp_path / 'home'
        home.mkdir()
        os.chdir(home)
        assert outcome_of(job('Removes', Check=lambda self: home.rmdir())).state is State.OK

    def test_concurrent_attempts_in_one_process_leave_the_directory_alone(self, tmp_path):
        home, folder = os.getcwd(), str(tmp_path)

        def check(self):
            os.chdir(folder)
            mark_reached(folder, 'moved')
            wait_until_reached(folder, 'stays')
            return os.getcwd()

        with ThreadPoolExecutor(1) as thread:
            moves = thread.submit(outcome_of, job('Moves', Check=check))
            wait_until_reached(folder, 'moved')
            stays = outcome_of(job('Stays', Check=lambda self: os.getcwd()))
            mark_reached(folder, 'stays')
            assert moves.result(60).result == stays.result == folder
        assert os.getcwd() == home


class TestRequest:
    def test_no_two_requests_are_equal(self):
        fine = job('Fine')
        first, second = RemoteRun(fine), RemoteRun(fine)
        requests = [
            first.request_of('Fine'),
            first.request_of('Fine'),
            second.request_of('Fine'),
            second.request_of('Fine'),
        ]
        assert len(set(requests)) == 4

    def test_a_job_is_sent_without_its_dependencies(self):
        top = job('Top', [job(f'Leaf{number}', [job(f'Deep{number}')]) for number in range(1000)])
        alone = job('Top')
        assert abs(len(RemoteRun(top).request_of('Top')) - len(RemoteRun(alone).request_of('Top'))) < 100

    def test_a_named_job_is_sent_with_its_attributes(self):
        made = DummyJob.named('All', DEPS=[job('Leaf')], WHO='Ada', Check=lambda self: self.WHO)
        assert RemoteRun(made).attempt('All').outcome.result == 'Ada'
        assert b'Leaf' not in RemoteRun(made).request_of('All')  # the graph below it stays here

    def test_a_job_is_sent_without_the_dependencies_of_its_bases(self):
        base = job('Base', [job(f'Leaf{number}') for number in range(1000)])
        top = type('Top', (base,), {})
        assert len(RemoteRun(top).request_of('Top')) < 2 * len(RemoteRun(job('Top')).request_of('Top'))

    def test_pickling_a_class_does_not_change_it(self):
        leaf = job('Leaf')
        top = job('Top', [leaf], Check=lambda self: self)
        outcome = RemoteRun(top).attempt('Top').outcome
        assert type(outcome.result) is top
        assert list(top.DEPS) == [leaf]

    def test_arguments_that_cannot_be_pickled_are_refused_at_once(self):
        with pytest.raises(RemoteError) as caught:
            RemoteRun(job('Fine'), handle=threading.Lock())
        cause = caught.value.__cause__
        assert isinstance(cause, TypeError)
        assert (
            str(caught.value) == f'the arguments of set_args() cannot be sent to a worker process: TypeError: {cause}'
        )

    def test_the_error_of_a_class_that_cannot_be_pickled_names_it(self):
        held = job('Holds', lock=threading.Lock())
        with pytest.raises(RemoteError) as caught:
            RemoteRun(held).request_of('Holds')
        cause = caught.value.__cause__
        assert isinstance(cause, TypeError)
        assert str(caught.value) == f"'Holds' cannot be sent to a worker process: TypeError: {cause}"
        assert caught.value.culprit is held

    def test_an_interrupt_while_a_request_is_pickled_is_raised(self):
        with pytest.raises(KeyboardInterrupt):
            RemoteRun(job('Fine'), Raises(KeyboardInterrupt()))
        remote_run = RemoteRun(job('Holds', held=Raises(KeyboardInterrupt())))
        with pytest.raises(KeyboardInterrupt):
            remote_run.request_of('Holds')

    def test_a_class_can_use_super_and_functions_of_its_module(self):
        def helper():
            return 'helped'

        class Base(Job):
            def Check(self):
                return helper()

        class Derived(Base):
            DEPS = [job('Leaf')]

            def Check(self):
                return super().Check(), __class__.__name__

        assert outcome_of(Derived).result == ('helped', 'Derived')


class TestResult:
    @pytest.mark.parametrize(
        ('make', 'message'),
        [
            (lambda: threading.Lock(), 'a lock (which cannot be sent unchanged: TypeError: cannot pickle'),
            (
                lambda: (number for number in ()),
                'a generator (which cannot be sent unchanged: TypeError: cannot pickle',
            ),
            (lambda: Unloadable(), 'a Unloadable (which cannot be sent unchanged: ValueError: invalid literal'),
        ],
    )
    def test_a_result_that_cannot_be_pickled_is_replaced_by_an_error(self, make, message):
        outcome = outcome_of(job('Returns', Check=lambda self: make()))
        assert outcome.state is State.OK
        assert isinstance(outcome.result, RemoteError)
        assert message in str(outcome.result)

    def test_a_return_value_of_run_that_cannot_be_pickled_is_replaced_in_the_report(self):
        result = RemoteRun(
            changing('Runs', Run=lambda self: self.storage.update(ran=True) or threading.Lock())
        ).attempt('Runs')
        assert result.outcome.state is State.CHANGED
        assert isinstance(result.reports[1].value, RemoteError)


class TestException:
    def test_an_exception_arrives_with_its_attributes_and_its_traceback(self):
        def wrapped():
            error = PlainError('why', 5)
            error.host = 'db1'
            return error

        result = RemoteRun(raising(wrapped)).attempt('Raises')
        error = result.outcome.exception
        assert (type(error), error.args, error.host) == (PlainError, ('why', 5), 'db1')
        assert isinstance(error.__cause__, Exception)
        assert str(error.__cause__).startswith('\nTraceback (most recent call last):\n  File ')
        assert 'in check\n    raise error()' in str(error.__cause__)
        assert "PlainError: ('why', 5)" in str(error.__cause__)
        assert os.sep + 'attempt.py' not in str(error.__cause__)

    def test_the_run_exception_arrives_with_its_traceback(self):
        def run(self):
            raise KeyError('in run')

        result = RemoteRun(failing('Broken', Run=run), with_reports=False).attempt('Broken')
        error = result.outcome.run_exception
        assert (type(error), error.args) == (KeyError, ('in run',))
        assert 'in run' in str(error.__cause__)

    def test_a_run_exception_that_cannot_be_pickled_is_replaced(self):
        def run(self):
            raise PlainError(threading.Lock())

        error = RemoteRun(failing('Broken', Run=run)).attempt('Broken').outcome.run_exception
        assert isinstance(error, RemoteError)
        assert 'cannot be sent' in str(error)

    def test_a_bare_assert_in_a_worker_is_shown_by_its_source_line(self):
        error = RemoteRun(job('Broken', Check=mount)).attempt('Broken').outcome.exception
        assert error_details(error) == 'assert disk_is_mounted  # shown, too'

    def test_the_exception_of_each_phase_has_its_own_traceback(self):
        def run(self):
            raise KeyError('in run')

        result = RemoteRun(failing('Broken', Run=run)).attempt('Broken')
        texts = [str(report.error.__cause__) for report in result.reports]
        assert ['in run' in text for text in texts] == [False, True, False]
        assert ['is not done' in text for text in texts] == [True, False, True]
        assert result.outcome.exception is result.reports[2].error

    @pytest.mark.parametrize(
        ('make', 'message', 'reason'),
        [
            (lambda: NeedsTwoError('/bin/false', 1), 'NeedsTwoError: /bin/false ended with 1', 'TypeError'),
            (lambda: ValueError(threading.Lock()), 'ValueError: <unlocked _thread.lock', 'cannot pickle'),
            (
                lambda: PrefixingError('word'),
                'PrefixingError: error: word',
                'would arrive as PrefixingError: error: error: word',
            ),
            (
                lambda: UnprintableError(ValueError(), threading.Lock()),
                'UnprintableError: <unprintable>',
                'cannot pickle',
            ),
        ],
    )
    def test_an_exception_that_changes_in_pickling_is_replaced_by_an_error(self, make, message, reason):
        result = RemoteRun(raising(make)).attempt('Raises')
        error = result.outcome.exception
        assert isinstance(error, RemoteError)
        assert str(error).startswith(message)
        assert error.culprit.startswith(message)
        assert '(which cannot be sent unchanged: ' in str(error)
        assert reason in str(error)
        assert 'in check\n    raise error()' in str(error.__cause__), 'its traceback arrives'

    def test_an_exception_whose_message_raises_can_be_sent(self):
        assert type(outcome_of(raising(lambda: UnprintableError(ValueError()))).exception) is UnprintableError

    def test_an_exception_that_cannot_be_formatted_can_be_sent(self):
        bad = SyntaxError('made by hand', ('file', 'no number', 5, 6))
        outcome = outcome_of(raising(lambda: bad))
        assert (type(outcome.exception), outcome.exception.args) == (SyntaxError, bad.args)
        assert 'SyntaxError: made by hand' in str(outcome.exception.__cause__)

    def test_system_exit_in_a_worker_fails_only_its_phase(self):
        def check(self):
            if 'ran' not in self.storage:
                raise SystemExit(3)

        result = RemoteRun(changing('Exits', Check=check)).attempt('Exits')
        assert result.outcome.state is State.CHANGED
        assert (type(result.reports[0].error), result.reports[0].error.code) == (SystemExit, 3)

    def test_a_registered_reducer_does_not_change_how_exceptions_are_pickled(self, monkeypatch):
        def broken(error):
            return SystemExit.__new__, (SystemExit,)

        monkeypatch.setitem(copyreg.dispatch_table, SystemExit, broken)  # as tblib does, which Dask imports
        assert outcome_of(raising(lambda: SystemExit(3))).exception.code == 3

    @pytest.mark.parametrize('error', [KeyboardInterrupt, CustomInterrupt])
    def test_an_interrupt_in_a_worker_ends_the_attempt_and_arrives(self, error):
        result = RemoteRun(raising(error)).attempt('Raises')
        assert (result.outcome.state, type(result.outcome.exception)) == (State.FAILED, error)
        assert [report.phase for report in result.reports] == ['check']

    @pytest.mark.parametrize(
        ('make', 'message'),
        [
            (lambda: CustomInterrupt(threading.Lock()), 'CustomInterrupt: <unlocked'),
            (lambda: PrefixingInterrupt('word'), 'PrefixingInterrupt: error: word (which cannot'),
        ],
    )
    def test_an_interrupt_that_cannot_be_pickled_arrives_as_keyboard_interrupt(self, make, message):
        error = outcome_of(raising(make)).exception
        assert not isinstance(error, Exception)
        assert message in str(error)
        assert 'cannot be sent' in str(error)

    def test_an_exception_that_was_not_raised_has_no_traceback(self):
        response = pickle.loads(run_request(RemoteRun(job('Fine')).request_of('Fine')))
        assert response.tracebacks == ['', '', '']


class TestGlobalStorage:
    def test_a_job_in_a_worker_sees_only_the_writes_of_its_dependencies(self):
        deep = writing('Deep', deep=1)
        left = writing('Left', [deep], left=2)
        right = writing('Right', right=3)
        root = job('Root', [left, right, reading('Stranger'), reading('Sees', [left])], DummyJob)
        outcomes = RemoteRun(root).attempt_all()
        assert outcomes['Sees'].result == {'deep': 1, 'left': 2}
        assert outcomes['Stranger'].result == {}

    def test_values_set_changed_in_place_and_deleted_come_back(self):
        first = writing('First', grows=[1], goes='away', stays='here')

        def change(self):
            self.global_storage['grows'].append(2)
            del self.global_storage['goes']
            self.global_storage['new'] = None

        second = job('Second', [first], Check=change)
        remote_run = RemoteRun(reading('Reads', [second]))
        assert remote_run.attempt_all()['Reads'].result == {'grows': [1, 2], 'stays': 'here', 'new': None}
        assert remote_run.global_storage == {'grows': [1, 2], 'stays': 'here', 'new': None}

    def test_the_last_of_ordered_writers_counts_on_every_path(self):
        first = writing('First', key=1)
        second = writing('Second', [first], key=2)
        third = job('Third', [second], Check=lambda self: self.global_storage.pop('key'))
        seen = [reading('Seen1', [first, second]), reading('Seen2', [second, first]), reading('Gone', [first, third])]
        outcomes = RemoteRun(job('Root', [*seen], DummyJob)).attempt_all()
        assert [outcomes[name].result for name in ('Seen1', 'Seen2', 'Gone')] == [{'key': 2}, {'key': 2}, {}]
        assert all(outcome.state is State.OK for outcome in outcomes.values())

    def test_the_second_of_two_unordered_writers_of_a_key_fails(self):
        base = writing('Base', key=0)
        one, two = writing('One', [base], key=1, one=1), writing('Two', [base], key=2, two=2)
        remote_run = RemoteRun(reading('Root', [one, two]))
        result = {name: remote_run.attempt(name) for name in ('Base', 'Two', 'One')}
        error = result['One'].outcome.exception
        assert (result['Two'].outcome.state, result['One'].outcome.state) == (State.OK, State.FAILED)
        assert isinstance(error, StorageConflictError)
        assert error.culprit == 'key'
        assert "'Two' and 'One' both write global_storage['key']" in str(error)
        assert str(error).endswith(': order them by DEPS, or have each write a key of its own')
        assert result['One'].reports[-1][:4] == ('recheck', 0.0, None, error)
        assert remote_run.global_storage == {'key': 2, 'two': 2}, 'the Job that failed has changed nothing'

    def test_a_deletion_conflicts_with_a_write(self):
        base = writing('Base', key=0)
        one = job('One', [base], Check=lambda self: self.global_storage.clear())
        outcomes = RemoteRun(job('Root', [one, writing('Two', [base], key=2)])).attempt_all()
        assert isinstance(outcomes['Two'].exception, StorageConflictError)

    @pytest.mark.parametrize(
        'value',
        [
            {'nested': [{1, 2, 3}, 'text', b'bytes']},
            lambda: 'a function',
            type('Dynamic', (), {'method': lambda self: self}),
            type('Dynamic', (), {'method': lambda self: self})(),
        ],
        ids=['plain', 'function', 'class', 'instance'],
    )
    def test_reading_a_value_is_not_a_write(self, value):
        def read(self):
            value = self.global_storage['key']
            if hasattr(value, 'method'):
                value.method(value) if isinstance(value, type) else value.method()
            return repr(value)

        base = writing('Base', key=value)
        readers = [job('Reads1', [base], Check=read), job('Reads2', [base], Check=read)]
        writer = writing('Writes', [base], key=2)
        outcomes = RemoteRun(job('Root', [*readers, writer])).attempt_all()
        assert {name: outcome.exception for name, outcome in outcomes.items()} == dict.fromkeys(outcomes)

    def test_an_attempt_sees_the_writes_of_the_one_before(self):
        def count(self):
            self.global_storage['count'] = self.global_storage['count'] + 1
            return self.global_storage['count']

        remote_run = RemoteRun(job('Counts', [writing('Base', count=5)], Check=count))
        assert remote_run.attempt('Base').outcome.state is State.OK
        assert [remote_run.attempt('Counts').outcome.result for _ in range(3)] == [6, 7, 8]

    def test_an_attempt_sees_the_writes_of_all_earlier_ones(self):
        def check(self):
            self.global_storage[f'attempt {len(self.global_storage)}'] = True
            return list(self.global_storage)

        remote_run = RemoteRun(job('Keeps', Check=check))
        assert [remote_run.attempt('Keeps').outcome.result for _ in range(3)][-1] == [
            'attempt 0',
            'attempt 1',
            'attempt 2',
        ]

    def test_writes_of_a_failed_attempt_count(self):
        def check(self):
            self.global_storage['attempts'] = self.global_storage.get('attempts', 0) + 1
            if self.global_storage['attempts'] < 3:
                raise ValueError

        remote_run = RemoteRun(job('Late', Check=check))
        assert [remote_run.attempt('Late').outcome.state for _ in range(2)] == [State.FAILED, State.OK]

    @pytest.mark.parametrize(
        ('make', 'reason'),
        [(lambda: threading.Lock(), 'TypeError: cannot pickle'), (lambda: Unloadable(), 'ValueError: invalid literal')],
    )
    def test_a_value_that_cannot_be_pickled_fails_the_job_and_is_named(self, make, reason):
        def check(self):
            self.global_storage.update(fine=1, bad=make())
            return 'a result'

        remote_run = RemoteRun(job('Puts', Check=check))
        result = remote_run.attempt('Puts')
        error = result.outcome.exception
        assert (result.outcome.state, result.outcome.result) == (State.FAILED, None)
        assert isinstance(error, RemoteError)
        assert str(error).startswith(f"'Puts' wrote a value to global_storage['bad'] that cannot be sent: {reason}")
        assert remote_run.global_storage == {'fine': 1}
        assert error.culprit == 'Puts'
        assert result.reports[-1].phase == 'recheck'

    def test_a_key_that_cannot_be_pickled_fails_the_job_but_not_its_cleanup(self):
        def run(self):
            self.global_storage[threading.Lock()] = 1

        result = RemoteRun(failing('Puts', Run=run, Cleanup=lambda self: 'done')).attempt('Puts')
        error = result.outcome.exception
        assert isinstance(error, RemoteError)
        assert "'Puts' wrote a value to global_storage[<unlocked _thread.lock" in str(error)
        assert result.pending_cleanup.Cleanup() == 'done'

    def test_an_interrupt_prevails_over_a_value_that_cannot_be_pickled(self):
        def check(self):
            self.global_storage['bad'] = threading.Lock()
            raise KeyboardInterrupt

        assert type(outcome_of(job('Stops', Check=check)).exception) is KeyboardInterrupt

    def test_an_interrupt_prevails_over_a_conflict(self):
        def check(self):
            self.global_storage['key'] = 2
            raise KeyboardInterrupt

        outcomes = RemoteRun(job('Root', [writing('One', key=1), job('Stops', Check=check)])).attempt_all()
        assert type(outcomes['Stops'].exception) is KeyboardInterrupt


class TestCleanup:
    def test_a_cleanup_finds_the_storages_and_attributes_of_the_worker(self):
        def run(self):
            self.storage['ran'] = True
            self.path = '/there'
            self.global_storage['shared'] = 'yes'

        def cleanup(self):
            return self.storage, self.path, self.global_storage

        remote_run = RemoteRun(changing('Cleans', Run=run, Cleanup=cleanup))
        pending = remote_run.attempt('Cleans').pending_cleanup
        assert pending.Cleanup() == ({'ran': True}, '/there', {'shared': 'yes'})
        assert pending.global_storage is remote_run.global_storage
        assert type(pending).__name__ == 'Cleans'

    def test_no_cleanup_is_pending_if_run_was_not_called(self):
        assert RemoteRun(job('Fine', Run=None, Cleanup=lambda self: None)).attempt('Fine').pending_cleanup is None

    def test_a_cleanup_is_pending_after_a_failed_run(self):
        assert (
            RemoteRun(failing('Broken', Cleanup=lambda self: 'done')).attempt('Broken').pending_cleanup.Cleanup()
            == 'done'
        )

    def test_a_cleanup_is_pending_after_a_run_whose_error_cannot_be_pickled(self):
        def run(self):
            raise ValueError(threading.Lock())

        assert (
            RemoteRun(failing('Broken', Run=run, Cleanup=lambda self: 'done'))
            .attempt('Broken')
            .pending_cleanup.Cleanup()
            == 'done'
        )

    def test_the_storage_of_a_job_without_a_cleanup_is_not_sent(self):
        def run(self):
            self.storage['ran'] = os.urandom(100_000)

        def size(**members):
            return len(run_request(RemoteRun(changing('Big', Run=run, **members)).request_of('Big')))

        assert size(Cleanup=lambda self: None) > 100_000
        assert size() < 10_000

    def test_a_cleanup_whose_storage_cannot_be_pickled_fails_with_an_error(self):
        def run(self):
            self.storage['ran'] = threading.Lock()

        locks = changing('Locks', Run=run, Cleanup=lambda self: None)
        result = RemoteRun(locks).attempt('Locks')
        assert result.outcome.state is State.CHANGED
        with pytest.raises(RemoteError, match=r'Locks cannot be cleaned up: .*cannot pickle') as caught:
            result.pending_cleanup.Cleanup()
        assert caught.value.culprit is locks
        assert type(result.pending_cleanup).__name__ == 'Locks'


@pytest.fixture
def only_on_the_worker(monkeypatch):
    """Define a module that only the worker can import: round_trip() removes it before it decodes the response."""
    module = types.ModuleType('only_on_the_worker')
    exec('class Thing(Exception): pass', module.__dict__)
    monkeypatch.setitem(sys.modules, 'only_on_the_worker', module)


class TestOnlyOnTheWorker:
    """Objects that can be pickled and loaded in the worker, but not loaded here."""

    UNREADABLE = (
        r'^Cleans cannot be cleaned up: its storage cannot be read: ModuleNotFoundError: '
        r"No module named 'only_on_the_worker'$"
    )

    def round_trip(self, job_class):
        remote_run = RemoteRun(job_class)
        response = run_request(remote_run.request_of(job_class.__name__))
        sys.modules.pop('only_on_the_worker')
        return remote_run.client.decode(0, response)

    def check_failed(self, result):
        assert result.outcome.state is State.FAILED
        assert isinstance(result.outcome.exception, RemoteError)
        assert 'only_on_the_worker' in str(result.outcome.exception)

    @pytest.mark.usefixtures('only_on_the_worker')
    def test_a_result_only_the_worker_can_load_fails_the_job_but_not_its_cleanup(self):
        def check(self):
            if 'ran' not in self.storage:
                raise ValueError
            return sys.modules['only_on_the_worker'].Thing()

        result = self.round_trip(changing('Cleans', Check=check, Cleanup=lambda self: self.storage))
        self.check_failed(result)
        assert result.pending_cleanup.Cleanup() == {'ran': True}

    @pytest.mark.usefixtures('only_on_the_worker')
    def test_an_exception_only_the_worker_can_load_is_replaced_by_an_error(self):
        def check(self):
            raise sys.modules['only_on_the_worker'].Thing

        self.check_failed(self.round_trip(job('Raises', Check=check)))

    @pytest.mark.usefixtures('only_on_the_worker')
    def test_a_value_only_the_worker_can_load_fails_the_job(self):
        def check(self):
            self.global_storage['thing'] = sys.modules['only_on_the_worker'].Thing()

        result = self.round_trip(job('Puts', Check=check))
        self.check_failed(result)
        assert "'Puts' wrote a value to global_storage['thing'] that cannot" in str(result.outcome.exception)

    @pytest.mark.usefixtures('only_on_the_worker')
    def test_a_storage_only_the_worker_can_load_fails_only_the_cleanup(self):
        def run(self):
            self.storage['ran'] = sys.modules['only_on_the_worker'].Thing()

        result = self.round_trip(changing('Cleans', Run=run, Cleanup=lambda self: None))
        assert result.outcome.state is State.CHANGED
        with pytest.raises(RemoteError, match=self.UNREADABLE):
            result.pending_cleanup.Cleanup()


class ExitsWhenLoadedError(Exception):
    """Exits while it is loaded, once a test has armed it."""

    is_armed = False

    def __reduce__(self):
        return exit_or_load, ()


def exit_or_load():
    if ExitsWhenLoadedError.is_armed:
        sys.exit(3)
    return ExitsWhenLoadedError()


class SpeechlessError(Exception):
    """Its ``__str__`` raises itself."""

    def __str__(self):
        raise self


class UnprintableKey(Raises):
    """Raises that error in its ``__repr__``, too."""

    def __repr__(self):
        raise self.error


def causes(error):
    """Return ``error`` and the exceptions before it that its traceback shows, the last first."""
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__ if error.__cause__ is not None or error.__suppress_context__ else error.__context__
    return found


class TestChain:
    def round_trip(self, check):
        return outcome_of(job('Raises', Check=lambda self: check())).exception

    def test_causes_arrive_with_the_remote_traceback_as_the_first_one(self):
        def check():
            try:
                try:
                    raise KeyError({'a', 'b'})
                except KeyError as first:
                    raise PlainError('second') from first
            except PlainError as second:
                raise ValueError('third') from second

        error = self.round_trip(check)
        assert [type(cause) for cause in causes(error)] == [ValueError, PlainError, KeyError, RemoteTraceback]
        assert error.__suppress_context__
        assert error.__context__ is error.__cause__
        assert causes(error)[2].args == ({'a', 'b'},)
        assert 'PlainError: second\n\nThe above exception was the direct cause' in str(causes(error)[-1])

    def test_a_context_arrives_as_a_context(self):
        def check():
            try:
                raise KeyError('first')
            except KeyError:
                raise ValueError('second')  # noqa: B904 - the test is about an error without a cause

        error = self.round_trip(check)
        assert (error.__cause__, error.__suppress_context__, error.__context__.args) == (None, False, ('first',))
        assert isinstance(error.__context__.__cause__, RemoteTraceback)

    def test_a_suppressed_context_stays_suppressed(self):
        def check():
            try:
                raise KeyError('first')
            except KeyError:
                raise ValueError('second') from None

        error = self.round_trip(check)
        assert [type(cause) for cause in causes(error)] == [ValueError, RemoteTraceback]
        assert (type(error.__context__), error.__suppress_context__) == (KeyError, True)

    def test_a_cause_that_cannot_be_pickled_is_replaced_by_an_error(self):
        def check():
            raise ValueError('second') from NeedsTwoError('/bin/false', 1)

        error = self.round_trip(check)
        assert [type(cause) for cause in causes(error)] == [ValueError, RemoteError, RemoteTraceback]
        assert str(error.__cause__).startswith('NeedsTwoError: /bin/false ended with 1 (which cannot be sent')

    def test_a_cycle_and_a_long_chain_of_exceptions_arrive(self):
        def cycle():
            first, second = ValueError('first'), KeyError('second')
            first.__cause__, second.__cause__ = second, first
            raise first

        def long():
            error = None
            for number in range(5000):
                later = ValueError(number)
                later.__cause__, error = error, later
            raise error

        assert [type(cause) for cause in causes(self.round_trip(cycle))[:2]] == [ValueError, KeyError]
        error = self.round_trip(long)
        assert [cause.args for cause in causes(error)[:3]] == [(4999,), (4998,), (4997,)]
        assert isinstance(causes(error)[-1], RemoteTraceback)

    @pytest.mark.parametrize('error_class', [FrozenError, RefusingError])
    def test_an_immutable_exception_arrives_with_its_traceback(self, error_class):
        def check():
            raise error_class() from KeyError('why')

        error = self.round_trip(check)
        assert type(error) is error_class
        assert getattr(error, 'code', 5) == 5
        cause = vars(BaseException)['__cause__'].__get__(error)
        assert (type(cause), type(cause.__cause__)) == (KeyError, RemoteTraceback)

    def test_an_exception_that_a_runonly_job_raises_twice_arrives_as_one_object(self):
        def run(self):
            raise ValueError('once') from KeyError('why')

        result = RemoteRun(job('Only', base=RunonlyJob, Run=run)).attempt('Only')
        assert result.reports[1].error is result.reports[2].error is result.outcome.exception
        assert [type(cause) for cause in causes(result.outcome.exception)] == [ValueError, KeyError, RemoteTraceback]


class TestParts:
    """A part of a response that cannot be read fails its Job, and nothing else is lost."""

    def run_and_check(self, result):
        def run(self):
            self.storage['ran'] = 'there'
            self.global_storage['written'] = [1]

        def check(self):
            if 'ran' not in self.storage:
                raise ValueError
            return result()

        return changing('Leaves', Run=run, Check=check, Cleanup=lambda self: (self.storage, self.global_storage))

    def test_a_result_that_exits_when_it_is_read_fails_the_job_but_loses_nothing_else(self, monkeypatch):
        remote_run = RemoteRun(self.run_and_check(ExitsWhenLoadedError))
        response = run_request(remote_run.request_of('Leaves'))
        monkeypatch.setattr(ExitsWhenLoadedError, 'is_armed', True)
        result = remote_run.client.decode(0, response)
        assert result.outcome.state is State.FAILED
        assert str(result.outcome.exception) == "the result of 'Leaves' cannot be read: SystemExit: 3"
        assert result.pending_cleanup.Cleanup() == ({'ran': 'there'}, {'written': [1]})

    def test_a_result_that_interrupts_whenever_it_is_read_interrupts_once(self, monkeypatch):
        remote_run = RemoteRun(self.run_and_check(InterruptsWhenLoaded))
        response = run_request(remote_run.request_of('Leaves'))
        monkeypatch.setattr(InterruptsWhenLoaded, 'is_armed', True)
        with pytest.raises(KeyboardInterrupt):
            remote_run.client.decode(0, response)
        result = remote_run.client.decode(0, response)
        assert (result.outcome.state, type(result.outcome.exception)) == (State.FAILED, KeyboardInterrupt)
        assert result.pending_cleanup.Cleanup() == ({'ran': 'there'}, {'written': [1]})

    @pytest.mark.parametrize(
        'response', [b'', b'scrambled', pickle.dumps(5), pickle.dumps(('result', [], [], b'', None))]
    )
    def test_a_response_of_another_type_fails_the_job(self, response):
        result = RemoteRun(job('Fine')).client.decode(0, response)
        assert result.outcome.state is State.FAILED
        assert str(result.outcome.exception).startswith("the result of 'Fine' cannot be read: ")

    @pytest.mark.usefixtures('only_on_the_worker')
    def test_a_key_that_cannot_be_read_fails_the_job_but_not_its_cleanup(self):
        def run(self):
            self.storage['ran'] = True
            self.global_storage[sys.modules['only_on_the_worker'].Thing] = 1

        remote_run = RemoteRun(changing('Puts', Run=run, Cleanup=lambda self: self.storage))
        response = run_request(remote_run.request_of('Puts'))
        sys.modules.pop('only_on_the_worker')
        result = remote_run.client.decode(0, response)
        assert result.outcome.state is State.FAILED
        assert "the changes of 'Puts' in global_storage cannot be read: ModuleNotFoundError" in str(
            result.outcome.exception
        )
        assert result.pending_cleanup.Cleanup() == {'ran': True}

    @pytest.mark.parametrize('where', ['result', 'global_storage', 'error'])
    def test_an_interrupt_while_a_part_is_pickled_keeps_the_cleanup_pending(self, where):
        def run(self):
            self.storage['ran'] = True
            if where == 'global_storage':
                self.global_storage['key'] = Raises(KeyboardInterrupt())

        def check(self):
            if 'ran' not in self.storage or where == 'error':
                raise ValueError(Raises(KeyboardInterrupt()) if 'ran' in self.storage else None)
            return Raises(KeyboardInterrupt()) if where == 'result' else None

        result = RemoteRun(changing('Interrupted', Check=check, Run=run, Cleanup=lambda self: self.storage)).attempt(
            'Interrupted'
        )
        assert result.outcome.state is State.FAILED
        assert result.pending_cleanup.Cleanup() == {'ran': True}

    def test_repeated_interrupts_while_a_storage_is_pickled_fail_the_cleanup(self):
        def run(self):
            self.storage['ran'] = Raises(KeyboardInterrupt())

        result = RemoteRun(changing('Interrupted', Run=run, Cleanup=lambda self: None)).attempt('Interrupted')
        assert (result.outcome.state, type(result.outcome.exception)) == (State.FAILED, KeyboardInterrupt)
        with pytest.raises(RemoteError, match='interrupted each time'):
            result.pending_cleanup.Cleanup()

    def test_one_interrupt_while_a_storage_is_pickled_loses_nothing(self):
        class Once:
            came = []

            def __reduce__(self):
                if not self.came:
                    self.came.append(True)
                    raise KeyboardInterrupt
                return str, ('whole',)

        def run(self):
            self.storage['ran'] = Once()
            self.global_storage['written'] = True

        remote_run = RemoteRun(changing('Interrupted', Run=run, Cleanup=lambda self: self.storage))
        result = remote_run.attempt('Interrupted')
        assert (result.outcome.state, type(result.outcome.exception)) == (State.FAILED, KeyboardInterrupt)
        assert result.pending_cleanup.Cleanup() == {'ran': 'whole'}
        assert remote_run.global_storage == {'written': True}

    @pytest.mark.parametrize('where', ['result', 'global_storage', 'storage', 'error'])
    def test_an_error_whose_message_raises_can_be_reported(self, where):
        def run(self):
            self.storage['ran'] = Raises(SpeechlessError()) if where == 'storage' else True
            if where == 'global_storage':
                self.global_storage['key'] = Raises(SpeechlessError())

        def check(self):
            if 'ran' not in self.storage or where == 'error':
                raise SpeechlessError(Raises(SpeechlessError()))
            return Raises(SpeechlessError()) if where == 'result' else None

        result = RemoteRun(changing('Mute', Check=check, Run=run, Cleanup=lambda self: 'done')).attempt('Mute')
        assert result.outcome.state is (State.CHANGED if where in ('result', 'storage') else State.FAILED)
        if where == 'storage':
            with pytest.raises(RemoteError, match='SpeechlessError: <unprintable>'):
                result.pending_cleanup.Cleanup()
        else:
            assert result.pending_cleanup.Cleanup() == 'done'

    @pytest.mark.parametrize('raised', [SystemExit(7), asyncio.CancelledError()])
    def test_an_error_whose_message_exits_fails_only_its_job(self, raised):
        error = UnprintableError(raised)
        with pytest.raises(RemoteError, match='UnprintableError: <unprintable>'):
            RemoteRun(job('Holds', held=Raises(error))).request_of('Holds')
        exception = outcome_of(raising(lambda: UnprintableError(raised, threading.Lock()))).exception
        assert str(exception).startswith('UnprintableError: <unprintable> (which cannot be sent unchanged: ')

    @pytest.mark.parametrize('raised', [SystemExit(7), asyncio.CancelledError(), ValueError()])
    def test_a_key_whose_repr_raises_can_be_reported(self, raised):
        def check(self):
            self.global_storage[UnprintableKey(raised)] = threading.Lock()

        error = outcome_of(job('Puts', Check=check)).exception
        assert str(error).startswith("'Puts' wrote a value to global_storage[<unprintable>] that cannot be sent: ")

    def test_any_error_while_pickling_becomes_a_remote_error(self):
        class Exits:
            def __reduce__(self):
                sys.exit(4)

        for held in (Raises(SpeechlessError()), Exits()):
            with pytest.raises(RemoteError, match="'Holds' cannot be sent to a worker process: "):
                RemoteRun(job('Holds', held=held)).request_of('Holds')
            with pytest.raises(RemoteError, match='the arguments of set_args'):
                RemoteRun(job('Fine'), held)


class Mixed(Job):
    """Has attributes and slots: a private one, and one that a derived class defines again."""

    __slots__ = ('__private', 'handle', 'unset')
    Check = None

    @property
    def shown(self):
        return self.__private, self.handle, self.plain

    def set_all(self):
        self.__private, self.handle, self.plain = 'private', ['handle'], 'plain'


class Shadowing(Mixed):
    __slots__ = ('handle',)

    def set_all(self):
        super().set_all()
        vars(Mixed)['handle'].__set__(self, 'of the base')


class ReadOnly(Mixed):
    """Refuses to have attributes set after its Run."""

    def __setattr__(self, name, value):
        if 'plain' in vars(self):
            raise AttributeError(f'{name} cannot be set')
        super().__setattr__(name, value)


class WithState(Job):
    """Defines its state, since it has a lock."""

    Check = None

    def set_all(self):
        self.lock, self.path = threading.Lock(), '/there'

    def __getstate__(self):
        return {**{name: value for name, value in vars(self).items() if name != 'lock'}, 'kept': True}

    def __setstate__(self, state):
        vars(self).update(state, lock=threading.Lock())


class Reduced(Job):
    """Defines its reduction, since it has a lock."""

    Check = None
    path = None

    def set_all(self):
        self.lock, self.path = threading.Lock(), '/there'

    def __reduce__(self):
        return rebuild, (type(self), self.path)


def rebuild(job_class, path):
    instance = job_class()
    instance.path = path
    return instance


class TestAttributes:
    def pending(self, base, cleanup):
        def run(self):
            self.set_all()
            self.storage['ran'] = True
            self.global_storage['shared'] = 'yes'

        job_class = changing('Cleans', base=base, Run=run, Cleanup=cleanup)
        remote_run = RemoteRun(job_class)
        pending = remote_run.attempt('Cleans').pending_cleanup
        assert type(pending) is job_class
        assert pending.global_storage is remote_run.global_storage == {'shared': 'yes'}
        return pending

    @pytest.mark.parametrize('base', [Mixed, Shadowing, ReadOnly])
    def test_slots_of_a_job_arrive_with_its_attributes(self, base):
        pending = self.pending(base, lambda self: (self.shown, self.storage, hasattr(self, 'unset')))
        assert pending.Cleanup() == (('private', ['handle'], 'plain'), {'ran': True}, False)

    def test_two_slots_with_one_name_arrive(self):
        pending = self.pending(Shadowing, lambda self: None)
        assert (pending.handle, vars(Mixed)['handle'].__get__(pending)) == (['handle'], 'of the base')

    @pytest.mark.parametrize('place', ['this process', 'another process'])
    def test_slots_of_a_class_pickled_by_value_arrive(self, place):
        def run(self):
            self.handle = self._Sent__private = 'h'
            self.storage['ran'] = True

        members = {'__slots__': ('handle', '_Sent__private'), 'Run': run, 'Cleanup': lambda self: self.handle}
        sent = changing('Sent', **members)
        remote_run = RemoteRun(sent)
        if place == 'another process':
            result = remote_run.client.decode(0, run_in_process(remote_run.request_of('Sent')))
        else:
            result = remote_run.attempt('Sent')
        assert result.outcome.state is State.CHANGED
        assert (result.pending_cleanup.Cleanup(), result.pending_cleanup._Sent__private) == ('h', 'h')

    def test_a_job_can_define_its_own_pickling(self):
        pending = self.pending(WithState, lambda self: (self.path, self.kept, self.storage, self.lock.locked()))
        assert pending.Cleanup() == ('/there', True, {'ran': True}, False)
        pending = self.pending(Reduced, lambda self: (self.path, self.storage))
        assert pending.Cleanup() == ('/there', {})

    @pytest.mark.parametrize(
        ('put', 'message'),
        [
            (lambda job: job.storage.update(good=1, bad=threading.Lock()), "its storage['bad'] cannot be sent: "),
            (lambda job: setattr(job, 'bad', threading.Lock()), 'its bad cannot be sent: '),
            (lambda job: setattr(job, 'handle', threading.Lock()), 'its handle cannot be sent: '),
        ],
    )
    def test_the_error_of_a_cleanup_names_the_attribute_that_cannot_be_pickled(self, put, message):
        def run(self):
            self.storage['ran'] = True
            put(self)

        result = RemoteRun(changing('Holds', base=Mixed, Run=run, Cleanup=lambda self: None)).attempt('Holds')
        assert result.outcome.state is State.CHANGED
        with pytest.raises(RemoteError) as caught:
            result.pending_cleanup.Cleanup()
        assert f'Holds cannot be cleaned up: {message}' in str(caught.value)
        assert 'cannot pickle' in str(caught.value)

    def test_a_cleanup_that_cannot_be_looked_up_does_not_fail_its_job(self):
        def cleanup(self):
            raise KeyError('Cleanup')

        result = RemoteRun(changing('Odd', Cleanup=property(cleanup))).attempt('Odd')
        assert result.outcome.state is State.CHANGED
        with pytest.raises(KeyError, match='Cleanup'):
            _ = result.pending_cleanup.Cleanup


class TestClass:
    """Pickling and loading a class does not change it in the process that defines it."""

    def test_a_class_pickled_and_loaded_in_its_process_is_unchanged(self):
        log, error = [], type('OwnError', (Exception,), {'kept': []})

        def check(self):
            log.append(self)
            raise error

        checked = job('Checks', Check=check, Cleanup=lambda self: log)
        before = dict(vars(checked)), dict(vars(error))
        result = RemoteRun(checked).attempt('Checks')
        assert type(result.outcome.exception) is error
        assert (dict(vars(checked)), dict(vars(error))) == before
        assert checked.Cleanup(None) is log

    def test_a_class_that_comes_back_from_a_worker_is_unchanged(self):
        log = []
        root = job('Root', Check=lambda self: type(self), other=log)
        remote_run = RemoteRun(root)
        result = remote_run.client.decode(0, run_in_process(remote_run.request_of('Root')))
        assert result.outcome.result is root
        assert root.other is log


class TestReaders:
    def outcomes(self, value, *uses):
        base = writing('Base', key=value)
        users = [job(f'Uses{number}', [base], Check=use) for number, use in enumerate(uses)]
        remote_run = RemoteRun(job('Root', users, DummyJob))
        return list(remote_run.attempt_all().values())[1:-1]

    def test_readers_of_an_object_that_caches_do_not_conflict(self):
        def get(key):
            return lambda self: self.global_storage['key'].get(key)

        assert [outcome.result for outcome in self.outcomes(Caching('a=1 b=2'), get('a'), get('b'))] == ['1', '2']

    @pytest.mark.parametrize(
        ('value', 'use'),
        [
            ([], lambda self: self.global_storage['key'].append('x')),
            (0, lambda self: self.global_storage.update(key=self.global_storage['key'] + 1)),
            (types.SimpleNamespace(hits=0), lambda self: vars(self.global_storage['key']).update(hits=1)),
            ({}, lambda self: self.global_storage['key'].setdefault('a', 1)),
        ],
    )
    def test_writers_of_equal_objects_that_cache_conflict(self, value, use):
        first, second = self.outcomes(value, use, use)
        assert first.state is State.OK
        assert isinstance(second.exception, StorageConflictError)

    def test_the_error_of_readers_with_different_caches_says_what_to_do(self):
        def setting(name):
            return lambda self: setattr(self.global_storage['key'], name, 1)

        _, second = self.outcomes(types.SimpleNamespace(), setting('one'), setting('two'))
        assert isinstance(second.exception, StorageConflictError)
        assert 'exclude them in its __getstate__' in str(second.exception)
