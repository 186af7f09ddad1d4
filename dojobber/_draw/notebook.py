"""What a notebook shows of an engine: all there is in five seconds, and less where that is not enough."""

from __future__ import annotations

import functools
import time
from collections.abc import Collection
from typing import Callable

from ..errors import GraphError
from .dot import dot
from .graph import JobGraph
from .mermaid import mermaid
from .render import rendered
from .style import Node

SECONDS = 5.0
RESERVE = 0.4  # of these, for stopping the renderer and for what comes after it
LARGEST = 5_000  # Jobs and dependencies: Graphviz takes longer for nearly all that are larger
TEXT, MERMAID, SVG = 'text/plain', 'text/vnd.mermaid', 'image/svg+xml'

Drawn = Callable[[], 'tuple[list[Node], JobGraph | None]']


def mime_bundle(
    text: str, drawn: Drawn, include: Collection[str] | None = None, exclude: Collection[str] | None = None
) -> dict[str, str]:
    """Return ``text`` and the picture, as SVG and as Mermaid, by their MIME types.

    Neither kind of picture is there if it cannot be made, or not in time. If there is no SVG, the text says why.

    Args:
        drawn: Returns what to draw; what it raises is a reason, too.
        include: The MIME types to return, instead of all.
        exclude: Those not to return.
    """
    deadline = time.monotonic() + SECONDS - RESERVE
    drawn = functools.cache(drawn)
    makers: dict[str, Callable[[], str]] = {
        MERMAID: lambda: mermaid(drawn()[0], 'TB'),
        SVG: lambda: _svg(*drawn(), deadline),
    }
    bundle = {}
    for kind, make in makers.items():
        if _is_wanted(kind, include, exclude):
            try:
                bundle[kind] = make()
            except Exception as error:
                if kind == SVG:
                    text += f'\nno picture: {error}'
    return {TEXT: text, **bundle} if _is_wanted(TEXT, include, exclude) else bundle


def _is_wanted(kind: str, include: Collection[str] | None, exclude: Collection[str] | None) -> bool:
    return (not include or kind in include) and not (exclude and kind in exclude)


def _svg(nodes: list[Node], graph: JobGraph | None, deadline: float) -> str:
    if len(nodes) + sum(len(node.needs) for node in nodes) > LARGEST:
        raise GraphError(f'{len(nodes)} Jobs are too many to draw in {SECONDS:.0f} s, see write_graph()', 'svg')
    text = dot(nodes, 'TB', graph).encode()
    return rendered(text, 'svg', max(deadline - time.monotonic(), 0.01)).decode()
