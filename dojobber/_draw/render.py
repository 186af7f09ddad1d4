"""Renders the graph in any format: DOT and Mermaid as text, everything else through the installed renderer."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import GraphError
from .dot import to_dot
from .graph import JobGraph
from .mermaid import to_mermaid
from .node import Node
from .renderer import run_renderer

TEXT_FORMATS = {'mermaid': to_mermaid}
RANKDIRS = ('TB', 'LR', 'BT', 'RL')


def render(
    nodes: Iterable[Node], fmt: str, rankdir: str = 'TB', timeout: float = 60, graph: JobGraph | None = None
) -> bytes:
    """Return the picture in the format ``fmt``: ``'dot'``, ``'mermaid'``, or any format of the renderer.

    Args:
        rankdir: ``'TB'`` draws a Job above its dependencies; ``'LR'``, ``'BT'`` and ``'RL'`` turn the picture.
        timeout: Seconds after which the renderer is stopped; infinity is allowed.
        graph: The graph that a script may have changed. ``'mermaid'`` ignores it, since it contains Graphviz's
            attributes.

    Raises:
        GraphError: An argument is invalid; there is no renderer; or it rejects the format, fails or takes too long.
    """
    if rankdir not in RANKDIRS:
        raise GraphError(f'rankdir must be one of {", ".join(RANKDIRS)}, not {rankdir!r}', rankdir)
    if not isinstance(fmt, str):
        raise GraphError(f'fmt must be the name of a format, such as svg, not {fmt!r}', fmt)
    if not isinstance(timeout, (int, float)) or not timeout > 0:
        raise GraphError(f'timeout must be a positive number of seconds, not {timeout!r}', timeout)
    if fmt in TEXT_FORMATS:
        return TEXT_FORMATS[fmt](nodes, rankdir).encode()
    dot = to_dot(nodes, rankdir, graph).encode()
    return dot if fmt == 'dot' else run_renderer(dot, fmt, timeout)
