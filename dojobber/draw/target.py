"""Where a picture goes: a path, a file object, the screen."""

from __future__ import annotations

import os
import stat
from typing import Any

from ..errors import GraphError

FORMATS = {'gv': 'dot', 'mmd': 'mermaid'}
"""What some suffixes mean; any other is the name of its format."""


def default_format(filed: Any) -> str:
    """Return the format that a path's suffix names, else png."""
    if isinstance(filed, (str, os.PathLike)):
        suffix = os.path.splitext(os.fsdecode(filed))[1][1:].lower()
        return FORMATS.get(suffix, suffix) or 'png'
    return 'png'


def write(filed: Any, data: bytes) -> None:
    """Write ``data`` to a path, or to a file object: a text-mode one takes it through its buffer, or as text.

    Raises:
        GraphError: ``filed`` takes text only and this is none, or it is neither a path nor a file object.
        OSError: It cannot be written; a regular file named by path is then as it was before.
    """
    if isinstance(filed, (str, os.PathLike)):
        _write_path(os.fsdecode(filed), data)
    elif not hasattr(filed, 'write'):
        raise GraphError(f"a picture goes to a path or to a file opened with mode 'wb', not to {filed!r}", filed)
    elif hasattr(filed, 'buffer'):
        filed.flush()
        filed.buffer.write(data)
    elif hasattr(filed, 'encoding'):
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            message = (
                f"this picture is no text: open the file with mode 'wb', or ask for svg; {filed!r} takes text only"
            )
            raise GraphError(message, filed) from error
        filed.write(text)
    else:
        filed.write(data)


def _write_path(path: str, data: bytes) -> None:
    """Replace a regular file as a whole; write through links and to devices."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, 'wb') as file:
            file.write(data)
        return
    new = os.path.join(os.path.dirname(path), f'.dojobber-{os.urandom(8).hex()}')
    try:
        with open(new, 'xb') as file:
            file.write(data)
        if mode is not None:
            os.chmod(new, stat.S_IMODE(mode))
        os.replace(new, path)
    except BaseException as error:
        if os.path.exists(new):
            os.unlink(new)
        if isinstance(error, OSError):
            error.filename = path  # what the caller knows
        raise


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
