from __future__ import annotations

import codecs
import contextlib
import inspect
import io
import json
import os
import pathlib
import re
import sys
import sysconfig
import tempfile
import threading
from xml.etree import ElementTree

import pytest
from support.factories import chain, changing, failing, job, make_engine, run_engine
from support.names import NAMES, escaped, job_named
from support.programs import PNG, write_program

from dojobber import DoJobber, GraphError, NotConfiguredError
from dojobber._draw import write

SVG = '{http://www.w3.org/2000/svg}'
SHOW = 'import sys; open({!r}, "w", encoding="utf-8").write(open(sys.argv[1], encoding="utf-8").read())'


@pytest.fixture
def engine():
    """One that has worked a graph with a Job of each colour and one never tried."""
    root = job('Root', [job('Fine'), changing('Changed'), failing('Broken')])
    return run_engine(root, default_tries=1)


@contextlib.contextmanager
def unprivileged(folder):
    """Have no more rights to what is in a folder than its owner."""
    if not hasattr(os, 'geteuid'):
        pytest.skip('needs POSIX')
    before = os.geteuid(), os.getegid()
    if before[0] == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, 1234, 1234)
        os.setegid(1234)
        os.seteuid(1234)
    try:
        yield
    finally:
        os.seteuid(before[0])
        os.setegid(before[1])


class TestGraph:
    def test_it_has_every_job_and_an_edge_from_each_to_what_it_needs(self):
        leaf = job('Leaf')
        graph = make_engine(job('Root', [job('Middle', [leaf]), leaf])).graph
        assert sorted(graph.nodes()) == ['Leaf', 'Middle', 'Root']
        assert sorted(graph.edges()) == [('Middle', 'Leaf'), ('Root', 'Leaf'), ('Root', 'Middle')]

    def test_before_a_run_nothing_is_coloured(self):
        graph = make_engine(job('Root')).graph
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
        engine = make_engine(job('Root'))
        assert engine.graph.node_attributes('Root') == []
        engine.checknrun()
        assert ('color', 'green') in engine.graph.node_attributes('Root')

    def test_after_a_subgraph_the_rest_is_there_without_a_colour(self):
        engine = run_engine(job('Root', [job('Leaf')]), node='Leaf')
        assert engine.graph.node_attributes('Root') == []
        assert ('color', 'green') in engine.graph.node_attributes('Leaf')

    @pytest.mark.parametrize(
        ('ask', 'what'),
        [
            (lambda e: e.graph, 'graph'),
            (lambda e: e.write_graph(io.BytesIO()), 'write_graph()'),
            (lambda e: e.display_graph(), 'display_graph()'),
        ],
    )
    def test_it_needs_configure_first(self, ask, what):
        with pytest.raises(NotConfiguredError, match=r'call configure\(\) first') as caught:
            ask(DoJobber())
        assert caught.value.culprit == what


class TestWriteGraph:
    def test_a_binary_file_gets_a_png_by_default(self, engine, renderer):
        filed = io.BytesIO()
        engine.write_graph(filed)
        assert filed.getvalue().startswith(PNG)

    def test_the_second_argument_is_the_format(self, engine, renderer):
        filed = io.BytesIO()
        engine.write_graph(filed, 'svg')
        assert b'<svg' in filed.getvalue()

    def test_the_picture_has_the_jobs_the_edges_and_the_colours(self, engine, renderer):
        filed = io.BytesIO()
        engine.write_graph(filed, fmt='json')
        picture = json.loads(filed.getvalue())
        names = [node['name'] for node in picture['objects']]
        assert {node['name']: (node['fillcolor'], node['style']) for node in picture['objects']} == {
            'Fine': ('#90d596', 'filled,rounded'),
            'Changed': ('#0d4a35', 'filled,rounded'),
            'Broken': ('#ff571a', 'filled,rounded'),
            'Root': ('#ffffff', 'filled,rounded,dashed'),
        }
        edges = {(names[edge['tail']], names[edge['head']]): edge['color'] for edge in picture['edges']}
        assert edges == {
            ('Root', 'Fine'): '#767676',
            ('Root', 'Changed'): '#767676',
            ('Root', 'Broken'): '#c62000',
        }

    def test_the_legend_counts_and_is_there_after_a_run_only(self, engine, renderer):
        def texts(engine):
            filed = io.BytesIO()
            engine.write_graph(filed, 'svg')
            return [''.join(text.itertext()) for text in ElementTree.fromstring(filed.getvalue()).iter(f'{SVG}text')]

        legend = ['passed at the first check: 1', 'passed after its Run: 1', 'failed: 1', 'blocked: 1']
        assert [text for text in texts(engine) if ': ' in text] == legend
        engine.configure(job('Root'))
        assert texts(engine) == ['Root']

    def test_the_looks_in_the_legend_are_drawn_in_a_way_that_no_graphviz_gets_wrong(self, engine, renderer):
        # Where a table is dashed by its STYLE, Graphviz writes what happens to be in its memory among its instructions.
        filed = io.BytesIO()
        engine.write_graph(filed, 'json')
        picture = json.loads(filed.getvalue())
        styles = {drawn['style'] for drawn in picture['_ldraw_'] if drawn['op'] == 'S'}
        assert all(re.fullmatch(r'solid|setlinewidth\(\d\)', style) for style in styles), styles
        filled = [drawn['color'] for drawn in picture['_ldraw_'] if drawn['op'] == 'C']
        assert {'#90d596', '#0d4a35', '#ff571a', '#ffffff'} <= set(filled)
        assert filled.count('#767676') >= 10, 'the dashes around the words for blocked Jobs'

    @pytest.mark.parametrize('fmt', ['json', 'xdot', 'dot_json', 'xdot_json', 'plain', 'svg'])
    def test_every_format_that_is_text_is_utf_8(self, engine, renderer, fmt):
        filed = io.BytesIO()
        engine.write_graph(filed, fmt)
        assert 'Changed' in filed.getvalue().decode()

    def test_the_title_is_the_name_of_the_root(self, renderer):
        filed = io.BytesIO()
        make_engine(job('Open the shop', [job('Leaf')])).write_graph(filed, 'svg')
        graph = ElementTree.fromstring(filed.getvalue()).find(f'{SVG}g')
        assert graph.findtext(f'{SVG}title') == 'Open the shop'

    def test_rankdir_turns_the_picture(self, renderer):
        def size(rankdir):
            filed = io.BytesIO()
            make_engine(chain(6, job('Leaf'))).write_graph(filed, 'json', rankdir=rankdir)
            return [float(number) for number in json.loads(filed.getvalue())['bb'].split(',')][2:]

        assert size('TB')[0] < size('TB')[1]
        assert size('LR')[0] > size('LR')[1]

    @pytest.mark.parametrize('rankdir', ['tb', '', None, 5])
    def test_a_rankdir_that_is_none_is_refused(self, engine, rankdir):
        with pytest.raises(GraphError, match='rankdir must be one of TB, LR, BT, RL') as caught:
            engine.write_graph(io.BytesIO(), 'dot', rankdir=rankdir)
        assert caught.value.culprit == rankdir

    def test_many_under_one_root_are_drawn_in_rows(self, renderer):
        def size(count):
            filed = io.BytesIO()
            make_engine(job('Root', [job(f'Job{number}') for number in range(count)])).write_graph(filed, 'json')
            return [float(number) for number in json.loads(filed.getvalue())['bb'].split(',')][2:]

        assert size(60)[0] < 4.5 * size(10)[0], 'in one row it would be six times as wide'
        assert size(60)[1] > 2 * size(10)[1]

    def test_from_left_to_right_they_are_a_plain_list(self, renderer):
        def places(rankdir):
            filed = io.BytesIO()
            engine = make_engine(job('Root', [job(f'Job{number}') for number in range(30)]))
            engine.write_graph(filed, 'json', rankdir=rankdir)
            objects = json.loads(filed.getvalue())['objects']
            axis = 'LR RL'.find(rankdir) < 0  # along which levels of the graph lie: x for these two, else y
            return {float(node['pos'].split(',')[axis]) for node in objects if node['name'] != 'Root'}

        assert len(places('LR')) == len(places('RL')) == 1
        assert len(places('TB')) == len(places('BT')) == 3

    def test_a_thousand_leaves_are_drawn(self, renderer):
        filed = io.BytesIO()
        make_engine(job('Root', [job(f'Job{number}') for number in range(1000)])).write_graph(filed, 'svg')
        assert filed.getvalue().count(b'class="node"') == 1001

    def test_a_job_that_many_hold_up_is_drawn(self, renderer):
        leaf = failing('Leaf')
        held = [job(f'{"long name " * 5}{number}', [leaf]) for number in range(300)]
        filed = io.BytesIO()
        run_engine(job('Root', held), default_tries=1).write_graph(filed, 'svg')
        assert filed.getvalue().count(b'class="node"') == 302

    def test_a_thousand_jobs_are_drawn(self, renderer):
        groups = [job(f'Group{one}', [job(f'Job{one}_{two}') for two in range(19)]) for one in range(50)]
        filed = io.BytesIO()
        make_engine(job('Root', groups)).write_graph(filed, 'svg')
        assert filed.getvalue().count(b'class="node"') == 1001


class TestTarget:
    @pytest.mark.parametrize('made', [str, pathlib.Path])
    @pytest.mark.parametrize(
        ('name', 'start'),
        [('graph.SVG', '<?xml'), ('graph.dot', 'digraph'), ('graph.gv', 'digraph'), ('graph.mmd', 'flowchart')],
    )
    def test_a_path_gets_the_format_of_its_suffix(self, engine, renderer, tmp_path, made, name, start):
        engine.write_graph(made(str(tmp_path / name)))
        assert (tmp_path / name).read_text(encoding='utf-8').startswith(start)

    def test_a_path_without_a_suffix_gets_a_png(self, engine, renderer, tmp_path):
        engine.write_graph(tmp_path / 'graph')
        assert (tmp_path / 'graph').read_bytes().startswith(PNG)

    def test_a_text_mode_file_is_written_through_its_buffer(self, engine, renderer, tmp_path):
        with open(tmp_path / 'graph.png', 'w', encoding='utf-8') as filed:
            engine.write_graph(filed)
        assert (tmp_path / 'graph.png').read_bytes().startswith(PNG)

    def test_so_is_one_of_tempfile(self, engine, renderer):
        with tempfile.NamedTemporaryFile('w') as filed:
            engine.write_graph(filed)
            filed.flush()
            assert pathlib.Path(filed.name).read_bytes().startswith(PNG)

    @pytest.mark.parametrize('fmt', ['dot', 'mermaid', 'svg', 'json'])
    def test_a_text_buffer_takes_the_formats_that_are_text(self, engine, renderer, fmt):
        filed = io.StringIO()
        engine.write_graph(filed, fmt)
        assert 'Changed' in filed.getvalue()

    def test_a_text_buffer_refuses_the_others_and_tells_about_wb(self, engine, renderer):
        filed = io.StringIO()
        with pytest.raises(GraphError, match="mode 'wb'") as caught:
            engine.write_graph(filed)
        assert caught.value.culprit is filed
        assert filed.getvalue() == ''

    @pytest.mark.parametrize('filed', [None, 5, b'path', [], object()])
    def test_what_is_neither_a_path_nor_a_file_is_refused(self, engine, filed):
        with pytest.raises(GraphError, match="mode 'wb'"):
            engine.write_graph(filed, 'dot')

    def test_a_regular_file_is_replaced_as_a_whole_and_keeps_its_mode(self, engine, tmp_path):
        path = tmp_path / 'graph.dot'
        path.write_text('before')
        path.chmod(0o640)
        with open(path, encoding='utf-8') as before:
            engine.write_graph(path)
            assert before.read() == 'before', 'the old file was not touched'
        assert path.read_text(encoding='utf-8').startswith('digraph')
        assert path.stat().st_mode & 0o777 == 0o640
        assert [each.name for each in tmp_path.iterdir()] == ['graph.dot']

    def test_it_stays_as_it_was_when_the_disk_is_full(self, engine, tmp_path):
        resource = pytest.importorskip('resource')
        path = tmp_path / 'graph.dot'
        path.write_text('before')
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
        try:
            with pytest.raises(OSError, match=re.escape(str(path))):
                engine.write_graph(path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.read_text(encoding='utf-8') == 'before'
        assert [each.name for each in tmp_path.iterdir()] == ['graph.dot']

    def test_it_stays_as_it_was_whatever_ends_the_writing(self, tmp_path):
        path = tmp_path / 'graph.dot'
        path.write_text('before')
        with pytest.raises(TypeError):
            write(path, None)
        assert path.read_text(encoding='utf-8') == 'before'
        assert [each.name for each in tmp_path.iterdir()] == ['graph.dot']

    def test_a_folder_that_is_not_there_is_named(self, engine, tmp_path):
        path = tmp_path / 'no' / 'graph.dot'
        with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
            engine.write_graph(path)

    def test_a_file_with_several_names_keeps_them(self, engine, tmp_path):
        (tmp_path / 'one.dot').write_text('before')
        os.link(tmp_path / 'one.dot', tmp_path / 'other.dot')
        engine.write_graph(tmp_path / 'one.dot')
        assert (tmp_path / 'other.dot').read_text(encoding='utf-8').startswith('digraph')

    @pytest.mark.skipif(getattr(os, 'geteuid', lambda: 1)() != 0, reason='needs to give a file away')
    def test_a_file_of_another_owner_stays_theirs(self, engine, tmp_path):
        (tmp_path / 'graph.dot').write_text('before')
        os.chown(tmp_path / 'graph.dot', 1234, 1234)
        engine.write_graph(tmp_path / 'graph.dot')
        assert (tmp_path / 'graph.dot').read_text(encoding='utf-8').startswith('digraph')
        status = (tmp_path / 'graph.dot').stat()
        assert (status.st_uid, status.st_gid) == (1234, 1234)

    def test_a_file_in_a_folder_that_takes_no_other_is_written(self, tmp_path, monkeypatch):
        (tmp_path / 'graph.dot').write_text('before')
        tmp_path.chmod(0o500)
        monkeypatch.chdir(tmp_path)
        with unprivileged(tmp_path):
            write('graph.dot', b'digraph {}')
        assert (tmp_path / 'graph.dot').read_text() == 'digraph {}'
        tmp_path.chmod(0o700)

    def test_a_file_that_may_not_be_written_is_not_replaced(self, tmp_path, monkeypatch):
        (tmp_path / 'graph.dot').write_text('before')
        (tmp_path / 'graph.dot').chmod(0o400)
        monkeypatch.chdir(tmp_path)
        with unprivileged(tmp_path), pytest.raises(PermissionError, match=r'graph\.dot'):
            write('graph.dot', b'digraph {}')
        assert (tmp_path / 'graph.dot').read_text() == 'before'

    @pytest.mark.parametrize('path', ['graph\0.dot', 'graph\ud800.dot\0'])
    def test_what_cannot_be_a_path_is_refused(self, engine, path):
        with pytest.raises(GraphError, match='cannot be the path of a file') as caught:
            engine.write_graph(path, 'dot')
        assert caught.value.culprit == path

    @pytest.mark.parametrize('fmt', ['dot', 'mermaid'])
    def test_a_codecs_writer_takes_the_formats_that_are_text(self, engine, fmt):
        filed, encoded = io.BytesIO(), io.BytesIO()
        engine.write_graph(filed, fmt)
        engine.write_graph(codecs.getwriter('utf-16')(encoded), fmt)
        assert encoded.getvalue().decode('utf-16') == filed.getvalue().decode()

    def test_a_file_that_takes_a_part_at_a_time_gets_it_all(self, engine):
        class Narrow(io.RawIOBase):
            taken = b''

            def writable(self):
                return True

            def write(self, data):
                self.taken += bytes(data[:100])
                return min(len(data), 100)

        filed, narrow = io.BytesIO(), Narrow()
        engine.write_graph(filed, 'dot')
        engine.write_graph(narrow, 'dot')
        assert narrow.taken == filed.getvalue()

    def test_a_pipe_that_is_full_and_does_not_wait_is_an_error(self, engine):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with open(reading, 'rb', buffering=0), open(writing, 'wb', buffering=0) as filed:
            while filed.write(b'x' * 65536):
                pass
            with pytest.raises(BlockingIOError):
                engine.write_graph(filed, 'dot')

    def test_a_link_is_written_through(self, engine, tmp_path):
        (tmp_path / 'link.dot').symlink_to(tmp_path / 'target')
        engine.write_graph(tmp_path / 'link.dot')
        assert (tmp_path / 'link.dot').is_symlink()
        assert (tmp_path / 'target').read_text(encoding='utf-8').startswith('digraph')

    def test_a_device_is_written_through(self, engine):
        engine.write_graph(os.devnull, 'dot')
        assert not os.path.isfile(os.devnull)

    def test_a_fifo_is_written_through(self, engine, tmp_path):
        os.mkfifo(tmp_path / 'fifo')
        writing = threading.Thread(target=engine.write_graph, args=[tmp_path / 'fifo', 'dot'])
        writing.start()
        assert (tmp_path / 'fifo').read_text(encoding='utf-8').startswith('digraph')
        writing.join()


class TestRenderer:
    def test_graphviz_comes_first(self, engine, monkeypatch, tmp_path):
        for name in ('dot', 'graphviz-pure'):
            write_program(tmp_path, name, f'import sys; sys.stdin.read(); print({name!r})')
        monkeypatch.setenv('PATH', str(tmp_path))
        filed = io.BytesIO()
        engine.write_graph(filed)
        assert filed.getvalue() == b'dot\n'

    def test_graphviz_pure_is_also_found_beside_this_python(self, engine, monkeypatch, tmp_path):
        write_program(tmp_path, 'graphviz-pure', 'import sys; sys.stdin.read(); print("beside")')
        monkeypatch.setenv('PATH', '')
        monkeypatch.setattr(sysconfig, 'get_path', lambda name: str(tmp_path))
        filed = io.BytesIO()
        engine.write_graph(filed)
        assert filed.getvalue() == b'beside\n'

    @pytest.mark.parametrize('fmt', ['dot', 'mermaid'])
    def test_texts_need_none(self, engine, no_renderer, fmt):
        filed = io.BytesIO()
        engine.write_graph(filed, fmt)
        assert b'Changed' in filed.getvalue()

    @pytest.mark.parametrize('fmt', ['png', 'svg', 'nonsense'])
    def test_without_one_the_error_names_both_remedies_and_nothing_is_written(self, engine, no_renderer, tmp_path, fmt):
        with pytest.raises(GraphError, match=r'apt install graphviz.*pip install graphviz-pure') as caught:
            engine.write_graph(tmp_path / 'graph', fmt)
        assert isinstance(caught.value, RuntimeError)
        assert caught.value.culprit == fmt
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize('fmt', ['nonsense', 'png:nonsense', ' ', '\n', 'a\0b'])
    def test_a_format_it_does_not_have_is_an_error_in_its_own_words(self, engine, renderer, tmp_path, fmt):
        with pytest.raises(GraphError, match=r'(?s)(recognized|unknown|unsupported|null byte|not found|format)'):
            engine.write_graph(tmp_path / 'graph.png', fmt)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize('fmt', [5, b'svg', ['svg']])
    def test_a_format_that_is_no_name_is_refused(self, engine, fmt):
        with pytest.raises(GraphError, match='fmt must be the name of a format'):
            engine.write_graph(io.BytesIO(), fmt)

    def test_the_renderer_has_a_minute_unless_asked_otherwise(self):
        assert inspect.signature(DoJobber.write_graph).parameters['timeout'].default == 60

    @pytest.mark.parametrize('timeout', ['1', None, 0, -1, float('nan'), 1j])
    def test_a_time_limit_that_is_none_is_refused(self, engine, timeout):
        with pytest.raises(GraphError, match='timeout must be a number of seconds above 0') as caught:
            engine.write_graph(io.BytesIO(), 'dot', timeout=timeout)
        assert caught.value.culprit is timeout

    def test_it_may_take_its_time(self, engine, renderer):
        filed = io.BytesIO()
        engine.write_graph(filed, timeout=float('inf'))
        assert filed.getvalue().startswith(PNG)

    def test_one_that_dies_without_a_word_is_an_error(self, engine, monkeypatch, tmp_path):
        write_program(tmp_path, 'dot', 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)')
        monkeypatch.setenv('PATH', str(tmp_path))
        with pytest.raises(GraphError, match='it said nothing and ended with -9'):
            engine.write_graph(io.BytesIO())

    def test_one_that_does_not_end_is_stopped(self, engine, monkeypatch, tmp_path):
        write_program(tmp_path, 'dot', 'import signal, sys; sys.stdin.read(); signal.pause()')
        monkeypatch.setenv('PATH', str(tmp_path))
        with pytest.raises(GraphError, match='did not finish within'):
            engine.write_graph(io.BytesIO(), timeout=0.5)

    def test_one_that_fails_is_quoted(self, engine, monkeypatch, tmp_path):
        write_program(tmp_path, 'dot', 'import sys; sys.exit("out of ink")')
        monkeypatch.setenv('PATH', str(tmp_path))
        with pytest.raises(GraphError, match='out of ink'):
            engine.write_graph(io.BytesIO())

    def test_one_that_cannot_be_run_is_an_error(self, engine, monkeypatch, tmp_path):
        (tmp_path / 'dot').write_bytes(b'\x7fELF nonsense')
        (tmp_path / 'dot').chmod(0o755)
        monkeypatch.setenv('PATH', str(tmp_path))
        with pytest.raises(GraphError, match='cannot be run'):
            engine.write_graph(io.BytesIO())


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


class TestNames:
    """Any name renders as itself: nodes and edges as Graphviz understood them, and the text that people see."""

    def check(self, names):
        engine = make_engine(job('THE ROOT', [job_named(name) for name in names]))
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
        seen = self.texts(ElementTree.fromstring(as_svg.getvalue()))
        assert seen == sorted([escaped(name).rstrip('\n') for name in names] + ['THE ROOT'])

    def texts(self, svg):
        """Return the texts of all nodes, sorted."""
        seen = []
        for group in svg.iter(f'{SVG}g'):
            if group.get('class') == 'node':
                lines = [text.text or '' for text in group.iter(f'{SVG}text')]
                seen.append('\n'.join(lines).replace('\xa0', ' '))
        return sorted(seen)

    def test_all_in_one_graph(self, renderer):
        assert len(set(NAMES)) >= 150
        self.check(list(dict.fromkeys(NAMES)))

    @pytest.mark.parametrize('name', dict.fromkeys(NAMES))
    def test_each_as_the_root_is_the_title_in_one_line_too(self, dot, name):
        root = job_named(name)
        root.DEPS = [job('THE LEAF')]
        as_json, as_svg = io.BytesIO(), io.BytesIO()
        engine = make_engine(root)
        engine.write_graph(as_json, 'json')
        engine.write_graph(as_svg, 'svg')
        picture = json.loads(as_json.getvalue())
        assert len(picture['objects']) == 2
        leaf = next(node for node in picture['objects'] if node['label'] == 'THE LEAF')
        assert [edge['head'] for edge in picture['edges']] == [leaf['_gvid']]
        svg = ElementTree.fromstring(as_svg.getvalue())
        assert svg.find(f'{SVG}g').findtext(f'{SVG}title') == (escaped(name).replace('\n', ' ') or None)
        assert self.texts(svg) == sorted([escaped(name).rstrip('\n'), 'THE LEAF'])

    def test_a_name_of_several_lines_does_not_break_postscript(self, dot):
        filed = io.BytesIO()
        make_engine(job('one\nshowpage\ntwo')).write_graph(filed, 'ps')
        assert b'%%Title: one showpage two' in filed.getvalue()
        assert b'\nshowpage\ntwo' not in filed.getvalue()

    def test_two_edges_that_read_alike_stay_two(self, renderer):
        one, other = job('a-b', [job('c')]), job('a', [job('b-c')])
        engine = make_engine(job('Root', [one, other]))
        text = io.BytesIO()
        engine.write_graph(text, 'json')
        assert len(json.loads(text.getvalue())['edges']) == 4

    def test_the_tooltip_tells_the_kind_the_first_docstring_line_the_status_and_the_error(self):
        def check(self):
            raise ValueError

        jobs = [job('Fine', __doc__='One line.\n\nMore lines.'), job('Bare'), job('Mute', Check=check)]
        engine = make_engine(job('Root', jobs), default_tries=1)

        def tooltips():
            text = io.BytesIO()
            engine.write_graph(text, 'dot')
            return dict(re.findall(r'^"(\w+)" \[.*tooltip="(.*?)"', text.getvalue().decode(), re.MULTILINE))

        assert tooltips() == {'Fine': r'Job\nOne line.', 'Bare': 'Job', 'Mute': 'Job', 'Root': 'Job'}
        engine.checknrun()
        assert tooltips() == {
            'Fine': r'Job\nOne line.\npassed at the first check, after 1 try',
            'Bare': r'Job\npassed at the first check, after 1 try',
            'Mute': r'Job\nfailed, after 1 try\nValueError',
            'Root': r'Job\nblocked\nby Mute',
        }

    @pytest.mark.parametrize('error', ERRORS)
    def test_an_error_is_in_the_tooltip_as_it_is(self, renderer, error):
        def check(self):
            raise ValueError(error)

        picture = io.BytesIO()
        run_engine(job('Job', Check=check, __doc__='Break.'), default_tries=1).write_graph(picture, 'svg')
        links = ElementTree.fromstring(picture.getvalue()).iter(f'{SVG}a')
        titles = [link.get('{http://www.w3.org/1999/xlink}title').split() for link in links]
        assert f'Job Break. failed, after 1 try {escaped(error)}'.split() in titles

    def test_names_too_long_for_the_renderer_are_cut_and_stay_apart(self, renderer):
        names = ['\N{GRINNING FACE}' * 20_000, '\N{GRINNING FACE}' * 20_001, '\\' * 20_000]
        picture = io.BytesIO()
        run_engine(job('Root', [job(name) for name in names])).write_graph(picture, 'json')
        drawn = json.loads(picture.getvalue())
        assert len(drawn['objects']) == 4
        assert len(drawn['edges']) == 3
        assert all(node['label'].endswith(' …') for node in drawn['objects'] if node['name'] != 'Root')

    def test_an_error_of_megabytes_is_cut(self, renderer):
        def check(self):
            raise ValueError('x' * 5_000_000)

        picture = io.BytesIO()
        run_engine(job('Job', Check=check), default_tries=1).write_graph(picture, 'svg')
        assert len(picture.getvalue()) < 10_000


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
    def test_with_one_it_opens_the_picture(self, engine, dot, screenless, monkeypatch, tmp_path, capsys, opener):
        os.symlink(dot, tmp_path / 'dot')
        write_program(tmp_path, opener, SHOW.format(str(tmp_path / 'seen')))
        monkeypatch.setenv('PATH', str(tmp_path))
        monkeypatch.setenv('DISPLAY', ':0')
        engine.display_graph()
        assert '<svg' in (tmp_path / 'seen').read_text(encoding='utf-8')
        assert capsys.readouterr().out == ''

    def test_a_viewer_may_stay_open(self, engine, dot, screenless, monkeypatch, tmp_path, capsys):
        os.mkfifo(tmp_path / 'seen')
        os.symlink(dot, tmp_path / 'dot')
        write_program(tmp_path, 'xdg-open', SHOW.format(str(tmp_path / 'seen')))
        monkeypatch.setenv('PATH', str(tmp_path))
        monkeypatch.setenv('DISPLAY', ':0')
        monkeypatch.setattr('dojobber._draw.output.PATIENCE', 0.01)
        engine.display_graph()
        assert '<svg' in (tmp_path / 'seen').read_text(encoding='utf-8')  # for which the viewer was waiting
        assert capsys.readouterr().out == ''

    @pytest.mark.parametrize('broken', ['import sys; sys.exit(3)', None])
    def test_display_is_the_second_choice_where_the_first_fails(
        self, engine, dot, screenless, monkeypatch, tmp_path, capsys, broken
    ):
        os.symlink(dot, tmp_path / 'dot')
        opener = write_program(tmp_path, 'xdg-open', broken)
        if broken is None:
            opener.write_bytes(b'\x7fELF nonsense')
        write_program(tmp_path, 'display', SHOW.format(str(tmp_path / 'seen')))
        monkeypatch.setenv('PATH', str(tmp_path))
        monkeypatch.setenv('DISPLAY', ':0')
        engine.display_graph()
        assert '<svg' in (tmp_path / 'seen').read_text(encoding='utf-8')
        assert capsys.readouterr().out == ''

    def test_where_both_fail_it_prints_the_path(self, engine, dot, screenless, monkeypatch, tmp_path, capsys):
        os.symlink(dot, tmp_path / 'dot')
        for opener in ('xdg-open', 'display'):
            write_program(tmp_path, opener, 'import sys; sys.exit(1)')
        monkeypatch.setenv('PATH', str(tmp_path))
        monkeypatch.setenv('DISPLAY', ':0')
        engine.display_graph()
        assert capsys.readouterr().out.strip().endswith('.svg')

    def test_with_a_screen_and_no_opener_it_prints_the_path(
        self, engine, dot, screenless, monkeypatch, tmp_path, capsys
    ):
        os.symlink(dot, tmp_path / 'dot')
        monkeypatch.setenv('PATH', str(tmp_path))
        monkeypatch.setenv('DISPLAY', ':0')
        engine.display_graph()
        assert capsys.readouterr().out.strip().endswith('.svg')

    def test_on_windows_the_system_opens_it(self, engine, renderer, screenless, monkeypatch):
        opened = []
        monkeypatch.setattr(os, 'startfile', opened.append, raising=False)  # the real one is on Windows only
        engine.display_graph()
        (path,) = opened
        assert path.endswith('.svg')


def test_without_python_graph_the_error_says_what_to_install(engine, monkeypatch):
    def load():
        raise ModuleNotFoundError("No module named 'pygraph'", name='pygraph')

    monkeypatch.setattr('dojobber._draw.pygraph.load', load)
    with pytest.raises(GraphError, match='pip install python-graph-core python-graph-dot') as caught:
        engine.write_graph(io.BytesIO(), 'dot')
    assert caught.value.culprit == 'pygraph'
