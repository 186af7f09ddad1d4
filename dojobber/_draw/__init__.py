"""Pictures of the graph. Only this package knows python-graph, DOT, Graphviz and Mermaid."""

from .graph import JobGraph, graph_lock
from .node import Node, nodes_of
from .notebook import mime_bundle
from .output import default_format, display, write
from .render import render

__all__ = ['JobGraph', 'Node', 'default_format', 'display', 'graph_lock', 'mime_bundle', 'nodes_of', 'render', 'write']
