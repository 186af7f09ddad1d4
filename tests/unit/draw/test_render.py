from __future__ import annotations

import inspect
import io

import pytest
from support.programs import PNG
from support.rendering import picture

from dojobber import DoJobber, GraphError


def test_a_binary_file_gets_a_png_by_default(engine, renderer):
    file = io.BytesIO()
    engine.write_graph(file)
    assert file.getvalue().startswith(PNG)


def test_the_second_argument_of_write_graph_is_the_format(engine, renderer):
    file = io.BytesIO()
    engine.write_graph(file, 'svg')
    assert b'<svg' in file.getvalue()


@pytest.mark.parametrize('fmt', ['dot', 'mermaid'])
def test_dot_and_mermaid_need_no_renderer(engine, no_renderer, fmt):
    assert b'Changed' in picture(engine, fmt)


@pytest.mark.parametrize('rankdir', ['tb', '', None, 5])
def test_an_unknown_rankdir_is_refused(engine, rankdir):
    with pytest.raises(GraphError, match='rankdir must be one of TB, LR, BT, RL') as caught:
        picture(engine, 'dot', rankdir=rankdir)
    assert caught.value.culprit == rankdir


@pytest.mark.parametrize('fmt', [5, b'svg', ['svg']])
def test_a_format_that_is_not_a_string_is_refused(engine, fmt):
    with pytest.raises(GraphError, match='fmt must be the name of a format'):
        picture(engine, fmt)


def test_the_renderer_has_a_minute_by_default():
    assert inspect.signature(DoJobber.write_graph).parameters['timeout'].default == 60


@pytest.mark.parametrize('timeout', ['1', None, 0, -1, float('nan'), 1j])
def test_a_timeout_that_is_not_a_positive_number_is_refused(engine, timeout):
    with pytest.raises(GraphError, match='timeout must be a positive number of seconds') as caught:
        picture(engine, 'dot', timeout=timeout)
    assert caught.value.culprit is timeout


def test_an_infinite_timeout_is_allowed(engine, renderer):
    assert picture(engine, 'png', timeout=float('inf')).startswith(PNG)
