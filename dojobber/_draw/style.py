"""What a picture shows of each Job: its look, its words, and what it needs; the same in every format."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ..outcome import Outcome, State


class Node(NamedTuple):
    """One Job, as a picture needs to know it."""

    name: str
    needs: tuple[str, ...]
    kind: str
    """``'Job'``, ``'RunonlyJob'`` or ``'DummyJob'``."""
    summary: str
    """What it is for, in a line; may be empty."""
    outcome: Outcome | None
    """None if the last run, if any, was not about it."""
    error: str
    """What its exception says; empty if there is none."""


class Look(NamedTuple):
    """A way to be painted: colours that colour-blind people and printers can tell apart, and a word for the legend."""

    word: str
    fill: str
    text: str
    border: str
    width: int
    dashed: bool = False


UNTRIED = Look('not tried', '#ffffff', '#4a4a4a', '#767676', 1, dashed=True)
LOOKS = {
    State.OK: Look('passed at the first check', '#90d596', '#000000', '#2f7d3b', 1),
    State.CHANGED: Look('passed after its Run', '#0d4a35', '#ffffff', '#0d4a35', 1),
    State.FAILED: Look('failed', '#ff571a', '#000000', '#7a0c00', 3),
    State.WOULD_RUN: Look('would run', '#ff571a', '#000000', '#7a0c00', 3),
    State.BLOCKED: UNTRIED._replace(word='blocked'),
    State.NOT_RUN: UNTRIED,
}
"""Every State has one. A Job that would run has failed its check, and is painted so."""

EDGE = '#767676'
HOLDING_EDGE = '#c62000'
HOLDING_WIDTH = 3

WRAP = 36  # characters in a line of an error
LINES = 4  # of an error in a label
LONGEST = 1500  # characters in a name or a tooltip: escaped, they have to stay below the 16,384 bytes Graphviz reads


def look(node: Node) -> Look:
    """Return how to paint ``node``."""
    return LOOKS[node.outcome.state] if node.outcome else UNTRIED


def words(node: Node) -> list[str]:
    """Return the lines below the name: how many tries, if several, and why it failed."""
    import textwrap

    if node.outcome is None:
        return []
    lines = [f'({node.outcome.tries} tries)'] if node.outcome.tries > 1 else []
    if node.outcome.state is State.FAILED and node.error:
        text = ' '.join(node.error[: WRAP * LINES * 2].split())
        lines += textwrap.wrap(text, WRAP, max_lines=LINES, placeholder=' …')
    return lines


def tooltip(node: Node) -> str:
    """Return all there is to say about ``node``, in lines, cut where that is too long for the renderer."""
    lines = [node.kind, node.summary]
    if node.outcome:
        tries = node.outcome.tries
        lines.append(look(node).word + (f', after {tries} {"try" if tries == 1 else "tries"}' if tries else ''))
        if node.outcome.blocked_by:
            lines.append('by ' + ', '.join(node.outcome.blocked_by))
    return cut('\n'.join(filter(None, [*lines, node.error[: LONGEST + 1]])))


def cut(text: str) -> str:
    """Return as much of ``text`` as a renderer can take."""
    return text if len(text) <= LONGEST else text[:LONGEST] + ' …'


def is_holding(node: Node, need: str) -> bool:
    """Tell whether ``need`` is what keeps ``node`` from being tried."""
    return node.outcome is not None and need in node.outcome.blocked_by


def legend(nodes: Iterable[Node]) -> list[tuple[Look, int]]:
    """Return the looks of what the last run was about, each with how many look so; empty before any run."""
    counts: dict[Look, int] = {}
    for node in nodes:
        if node.outcome:
            counts[look(node)] = counts.get(look(node), 0) + 1
    return [(each, counts[each]) for each in dict.fromkeys(LOOKS.values()) if each in counts]


def printable(text: str, backslash: str = '\\') -> str:
    """Replace what no picture can show and no UTF-8 hold by ``backslash``, x and its number in hexadecimal digits."""
    return _UNPRINTABLE.sub(lambda found: f'{backslash}x{ord(found.group()):02x}', text)


_UNPRINTABLE = re.compile('[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]')  # what XML forbids, but newline
