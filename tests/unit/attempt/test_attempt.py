"""One attempt: its phases, its outcome, and what it leaves of an exception."""

from __future__ import annotations

import dataclasses
import errno
import os
import pickle
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from support.factories import changing, failing, job, run_attempt, run_engine

from dojobber import DummyJob, Job, RunonlyJob, State
from dojobber._attempt.attempt import Attempter, AttempterPool, AttemptSettings
from dojobber._attempt.directory import enter_directory


def cleaning(name, **members):
    return changing(name, **{'Cleanup': lambda self: None, **members})


def phases_of(job_class, **options):
    phases = []
    outcome = run_attempt(
        job_class, report=lambda report: phases.append((report.phase, report.error is None)), **options
    )
    return phases, outcome


def raising(error):
    def raise_it(self, *args, **kwargs):
        raise error

    return raise_it


def test_an_attempt_ends_with_a_check_that_passes():
    phases, outcome = phases_of(job('Fine', Check=lambda self: 'result'))
    assert phases == [('check', True)]
    assert outcome[:4] == (State.OK, 1, 'result', None)
    assert list(outcome.phases) == ['check']


def test_a_failed_check_is_followed_by_run_and_a_recheck_that_decides():
    phases, outcome = phases_of(changing('Changed'))
    assert phases == [('check', False), ('run', True), ('recheck', True)]
    assert outcome.state is State.CHANGED
    assert list(outcome.phases) == ['check', 'run', 'recheck']


def test_an_error_in_run_does_not_fail_a_job_whose_recheck_passes():
    def run(self):
        self.storage['ran'] = True
        raise ValueError('exit status 1')

    phases, outcome = phases_of(changing('Changed', Run=run))
    assert phases == [('check', False), ('run', False), ('recheck', True)]
    assert (outcome.state, outcome.exception) == (State.CHANGED, None)


def test_the_exception_of_the_outcome_is_that_of_the_recheck():
    def check(self):
        self.storage['count'] = self.storage.get('count', 0) + 1
        raise ValueError(self.storage['count'])

    _, outcome = phases_of(job('Broken', Check=check, Run=lambda self: None))
    assert (outcome.state, outcome.exception.args, outcome.result) == (State.FAILED, (2,), None)


@pytest.mark.parametrize('passes', [True, False])
def test_the_run_exception_of_the_outcome_is_what_run_raised(passes):
    error = OSError('no space left')

    def check(self):
        if not (passes and self.storage):
            raise ValueError

    def run(self):
        self.storage['ran'] = True
        raise error

    outcome = run_attempt(job('Root', Check=check, Run=run))
    assert outcome.run_exception is error
    assert outcome.state is (State.CHANGED if passes else State.FAILED)


def test_there_is_no_run_exception_if_run_raised_nothing_or_was_not_called():
    for job_class in job('Passes'), changing('Changes'), failing('Fails'), job('NoRun', Check=raising(ValueError())):
        assert run_attempt(job_class).run_exception is None
    assert run_attempt(failing('Fails', Run=raising(OSError())), no_act=True).run_exception is None


def test_an_interrupt_of_run_is_the_exception_and_the_run_exception():
    interrupt = KeyboardInterrupt()
    outcome = run_attempt(failing('Root', Run=raising(interrupt)))
    assert (outcome.exception, outcome.run_exception) == (interrupt, interrupt)


def test_the_run_phase_of_a_job_without_run_fails_with_a_message_that_says_so():
    errors = []
    outcome = run_attempt(
        job('CheckOnly', Check=lambda self: 1 / 0),
        report=lambda report: errors.append((report.phase, report.error)),
    )
    assert [phase for phase, _ in errors] == ['check', 'run', 'recheck']
    assert 'CheckOnly has no Run' in str(errors[1][1])
    assert isinstance(outcome.exception, ZeroDivisionError)


def test_the_callback_receives_the_return_value_of_each_phase():
    values = {}

    def check(self):
        if 'ran' not in self.storage:
            raise ValueError
        return 'checked'

    def run(self):
        self.storage['ran'] = True
        return 'ran'

    def report(phase):
        values[phase.phase] = phase.value

    run_attempt(job('Changed', Check=check, Run=run), report=report)
    assert values == {'check': None, 'run': 'ran', 'recheck': 'checked'}
    run_attempt(job('Fine', Check=lambda self: 'fine'), report=report)
    assert values['check'] == 'fine'


@pytest.mark.parametrize(
    ('options', 'seconds'),
    [
        ({}, {'check': 1.0, 'run': 2.0, 'recheck': 4.0}),
        ({'no_act': True}, {'check': 1.0}),
        ({'raised_by_check': KeyboardInterrupt()}, {'check': 1.0}),
        ({'raised_by_run': KeyboardInterrupt()}, {'check': 1.0, 'run': 2.0}),
    ],
    ids=['all phases', 'no_act', 'interrupted check', 'interrupted run'],
)
def test_each_phase_is_timed_separately(fake_clock, options, seconds):
    reported = {}

    def check(self, raised_by_check=None, raised_by_run=None):
        fake_clock.now += 4.0 if self.storage else 1.0
        raise raised_by_check or ValueError

    def run(self, raised_by_check=None, raised_by_run=None):
        self.storage['ran'] = True
        fake_clock.now += 2.0
        if raised_by_run:
            raise raised_by_run

    def report(phase):
        reported[phase.phase] = phase.seconds

    no_act = options.pop('no_act', False)
    settings = AttemptSettings((), options, {}, no_act, lambda: None, fake_clock)
    outcome = Attempter(settings, lambda job: None).send((job('Slow', Check=check, Run=run), report))
    assert outcome.phases == seconds
    assert reported == seconds


def test_check_and_run_receive_the_arguments():
    seen = []

    def check(self, *args, **kwargs):
        seen.append(('check', args, kwargs))
        assert len(seen) > 1

    job_class = job('Seen', Check=check, Run=lambda self, *args, **kwargs: seen.append(('run', args, kwargs)))
    run_attempt(job_class, 1, 'two', function='x', report=None, job='y')
    assert seen == [(phase, (1, 'two'), {'function': 'x', 'job': 'y'}) for phase in ('check', 'run', 'check')]


def test_only_the_phases_of_one_attempt_share_its_storage():
    storages = []

    def check(self):
        storages.append(self.storage)
        raise ValueError

    job_class = job('Keeps', Check=check, Run=lambda self: storages.append(self.storage))
    run_attempt(job_class)
    run_attempt(job_class)
    first, second = storages[:3], storages[3:]
    assert all(storage is first[0] for storage in first)
    assert all(storage is second[0] for storage in second)
    assert first[0] is not second[0]


def test_a_job_finds_the_global_storage_of_the_run():
    shared = {'from': 'another'}
    outcome = run_attempt(job('Reads', Check=lambda self: self.global_storage), global_storage=shared)
    assert outcome.result is shared


def test_init_may_use_the_storages_without_calling_super():
    def init(self):
        self.storage['made'] = True
        self.global_storage['made'] = True

    shared = {}
    outcome = run_attempt(job('Made', __init__=init, Check=lambda self: self.storage), global_storage=shared)
    assert outcome.result == {'made': True}
    assert shared == {'made': True}


def test_init_cannot_replace_the_global_storage():
    def init(self):
        self.global_storage = {}

    shared = {}
    run_attempt(
        job('Made', __init__=init, Check=lambda self: self.global_storage.update(seen=True)), global_storage=shared
    )
    assert shared == {'seen': True}


def test_the_storages_are_set_on_an_instance_that_a_new_of_the_class_creates():
    made = job('Made', __new__=lambda cls: object.__new__(cls), Check=lambda self: (self.storage, self.global_storage))
    assert run_attempt(made).result == ({}, {})


@pytest.mark.parametrize('error', [ValueError('no'), SystemExit(3)])
def test_an_init_that_raises_fails_the_attempt(error):
    def init(self):
        raise error

    phases, outcome = phases_of(changing('Unmade', __init__=init))
    assert phases == [('check', False)]
    assert outcome[:4] == (State.FAILED, 1, None, error)


@pytest.mark.parametrize('phase', ['check', 'run', 'recheck'])
def test_system_exit_in_a_hook_fails_the_phase(phase):
    def leave(self):
        self.storage['count'] = self.storage.get('count', 0) + 1
        if (self.storage['count'], phase) in [(1, 'check'), (2, 'run'), (3, 'recheck')]:
            raise SystemExit(1)
        if self.storage['count'] == 1:
            raise ValueError

    phases, outcome = phases_of(job('Leaves', Check=leave, Run=leave))
    assert (phase, False) in phases
    assert outcome.state is (State.FAILED if phase == 'recheck' else State.CHANGED)


@pytest.mark.parametrize('interrupt', [KeyboardInterrupt(), GeneratorExit(), type('Stop', (BaseException,), {})()])
@pytest.mark.parametrize('phase', ['init', 'check', 'run', 'recheck'])
def test_an_interrupt_in_a_hook_ends_the_attempt_with_that_phase(interrupt, phase):
    def step(self, name):
        if name == phase:
            raise interrupt
        if name == 'check':
            raise ValueError

    def check(self):
        step(self, 'recheck' if self.storage else 'check')

    def run(self):
        self.storage['ran'] = True
        step(self, 'run')

    phases, outcome = phases_of(job('Hit', __init__=lambda self: step(self, 'init'), Check=check, Run=run))
    assert outcome[:4] == (State.FAILED, 1, None, interrupt)
    assert [name for name, _ in phases][-1] == ('check' if phase == 'init' else phase)


def test_with_no_act_run_is_not_called():
    phases, outcome = phases_of(changing('Changes'), no_act=True)
    assert phases == [('check', False)]
    assert outcome.state is State.WOULD_RUN
    assert isinstance(outcome.exception, ValueError)


def test_with_no_act_an_interrupted_job_has_failed():
    _, outcome = phases_of(changing('Hit', Check=raising(KeyboardInterrupt())), no_act=True)
    assert outcome.state is State.FAILED


def test_with_no_act_a_job_whose_init_raises_has_failed():
    engine = run_engine(changing('Unmade', __init__=raising(ValueError())), no_act=True)
    assert engine.outcomes['Unmade'].state is State.FAILED


def test_with_no_act_a_job_without_run_has_failed():
    engine = run_engine(job('CheckOnly', Check=lambda self: 1 / 0), no_act=True)
    assert engine.outcomes['CheckOnly'].state is State.FAILED


class TouchyError(Exception):
    def with_traceback(self, tb):
        raise TypeError('not this one')


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    why: str


class TestOddClasses:
    def sets_nothing_but_storages(self, name, value):
        if 'storage' not in name:
            raise AttributeError(name)
        object.__setattr__(self, name, value)

    @pytest.mark.parametrize(
        'members',
        [
            {'Run': property(raising(OSError()))},
            {'Run': property(raising(SystemExit()))},
            {'__getattr__': raising(KeyError())},
            {'__setattr__': sets_nothing_but_storages},
            {'Check': raising(TouchyError())},
            {'Check': raising(FrozenError('no'))},
        ],
        ids=['property', 'property that exits', 'getattr', 'setattr', 'with_traceback', 'frozen'],
    )
    def test_an_odd_class_fails_and_the_next_job_is_attempted(self, members):
        odd = failing('Odd', **members)
        if '__getattr__' in members:
            del odd.Run
        try:
            raise LookupError('of the script')
        except LookupError:
            attempter = Attempter(
                AttemptSettings((), {}, {}, False, partial(enter_directory, os.getcwd())), lambda job: None
            )
            states = [attempter.send((job_class, None)).state for job_class in (odd, job('Next'))]
        assert states == [State.FAILED, State.OK]

    def test_an_error_in_a_run_property_is_reported_by_the_run_phase(self):
        error, errors = OSError(), {}
        run_attempt(
            failing('Odd', Run=property(raising(error))),
            report=lambda report: errors.update({report.phase: report.error}),
        )
        assert errors['run'] is error


class TestRunonlyJob:
    def test_the_return_value_of_run_is_the_result_of_a_runonly_job(self):
        phases, outcome = phases_of(type('Runs', (RunonlyJob,), {'Run': lambda self: 'result'}))
        assert phases == [('check', False), ('run', True), ('recheck', True)]
        assert outcome[:4] == (State.CHANGED, 1, 'result', None)

    def test_an_error_in_run_fails_a_runonly_job(self):
        error = ValueError('no')

        def run(self):
            raise error

        phases, outcome = phases_of(type('Fails', (RunonlyJob,), {'Run': run}))
        assert phases == [('check', False), ('run', False), ('recheck', False)]
        assert outcome[:4] == (State.FAILED, 1, None, error)

    def test_the_first_check_of_a_runonly_job_fails_with_the_published_message(self):
        _, outcome = phases_of(type('Runs', (RunonlyJob,), {'Run': lambda self: None}), no_act=True)
        assert outcome.state is State.WOULD_RUN
        assert isinstance(outcome.exception, RuntimeError)
        assert str(outcome.exception) == 'Runonly node check intentionally fails first time.'

    def test_a_check_defined_by_a_runonly_job_decides(self):
        def check(self):
            if 'ran' not in self.storage:
                raise ValueError
            return 'checked'

        def run(self):
            self.storage['ran'] = True
            return 'ran'

        _, outcome = phases_of(type('Checks', (RunonlyJob,), {'Check': check, 'Run': run}))
        assert (outcome.state, outcome.result) == (State.CHANGED, 'checked')


class TestDummyJob:
    def test_a_dummy_job_passes(self):
        phases, outcome = phases_of(type('Group', (DummyJob,), {}))
        assert phases == [('check', True)]
        assert outcome[:4] == (State.OK, 1, None, None)

    def test_hooks_defined_by_a_dummy_job_are_called(self):
        job_class = changing('Mine')
        _, outcome = phases_of(type('Group', (DummyJob,), {'Check': job_class.Check, 'Run': job_class.Run}))
        assert outcome.state is State.CHANGED


class TestDirectory:
    def test_every_phase_starts_in_the_directory_of_the_run(self, tmp_path):
        os.chdir(tmp_path)
        seen = []

        def step(self):
            seen.append(os.getcwd())
            os.chdir('/')
            assert len(seen) == 3

        run_attempt(job('Moves', Check=step, Run=step))
        assert seen == [str(tmp_path)] * 3

    def test_a_phase_fails_if_the_directory_no_longer_exists(self, tmp_path):
        (tmp_path / 'home').mkdir()
        os.chdir(tmp_path / 'home')

        def check(self):
            os.rmdir(tmp_path / 'home')
            raise ValueError

        calls = []
        phases, outcome = phases_of(
            job('Removes', Check=check, Run=lambda self: calls.append('run')), directory=os.getcwd()
        )
        assert phases == [('check', False), ('run', False), ('recheck', False)]
        assert isinstance(outcome.exception, FileNotFoundError)
        assert calls == []

    def test_phases_fail_if_the_run_started_in_a_directory_that_does_not_exist(self):
        settings = AttemptSettings((), {}, {}, False, partial(enter_directory, None))
        outcome = Attempter(settings, lambda job: None).send((job('Fine'), None))
        assert isinstance(outcome.exception, FileNotFoundError)
        assert outcome.exception.errno == errno.ENOENT
        assert outcome.exception.strerror == 'the directory in which the run started does not exist'


class TestStoredExceptions:
    @pytest.mark.parametrize('base', [Job, RunonlyJob])
    def test_the_traceback_of_a_stored_exception_begins_at_the_jobs_own_frame(self, base):
        def own(self):
            raise ValueError

        _, outcome = phases_of(type('Broken', (base,), {'Run' if base is RunonlyJob else 'Check': own}))
        assert [frame.name for frame in traceback.extract_tb(outcome.exception.__traceback__)] == ['own']

    @pytest.mark.parametrize(
        ('module', 'is_kept'),
        [
            ('dojobber', False),
            ('dojobber._run.runner', False),
            ('dojobber.jobsite', False),
            ('dojobber.jobs', True),
            ('dojobber.jobs.files', True),
            ('dojobber_example', True),
            (None, True),
        ],
    )
    def test_only_frames_of_the_engine_are_stripped_and_those_of_ready_made_jobs_are_not(self, module, is_kept):
        def own():
            raise ValueError

        code = 'def check(self):\n    own()\n'
        members = {'own': own, '__name__': module}
        exec(code, members)
        _, outcome = phases_of(job('Broken', Check=members['check']))
        names = [frame.name for frame in traceback.extract_tb(outcome.exception.__traceback__)]
        assert names == (['check', 'own'] if is_kept else ['own'])

    def test_no_stored_exception_is_chained_to_the_one_that_the_script_is_handling(self):
        errors = {}
        try:
            raise LookupError('of the script')
        except LookupError:
            run_attempt(
                job('Broken', Check=raising(ValueError()), Run=raising(OSError())),
                report=lambda report: errors.update({report.phase: report.error.__context__}),
            )
        assert errors == dict.fromkeys(['check', 'run', 'recheck'])

    def test_a_stored_exception_stays_chained_to_the_one_that_the_job_was_handling(self):
        cause, effect = KeyError(), ValueError()

        def check(self):
            try:
                raise cause
            except KeyError:
                raise effect from None

        try:
            raise LookupError('of the script')
        except LookupError:
            run_attempt(job('Broken', Check=check))
        assert effect.__context__ is cause
        assert cause.__context__ is None

    def test_a_stored_exception_is_not_chained_to_those_of_other_phases(self):
        _, outcome = phases_of(failing('Broken'))
        assert outcome.exception.__context__ is None


def test_no_cleanup_is_pending_if_run_was_not_called():
    pending = []
    run_attempt(job('Passes', Cleanup=lambda self: None), on_run_started=pending.append)
    run_attempt(job('NoRun', Check=lambda self: 1 / 0, Cleanup=lambda self: None), on_run_started=pending.append)
    run_attempt(failing('NoAct', Cleanup=lambda self: None), on_run_started=pending.append, no_act=True)
    assert pending == []


class TestAttempterPool:
    def pool(self, global_storage=None):
        storage = {} if global_storage is None else global_storage
        return AttempterPool(AttemptSettings((), {}, storage, False, lambda: None))

    def test_a_pool_returns_the_outcome_the_reports_and_the_pending_cleanup(self):
        outcome, reports, pending, worker = self.pool()(changing('Changed', Cleanup=lambda self: None), True)
        assert outcome.state is State.CHANGED
        assert [(report.phase, report.error is None) for report in reports] == [
            ('check', False),
            ('run', True),
            ('recheck', True),
        ]
        assert [report.seconds for report in reports] == list(outcome.phases.values())
        assert pending.storage == {'ran': True}
        assert worker == threading.current_thread().name

    def test_a_pool_returns_no_reports_if_none_are_wanted(self):
        assert self.pool()(changing('Changed'), False).reports == []

    def test_only_attempts_whose_run_was_called_have_a_pending_cleanup(self):
        pool = self.pool()
        job_classes = [cleaning('Runs'), job('Passes', Cleanup=lambda self: None), changing('None'), cleaning('Again')]
        pending = [pool(job_class, False).pending_cleanup for job_class in job_classes]
        assert [type(instance).__name__ for instance in pending] == ['Runs', 'NoneType', 'NoneType', 'Again']

    def test_a_pool_returns_an_interrupt_together_with_the_pending_cleanup(self):
        interrupt = KeyboardInterrupt()

        def run(self):
            raise interrupt

        pool = self.pool()
        outcome, reports, pending, _ = pool(cleaning('Hit', Run=run), True)
        assert (outcome.state, outcome.exception) == (State.FAILED, interrupt)
        assert [phase for phase, *_ in reports] == ['check', 'run']
        assert type(pending).__name__ == 'Hit'
        assert pool(job('Next'), True).outcome.state is State.OK

    def test_a_pool_and_an_attempter_that_were_used_can_be_pickled(self):
        pool = self.pool()
        pool(job('Fine'), False)
        assert isinstance(pickle.loads(pickle.dumps(pool)), AttempterPool)
        attempter = Attempter(AttemptSettings((), {}, {}, False, lambda: None), lambda job: None)
        attempter.send((job('Fine'), None))
        assert isinstance(pickle.loads(pickle.dumps(attempter)), Attempter)

    def test_attempts_on_several_threads_do_not_disturb_each_other(self):
        together, shared = Barrier(8), {}

        def check(self):
            together.wait(20)
            self.storage['checks'] = self.storage.get('checks', 0) + 1
            assert self.storage['checks'] == 2
            assert self.global_storage is shared
            return id(self.storage)

        pool = self.pool(shared)
        job_class = job('Together', Check=check, Run=lambda self: together.wait(20), Cleanup=lambda self: None)
        with ThreadPoolExecutor(8) as executor:
            results = list(executor.map(pool, [job_class] * 16, [True] * 16))
        assert [result.outcome.exception for result in results] == [None] * 16
        assert len({id(result.pending_cleanup) for result in results}) == 16
        assert {result.outcome.result for result in results} == {
            id(result.pending_cleanup.storage) for result in results
        }
        assert all([phase for phase, *_ in result.reports] == ['check', 'run', 'recheck'] for result in results)
