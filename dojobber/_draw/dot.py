"""The graph as DOT text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from .graph import JobGraph, node_name, snapshot_of
from .labels import label_lines, tooltip, truncate
from .node import Node
from .pygraph import import_python_graph
from .quoting import escape_label, quote_id, quote_names, quote_title
from .style import BLOCKING_EDGE_COLOR, BLOCKING_EDGE_WIDTH, EDGE_COLOR, NodeStyle, legend, style_of

SHAPES = {'Job': 'box', 'RunonlyJob': 'hexagon', 'DummyJob': 'ellipse'}
FONT = 'Arial'
RANK_WIDTH = 10  # leaves in a rank
MAX_RANKS = 6  # with more, Graphviz takes minutes


def to_dot(nodes: Iterable[Node], rankdir: str, graph: JobGraph | None = None) -> str:
    """Return the DOT text of the picture.

    Every id is quoted before python-graph and pydot see it, and every Job has a label. So pydot passes the ids through
    unchanged, and python-graph cannot confuse the edges of two pairs of Jobs, such as ``a-b`` to ``c`` and ``a`` to
    ``b-c``. The unquoted nodes ``graph``, ``node`` and ``edge`` hold the defaults.

    Args:
        graph: Draw the nodes, edges and attributes that it has now, since the script may have changed them. By
            default, draw all Jobs and their dependencies.

    Raises:
        GraphError: python-graph cannot be imported.
    """
    jobs = {node.name: node for node in nodes}
    snapshot = graph.snapshot() if graph else snapshot_of(jobs.values())
    make_digraph, write = import_python_graph()
    view = make_digraph()
    view.name = quote_title(next(reversed(jobs), ''))
    for element, defaults in _defaults(rankdir, legend(jobs.values())).items():
        view.add_node(element, defaults)
    for key, attributes in snapshot.nodes.items():
        name = node_name(key)
        if not view.has_node(quote_id(name)):  # different keys of a script, such as 5 and '5', may have one name
            own = _node_attributes(jobs[name]) if name in jobs else {'label': f'"{escape_label(truncate(name))}"'}
            view.add_node(quote_id(name), quote_names(_merge(own, attributes)))
    ranks = _leaf_ranks(list(jobs.values())) if rankdir in ('TB', 'BT') else {}
    for (tail, head), attributes in snapshot.edges.items():
        name, dependency = node_name(tail), node_name(head)
        if not view.has_edge((quote_id(name), quote_id(dependency))):
            own = _edge_attributes(jobs[name], dependency, ranks) if name in jobs else {}
            view.add_edge((quote_id(name), quote_id(dependency)), attrs=quote_names({**own, **attributes}))
    return str(write(view))


def _node_attributes(node: Node) -> dict[str, str]:
    style = style_of(node)
    styles = ['filled', *(['rounded'] if node.kind == 'Job' else []), *(['dashed'] if style.dashed else [])]
    return _quoted(
        {
            'label': '\\n'.join(map(escape_label, [truncate(node.name), *label_lines(node)])),
            'tooltip': escape_label(tooltip(node)).replace('\\\\', '\\\\\\\\'),  # Graphviz unescapes it twice
            'shape': SHAPES[node.kind],
            'style': ','.join(styles),
            'fillcolor': style.fill,
            'fontcolor': style.text,
            'color': style.border,
            'penwidth': style.width,
        }
    )


def _edge_attributes(node: Node, dependency: str, ranks: Mapping[str, int]) -> dict[str, str]:
    is_in_grid = ranks.get(dependency, 1) > 1 and dependency in node.dependencies
    attributes: dict[str, object] = {'minlen': ranks[dependency]} if is_in_grid else {}
    if node.is_blocked_by(dependency):
        attributes.update(color=BLOCKING_EDGE_COLOR, penwidth=BLOCKING_EDGE_WIDTH)
    return _quoted(attributes)


def _merge(own: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Return both sets of attributes. Those ``added`` by the script take precedence over the ``own`` ones.

    They also remove own attributes that Graphviz would otherwise combine with them badly: another style must not leave
    a white name on a white node, nor another shape the rounded corners of a box.
    """
    own = dict(own)
    if 'shape' in added and 'style' in own:
        own['style'] = own['style'].replace('rounded,', '').replace(',rounded', '')
    filled = 'filled' in added.get('style', 'filled')
    if 'style' in added and 'color' in added and filled:
        own.pop('fillcolor', None)
    if 'record' in added.get('shape', '').lower():
        own['label'] = _RECORD_SYNTAX.sub(r'\\\g<0>', own['label'])
    if not filled or 'fillcolor' in added or 'fillcolor' not in own:
        own.pop('fontcolor', None)
    return {**own, **added}


def _leaf_ranks(nodes: list[Node]) -> dict[str, int]:
    """Return how many ranks below its only dependent to place each leaf, so that many leaves form a grid."""
    leaves = {node.name for node in nodes if not node.dependencies}
    dependents = Counter(dependency for node in nodes for dependency in node.dependencies)
    ranks: dict[str, int] = {}
    for node in nodes:
        own = [name for name in node.dependencies if name in leaves and dependents[name] == 1]
        depth = min(-(-len(own) // RANK_WIDTH), MAX_RANKS)
        ranks.update((name, 1 + number % depth) for number, name in enumerate(own))
    return ranks


def _defaults(rankdir: str, counts: list[tuple[NodeStyle, int]]) -> dict[str, list[tuple[str, str]]]:
    graph = {'rankdir': rankdir, 'fontname': FONT, 'fontsize': 11, 'bgcolor': 'white', 'labelloc': 'b', 'tooltip': ' '}
    label = [('label', _legend_table(counts))] if counts else []
    return {
        'graph': [*_quoted(graph).items(), *label],
        'node': [*_quoted({'fontname': FONT, 'fontsize': 12, 'margin': '0.16,0.08'}).items()],
        'edge': [*_quoted({'color': EDGE_COLOR, 'tooltip': ' ', 'fontname': FONT, 'fontsize': 11}).items()],
    }


def _legend_table(counts: list[tuple[NodeStyle, int]]) -> str:
    cells = ''.join(_legend_cell(style, f'{style.status}: {count}') for style, count in counts)
    return f'<<TABLE BORDER="0" CELLSPACING="8"><TR>{cells}</TR></TABLE>>'


def _legend_cell(style: NodeStyle, text: str) -> str:
    content = f'<FONT COLOR="{style.text}">{text}</FONT>'
    if style.dashed:
        content = _dashed_frame(content, len(text), style.border)
        return f'<TD BGCOLOR="{style.fill}" BORDER="0" CELLPADDING="0">{content}</TD>'
    border = f'COLOR="{style.border}" BORDER="{style.width}"'
    return f'<TD BGCOLOR="{style.fill}" {border} CELLPADDING="6">{content}</TD>'


def _dashed_frame(content: str, length: int, color: str) -> str:
    """Return a table that frames ``content`` with small colored cells as dashes.

    A table with the style ``dashed`` would be shorter, but for it Graphviz writes uninitialized memory into formats
    that contain its drawing instructions, such as json and xdot.
    """

    def dash(width: int, height: int) -> str:
        return f'<TD BGCOLOR="{color}" WIDTH="{width}" HEIGHT="{height}" CELLPADDING="0"></TD>'

    across, down = max(length * 2 // 3, 1), 3  # dashes
    edge = f'<TR><TD></TD>{dash(6, 1) * across}<TD></TD></TR>'
    middle = f'<TD COLSPAN="{across}" ROWSPAN="{down}" CELLPADDING="3">{content}</TD>'
    rows = [f'<TR>{dash(1, 5)}{middle}{dash(1, 5)}</TR>', *[f'<TR>{dash(1, 5) * 2}</TR>'] * (down - 1)]
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="3">{edge}{"".join(rows)}{edge}</TABLE>'


def _quoted(attributes: Mapping[str, object]) -> dict[str, str]:
    return {name: f'"{value}"' for name, value in attributes.items()}


_RECORD_SYNTAX = re.compile('[{}|<> ]')
