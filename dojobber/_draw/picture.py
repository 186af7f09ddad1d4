"""Makes a picture: text by ourselves, anything else with a renderer that is installed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import GraphError
from .dot import dot
from .graph import JobGraph
from .mermaid import mermaid
from .render import rendered
from .style import Node

TEXTS = {'mermaid': mermaid}
RANKDIRS = ('TB', 'LR', 'BT', 'RL')


def picture(
    nodes: Iterable[Node], fmt: str, rankdir: str = 'TB', timeout: float = 60, graph: JobGraph | None = None
) -> bytes:
    """Return the picture in a format: ``'dot'``, ``'mermaid'``, or any that the renderer has.

    Args:
        rankdir: ``'TB'`` draws a Job above what it needs; ``'LR'``, ``'BT'`` and ``'RL'`` turn that.
        timeout: Seconds after which the renderer is stopped; infinity lets it take its time.
        graph: What a script has had in hand, and may have changed. ``'mermaid'`` draws the Jobs as they are: it does
            not know Graphviz's attributes.

    Raises:
        GraphError: An argument is none of these; there is no renderer, or it refuses the format, fails, takes too long.
    """
    if rankdir not in RANKDIRS:
        raise GraphError(f'rankdir must be one of {", ".join(RANKDIRS)}, not {rankdir!r}', rankdir)
    if not isinstance(fmt, str):
        raise GraphError(f'fmt must be the name of a format, such as svg, not {fmt!r}', fmt)
    _check_timeout(timeout)
    if fmt in TEXTS:
        return TEXTS[fmt](nodes, rankdir).encode()
    text = dot(nodes, rankdir, graph).encode()
    return text if fmt == 'dot' else rendered(text, fmt, timeout)


def _check_timeout(timeout: Any) -> None:
    if not isinstance(timeout, (int, float)) or not timeout > 0:
        raise GraphError(f'timeout must be a number of seconds above 0, not {timeout!r}', timeout)
