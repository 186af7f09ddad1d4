"""Draws the graph of an engine, and reads the picture."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree

SVG = '{http://www.w3.org/2000/svg}'


def picture(engine, fmt, **options):
    """Return the picture in a format."""
    file = io.BytesIO()
    engine.write_graph(file, fmt, **options)
    return file.getvalue()


def layout(engine, **options):
    """Return the picture as Graphviz understood it: its nodes by name, and its edges by the names of both ends."""
    graph = json.loads(picture(engine, 'json', **options))
    nodes = {node['_gvid']: node for node in graph.get('objects', [])}
    edges = {(nodes[edge['tail']]['name'], nodes[edge['head']]['name']): edge for edge in graph.get('edges', [])}
    assert len(edges) == len(graph.get('edges', []))
    return {node['name']: node for node in nodes.values()}, edges


def size(engine, **options):
    """Return the width and the height of the picture, in points."""
    return [float(number) for number in json.loads(picture(engine, 'json', **options))['bb'].split(',')][2:]


def svg(engine):
    """Return the picture as an XML element."""
    return ElementTree.fromstring(picture(engine, 'svg'))


def texts(element):
    """Return every line of text in a part of an SVG."""
    return [''.join(text.itertext()).replace('\xa0', ' ') for text in element.iter(f'{SVG}text')]


def node_texts(element):
    """Return the text of each node in an SVG, sorted."""
    return sorted('\n'.join(texts(node)) for node in element.iter(f'{SVG}g') if node.get('class') == 'node')
