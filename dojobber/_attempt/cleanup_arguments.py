"""Decides whether a Cleanup receives the arguments of ``set_args()``. It needs inspect, which is slow to import."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from .._plan.arguments import COLLECTING, signature_of


def wants_arguments(job: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Tell whether to call the Cleanup of an instance with these arguments.

    It gets none if it takes none, or if it does not accept these but requires none. A Cleanup that only collects
    arguments gets them if the function is called ``Cleanup`` or is a lambda. Under any other name it is a decorator's
    wrapper without ``__wrapped__``, and the function that it wraps may take none.
    """
    try:
        hook = job.Cleanup
        signature = signature_of(hook, follow_wrapped=True)
    except (Exception, SystemExit):  # the call will raise it again, or it has no signature
        return False
    if all(parameter.kind in COLLECTING for parameter in signature.parameters.values()):
        name = getattr(inspect.unwrap(hook), '__name__', '')
        return bool(signature.parameters) and name.lower() in ('cleanup', '<lambda>')
    return _can_bind(signature, args, kwargs) or not _can_bind(signature, (), {})


def _can_bind(signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True
