"""The graph as a python-graph digraph, and as DOT text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import GraphError
from ..outcome import Outcome, State
from .look import (
    EDGE,
    HOLDING_EDGE,
    HOLDING_WIDTH,
    LONGEST,
    Look,
    Node,
    cut,
    is_holding,
    legend,
    look,
    printable,
    tooltip,
    words,
)

COLORS = {State.OK: 'green', State.CHANGED: 'darkgreen', State.FAILED: 'red', State.WOULD_RUN: 'red'}
SHAPES = {'Job': 'box', 'RunonlyJob': 'hexagon', 'DummyJob': 'ellipse'}
FONT = 'Arial'
ROW = 10  # Jobs side by side
MOST_ROWS = 6  # more take Graphviz minutes


def digraph(needs: Mapping[str, Sequence[str]], outcomes: Mapping[str, Outcome]) -> Any:
    """Return a python-graph digraph: an edge from each Job to each that it needs, and a colour on those tried."""
    make_digraph, _ = _python_graph()
    graph = make_digraph()
    for name in needs:
        graph.add_node(name)
        color = COLORS.get(outcomes[name].state) if name in outcomes else None
        if color:
            graph.add_node_attribute(name, ('style', 'filled'))
            graph.add_node_attribute(name, ('color', color))
    for name, needed in needs.items():
        for need in needed:
            graph.add_edge((name, need))
    return graph


def dot(nodes: Iterable[Node], rankdir: str) -> str:
    """Return the DOT text of the picture.

    Every id is quoted before python-graph and pydot see it, and every Job labelled with its name. What is quoted passes
    through pydot as it is, and python-graph cannot take the edges of two pairs of Jobs, such as ``a-b`` to ``c`` and
    ``a`` to ``b-c``, for one. The unquoted nodes ``graph``, ``node`` and ``edge`` hold what applies to all.

    Raises:
        GraphError: python-graph cannot be imported.
    """
    nodes = list(nodes)
    make_digraph, write = _python_graph()
    view = make_digraph()
    for name, attributes in _defaults(rankdir, legend(nodes)).items():
        view.add_node(name, attributes)
    for node in nodes:
        view.add_node(dot_id(node.name), _attributes(node))
    rows = _rows(nodes)
    for node in nodes:
        for need in node.needs:
            drawn: dict[str, object] = {'minlen': rows[need]} if rows.get(need, 1) > 1 else {}
            if is_holding(node, need):
                drawn.update(color=HOLDING_EDGE, penwidth=HOLDING_WIDTH)
            view.add_edge((dot_id(node.name), dot_id(need)), attrs=_quoted(drawn))
    text: str = write(view)
    return text


def dot_id(name: str) -> str:
    r"""Return a quoted DOT id, a different one for each name.

    In an id Graphviz leaves backslashes as they are. So a control character, written with one, differs from a name that
    reads like it, whose backslash is doubled. A leading % is written as an entity: Graphviz keeps such ids for itself.
    A name that is too long for it is cut and told apart by its hash.
    """
    if len(name) > LONGEST:
        import hashlib

        name = cut(name) + hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()
    text = _escaped(name, '\\')
    return f'"&#37;{text[1:]}"' if text.startswith('%') else f'"{text}"'


def _escaped(text: str, backslash: str = '\\\\') -> str:
    """Return ``text`` for use in the quotes of a label: the text that people are to see."""
    text = text.replace('\\', '\\\\').replace('"', '\\"').replace('&', '&amp;').replace('\n', '\\n')
    return printable(text, backslash)


def _attributes(node: Node) -> list[tuple[str, str]]:
    painted = look(node)
    styles = ['filled', *(['rounded'] if node.kind == 'Job' else []), *(['dashed'] if painted.dashed else [])]
    return _quoted(
        {
            'label': '\\n'.join(map(_escaped, [cut(node.name), *words(node)])),
            'tooltip': _escaped(tooltip(node)).replace('\\\\', '\\\\\\\\'),  # Graphviz expands it twice
            'shape': SHAPES[node.kind],
            'style': ','.join(styles),
            'fillcolor': painted.fill,
            'fontcolor': painted.text,
            'color': painted.border,
            'penwidth': painted.width,
        }
    )


def _rows(nodes: list[Node]) -> dict[str, int]:
    """Return how far below it a Job that needs many others has each that nothing else needs: in a few rows."""
    leaves = {node.name for node in nodes if not node.needs}
    counts = Counter(need for node in nodes for need in node.needs)
    rows: dict[str, int] = {}
    for node in nodes:
        own = [need for need in node.needs if need in leaves and counts[need] == 1]
        depth = min(-(-len(own) // ROW), MOST_ROWS)
        rows.update((need, 1 + number % depth) for number, need in enumerate(own))
    return rows


def _defaults(rankdir: str, counts: list[tuple[Look, int]]) -> dict[str, list[tuple[str, str]]]:
    look_of_all = {'rankdir': rankdir, 'fontname': FONT, 'fontsize': 11, 'bgcolor': 'white', 'labelloc': 'b'}
    return {
        'graph': _quoted({**look_of_all, 'tooltip': ' '}) + ([('label', _legend_table(counts))] if counts else []),
        'node': _quoted({'fontname': FONT, 'fontsize': 12, 'margin': '0.16,0.08'}),
        'edge': _quoted({'color': EDGE, 'tooltip': ' '}),
    }


def _legend_table(counts: list[tuple[Look, int]]) -> str:
    cells = []
    for each, count in counts:
        border = f'COLOR="{each.border}" BORDER="{each.width}"' + (' STYLE="dashed"' if each.dashed else '')
        words = f'<FONT COLOR="{each.text}">{each.word}: {count}</FONT>'
        cells.append(f'<TD BGCOLOR="{each.fill}" {border} CELLPADDING="6">{words}</TD>')
    return f'<<TABLE BORDER="0" CELLSPACING="8"><TR>{"".join(cells)}</TR></TABLE>>'


def _quoted(attributes: dict[str, object]) -> list[tuple[str, str]]:
    return [(name, f'"{value}"') for name, value in attributes.items()]


def _python_graph() -> tuple[Any, Any]:
    from .._pygraph import load

    try:
        return load()
    except ImportError as error:
        raise GraphError(f'pip install python-graph-core python-graph-dot: {error}', error.name) from error
