"""A function with a bare ``assert``, which pytest would rewrite without this word: PYTEST_DONT_REWRITE."""

from __future__ import annotations


def mount(*_):
    disk_is_mounted = False
    assert disk_is_mounted  # shown, too
