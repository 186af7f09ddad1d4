"""What a notebook shows of an engine: its picture, and its repr."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from support.factories import changing, job, make_engine, run_engine
from support.names import job_named

from dojobber import DoJobber
from dojobber._draw import notebook

TEXT, MERMAID, SVG = 'text/plain', 'text/vnd.mermaid', 'image/svg+xml'


class TestBundle:
    def test_a_notebook_gets_svg_mermaid_and_text(self, engine, renderer):
        bundle = engine._repr_mimebundle_()
        assert bundle.keys() == {TEXT, MERMAID, SVG}
        assert bundle[TEXT] == repr(engine)
        assert ElementTree.fromstring(bundle[SVG]).tag.endswith('svg')
        assert bundle[MERMAID].startswith('flowchart TB\n')

    @pytest.mark.parametrize(
        ('include', 'exclude', 'kinds'),
        [
            (None, None, {TEXT, MERMAID, SVG}),
            ([], [], {TEXT, MERMAID, SVG}),
            ({SVG}, None, {SVG}),
            ([TEXT, SVG, 'text/html'], [SVG], {TEXT}),
            (None, (TEXT, MERMAID), {SVG}),
            (['text/html'], None, set()),
        ],
    )
    def test_only_mime_types_included_and_not_excluded_are_returned(self, engine, renderer, include, exclude, kinds):
        assert engine._repr_mimebundle_(include=include, exclude=exclude).keys() == kinds
        assert engine._repr_mimebundle_(include, exclude).keys() == kinds

    def test_a_picture_that_is_not_wanted_is_not_drawn(self, engine, only_dot, tmp_path):
        only_dot(f'open({str(tmp_path / "called")!r}, "w")')
        assert engine._repr_mimebundle_(exclude={SVG}).keys() == {TEXT, MERMAID}
        assert engine._repr_mimebundle_(include=[TEXT]) == {TEXT: repr(engine)}
        assert not (tmp_path / 'called').exists()
        engine._repr_mimebundle_()
        assert (tmp_path / 'called').exists()

    def test_without_a_renderer_the_text_says_how_to_get_one(self, engine, no_renderer):
        bundle = engine._repr_mimebundle_()
        assert bundle.keys() == {TEXT, MERMAID}
        assert bundle[TEXT].startswith(f'{engine!r}\nno picture: ')
        assert 'pip install graphviz-pure' in bundle[TEXT]

    def test_an_engine_that_is_not_configured_shows_text_only(self, renderer):
        bundle = DoJobber()._repr_mimebundle_()
        assert bundle.keys() == {TEXT}
        assert bundle[TEXT].startswith('<DoJobber, not configured>')

    def test_a_graph_too_large_for_mermaid_is_shown_as_svg_only(self, renderer):
        engine = make_engine(job('Root', [job(f'Leaf{number}') for number in range(501)]))
        assert engine._repr_mimebundle_().keys() == {TEXT, SVG}

    def test_after_five_seconds_the_renderer_is_stopped_and_the_text_says_so(self, engine, only_dot, monkeypatch):
        only_dot('import time; time.sleep(60)')
        assert notebook.TIME_LIMIT == 5
        monkeypatch.setattr(notebook, 'TIME_LIMIT', 1.0)
        bundle = engine._repr_mimebundle_()
        assert bundle.keys() == {TEXT, MERMAID}
        assert 'did not finish within' in bundle[TEXT].splitlines()[1]

    def test_a_graph_too_large_for_five_seconds_is_not_drawn(self, only_dot, tmp_path):
        only_dot(f'open({str(tmp_path / "called")!r}, "w")')
        engine = make_engine(job('Root', [job(f'Leaf{number}') for number in range(6000)]))
        bundle = engine._repr_mimebundle_()
        assert bundle == {TEXT: f'{engine!r}\nno picture: 6001 Jobs are too many to draw in 5 s: use write_graph()'}
        assert not (tmp_path / 'called').exists()

    def test_the_picture_in_a_notebook_shows_changes_by_the_script(self, engine, renderer):
        engine.graph.add_node_attribute('Fine', ('label', 'quite another label'))
        assert 'quite another label' in engine._repr_mimebundle_()[SVG].replace('&#160;', ' ')

    def test_an_invalid_attribute_leaves_mermaid_and_text(self, engine, renderer):
        engine.graph.add_node_attribute('Fine', 'shape')
        bundle = engine._repr_mimebundle_()
        assert bundle.keys() == {TEXT, MERMAID}
        assert 'must be a (name, value) pair' in bundle[TEXT]


class TestRepr:
    def test_repr_counts_the_jobs_by_state(self, engine):
        assert repr(engine) == '<DoJobber Root: 4 jobs: 1 ok, 1 changed, 1 failed, 1 blocked>'

    def test_repr_tells_before_configure_and_before_a_run(self):
        assert repr(DoJobber()) == '<DoJobber, not configured>'
        assert repr(make_engine(job('Root', [job('Leaf')]))) == '<DoJobber Root: 2 jobs: 2 not run>'
        assert repr(run_engine(job('Alone'))) == '<DoJobber Alone: 1 job: 1 ok>'

    def test_jobs_outside_the_part_that_was_run_count_as_not_run(self):
        root = job('Root', [job('Leaf'), job('Other')])
        assert repr(run_engine(root, node='Leaf')) == '<DoJobber Root: 3 jobs: 1 ok, 2 not run>'

    def test_after_a_dry_run_repr_counts_the_jobs_that_would_run(self):
        assert repr(run_engine(job('Root', [changing('Leaf')]), no_act=True)) == (
            '<DoJobber Root: 2 jobs: 1 blocked, 1 would run>'
        )

    def test_repr_can_be_called_by_a_job_during_the_run(self):
        seen = []
        leaf = job('Leaf', Check=lambda self: seen.append(repr(engine)))
        engine = make_engine(job('Root', [leaf]))
        engine.checknrun()
        assert seen == ['<DoJobber Root: 2 jobs: 2 not run>']
        assert repr(engine) == '<DoJobber Root: 2 jobs: 2 ok>'

    @pytest.mark.parametrize(
        ('name', 'shown'),
        [('two\nlines', r"'two\nlines'"), ('', "''"), ('\x1b[31m', r"'\x1b[31m'"), ('lone \ud800', r"'lone \ud800'")],
    )
    def test_an_unprintable_name_is_quoted_in_repr(self, name, shown):
        assert repr(make_engine(job_named(name))) == f'<DoJobber {shown}: 1 job: 1 not run>'

    def test_a_long_name_is_truncated_in_repr(self):
        assert len(repr(make_engine(job('x' * 100_000)))) < 200

    def test_repr_works_for_subclasses_even_without_super_init(self):
        class Mine(DoJobber):
            def __init__(self):
                pass

        assert 'Mine object at' in repr(Mine())
        assert repr(type('Other', (DoJobber,), {})()) == '<Other, not configured>'
