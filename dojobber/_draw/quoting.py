"""Quoting for DOT, so that any name and any value arrives in Graphviz as it is.

python-graph and pydot pass quoted text through unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .labels import MAX_LENGTH, escape_for_xml, truncate

CHUNK = 4000  # characters: Graphviz reads at most 16,384 bytes of a string at once, but joins strings


def quote_id(name: str) -> str:
    r"""Return a quoted id for a node, a different one for each name.

    Graphviz keeps backslashes in ids. An escaped control character has one backslash, and one in a name is doubled, so
    that the two stay different. A name that is too long for Graphviz is truncated, and its hash is appended.
    """
    if len(name) > MAX_LENGTH:
        import hashlib

        name = truncate(name) + hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()
    return _quote(escape_label(name, '\\'))


def quote_title(name: str) -> str:
    """Return the quoted name of the graph, which viewers and screen readers use as the title of the picture.

    It is a single line, because PostScript has it in a comment. Backslashes become entities, because Graphviz would
    show both of a doubled one.
    """
    text = truncate(name).replace('\n', ' ').replace('&', '&amp;').replace('\\', '&#92;').replace('"', '&quot;')
    return _quote(escape_for_xml(text, '&#92;'))


def _quote(text: str) -> str:
    """Return ``text`` as a quoted id. A leading % is written as an entity: Graphviz reserves such ids for itself."""
    return f'"&#37;{text[1:]}"' if text.startswith('%') else f'"{text}"'


def escape_label(text: str, backslash: str = '\\\\') -> str:
    """Return ``text``, for use between quotes, so that people see it exactly as it is."""
    text = text.replace('\\', '\\\\').replace('"', '\\"').replace('&', '&amp;').replace('\n', '\\n')
    return escape_for_xml(text, backslash)


def quote_value(attribute: str, value: str) -> str:
    """Return an attribute's value as a DOT string. Graphviz's escapes, entities and HTML-like labels keep working."""
    if attribute in _LABELS and _is_html(value):
        return escape_for_xml(value)
    text = _escape_end(value)
    chunks = [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)] or ['']
    joined = ''.join(chunk if chunk.endswith('\\') else chunk + '\\\n' for chunk in chunks[:-1])
    return f'"{joined}{chunks[-1]}"'


def quote_names(attributes: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return attributes as python-graph takes them, with quotes around names that DOT or pydot would misread."""
    return [
        (name if _PLAIN_NAME.fullmatch(name) else f'"{_escape_end(name)}"', value) for name, value in attributes.items()
    ]


def _escape_end(text: str) -> str:
    """Escape quotes and newlines, and double a backslash that would escape one of them or the closing quote."""
    text = escape_for_xml(text, '\\\\')
    return _ENDING.sub(lambda match: match[1] + '\\' * (len(match[1]) % 2) + _ENDINGS[match[2]], text)


def _is_html(text: str) -> bool:
    """Tell whether ``text`` is an HTML-like label: well-formed, in angle brackets, with at least one of their tags."""
    from xml.parsers import expat

    if not (text.startswith('<') and text.endswith('>') and _TAG.search(text[1:-1])):
        return False
    if text.count('<') != text.count('>'):  # Graphviz finds the end of the label by counting them
        return False
    try:
        expat.ParserCreate().Parse(f'<HTML>{re.sub("&[^;<>]*;", "", text[1:-1])}</HTML>', True)
    except (expat.ExpatError, ValueError):
        return False
    return True


_LABELS = {'label', 'xlabel', 'headlabel', 'taillabel'}
_TAG = re.compile(r'<(table|font|br|img|i|b|u|o|sub|sup|s|hr|vr)\b', re.IGNORECASE)
_ENDINGS = {'"': '\\"', '\n': '\\n', '': ''}
_ENDING = re.compile(r'(\\*)(["\n]|\Z)')
_PLAIN_NAME = re.compile(
    r'(?!(?:node|edge|graph|digraph|subgraph|strict|name|obj_dict|src|dst|points)\Z)[a-z_][a-z_0-9]*',
    re.IGNORECASE | re.ASCII,
)
