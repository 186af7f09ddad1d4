"""The picture of ``--graph``: checked before the run, drawn after it."""

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
from .signals import INTERRUPTS, Interrupts, UserInterrupt, signal_of
from .streams import is_terminal, print_to_stderr, standard_error

MESSAGE_DELAY = 1.0  # seconds after which a message says that the graph is being drawn

CHEAP_FORMATS = ('mermaid',)
"""Formats whose check draws the whole graph: that is fast, and some graphs are too big for them."""


def check_graph(engine: DoJobber, path: str, rankdir: str) -> None:
    """Check before the run that the picture can be drawn after it.

    Raises:
        GraphError: The format is unknown or lacks a renderer, the graph is too big for it, or the file cannot be
            written.
    """
    from .._draw import default_format

    try:
        _check_file(path)
        fmt = default_format(path)
        if fmt not in CHEAP_FORMATS:
            engine = DoJobber()
            engine.configure(DummyJob)
        engine.write_graph(io.BytesIO(), fmt, rankdir=rankdir)
    except GraphError as error:
        raise GraphError(f'--graph: {error}', error.culprit) from error
    except OSError as error:
        raise GraphError(f'--graph: {path!r} cannot be written: {error.strerror or error}', path) from error


def _check_file(path: str) -> None:
    """Raise an error if the file cannot be written. An existing file is not changed."""
    if not path or '\0' in path:
        raise GraphError('expected the path of a file', path)
    if os.path.isdir(path):
        raise GraphError(f'{path!r} is a folder, not a file', path)
    if os.path.isfile(path):
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
    elif os.path.exists(path):  # a device, or a pipe: opening and closing a pipe would end its reader
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    else:
        target = os.path.realpath(path) if os.path.islink(path) else path
        folder = os.path.dirname(target)
        if not os.path.isdir(folder or os.curdir):
            raise GraphError(f'the folder {folder!r} does not exist', path)
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))  # the only reliable test
        os.unlink(target)


def draw(engine: DoJobber, path: str, rankdir: str, interrupts: Interrupts) -> tuple[signal.Signals | None, bool]:
    """Draw the graph, and return the signal that interrupted this, if any, and whether the graph was drawn.

    If it was not, print the reason on stderr.
    """
    interrupt = None
    try:
        # Not KeyboardInterrupt for SIGINT: subprocess would kill the renderer without waiting for its end.
        with interrupts.raising(UserInterrupt), _message_after_delay(path):
            engine.write_graph(path, rankdir=rankdir)
            return None, True
    except INTERRUPTS as error:
        interrupt = signal_of(error)
        reason = f'interrupted by {interrupt.name}'
    except (GraphError, OSError) as error:
        reason = str(error)
    print_to_stderr(f'the graph was not drawn: {escape_unprintable(reason)}')
    return interrupt, False


@contextlib.contextmanager
def _message_after_delay(path: str) -> Iterator[None]:
    """If drawing takes long and stderr is a terminal, print that the graph is being drawn."""
    timer = threading.Timer(MESSAGE_DELAY, print_to_stderr, [f'drawing {escape_unprintable(path)} ...'])
    timer.daemon = True
    if is_terminal(standard_error()):
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
