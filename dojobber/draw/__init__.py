"""Pictures of the graph. Only this package knows python-graph, DOT, Graphviz and Mermaid."""

from .dot import digraph
from .look import Node
from .picture import picture
from .target import default_format, display, write

__all__ = ['Node', 'default_format', 'digraph', 'display', 'picture', 'write']
