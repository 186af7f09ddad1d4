"""Runs Graphviz or graphviz-pure, whichever is installed, and hears what it says about its work."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from ..errors import GraphError
from ..log import logger
from .style import cut

if TYPE_CHECKING:
    from subprocess import Popen

LONGEST = 1_000_000  # seconds, eleven days; waiting longer does not fit the platform's clock
JPEGS = ('jpg', 'jpeg', 'jpe')
JPEG_END = b'\xff\xd9'
WIDEST_JPEG = 65_535  # pixels, and so for the height: the header has two bytes for each
DPI, MARGIN = 96, 32 / 3  # pixels in an inch, and around the drawing
TOO_LARGE = re.compile(  # so the renderers say it; where Graphviz would scale a bitmap down, with status 0
    'scaling by .* to fit|bad picture dimension|exceeds pdf limit|out of memory|memory allocation', re.IGNORECASE
)


def rendered(text: bytes, fmt: str, timeout: float) -> bytes:
    """Return the picture of a DOT text in a format of the renderer; what else that says is logged.

    Raises:
        GraphError: There is no renderer, or it refuses the format, fails, takes too long, or cannot draw so large a
            picture in this format.
    """
    command = _renderer()
    if command is None:
        raise GraphError(
            f'a picture in the format {fmt!r} needs a renderer: install Graphviz (apt install graphviz, dnf install '
            f'graphviz, brew install graphviz) or pip install graphviz-pure, which is the extra render',
            fmt,
        )
    is_jpeg = fmt.partition(':')[0] in JPEGS
    formats = [f'-T{fmt}', '-Tplain'] if is_jpeg else [f'-T{fmt}']
    picture, words, status = _run([command, *formats], text, fmt, timeout)
    if TOO_LARGE.search(words):
        raise GraphError(f'the picture is too large for the format {fmt!r}, use svg: {words}', fmt)
    if status or not picture:
        why = words or f'it said nothing and ended with {status}'
        raise GraphError(f'{command} cannot draw the format {fmt!r}: {why}', fmt)
    if words:
        with contextlib.suppress(Exception):  # a log that cannot be written harms nothing
            logger.warning('%s: %s', command, words)
    return _checked_jpeg(picture, fmt) if is_jpeg else picture


def _run(command: list[str], text: bytes, fmt: str, timeout: float) -> tuple[bytes, str, int]:
    """Return what the renderer writes, what it says on stderr, and its exit status."""
    import subprocess

    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, env=_environment()
        )
    except (OSError, ValueError) as error:
        raise GraphError(f'{command[0]} cannot be run: {error}', fmt) from error
    try:
        picture, words = process.communicate(text, min(timeout, LONGEST))
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise GraphError(f'{command[0]} did not finish within {timeout:.3g} s and was stopped', fmt) from error
    except BaseException:
        _end(process)
        raise
    return picture, cut(words.decode(errors='replace').strip()), process.returncode


def _environment() -> dict[str, str] | None:
    """Return the environment as it was before PyInstaller put a bundle's own libraries before those of the system."""
    import sys

    if not hasattr(sys, '_MEIPASS'):
        return None
    environment = dict(os.environ)
    libraries = environment.pop('LD_LIBRARY_PATH_ORIG', None)
    environment.pop('LD_LIBRARY_PATH', None)
    return environment if libraries is None else {**environment, 'LD_LIBRARY_PATH': libraries}


def _end(process: Popen[bytes]) -> None:
    """Kill a renderer and all that it has started: ``dot`` may be a script, and what does the work a child of it.

    Where only the renderer itself can be killed, a child may still hold its pipes, so these are not read to their ends.
    """
    if hasattr(os, 'killpg'):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, 9)
    process.kill()
    process.wait()
    if os.name == 'posix':  # elsewhere threads read the pipes, and close them at their ends
        for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
            with contextlib.suppress(OSError):
                pipe.close()


def _checked_jpeg(output: bytes, fmt: str) -> bytes:
    """Return the JPEG without the words about its size that follow it.

    graphviz-pure also writes one that is larger than a JPEG can be; its header then has a wrong size, and viewers show
    noise. So the renderer is asked for the size too, in text, where the byte that markers begin with cannot be.
    """
    picture, end, plain = output.rpartition(JPEG_END)
    found = re.match(rb'\s*graph \S+ (\S+) (\S+)', plain)
    if not end or not found:
        return output
    width, height = (float(inches) * DPI + MARGIN for inches in found.groups())
    if max(width, height) > WIDEST_JPEG:
        size = f'{width:.0f} x {height:.0f} pixels, and a JPEG has at most {WIDEST_JPEG} each way'
        raise GraphError(f'the picture is too large for the format {fmt!r}, use svg: it has {size}', fmt)
    return picture + end


def _renderer() -> str | None:
    """Return the path of Graphviz's dot, else of graphviz-pure, on the PATH or beside this Python."""
    import shutil
    import sysconfig

    found = shutil.which('dot') or shutil.which('graphviz-pure')
    return found or shutil.which('graphviz-pure', path=os.fspath(sysconfig.get_path('scripts')))
