"""Imports python-graph, whose 1.8.2 asks for a ``pkg_resources`` that today's setuptools no longer has."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import sys
import threading
import types
from typing import Any

_lock = threading.Lock()


class _PkgResources(types.ModuleType):
    """Stands in for ``pkg_resources`` while one thread imports python-graph."""

    def __init__(self) -> None:
        super().__init__('pkg_resources')
        self._importing_thread = threading.get_ident()

    def declare_namespace(self, name: str) -> None:
        """Let the package called ``name`` span all the folders that hold a part of it."""
        package = sys.modules[name]
        package.__path__ = pkgutil.extend_path(package.__path__, name)

    def __getattr__(self, name: str) -> Any:
        # Another thread that imports pkg_resources now is given this module and keeps it. What it looks for is in the
        # real one, which can be imported as soon as python-graph is.
        if threading.get_ident() == self._importing_thread:
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r} here')
        with _lock:
            return getattr(importlib.import_module(self.__name__), name)


@functools.cache
def load() -> tuple[Any, Any]:
    """Return python-graph's ``digraph`` class and its function that writes a graph as DOT.

    Raises:
        ImportError: python-graph or pydot is not installed.
    """
    import pydot  # noqa: F401 - before the stand-in is there, which is meant for python-graph alone

    with _lock:
        stand_in = _PkgResources()
        real = sys.modules.get(stand_in.__name__)
        sys.modules[stand_in.__name__] = stand_in
        try:
            # By import statements, since that is what PyInstaller and the like look for in a program they bundle.
            import pygraph.classes.digraph as classes
            import pygraph.readwrite.dot as dot
        finally:
            if real is not None:
                sys.modules[stand_in.__name__] = real
            else:
                sys.modules.pop(stand_in.__name__, None)
    return classes.digraph, dot.write
