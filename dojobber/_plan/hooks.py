"""Lazy hooks, which do nothing when they are called: async functions and generator functions."""

from __future__ import annotations

from functools import partial, partialmethod
from types import AsyncGeneratorType, CodeType, CoroutineType, FunctionType, GeneratorType, MethodType
from typing import Any

LAZY_CALL_FLAGS = 0x20 | 0x80 | 0x200
"""Code flags of generators, coroutines and async generators; ``inspect`` names them, but is slow to import."""

LAZY_RESULTS = frozenset({AsyncGeneratorType, CoroutineType, GeneratorType})

MAX_WRAPPERS = 100
"""The number of nested wrappers to look through; a function may be wrapped in itself."""


def is_lazy(hook: Any) -> bool:
    """Tell whether calling ``hook``, taken from the class, only returns an object that would do the work later.

    ``__wrapped__`` is not followed, since a decorator may well turn a lazy function into one that works at once.
    """
    return any(code.co_flags & LAZY_CALL_FLAGS for code in _codes(hook, is_wrapped_followed=False))


def close_lazy_result(result: Any, hook: Any) -> str | None:
    """Return None if ``result`` is a proper result of ``hook``. Otherwise close it, and return what it is, in words.

    A coroutine or an async generator is never a result. A generator is one unless its code is that of the hook itself,
    or of a function that a decorator keeps as ``__wrapped__``.
    """
    if type(result) not in LAZY_RESULTS:
        return None
    if isinstance(result, GeneratorType):
        if result.gi_code not in _codes(hook, is_wrapped_followed=True):
            return None
        result.close()
        return 'a generator (it contains a yield)'
    if isinstance(result, AsyncGeneratorType):
        return 'an async generator (it is async and contains a yield)'
    result.close()  # keeps Python from warning that nobody awaited it
    return 'a coroutine (it is async)'


def _codes(hook: Any, is_wrapped_followed: bool) -> list[CodeType]:
    """Return the code objects of ``hook`` and of the functions that it wraps."""
    codes = []
    for _ in range(MAX_WRAPPERS):
        if isinstance(hook, (staticmethod, classmethod, MethodType)):
            hook = hook.__func__
        elif isinstance(hook, (partial, partialmethod)):
            hook = hook.func
        elif isinstance(hook, FunctionType):
            codes.append(hook.__code__)
            hook = vars(hook).get('__wrapped__') if is_wrapped_followed else None
        elif hook is None or isinstance(hook, type):
            break
        elif is_wrapped_followed and hasattr(hook, '__wrapped__'):
            hook = hook.__wrapped__
        else:
            call = next((vars(base)['__call__'] for base in type(hook).__mro__ if '__call__' in vars(base)), None)
            hook = None if call is hook else call
    return codes
