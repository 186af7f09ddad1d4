"""Pickling of deferred annotations (Python 3.14) and lazy imports (3.15), which cloudpickle 3.1.3 cannot pickle."""

from __future__ import annotations

import sys
import types
from typing import Any, Callable

if sys.version_info >= (3, 14):
    import annotationlib

    def _with_annotations_as_text(function: types.FunctionType) -> types.FunctionType:
        """Return a copy of ``function`` whose annotations are strings. The original must not change."""
        copy = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        copy.__dict__.update(function.__dict__)
        for name in ('__doc__', '__kwdefaults__', '__module__', '__qualname__'):
            setattr(copy, name, getattr(function, name))
        copy.__annotations__ = annotationlib.get_annotations(function, format=annotationlib.Format.STRING)
        return copy
else:

    def _with_annotations_as_text(function: types.FunctionType) -> types.FunctionType:
        return function  # its annotations were evaluated when it was defined


_LAZY_IMPORT: Any = getattr(types, 'LazyImportType', ())
"""The type of a global that ``lazy import`` has bound and that has not been used yet."""


def reduce_deferred(obj: Any, reduce: Callable[[Any], Any]) -> Any:
    """Return ``reduce(obj)``, where ``reduce`` is cloudpickle's reducer, or a replacement if that fails.

    A lazy import is pickled as the object it imports. A function whose annotations cannot be evaluated, because they
    use names imported only ``if TYPE_CHECKING``, is pickled with its annotations as strings.
    """
    if isinstance(obj, _LAZY_IMPORT):
        return _identity, (obj.resolve(),)
    try:
        return reduce(obj)
    except Exception:
        if not isinstance(obj, types.FunctionType):
            raise
        return reduce(_with_annotations_as_text(obj))


def _identity(value: Any) -> Any:
    return value
