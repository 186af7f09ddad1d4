"""The graph as a Mermaid flowchart, which many web pages and editors draw by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import GraphError
from .style import EDGE, HOLDING_EDGE, HOLDING_WIDTH, Look, Node, cut, is_holding, look, printable, words

MOST_EDGES = 500  # Mermaid refuses more of either, unless it is configured otherwise
MOST_CHARACTERS = 50_000
SHAPES = {'Job': '("{}")', 'RunonlyJob': '{{{{"{}"}}}}', 'DummyJob': '(["{}"])'}


def mermaid(nodes: Iterable[Node], rankdir: str) -> str:
    """Return the text of the flowchart.

    Raises:
        GraphError: There are more edges, or more characters, than Mermaid draws.
    """
    nodes = list(nodes)
    edges = [(node, need) for node in nodes for need in node.needs]
    if len(edges) > MOST_EDGES:
        raise GraphError(f'Mermaid draws at most {MOST_EDGES} edges, this graph has {len(edges)}: use svg', 'mermaid')
    ids = {node.name: f'j{number}' for number, node in enumerate(nodes)}
    looks = {painted: painted.word.replace(' ', '_') for painted in dict.fromkeys(map(look, nodes))}
    lines = [f'flowchart {rankdir}']
    for node in nodes:
        label = '<br/>'.join(map(_escaped, [cut(node.name), *words(node)]))
        lines.append(f'    {ids[node.name]}{SHAPES[node.kind].format(label or " ")}:::{looks[look(node)]}')
    lines += [f'    {ids[node.name]} --> {ids[need]}' for node, need in edges]
    lines += [f'    classDef {name} {_style(painted)}' for painted, name in looks.items()]
    if edges:
        lines.append(f'    linkStyle default stroke:{EDGE}')
    held = [str(number) for number, (node, need) in enumerate(edges) if is_holding(node, need)]
    if held:
        lines.append(f'    linkStyle {",".join(held)} stroke:{HOLDING_EDGE},stroke-width:{HOLDING_WIDTH}px')
    text = '\n'.join(lines) + '\n'
    size = len(text.encode('utf-16-le')) // 2  # as JavaScript counts
    if size > MOST_CHARACTERS:
        raise GraphError(
            f'Mermaid draws at most {MOST_CHARACTERS} characters, this graph takes {size}: use svg', 'mermaid'
        )
    return text


def _style(painted: Look) -> str:
    dashes = ',stroke-dasharray:5 5' if painted.dashed else ''
    return f'fill:{painted.fill},color:{painted.text},stroke:{painted.border},stroke-width:{painted.width}px{dashes}'


def _escaped(text: str) -> str:
    """Return ``text`` as Mermaid shows it as it is: whatever could mean something as an entity code.

    Most punctuation of names means something only where Markdown, as which many versions read labels, has a list or a
    line. Elsewhere it is left as it is, since a code takes five characters, and Mermaid reads only so many.
    """
    text = _MEANINGFUL.sub(lambda found: f'{found["start"] or ""}#{ord(found[0][-1])};', printable(text))
    return text.replace('\n', '<br/>')


_MEANINGFUL = re.compile(
    r'^(?P<start> *\d*)[-.,/=]'  # at the beginning of a line, or after a number there
    r'|(?<=www)\.'
    r'|(?<![^\W_])_|_(?![^\W_])'  # not between letters
    r'|[^\w \n\-.,/=]',
    re.MULTILINE | re.IGNORECASE,
)
