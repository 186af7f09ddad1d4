"""Detects lazy hooks: async functions and generator functions, which do nothing when they are called."""

from __future__ import annotations

from functools import partial, partialmethod
from types import AsyncGeneratorType, CodeType, CoroutineType, FunctionType, GeneratorType, MethodType
from typing import Any

LAZY_CALL_FLAGS = 0x20 | 0x80 | 0x200
"""Code flags of generators, coroutines and async generators; ``inspect`` names them, but is slow to import."""

LAZY_RESULTS = frozenset({AsyncGeneratorType, CoroutineType, GeneratorType})

MAX_WRAPPERS = 100
"""The largest number of nested wrappers to look through; a function may wrap itself."""


def definition_of(kind: type, name: str) -> Any:
    """Return an attribute as a class defines it, before any descriptor is applied; None if it is missing."""
    for base in kind.__mro__:  # not a generator, which would swallow an interrupt that arrives while it is closed
        if name in vars(base):
            return vars(base)[name]
    return None


def is_lazy(hook: Any) -> bool:
    """Tell whether calling ``hook``, as the class defines it, only returns an object that would do the work later.

    ``__wrapped__`` is not followed, since a decorator may turn a lazy function into one that does the work at once.
    """
    return any(code.co_flags & LAZY_CALL_FLAGS for code in _codes(hook, follow_wrapped=False))


def refuse_lazy_result(result: Any, hook: Any, name: str, job_class: type) -> None:
    """Raise TypeError if ``result``, whose type is in LAZY_RESULTS, shows that ``hook`` is lazy.

    A coroutine or an async generator always shows it. A generator shows it if its code is that of the hook, or of a
    function that a decorator keeps as ``__wrapped__``. Coroutines and these generators are closed.
    """
    if isinstance(result, GeneratorType):
        if result.gi_code not in _codes(hook, follow_wrapped=True):
            return
        kind = 'a generator (it contains a yield)'
        result.close()
    elif isinstance(result, CoroutineType):
        kind = 'a coroutine (it is async)'
        result.close()  # keeps Python from warning that nobody awaited it
    else:
        kind = 'an async generator (it is async and contains a yield)'
    raise TypeError(f'{name} of {job_class.__name__!r} returned {kind}, so calling it did nothing')


def _codes(hook: Any, follow_wrapped: bool) -> list[CodeType]:
    """Return the code objects of ``hook`` and of the functions that it wraps."""
    codes = []
    for _ in range(MAX_WRAPPERS):
        if isinstance(hook, (staticmethod, classmethod, MethodType)):
            hook = hook.__func__
        elif isinstance(hook, (partial, partialmethod)):
            hook = hook.func
        elif isinstance(hook, FunctionType):
            codes.append(hook.__code__)
            hook = vars(hook).get('__wrapped__') if follow_wrapped else None
        elif hook is None or isinstance(hook, type):
            break
        elif follow_wrapped and hasattr(hook, '__wrapped__'):
            hook = hook.__wrapped__
        else:
            call = definition_of(type(hook), '__call__')
            hook = None if call is hook else call
    return codes
