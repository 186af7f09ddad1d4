"""Pictures of the graph: python-graph, DOT and Graphviz are known here only."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import GraphError
from .outcome import Outcome, State

COLORS = {State.OK: 'green', State.CHANGED: 'darkgreen', State.FAILED: 'red', State.WOULD_RUN: 'red'}
GET_GRAPHVIZ = 'install Graphviz (apt install graphviz, dnf install graphviz or brew install graphviz)'


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


def picture(graph: Any, fmt: str, timeout: float) -> bytes:
    """Return the picture of a digraph: its DOT text for ``'dot'``, else what Graphviz makes of that.

    Raises:
        GraphError: Graphviz is missing, refuses the format, fails, or takes longer than ``timeout`` seconds.
    """
    _, write = _python_graph()
    text: str = write(_with_quoted_names(graph))
    return text.encode() if fmt == 'dot' else _graphviz(text.encode(), fmt, timeout)


def default_format(filed: Any) -> str:
    """Return the format that a path's suffix names, else png."""
    if isinstance(filed, (str, os.PathLike)):
        suffix = os.path.splitext(os.fsdecode(filed))[1][1:]
        return suffix.lower() or 'png'
    return 'png'


def write(filed: Any, data: bytes) -> None:
    """Write ``data`` to a path, to a binary file object, or through the buffer of a text-mode one.

    Raises:
        GraphError: ``filed`` is a text stream without a buffer.
    """
    if isinstance(filed, (str, os.PathLike)):
        with open(filed, 'wb') as opened:
            opened.write(data)
    elif isinstance(filed, io.TextIOBase):
        buffer = getattr(filed, 'buffer', None)
        if buffer is None:
            raise GraphError(f"a picture is binary: open the file with mode 'wb', {filed!r} takes text only", filed)
        filed.flush()
        buffer.write(data)
    else:
        filed.write(data)


def display(svg: bytes) -> None:
    """Show an SVG picture on the screen; where there is none, print the path of the file it was put in."""
    import shutil
    import subprocess
    import sys
    import tempfile
    import threading

    with tempfile.NamedTemporaryFile(prefix='dojobber-', suffix='.svg', delete=False) as file:
        file.write(svg)  # stays there: the viewer reads it after this process has ended
    if hasattr(os, 'startfile'):
        os.startfile(file.name)
        return
    has_screen = sys.platform == 'darwin' or os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')
    openers = ('open',) if sys.platform == 'darwin' else ('xdg-open', 'display')
    opener = next(filter(None, map(shutil.which, openers)), None) if has_screen else None
    if opener is None:
        print(file.name)  # noqa: T201 - what was asked for
        return
    quiet = subprocess.DEVNULL
    viewer = subprocess.Popen([opener, file.name], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    threading.Thread(target=viewer.wait, daemon=True).start()  # it may stay open for as long as it likes


def _with_quoted_names(graph: Any) -> Any:
    """Return a copy that can be written as DOT whatever the Jobs are called, each labelled with its name.

    What is quoted already passes through pydot as it is, and keeps python-graph from taking the edges of two pairs of
    Jobs, such as ``a-b`` to ``c`` and ``a`` to ``b-c``, for one.
    """
    make_digraph, _ = _python_graph()
    view = make_digraph()
    ids = {name: _dot_id(name) for name in graph.nodes()}
    for name, quoted in ids.items():
        view.add_node(quoted, [('label', _dot_label(name)), *graph.node_attributes(name)])
    for name, need in graph.edges():
        view.add_edge((ids[name], ids[need]))
    return view


def _dot_id(name: str) -> str:
    r"""Return a quoted DOT id, a different one for each name.

    In an id Graphviz leaves backslashes as they are. So a control character, written with one, differs from a name that
    reads like it, whose backslash is doubled. A leading % is written as an entity: Graphviz keeps such ids for itself.
    """
    text = _escaped(name, '\\')
    return f'"&#37;{text[1:]}"' if text.startswith('%') else f'"{text}"'


def _dot_label(name: str) -> str:
    """Return a quoted DOT label that shows ``name``."""
    text = _escaped(name, '\\\\')
    return f'"{text}"'


def _escaped(name: str, backslash: str) -> str:
    """Return ``name`` for use in DOT quotes; what cannot be shown becomes its number in hexadecimal digits."""
    return ''.join(
        [_ESCAPES.get(char) or (f'{backslash}x{ord(char):02x}' if _UNPRINTABLE(char) else char) for char in name]
    )


_ESCAPES = {'\\': '\\\\', '"': '\\"', '\n': '\\n', '&': '&amp;'}
_UNPRINTABLE = re.compile('[\x00-\x1f\x7f-\x9f\ud800-\udfff]').match  # control characters and lone surrogates


def _python_graph() -> tuple[Any, Any]:
    from ._pygraph import load

    try:
        return load()
    except ImportError as error:
        raise GraphError(f'pip install python-graph-core python-graph-dot: {error}', error.name) from error


def _graphviz(text: bytes, fmt: str, timeout: float) -> bytes:
    import shutil
    import subprocess

    command = shutil.which('dot')
    if command is None:
        raise GraphError(f"a picture in the format {fmt!r} needs Graphviz's dot on the PATH: {GET_GRAPHVIZ}", fmt)
    try:
        done = subprocess.run([command, f'-T{fmt}'], input=text, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise GraphError(f'Graphviz did not finish within {timeout} s', fmt) from error
    except OSError as error:
        raise GraphError(f'{command} cannot be run: {error}', fmt) from error
    if done.returncode:
        raise GraphError(f'Graphviz made no {fmt!r}: {done.stderr.decode(errors="replace").strip()}', fmt)
    return done.stdout
