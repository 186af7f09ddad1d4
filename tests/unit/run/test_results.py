from __future__ import annotations

import pytest

from dojobber import Job, Outcome, State
from dojobber._plan.plan import Plan, Step
from dojobber._run.results import NOT_RUN, Results


def results_of(dependencies):
    """Return the results of a run of Jobs, given the dependencies of each by name."""
    steps = {name: Step(Job, tuple(names), 3, 0) for name, names in dependencies.items()}
    names = tuple(steps)
    indexes = tuple(tuple(names.index(each) for each in step.dependencies) for step in steps.values())
    return Results(Plan(steps, names, indexes))


FAILED, PASSED = Outcome(State.FAILED, 3), Outcome(State.OK, 1)


def test_untried_jobs_are_blocked_by_their_direct_needs_that_failed_or_are_blocked():
    needs = {'W': (), 'A': (), 'B': (), 'C': ('A', 'B'), 'D': ('C', 'B'), 'E': ('B',), 'F': ('W',)}
    results = results_of(needs)
    for name, outcome in {'A': FAILED, 'B': PASSED, 'W': Outcome(State.WOULD_RUN, 1)}.items():
        results.record(name, outcome)
    results.complete()
    assert results.outcomes['C'] == Outcome(State.BLOCKED, blocked_by=('A',))
    assert results.outcomes['D'] == Outcome(State.BLOCKED, blocked_by=('C',))
    assert results.outcomes['E'] == Outcome(State.NOT_RUN)
    assert results.outcomes['F'] == Outcome(State.BLOCKED, blocked_by=('W',))
    assert list(results.outcomes) == list(needs)


def test_a_failed_job_holds_up_no_dependent_before_its_last_attempt_has_failed_and_then_all():
    results = results_of({'A': (), 'B': ('A',), 'C': ('B',), 'D': ()})
    results.record('A', Outcome(State.FAILED, 1))
    assert [results.outcomes[name].state for name in 'BCD'] == [State.NOT_RUN] * 3
    results.record('A', FAILED)
    results.block('A')
    assert [results.outcomes[name].state for name in 'BCD'] == [State.BLOCKED, State.BLOCKED, State.NOT_RUN]
    assert [results.outcomes[name].blocked_by for name in 'BC'] == [('A',), ('B',)]


def test_in_the_end_each_dependent_names_all_that_block_it_in_the_order_of_its_deps():
    results = results_of({'A': (), 'B': (), 'C': (), 'Root': ('C', 'B', 'A')})
    for name in 'AC':
        results.record(name, FAILED)
        results.block(name)
    results.record('B', PASSED)
    results.complete()
    assert results.outcomes['Root'] == Outcome(State.BLOCKED, blocked_by=('C', 'A'))


@pytest.mark.parametrize('is_asked_early', [True, False])
def test_the_views_follow_the_outcomes_and_are_in_plan_order(is_asked_early):
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
        results.record(name, outcome)
    assert results.status == {'A': True, 'B': False, 'C': None, 'D': True}
    assert list(results.values.items()) == [('A', 'a'), ('D', 'd')]
    assert results.errors == {'B': error}
    assert list(results.outcomes) == list(results.status) == list('ABCD')
    assert results.outcomes['C'] is NOT_RUN
    assert results.outcomes['A'].tries == 2, 'the attempts add up'


def test_all_have_passed_only_if_there_are_jobs_and_each_has():
    assert not results_of({}).all_passed
    results = results_of({'A': (), 'B': ()})
    results.record('A', FAILED)
    results.record('B', PASSED)
    assert not results.all_passed
    results.record('A', PASSED)
    assert results.all_passed
    results.complete()
    assert results.all_passed
