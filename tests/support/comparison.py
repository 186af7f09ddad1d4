"""The comparison of what an engine has recorded with the model's prediction."""

from __future__ import annotations

from .model import Raised


def is_expected(error, expected, raised=None):
    """Tell whether ``error`` is the one that the model expects.

    Args:
        raised: The errors of the faults, by position.
    """
    if isinstance(expected, Raised):
        return Raised(type(error), str(error)) == expected
    if isinstance(expected, int):
        return error is raised[expected]
    return error is None if expected is None else type(error) is expected


def assert_results_match(engine, model, raised=None, case=None):
    """Compare all results of a run with those of the model."""
    states = model.all_states()
    outcomes = engine.outcomes
    assert {name: outcome.state for name, outcome in outcomes.items()} == states, case
    assert {name: outcome.tries for name, outcome in outcomes.items() if outcome.tries} == model.tries, case
    blocked_by = {name: model.blocked_by(name) for name in states}
    assert {name: outcome.blocked_by for name, outcome in outcomes.items()} == blocked_by, case
    passed = {name: result for name, result in model.results.items() if states[name].passed}
    assert {name: outcome.result for name, outcome in outcomes.items() if outcome.state.passed} == passed, case
    for name, outcome in outcomes.items():
        assert is_expected(outcome.exception, model.errors.get(name), raised), (case, name)
        assert is_expected(outcome.run_exception, model.run_errors.get(name), raised), (case, name)
    assert engine.nodestatus == {name: state.passed for name, state in states.items()}, case
    assert engine.noderesults == passed, case
    failed = {name: outcomes[name].exception for name in states if states[name].passed is False}
    assert engine.nodeexceptions == failed, case
    all_passed = all(state.passed for state in states.values())
    assert (engine.success(), engine.failure()) == (all_passed, not all_passed), case
    assert engine.partial_success() == bool(passed), case
