from __future__ import annotations

import itertools

import pytest
from coloraide.everything import ColorAll as Color

from dojobber import Outcome, State
from dojobber._draw.style import (
    EDGE,
    HOLDING_EDGE,
    LINES,
    LOOKS,
    UNTRIED,
    WRAP,
    Node,
    is_holding,
    legend,
    look,
    tooltip,
    words,
)

FILLS = dict.fromkeys(each.fill for each in LOOKS.values())


def node(name='Job', needs=(), kind='Job', summary='', outcome=None, error=''):
    return Node(name, needs, kind, summary, outcome, error)


def test_every_state_has_the_look_that_the_design_gives_it():
    assert {state: tuple(each)[1:] for state, each in LOOKS.items()} == {
        State.OK: ('#90d596', '#000000', '#2f7d3b', 1, False),
        State.CHANGED: ('#0d4a35', '#ffffff', '#0d4a35', 1, False),
        State.FAILED: ('#ff571a', '#000000', '#7a0c00', 3, False),
        State.WOULD_RUN: ('#ff571a', '#000000', '#7a0c00', 3, False),
        State.BLOCKED: ('#ffffff', '#4a4a4a', '#767676', 1, True),
        State.NOT_RUN: ('#ffffff', '#4a4a4a', '#767676', 1, True),
    }


@pytest.mark.parametrize('each', LOOKS.values())
def test_every_text_can_be_read_on_its_fill(each):
    assert Color(each.text).contrast(Color(each.fill), method='wcag21') >= 4.5


@pytest.mark.parametrize('color', [EDGE, HOLDING_EDGE, UNTRIED.border])
def test_every_line_can_be_seen_on_white(color):
    assert Color(color).contrast(Color('white'), method='wcag21') >= 3


@pytest.mark.parametrize('deficiency', [None, 'protan', 'deutan', 'tritan'])
def test_the_four_fills_stay_apart_for_everybody(deficiency):
    seen = [Color(fill).filter(deficiency) if deficiency else Color(fill) for fill in FILLS]
    assert len(seen) == 4
    for one, other in itertools.combinations(seen, 2):
        assert one.delta_e(other, method='2000') > 15  # 1 is what one can just notice side by side


def test_the_four_fills_stay_apart_in_black_and_white_print():
    lightness = sorted(Color(fill).convert('lab')['lightness'] for fill in FILLS)
    assert all(lighter - darker > 10 for darker, lighter in zip(lightness, lightness[1:]))


def test_below_the_name_are_the_tries_when_there_were_several():
    assert words(node(outcome=Outcome(State.OK, 1))) == []
    assert words(node(outcome=Outcome(State.OK, 2))) == ['(2 tries)']
    assert words(node()) == []


def test_a_failed_job_shows_its_error_wrapped_and_cut():
    failed = Outcome(State.FAILED, 1)
    assert words(node(outcome=failed, error='Remote batteries\nare dead.')) == ['Remote batteries are dead.']
    long = words(node(outcome=failed, error='word ' * 1000))
    assert len(long) == LINES
    assert all(len(line) <= WRAP for line in long)
    assert long[-1].endswith(' …')
    assert words(node(outcome=Outcome(State.WOULD_RUN, 1), error='not done')) == []


def test_the_tooltip_says_it_all():
    outcome = Outcome(State.FAILED, 3)
    text = tooltip(node(kind='RunonlyJob', summary='Order it.', outcome=outcome, error='no\nanswer'))
    assert text == 'RunonlyJob\nOrder it.\nfailed, after 3 tries\nno\nanswer'
    assert tooltip(node()) == 'Job'
    assert tooltip(node(outcome=Outcome(State.BLOCKED, blocked_by=('A', 'B')))) == 'Job\nblocked\nby A, B'
    assert len(tooltip(node(outcome=outcome, error='x' * 1_000_000))) < 3000


def test_an_edge_is_thick_from_a_blocked_job_to_what_holds_it():
    blocked = node(needs=('A', 'B'), outcome=Outcome(State.BLOCKED, blocked_by=('A',)))
    assert [is_holding(blocked, need) for need in blocked.needs] == [True, False]
    assert not is_holding(node(needs=('A',)), 'A')


def test_the_legend_counts_what_the_run_was_about():
    outcomes = [Outcome(State.FAILED), Outcome(State.OK), Outcome(State.OK), Outcome(State.BLOCKED), None]
    counted = legend([node(outcome=outcome) for outcome in outcomes])
    assert [(each.word, count) for each, count in counted] == [
        ('passed at the first check', 2),
        ('failed', 1),
        ('blocked', 1),
    ]
    assert legend([node()]) == []


def test_what_no_run_was_about_looks_untried():
    assert look(node()) is UNTRIED
