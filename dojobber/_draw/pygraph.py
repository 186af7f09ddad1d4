"""Imports python-graph, whose version 1.8.2 requires ``pkg_resources``, which recent versions of setuptools lack."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import sys
import threading
import types
from typing import Any

from ..errors import GraphError

_lock = threading.Lock()


class PkgResourcesStandIn(types.ModuleType):
    """Replaces ``pkg_resources`` while one thread imports python-graph."""

    def __init__(self) -> None:
        super().__init__('pkg_resources')
        self._importing_thread = threading.get_ident()

    def declare_namespace(self, name: str) -> None:
        """Let the package called ``name`` span all the folders that hold a part of it."""
        package = sys.modules[name]
        package.__path__ = pkgutil.extend_path(package.__path__, name)

    def __getattr__(self, name: str) -> Any:
        # Another thread that imports pkg_resources now gets this module and keeps it. Its attributes are in the real
        # one, which can be imported once python-graph is imported.
        if threading.get_ident() == self._importing_thread:
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r} here')
        with _lock:
            return getattr(importlib.import_module(self.__name__), name)


@functools.cache
def import_python_graph() -> tuple[Any, Any]:
    """Return python-graph's ``digraph`` class and its function that writes a graph as DOT.

    Raises:
        GraphError: python-graph or pydot cannot be imported.
    """
    try:
        import pydot  # noqa: F401 - before the stand-in, which is for python-graph only

        with _lock:
            return _import_with_stand_in()
    except ImportError as error:
        message = f'engine.graph and pictures need python-graph, which cannot be imported ({error})'
        raise GraphError(f'{message}: pip install python-graph-core python-graph-dot', error.name) from error


def _import_with_stand_in() -> tuple[Any, Any]:
    stand_in = PkgResourcesStandIn()
    real = sys.modules.get(stand_in.__name__)
    sys.modules[stand_in.__name__] = stand_in
    try:
        # Import statements, because PyInstaller and similar tools look for these in a program.
        import pygraph.classes.digraph as classes
        import pygraph.readwrite.dot as dot
    finally:
        if real is not None:
            sys.modules[stand_in.__name__] = real
        else:
            sys.modules.pop(stand_in.__name__, None)
    return classes.digraph, dot.write
