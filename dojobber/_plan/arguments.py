"""Compares the arguments of ``set_args()`` with what each Check, Run and Cleanup accepts."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from functools import partialmethod
from types import FunctionType
from typing import Any

from ..errors import ArgumentsError
from .hooks import definition_of
from .plan import Plan


def check_arguments(plan: Plan, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Make sure that each Check and Run, and each Cleanup that requires arguments, accepts ``args`` and ``kwargs``.

    Skipped Jobs are left out.

    Raises:
        ArgumentsError: A hook does not accept them. The message lists all missing and unexpected arguments.
    """
    lines: list[str] = []
    jobs: dict[str, None] = {}
    for index, (name, job) in enumerate(zip(plan.names, plan.jobs)):
        if index in plan.skipped:
            continue
        hooks = ['Check', 'Run', *(['Cleanup'] if _faults(job, 'Cleanup', (), {}) else [])]
        for hook in hooks:
            faults = ', '.join(_faults(job, hook, args, kwargs))
            if faults:
                lines.append(f'{name}.{hook}: {faults}')
                jobs[name] = None
    if lines:
        raise ArgumentsError('\n'.join(['the arguments of set_args() do not fit all Jobs', *lines]), tuple(jobs))


def _faults(job: Any, hook: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
    parameters = _parameters(job, hook)
    return [] if parameters is None else faults_of(parameters, args, kwargs)


def faults_of(parameters: Mapping[str, inspect.Parameter], args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a call with these arguments: the arguments that are missing, unexpected or doubled."""
    faults = []
    kinds = {parameter.kind for parameter in parameters.values()}
    positional = [name for name, parameter in parameters.items() if parameter.kind in _POSITIONAL]
    by_name = [name for name, parameter in parameters.items() if parameter.kind in _BY_NAME]
    filled = positional[: len(args)]
    for name, parameter in parameters.items():
        is_given = name in filled or (name in by_name and name in kwargs)
        if not is_given and parameter.default is parameter.empty and parameter.kind not in COLLECTING:
            faults.append(f'missing {name!r}')
    if len(args) > len(positional) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        faults.append(f'unexpected positional arguments: {len(args) - len(positional)}')
    for name in kwargs:
        if name in filled and name in by_name:
            faults.append(f'{name!r} given twice')
        elif name not in by_name and inspect.Parameter.VAR_KEYWORD not in kinds:
            faults.append(f'unexpected {name!r}')
    return faults


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
"""The kinds of ``*args`` and ``**kwargs``."""


def _parameters(job: Any, hook: str) -> Mapping[str, inspect.Parameter] | None:
    """Return the parameters of a hook without ``self``; None if it is missing or they cannot be known without a call.

    ``__wrapped__`` is not followed, since a decorator may add or remove arguments.
    """
    definition = definition_of(job, hook)
    if not isinstance(definition, (FunctionType, staticmethod, classmethod, partialmethod)):
        return None
    try:
        return signature_of(definition.__get__(object(), job), follow_wrapped=False).parameters
    except (TypeError, ValueError):
        return None


def signature_of(function: Any, follow_wrapped: bool) -> inspect.Signature:
    """Return the signature of a function.

    Raises:
        TypeError, ValueError: It has none.
    """
    options: dict[str, Any] = {}
    if sys.version_info >= (3, 14):  # annotations are evaluated when they are read, which may fail
        from annotationlib import Format

        options['annotation_format'] = Format.STRING
    return inspect.signature(function, follow_wrapped=follow_wrapped, **options)
