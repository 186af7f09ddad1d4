"""Writes a picture to a path or a file object, or shows it on the screen."""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import Any

from ..errors import GraphError

SUFFIXES = {'gv': 'dot', 'mmd': 'mermaid'}
"""Formats whose suffix is not their name."""

VIEWER_START_SECONDS = 2.0
"""A viewer that cannot show the picture exits within this time."""


def default_format(filed: Any) -> str:
    """Return the format that the suffix of a path stands for; png if there is no path or no suffix."""
    if isinstance(filed, (str, os.PathLike)):
        suffix = os.path.splitext(os.fsdecode(filed))[1][1:].lower()
        return SUFFIXES.get(suffix, suffix) or 'png'
    return 'png'


def write(filed: Any, data: bytes) -> None:
    """Write ``data`` to a path or a file object: to the buffer of a text-mode file, and as text to a text buffer.

    Raises:
        GraphError: ``filed`` is neither a path nor a file object, or accepts only text and ``data`` is binary.
        OSError: The file cannot be written. A regular file is then unchanged.
    """
    if isinstance(filed, (str, os.PathLike)):
        _write_path(os.fsdecode(filed), data)
    elif not hasattr(filed, 'write'):
        raise GraphError(f"filed must be a path or a file opened with mode 'wb', not {filed!r}", filed)
    elif hasattr(filed, 'buffer'):
        filed.flush()
        _write_bytes(filed.buffer, data)
    else:
        try:
            _write_bytes(filed, data)
        except TypeError:  # it accepts only text
            filed.write(_decode(data, filed))


def _write_bytes(file: Any, data: bytes) -> None:
    while data:
        count = file.write(data)
        if not isinstance(file, io.RawIOBase):
            return
        if count is None:
            raise BlockingIOError(errno.EAGAIN, f'{file!r} cannot take more data at the moment')
        data = data[count:]  # an unbuffered file may have written only a part


def _decode(data: bytes, filed: Any) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        message = f"the picture is binary, but {filed!r} accepts only text: open it with mode 'wb', or use svg"
        raise GraphError(message, filed) from error


def _write_path(path: str, data: bytes) -> None:
    """Replace a regular file as a whole. Write through links, devices and other special files."""
    status = None
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        pass
    except ValueError as error:
        raise GraphError(f'{path!r} is not a valid path: {error}', path) from error
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
            error.filename = path  # the caller does not know the temporary file
        raise


def _is_replaceable(path: str, status: os.stat_result) -> bool:
    """Tell whether a new file can replace this one: the owner stays the same, and no other name keeps the old file."""
    if hasattr(os, 'geteuid') and (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        return False

    def is_writable(path: str) -> bool:
        return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)

    has_one_name = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    return has_one_name and is_writable(path) and is_writable(os.path.dirname(path) or os.curdir)


def display(svg: bytes) -> None:
    """Show an SVG picture on the screen; without a screen or a viewer, print the path of its file."""
    import shutil
    import sys
    import tempfile

    descriptor, path = tempfile.mkstemp(prefix='dojobber-', suffix='.svg')
    try:
        with open(descriptor, 'wb') as file:
            file.write(svg)  # never deleted, since the viewer may open it after this process has ended
    except BaseException:
        os.unlink(path)
        raise
    if hasattr(os, 'startfile'):
        os.startfile(path)
        return
    has_screen = sys.platform == 'darwin' or os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')
    viewers = ('open',) if sys.platform == 'darwin' else ('xdg-open', 'display')
    commands = list(filter(None, map(shutil.which, viewers))) if has_screen else []
    if not any(_open_with(command, path) for command in commands):
        print(path)  # noqa: T201 - documented result of display_graph()


def _open_with(command: str, path: str) -> bool:
    """Start a viewer, and tell whether it is still running after a moment or has succeeded."""
    import subprocess
    import threading

    null = subprocess.DEVNULL
    try:
        viewer = subprocess.Popen([command, path], stdin=null, stdout=null, stderr=null, start_new_session=True)
    except OSError:
        return False
    try:
        return viewer.wait(VIEWER_START_SECONDS) == 0
    except subprocess.TimeoutExpired:
        threading.Thread(target=viewer.wait, daemon=True).start()  # reaps it, however long it stays open
        return True
