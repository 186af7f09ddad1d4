"""The graph as DOT text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .graph import JobGraph, as_name, no_extras, overlaid, pairs, python_graph
from .style import (
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

SHAPES = {'Job': 'box', 'RunonlyJob': 'hexagon', 'DummyJob': 'ellipse'}
FONT = 'Arial'
ROW = 10  # Jobs side by side
MOST_ROWS = 6  # more take Graphviz minutes


def dot(nodes: Iterable[Node], rankdir: str, graph: JobGraph | None = None) -> str:
    """Return the DOT text of the picture.

    Every id is quoted before python-graph and pydot see it, and every Job labelled with its name. What is quoted passes
    through pydot as it is, and python-graph cannot take the edges of two pairs of Jobs, such as ``a-b`` to ``c`` and
    ``a`` to ``b-c``, for one. The unquoted nodes ``graph``, ``node`` and ``edge`` hold what applies to all.

    Args:
        graph: What a script may have changed, of which nodes, edges and attributes are drawn as they are now. Without
            it, all Jobs and what they need.

    Raises:
        GraphError: python-graph cannot be imported.
    """
    jobs = {node.name: node for node in nodes}
    drawn_nodes, drawn_edges = graph.extras() if graph else no_extras(jobs.values())
    make_digraph, write = python_graph()
    view = make_digraph()
    view.name = _title(next(reversed(jobs), ''))
    for name, attributes in _defaults(rankdir, legend(jobs.values())).items():
        view.add_node(name, attributes)
    for key, added in drawn_nodes.items():
        name = as_name(key)
        if not view.has_node(dot_id(name)):  # a node that a script has added may read like another
            ours = _attributes(jobs[name]) if name in jobs else {'label': f'"{_escaped(cut(name))}"'}
            view.add_node(dot_id(name), pairs(overlaid(ours, added)))
    rows = _rows(list(jobs.values())) if rankdir in ('TB', 'BT') else {}
    for (tail, head), added in drawn_edges.items():
        name, need = as_name(tail), as_name(head)
        if not view.has_edge((dot_id(name), dot_id(need))):
            ours = _edge_attributes(jobs[name], need, rows) if name in jobs else {}
            view.add_edge((dot_id(name), dot_id(need)), attrs=pairs({**ours, **added}))
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


def _title(name: str) -> str:
    """Return the quoted name of the whole graph, which viewers and screen readers give as the title of the picture.

    It is in one line, since PostScript has it in a comment. Backslashes are entities, which all formats for people show
    as such.
    """
    text = cut(name).replace('\n', ' ').replace('&', '&amp;').replace('\\', '&#92;').replace('"', '&quot;')
    text = printable(text, '&#92;')
    return f'"&#37;{text[1:]}"' if text.startswith('%') else f'"{text}"'


def _escaped(text: str, backslash: str = '\\\\') -> str:
    """Return ``text`` for use in the quotes of a label: the text that people are to see."""
    text = text.replace('\\', '\\\\').replace('"', '\\"').replace('&', '&amp;').replace('\n', '\\n')
    return printable(text, backslash)


def _attributes(node: Node) -> dict[str, str]:
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


def _edge_attributes(node: Node, need: str, rows: dict[str, int]) -> dict[str, str]:
    drawn: dict[str, object] = {'minlen': rows[need]} if rows.get(need, 1) > 1 and need in node.needs else {}
    if is_holding(node, need):
        drawn.update(color=HOLDING_EDGE, penwidth=HOLDING_WIDTH)
    return _quoted(drawn)


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
    of_graph = pairs(_quoted({**look_of_all, 'tooltip': ' '}))
    return {
        'graph': of_graph + ([('label', _legend_table(counts))] if counts else []),
        'node': pairs(_quoted({'fontname': FONT, 'fontsize': 12, 'margin': '0.16,0.08'})),
        'edge': pairs(_quoted({'color': EDGE, 'tooltip': ' ', 'fontname': FONT, 'fontsize': 11})),
    }


def _legend_table(counts: list[tuple[Look, int]]) -> str:
    cells = ''.join(_swatch(each, f'{each.word}: {count}') for each, count in counts)
    return f'<<TABLE BORDER="0" CELLSPACING="8"><TR>{cells}</TR></TABLE>>'


def _swatch(painted: Look, words: str) -> str:
    text = f'<FONT COLOR="{painted.text}">{words}</FONT>'
    if painted.dashed:
        return (
            f'<TD BGCOLOR="{painted.fill}" BORDER="0" CELLPADDING="0">{_dashed(text, len(words), painted.border)}</TD>'
        )
    border = f'COLOR="{painted.border}" BORDER="{painted.width}"'
    return f'<TD BGCOLOR="{painted.fill}" {border} CELLPADDING="6">{text}</TD>'


def _dashed(text: str, length: int, color: str) -> str:
    """Return a table that frames ``text`` by small cells of a color, which are the dashes.

    It does without the style ``dashed`` of a table, for which Graphviz writes whatever is in its memory into the
    formats that have its drawing instructions in them, such as json and xdot.
    """

    def dash(width: int, height: int) -> str:
        return f'<TD BGCOLOR="{color}" WIDTH="{width}" HEIGHT="{height}" CELLPADDING="0"></TD>'

    across, down = max(length * 2 // 3, 1), 3  # dashes
    edge = f'<TR><TD></TD>{dash(6, 1) * across}<TD></TD></TR>'
    middle = f'<TD COLSPAN="{across}" ROWSPAN="{down}" CELLPADDING="3">{text}</TD>'
    rows = [f'<TR>{dash(1, 5)}{middle}{dash(1, 5)}</TR>', *[f'<TR>{dash(1, 5) * 2}</TR>'] * (down - 1)]
    body = edge + ''.join(rows) + edge
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="3">{body}</TABLE>'


def _quoted(attributes: dict[str, object]) -> dict[str, str]:
    return {name: f'"{value}"' for name, value in attributes.items()}
