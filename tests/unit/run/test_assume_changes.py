"""With ``assume_changes``, a dry run checks what depends on Jobs that would run, assuming that these pass."""

from __future__ import annotations

import io
import threading

import pytest
from support.factories import changing, failing, job, make_engine, run_engine, stderr_lines

from dojobber import DummyJob, EventKind, GiveUp, JobsFailedError, Outcome, PlanError, RunonlyJob, Skip, State


def dry_run(root, **options):
    return run_engine(root, **{'no_act': True, 'assume_changes': True, **options})


def states(engine):
    return {name: outcome.state for name, outcome in engine.outcomes.items()}


def blocked_by(engine):
    return {name: outcome.blocked_by for name, outcome in engine.outcomes.items() if outcome.blocked_by}


def raising(name, error, deps=(), **members):
    """Return a Job without Run whose Check raises ``error``."""

    def check(self):
        raise error

    return job(name, deps, Check=check, **members)


def checking(name, deps=(), **members):
    """Return a Job without Run whose Check fails."""
    return raising(name, ValueError(f'{name} is missing'), deps, **members)


def group(name, deps):
    return type(name, (DummyJob,), {'DEPS': deps})


def once(name, deps=()):
    def run(self):
        raise AssertionError('Run was called in a dry run')

    return type(name, (RunonlyJob,), {'DEPS': deps, 'Run': run})


@pytest.mark.parametrize('no_act', [False, 0, None])
def test_it_is_refused_without_no_act_and_the_engine_is_unchanged(no_act):
    engine = run_engine(job('Before'))
    outcomes = engine.outcomes
    with pytest.raises(PlanError, match=r'^assume_changes can be used only with no_act$') as caught:
        engine.configure(job('After'), no_act=no_act, assume_changes=True)
    assert caught.value.culprit == 'assume_changes'
    assert engine.outcomes is outcomes
    engine.checknrun()
    assert list(engine.outcomes) == ['Before']


def test_without_it_a_dry_run_stops_below_a_job_that_would_run(way):
    root = job('Root', [changing('Above', [changing('Change')])])
    engine = run_engine(root, no_act=True, **way)
    assert states(engine) == {'Change': State.WOULD_RUN, 'Above': State.BLOCKED, 'Root': State.BLOCKED}
    assert engine.outcomes['Above'].tries == 0
    assert blocked_by(engine) == {'Above': ('Change',), 'Root': ('Above',)}


def test_a_dependent_whose_check_fails_would_run_and_names_the_assumed_changes(way):
    one, other, fine = changing('One'), failing('Other'), job('Fine')
    engine = dry_run(failing('Root', [fine, other, one]), **way)
    outcome = engine.outcomes['Root']
    assert (outcome.state, outcome.tries, outcome.blocked_by) == (State.WOULD_RUN, 1, ('Other', 'One'))
    assert str(engine.nodeexceptions['Root']) == 'Root is not done'
    assert engine.nodestatus == {'Fine': True, 'Other': False, 'One': False, 'Root': False}


def test_a_job_that_would_run_anyway_is_blocked_by_nothing(way):
    engine = dry_run(changing('Root', [job('Fine')]), **way)
    assert (engine.outcomes['Root'].state, engine.outcomes['Root'].blocked_by) == (State.WOULD_RUN, ())


def test_a_dependent_whose_check_passes_is_ok_and_blocked_by_nothing(way):
    engine = dry_run(job('Root', [changing('Change')]), **way)
    outcome = engine.outcomes['Root']
    assert (outcome.state, outcome.tries, outcome.blocked_by) == (State.OK, 1, ())
    assert not engine.success()
    assert engine.partial_success()


def test_a_dry_run_in_which_every_check_passes_succeeds(way):
    assert dry_run(job('Root', [job('Fine')]), **way).success()


def test_nothing_is_ever_run(way):
    events = []
    changes = [changing(name, Cleanup=lambda self: 1 / 0) for name in ('A', 'B')]
    root = changing('Root', [*changes, once('Once', [changes[0]]), checking('Check', changes)], TRIES=9)
    engine = dry_run(root, listeners=[events.append], **way)
    kinds = {event.kind for event in events if event.job}
    assert kinds == {EventKind.ATTEMPT_STARTED, EventKind.CHECK, EventKind.ATTEMPT_FINISHED}
    assert {outcome.tries for outcome in engine.outcomes.values()} == {1}
    assert all(set(outcome.phases) == {'check'} for outcome in engine.outcomes.values())


def test_a_dependent_without_a_run_whose_check_fails_is_blocked_after_one_attempt(way):
    engine = dry_run(job('Root', [checking('Check', [changing('Change')])]), **way)
    outcome = engine.outcomes['Check']
    assert (outcome.state, outcome.tries, outcome.blocked_by) == (State.BLOCKED, 1, ('Change',))
    assert str(outcome.exception) == 'Check is missing'
    assert engine.nodestatus['Check'] is None
    assert 'Check' not in engine.noderesults


def test_the_dependents_of_a_check_that_proves_nothing_are_checked_too(way):
    check = checking('Check', [changing('Change')])
    root = job('Root', [changing('Above', [check]), checking('Second', [check]), job('Fine', [check])])
    engine = dry_run(root, **way)
    assert states(engine) == {
        'Change': State.WOULD_RUN,
        'Check': State.BLOCKED,
        'Above': State.WOULD_RUN,
        'Second': State.BLOCKED,
        'Fine': State.OK,
        'Root': State.OK,
    }
    assert blocked_by(engine) == {'Check': ('Change',), 'Above': ('Check',), 'Second': ('Check',)}
    assert all(outcome.tries == 1 for outcome in engine.outcomes.values())


def test_a_check_without_a_run_that_depends_on_no_change_has_failed_and_blocks(way):
    engine = dry_run(job('Root', [job('Above', [checking('Check', [job('Fine')])])]), **way)
    assert states(engine)['Check'] is State.FAILED
    assert engine.outcomes['Above'] == Outcome(State.BLOCKED, blocked_by=('Check',))
    assert engine.outcomes['Root'] == Outcome(State.BLOCKED, blocked_by=('Above',))


def test_a_job_below_a_failed_and_an_assumed_one_is_blocked_by_the_failed_one_only(way):
    root = job('Root', [changing('Change'), checking('Broken')])
    engine = dry_run(root, **way)
    assert engine.outcomes['Root'] == Outcome(State.BLOCKED, blocked_by=('Broken',))


@pytest.mark.parametrize('between', [group, job])
def test_a_job_that_passes_in_between_does_not_make_a_change_certain(between, way):
    inner = between('Inner', [changing('Change'), job('Fine')])
    root = job('Root', [changing('Above', [between('Outer', [inner])]), checking('Check', [inner])])
    engine = dry_run(root, **way)
    assert states(engine)['Outer'] is State.OK
    assert states(engine)['Above'] is State.WOULD_RUN
    assert states(engine)['Check'] is State.BLOCKED
    assert blocked_by(engine) == {'Above': ('Outer',), 'Check': ('Inner',)}


def test_assumed_dependencies_are_named_instead_of_those_that_depend_on_one(way):
    change = changing('Change')
    engine = dry_run(changing('Root', [group('Group', [change]), change]), **way)
    assert engine.outcomes['Root'].blocked_by == ('Change',)


def test_a_group_without_changes_is_not_named(way):
    root = changing('Root', [group('Certain', [job('Fine')]), group('Uncertain', [changing('Change')])])
    assert dry_run(root, **way).outcomes['Root'].blocked_by == ('Uncertain',)


def test_a_runonly_job_would_run_and_names_the_assumed_changes(way):
    engine = dry_run(once('Second', [once('First')]), **way)
    assert states(engine) == {'First': State.WOULD_RUN, 'Second': State.WOULD_RUN}
    assert blocked_by(engine) == {'Second': ('First',)}


def test_a_job_that_gives_up_has_failed_and_blocks_although_it_depends_on_changes(way):
    root = job('Root', [raising('Tired', GiveUp('no disk'), [changing('Change')], Run=lambda self: None)])
    engine = dry_run(root, **way)
    outcome = engine.outcomes['Tired']
    assert (outcome.state, outcome.tries, outcome.blocked_by) == (State.FAILED, 1, ())
    assert str(engine.nodeexceptions['Tired']) == 'no disk'
    assert engine.outcomes['Root'] == Outcome(State.BLOCKED, blocked_by=('Tired',))


def test_a_job_that_skips_itself_is_skipped_and_its_dependents_stay_uncertain(way):
    skipping = raising('Skipping', Skip('not here'), [changing('Change')])
    engine = dry_run(changing('Root', [skipping]), **way)
    assert (engine.outcomes['Skipping'].state, engine.outcomes['Skipping'].blocked_by) == (State.SKIPPED, ())
    assert engine.outcomes['Root'].blocked_by == ('Skipping',)


def test_an_init_that_fails_after_assumed_changes_proves_nothing(way):
    def init(self):
        raise OSError('no configuration file')

    engine = dry_run(job('Root', [job('Configured', [changing('Change')], __init__=init)]), **way)
    outcome = engine.outcomes['Configured']
    assert (outcome.state, outcome.tries, outcome.blocked_by) == (State.BLOCKED, 1, ('Change',))
    assert engine.outcomes['Root'].state is State.OK


def test_an_exit_in_a_check_after_assumed_changes_is_a_failed_check(way):
    engine = dry_run(job('Root', [raising('Exits', SystemExit(3), [changing('Change')])]), **way)
    assert states(engine)['Exits'] is State.BLOCKED
    assert states(engine)['Root'] is State.OK


def test_an_interrupted_check_has_failed_and_what_was_not_reached_is_not_run():
    check = raising('Check', KeyboardInterrupt('enough'), [changing('Change')])
    engine = make_engine(job('Root', [check, job('Later', [changing('Last')])]), no_act=True, assume_changes=True)
    with pytest.raises(KeyboardInterrupt, match='enough'):
        engine.checknrun()
    assert states(engine) == {
        'Change': State.WOULD_RUN,
        'Check': State.FAILED,
        'Last': State.NOT_RUN,
        'Later': State.NOT_RUN,
        'Root': State.BLOCKED,
    }
    assert engine.outcomes['Check'].blocked_by == ()


def test_a_job_above_an_assumed_change_that_an_interrupt_kept_from_its_check_is_not_run():
    change = changing('Change')
    interrupted = raising('Interrupted', KeyboardInterrupt(), [change])
    engine = make_engine(group('Root', [interrupted, job('Next', [change])]), no_act=True, assume_changes=True)
    with pytest.raises(KeyboardInterrupt):
        engine.checknrun()
    assert engine.outcomes['Next'] == Outcome(State.NOT_RUN)
    assert engine.nodestatus['Next'] is None


def test_a_job_above_an_assumed_change_and_an_interrupted_check_is_blocked_by_the_latter():
    change = changing('Change')
    interrupted = raising('Interrupted', KeyboardInterrupt(), [change])
    last = job('Last', [interrupted, change])
    engine = make_engine(job('Root', [last]), no_act=True, assume_changes=True, max_workers=2)
    with pytest.raises(KeyboardInterrupt):
        engine.checknrun()
    assert engine.outcomes['Last'] == Outcome(State.BLOCKED, blocked_by=('Interrupted',))


def test_with_fail_fast_neither_a_change_nor_a_check_that_proves_nothing_ends_the_run(way):
    change = changing('Change')
    root = job('Root', [checking('Check', [change]), failing('Above', [change]), job('Last')])
    engine = dry_run(root, fail_fast=True, **way)
    assert states(engine) == {
        'Change': State.WOULD_RUN,
        'Check': State.BLOCKED,
        'Above': State.WOULD_RUN,
        'Last': State.OK,
        'Root': State.OK,
    }


def test_with_fail_fast_a_failed_job_ends_the_run():
    root = job('Root', [changing('Change'), checking('Broken'), job('Last')])
    engine = dry_run(root, fail_fast=True)
    assert states(engine) == {
        'Change': State.WOULD_RUN,
        'Broken': State.FAILED,
        'Last': State.NOT_RUN,
        'Root': State.BLOCKED,
    }
    assert engine.outcomes['Root'].blocked_by == ('Broken',)


def test_with_fail_fast_a_job_above_an_assumed_change_that_was_not_reached_is_not_run():
    change = changing('Change')
    engine = dry_run(group('Root', [change, checking('Broken'), job('Above', [change])]), fail_fast=True)
    assert engine.outcomes['Above'] == Outcome(State.NOT_RUN)


def test_only_the_subgraph_is_checked(way):
    part = changing('Part', [changing('Change')])
    engine = dry_run(job('Root', [part, checking('Elsewhere')]), node='Part', **way)
    assert states(engine) == {'Change': State.WOULD_RUN, 'Part': State.WOULD_RUN}
    assert engine.outcomes['Part'].blocked_by == ('Change',)


def test_every_run_assumes_anew():
    is_done = []

    def check(self):
        if not is_done:
            raise ValueError('not done')

    change = job('Change', Check=check, Run=lambda self: None)
    engine = dry_run(changing('Root', [change]))
    is_done.append(True)
    engine.checknrun()
    assert (engine.outcomes['Change'].state, engine.outcomes['Root'].blocked_by) == (State.OK, ())


def test_the_next_configure_is_without_it():
    root = changing('Root', [changing('Change')])
    engine = dry_run(root)
    engine.configure(root, no_act=True)
    engine.checknrun()
    assert engine.outcomes['Root'] == Outcome(State.BLOCKED, blocked_by=('Change',))


def test_raise_for_failure_lists_the_jobs_that_would_run_and_counts_the_others():
    change = changing('Change')
    engine = dry_run(job('Root', [failing('Above', [change]), checking('Check', [change])]))
    with pytest.raises(JobsFailedError) as caught:
        engine.raise_for_failure()
    assert caught.value.culprit == ('Change', 'Above')
    lines = str(caught.value).splitlines()
    assert lines == [
        '1 blocked, 2 would run, of 4 Jobs',
        'Change: Change is not done',
        'Above: Above is not done',
    ]


def test_verbose_prints_a_line_for_each_check(way):
    change = changing('Change')
    root = job('Root', [checking('Check', [change])])
    lines = stderr_lines(dry_run, root, verbose=True, **way)
    assert lines == ['Change.check: fail', 'Check.check: fail', 'Root.check: pass']


def test_the_graph_colors_what_would_run_red_and_what_passes_green():
    graph = dry_run(job('Root', [failing('Above', [changing('Change')])])).graph
    assert ('color', 'red') in graph.node_attributes('Change')
    assert ('color', 'red') in graph.node_attributes('Above')
    assert ('color', 'green') in graph.node_attributes('Root')


def test_pictures_show_what_would_run_and_what_is_blocked():
    engine = dry_run(job('Root', [checking('Check', [changing('Change')])]))
    stream = io.BytesIO()
    engine.write_graph(stream, 'mermaid')
    text = stream.getvalue().decode()
    classes = {line.split('"')[1]: line.rpartition(':::')[2] for line in text.splitlines() if ':::' in line}
    assert classes == {'Change': 'would_run', 'Check': 'blocked', 'Root': 'passed_at_the_first_check'}


def test_the_repr_counts_the_states():
    engine = dry_run(job('Root', [checking('Check', [changing('Change')])]))
    assert repr(engine) == '<DoJobber Root: 3 jobs: 1 ok, 1 blocked, 1 would run>'


def test_a_long_chain_of_assumed_changes_is_checked():
    leaf = changing('Leaf')
    for number in range(2000):
        leaf = changing(f'Change{number}', [leaf])
    engine = dry_run(leaf)
    assert set(states(engine).values()) == {State.WOULD_RUN}
    assert engine.outcomes['Change1999'].blocked_by == ('Change1998',)


def test_a_check_that_proves_nothing_is_not_in_nodeexceptions(way):
    root = job('Root', [checking('Check', [changing('Change')])])
    engine = run_engine(root, no_act=True, assume_changes=True, **way)
    assert list(engine.nodeexceptions) == ['Change']
    assert isinstance(engine.outcomes['Check'].exception, ValueError)


def test_a_job_that_cannot_be_sent_has_failed_although_it_depends_on_changes(processes):
    unsendable = job('Unsendable', [changing('Change')], lock=threading.Lock())
    engine = run_engine(job('Root', [unsendable]), no_act=True, assume_changes=True, executor=processes)
    assert engine.outcomes['Unsendable'].state is State.FAILED
    assert engine.outcomes['Root'] == Outcome(State.BLOCKED, blocked_by=('Unsendable',))
