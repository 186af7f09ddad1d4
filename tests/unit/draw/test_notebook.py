"""What a notebook shows of an engine, and what it says in words."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from support.factories import changing, failing, job, make_engine, run_engine
from support.programs import write_program

from dojobber import DoJobber, DummyJob
from dojobber._draw import notebook

TEXT, MERMAID, SVG = 'text/plain', 'text/vnd.mermaid', 'image/svg+xml'


@pytest.fixture
def engine():
    broken = failing('Broken')
    root = job('OpenShop', [job('Fine'), changing('Changed'), job('Held', [broken])])
    return run_engine(root, default_tries=1)


class TestBundle:
    def test_it_has_the_picture_as_svg_and_mermaid_and_the_words(self, engine, renderer):
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
    def test_it_has_what_is_included_and_not_excluded(self, engine, renderer, include, exclude, kinds):
        assert engine._repr_mimebundle_(include=include, exclude=exclude).keys() == kinds
        assert engine._repr_mimebundle_(include, exclude).keys() == kinds

    def test_what_is_not_wanted_is_not_made(self, engine, monkeypatch, tmp_path):
        write_program(tmp_path, 'dot', f'open({str(tmp_path / "called")!r}, "w")')
        monkeypatch.setenv('PATH', str(tmp_path))
        assert engine._repr_mimebundle_(exclude={SVG}) == {
            TEXT: repr(engine),
            MERMAID: engine._repr_mimebundle_()[MERMAID],
        }
        (tmp_path / 'called').unlink()  # by the second of these
        assert engine._repr_mimebundle_(include=[TEXT]) == {TEXT: repr(engine)}
        assert not (tmp_path / 'called').exists()

    def test_without_a_renderer_it_says_how_to_get_one(self, engine, no_renderer):
        bundle = engine._repr_mimebundle_()
        assert bundle.keys() == {TEXT, MERMAID}
        assert bundle[TEXT].startswith(f'{engine!r}\nno picture: ')
        assert 'pip install graphviz-pure' in bundle[TEXT]

    def test_without_a_graph_it_says_to_configure_it(self, renderer):
        bundle = DoJobber()._repr_mimebundle_()
        assert bundle.keys() == {TEXT}
        assert bundle[TEXT].startswith('<DoJobber, not configured>')

    def test_more_edges_than_mermaid_draws_are_left_to_the_svg(self, renderer):
        engine = make_engine(job('Root', [job(f'Leaf{number}') for number in range(501)]))
        assert engine._repr_mimebundle_().keys() == {TEXT, SVG}

    def test_five_seconds_end_the_renderer_and_the_words_say_so(self, engine, monkeypatch, tmp_path):
        write_program(tmp_path, 'dot', 'import signal; signal.pause()')
        monkeypatch.setenv('PATH', str(tmp_path))
        assert notebook.SECONDS == 5
        monkeypatch.setattr(notebook, 'SECONDS', 1.0)
        bundle = engine._repr_mimebundle_()
        assert bundle.keys() == {TEXT, MERMAID}
        assert 'did not finish within' in bundle[TEXT].splitlines()[1]

    def test_a_graph_that_nothing_draws_in_that_time_is_not_begun_with(self, monkeypatch, tmp_path):
        write_program(tmp_path, 'dot', f'open({str(tmp_path / "called")!r}, "w")')
        monkeypatch.setenv('PATH', str(tmp_path))
        engine = make_engine(job('Root', [job(f'Leaf{number}') for number in range(6000)]))
        bundle = engine._repr_mimebundle_()
        assert bundle == {TEXT: f'{engine!r}\nno picture: 6001 Jobs are too many to draw in 5 s, see write_graph()'}
        assert not (tmp_path / 'called').exists()

    def test_what_a_script_has_changed_is_in_it(self, engine, renderer):
        engine.graph.add_node_attribute('Fine', ('label', 'quite another word'))
        assert 'quite another word' in engine._repr_mimebundle_()[SVG].replace('&#160;', ' ')

    def test_an_odd_attribute_leaves_the_words(self, engine, renderer):
        engine.graph.add_node_attribute('Fine', 'no pair')
        bundle = engine._repr_mimebundle_()
        assert bundle.keys() == {TEXT, MERMAID}
        assert 'must be a pair' in bundle[TEXT]


class TestRepr:
    def test_it_counts_the_jobs_by_state(self, engine):
        assert repr(engine) == '<DoJobber OpenShop: 5 jobs: 1 ok, 1 changed, 1 failed, 2 blocked>'

    def test_before_configure_and_before_a_run_it_says_so(self):
        assert repr(DoJobber()) == '<DoJobber, not configured>'
        assert repr(make_engine(job('Root', [job('Leaf')]))) == '<DoJobber Root: 2 jobs: 2 not run>'
        assert repr(run_engine(job('Alone'))) == '<DoJobber Alone: 1 job: 1 ok>'

    def test_jobs_outside_the_subgraph_that_was_run_count_as_not_run(self):
        root = job('Root', [job('Leaf'), job('Other')])
        assert repr(run_engine(root, node='Leaf')) == '<DoJobber Root: 3 jobs: 1 ok, 2 not run>'

    def test_in_a_dry_run_it_counts_what_would_run(self):
        assert repr(run_engine(job('Root', [changing('Leaf')]), no_act=True)) == (
            '<DoJobber Root: 2 jobs: 1 blocked, 1 would run>'
        )

    def test_a_job_sees_it_in_the_middle_of_the_run(self):
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
    def test_a_name_that_would_not_be_seen_is_quoted(self, name, shown):
        metaclass = type('Named', (type,), {'__name__': property(lambda cls: name)})
        assert repr(make_engine(metaclass('Job', (DummyJob,), {}))) == f'<DoJobber {shown}: 1 job: 1 not run>'

    def test_a_long_name_is_cut(self):
        assert len(repr(make_engine(job('x' * 100_000)))) < 200

    def test_a_subclass_has_its_own_name_and_one_that_is_not_finished_still_has_a_repr(self):
        class Mine(DoJobber):
            def __init__(self):
                pass

        assert 'Mine object at' in repr(Mine())
        assert repr(type('Other', (DoJobber,), {})()) == '<Other, not configured>'
