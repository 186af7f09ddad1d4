"""What travels to a worker and back, with no other process there: the bytes are handed over by the tests."""

from __future__ import annotations

import copyreg
import dataclasses
import os
import pickle
import subprocess
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.factories import changing, failing, job, mark_reached, wait_until_reached

from dojobber import DummyJob, Job, Outcome, RemoteError, RunonlyJob, State, StorageConflictError
from dojobber._attempt.attempt import AttempterPool, AttemptSettings
from dojobber._plan.plan import make_plan
from dojobber._workers.remote.client import RemoteClient, RemoteTraceback
from dojobber._workers.remote.worker import run_request


class Trip:
    """A courier for the graph under ``root``, and Jobs tried by name with what it carries."""

    def __init__(self, root, *args, no_act=False, is_reported=True, **kwargs):
        plan = make_plan(root, 1, 0)
        self.global_storage = {}
        self.names = list(plan.names)
        self.courier = RemoteClient(plan, AttemptSettings(args, kwargs, self.global_storage, no_act, None), is_reported)

    def packed(self, name):
        return self.courier.encode(self.names.index(name))

    def tried(self, name):
        return self.courier.decode(self.names.index(name), run_request(self.packed(name)))

    def all_tried(self):
        """Try the whole graph and return the outcomes by name."""
        return {name: self.tried(name).outcome for name in self.names}


def outcome_of(job_class, *args, **kwargs):
    return Trip(job_class, *args, **kwargs).tried(job_class.__name__).outcome


def said_of_scrambled():
    with pytest.raises(pickle.UnpicklingError) as caught:
        pickle.loads(b'scrambled')
    return f'UnpicklingError: {caught.value}'


def raising(error, name='Raises', **members):
    """Return a Job class whose Check raises what ``error`` makes."""

    def check(self, *args):
        raise error()

    return job(name, **{'Check': check, **members})


def writing(name, deps=(), **values):
    """Return a Job class that puts ``values`` into the global storage."""
    return job(name, deps, Check=lambda self: self.global_storage.update(values))


def reading(name, deps=()):
    """Return a Job class whose result is all that it sees of the global storage."""
    return job(name, deps, Check=lambda self: {**self.global_storage})


class Unloadable:
    """Can be pickled, but not be made again."""

    def __reduce__(self):
        return (int, ('not a number',))


class Struck:
    """While it is pickled there comes a Ctrl-C."""

    def __reduce__(self):
        raise KeyboardInterrupt


class StruckLater:
    """While it is made again there comes a Ctrl-C, from the moment on that is set."""

    comes = False

    def __reduce__(self):
        return made_again, ()


def made_again():
    if StruckLater.comes:
        raise KeyboardInterrupt
    return StruckLater()


class Stop(BaseException):
    """Ends a run, as KeyboardInterrupt does."""


class NeedsTwoError(Exception):
    """As many are: its arguments are not those that it hands on, so no copy can be made."""

    def __init__(self, path, code):
        super().__init__(f'{path} ended with {code}')


class TwistedError(Exception):
    """A copy of it says something else."""

    def __init__(self, word):
        super().__init__(f'{word}!')


class TwistedStop(BaseException):
    """Likewise."""

    def __init__(self, word):
        super().__init__(f'{word}!')


class MuteError(Exception):
    """Asked what it says, it raises its first argument."""

    def __str__(self):
        raise self.args[0]


class ToldError(Exception):
    """Its attributes are worth keeping."""


class TestAttempt:
    def test_a_job_that_passes_at_once_is_ok_with_its_result(self):
        attempted = Trip(job('Fine', Check=lambda self, a, b: (a, b)), 1, b='two').tried('Fine')
        assert attempted.outcome[:4] == (State.OK, 1, (1, 'two'), None)
        assert [report[0] for report in attempted.reports] == ['check']
        assert attempted.pending_cleanup is None

    def test_a_job_that_has_to_run_is_changed(self):
        attempted = Trip(changing('Changed')).tried('Changed')
        assert attempted.outcome.state is State.CHANGED
        assert [(phase, error is None) for phase, _, _, error in attempted.reports] == [
            ('check', False),
            ('run', True),
            ('recheck', True),
        ]
        assert list(attempted.outcome.phases) == ['check', 'run', 'recheck']

    def test_the_other_kinds_of_job_travel_too(self):
        only = job('Only', base=RunonlyJob, Run=lambda self: 'verdict')
        root = job('All', [only], DummyJob)
        assert {name: outcome[:3] for name, outcome in Trip(root).all_tried().items()} == {
            'Only': (State.CHANGED, 1, 'verdict'),
            'All': (State.OK, 1, None),
        }

    def test_in_no_act_run_is_not_called(self):
        attempted = Trip(changing('Changed'), no_act=True).tried('Changed')
        assert attempted.outcome.state is State.WOULD_RUN
        assert [report[0] for report in attempted.reports] == ['check']

    @pytest.mark.parametrize('where', ['result', 'global_storage', 'words'])
    def test_one_that_is_interrupted_while_what_it_left_is_packed_has_failed(self, where):
        def check(self):
            if where == 'words':
                raise MuteError(KeyboardInterrupt())
            if where == 'global_storage':
                self.global_storage['key'] = Struck()
            return Struck() if where == 'result' else None

        outcome = outcome_of(job('Struck', Check=check))
        assert outcome.state is State.FAILED
        assert 'a worker cannot run the Job: KeyboardInterrupt' in str(outcome.exception)

    def test_nothing_is_reported_that_nobody_asked_for(self):
        attempted = Trip(changing('Changed'), is_reported=False).tried('Changed')
        assert (attempted.outcome.state, list(attempted.reports)) == (State.CHANGED, [])

    def test_what_cannot_be_tried_at_all_has_failed(self):
        attempted = Trip(job('Fine')).courier.decode(0, run_request(b'scrambled'))
        error = attempted.outcome.exception
        assert attempted == (Outcome(State.FAILED, 1, None, error), [('check', 0.0, None, error)], None)
        assert str(error) == f'a worker cannot run the Job: {said_of_scrambled()}'

    def test_nothing_that_happens_as_a_job_arrives_is_raised_on_the_worker(self, monkeypatch):
        parcel = pickle.dumps(StruckLater())
        with monkeypatch.context() as struck:
            struck.setattr(StruckLater, 'comes', True)
            answer = run_request(parcel)
        attempted = Trip(job('Fine')).courier.decode(0, answer)
        assert 'a worker cannot run the Job: KeyboardInterrupt' in str(attempted.outcome.exception)

    def test_an_answer_that_nobody_can_read_is_a_failure(self):
        attempted = Trip(job('Fine')).courier.decode(0, b'scrambled')
        error = attempted.outcome.exception
        assert isinstance(error, RemoteError)
        assert attempted == (Outcome(State.FAILED, 1, None, error), [('check', 0.0, None, error)], None)
        assert str(error) == f"the result of 'Fine' cannot be read: {said_of_scrambled()}"

    @pytest.mark.parametrize('where', ['result', 'global_storage', 'storage'])
    def test_an_interrupt_that_comes_while_an_answer_is_read_is_one_still(self, monkeypatch, where):
        def run(self):
            self.storage['ran'] = StruckLater() if where == 'storage' else True
            self.global_storage['key'] = StruckLater() if where == 'global_storage' else True

        def check(self):
            if 'ran' not in self.storage:
                raise ValueError
            return StruckLater() if where == 'result' else True

        trip = Trip(changing('Struck', Check=check, Run=run, Cleanup=lambda self: None))
        answer = run_request(trip.packed('Struck'))
        monkeypatch.setattr(StruckLater, 'comes', True)
        with pytest.raises(KeyboardInterrupt):
            trip.courier.decode(0, answer)

    def test_the_directory_is_put_back_between_the_phases_and_after_the_job(self, tmp_path):
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

    def test_the_directory_is_put_back_also_after_an_attempt_that_breaks_down(self, monkeypatch, tmp_path):
        def attempt(self, job_class, is_reported):
            os.chdir(tmp_path)
            raise MemoryError  # in the engine's own code, where no Job can make it fail

        home = os.getcwd()
        monkeypatch.setattr(AttempterPool, '__call__', attempt)
        outcome = outcome_of(job('Breaks'))
        assert 'a worker cannot run the Job: MemoryError' in str(outcome.exception)
        assert os.getcwd() == home

    def test_a_job_that_removes_the_directory_of_the_worker_has_passed_all_the_same(self, tmp_path):
        home = tmp_path / 'home'
        home.mkdir()
        os.chdir(home)
        assert outcome_of(job('Removes', Check=lambda self: home.rmdir())).state is State.OK

    def test_attempts_side_by_side_in_one_process_leave_each_others_directory_alone(self, tmp_path):
        home, folder = os.getcwd(), str(tmp_path)

        def check(self):
            os.chdir(folder)
            mark_reached(folder, 'moved')
            wait_until_reached(folder, 'the other has come and gone')
            return os.getcwd()

        with ThreadPoolExecutor(1) as thread:
            moves = thread.submit(outcome_of, job('Moves', Check=check))
            wait_until_reached(folder, 'moved')
            stays = outcome_of(job('Stays', Check=lambda self: os.getcwd()))
            mark_reached(folder, 'the other has come and gone')
            assert moves.result().result == stays.result == folder
        assert os.getcwd() == home


class TestParcel:
    def test_no_two_are_the_same(self):
        fine = job('Fine')
        first, second = Trip(fine), Trip(fine)
        parcels = [first.packed('Fine'), first.packed('Fine'), second.packed('Fine'), second.packed('Fine')]
        assert len(set(parcels)) == 4

    def test_a_job_on_top_of_a_big_graph_travels_alone(self):
        top = job('Top', [job(f'Leaf{number}', [job(f'Deep{number}')]) for number in range(1000)])
        alone = job('Top')
        assert abs(len(Trip(top).packed('Top')) - len(Trip(alone).packed('Top'))) < 100

    def test_neither_do_the_needs_of_a_base_class_travel(self):
        base = job('Base', [job(f'Leaf{number}') for number in range(1000)])
        top = type('Top', (base,), {})
        assert len(Trip(top).packed('Top')) < 2 * len(Trip(job('Top')).packed('Top'))

    def test_the_class_is_whole_again_afterwards(self):
        leaf = job('Leaf')
        top = job('Top', [leaf], Check=lambda self: self)
        outcome = Trip(top).tried('Top').outcome
        assert type(outcome.result) is top
        assert list(top.DEPS) == [leaf]

    def test_arguments_that_cannot_travel_are_refused_at_once(self):
        with pytest.raises(RemoteError) as caught:
            Trip(job('Fine'), handle=threading.Lock())
        why = caught.value.__cause__
        assert isinstance(why, TypeError)
        assert str(caught.value) == f'the arguments of set_args() cannot be sent to a worker process: TypeError: {why}'

    def test_a_class_that_cannot_travel_is_named(self):
        held = job('Holds', lock=threading.Lock())
        with pytest.raises(RemoteError) as caught:
            Trip(held).packed('Holds')
        why = caught.value.__cause__
        assert isinstance(why, TypeError)
        assert str(caught.value) == f"'Holds' cannot be sent to a worker process: TypeError: {why}"
        assert caught.value.culprit is held

    def test_an_interrupt_that_comes_while_one_is_packed_is_one_still(self):
        with pytest.raises(KeyboardInterrupt):
            Trip(job('Fine'), Struck())
        trip = Trip(job('Holds', held=Struck()))
        with pytest.raises(KeyboardInterrupt):
            trip.packed('Holds')

    def test_a_class_may_use_super_and_functions_beside_it(self):
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
        ('made', 'words'),
        [
            (lambda: threading.Lock(), 'a lock (which cannot be sent unchanged: TypeError: cannot pickle'),
            (
                lambda: (number for number in ()),
                'a generator (which cannot be sent unchanged: TypeError: cannot pickle',
            ),
            (lambda: Unloadable(), 'a Unloadable (which cannot be sent unchanged: ValueError: invalid literal'),
        ],
    )
    def test_one_that_cannot_travel_is_replaced_by_an_error_that_says_so(self, made, words):
        outcome = outcome_of(job('Returns', Check=lambda self: made()))
        assert outcome.state is State.OK
        assert isinstance(outcome.result, RemoteError)
        assert words in str(outcome.result)

    def test_what_run_returns_is_reported_likewise(self):
        attempted = Trip(changing('Runs', Run=lambda self: self.storage.update(ran=True) or threading.Lock())).tried(
            'Runs'
        )
        assert attempted.outcome.state is State.CHANGED
        assert isinstance(attempted.reports[1][2], RemoteError)


class TestException:
    def test_it_arrives_with_its_attributes_and_the_traceback_it_had(self):
        def told():
            error = ToldError('why', 5)
            error.host = 'db1'
            return error

        attempted = Trip(raising(told)).tried('Raises')
        error = attempted.outcome.exception
        assert (type(error), error.args, error.host) == (ToldError, ('why', 5), 'db1')
        assert isinstance(error.__cause__, Exception)
        assert str(error.__cause__).startswith('\nTraceback (most recent call last):\n  File ')
        assert 'in check\n    raise error()' in str(error.__cause__)
        assert "ToldError: ('why', 5)" in str(error.__cause__)
        assert 'dojobber' + os.sep + 'attempt.py' not in str(error.__cause__)

    def test_each_phase_has_the_traceback_of_its_own(self):
        def run(self):
            raise KeyError('in run')

        attempted = Trip(failing('Broken', Run=run)).tried('Broken')
        texts = [str(error.__cause__) for _, _, _, error in attempted.reports]
        assert ['in run' in text for text in texts] == [False, True, False]
        assert ['is not done' in text for text in texts] == [True, False, True]
        assert attempted.outcome.exception is attempted.reports[2][3]

    @pytest.mark.parametrize(
        ('made', 'words', 'why'),
        [
            (lambda: NeedsTwoError('/bin/false', 1), 'NeedsTwoError: /bin/false ended with 1', 'TypeError'),
            (lambda: ValueError(threading.Lock()), 'ValueError: <unlocked _thread.lock', 'cannot pickle'),
            (lambda: TwistedError('word'), 'TwistedError: word!', 'would arrive as TwistedError: word!!'),
            (lambda: MuteError(ValueError(), threading.Lock()), 'MuteError: <unprintable>', 'cannot pickle'),
        ],
    )
    def test_one_that_does_not_survive_the_trip_is_replaced_by_one_that_says_so(self, made, words, why):
        attempted = Trip(raising(made)).tried('Raises')
        error = attempted.outcome.exception
        assert isinstance(error, RemoteError)
        assert str(error).startswith(words)
        assert error.culprit.startswith(words)
        assert '(which cannot be sent unchanged: ' in str(error)
        assert why in str(error)
        assert 'in check\n    raise error()' in str(error.__cause__), 'its traceback is told all the same'

    def test_one_that_cannot_say_what_it_is_travels_too(self):
        assert type(outcome_of(raising(lambda: MuteError(ValueError()))).exception) is MuteError

    def test_one_that_cannot_be_formatted_travels_too(self):
        bad = SyntaxError('made by hand', ('file', 'no number', 5, 6))
        outcome = outcome_of(raising(lambda: bad))
        assert (type(outcome.exception), outcome.exception.args) == (SyntaxError, bad.args)
        assert 'SyntaxError: made by hand' in str(outcome.exception.__cause__)

    def test_system_exit_fails_the_phase_and_nothing_else(self):
        def check(self):
            if 'ran' not in self.storage:
                raise SystemExit(3)

        attempted = Trip(changing('Exits', Check=check)).tried('Exits')
        assert attempted.outcome.state is State.CHANGED
        assert (type(attempted.reports[0][3]), attempted.reports[0][3].code) == (SystemExit, 3)

    def test_it_travels_its_own_way_whatever_else_is_registered(self, monkeypatch):
        def broken(error):
            return SystemExit.__new__, (SystemExit,)

        monkeypatch.setitem(copyreg.dispatch_table, SystemExit, broken)  # as tblib does, which Dask imports
        assert outcome_of(raising(lambda: SystemExit(3))).exception.code == 3

    @pytest.mark.parametrize('error', [KeyboardInterrupt, Stop])
    def test_an_interrupt_ends_the_attempt_and_arrives(self, error):
        attempted = Trip(raising(error)).tried('Raises')
        assert (attempted.outcome.state, type(attempted.outcome.exception)) == (State.FAILED, error)
        assert [report[0] for report in attempted.reports] == ['check']

    @pytest.mark.parametrize(
        ('made', 'words'),
        [
            (lambda: Stop(threading.Lock()), 'Stop: <unlocked'),
            (lambda: TwistedStop('word'), 'TwistedStop: word! (which cannot'),
        ],
    )
    def test_an_interrupt_that_does_not_survive_the_trip_is_one_still(self, made, words):
        error = outcome_of(raising(made)).exception
        assert not isinstance(error, Exception)
        assert words in str(error)
        assert 'cannot be sent' in str(error)

    def test_of_what_was_not_raised_no_traceback_travels(self):
        answer = pickle.loads(run_request(Trip(job('Fine')).packed('Fine')))
        assert answer.tracebacks == ['', '']


class TestGlobalStorage:
    def test_a_job_sees_what_those_it_needs_wrote_and_nothing_else(self):
        deep = writing('Deep', deep=1)
        left = writing('Left', [deep], left=2)
        right = writing('Right', right=3)
        root = job('Root', [left, right, reading('Stranger'), reading('Sees', [left])], DummyJob)
        outcomes = Trip(root).all_tried()
        assert outcomes['Sees'].result == {'deep': 1, 'left': 2}
        assert outcomes['Stranger'].result == {}

    def test_what_is_set_changed_in_place_and_deleted_comes_out(self):
        first = writing('First', grows=[1], goes='away', stays='here')

        def change(self):
            self.global_storage['grows'].append(2)
            del self.global_storage['goes']
            self.global_storage['new'] = None

        second = job('Second', [first], Check=change)
        trip = Trip(reading('Reads', [second]))
        assert trip.all_tried()['Reads'].result == {'grows': [1, 2], 'stays': 'here', 'new': None}
        assert trip.global_storage == {'grows': [1, 2], 'stays': 'here', 'new': None}

    def test_the_last_of_ordered_writers_is_the_one_that_counts_whatever_way_it_is_seen(self):
        first = writing('First', key=1)
        second = writing('Second', [first], key=2)
        third = job('Third', [second], Check=lambda self: self.global_storage.pop('key'))
        seen = [reading('Seen1', [first, second]), reading('Seen2', [second, first]), reading('Gone', [first, third])]
        outcomes = Trip(job('Root', [*seen], DummyJob)).all_tried()
        assert [outcomes[name].result for name in ('Seen1', 'Seen2', 'Gone')] == [{'key': 2}, {'key': 2}, {}]
        assert all(outcome.state is State.OK for outcome in outcomes.values())

    def test_two_unordered_writers_of_one_key_conflict_and_the_second_to_come_fails(self):
        base = writing('Base', key=0)
        one, two = writing('One', [base], key=1, one=1), writing('Two', [base], key=2, two=2)
        trip = Trip(reading('Root', [one, two]))
        attempted = {name: trip.tried(name) for name in ('Base', 'Two', 'One')}
        error = attempted['One'].outcome.exception
        assert (attempted['Two'].outcome.state, attempted['One'].outcome.state) == (State.OK, State.FAILED)
        assert isinstance(error, StorageConflictError)
        assert error.culprit == 'key'
        assert "'Two' and 'One' both write global_storage['key']" in str(error)
        assert str(error).endswith(': order them by DEPS, or have each write a key of its own')
        assert attempted['One'].reports[-1] == ('recheck', 0.0, None, error)
        assert trip.global_storage == {'key': 2, 'two': 2}, 'nothing of what the other wrote counts'

    def test_a_deletion_conflicts_with_a_write(self):
        base = writing('Base', key=0)
        one = job('One', [base], Check=lambda self: self.global_storage.clear())
        outcomes = Trip(job('Root', [one, writing('Two', [base], key=2)])).all_tried()
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
    def test_reading_is_no_writing(self, value):
        def read(self):
            thing = self.global_storage['key']
            if hasattr(thing, 'method'):
                thing.method(thing) if isinstance(thing, type) else thing.method()
            return repr(thing)

        base = writing('Base', key=value)
        readers = [job('Reads1', [base], Check=read), job('Reads2', [base], Check=read)]
        writer = writing('Writes', [base], key=2)
        outcomes = Trip(job('Root', [*readers, writer])).all_tried()
        assert {name: outcome.exception for name, outcome in outcomes.items()} == dict.fromkeys(outcomes)

    def test_a_job_sees_what_its_own_earlier_tries_wrote(self):
        def count(self):
            self.global_storage['count'] = self.global_storage['count'] + 1
            return self.global_storage['count']

        trip = Trip(job('Counts', [writing('Base', count=5)], Check=count))
        assert trip.tried('Base').outcome.state is State.OK
        assert [trip.tried('Counts').outcome.result for _ in range(3)] == [6, 7, 8]

    def test_a_job_sees_what_all_of_its_earlier_tries_wrote(self):
        def check(self):
            self.global_storage[f'try {len(self.global_storage)}'] = True
            return list(self.global_storage)

        trip = Trip(job('Keeps', Check=check))
        assert [trip.tried('Keeps').outcome.result for _ in range(3)][-1] == ['try 0', 'try 1', 'try 2']

    def test_what_a_failed_try_wrote_counts_too(self):
        def check(self):
            self.global_storage['tries'] = self.global_storage.get('tries', 0) + 1
            if self.global_storage['tries'] < 3:
                raise ValueError

        trip = Trip(job('Late', Check=check))
        assert [trip.tried('Late').outcome.state for _ in range(2)] == [State.FAILED, State.OK]

    @pytest.mark.parametrize(
        ('made', 'why'),
        [(lambda: threading.Lock(), 'TypeError: cannot pickle'), (lambda: Unloadable(), 'ValueError: invalid literal')],
    )
    def test_a_value_that_cannot_travel_fails_the_job_and_is_named(self, made, why):
        def check(self):
            self.global_storage.update(fine=1, bad=made())
            return 'a result'

        trip = Trip(job('Puts', Check=check))
        attempted = trip.tried('Puts')
        error = attempted.outcome.exception
        assert (attempted.outcome.state, attempted.outcome.result) == (State.FAILED, None)
        assert isinstance(error, RemoteError)
        assert str(error).startswith(f"'Puts' wrote a value to global_storage['bad'] that cannot be sent: {why}")
        assert trip.global_storage == {'fine': 1}
        assert error.culprit == 'Puts'
        assert attempted.reports[-1][0] == 'recheck'

    def test_a_key_that_cannot_travel_fails_the_job_and_its_cleanup_is_owed_all_the_same(self):
        def run(self):
            self.global_storage[threading.Lock()] = 1

        attempted = Trip(failing('Puts', Run=run, Cleanup=lambda self: 'done')).tried('Puts')
        error = attempted.outcome.exception
        assert isinstance(error, RemoteError)
        assert "'Puts' wrote a value to global_storage[<unlocked _thread.lock" in str(error)
        assert attempted.pending_cleanup.Cleanup() == 'done'

    def test_an_interrupt_is_not_hidden_by_a_value_that_cannot_travel(self):
        def check(self):
            self.global_storage['bad'] = threading.Lock()
            raise KeyboardInterrupt

        assert type(outcome_of(job('Stops', Check=check)).exception) is KeyboardInterrupt

    def test_an_interrupt_is_not_hidden_by_a_conflict(self):
        def check(self):
            self.global_storage['key'] = 2
            raise KeyboardInterrupt

        outcomes = Trip(job('Root', [writing('One', key=1), job('Stops', Check=check)])).all_tried()
        assert type(outcomes['Stops'].exception) is KeyboardInterrupt


class TestCleanup:
    def test_it_finds_the_storages_and_the_attributes(self):
        def run(self):
            self.storage['ran'] = True
            self.path = '/there'
            self.global_storage['shared'] = 'yes'

        def cleanup(self):
            return self.storage, self.path, self.global_storage

        trip = Trip(changing('Cleans', Run=run, Cleanup=cleanup))
        owed = trip.tried('Cleans').pending_cleanup
        assert owed.Cleanup() == ({'ran': True}, '/there', {'shared': 'yes'})
        assert owed.global_storage is trip.global_storage
        assert type(owed).__name__ == 'Cleans'

    def test_it_is_not_owed_where_run_was_not_called(self):
        assert Trip(job('Fine', Run=None, Cleanup=lambda self: None)).tried('Fine').pending_cleanup is None

    def test_it_is_owed_by_a_run_that_failed(self):
        assert Trip(failing('Broken', Cleanup=lambda self: 'done')).tried('Broken').pending_cleanup.Cleanup() == 'done'

    def test_it_is_owed_by_a_run_whose_error_cannot_travel(self):
        def run(self):
            raise ValueError(threading.Lock())

        assert (
            Trip(failing('Broken', Run=run, Cleanup=lambda self: 'done')).tried('Broken').pending_cleanup.Cleanup()
            == 'done'
        )

    def test_the_storage_of_a_job_that_has_none_stays_there(self):
        def run(self):
            self.storage['ran'] = os.urandom(100_000)

        def size(**members):
            return len(run_request(Trip(changing('Big', Run=run, **members)).packed('Big')))

        assert size(Cleanup=lambda self: None) > 100_000
        assert size() < 10_000

    def test_with_a_storage_that_cannot_travel_it_fails_with_an_error_that_says_so(self):
        def run(self):
            self.storage['ran'] = threading.Lock()

        locks = changing('Locks', Run=run, Cleanup=lambda self: None)
        attempted = Trip(locks).tried('Locks')
        assert attempted.outcome.state is State.CHANGED
        with pytest.raises(RemoteError, match=r'Locks cannot be cleaned up: .*cannot pickle') as caught:
            attempted.pending_cleanup.Cleanup()
        assert caught.value.culprit is locks
        assert type(attempted.pending_cleanup).__name__ == 'Locks'


@pytest.fixture
def elsewhere(monkeypatch):
    """Return a class of a module that only the worker has, and how to leave the worker."""
    module = types.ModuleType('only_on_the_worker')
    exec('class Thing(Exception): pass', module.__dict__)
    monkeypatch.setitem(sys.modules, 'only_on_the_worker', module)
    return module.Thing


class TestOnlyOnTheWorker:
    """Can be pickled and made again there, but not here."""

    UNREAD = (
        r'^Cleans cannot be cleaned up: its storage cannot be read: ModuleNotFoundError: '
        r"No module named 'only_on_the_worker'$"
    )

    def back(self, job_class):
        trip = Trip(job_class)
        answer = run_request(trip.packed(job_class.__name__))
        sys.modules.pop('only_on_the_worker')
        return trip.courier.decode(0, answer)

    def check_failed(self, attempted):
        assert attempted.outcome.state is State.FAILED
        assert isinstance(attempted.outcome.exception, RemoteError)
        assert 'only_on_the_worker' in str(attempted.outcome.exception)

    @pytest.mark.usefixtures('elsewhere')
    def test_a_result_fails_the_job_and_its_cleanup_is_owed_all_the_same(self):
        def check(self):
            if 'ran' not in self.storage:
                raise ValueError
            return sys.modules['only_on_the_worker'].Thing()

        attempted = self.back(changing('Cleans', Check=check, Cleanup=lambda self: self.storage))
        self.check_failed(attempted)
        assert attempted.pending_cleanup.Cleanup() == {'ran': True}

    @pytest.mark.usefixtures('elsewhere')
    def test_an_exception_is_a_failure_that_says_so(self):
        def check(self):
            raise sys.modules['only_on_the_worker'].Thing

        self.check_failed(self.back(job('Raises', Check=check)))

    @pytest.mark.usefixtures('elsewhere')
    def test_a_value_in_the_global_storage_fails_the_job(self):
        def check(self):
            self.global_storage['thing'] = sys.modules['only_on_the_worker'].Thing()

        attempted = self.back(job('Puts', Check=check))
        self.check_failed(attempted)
        assert "'Puts' wrote a value to global_storage['thing'] that cannot" in str(attempted.outcome.exception)

    @pytest.mark.usefixtures('elsewhere')
    def test_a_storage_fails_the_cleanup_only(self):
        def run(self):
            self.storage['ran'] = sys.modules['only_on_the_worker'].Thing()

        attempted = self.back(changing('Cleans', Run=run, Cleanup=lambda self: None))
        assert attempted.outcome.state is State.CHANGED
        with pytest.raises(RemoteError, match=self.UNREAD):
            attempted.pending_cleanup.Cleanup()


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    """Takes no attributes."""


class RefusingError(Exception):
    """Takes none either, and has its own idea of what caused it."""

    __slots__ = ('code',)
    __cause__ = property(lambda self: 1 / 0)

    def __init__(self, code=5):
        super().__init__(code)
        BaseException.__setattr__(self, 'code', code)

    def __setattr__(self, name, value):
        raise AttributeError(f'{name} is not yours')


class LeavingError(Exception):
    """Ends the script that unpickles it, from the moment on that is set."""

    leaves = False

    def __reduce__(self):
        return left_or_made, ()


def left_or_made():
    if LeavingError.leaves:
        sys.exit(3)
    return LeavingError()


class SpeechlessError(Exception):
    """Raises itself when asked what it says."""

    def __str__(self):
        raise self


class Unwilling:
    """Cannot be pickled, for a reason that cannot be said."""

    def __reduce__(self):
        raise SpeechlessError


def causes(error):
    """Return the exceptions that a traceback would show for this one, the last first."""
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__ if error.__cause__ is not None or error.__suppress_context__ else error.__context__
    return found


class TestChain:
    def back(self, check):
        return outcome_of(job('Raises', Check=lambda self: check())).exception

    def test_a_cause_and_its_cause_arrive_and_the_traceback_is_the_first_of_all(self):
        def check():
            try:
                try:
                    raise KeyError({'a', 'b'})
                except KeyError as first:
                    raise ToldError('second') from first
            except ToldError as second:
                raise ValueError('third') from second

        error = self.back(check)
        assert [type(each) for each in causes(error)] == [ValueError, ToldError, KeyError, RemoteTraceback]
        assert error.__suppress_context__
        assert error.__context__ is error.__cause__
        assert causes(error)[2].args == ({'a', 'b'},)
        assert 'ToldError: second\n\nThe above exception was the direct cause' in str(causes(error)[-1])

    def test_a_context_arrives_as_one(self):
        def check():
            try:
                raise KeyError('first')
            except KeyError:
                raise ValueError('second')  # noqa: B904 - that it is without a cause is what this is about

        error = self.back(check)
        assert (error.__cause__, error.__suppress_context__, error.__context__.args) == (None, False, ('first',))
        assert isinstance(error.__context__.__cause__, RemoteTraceback)

    def test_a_context_that_is_hidden_stays_so(self):
        def check():
            try:
                raise KeyError('first')
            except KeyError:
                raise ValueError('second') from None

        error = self.back(check)
        assert [type(each) for each in causes(error)] == [ValueError, RemoteTraceback]
        assert (type(error.__context__), error.__suppress_context__) == (KeyError, True)

    def test_one_that_does_not_arrive_is_replaced_in_its_place(self):
        def check():
            raise ValueError('second') from NeedsTwoError('/bin/false', 1)

        error = self.back(check)
        assert [type(each) for each in causes(error)] == [ValueError, RemoteError, RemoteTraceback]
        assert str(error.__cause__).startswith('NeedsTwoError: /bin/false ended with 1 (which cannot be sent')

    def test_a_circle_and_a_long_chain_arrive(self):
        def circle():
            one, two = ValueError('one'), KeyError('two')
            one.__cause__, two.__cause__ = two, one
            raise one

        def long():
            error = None
            for number in range(5000):
                later = ValueError(number)
                later.__cause__, error = error, later
            raise error

        assert [type(each) for each in causes(self.back(circle))[:2]] == [ValueError, KeyError]
        error = self.back(long)
        assert [each.args for each in causes(error)[:3]] == [(4999,), (4998,), (4997,)]
        assert isinstance(causes(error)[-1], RemoteTraceback)

    @pytest.mark.parametrize('made', [FrozenError, RefusingError])
    def test_one_that_takes_no_attributes_arrives_with_its_traceback(self, made):
        def check():
            raise made() from KeyError('why')

        error = self.back(check)
        assert type(error) is made
        assert getattr(error, 'code', 5) == 5
        cause = vars(BaseException)['__cause__'].__get__(error)
        assert (type(cause), type(cause.__cause__)) == (KeyError, RemoteTraceback)

    def test_the_one_that_a_runonly_job_raises_again_is_one_here_too(self):
        def run(self):
            raise ValueError('once') from KeyError('why')

        attempted = Trip(job('Only', base=RunonlyJob, Run=run)).tried('Only')
        assert attempted.reports[1][3] is attempted.reports[2][3] is attempted.outcome.exception
        assert [type(each) for each in causes(attempted.outcome.exception)] == [ValueError, KeyError, RemoteTraceback]


class TestParts:
    """Whatever cannot be read of an answer fails that Job, and nothing else is lost."""

    def run_and_check(self, result):
        def run(self):
            self.storage['ran'] = 'there'
            self.global_storage['written'] = [1]

        def check(self):
            if 'ran' not in self.storage:
                raise ValueError
            return result()

        return changing('Leaves', Run=run, Check=check, Cleanup=lambda self: (self.storage, self.global_storage))

    def test_a_result_that_exits_when_it_is_read_fails_the_job_and_the_rest_is_kept(self, monkeypatch):
        trip = Trip(self.run_and_check(LeavingError))
        answer = run_request(trip.packed('Leaves'))
        monkeypatch.setattr(LeavingError, 'leaves', True)
        attempted = trip.courier.decode(0, answer)
        assert attempted.outcome.state is State.FAILED
        assert str(attempted.outcome.exception) == "the result of 'Leaves' cannot be read: SystemExit: 3"
        assert attempted.pending_cleanup.Cleanup() == ({'ran': 'there'}, {'written': [1]})

    def test_a_result_that_interrupts_each_time_it_is_read_interrupts_once(self, monkeypatch):
        trip = Trip(self.run_and_check(StruckLater))
        answer = run_request(trip.packed('Leaves'))
        monkeypatch.setattr(StruckLater, 'comes', True)
        with pytest.raises(KeyboardInterrupt):
            trip.courier.decode(0, answer)
        attempted = trip.courier.decode(0, answer)
        assert (attempted.outcome.state, type(attempted.outcome.exception)) == (State.FAILED, KeyboardInterrupt)
        assert attempted.pending_cleanup.Cleanup() == ({'ran': 'there'}, {'written': [1]})

    @pytest.mark.parametrize('answer', [b'', b'scrambled', pickle.dumps(5), pickle.dumps(('told', [], [], b'', None))])
    def test_an_answer_of_another_kind_is_a_failure(self, answer):
        attempted = Trip(job('Fine')).courier.decode(0, answer)
        assert attempted.outcome.state is State.FAILED
        assert str(attempted.outcome.exception).startswith("the result of 'Fine' cannot be read: ")

    @pytest.mark.usefixtures('elsewhere')
    def test_a_key_that_cannot_be_read_fails_the_job_and_its_cleanup_is_owed_all_the_same(self):
        def run(self):
            self.storage['ran'] = True
            self.global_storage[sys.modules['only_on_the_worker'].Thing] = 1

        trip = Trip(changing('Puts', Run=run, Cleanup=lambda self: self.storage))
        answer = run_request(trip.packed('Puts'))
        sys.modules.pop('only_on_the_worker')
        attempted = trip.courier.decode(0, answer)
        assert attempted.outcome.state is State.FAILED
        assert "what 'Puts' wrote cannot be read: ModuleNotFoundError" in str(attempted.outcome.exception)
        assert attempted.pending_cleanup.Cleanup() == {'ran': True}

    @pytest.mark.parametrize('where', ['result', 'global_storage', 'error'])
    def test_an_interrupt_while_one_part_is_packed_leaves_the_cleanup_owed(self, where):
        def run(self):
            self.storage['ran'] = True
            if where == 'global_storage':
                self.global_storage['key'] = Struck()

        def check(self):
            if 'ran' not in self.storage or where == 'error':
                raise ValueError(Struck() if 'ran' in self.storage else None)
            return Struck() if where == 'result' else None

        attempted = Trip(changing('Struck', Check=check, Run=run, Cleanup=lambda self: self.storage)).tried('Struck')
        assert attempted.outcome.state is State.FAILED
        assert attempted.pending_cleanup.Cleanup() == {'ran': True}

    def test_an_interrupt_whenever_a_storage_is_packed_is_one_and_the_cleanup_fails(self):
        def run(self):
            self.storage['ran'] = Struck()

        attempted = Trip(changing('Struck', Run=run, Cleanup=lambda self: None)).tried('Struck')
        assert (attempted.outcome.state, type(attempted.outcome.exception)) == (State.FAILED, KeyboardInterrupt)
        with pytest.raises(RemoteError, match='interrupted whenever'):
            attempted.pending_cleanup.Cleanup()

    def test_an_interrupt_that_comes_once_while_a_storage_is_packed_loses_nothing(self):
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

        trip = Trip(changing('Struck', Run=run, Cleanup=lambda self: self.storage))
        attempted = trip.tried('Struck')
        assert (attempted.outcome.state, type(attempted.outcome.exception)) == (State.FAILED, KeyboardInterrupt)
        assert attempted.pending_cleanup.Cleanup() == {'ran': 'whole'}
        assert trip.global_storage == {'written': True}

    @pytest.mark.parametrize('where', ['result', 'global_storage', 'storage', 'error'])
    def test_an_error_that_cannot_say_what_it_is_is_no_obstacle(self, where):
        def run(self):
            self.storage['ran'] = Unwilling() if where == 'storage' else True
            if where == 'global_storage':
                self.global_storage['key'] = Unwilling()

        def check(self):
            if 'ran' not in self.storage or where == 'error':
                raise SpeechlessError(Unwilling())
            return Unwilling() if where == 'result' else None

        attempted = Trip(changing('Mute', Check=check, Run=run, Cleanup=lambda self: 'done')).tried('Mute')
        assert attempted.outcome.state is (State.CHANGED if where in ('result', 'storage') else State.FAILED)
        if where == 'storage':
            with pytest.raises(RemoteError, match='SpeechlessError: <unprintable>'):
                attempted.pending_cleanup.Cleanup()
        else:
            assert attempted.pending_cleanup.Cleanup() == 'done'

    def test_what_cannot_be_packed_is_a_remote_error_whatever_is_raised(self):
        class Exits:
            def __reduce__(self):
                sys.exit(4)

        for held in (Unwilling(), Exits()):
            with pytest.raises(RemoteError, match="'Holds' cannot be sent to a worker process: "):
                Trip(job('Holds', held=held)).packed('Holds')
            with pytest.raises(RemoteError, match='the arguments of set_args'):
                Trip(job('Fine'), held)


class Mixed(Job):
    """Has slots beside its attributes, a private one and one that its base has too."""

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
    """Lets nobody set anything, once it has run."""

    def __setattr__(self, name, value):
        if 'plain' in vars(self):
            raise AttributeError(f'{name} is not to be set')
        super().__setattr__(name, value)


class WithState(Job):
    """Says itself how it is pickled, since it holds a lock."""

    Check = None

    def set_all(self):
        self.lock, self.path = threading.Lock(), '/there'

    def __getstate__(self):
        return {**{name: value for name, value in vars(self).items() if name != 'lock'}, 'kept': True}

    def __setstate__(self, state):
        vars(self).update(state, lock=threading.Lock())


class Reduced(Job):
    """Says it in the other way."""

    Check = None
    path = None

    def set_all(self):
        self.lock, self.path = threading.Lock(), '/there'

    def __reduce__(self):
        return remade, (type(self), self.path)


def remade(kind, path):
    made = kind()
    made.path = path
    return made


class TestAttributes:
    def owed(self, base, cleanup):
        def run(self):
            self.set_all()
            self.storage['ran'] = True
            self.global_storage['shared'] = 'yes'

        trip = Trip(changing('Cleans', base=base, Run=run, Cleanup=cleanup))
        owed = trip.tried('Cleans').pending_cleanup
        assert type(owed) is trip.courier._jobs[0]
        assert owed.global_storage is trip.global_storage == {'shared': 'yes'}
        return owed

    @pytest.mark.parametrize('base', [Mixed, Shadowing, ReadOnly])
    def test_slots_arrive_beside_the_others(self, base):
        owed = self.owed(base, lambda self: (self.shown, self.storage, hasattr(self, 'unset')))
        assert owed.Cleanup() == (('private', ['handle'], 'plain'), {'ran': True}, False)

    def test_both_of_two_slots_of_one_name_arrive(self):
        owed = self.owed(Shadowing, lambda self: None)
        assert (owed.handle, vars(Mixed)['handle'].__get__(owed)) == (['handle'], 'of the base')

    @pytest.mark.parametrize('made', ['here', 'by value'])
    def test_slots_of_a_class_that_is_sent_by_value_arrive(self, made):
        def run(self):
            self.handle = self._Sent__private = 'h'
            self.storage['ran'] = True

        members = {'__slots__': ('handle', '_Sent__private'), 'Run': run, 'Cleanup': lambda self: self.handle}
        sent = changing('Sent', **members)
        trip = Trip(sent)
        if made == 'by value':
            done = subprocess.run(
                [sys.executable, '-c', ATTEMPT], input=trip.packed('Sent'), capture_output=True, check=True, timeout=60
            )
            attempted = trip.courier.decode(0, done.stdout)
        else:
            attempted = trip.tried('Sent')
        assert attempted.outcome.state is State.CHANGED
        assert (attempted.pending_cleanup.Cleanup(), attempted.pending_cleanup._Sent__private) == ('h', 'h')

    def test_a_job_that_says_how_it_is_pickled_is_pickled_so(self):
        owed = self.owed(WithState, lambda self: (self.path, self.kept, self.storage, self.lock.locked()))
        assert owed.Cleanup() == ('/there', True, {'ran': True}, False)
        owed = self.owed(Reduced, lambda self: (self.path, self.storage))
        assert owed.Cleanup() == ('/there', {})

    @pytest.mark.parametrize(
        ('put', 'words'),
        [
            (lambda job: job.storage.update(good=1, bad=threading.Lock()), "its storage['bad'] cannot be sent: "),
            (lambda job: setattr(job, 'bad', threading.Lock()), 'its bad cannot be sent: '),
            (lambda job: setattr(job, 'handle', threading.Lock()), 'its handle cannot be sent: '),
        ],
    )
    def test_what_cannot_be_pickled_is_named(self, put, words):
        def run(self):
            self.storage['ran'] = True
            put(self)

        attempted = Trip(changing('Holds', base=Mixed, Run=run, Cleanup=lambda self: None)).tried('Holds')
        assert attempted.outcome.state is State.CHANGED
        with pytest.raises(RemoteError) as caught:
            attempted.pending_cleanup.Cleanup()
        assert f'Holds cannot be cleaned up: {words}' in str(caught.value)
        assert 'cannot pickle' in str(caught.value)

    def test_a_cleanup_that_cannot_be_looked_up_is_one_that_fails(self):
        def cleanup(self):
            raise KeyError('Cleanup')

        attempted = Trip(changing('Odd', Cleanup=property(cleanup))).tried('Odd')
        assert attempted.outcome.state is State.CHANGED


class TestClass:
    """What a class refers to stays what it is where the class comes from, whoever sends it and gets it back."""

    def test_a_job_tried_in_its_own_process_refers_to_the_same_things_as_before(self):
        log, error = [], type('OwnError', (Exception,), {'kept': []})

        def check(self):
            log.append(self)
            raise error

        checked = job('Checks', Check=check, Cleanup=lambda self: log)
        before = dict(vars(checked)), dict(vars(error))
        attempted = Trip(checked).tried('Checks')
        assert type(attempted.outcome.exception) is error
        assert (dict(vars(checked)), dict(vars(error))) == before
        assert checked.Cleanup(None) is log

    def test_so_does_one_that_comes_back_from_elsewhere(self):
        log = []
        root = job('Root', Check=lambda self: type(self), other=log)
        done = subprocess.run(
            [sys.executable, '-c', ATTEMPT],
            input=Trip(root).packed('Root'),
            capture_output=True,
            check=True,
            timeout=60,
        )
        attempted = Trip(root).courier.decode(0, done.stdout)
        assert attempted.outcome.result is root
        assert root.other is log


ATTEMPT = (
    'import sys; from dojobber._workers.remote.worker import run_request; '
    'sys.stdout.buffer.write(run_request(sys.stdin.buffer.read()))'
)


class Parsing:
    """Parses its text when first asked, and keeps the result."""

    def __init__(self, text):
        self.text = text
        self._parsed = None

    def get(self, key):
        if self._parsed is None:
            self._parsed = {'words': set(self.text.split()), **dict(line.split('=') for line in self.text.split())}
        return self._parsed[key]


class TestReaders:
    def outcomes(self, value, *uses):
        base = writing('Base', key=value)
        users = [job(f'Uses{number}', [base], Check=use) for number, use in enumerate(uses)]
        trip = Trip(job('Root', users, DummyJob))
        return list(trip.all_tried().values())[1:-1]

    def test_readers_of_an_object_that_keeps_what_it_computed_do_not_conflict(self):
        def get(key):
            return lambda self: self.global_storage['key'].get(key)

        assert [outcome.result for outcome in self.outcomes(Parsing('a=1 b=2'), get('a'), get('b'))] == ['1', '2']

    @pytest.mark.parametrize(
        ('value', 'use'),
        [
            ([], lambda self: self.global_storage['key'].append('x')),
            (0, lambda self: self.global_storage.update(key=self.global_storage['key'] + 1)),
            (types.SimpleNamespace(hits=0), lambda self: vars(self.global_storage['key']).update(hits=1)),
            ({}, lambda self: self.global_storage['key'].setdefault('a', 1)),
        ],
    )
    def test_writers_do_though_they_write_the_same_since_one_would_be_lost(self, value, use):
        first, second = self.outcomes(value, use, use)
        assert first.state is State.OK
        assert isinstance(second.exception, StorageConflictError)

    def test_the_error_of_readers_that_computed_different_things_says_what_to_do(self):
        def setting(name):
            return lambda self: setattr(self.global_storage['key'], name, 1)

        _, second = self.outcomes(types.SimpleNamespace(), setting('one'), setting('two'))
        assert isinstance(second.exception, StorageConflictError)
        assert 'exclude that in its __getstate__' in str(second.exception)
