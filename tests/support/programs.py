"""Small programs that stand in the PATH where a test needs one, and what renderers write."""

from __future__ import annotations

import pathlib
import sys

PNG = b'\x89PNG\r\n\x1a\n'
"""The first bytes of a PNG."""


def write_program(folder, name, body):
    """Put a small program on a folder that is to be on the PATH."""
    path = pathlib.Path(folder) / name
    path.write_text(f'#!{sys.executable}\n{body}\n')
    path.chmod(0o755)
    return path
