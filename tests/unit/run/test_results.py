from __future__ import annotations

import pytest

from dojobber import Job, Outcome, State
from dojobber._plan.plan import JobSettings, Plan
from dojobber._run.results import NOT_RUN, Results


def results_of(dependencies):
    """Return the results of a run of Jobs, given the dependencies of each by name."""
    names = tuple(dependencies)
    indexes = tuple(tuple(names.index(name) for name in deps) for deps in dependencies.values())
    return Results(Plan(names, (Job,) * len(names), indexes, (JobSettings(3, (0,)),) * len(names)))


FAILED, PASSED = Outcome(State.FAILED, 3), Outcome(State.OK, 1)


def test_a_job_is_blocked_by_its_direct_dependencies_that_failed_or_are_blocked():
    dependencies = {'W': (), 'A': (), 'B': (), 'C': ('A', 'B'), 'D': ('C', 'B'), 'E': ('B',), 'F': ('W',)}
    results = results_of(dependencies)
    for name, outcome in {'A': FAILED, 'B': PASSED, 'W': Outcome(State.WOULD_RUN, 1)}.items():
        results.record(list(dependencies).index(name), outcome)
    results.complete()
    assert results.outcomes['C'] == Outcome(State.BLOCKED, blocked_by=('A',))
    assert results.outcomes['D'] == Outcome(State.BLOCKED, blocked_by=('C',))
    assert results.outcomes['E'] == Outcome(State.NOT_RUN)
    assert results.outcomes['F'] == Outcome(State.BLOCKED, blocked_by=('W',))
    assert list(results.outcomes) == list(dependencies)


def test_dependents_are_blocked_once_the_last_attempt_of_a_job_has_failed():
    results = results_of({'A': (), 'B': ('A',), 'C': ('B',), 'D': ()})
    results.record(0, Outcome(State.FAILED, 1))
    assert [results.outcomes[name].state for name in 'BCD'] == [State.NOT_RUN] * 3
    results.record(0, FAILED)
    results.block(0)
    assert [results.outcomes[name].state for name in 'BCD'] == [State.BLOCKED, State.BLOCKED, State.NOT_RUN]
    assert [results.outcomes[name].blocked_by for name in 'BC'] == [('A',), ('B',)]


def test_at_the_end_blocked_by_lists_all_blocking_dependencies_in_the_order_of_deps():
    results = results_of({'A': (), 'B': (), 'C': (), 'Root': ('C', 'B', 'A')})
    for index in (0, 2):
        results.record(index, FAILED)
        results.block(index)
    results.record(1, PASSED)
    results.complete()
    assert results.outcomes['Root'] == Outcome(State.BLOCKED, blocked_by=('C', 'A'))


@pytest.mark.parametrize('is_asked_early', [True, False])
def test_views_follow_the_outcomes_in_plan_order(is_asked_early):
    results = results_of(dict.fromkeys('ABCD', ()))
    error, other = ValueError(), ValueError()
    if is_asked_early:
        assert (results.status, results.values, results.errors) == (dict.fromkeys('ABCD'), {}, {})
    for name, outcome in (
        ('D', Outcome(State.OK, 1, 'd')),
        ('B', Outcome(State.FAILED, 1, None, error)),
        ('A', Outcome(State.FAILED, 1, None, other)),
        ('A', Outcome(State.CHANGED, 1, 'a')),
    ):
        results.record('ABCD'.index(name), outcome)
    assert results.status == {'A': True, 'B': False, 'C': None, 'D': True}
    assert list(results.values.items()) == [('A', 'a'), ('D', 'd')]
    assert results.errors == {'B': error}
    assert list(results.outcomes) == list(results.status) == list('ABCD')
    assert results.outcomes['C'] is NOT_RUN
    assert results.outcomes['A'].tries == 2, 'the attempts add up'


def test_all_passed_is_false_without_jobs():
    assert not results_of({}).all_passed
    results = results_of({'A': (), 'B': ()})
    results.record(0, FAILED)
    results.record(1, PASSED)
    assert not results.all_passed
    results.record(0, PASSED)
    assert results.all_passed
    results.complete()
    assert results.all_passed
