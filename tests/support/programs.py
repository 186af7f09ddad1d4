"""Small programs for tests to put on the PATH, and what renderers write."""

from __future__ import annotations

import pathlib
import sys

PNG = b'\x89PNG\r\n\x1a\n'
"""The first bytes of a PNG."""


def write_program(folder, name, body):
    """Write an executable Python program and return its path."""
    path = pathlib.Path(folder) / name
    path.write_text(f'#!{sys.executable}\n{body}\n')
    path.chmod(0o755)
    return path
