"""Runs Graphviz or graphviz-pure, whichever is installed, and checks the result."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from ..errors import GraphError
from ..log import logger
from .labels import truncate

if TYPE_CHECKING:
    from subprocess import Popen

MAX_TIMEOUT = 1_000_000  # seconds, eleven days; larger values overflow the clock of some platforms
JPEG_FORMATS = ('jpg', 'jpeg', 'jpe')
JPEG_END = b'\xff\xd9'
MAX_JPEG_SIZE = 65_535  # pixels in each direction: the header has two bytes for each
DPI, MARGIN = 96, 32 / 3  # pixels per inch, and pixels around the drawing
TOO_LARGE = re.compile(  # the renderers' messages; the first comes with status 0
    'scaling by .* to fit|bad picture dimension|exceeds pdf limit|out of memory|memory allocation', re.IGNORECASE
)


def run_renderer(dot: bytes, fmt: str, timeout: float) -> bytes:
    """Return the picture of a DOT text in one of the renderer's formats, and log the renderer's warnings.

    Raises:
        GraphError: There is no renderer, it rejects the format, fails or takes too long, or the picture is too large
            for the format.
    """
    command = _find_renderer()
    if command is None:
        raise GraphError(
            f'the format {fmt!r} needs a renderer: install Graphviz (apt install graphviz, dnf install graphviz, brew '
            f'install graphviz) or graphviz-pure (pip install graphviz-pure, or the extra render)',
            fmt,
        )
    is_jpeg = fmt.partition(':')[0] in JPEG_FORMATS
    formats = [f'-T{fmt}', '-Tplain'] if is_jpeg else [f'-T{fmt}']
    picture, message, status = _run([command, *formats], dot, fmt, timeout)
    if TOO_LARGE.search(message):
        raise GraphError(f'the picture is too large for the format {fmt!r}; use svg: {message}', fmt)
    if status or not picture:
        reason = message or f'no error message, exit status {status}'
        raise GraphError(f'{command} cannot write the format {fmt!r}: {reason}', fmt)
    if message:
        with contextlib.suppress(Exception):  # a broken log must not cost the picture
            logger.warning('%s: %s', command, message)
    return _checked_jpeg(picture, fmt) if is_jpeg else picture


def _find_renderer() -> str | None:
    """Return the path of Graphviz's dot or else of graphviz-pure, on the PATH or next to this Python."""
    import shutil
    import sysconfig

    command = shutil.which('dot') or shutil.which('graphviz-pure')
    return command or shutil.which('graphviz-pure', path=os.fspath(sysconfig.get_path('scripts')))


def _run(command: list[str], dot: bytes, fmt: str, timeout: float) -> tuple[bytes, str, int]:
    """Return the renderer's output, its stderr as text, and its exit status."""
    import subprocess

    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, env=_environment()
        )
    except (OSError, ValueError) as error:
        raise GraphError(f'{command[0]} cannot be run: {error}', fmt) from error
    try:
        output, errors = process.communicate(dot, min(timeout, MAX_TIMEOUT))
    except subprocess.TimeoutExpired as error:
        _kill(process)
        raise GraphError(f'{command[0]} did not finish within {timeout:.3g} s and was stopped', fmt) from error
    except BaseException:
        _kill(process)
        raise
    return output, truncate(errors.decode(errors='replace').strip()), process.returncode


def _environment() -> dict[str, str] | None:
    """Return the environment for programs of the system, without the libraries of a PyInstaller bundle."""
    import sys

    if not hasattr(sys, '_MEIPASS'):
        return None
    environment = dict(os.environ)
    libraries = environment.pop('LD_LIBRARY_PATH_ORIG', None)
    environment.pop('LD_LIBRARY_PATH', None)
    return environment if libraries is None else {**environment, 'LD_LIBRARY_PATH': libraries}


def _kill(process: Popen[bytes]) -> None:
    """Kill the renderer and its children: ``dot`` may be a script whose child does the drawing.

    On platforms that can only kill the renderer itself, a child may keep the pipes open, so do not read them to the
    end.
    """
    if hasattr(os, 'killpg'):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, 9)
    process.kill()
    process.wait()
    if os.name == 'posix':  # on Windows, threads read the pipes and close them
        for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
            with contextlib.suppress(OSError):
                pipe.close()


def _checked_jpeg(output: bytes, fmt: str) -> bytes:
    """Return the JPEG without the plain text that follows it, from which its real size is known.

    graphviz-pure writes larger JPEGs than their header can describe, and viewers then show noise. The last end marker
    is the JPEG's own, since it cannot occur in text.
    """
    picture, end, plain = output.rpartition(JPEG_END)
    found = re.match(rb'\s*graph \S+ (\S+) (\S+)', plain)
    if not end or not found:
        return output
    width, height = (float(inches) * DPI + MARGIN for inches in found.groups())
    if max(width, height) > MAX_JPEG_SIZE:
        size = f'{width:.0f} x {height:.0f} pixels, but a JPEG has at most {MAX_JPEG_SIZE} in each direction'
        raise GraphError(f'the picture is too large for the format {fmt!r}; use svg: it has {size}', fmt)
    return picture + end
