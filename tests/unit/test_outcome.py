"""The record of a Job's result."""

from __future__ import annotations

import asyncio

import pytest

from dojobber import Outcome, State
from dojobber._draw.style import STYLES
from dojobber.cli.screen.reporter import LINE_STYLES
from dojobber.outcome import is_interrupt, merge_attempts


def test_an_outcome_cannot_be_changed():
    with pytest.raises(AttributeError):
        Outcome(State.OK).state = State.FAILED


def test_the_default_phases_of_an_outcome_cannot_be_changed():
    with pytest.raises(TypeError):
        Outcome(State.OK).phases['check'] = 1.0


def test_each_state_knows_whether_the_job_passed():
    assert {state.name: state.passed for state in State} == {
        'OK': True,
        'CHANGED': True,
        'SKIPPED': True,
        'FAILED': False,
        'WOULD_RUN': False,
        'BLOCKED': None,
        'NOT_RUN': None,
    }


def test_the_seconds_of_an_outcome_are_the_sum_of_its_phases():
    assert Outcome(State.FAILED, phases={'check': 1.0, 'run': 2.0, 'recheck': 0.5}).seconds == 3.5
    assert Outcome(State.BLOCKED).seconds == 0


def test_merging_attempts_adds_their_number_and_seconds():
    error = ValueError()
    first = Outcome(State.FAILED, 1, None, error, {'check': 1.0, 'run': 2.0, 'recheck': 0.5})
    second = Outcome(State.OK, 1, 'result', None, {'check': 0.25})
    assert merge_attempts(first, second) == Outcome(
        State.OK, 2, 'result', None, {'check': 1.25, 'run': 2.0, 'recheck': 0.5}
    )
    assert first.phases == {'check': 1.0, 'run': 2.0, 'recheck': 0.5}


@pytest.mark.parametrize(
    ('error', 'expected'),
    [
        (None, False),
        (ValueError(), False),
        (SystemExit(), False),
        (KeyboardInterrupt(), True),
        (GeneratorExit(), True),
        (type('Custom', (BaseException,), {})(), True),
        (asyncio.CancelledError(), False),
    ],
)
def test_exceptions_exits_and_cancelled_tasks_are_not_interrupts(error, expected):
    assert is_interrupt(error) is expected


def test_every_state_has_a_look_on_the_screen_and_in_pictures():
    assert set(STYLES) == set(LINE_STYLES) == set(State)
