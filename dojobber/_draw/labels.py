"""Labels and tooltips of the pictures, the same in every format."""

from __future__ import annotations

import re

from ..outcome import State
from .node import Node
from .style import style_of

ERROR_WIDTH = 36  # characters in a line
MAX_ERROR_LINES = 4
MAX_LENGTH = 1500  # characters: Graphviz reads at most 16,384 bytes, and escapes multiply them


def label_lines(node: Node) -> list[str]:
    """Return the lines below the name: the number of attempts, if several, and why a Job failed or was skipped."""
    import textwrap

    if node.outcome is None:
        return []
    lines = [f'({node.outcome.tries} tries)'] if node.outcome.tries > 1 else []
    if node.outcome.state in (State.FAILED, State.SKIPPED) and node.error:
        text = ' '.join(node.error[: ERROR_WIDTH * MAX_ERROR_LINES * 2].split())
        lines += textwrap.wrap(text, ERROR_WIDTH, max_lines=MAX_ERROR_LINES, placeholder=' …')
    return lines


def tooltip(node: Node) -> str:
    """Return everything known about ``node``, in lines, truncated to what a renderer can read."""
    lines = [node.kind, node.summary]
    if node.outcome:
        tries = node.outcome.tries
        lines.append(style_of(node).status + (f', after {tries} {"try" if tries == 1 else "tries"}' if tries else ''))
        if node.outcome.blocked_by:
            verb = 'by' if node.outcome.state is State.BLOCKED else 'depends on changes by'
            lines.append(f'{verb} {", ".join(node.outcome.blocked_by)}')
    return truncate('\n'.join(filter(None, [*lines, node.error[: MAX_LENGTH + 1]])))


def truncate(text: str) -> str:
    """Return as much of ``text`` as a renderer can read."""
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + ' …'


def escape_for_xml(text: str, backslash: str = '\\') -> str:
    r"""Replace control characters, except newline, and all that XML forbids or UTF-8 cannot encode by ``\xNN``."""
    return _NOT_IN_XML.sub(lambda match: f'{backslash}x{ord(match.group()):02x}', text)


_NOT_IN_XML = re.compile('[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]')
