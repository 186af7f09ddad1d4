"""Nodes and edges that a script adds to ``engine.graph``."""

from __future__ import annotations

import io

from dojobber import DoJobber, DummyJob


def test_added_nodes_and_edges_that_read_alike_are_drawn_once():
    class Root(DummyJob):
        pass

    engine = DoJobber()
    engine.configure(Root)
    for node in 7, '7':
        engine.graph.add_node(node)
        engine.graph.add_edge(('Root', node))
    output = io.BytesIO()
    engine.write_graph(output, 'dot')
    lines = output.getvalue().decode().splitlines()
    assert [line for line in lines if '7' in line.partition('[')[0]] == ['"7" [label="7"];', '"Root" -> "7";']
