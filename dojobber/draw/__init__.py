"""Pictures of the graph. Only this package knows python-graph, DOT, Graphviz and Mermaid."""

from .decorated import JobGraph
from .decorated import lock as graph_lock
from .look import Node
from .notebook import mime_bundle
from .picture import picture
from .target import default_format, display, write

__all__ = ['JobGraph', 'Node', 'default_format', 'display', 'graph_lock', 'mime_bundle', 'picture', 'write']
