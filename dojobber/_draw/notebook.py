"""Shows an engine in a notebook: the picture if it is ready within five seconds, and always text."""

from __future__ import annotations

import functools
import time
from collections.abc import Collection
from typing import Callable

from ..errors import GraphError
from ..text import error_text
from .dot import to_dot
from .graph import JobGraph
from .mermaid import to_mermaid
from .node import Node
from .renderer import run_renderer

TIME_LIMIT = 5.0  # seconds
RESERVE = 0.4  # seconds of TIME_LIMIT, for stopping the renderer and for the notebook's own work
MAX_SIZE = 5_000  # Jobs and dependencies; Graphviz is too slow for nearly all larger graphs
TEXT, MERMAID, SVG = 'text/plain', 'text/vnd.mermaid', 'image/svg+xml'

CollectNodes = Callable[[], 'tuple[list[Node], JobGraph | None]']


def mime_bundle(
    text: str,
    collect_nodes: CollectNodes,
    include: Collection[str] | None = None,
    exclude: Collection[str] | None = None,
) -> dict[str, str]:
    """Return ``text`` and the picture, as SVG and as Mermaid, by MIME type.

    A kind of picture that cannot be made in time is left out. Without an SVG, the text gives the reason.

    Args:
        collect_nodes: Returns the nodes, and the graph that a script may have changed. Called only if a picture is
            wanted. If it raises, there is no picture, and the text gives that error as the reason.
        include: The MIME types to return; by default all.
        exclude: The MIME types not to return.
    """
    deadline = time.monotonic() + TIME_LIMIT - RESERVE
    collect_nodes = functools.cache(collect_nodes)
    makers: dict[str, Callable[[], str]] = {
        MERMAID: lambda: to_mermaid(collect_nodes()[0], 'TB'),
        SVG: lambda: _svg(*collect_nodes(), deadline),
    }
    bundle = {}
    for kind, make in makers.items():
        if _is_wanted(kind, include, exclude):
            try:
                bundle[kind] = make()
            except Exception as error:
                if kind == SVG:
                    text += f'\nno picture: {error_text(error)}'
    return {TEXT: text, **bundle} if _is_wanted(TEXT, include, exclude) else bundle


def _is_wanted(kind: str, include: Collection[str] | None, exclude: Collection[str] | None) -> bool:
    return (not include or kind in include) and not (exclude and kind in exclude)


def _svg(nodes: list[Node], graph: JobGraph | None, deadline: float) -> str:
    if len(nodes) + sum(len(node.dependencies) for node in nodes) > MAX_SIZE:
        raise GraphError(f'{len(nodes)} Jobs are too many to draw in {TIME_LIMIT:.0f} s: use write_graph()', 'svg')
    dot = to_dot(nodes, 'TB', graph).encode()
    return run_renderer(dot, 'svg', max(deadline - time.monotonic(), 0.01)).decode()
