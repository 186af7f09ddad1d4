from __future__ import annotations

import itertools

import pytest
from coloraide.everything import ColorAll as Color

from dojobber import Outcome, State
from dojobber._draw import Node
from dojobber._draw.style import BLOCKING_EDGE_COLOR, EDGE_COLOR, STYLES, legend, style_of

FILLS = dict.fromkeys(style.fill for style in STYLES.values())


def node(state):
    return Node('Job', (), 'Job', '', state and Outcome(state), '')


def test_every_state_has_the_colors_of_the_design():
    assert {state: tuple(style)[1:] for state, style in STYLES.items()} == {
        State.OK: ('#90d596', '#000000', '#2f7d3b', 1, False),
        State.CHANGED: ('#0d4a35', '#ffffff', '#0d4a35', 1, False),
        State.SKIPPED: ('#785a96', '#ffffff', '#4b3563', 1, False),
        State.FAILED: ('#ff571a', '#000000', '#7a0c00', 3, False),
        State.WOULD_RUN: ('#ff571a', '#000000', '#7a0c00', 3, False),
        State.BLOCKED: ('#ffffff', '#4a4a4a', '#767676', 1, True),
        State.NOT_RUN: ('#ffffff', '#4a4a4a', '#767676', 1, True),
    }


@pytest.mark.parametrize('style', STYLES.values())
def test_text_is_readable_on_its_fill(style):
    assert Color(style.text).contrast(Color(style.fill), method='wcag21') >= 4.5


@pytest.mark.parametrize('color', [EDGE_COLOR, BLOCKING_EDGE_COLOR, STYLES[State.NOT_RUN].border])
def test_lines_are_visible_on_white(color):
    assert Color(color).contrast(Color('white'), method='wcag21') >= 3


@pytest.mark.parametrize('deficiency', [None, 'protan', 'deutan', 'tritan'])
def test_the_five_fills_differ_under_every_color_blindness(deficiency):
    colors = [Color(fill).filter(deficiency) if deficiency else Color(fill) for fill in FILLS]
    assert len(colors) == 5
    for first, second in itertools.combinations(colors, 2):
        assert first.delta_e(second, method='2000') > 15  # 1 is just noticeable side by side


def test_the_five_fills_differ_in_black_and_white_print():
    lightness = sorted(Color(fill).convert('lab')['lightness'] for fill in FILLS)
    assert all(lighter - darker > 10 for darker, lighter in zip(lightness, lightness[1:]))


def test_the_legend_counts_the_jobs_of_the_last_run():
    counts = legend(map(node, [State.FAILED, State.OK, State.OK, State.BLOCKED, None]))
    assert [(style.status, count) for style, count in counts] == [
        ('passed at the first check', 2),
        ('failed', 1),
        ('blocked', 1),
    ]


def test_there_is_no_legend_before_any_run():
    assert legend([node(None)]) == []


def test_jobs_outside_the_last_run_look_not_run():
    assert style_of(node(None)) is style_of(node(State.NOT_RUN))
