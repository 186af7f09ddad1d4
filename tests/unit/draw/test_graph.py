"""What a script changes in ``engine.graph`` is in the picture."""

from __future__ import annotations

import copy
import io
import json
import pickle
import re
import threading
from xml.etree import ElementTree

import pytest
from support.factories import changing, failing, job, make_engine, mark_reached, run_engine, wait_until_reached
from support.names import NAMES, escaped, job_named

from dojobber import GraphError

SVG = '{http://www.w3.org/2000/svg}'
ODD = [
    *['"', '"quoted"', 'a"b', '\\"', 'back\\', 'back\\\\', '\\\\"', '"]; evil [x="', 'two\nlines', 'end\\\n', '\\\n\\'],
    *['<b>', '<', '>', '<>', '<<', '<b>bold</b>', '<<b>>', '<<b>x</b>', '<a<b>', '<<evil>x</evil>>', '&', '&amp', ''],
    *['a;b', '{a|b}', '// no comment', '/* none */', '#', ' ', '\t', '\0', '\x1b[1m', 'lone \ud800', 'Käse 🍕', '%s'],
    *[5, -1.5, None, True, ('a', 'b'), b'bytes', object],
]


@pytest.fixture
def engine():
    return run_engine(job('Root', [job('Fine'), changing('Changed'), failing('Broken')]), default_tries=1)


def drawn(engine, fmt='json'):
    """Return the nodes and the edges of the picture as Graphviz has understood them, by their names."""
    filed = io.BytesIO()
    engine.write_graph(filed, fmt)
    picture = json.loads(filed.getvalue())
    nodes = {node['_gvid']: node for node in picture['objects']}
    edges = {(nodes[edge['tail']]['name'], nodes[edge['head']]['name']): edge for edge in picture.get('edges', [])}
    return {node['name']: node for node in nodes.values()}, edges


def texts(engine):
    filed = io.BytesIO()
    engine.write_graph(filed, 'svg')
    return [''.join(text.itertext()) for text in ElementTree.fromstring(filed.getvalue()).iter(f'{SVG}text')]


class TestAttributes:
    def test_those_of_nodes_and_edges_come_before_ours(self, engine, renderer):
        graph = engine.graph
        graph.add_node_attribute('Fine', ('shape', 'box3d'))
        graph.add_node_attribute('Fine', ('fillcolor', 'gold'))
        graph.add_node_attribute('Fine', ('class', 'mine'))
        graph.add_edge_attribute(('Root', 'Broken'), ('color', 'blue'))
        nodes, edges = drawn(engine)
        assert {name: nodes['Fine'][name] for name in ('shape', 'fillcolor', 'class', 'color')} == {
            'shape': 'box3d',
            'fillcolor': 'gold',
            'class': 'mine',
            'color': '#2f7d3b',
        }
        assert (edges['Root', 'Broken']['color'], edges['Root', 'Broken']['penwidth']) == ('blue', '3')
        assert nodes['Changed']['shape'] == 'box'

    def test_the_last_of_several_values_counts_as_in_python_graph(self, engine, renderer):
        for shape in ('star', 'folder'):
            engine.graph.add_node_attribute('Fine', ('shape', shape))
        assert drawn(engine)[0]['Fine']['shape'] == 'folder'

    def test_the_label_of_an_edge_is_drawn(self, engine, renderer):
        engine.graph.set_edge_label(('Root', 'Fine'), 'needs "this" <first>')
        engine.graph.add_edge_attribute(('Root', 'Changed'), ('label', 'and that'))
        assert {'needs "this" <first>', 'and that'} <= set(texts(engine))

    def test_they_are_there_before_any_run_and_stay_until_configure_is_called_again(self, renderer):
        root = job('Root', [changing('Leaf')])
        engine = make_engine(root)
        engine.graph.add_node_attribute('Leaf', ('shape', 'folder'))
        assert drawn(engine)[0]['Leaf']['shape'] == 'folder'
        for _ in range(2):
            engine.checknrun()
            assert ('shape', 'folder') in engine.graph.node_attributes('Leaf')
            assert ('color', 'darkgreen') in engine.graph.node_attributes('Leaf')
            assert drawn(engine)[0]['Leaf']['shape'] == 'folder'
            assert drawn(engine)[0]['Leaf']['fillcolor'] == '#0d4a35'
        engine.configure(root)
        assert engine.graph.node_attributes('Leaf') == []
        assert drawn(engine)[0]['Leaf']['shape'] == 'box'

    def test_it_is_one_object_until_configure_is_called_again(self, engine):
        graph = engine.graph
        engine.checknrun()
        assert engine.graph is graph
        engine.configure(job('Root'))
        assert engine.graph is not graph

    def test_threads_that_ask_at_the_same_time_get_one(self):
        engine = make_engine(job('Root', [job(f'Leaf{number}') for number in range(300)]))
        start, graphs = threading.Barrier(8), []

        def ask():
            start.wait(60)
            graphs.append(engine.graph)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(graphs) == 8
        assert len({id(graph) for graph in graphs}) == 1

    def test_the_colors_of_a_run_are_not_taken_for_those_of_the_script(self, engine, renderer):
        assert ('color', 'green') in engine.graph.node_attributes('Fine')
        assert drawn(engine)[0]['Fine']['color'] == '#2f7d3b'

    def test_colors_come_and_go_with_the_states_and_keep_what_the_script_added_in_any_way(self):
        state = {'passes': True}

        def check(self):
            assert state['passes']

        engine = run_engine(job('Root', Check=check), default_tries=1)
        graph = engine.graph
        graph.node_attributes('Root').append(('shape', 'star'))
        state['passes'] = False
        engine.checknrun()
        assert engine.graph.node_attributes('Root') == [('style', 'filled'), ('color', 'red'), ('shape', 'star')]
        graph.node_attributes('Root').clear()
        state['passes'] = True
        engine.checknrun()
        assert engine.graph.node_attributes('Root') == [('style', 'filled'), ('color', 'green')]

    def test_a_color_copied_from_another_job_is_the_scripts_own(self, engine, renderer):
        for attribute in engine.graph.node_attributes('Broken'):
            engine.graph.add_node_attribute('Root', attribute)
        assert drawn(engine)[0]['Root']['color'] == 'red'

    @pytest.mark.parametrize('name', ['Changed', 'Root'])
    def test_who_sets_style_and_color_has_filled_it_as_graphviz_does(self, engine, renderer, name):
        engine.graph.add_node_attribute(name, ('style', 'filled'))
        engine.graph.add_node_attribute(name, ('color', 'yellow'))
        node = drawn(engine)[0][name]
        assert node['color'] == 'yellow'
        assert not node.get('fillcolor')
        assert not node.get('fontcolor'), 'black can be read on it, white could not'

    @pytest.mark.parametrize('attribute', [('style', 'dashed'), ('fillcolor', 'white')])
    def test_a_name_in_white_is_not_left_on_white(self, engine, renderer, attribute):
        engine.graph.add_node_attribute('Changed', attribute)
        assert not drawn(engine)[0]['Changed'].get('fontcolor')
        engine.graph.add_node_attribute('Changed', ('fontcolor', 'navy'))
        assert drawn(engine)[0]['Changed']['fontcolor'] == 'navy'

    def test_a_label_may_be_of_graphvizs_html(self, engine, renderer):
        engine.graph.add_node_attribute('Fine', ('label', '<plain <b>bold</b>>'))
        engine.graph.add_node_attribute('Changed', ('label', '<<table><tr><td>cell</td></tr></table>>'))
        assert {'bold', 'cell'} <= set(texts(engine))

    @pytest.mark.parametrize('value', ODD, ids=ascii)
    def test_no_value_breaks_anything(self, engine, dot, value):
        for name in ('label', 'tooltip', 'comment', 'shape', 'style'):
            engine.graph.add_node_attribute('Fine', (name, value))
        for name in ('label', 'xlabel', 'tooltip', 'comment'):
            engine.graph.add_edge_attribute(('Root', 'Fine'), (name, value))
        nodes, edges = drawn(engine)
        assert nodes.keys() == {'Fine', 'Changed', 'Broken', 'Root'}
        assert edges.keys() == {('Root', 'Fine'), ('Root', 'Changed'), ('Root', 'Broken')}
        assert nodes['Changed']['label'] == 'Changed'

    @pytest.mark.parametrize('value', ['"quoted"', '<b>', '<b>bold</b>', 'a < b', '{a|b}', 'Käse 🍕', 5, None])
    def test_a_label_is_shown_as_it_reads(self, engine, renderer, value):
        engine.graph.add_node_attribute('Fine', ('label', value))
        assert str(value) in texts(engine)

    def test_escapes_keep_their_meaning(self, engine, renderer):
        engine.graph.add_node_attribute('Fine', ('label', r'first\nsecond \N'))
        assert {'first', 'second Fine'} <= set(texts(engine))

    @pytest.mark.parametrize(
        'name', ['name', 'obj_dict', 'node', 'Graph', 'two words', 'a"b', '', 'a=b', ']', '5x', 'é', 'a\\', 7, None]
    )
    def test_no_name_of_an_attribute_breaks_anything(self, engine, renderer, name):
        engine.graph.add_node_attribute('Fine', (name, 'value'))
        engine.graph.add_edge_attribute(('Root', 'Fine'), (name, 'value'))
        filed = io.BytesIO()
        engine.write_graph(filed, 'svg')
        assert filed.getvalue().count(b'class="node"') == 4
        assert filed.getvalue().count(b'class="edge"') == 3

    def test_a_long_value_is_drawn_whole(self, engine, renderer):
        address = 'http://localhost/?' + 'key=value\\&' * 5_000
        engine.graph.add_node_attribute('Fine', ('comment', address))
        assert drawn(engine)[0]['Fine']['comment'].replace('&amp;', '&') == address

    @pytest.mark.parametrize('attribute', ['shape', 5, ('shape',), ('a', 'b', 'c'), None])
    def test_what_is_no_pair_is_refused_and_named(self, engine, attribute):
        engine.graph.add_node_attribute('Fine', attribute)
        with pytest.raises(GraphError, match='must be a pair of a name and a value') as caught:
            engine.write_graph(io.BytesIO(), 'dot')
        assert caught.value.culprit is attribute

    def test_so_is_what_cannot_be_made_a_string(self, engine):
        class Mute:
            def __str__(self):
                raise ValueError('no word')

        mute = Mute()
        engine.graph.add_edge_attribute(('Root', 'Fine'), ('label', mute))
        with pytest.raises(GraphError, match='no word') as caught:
            engine.write_graph(io.BytesIO(), 'dot')
        assert caught.value.culprit is mute

    @pytest.mark.parametrize('shape', ['box3d', 'circle', 'record', 'Mrecord', 'plaintext', 'star'])
    def test_names_show_as_they_are_in_any_shape(self, renderer, shape):
        names = [
            name for name in dict.fromkeys(NAMES) if '\n' not in name and name == name.strip() and '  ' not in name
        ]
        engine = make_engine(job('THE ROOT', [job_named(name) for name in names]))
        for name in names:
            engine.graph.add_node_attribute(name, ('shape', shape))
        seen = {text.replace('\xa0', ' ') for text in texts(engine)}
        assert {escaped(name) for name in names} - seen - {''} == set()


class TestStructure:
    def test_nodes_and_edges_that_a_script_adds_are_drawn(self, engine, renderer):
        graph = engine.graph
        graph.add_node('By hand', [('shape', 'note')])
        graph.add_node(5)
        graph.add_edge(('Fine', 'By hand'))
        graph.add_edge((5, 'Fine'), label='uses')
        nodes, edges = drawn(engine)
        assert nodes['By hand']['shape'] == 'note'
        assert edges.keys() >= {('Fine', 'By hand'), ('5', 'Fine'), ('Root', 'Fine')}
        assert engine.outcomes.keys() == {'Fine', 'Changed', 'Broken', 'Root'}

    def test_those_it_deletes_are_not_and_the_run_goes_on_as_before(self, engine, renderer):
        engine.graph.del_node('Fine')
        engine.graph.del_edge(('Root', 'Changed'))
        engine.checknrun()
        assert engine.outcomes.keys() == {'Fine', 'Changed', 'Broken', 'Root'}
        assert engine.graph.nodes() == ['Changed', 'Broken', 'Root']
        nodes, edges = drawn(engine)
        assert nodes.keys() == {'Changed', 'Broken', 'Root'}
        assert edges.keys() == {('Root', 'Broken')}

    @pytest.mark.parametrize('key', [*NAMES[:60], 'graph', 'node', 7, None, ('a', 'b')], ids=ascii)
    def test_any_node_can_be_added(self, engine, dot, key):
        engine.graph.add_node(key)
        engine.graph.add_edge((key, 'Root'))
        nodes, edges = drawn(engine)
        assert len(nodes) == 5
        assert len(edges) == 4

    def test_two_that_read_alike_are_one_in_the_picture(self, renderer):
        engine = make_engine(job('5'))
        engine.graph.add_node(5)
        engine.graph.add_edge((5, '5'))
        nodes, edges = drawn(engine)
        assert nodes.keys() == {'5'}
        assert edges.keys() == {('5', '5')}

    def test_an_empty_graph_is_drawn(self, engine, renderer):
        for name in engine.graph.nodes():
            engine.graph.del_node(name)
        assert 'objects' not in json.loads(self.json_of(engine))

    @staticmethod
    def json_of(engine):
        filed = io.BytesIO()
        engine.write_graph(filed, 'json')
        return filed.getvalue()

    def test_mermaid_draws_the_jobs_as_they_are(self, engine):
        before, after = io.StringIO(), io.StringIO()
        engine.write_graph(before, 'mermaid')
        engine.graph.add_node('By hand', [('shape', 'note')])
        engine.graph.add_node_attribute('Fine', ('shape', 'note'))
        engine.write_graph(after, 'mermaid')
        assert after.getvalue() == before.getvalue()

    def test_without_a_change_the_picture_is_the_same_whether_or_not_the_graph_was_asked_for(self, engine):
        before, after = io.StringIO(), io.StringIO()
        engine.write_graph(before, 'dot')
        assert engine.graph.nodes() == ['Fine', 'Changed', 'Broken', 'Root']
        engine.write_graph(after, 'dot')
        assert after.getvalue() == before.getvalue()


@pytest.mark.parametrize('copied', [copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_the_graph_can_be_copied(engine, copied):
    engine.graph.add_node_attribute('Root', ('shape', 'star'))
    other = copied(engine.graph)
    assert other == engine.graph
    other.add_node('More')
    assert not engine.graph.has_node('More')


def test_another_thread_may_draw_and_change_the_graph_during_a_run(tmp_path):
    leaves = [changing(f'Leaf{number}') for number in range(199)]
    leaves.insert(50, job('Leaf199', Check=lambda self: wait_until_reached(tmp_path, 'the first picture')))
    engine = make_engine(job('Root', leaves, Check=lambda self: mark_reached(tmp_path, 'the end')))
    found = []

    def watch():
        try:
            while not (tmp_path / 'the end').exists():
                text = io.StringIO()
                engine.graph.add_node_attribute('Root', ('shape', 'star'))
                engine.write_graph(text, 'dot')
                found.append(len(re.findall('^"Leaf\\d+" \\[', text.getvalue(), re.MULTILINE)))
                mark_reached(tmp_path, 'the first picture')
                assert repr(engine).startswith('<DoJobber Root: 201 jobs: ')
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    engine.checknrun()
    thread.join()
    assert set(found) == {200}
