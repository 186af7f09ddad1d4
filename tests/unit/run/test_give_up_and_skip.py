"""A Job that gives up fails for good, and one that skips itself counts as passed, in every way of running."""

from __future__ import annotations

import io
import threading

import pytest
from support.factories import changing, job, run_engine, stderr_lines

from dojobber import DoJobber, EventKind, GiveUp, Job, Outcome, RunonlyJob, Skip, State


class CustomGiveUp(GiveUp):
    """A GiveUp with an attribute that cannot be pickled."""

    def __init__(self, message):
        super().__init__(message)
        self.lock = threading.Lock()


class CustomSkip(Skip):
    """A Skip with an attribute that cannot be pickled."""

    def __init__(self, message):
        super().__init__(message)
        self.lock = threading.Lock()


PHASES = ['init', 'check', 'run', 'recheck', 'runonly']


def raising_job(phase, error, **members):
    """Return a Job that raises ``error`` in one phase, and notes in ``global_storage`` how often each was called."""

    def note(self, called):
        self.global_storage[called] = self.global_storage.get(called, 0) + 1

    def init(self):
        note(self, 'init')
        if phase == 'init':
            raise error

    def check(self):
        called = 'recheck' if self.storage else 'check'
        self.storage['checked'] = True
        note(self, called)
        if called == phase:
            raise error
        raise ValueError('not done')

    def run(self):
        note(self, 'run')
        if phase in ('run', 'runonly'):
            raise error

    members = {'__init__': init, 'Check': check, 'Run': run, 'TRIES': 3, **members}
    if phase == 'runonly':
        del members['Check']
    return type('Raising', (RunonlyJob if phase == 'runonly' else Job,), members)


CALLS = {
    'init': {'init': 1},
    'check': {'init': 1, 'check': 1},
    'run': {'init': 1, 'check': 1, 'run': 1},
    'recheck': {'init': 1, 'check': 1, 'run': 1, 'recheck': 1},
    'runonly': {'init': 1, 'run': 1},
}


@pytest.mark.parametrize('phase', PHASES)
def test_a_job_that_gives_up_has_failed_and_is_not_attempted_again(phase, way):
    engine = run_engine(job('Root', [raising_job(phase, GiveUp('no disk'))]), **way)
    outcome = engine.outcomes['Raising']
    assert (outcome.state, outcome.tries, outcome.result) == (State.FAILED, 1, None)
    assert type(outcome.exception) is GiveUp
    assert str(engine.nodeexceptions['Raising']) == 'no disk'
    assert engine.outcomes['Root'] == Outcome(State.BLOCKED, blocked_by=('Raising',))
    assert not engine.success()


@pytest.mark.parametrize('phase', PHASES)
def test_a_job_that_skips_itself_counts_as_passed_and_its_dependents_go_on(phase, way):
    engine = run_engine(job('Root', [raising_job(phase, Skip('not here'))]), **way)
    outcome = engine.outcomes['Raising']
    assert (outcome.state, outcome.tries, outcome.result) == (State.SKIPPED, 1, None)
    assert type(outcome.exception) is Skip
    assert str(outcome.exception) == 'not here'
    assert engine.nodestatus == {'Raising': True, 'Root': True}
    assert engine.noderesults == {'Raising': None, 'Root': None}
    assert engine.nodeexceptions == {}
    assert engine.success()


@pytest.mark.parametrize('error', [GiveUp('why'), Skip('why')])
@pytest.mark.parametrize('phase', PHASES)
def test_no_hook_is_called_after_one_has_given_up_or_skipped(phase, error):
    seen = {}
    last = job('Last', Check=lambda self: seen.update(self.global_storage))
    engine = DoJobber()
    engine.configure(job('Root', [raising_job(phase, error), last]), default_retry_delay=0)
    engine.checknrun()
    assert seen == CALLS[phase]


@pytest.mark.parametrize(('kind', 'state'), [(CustomGiveUp, State.FAILED), (CustomSkip, State.SKIPPED)])
def test_a_subclass_counts_even_if_it_cannot_be_pickled(kind, state, way):
    def check(self):
        raise kind('odd')

    engine = run_engine(job('Odd', Check=check, Run=lambda self: None, TRIES=3), **way)
    outcome = engine.outcomes['Odd']
    assert (outcome.state, outcome.tries) == (state, 1)
    assert isinstance(outcome.exception, kind.__base__)
    assert 'odd' in str(outcome.exception)


def test_a_job_can_give_up_in_a_later_attempt(way):
    def check(self):
        attempts = self.global_storage[0] = self.global_storage.get(0, 0) + 1
        if attempts > 2:
            raise GiveUp('enough')
        raise ValueError('not done')

    engine = run_engine(job('Tired', Check=check, TRIES=9), **way)
    assert engine.outcomes['Tired'].tries == 2
    assert str(engine.nodeexceptions['Tired']) == 'enough'


@pytest.mark.parametrize('phase', ['init', 'check'])
def test_with_no_act_a_job_that_gives_up_has_failed_and_would_not_run(phase, way):
    engine = run_engine(raising_job(phase, GiveUp('cannot tell')), no_act=True, **way)
    assert engine.outcomes['Raising'].state is State.FAILED


@pytest.mark.parametrize('phase', ['init', 'check'])
def test_with_no_act_a_job_that_skips_itself_is_skipped(phase, way):
    engine = run_engine(raising_job(phase, Skip('not here')), no_act=True, **way)
    assert engine.outcomes['Raising'].state is State.SKIPPED
    assert engine.success()


@pytest.mark.parametrize('error', [GiveUp('why'), Skip('why')])
def test_the_cleanup_of_a_job_that_gives_up_or_skips_itself_in_run_is_called(error, way):
    called = []
    run_engine(raising_job('run', error, Cleanup=lambda self: called.append(dict(self.storage))), **way)
    assert called == [{'checked': True}]


@pytest.mark.parametrize('error', [GiveUp('why'), Skip('why')])
def test_what_run_raised_is_in_run_exception_too(error, way):
    outcome = run_engine(raising_job('run', error), **way).outcomes['Raising']
    assert type(outcome.run_exception) is type(error)


@pytest.mark.parametrize(
    ('phase', 'lines'),
    [
        ('init', ['check: {} "why\\nnot"']),
        ('check', ['check: {} "why\\nnot"']),
        ('run', ['check: fail', 'run: {} "why\\nnot"']),
        ('recheck', ['check: fail', 'run: pass', 'recheck: {} "why\\nnot"']),
        ('runonly', ['check: fail', 'run: {} "why\\nnot"']),
    ],
)
@pytest.mark.parametrize(('error', 'verdict'), [(GiveUp('why\nnot'), 'give up'), (Skip('why\nnot'), 'skip')])
def test_verbose_says_where_a_job_gives_up_or_skips_itself_and_why(phase, lines, error, verdict, way):
    printed = stderr_lines(run_engine, raising_job(phase, error), verbose=True, **way)
    assert printed == [f'Raising.{line.format(verdict)}' for line in lines]


def test_debug_shows_the_traceback_of_a_give_up_but_not_of_a_skip():
    gave_up = stderr_lines(run_engine, raising_job('check', GiveUp('why')), debug=True)
    assert gave_up[:2] == ['Raising.check: give up "why"', '  Traceback (most recent call last):']
    assert gave_up[-1] == '  dojobber.job.GiveUp: why'
    assert stderr_lines(run_engine, raising_job('check', Skip('why')), debug=True) == ['Raising.check: skip "why"']


def test_debug_shows_no_traceback_of_the_intended_failure_of_a_runonly_job(way):
    class Once(RunonlyJob):
        def Run(self):
            pass

    printed = stderr_lines(run_engine, Once, debug=True, **way)
    assert printed == ['Once.check: fail', 'Once.run: pass', 'Once.recheck: pass']


def test_debug_shows_the_traceback_of_another_runtime_error_with_that_text():
    def check(self):
        raise RuntimeError('Runonly node check intentionally fails', 'first time.')

    assert len(stderr_lines(run_engine, job('Other', Check=check, TRIES=1), debug=True)) > 3


@pytest.mark.parametrize('error', [GiveUp('why'), Skip('why')])
def test_events_hold_the_exception(error, way):
    events = []
    run_engine(raising_job('check', error), listeners=[events.append], **way)
    found = [(event.kind, type(event.exception)) for event in events if event.job]
    assert found == [
        (EventKind.ATTEMPT_STARTED, type(None)),
        (EventKind.CHECK, type(error)),
        (EventKind.ATTEMPT_FINISHED, type(error)),
    ]


def test_a_skip_or_give_up_in_a_cleanup_is_an_ordinary_error(way):
    def clean_up(self):
        raise Skip('too late')

    engine = DoJobber()
    engine.configure(changing('Late', Cleanup=clean_up), **way)
    with pytest.raises(Skip, match='too late'):
        stderr_lines(engine.checknrun)
    assert engine.outcomes['Late'].state is State.CHANGED


def test_the_graph_and_the_pictures_show_a_skipped_job():
    engine = run_engine(raising_job('check', Skip('not here')))
    assert ('color', 'green') in engine.graph.node_attributes('Raising')
    stream = io.BytesIO()
    engine.write_graph(stream, 'mermaid')
    text = stream.getvalue().decode()
    assert 'Raising<br/>not here' in text
    assert ':::skipped' in text
