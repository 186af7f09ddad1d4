"""Pictures of the graph. Only this package knows python-graph, DOT, Graphviz and Mermaid."""

from .graph import JobGraph
from .graph import lock as graph_lock
from .notebook import mime_bundle
from .output import default_format, display, write
from .picture import picture
from .style import Node

__all__ = ['JobGraph', 'Node', 'default_format', 'display', 'graph_lock', 'mime_bundle', 'picture', 'write']
