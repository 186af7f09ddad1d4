"""Makes a picture: text by ourselves, anything else with a renderer that is installed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from ..errors import GraphError
from .dot import dot
from .look import Node
from .mermaid import mermaid

RANKDIRS = ('TB', 'LR', 'BT', 'RL')
TEXTS = {'dot': dot, 'mermaid': mermaid}
LONGEST = 1_000_000  # seconds, eleven days; waiting longer does not fit the platform's clock


def picture(nodes: Iterable[Node], fmt: str, rankdir: str = 'TB', timeout: float = 60) -> bytes:
    """Return the picture in a format: ``'dot'``, ``'mermaid'``, or any that the renderer has.

    Args:
        rankdir: ``'TB'`` draws a Job above what it needs; ``'LR'``, ``'BT'`` and ``'RL'`` turn that.
        timeout: Seconds after which the renderer is stopped; infinity lets it take its time.

    Raises:
        GraphError: An argument is none of these; there is no renderer, or it refuses the format, fails, takes too long.
    """
    if rankdir not in RANKDIRS:
        raise GraphError(f'rankdir must be one of {", ".join(RANKDIRS)}, not {rankdir!r}', rankdir)
    if not isinstance(fmt, str):
        raise GraphError(f'fmt must be the name of a format, such as svg, not {fmt!r}', fmt)
    _check_timeout(timeout)
    if fmt in TEXTS:
        return TEXTS[fmt](nodes, rankdir).encode()
    return _rendered(dot(nodes, rankdir).encode(), fmt, timeout)


def _check_timeout(timeout: Any) -> None:
    if not isinstance(timeout, (int, float)) or not timeout > 0:
        raise GraphError(f'timeout must be a number of seconds above 0, not {timeout!r}', timeout)


def _rendered(text: bytes, fmt: str, timeout: float) -> bytes:
    import subprocess

    command = _renderer()
    if command is None:
        raise GraphError(
            f'a picture in the format {fmt!r} needs a renderer: install Graphviz (apt install graphviz, dnf install '
            f'graphviz, brew install graphviz) or pip install graphviz-pure, which is the extra render',
            fmt,
        )
    try:
        done = subprocess.run([command, f'-T{fmt}'], input=text, capture_output=True, timeout=min(timeout, LONGEST))
    except subprocess.TimeoutExpired as error:
        raise GraphError(f'{command} did not finish within {timeout} s and was stopped', fmt) from error
    except (OSError, ValueError) as error:
        raise GraphError(f'{command} cannot be run: {error}', fmt) from error
    if done.returncode or not done.stdout:
        words = done.stderr.decode(errors='replace').strip() or f'it said nothing and ended with {done.returncode}'
        raise GraphError(f'{command} made no {fmt!r}: {words}', fmt)
    return done.stdout


def _renderer() -> str | None:
    """Return the path of Graphviz's dot, else of graphviz-pure, on the PATH or beside this Python."""
    import shutil
    import sysconfig

    found = shutil.which('dot') or shutil.which('graphviz-pure')
    return found or shutil.which('graphviz-pure', path=os.fspath(sysconfig.get_path('scripts')))
