"""The Jobs in ``skip`` of ``configure()`` are assumed to be done, whatever their dependencies do."""

from __future__ import annotations

import io
import json

import pytest
from support.factories import FakeClock, chain, changing, failing, job, make_engine, run_engine, stderr_lines

from dojobber import (
    ArgumentsError,
    DoJobber,
    DummyJob,
    EventKind,
    Job,
    JobsFailedError,
    Outcome,
    PlanError,
    RunonlyJob,
    State,
    UnknownJobError,
)
from dojobber._plan.plan import make_plan
from dojobber.cli.json_reporter import JsonReporter
from dojobber.cli.reporter import RunResult
from dojobber.cli.streams import Output

SKIPPED = Outcome(State.SKIPPED)


def attempted(engine):
    """Return the names of the Jobs that were attempted, in plan order."""
    return [name for name, outcome in engine.outcomes.items() if outcome.tries]


def unreachable(self, *args, **kwargs):
    raise AssertionError('a hook of a skipped Job was called')


def skippable(name, deps=(), **members):
    """Return a Job class that would fail for good in whichever hook is called first."""
    return job(name, deps, **{'__init__': unreachable, 'Check': unreachable, 'Run': unreachable, **members})


def test_a_skipped_job_is_not_attempted_and_counts_as_passed(way):
    engine = run_engine(job('Root', [skippable('Done')]), skip='Done', **way)
    assert engine.outcomes['Done'] == SKIPPED
    assert engine.nodestatus == {'Done': True, 'Root': True}
    assert engine.noderesults == {'Done': None, 'Root': None}
    assert engine.nodeexceptions == {}
    assert (engine.success(), engine.partial_success(), engine.failure()) == (True, True, False)
    engine.raise_for_failure()


@pytest.mark.parametrize(
    'skip_of',
    [
        lambda a, b: [a, b],
        lambda a, b: (a, 'B'),
        lambda a, b: {'A', 'B'},
        lambda a, b: frozenset([a, b]),
        lambda a, b: iter([a, 'B']),
        lambda a, b: (name for name in 'AB'),
        lambda a, b: {'A': 1, 'B': 2}.keys(),
        lambda a, b: ['A', a, 'A', b],
    ],
)
def test_jobs_to_skip_can_be_any_iterable_of_classes_and_names(skip_of):
    a, b = skippable('A'), skippable('B')
    engine = run_engine(job('Root', [a, b, job('C')]), skip=skip_of(a, b))
    assert [name for name, outcome in engine.outcomes.items() if outcome == SKIPPED] == ['A', 'B']
    assert attempted(engine) == ['C', 'Root']


def test_one_job_to_skip_can_be_given_as_class_or_name():
    done = skippable('Done')
    for skip in done, 'Done':
        assert attempted(run_engine(job('Root', [done]), skip=skip)) == ['Root']


def test_a_class_that_is_iterable_is_one_job_to_skip():
    class Listed(type):
        def __iter__(cls):
            return iter(['Root'])

    done = Listed('Done', (Job,), {'Check': unreachable})
    assert attempted(run_engine(job('Root', [done]), skip=done)) == ['Root']


@pytest.mark.parametrize('kind', [DummyJob, RunonlyJob])
def test_jobs_of_each_kind_can_be_skipped(kind, way):
    members = {} if kind is DummyJob else {'Run': unreachable}
    done = type('Done', (kind,), {'__init__': unreachable, **members})
    assert attempted(run_engine(job('Root', [done]), skip=done, **way)) == ['Root']


def test_dependents_of_a_skipped_job_go_on_even_if_its_dependency_fails(way):
    engine = run_engine(job('Root', [skippable('Done', [failing('Broken')])]), skip='Done', **way)
    assert engine.outcomes['Broken'].state is State.FAILED
    assert engine.outcomes['Done'] == SKIPPED
    assert engine.outcomes['Root'].state is State.OK
    assert not engine.success()
    with pytest.raises(JobsFailedError) as caught:
        engine.raise_for_failure()
    assert caught.value.culprit == ('Broken',)


def test_a_skipped_job_keeps_no_failure_from_its_other_dependents(way):
    broken = failing('Broken')
    done = skippable('Done', [broken])
    engine = run_engine(job('Root', [done, job('Blocked', [done, broken])]), skip=done, **way)
    assert engine.outcomes['Blocked'] == Outcome(State.BLOCKED, blocked_by=('Broken',))
    assert engine.outcomes['Root'] == Outcome(State.BLOCKED, blocked_by=('Blocked',))


def test_a_skipped_job_between_blocked_ones_is_not_blocked(way):
    blocked = job('Blocked', [failing('Broken')])
    engine = run_engine(job('Root', [skippable('Done', [blocked])]), skip='Done', **way)
    assert engine.outcomes['Blocked'].state is State.BLOCKED
    assert (engine.outcomes['Done'], engine.outcomes['Root'].state) == (SKIPPED, State.OK)


def test_dependents_of_a_skipped_job_do_not_wait_for_its_dependencies():
    clock, log = FakeClock(), []
    late = failing('Late', Check=lambda self: log.append('Late') or 1 / 0, TRIES=2, RETRY_DELAY=5)
    root = job('Root', [skippable('Done', [late])], Check=lambda self: log.append('Root'))
    run_engine(root, clock=clock, skip='Done')
    assert log == ['Late', 'Late', 'Root', 'Late', 'Late']
    assert clock.sleeps == [5]


def test_dependencies_of_a_skipped_job_still_run_unless_they_are_skipped_too(way):
    below = changing('Below', [changing('Bottom')])
    root = job('Root', [skippable('Done', [below])])
    assert attempted(run_engine(root, skip='Done', **way)) == ['Bottom', 'Below', 'Root']
    assert attempted(run_engine(root, skip=['Done', 'Below'], **way)) == ['Bottom', 'Root']
    assert attempted(run_engine(root, skip=['Done', 'Below', 'Bottom'], **way)) == ['Root']


def test_the_root_can_be_skipped(way):
    engine = run_engine(skippable('Root', [changing('Below')]), skip='Root', **way)
    assert engine.outcomes['Root'] == SKIPPED
    assert engine.outcomes['Below'].state is State.CHANGED
    assert engine.success()


def test_all_jobs_can_be_skipped(way):
    engine = run_engine(skippable('Root', [skippable('Below')]), skip=['Below', 'Root'], **way)
    assert list(engine.outcomes.values()) == [SKIPPED, SKIPPED]
    assert engine.success()


def test_a_subgraph_skips_its_own_jobs_and_ignores_the_others(way):
    shared, done = changing('Shared'), skippable('Done')
    part = job('Part', [shared, done])
    root = job('Root', [part, skippable('Elsewhere', [shared])])
    engine = run_engine(root, node='Part', skip=[done, 'Elsewhere'], **way)
    assert dict(engine.nodestatus) == {'Shared': True, 'Done': True, 'Part': True}
    assert attempted(engine) == ['Shared', 'Part']
    assert engine.success()


def test_a_run_of_a_skipped_job_alone_runs_its_dependencies(way):
    engine = run_engine(job('Root', [skippable('Done', [job('Below')])]), node='Done', skip='Done', **way)
    assert attempted(engine) == ['Below']
    assert engine.outcomes['Done'] == SKIPPED


def test_a_run_of_several_jobs_skips_each_of_them_that_was_named():
    one, two = skippable('One', [job('Below')]), job('Two')
    engine = run_engine(job('Root', [one, two]), node=[two, one], skip=one)
    assert list(engine.outcomes) == ['Two', 'Below', 'One']
    assert attempted(engine) == ['Two', 'Below']


def test_with_no_act_dependents_of_a_skipped_job_are_checked(way):
    root = changing('Root', [skippable('Done', [changing('Below')])])
    engine = run_engine(root, no_act=True, skip='Done', **way)
    assert [outcome.state for outcome in engine.outcomes.values()] == [State.WOULD_RUN, State.SKIPPED, State.WOULD_RUN]


def test_every_run_skips_the_jobs_until_the_next_configure():
    root = job('Root', [job('Done')])
    engine = make_engine(root, skip=iter(['Done']))
    for _ in range(2):
        engine.checknrun()
        assert attempted(engine) == ['Root']
    engine.configure(root)
    engine.checknrun()
    assert attempted(engine) == ['Done', 'Root']


def test_a_list_of_jobs_to_skip_that_is_changed_after_configure_has_no_effect():
    skip = ['Done']
    engine = make_engine(job('Root', [skippable('Done')]), skip=skip)
    skip[:] = ['Root']
    engine.checknrun()
    assert attempted(engine) == ['Root']


def raising_iterator():
    yield 'Below'
    raise OSError('the list of finished Jobs cannot be read')


@pytest.mark.parametrize(
    ('skip', 'culprit'),
    [
        ('Belwo', 'Belwo'),
        ('', ''),
        (['Below', 'nope'], 'nope'),
        ([['Below']], ['Below']),
        ([None], None),
        (5, 5),
        (iter(['Below', 5]), 5),
    ],
)
def test_jobs_to_skip_that_are_not_in_the_graph_are_refused_and_the_engine_is_unchanged(skip, culprit):
    engine = run_engine(job('Before'))
    outcomes = engine.outcomes
    with pytest.raises(UnknownJobError, match='is not in the graph') as caught:
        engine.configure(job('Root', [job('Below')]), no_act=True, skip=skip)
    assert caught.value.culprit == culprit
    assert engine.outcomes is outcomes
    engine.checknrun()
    assert attempted(engine) == ['Before']


def test_a_class_to_skip_whose_name_belongs_to_another_one_is_refused():
    with pytest.raises(UnknownJobError, match="whose 'Below' is"):
        make_engine(job('Root', [job('Below')]), skip=[job('Below')])


def test_a_misspelled_name_to_skip_gets_a_suggestion():
    with pytest.raises(UnknownJobError, match="did you mean 'StartServer'"):
        make_engine(job('Root', [job('StartServer')]), skip='StartSever')


def test_an_error_of_the_iterator_of_jobs_to_skip_is_raised_and_the_engine_is_unchanged():
    engine = run_engine(job('Before'))
    with pytest.raises(OSError, match='the list of finished Jobs'):
        engine.configure(job('Root', [job('Below')]), skip=raising_iterator())
    assert list(engine.outcomes) == ['Before']
    engine.checknrun()


def test_a_job_that_cannot_work_is_refused_although_it_would_be_skipped():
    with pytest.raises(PlanError, match='has no Check'):
        make_engine(job('Root', [type('Done', (Job,), {})]), skip='Done')


def test_check_args_ignores_skipped_jobs():
    done = job('Done', Check=lambda self, host: None)
    engine = make_engine(job('Root', [done]), skip=done)
    engine.check_args()
    engine.check_args('Done')
    engine.configure(job('Root', [done]))
    with pytest.raises(ArgumentsError, match=r'Done\.Check'):
        engine.check_args()


def test_nothing_is_printed_for_a_skipped_job_and_no_event_names_it(way):
    events = []
    root = job('Root', [skippable('Done', Cleanup=unreachable)])
    lines = stderr_lines(run_engine, root, skip='Done', debug=True, listeners=[events.append], **way)
    assert lines == ['Root.check: pass']
    assert {event.job for event in events} == {None, 'Root'}
    assert [event.kind for event in events if event.job is None] == [EventKind.RUN_STARTED, EventKind.RUN_FINISHED]
    assert events[0].value == ('Done', 'Root')
    assert events[-1].value['Done'] == SKIPPED


def test_a_skipped_job_has_its_state_from_the_beginning_of_the_run():
    states = []
    root = job('Root', [skippable('Done', [changing('Below')])])
    engine = DoJobber()

    def note(event):
        views = engine.outcomes, engine.nodestatus, engine.noderesults, engine.nodeexceptions
        states.append([*[view.get('Done', '-') for view in views], engine.partial_success()])

    engine.configure(root, skip='Done', listeners=[note])
    engine.checknrun()
    assert states
    assert all(state == [SKIPPED, True, None, '-', True] for state in states)


def test_a_skipped_job_is_green_in_the_graph():
    engine = run_engine(job('Root', [skippable('Done', [failing('Broken')])]), skip='Done')
    assert ('color', 'green') in engine.graph.node_attributes('Done')
    assert ('color', 'red') in engine.graph.node_attributes('Broken')


@pytest.mark.parametrize('fmt', ['mermaid', 'dot'])
def test_pictures_show_a_skipped_job_as_skipped_and_nothing_blocks_it(fmt):
    engine = run_engine(job('Root', [skippable('Done', [failing('Broken')])]), skip='Done')
    stream = io.BytesIO()
    engine.write_graph(stream, fmt)
    text = stream.getvalue().decode()
    assert 'skipped' in text
    assert '#c62000' not in text, 'the color of an edge to what blocks a Job'


def test_the_repr_of_the_engine_counts_skipped_jobs():
    engine = run_engine(job('Root', [skippable('One'), skippable('Two')]), skip=['One', 'Two'])
    assert repr(engine) == '<DoJobber Root: 3 jobs: 1 ok, 2 skipped>'


def test_json_counts_and_lists_skipped_jobs(capsys):
    root = job('Root', [skippable('Done')])
    engine = run_engine(root, skip='Done')
    reporter = JsonReporter(make_plan(root, 3, 0), Output())
    reporter.report(RunResult('Root', False, engine.outcomes, 0.0, None, 0))
    document = json.loads(capsys.readouterr().out)
    assert document['totals']['skipped'] == 1
    done = document['jobs'][0]
    assert (done['name'], done['state'], done['tries'], done['error']) == ('Done', 'skipped', 0, None)


def test_an_interrupt_in_a_dependency_of_a_skipped_job_ends_the_run_and_the_job_stays_skipped():
    def check(self):
        raise KeyboardInterrupt

    below = job('Below', Check=check)
    engine = make_engine(job('Root', [skippable('Done', [below])]), skip='Done')
    with pytest.raises(KeyboardInterrupt):
        engine.checknrun()
    assert [outcome.state for outcome in engine.outcomes.values()] == [State.FAILED, State.SKIPPED, State.NOT_RUN]
    assert engine.nodestatus == {'Below': False, 'Done': True, 'Root': None}
    assert engine.noderesults == {'Done': None}


def test_with_fail_fast_the_dependency_of_a_skipped_job_ends_the_run_when_it_fails():
    broken = failing('Broken', TRIES=1)
    engine = run_engine(job('Root', [skippable('Done', [broken])]), skip='Done', fail_fast=True)
    assert [outcome.state for outcome in engine.outcomes.values()] == [State.FAILED, State.SKIPPED, State.NOT_RUN]


def test_with_assume_changes_a_skipped_job_is_certain_whatever_would_run_below_it(way):
    def check(self):
        raise ValueError('not installed')

    root = job('Root', [skippable('Done', [changing('Below')])], Check=check)
    engine = run_engine(root, no_act=True, assume_changes=True, skip='Done', **way)
    assert engine.outcomes['Below'].state is State.WOULD_RUN
    assert (engine.outcomes['Root'].state, engine.outcomes['Root'].blocked_by) == (State.FAILED, ())


def test_a_skipped_job_occupies_no_worker_and_no_lock():
    done = skippable('Done', LOCKS=['db'])
    engine = run_engine(job('Root', [done, changing('Other', [done], LOCKS=['db'])]), skip=done, max_workers=2)
    assert attempted(engine) == ['Other', 'Root']


def test_the_cleanups_of_a_run_with_skipped_jobs_learn_that_it_succeeded():
    verdicts = []
    below = changing('Below', Cleanup=lambda self: verdicts.append(self.run_succeeded))
    run_engine(job('Root', [skippable('Done', [below])]), skip='Done')
    assert verdicts == [True]


def test_a_long_chain_of_skipped_jobs_is_skipped():
    length = 3000
    engine = run_engine(chain(length, job('Leaf')), skip=['Leaf', *[f'Chain{n}' for n in range(length - 2)]])
    assert attempted(engine) == [f'Chain{length - 2}']
    assert engine.success()


def test_none_skips_nothing():
    engine = run_engine(job('Root'), skip=None)
    assert engine.outcomes['Root'].state is State.OK
