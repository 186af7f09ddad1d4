"""``engine.graph`` has the Jobs and their colors, and pictures show what a script changes in it."""

from __future__ import annotations

import copy
import io
import pickle
import re
import threading

import pytest
from support.factories import changing, job, make_engine, mark_reached, run_engine, wait_until_reached
from support.names import NAMES, escaped, job_named
from support.rendering import layout, picture, svg, texts

from dojobber import DoJobber, GraphError, NotConfiguredError

ODD_VALUES = [
    *['"', '"quoted"', 'a"b', '\\"', 'back\\', 'back\\\\', '\\\\"', '"]; evil [x="', 'two\nlines', 'end\\\n', '\\\n\\'],
    *['<b>', '<', '>', '<>', '<<', '<b>bold</b>', '<<b>>', '<<b>x</b>', '<a<b>', '<<evil>x</evil>>', '&', '&amp', ''],
    *['a;b', '{a|b}', '// no comment', '/* none */', '#', ' ', '\t', '\0', '\x1b[1m', 'lone \ud800', 'Käse 🍕', '%s'],
    *[5, -1.5, None, True, ('a', 'b'), b'bytes', object],
]


class TestGraph:
    def test_engine_graph_has_every_job_and_an_edge_to_each_dependency(self):
        leaf = job('Leaf')
        graph = make_engine(job('Root', [job('Middle', [leaf]), leaf])).graph
        assert sorted(graph.nodes()) == ['Leaf', 'Middle', 'Root']
        assert sorted(graph.edges()) == [('Middle', 'Leaf'), ('Root', 'Leaf'), ('Root', 'Middle')]

    def test_before_a_run_no_job_has_a_color(self):
        assert make_engine(job('Root')).graph.node_attributes('Root') == []

    def test_after_a_run_attempted_jobs_have_their_color_once(self, engine):
        for _ in range(2):
            assert {name: engine.graph.node_attributes(name) for name in engine.graph.nodes()} == {
                'Fine': [('style', 'filled'), ('color', 'green')],
                'Changed': [('style', 'filled'), ('color', 'darkgreen')],
                'Broken': [('style', 'filled'), ('color', 'red')],
                'Root': [],
            }
            engine.checknrun()

    def test_a_graph_read_before_the_run_gets_the_colors_after_it(self):
        engine = make_engine(job('Root'))
        assert engine.graph.node_attributes('Root') == []
        engine.checknrun()
        assert ('color', 'green') in engine.graph.node_attributes('Root')

    def test_jobs_outside_the_part_that_was_run_have_no_color(self):
        engine = run_engine(job('Root', [job('Leaf')]), node='Leaf')
        assert engine.graph.node_attributes('Root') == []
        assert ('color', 'green') in engine.graph.node_attributes('Leaf')

    @pytest.mark.parametrize(
        ('use', 'culprit'),
        [
            (lambda engine: engine.graph, 'graph'),
            (lambda engine: engine.write_graph(io.BytesIO()), 'write_graph()'),
            (lambda engine: engine.display_graph(), 'display_graph()'),
        ],
    )
    def test_without_configure_there_is_no_graph(self, use, culprit):
        with pytest.raises(NotConfiguredError, match=r'call configure\(\) first') as caught:
            use(DoJobber())
        assert caught.value.culprit == culprit

    def test_the_graph_is_one_object_until_the_next_configure(self, engine):
        graph = engine.graph
        engine.checknrun()
        assert engine.graph is graph
        engine.configure(job('Root'))
        assert engine.graph is not graph

    def test_concurrent_threads_get_the_same_graph(self):
        engine = make_engine(job('Root', [job(f'Leaf{number}') for number in range(300)]))
        start, graphs = threading.Barrier(8), []

        def read():
            start.wait(60)
            graphs.append(engine.graph)

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(graphs) == 8
        assert len({id(graph) for graph in graphs}) == 1


class TestAttributes:
    def test_attributes_of_the_script_take_precedence(self, engine, renderer):
        graph = engine.graph
        graph.add_node_attribute('Fine', ('shape', 'box3d'))
        graph.add_node_attribute('Fine', ('fillcolor', 'gold'))
        graph.add_node_attribute('Fine', ('class', 'mine'))
        graph.add_edge_attribute(('Root', 'Broken'), ('color', 'blue'))
        nodes, edges = layout(engine)
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
        assert layout(engine)[0]['Fine']['shape'] == 'folder'

    def test_the_label_of_an_edge_is_drawn(self, engine, renderer):
        engine.graph.set_edge_label(('Root', 'Fine'), 'needs "this" <first>')
        engine.graph.add_edge_attribute(('Root', 'Changed'), ('label', 'and that'))
        assert {'needs "this" <first>', 'and that'} <= set(texts(svg(engine)))

    def test_attributes_of_the_script_stay_until_the_next_configure(self, renderer):
        root = job('Root', [changing('Leaf')])
        engine = make_engine(root)
        engine.graph.add_node_attribute('Leaf', ('shape', 'folder'))
        assert layout(engine)[0]['Leaf']['shape'] == 'folder'
        for _ in range(2):
            engine.checknrun()
            assert ('shape', 'folder') in engine.graph.node_attributes('Leaf')
            assert ('color', 'darkgreen') in engine.graph.node_attributes('Leaf')
            assert layout(engine)[0]['Leaf']['shape'] == 'folder'
            assert layout(engine)[0]['Leaf']['fillcolor'] == '#0d4a35'
        engine.configure(root)
        assert engine.graph.node_attributes('Leaf') == []
        assert layout(engine)[0]['Leaf']['shape'] == 'box'

    def test_colors_of_a_run_do_not_count_as_attributes_of_the_script(self, engine, renderer):
        assert ('color', 'green') in engine.graph.node_attributes('Fine')
        assert layout(engine)[0]['Fine']['color'] == '#2f7d3b'

    def test_colors_follow_the_states_and_keep_the_attributes_of_the_script(self):
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

    def test_a_color_that_the_script_copies_from_another_job_is_drawn(self, engine, renderer):
        for attribute in engine.graph.node_attributes('Broken'):
            engine.graph.add_node_attribute('Root', attribute)
        assert layout(engine)[0]['Root']['color'] == 'red'

    @pytest.mark.parametrize('name', ['Changed', 'Root'])
    def test_style_and_color_of_the_script_fill_the_node_as_in_graphviz(self, engine, renderer, name):
        engine.graph.add_node_attribute(name, ('style', 'filled'))
        engine.graph.add_node_attribute(name, ('color', 'yellow'))
        node = layout(engine)[0][name]
        assert node['color'] == 'yellow'
        assert not node.get('fillcolor')
        assert not node.get('fontcolor'), 'black can be read on it, white could not'

    @pytest.mark.parametrize('attribute', [('style', 'dashed'), ('fillcolor', 'white')])
    def test_a_white_name_never_stays_on_a_white_node(self, engine, renderer, attribute):
        engine.graph.add_node_attribute('Changed', attribute)
        assert not layout(engine)[0]['Changed'].get('fontcolor')
        engine.graph.add_node_attribute('Changed', ('fontcolor', 'navy'))
        assert layout(engine)[0]['Changed']['fontcolor'] == 'navy'

    def test_a_label_may_be_html_like(self, engine, renderer):
        engine.graph.add_node_attribute('Fine', ('label', '<plain <b>bold</b>>'))
        engine.graph.add_node_attribute('Changed', ('label', '<<table><tr><td>cell</td></tr></table>>'))
        assert {'bold', 'cell'} <= set(texts(svg(engine)))

    @pytest.mark.parametrize('value', ODD_VALUES, ids=ascii)
    def test_any_value_of_an_attribute_can_be_drawn(self, engine, dot, value):
        for name in ('label', 'tooltip', 'comment', 'shape', 'style'):
            engine.graph.add_node_attribute('Fine', (name, value))
        for name in ('label', 'xlabel', 'tooltip', 'comment'):
            engine.graph.add_edge_attribute(('Root', 'Fine'), (name, value))
        nodes, edges = layout(engine)
        assert nodes.keys() == {'Fine', 'Changed', 'Broken', 'Root'}
        assert edges.keys() == {('Root', 'Fine'), ('Root', 'Changed'), ('Root', 'Broken')}
        assert nodes['Changed']['label'] == 'Changed'

    @pytest.mark.parametrize('value', ['"quoted"', '<b>', '<b>bold</b>', 'a < b', '{a|b}', 'Käse 🍕', 5, None])
    def test_any_other_label_is_drawn_as_it_is(self, engine, renderer, value):
        engine.graph.add_node_attribute('Fine', ('label', value))
        assert str(value) in texts(svg(engine))

    def test_escapes_of_graphviz_work_in_a_label(self, engine, renderer):
        engine.graph.add_node_attribute('Fine', ('label', r'first\nsecond \N'))
        assert {'first', 'second Fine'} <= set(texts(svg(engine)))

    @pytest.mark.parametrize(
        'name', ['name', 'obj_dict', 'node', 'Graph', 'two words', 'a"b', '', 'a=b', ']', '5x', 'é', 'a\\', 7, None]
    )
    def test_any_name_of_an_attribute_can_be_drawn(self, engine, renderer, name):
        engine.graph.add_node_attribute('Fine', (name, 'value'))
        engine.graph.add_edge_attribute(('Root', 'Fine'), (name, 'value'))
        drawn = picture(engine, 'svg')
        assert drawn.count(b'class="node"') == 4
        assert drawn.count(b'class="edge"') == 3

    def test_a_long_value_is_not_truncated(self, engine, renderer):
        address = 'http://localhost/?' + 'key=value\\&' * 5_000
        engine.graph.add_node_attribute('Fine', ('comment', address))
        assert layout(engine)[0]['Fine']['comment'].replace('&amp;', '&') == address

    @pytest.mark.parametrize('attribute', ['shape', 5, ('shape',), ('a', 'b', 'c'), None])
    def test_an_attribute_that_is_not_a_pair_is_refused(self, engine, attribute):
        engine.graph.add_node_attribute('Fine', attribute)
        with pytest.raises(GraphError, match=r'must be a \(name, value\) pair') as caught:
            picture(engine, 'dot')
        assert caught.value.culprit is attribute

    def test_a_value_that_cannot_be_converted_to_a_string_is_refused(self, engine):
        class Unprintable:
            def __str__(self):
                raise ValueError('no text')

        unprintable = Unprintable()
        engine.graph.add_edge_attribute(('Root', 'Fine'), ('label', unprintable))
        with pytest.raises(GraphError, match='no text') as caught:
            picture(engine, 'dot')
        assert caught.value.culprit is unprintable

    @pytest.mark.parametrize('shape', ['box3d', 'circle', 'record', 'Mrecord', 'plaintext', 'star'])
    def test_any_name_is_drawn_as_it_is_in_any_shape(self, renderer, shape):
        names = [
            name for name in dict.fromkeys(NAMES) if '\n' not in name and name == name.strip() and '  ' not in name
        ]
        engine = make_engine(job('THE ROOT', [job_named(name) for name in names]))
        for name in names:
            engine.graph.add_node_attribute(name, ('shape', shape))
        assert {escaped(name) for name in names} - set(texts(svg(engine))) == {''}


class TestStructure:
    def test_nodes_and_edges_that_a_script_adds_are_drawn(self, engine, renderer):
        graph = engine.graph
        graph.add_node('By hand', [('shape', 'note')])
        graph.add_node(5)
        graph.add_edge(('Fine', 'By hand'))
        graph.add_edge((5, 'Fine'), label='uses')
        nodes, edges = layout(engine)
        assert nodes['By hand']['shape'] == 'note'
        assert edges.keys() >= {('Fine', 'By hand'), ('5', 'Fine'), ('Root', 'Fine')}
        assert engine.outcomes.keys() == {'Fine', 'Changed', 'Broken', 'Root'}

    def test_nodes_and_edges_that_a_script_deletes_are_not_drawn_but_still_run(self, engine, renderer):
        engine.graph.del_node('Fine')
        engine.graph.del_edge(('Root', 'Changed'))
        engine.checknrun()
        assert engine.outcomes.keys() == {'Fine', 'Changed', 'Broken', 'Root'}
        assert engine.graph.nodes() == ['Changed', 'Broken', 'Root']
        nodes, edges = layout(engine)
        assert nodes.keys() == {'Changed', 'Broken', 'Root'}
        assert edges.keys() == {('Root', 'Broken')}

    @pytest.mark.parametrize('key', [*NAMES[:60], 'graph', 'node', 7, None, ('a', 'b')], ids=ascii)
    def test_any_key_of_a_node_can_be_drawn(self, engine, dot, key):
        engine.graph.add_node(key)
        engine.graph.add_edge((key, 'Root'))
        nodes, edges = layout(engine)
        assert len(nodes) == 5
        assert len(edges) == 4

    def test_keys_with_equal_names_are_one_node_in_the_picture(self, renderer):
        engine = make_engine(job('5'))
        engine.graph.add_node(5)
        engine.graph.add_edge((5, '5'))
        nodes, edges = layout(engine)
        assert nodes.keys() == {'5'}
        assert edges.keys() == {('5', '5')}

    def test_an_empty_graph_can_be_drawn(self, engine, renderer):
        for name in engine.graph.nodes():
            engine.graph.del_node(name)
        assert layout(engine) == ({}, {})

    def test_mermaid_ignores_changes_by_the_script(self, engine):
        before = picture(engine, 'mermaid')
        engine.graph.add_node('By hand', [('shape', 'note')])
        engine.graph.add_node_attribute('Fine', ('shape', 'note'))
        assert picture(engine, 'mermaid') == before

    def test_reading_the_graph_does_not_change_the_picture(self, engine):
        before = picture(engine, 'dot')
        assert engine.graph.nodes() == ['Fine', 'Changed', 'Broken', 'Root']
        assert picture(engine, 'dot') == before


@pytest.mark.parametrize('copy_of', [copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_the_graph_can_be_copied_and_pickled(engine, copy_of):
    engine.graph.add_node_attribute('Root', ('shape', 'star'))
    other = copy_of(engine.graph)
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
                engine.graph.add_node_attribute('Root', ('shape', 'star'))
                text = picture(engine, 'dot').decode()
                found.append(len(re.findall('^"Leaf\\d+" \\[', text, re.MULTILINE)))
                mark_reached(tmp_path, 'the first picture')
                assert repr(engine).startswith('<DoJobber Root: 201 jobs: ')
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    engine.checknrun()
    thread.join(60)
    assert set(found) == {200}
