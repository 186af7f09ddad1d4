"""Decides whether a Cleanup receives the arguments of ``set_args()``. It needs inspect, which is slow to import."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from .._plan.arguments import COLLECTING, faults_of, signature_of


def wants_arguments(job: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Tell whether to call the Cleanup of an instance with these arguments.

    It gets them if it requires arguments. It gets them, too, if it accepts them, and so does the function that it wraps
    if a decorator keeps that as ``__wrapped__``, and that function requires arguments, has a parameter with the name of
    one of ``kwargs``, or collects arguments. A function that collects arguments counts only if it is called ``Cleanup``
    or is a lambda. Under any other name it is a decorator's wrapper that does not tell which function it wraps.
    """
    try:
        hook = job.Cleanup
    except (Exception, SystemExit):  # the call will raise it again
        return False
    own, wrapped = _signature(hook, follow_wrapped=False), _signature(hook, follow_wrapped=True)
    if own is None or wrapped is None:
        own = wrapped = own or wrapped
    if own is None or wrapped is None:
        return False
    if faults_of(own.parameters, (), {}):
        return True
    if faults_of(own.parameters, args, kwargs) or faults_of(wrapped.parameters, args, kwargs):
        return False
    if faults_of(wrapped.parameters, (), {}) or not kwargs.keys().isdisjoint(wrapped.parameters):
        return True
    collects = not {parameter.kind for parameter in wrapped.parameters.values()}.isdisjoint(COLLECTING)
    return collects and str(getattr(inspect.unwrap(hook), '__name__', '')).lower() in ('cleanup', '<lambda>')


def _signature(hook: Any, follow_wrapped: bool) -> inspect.Signature | None:
    with contextlib.suppress(TypeError, ValueError):  # it has none
        return signature_of(hook, follow_wrapped)
    return None
