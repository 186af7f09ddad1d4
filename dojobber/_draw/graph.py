"""``engine.graph``: a python-graph digraph of the Jobs, which scripts may change."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import GraphError
from ..outcome import Outcome, State
from ..text import error_line, value_text
from .node import Node
from .pygraph import import_python_graph
from .quoting import quote_value

COLORS = {
    State.OK: 'green',
    State.CHANGED: 'darkgreen',
    State.SKIPPED: 'green',
    State.FAILED: 'red',
    State.WOULD_RUN: 'red',
}

graph_lock = threading.RLock()
"""Held while a graph is created or colored, so that concurrent threads get the same graph, colored once."""


class Snapshot(NamedTuple):
    """The nodes and edges of a graph in order, each with its attributes from the script, as DOT text."""

    nodes: Mapping[Hashable, Mapping[str, str]]
    edges: Mapping[tuple[Hashable, Hashable], Mapping[str, str]]


class JobGraph:
    """The digraph of one ``configure()``, with a color on each Job that passed, failed or would run.

    Scripts may change the digraph freely. So this class remembers the attributes that it has set itself: it replaces
    only these when states change, and all others belong to the script.
    """

    def __init__(self, dependencies: Mapping[str, Sequence[str]]) -> None:
        make_digraph, _ = import_python_graph()
        self.digraph = make_digraph()
        self._own_attributes: dict[str, list[tuple[str, str]]] = {}
        for name in dependencies:
            self.digraph.add_node(name)
        for tail, heads in dependencies.items():
            for head in heads:
                self.digraph.add_edge((tail, head))

    def update_colors(self, outcomes: Mapping[str, Outcome]) -> Any:
        """Replace the colors by those of ``outcomes``, and return the digraph."""
        with graph_lock:
            for name in {**outcomes, **self._own_attributes}:
                color = COLORS.get(outcomes[name].state) if name in outcomes else None
                own = [('style', 'filled'), ('color', color)] if color else []
                if own != self._own_attributes.get(name, []) and self.digraph.has_node(name):
                    # Own attributes come first: python-graph uses the last of several values; the script's must win.
                    self.digraph.node_attributes(name)[:] = own + self._script_attributes(name)
                    self._own_attributes[name] = own
        return self.digraph

    def snapshot(self) -> Snapshot:
        """Return the current nodes and edges, without the colors: pictures have better ones.

        Raises:
            GraphError: An attribute is not a (name, value) pair, or a value cannot be converted to a string.
        """
        graph = self.digraph
        with graph_lock:
            nodes = {name: _as_dot(self._script_attributes(name)) for name in graph.nodes()}
        edges = {}
        for edge in graph.edges():
            edges[edge] = _as_dot(graph.edge_attributes(edge))
            label = _as_string(graph.edge_label(edge))
            if label:
                edges[edge]['label'] = quote_value('label', label)
        return Snapshot(nodes, edges)

    def _script_attributes(self, name: Hashable) -> list[Any]:
        attributes = list(self.digraph.node_attributes(name))
        for attribute in self._own_attributes.get(name, []) if isinstance(name, str) else []:
            if attribute in attributes:  # the script may have removed it
                attributes.remove(attribute)
        return attributes


def snapshot_of(nodes: Iterable[Node]) -> Snapshot:
    """Return the snapshot of a graph that no script has changed."""
    nodes = list(nodes)
    edges = [(node.name, dependency) for node in nodes for dependency in node.dependencies]
    return Snapshot({node.name: {} for node in nodes}, {edge: {} for edge in edges})


def node_name(key: Hashable) -> str:
    """Return the name of a node. Scripts may use any hashable object as a node."""
    return key if isinstance(key, str) else _as_string(key)


def _as_dot(attributes: Iterable[Any]) -> dict[str, str]:
    texts = {}
    for attribute in attributes:
        try:
            name, value = attribute
        except (TypeError, ValueError) as error:
            message = f'an attribute in engine.graph must be a (name, value) pair, not {value_text(attribute)}'
            raise GraphError(message, attribute) from error
        texts[_as_string(name)] = quote_value(_as_string(name), _as_string(value))
    return texts


def _as_string(value: object) -> str:
    try:
        return str(value)
    except Exception as error:
        message = f'a value in engine.graph cannot be converted to a string: {error_line(error)}'
        raise GraphError(message, value) from error
