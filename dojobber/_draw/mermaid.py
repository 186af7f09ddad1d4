"""The graph as a Mermaid flowchart, which many web pages and editors draw themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import GraphError
from .labels import escape_for_xml, label_lines, truncate
from .node import Node
from .style import BLOCKING_EDGE_COLOR, BLOCKING_EDGE_WIDTH, EDGE_COLOR, NodeStyle, style_of

MAX_EDGES = 500  # Mermaid's default limits
MAX_CHARACTERS = 50_000
SHAPES = {'Job': '("{}")', 'RunonlyJob': '{{{{"{}"}}}}', 'DummyJob': '(["{}"])'}


def to_mermaid(nodes: Iterable[Node], rankdir: str) -> str:
    """Return the text of the flowchart.

    Raises:
        GraphError: There are more edges or characters than Mermaid draws.
    """
    nodes = list(nodes)
    edges = [(node, dependency) for node in nodes for dependency in node.dependencies]
    if len(edges) > MAX_EDGES:
        raise GraphError(f'Mermaid draws at most {MAX_EDGES} edges; this graph has {len(edges)}: use svg', 'mermaid')
    ids = {node.name: f'j{number}' for number, node in enumerate(nodes)}
    classes = {style: style.status.replace(' ', '_') for style in dict.fromkeys(map(style_of, nodes))}
    lines = [f'flowchart {rankdir}']
    for node in nodes:
        label = '<br/>'.join(map(_escape, [truncate(node.name), *label_lines(node)]))
        lines.append(f'    {ids[node.name]}{SHAPES[node.kind].format(label or " ")}:::{classes[style_of(node)]}')
    lines += [f'    {ids[node.name]} --> {ids[dependency]}' for node, dependency in edges]
    lines += [f'    classDef {name} {_css(style)}' for style, name in classes.items()]
    if edges:
        lines.append(f'    linkStyle default stroke:{EDGE_COLOR}')
    blocking = [str(number) for number, (node, dependency) in enumerate(edges) if node.is_blocked_by(dependency)]
    if blocking:
        css = f'stroke:{BLOCKING_EDGE_COLOR},stroke-width:{BLOCKING_EDGE_WIDTH}px'
        lines.append(f'    linkStyle {",".join(blocking)} {css}')
    text = '\n'.join(lines) + '\n'
    size = len(text.encode('utf-16-le')) // 2  # as JavaScript counts
    if size > MAX_CHARACTERS:
        message = f'Mermaid draws at most {MAX_CHARACTERS} characters; this graph takes {size}: use svg'
        raise GraphError(message, 'mermaid')
    return text


def _css(style: NodeStyle) -> str:
    dashes = ',stroke-dasharray:5 5' if style.dashed else ''
    return f'fill:{style.fill},color:{style.text},stroke:{style.border},stroke-width:{style.width}px{dashes}'


def _escape(text: str) -> str:
    """Return ``text`` with entity codes for everything that Mermaid could interpret.

    Many versions read labels as Markdown, where most punctuation means something only at the beginning of a line, as in
    a list. Elsewhere it stays: a code takes five characters, and their number is limited.
    """
    text = _SYNTAX.sub(lambda match: f'{match["start"] or ""}#{ord(match[0][-1])};', escape_for_xml(text))
    return text.replace('\n', '<br/>')


_SYNTAX = re.compile(
    r'^(?P<start> *\d*)[-.,/=]'  # at the beginning of a line, or after a number there
    r'|(?<=www)\.'
    r'|(?<![^\W_])_|_(?![^\W_])'  # not between letters
    r'|[^\w \n\-.,/=]',
    re.MULTILINE | re.IGNORECASE,
)
