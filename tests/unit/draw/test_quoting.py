"""Any name and any error message reaches the picture unchanged, and leaves the graph intact."""

from __future__ import annotations

import pytest
from support.factories import job, make_engine, run_engine
from support.names import NAMES, escaped, job_named
from support.rendering import SVG, layout, node_texts, picture, svg

ERRORS = [
    'one\ntwo\n\nthree',
    '"quoted" \'too\'',
    "<class 'X'>",
    'back\\slash \\N \\"',
    '&lt; & %d',
    '\x1b[31mred',
    'lone \ud800 surrogate',
    'Käse 🍕',
]


def test_every_odd_name_is_drawn_as_it_is_in_one_graph(renderer):
    names = list(dict.fromkeys(NAMES))
    assert len(names) >= 150
    engine = make_engine(job('THE ROOT', [job_named(name) for name in names]))
    nodes, edges = layout(engine)
    assert len(nodes) == len(names) + 1
    assert len(edges) == len(names)
    assert {tail for tail, _ in edges} == {'THE ROOT'}
    assert {head for _, head in edges} | {'THE ROOT'} == nodes.keys()
    assert node_texts(svg(engine)) == sorted([escaped(name).rstrip('\n') for name in names] + ['THE ROOT'])


@pytest.mark.parametrize('name', dict.fromkeys(NAMES))
def test_every_odd_name_of_a_root_is_the_title_in_one_line(dot, name):
    root = job_named(name)
    root.DEPS = [job('THE LEAF')]
    engine = make_engine(root)
    nodes, edges = layout(engine)
    assert len(nodes) == 2
    assert [head for _, head in edges] == ['THE LEAF']
    drawn = svg(engine)
    assert drawn.find(f'{SVG}g').findtext(f'{SVG}title') == (escaped(name).replace('\n', ' ') or None)
    assert node_texts(drawn) == sorted([escaped(name).rstrip('\n'), 'THE LEAF'])


def test_a_name_with_newlines_does_not_break_postscript(dot):
    postscript = picture(make_engine(job('one\nshowpage\ntwo')), 'ps')
    assert b'%%Title: one showpage two' in postscript
    assert b'\nshowpage\ntwo' not in postscript


def test_edges_whose_joined_names_are_equal_stay_apart(renderer):
    engine = make_engine(job('Root', [job('a-b', [job('c')]), job('a', [job('b-c')])]))
    assert layout(engine)[1].keys() == {('Root', 'a-b'), ('a-b', 'c'), ('Root', 'a'), ('a', 'b-c')}


@pytest.mark.parametrize('error', ERRORS)
def test_an_error_message_is_in_the_tooltip_as_it_is(renderer, error):
    def check(self):
        raise ValueError(error)

    links = svg(run_engine(job('Job', Check=check, __doc__='Break.'), default_tries=1)).iter(f'{SVG}a')
    titles = [link.get('{http://www.w3.org/1999/xlink}title').split() for link in links]
    assert f'Job Break. failed, after 1 try {escaped(error)}'.split() in titles


def test_names_too_long_for_the_renderer_are_truncated_and_stay_apart(renderer):
    names = ['\N{GRINNING FACE}' * 20_000, '\N{GRINNING FACE}' * 20_001, '\\' * 20_000]
    nodes, edges = layout(run_engine(job('Root', [job(name) for name in names])))
    assert len(nodes) == 4
    assert len(edges) == 3
    assert all(node['label'].endswith(' …') for name, node in nodes.items() if name != 'Root')


def test_an_error_message_of_megabytes_is_truncated(renderer):
    def check(self):
        raise ValueError('x' * 5_000_000)

    assert len(picture(run_engine(job('Job', Check=check), default_tries=1), 'svg')) < 10_000
