"""Programs that tests put on the PATH, and what renderers write."""

from __future__ import annotations

import sys

PNG = b'\x89PNG\r\n\x1a\n'
"""The first bytes of a PNG."""


def write_program(path, body):
    """Write an executable Python script."""
    path.write_text(f'#!{sys.executable}\n{body}\n')
    path.chmod(0o755)
