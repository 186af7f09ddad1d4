"""Where a picture goes: a path, a file object, the screen."""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import Any

from ..errors import GraphError

FORMATS = {'gv': 'dot', 'mmd': 'mermaid'}
"""What some suffixes mean; any other is the name of its format."""

PATIENCE = 2.0  # seconds in which an opener that cannot show the picture says so


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
        OSError: It cannot be written; a regular file that would have been replaced is then as it was before.
    """
    if isinstance(filed, (str, os.PathLike)):
        _write_path(os.fsdecode(filed), data)
    elif not hasattr(filed, 'write'):
        raise GraphError(f"a picture goes to a path or to a file opened with mode 'wb', not to {filed!r}", filed)
    elif hasattr(filed, 'buffer'):
        filed.flush()
        _write_bytes(filed.buffer, data)
    else:
        try:
            _write_bytes(filed, data)
        except TypeError:  # it takes text
            filed.write(_text(data, filed))


def _write_bytes(file: Any, data: bytes) -> None:
    while data:
        taken = file.write(data)
        if not isinstance(file, io.RawIOBase):
            return
        if taken is None:
            raise BlockingIOError(errno.EAGAIN, f'{file!r} takes no more at the moment')
        data = data[taken:]  # a file without a buffer may take a part only


def _text(data: bytes, filed: Any) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        message = f"this picture is no text: open the file with mode 'wb', or ask for svg; {filed!r} takes text only"
        raise GraphError(message, filed) from error


def _write_path(path: str, data: bytes) -> None:
    """Replace a regular file as a whole. What is more than that, such as a link or a device, is written through."""
    status = None
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        pass
    except ValueError as error:
        raise GraphError(f'{path!r} cannot be the path of a file: {error}', path) from error
    if status is not None and not _is_replaceable(path, status):
        with open(path, 'wb') as file:
            file.write(data)
        return
    new = os.path.join(os.path.dirname(path), f'.dojobber-{os.urandom(8).hex()}')
    try:
        with open(new, 'xb') as file:
            file.write(data)
        if status is not None:
            os.chmod(new, stat.S_IMODE(status.st_mode))
        os.replace(new, path)
    except BaseException as error:
        if os.path.exists(new):
            os.unlink(new)
        if isinstance(error, OSError):
            error.filename = path  # what the caller knows
        raise


def _is_replaceable(path: str, status: os.stat_result) -> bool:
    """Tell whether a new file can take its place without a change of owner, and no other name keeps the old one."""
    if hasattr(os, 'geteuid') and (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        return False

    def is_writable(where: str) -> bool:
        return os.access(where, os.W_OK, effective_ids=os.access in os.supports_effective_ids)

    is_alone = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    return is_alone and is_writable(path) and is_writable(os.path.dirname(path) or os.curdir)


def display(svg: bytes) -> None:
    """Show an SVG picture on the screen; where there is none, print the path of the file it was put in."""
    import shutil
    import sys
    import tempfile

    descriptor, path = tempfile.mkstemp(prefix='dojobber-', suffix='.svg')
    try:
        with open(descriptor, 'wb') as file:
            file.write(svg)  # stays there: the viewer reads it after this process has ended
    except BaseException:
        os.unlink(path)
        raise
    if hasattr(os, 'startfile'):
        os.startfile(path)
        return
    has_screen = sys.platform == 'darwin' or os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')
    openers = ('open',) if sys.platform == 'darwin' else ('xdg-open', 'display')
    commands = list(filter(None, map(shutil.which, openers))) if has_screen else []
    if not any(_shows(command, path) for command in commands):
        print(path)  # noqa: T201 - what was asked for


def _shows(command: str, path: str) -> bool:
    """Start a viewer and tell whether it is still there after a moment, or has done its work."""
    import subprocess
    import threading

    quiet = subprocess.DEVNULL
    try:
        viewer = subprocess.Popen([command, path], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    except OSError:
        return False
    try:
        return viewer.wait(PATIENCE) == 0
    except subprocess.TimeoutExpired:
        threading.Thread(target=viewer.wait, daemon=True).start()  # it may stay open for as long as it likes
        return True
