"""Hooks that do nothing when they are called: async functions and generator functions."""

from __future__ import annotations

from functools import partial, partialmethod
from types import AsyncGeneratorType, CodeType, CoroutineType, FunctionType, GeneratorType, MethodType
from typing import Any

LAZY_CALL_FLAGS = 0x20 | 0x80 | 0x200  # of generators, coroutines and both; their names are in inspect, which is slow

LAZY_RESULTS = frozenset({AsyncGeneratorType, CoroutineType, GeneratorType})

DEEPEST = 100
"""How many wrappers are looked through; somebody may have wrapped a function in itself."""


def is_lazy(hook: Any) -> bool:
    """Tell whether calling ``hook``, as it stands in the class, only makes an object that does the work later.

    What a decorator keeps as ``__wrapped__`` says nothing: it may well turn such a function into one that works.
    """
    return any(code.co_flags & LAZY_CALL_FLAGS for code in _codes(hook, is_wrapped_followed=False))


def close_lazy_result(result: Any, hook: Any) -> str | None:
    """Return the kind of object that ``hook`` returned in place of a result, and close that; None if it is a result.

    A coroutine never is. A generator is one, unless it is what the hook itself, or the function that a decorator keeps
    as its ``__wrapped__``, yields from.
    """
    if type(result) not in LAZY_RESULTS:
        return None
    if isinstance(result, GeneratorType):
        if result.gi_code not in _codes(hook, is_wrapped_followed=True):
            return None
        result.close()
        return 'a generator: there is a yield in it'
    if isinstance(result, AsyncGeneratorType):
        return 'an async generator: it is async and there is a yield in it'
    result.close()  # or Python would warn that nobody awaited it
    return 'a coroutine: it is async'


def _codes(hook: Any, is_wrapped_followed: bool) -> list[CodeType]:
    """Return the code objects of ``hook`` and of what it wraps."""
    codes = []
    for _ in range(DEEPEST):
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
            call = next((vars(each)['__call__'] for each in type(hook).__mro__ if '__call__' in vars(each)), None)
            hook = None if call is hook else call
    return codes
