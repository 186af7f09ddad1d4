from __future__ import annotations

import io
import json
import os
import pathlib
import sys
from xml.etree import ElementTree

import pytest
from kit import changing, configured, failing, job, worked

from dojobber import DoJobber, GraphError, NotConfiguredError

PNG = b'\x89PNG\r\n\x1a\n'


@pytest.fixture
def engine():
    """One that has worked a graph with a Job of each colour and one never tried."""
    root = job('Root', [job('Fine'), changing('Changed'), failing('Broken')])
    return worked(root, default_tries=1)


def program(folder, name, body):
    """Put a small program on a folder that is to be on the PATH."""
    path = pathlib.Path(folder) / name
    path.write_text(f'#!{sys.executable}\n{body}\n')
    path.chmod(0o755)
    return path


class TestGraph:
    def test_it_has_every_job_and_an_edge_from_each_to_what_it_needs(self):
        leaf = job('Leaf')
        graph = configured(job('Root', [job('Middle', [leaf]), leaf])).graph
        assert sorted(graph.nodes()) == ['Leaf', 'Middle', 'Root']
        assert sorted(graph.edges()) == [('Middle', 'Leaf'), ('Root', 'Leaf'), ('Root', 'Middle')]

    def test_before_a_run_nothing_is_coloured(self):
        graph = configured(job('Root')).graph
        assert graph.node_attributes('Root') == []

    def test_after_a_run_tried_jobs_carry_their_colour_once(self, engine):
        def attributes(name):
            return engine.graph.node_attributes(name)

        assert attributes('Fine') == [('style', 'filled'), ('color', 'green')]
        assert attributes('Changed') == [('style', 'filled'), ('color', 'darkgreen')]
        assert attributes('Broken') == [('style', 'filled'), ('color', 'red')]
        assert attributes('Root') == []
        engine.checknrun()
        assert attributes('Fine') == [('style', 'filled'), ('color', 'green')]

    def test_one_asked_for_before_the_run_is_not_kept_for_after(self):
        engine = configured(job('Root'))
        assert engine.graph.node_attributes('Root') == []
        engine.checknrun()
        assert ('color', 'green') in engine.graph.node_attributes('Root')

    def test_after_a_subgraph_the_rest_is_there_without_a_colour(self):
        engine = worked(job('Root', [job('Leaf')]), node='Leaf')
        assert engine.graph.node_attributes('Root') == []
        assert ('color', 'green') in engine.graph.node_attributes('Leaf')

    @pytest.mark.parametrize(
        'ask', [lambda e: e.graph, lambda e: e.write_graph(io.BytesIO()), lambda e: e.display_graph()]
    )
    def test_it_needs_configure_first(self, ask):
        with pytest.raises(NotConfiguredError, match=r'call configure\(\) first'):
            ask(DoJobber())


class TestWriteGraph:
    def test_a_binary_file_gets_a_png_by_default(self, engine, dot):
        filed = io.BytesIO()
        engine.write_graph(filed)
        assert filed.getvalue().startswith(PNG)

    def test_the_second_argument_is_the_format(self, engine, dot):
        filed = io.BytesIO()
        engine.write_graph(filed, 'svg')
        assert b'<svg' in filed.getvalue()

    def test_the_picture_has_the_jobs_the_edges_and_the_colours(self, engine, dot):
        filed = io.BytesIO()
        engine.write_graph(filed, fmt='json')
        picture = json.loads(filed.getvalue())
        names = [node['label'] for node in picture['objects']]
        assert {node['label']: node.get('color') for node in picture['objects']} == {
            'Fine': 'green',
            'Changed': 'darkgreen',
            'Broken': 'red',
            'Root': None,
        }
        edges = {(names[edge['tail']], names[edge['head']]) for edge in picture['edges']}
        assert edges == {('Root', 'Fine'), ('Root', 'Changed'), ('Root', 'Broken')}

    @pytest.mark.parametrize('made', [str, pathlib.Path])
    def test_a_path_gets_the_format_of_its_suffix(self, engine, dot, tmp_path, made):
        path = tmp_path / 'graph.SVG'
        engine.write_graph(made(str(path)))
        assert b'<svg' in path.read_bytes()

    def test_a_path_without_a_suffix_gets_a_png(self, engine, dot, tmp_path):
        engine.write_graph(tmp_path / 'graph')
        assert (tmp_path / 'graph').read_bytes().startswith(PNG)

    def test_a_text_mode_file_is_written_through_its_buffer(self, engine, dot, tmp_path):
        with open(tmp_path / 'graph.png', 'w', encoding='utf-8') as filed:
            engine.write_graph(filed)
        assert (tmp_path / 'graph.png').read_bytes().startswith(PNG)

    def test_a_text_buffer_is_refused_and_told_about_wb(self, engine, dot):
        with pytest.raises(GraphError, match="mode 'wb'"):
            engine.write_graph(io.StringIO())

    def test_dot_needs_no_graphviz(self, engine, monkeypatch):
        monkeypatch.setenv('PATH', '')
        filed = io.BytesIO()
        engine.write_graph(filed, 'dot')
        assert b'"Root" -> "Fine"' in filed.getvalue()

    def test_without_graphviz_the_error_says_how_to_get_it_and_nothing_is_written(self, engine, monkeypatch, tmp_path):
        monkeypatch.setenv('PATH', '')
        with pytest.raises(GraphError, match='apt install graphviz') as caught:
            engine.write_graph(tmp_path / 'graph.png')
        assert isinstance(caught.value, RuntimeError)
        assert caught.value.culprit == 'png'
        assert list(tmp_path.iterdir()) == []

    def test_an_unknown_format_is_an_error_in_graphvizs_own_words(self, engine, dot, tmp_path):
        with pytest.raises(GraphError, match='"nonsense" not recognized'):
            engine.write_graph(tmp_path / 'graph.png', 'nonsense')
        assert list(tmp_path.iterdir()) == []

    def test_one_that_does_not_end_is_stopped(self, engine, monkeypatch, tmp_path):
        program(tmp_path, 'dot', 'import sys; sys.stdin.read(); sys.stdin.close(); import signal; signal.pause()')
        monkeypatch.setenv('PATH', str(tmp_path))
        with pytest.raises(GraphError, match='did not finish within'):
            engine.write_graph(io.BytesIO(), timeout=0.2)

    def test_one_that_cannot_be_run_is_an_error(self, engine, monkeypatch, tmp_path):
        (tmp_path / 'dot').write_bytes(b'\x7fELF nonsense')
        (tmp_path / 'dot').chmod(0o755)
        monkeypatch.setenv('PATH', str(tmp_path))
        with pytest.raises(GraphError, match='cannot be run'):
            engine.write_graph(io.BytesIO())


NAMES = [
    *['node', 'Graph', 'EDGE', 'edge', 'graph', 'strict', 'subgraph', 'digraph'],  # keywords of DOT
    *[' before', 'after ', ' ', 'in between', '\ttab', 'a\tb', 'two\nlines', '\n', 'carriage\rreturn'],
    *[
        'db:migrate',
        'a:n',
        'a:n:s',
        'colon:',
        ':',
        ':colon',
        'a;b',
        'a,b',
        '{a|b}',
        '[a=b]',
        '#hash',
        '//',
        '/*x*/',
        '=',
        '+',
    ],
    *[
        'back\\slash',
        'back\\',
        '\\',
        '\\\\',
        '\\N',
        '\\G',
        '\\L',
        '\\E',
        '\\T',
        '\\l',
        '\\n',
        '\\x01',
        '\\"',
        '\\\\x01',
    ],
    *['"quoted"', '"', '""', 'a"b"', "it's", '`', '<b>', '<<b>>', '<', '>', '<b>bold</b>'],
    *['&', '&lt;', '&amp;', '&#37;d', '&#x41;', '&nbsp;', '%', '%d', '%%', '100%', '%s %d'],
    *[
        '1a',
        '12',
        '-3.4',
        '.5',
        '1e5',
        'a-b',
        'b-c',
        'a',
        'c',
        'a->b',
        'a--b',
        '->',
        '_',
        '$',
        '@',
        '!',
        '?',
        '*',
        '(',
        ')',
    ],
    *['\x01', '\x1b[31m', '\x7f', '\x85', '\x9f'],  # control characters
    *[
        'é',
        'ß',
        'Ω',
        'Привет',
        '日本語',
        '한국어',
        'ไทย',
        'हिन्दी',
        'עברית',
        'العربية',
        'ქართული',
        '🍕',
        '👩‍🚀',
        '𐏿',
        '\u202ertl',
        '\u2028',
    ],
    *['x' * 300, ''],
]


class TestNames:
    """Any name renders as itself: nodes and edges as Graphviz understood them, and the text that people see."""

    @staticmethod
    def shown(name):
        return ''.join(f'\\x{ord(c):02x}' if c != '\n' and (c < ' ' or '\x7f' <= c < '\xa0') else c for c in name)

    def check(self, names):
        engine = configured(job('THE ROOT', [job(name) for name in names]))
        as_json, as_svg = io.BytesIO(), io.BytesIO()
        engine.write_graph(as_json, 'json')
        engine.write_graph(as_svg, 'svg')
        picture = json.loads(as_json.getvalue())
        assert len(picture['objects']) == len(names) + 1
        assert len(picture['edges']) == len(names)
        ids = [node['name'] for node in picture['objects']]
        assert len(set(ids)) == len(ids)
        root = next(node for node in picture['objects'] if node['label'] == 'THE ROOT')
        assert {edge['tail'] for edge in picture['edges']} == {root['_gvid']}
        heads = [edge['head'] for edge in picture['edges']]
        assert sorted([*heads, root['_gvid']]) == sorted(node['_gvid'] for node in picture['objects'])
        seen = []
        for group in ElementTree.fromstring(as_svg.getvalue()).iter('{http://www.w3.org/2000/svg}g'):
            if group.get('class') == 'node':
                lines = [text.text or '' for text in group.iter('{http://www.w3.org/2000/svg}text')]
                seen.append('\n'.join(lines).replace('\xa0', ' '))
        assert sorted(seen) == sorted([self.shown(name).rstrip('\n') for name in names] + ['THE ROOT'])

    def test_all_in_one_graph(self, dot):
        self.check(NAMES)

    @pytest.mark.parametrize('name', NAMES)
    def test_each_alone(self, dot, name):
        self.check([name])

    def test_two_edges_that_read_alike_stay_two(self, dot):
        one, other = job('a-b', [job('c')]), job('a', [job('b-c')])
        engine = configured(job('Root', [one, other]))
        text = io.BytesIO()
        engine.write_graph(text, 'json')
        assert len(json.loads(text.getvalue())['edges']) == 4


class TestDisplayGraph:
    @pytest.fixture
    def screenless(self, monkeypatch, tmp_path):
        for name in ('DISPLAY', 'WAYLAND_DISPLAY'):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv('TMPDIR', str(tmp_path))
        monkeypatch.setattr('tempfile.tempdir', None)
        monkeypatch.setattr(sys, 'platform', 'linux')

    def test_without_a_screen_it_prints_the_path(self, engine, dot, screenless, capsys):
        engine.display_graph()
        path = capsys.readouterr().out.strip()
        assert path.endswith('.svg')
        assert '<svg' in pathlib.Path(path).read_text(encoding='utf-8')

    @pytest.mark.parametrize('opener', ['xdg-open', 'display'])
    def test_with_one_it_opens_the_picture(self, engine, dot, screenless, monkeypatch, tmp_path, opener):
        os.mkfifo(tmp_path / 'seen')
        os.symlink(dot, tmp_path / 'dot')
        program(tmp_path, opener, f'import sys; open({str(tmp_path / "seen")!r}, "w").write(open(sys.argv[1]).read())')
        monkeypatch.setenv('PATH', str(tmp_path))
        monkeypatch.setenv('DISPLAY', ':0')
        engine.display_graph()
        with open(tmp_path / 'seen', encoding='utf-8') as seen:  # waits for the opener
            assert '<svg' in seen.read()

    def test_with_a_screen_and_no_opener_it_prints_the_path(
        self, engine, dot, screenless, monkeypatch, tmp_path, capsys
    ):
        os.symlink(dot, tmp_path / 'dot')
        monkeypatch.setenv('PATH', str(tmp_path))
        monkeypatch.setenv('DISPLAY', ':0')
        engine.display_graph()
        assert capsys.readouterr().out.strip().endswith('.svg')
