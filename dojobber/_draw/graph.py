"""``engine.graph``: a python-graph digraph of the Jobs, and what a script has added to it."""

from __future__ import annotations

import re
import threading
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import GraphError
from ..outcome import Outcome, State
from .style import Node, printable

COLORS = {State.OK: 'green', State.CHANGED: 'darkgreen', State.FAILED: 'red', State.WOULD_RUN: 'red'}
PIECE = 4000  # characters: Graphviz reads at most 16,384 bytes of a string at once, and takes it in pieces

lock = threading.RLock()
"""Held while a graph is made or painted, so that threads that do so at the same time get one graph, painted once."""


class Extras(NamedTuple):
    """The nodes and edges to draw, in order, each with the attributes that the script has given it, as DOT text."""

    nodes: Mapping[Hashable, Mapping[str, str]]
    edges: Mapping[tuple[Hashable, Hashable], Mapping[str, str]]


class JobGraph:
    """The digraph of one ``configure()``, with a color on each Job that was tried.

    The script may change the digraph as it likes. Which attributes are the project's own is therefore remembered here:
    only these are replaced when the states change, and all others are the script's.
    """

    def __init__(self, needs: Mapping[str, Sequence[str]]) -> None:
        make_digraph, _ = python_graph()
        self.digraph = make_digraph()
        self._painted: dict[str, list[tuple[str, str]]] = {}
        for name in needs:
            self.digraph.add_node(name)
        for name, needed in needs.items():
            for need in needed:
                self.digraph.add_edge((name, need))

    def paint(self, outcomes: Mapping[str, Outcome]) -> Any:
        """Put the colors of ``outcomes`` on the digraph, in place of those before, and return it."""
        with lock:
            for name in {**outcomes, **self._painted}:
                color = COLORS.get(outcomes[name].state) if name in outcomes else None
                paint = [('style', 'filled'), ('color', color)] if color else []
                if paint != self._painted.get(name, []) and self.digraph.has_node(name):
                    # First, since python-graph lets the last of several values win, which is to be the script's.
                    self.digraph.node_attributes(name)[:] = paint + self._added(name)
                    self._painted[name] = paint
        return self.digraph

    def extras(self) -> Extras:
        """Return what is in the digraph now, without the colors: pictures have better ones.

        Raises:
            GraphError: An attribute is not a pair of a name and a value, or one of these cannot be made a string.
        """
        graph = self.digraph
        with lock:
            nodes = {name: _as_dot(self._added(name)) for name in graph.nodes()}
        edges = {}
        for edge in graph.edges():
            edges[edge] = _as_dot(graph.edge_attributes(edge))
            label = _string(graph.edge_label(edge))
            if label:
                edges[edge]['label'] = _value('label', label)
        return Extras(nodes, edges)

    def _added(self, name: Hashable) -> list[Any]:
        added = list(self.digraph.node_attributes(name))
        for each in self._painted.get(name, []) if isinstance(name, str) else []:
            if each in added:  # the script may have removed it
                added.remove(each)
        return added


def no_extras(nodes: Iterable[Node]) -> Extras:
    """Return the Jobs and what they need, for a graph that no script has had in hand."""
    nodes = list(nodes)
    return Extras({node.name: {} for node in nodes}, {(node.name, need): {} for node in nodes for need in node.needs})


def overlaid(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """Return both sets of attributes, ``theirs`` before ``ours``.

    What Graphviz derives from another attribute unless told goes with that one: an own style does not leave a white
    name on a white node, nor another shape the rounded corners of a box.
    """
    ours = dict(ours)
    if 'shape' in theirs and 'style' in ours:
        ours['style'] = ours['style'].replace('rounded,', '').replace(',rounded', '')
    filled = 'filled' in theirs.get('style', 'filled')
    if 'style' in theirs and 'color' in theirs and filled:
        ours.pop('fillcolor', None)
    if 'record' in theirs.get('shape', '').lower():
        ours['label'] = re.sub('[{}|<> ]', r'\\\g<0>', ours['label'])  # which mean something there
    if not filled or 'fillcolor' in theirs or 'fillcolor' not in ours:
        ours.pop('fontcolor', None)
    return {**ours, **theirs}


def pairs(attributes: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return attributes as python-graph takes them, their names quoted where DOT or pydot would stumble over them."""
    return [(name if _PLAIN.fullmatch(name) else f'"{_escaped(name)}"', value) for name, value in attributes.items()]


def as_name(key: Hashable) -> str:
    """Return the name of a node: that of a Job as it is, and as a string whatever else a script takes for a node."""
    return key if isinstance(key, str) else _string(key)


def _as_dot(attributes: Iterable[Any]) -> dict[str, str]:
    found = {}
    for attribute in attributes:
        try:
            name, value = attribute
        except (TypeError, ValueError) as error:
            message = f'an attribute in engine.graph must be a pair of a name and a value, not {attribute!r}'
            raise GraphError(message, attribute) from error
        found[_string(name)] = _value(_string(name), _string(value))
    return found


def _string(value: object) -> str:
    try:
        return str(value)
    except Exception as error:
        raise GraphError(f'something in engine.graph cannot be made a string: {error!r}', value) from error


def _value(name: str, text: str) -> str:
    """Return ``text`` as a DOT string. Escapes and entities in it keep the meaning that they have for Graphviz."""
    if name in _MARKED_UP and _is_html(text):
        return printable(text, '\\')
    text = _escaped(text)
    pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
    joined = ''.join(piece if piece.endswith('\\') else piece + '\\\n' for piece in pieces[:-1])
    return f'"{joined}{pieces[-1] if pieces else ""}"'


def _escaped(text: str) -> str:
    """Return ``text`` for use in the quotes of DOT. A backslash that would swallow what ends the string is doubled."""
    text = printable(text, '\\\\')
    return _ENDING.sub(lambda found: found[1] + '\\' * (len(found[1]) % 2) + _ENDINGS[found[2]], text)


def _is_html(text: str) -> bool:
    """Tell whether ``text`` is an HTML-like label of Graphviz: well-formed, with a tag of it, in angle brackets."""
    from xml.parsers import expat

    if not (text.startswith('<') and text.endswith('>') and _TAG.search(text[1:-1])):
        return False
    if text.count('<') != text.count('>'):  # by which Graphviz finds the end
        return False
    try:
        expat.ParserCreate().Parse(f'<HTML>{re.sub("&[^;<>]*;", "", text[1:-1])}</HTML>', True)
    except (expat.ExpatError, ValueError):
        return False
    return True


_MARKED_UP = {'label', 'xlabel', 'headlabel', 'taillabel'}
_TAG = re.compile(r'<(table|font|br|img|i|b|u|o|sub|sup|s|hr|vr)\b', re.IGNORECASE)
_ENDINGS = {'"': '\\"', '\n': '\\n', '': ''}
_ENDING = re.compile(r'(\\*)(["\n]|\Z)')
_PLAIN = re.compile(
    r'(?!(?:node|edge|graph|digraph|subgraph|strict|name|obj_dict|src|dst|points)\Z)[a-z_][a-z_0-9]*',
    re.IGNORECASE | re.ASCII,
)


def python_graph() -> tuple[Any, Any]:
    """Return python-graph's ``digraph`` class and its function that writes a graph as DOT.

    Raises:
        GraphError: python-graph cannot be imported.
    """
    from .pygraph import load

    try:
        return load()
    except ImportError as error:
        raise GraphError(f'pip install python-graph-core python-graph-dot: {error}', error.name) from error
