"""Colors and borders of the pictures, the same in every format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ..outcome import State
from .node import Node


class NodeStyle(NamedTuple):
    """Colors and border of a Job. They differ with every kind of color blindness and in black-and-white print."""

    status: str
    """Description in legends and tooltips."""
    fill: str
    text: str
    border: str
    width: int
    dashed: bool = False


STYLES = {
    State.OK: NodeStyle('passed at the first check', '#90d596', '#000000', '#2f7d3b', 1),
    State.CHANGED: NodeStyle('passed after its Run', '#0d4a35', '#ffffff', '#0d4a35', 1),
    State.SKIPPED: NodeStyle('skipped', '#785a96', '#ffffff', '#4b3563', 1),
    State.FAILED: NodeStyle('failed', '#ff571a', '#000000', '#7a0c00', 3),
    State.WOULD_RUN: NodeStyle('would run', '#ff571a', '#000000', '#7a0c00', 3),
    State.BLOCKED: NodeStyle('blocked', '#ffffff', '#4a4a4a', '#767676', 1, dashed=True),
    State.NOT_RUN: NodeStyle('not run', '#ffffff', '#4a4a4a', '#767676', 1, dashed=True),
}
"""A Job that would run has failed its check, so it has the colors of a failed Job."""

EDGE_COLOR = '#767676'
BLOCKING_EDGE_COLOR = '#c62000'
BLOCKING_EDGE_WIDTH = 3


def style_of(node: Node) -> NodeStyle:
    """Return the style of ``node``."""
    return STYLES[node.outcome.state if node.outcome else State.NOT_RUN]


def legend(nodes: Iterable[Node]) -> list[tuple[NodeStyle, int]]:
    """Return the styles of the Jobs in the last run with the number of Jobs in each; empty before any run."""
    counts = Counter(style_of(node) for node in nodes if node.outcome)
    return [(style, counts[style]) for style in STYLES.values() if style in counts]
