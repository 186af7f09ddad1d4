"""The picture that ``--graph`` asks for: what can be known of it before the run, and how it is drawn after it."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import threading
from collections.abc import Iterator

from ..dojobber import DoJobber
from ..errors import GraphError
from ..job import DummyJob
from ..text import escape_unprintable
from .signals import INTERRUPTS, Interrupts, Stopped, signal_of
from .streams import complain, is_terminal, standard_error

PATIENCE = 1.0  # seconds without a word

LIMITED = ('mermaid',)
"""Formats that refuse some graphs, and cost next to nothing."""


def check_graph(engine: DoJobber, path: str, rankdir: str) -> None:
    """Find out before the run rather than after it that the picture cannot be made.

    Raises:
        GraphError: There is no such format, or no renderer for it; the graph is too big for it; the file cannot be
            written.
    """
    from .._draw import default_format

    try:
        _check_file(path)
        fmt = default_format(path)
        if fmt not in LIMITED:
            engine = DoJobber()
            engine.configure(DummyJob)
        engine.write_graph(io.BytesIO(), fmt, rankdir=rankdir)
    except GraphError as error:
        raise GraphError(f'--graph: {error}', error.culprit) from error
    except OSError as error:
        raise GraphError(f'--graph: {path!r} cannot be written: {error.strerror or error}', path) from error


def _check_file(path: str) -> None:
    """Raise an error if nothing can be written there; whatever there is stays as it is."""
    if not path or '\0' in path:
        raise GraphError('the path of a file is expected', path)
    if os.path.isdir(path):
        raise GraphError(f'{path!r} is a folder, and the graph needs a file', path)
    if os.path.isfile(path):
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
    elif os.path.exists(path):  # a pipe, whose reader must not be sent away, or a device
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    else:
        target = os.path.realpath(path) if os.path.islink(path) else path
        folder = os.path.dirname(target)
        if not os.path.isdir(folder or os.curdir):
            raise GraphError(f'there is no folder {folder!r} for the graph', path)
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))  # asks all who may have something against it
        os.unlink(target)


def draw(engine: DoJobber, path: str, rankdir: str, interrupts: Interrupts) -> tuple[signal.Signals | None, bool]:
    """Draw the graph, and return the signal that has interrupted this, if any, and whether it is drawn.

    Where it is not, a line on stderr says why.
    """
    interrupt = None
    try:
        with (
            interrupts.raised(Stopped),
            _said_if_long(path),
        ):  # subprocess kills, but does not wait at KeyboardInterrupt
            engine.write_graph(path, rankdir=rankdir)
            return None, True
    except INTERRUPTS as error:
        interrupt = signal_of(error)
        why = f'interrupted by {interrupt.name}'
    except (GraphError, OSError) as error:
        why = str(error)
    complain(f'the graph is not drawn: {escape_unprintable(why)}')
    return interrupt, False


@contextlib.contextmanager
def _said_if_long(path: str) -> Iterator[None]:
    """Say on a terminal what is going on if this takes long."""
    timer = threading.Timer(PATIENCE, complain, [f'drawing {escape_unprintable(path)} ...'])
    timer.daemon = True
    if is_terminal(standard_error()):
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
