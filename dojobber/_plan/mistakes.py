"""Finds mistakes in Job classes that would otherwise go unnoticed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType
from typing import Any
from weakref import WeakSet

from ..errors import DepsError
from ..job import DummyJob, Job
from .validate import is_job

_MEANT = {
    'check': 'Check',
    'run': 'Run',
    'cleanup': 'Cleanup',
    'tries': 'TRIES',
    'retry_delay': 'RETRY_DELAY',
    'locks': 'LOCKS',
    **dict.fromkeys(['dep', 'deps', 'depend', 'depends', 'dependency', 'dependencies', 'depends_on'], 'DEPS'),
}
"""By name of an attribute in lower case: the name that was probably meant."""

_PLAUSIBLE_TYPES: dict[str, Any] = {
    **dict.fromkeys(['Check', 'Run', 'Cleanup'], FunctionType),
    'TRIES': (int, float),
    'RETRY_DELAY': (int, float, list, tuple),
    'LOCKS': (str, list, tuple, set, frozenset),
}
"""By name: the types of which a misspelled value could be."""

_MAX_HARMLESS = 10_000

_harmless = {*vars(object), *vars(Job)}
"""Names of attributes that are known not to be misspelled."""

_warned: WeakSet[type] = WeakSet()


def mistakes(job: type[Job]) -> Sequence[str]:
    """Return a warning for each probable mistake in a class and its bases, but only in the first call for that class.

    Raises:
        DepsError: An attribute of the class is a misspelled DEPS.
    """
    if job.__mro__[1] is Job and _harmless.issuperset(job.__dict__):  # true of nearly all classes, so it must be fast
        return ()
    suspects = [kind for kind in job.__mro__ if not _harmless.issuperset(kind.__dict__)]
    is_dummy = job.Check is DummyJob.Check  # type: ignore[attr-defined]  # check_hooks() has found it
    found = [warning for kind in suspects if issubclass(kind, Job) for warning in _misspelled(job, kind)]
    if is_dummy:
        found += [
            f'{job.__name__!r} is a DummyJob, whose Check passes, so its {hook} is never called: give it '
            'a Check, or derive it from RunonlyJob if it is to run each time'
            for hook in ('Run', 'Cleanup')
            if getattr(job, hook, None) is not None
        ]
    return found if found and _is_first_warning(job) else ()


def _misspelled(job: type[Job], kind: type[Job]) -> Iterator[str]:
    """Yield warnings about the attributes that ``kind``, a class in the MRO of ``job``, defines."""
    for name, value in list(vars(kind).items()):
        meant = _MEANT.get(name.lower(), name)
        if meant == name:
            if len(_harmless) < _MAX_HARMLESS:
                _harmless.add(name)
        elif meant == 'DEPS':
            if 'DEPS' not in vars(kind) and _holds_jobs(value):
                raise DepsError(f'{name} of {kind.__name__!r} has no effect: is it meant to be DEPS?', kind)
        elif _is_meant(job, meant, value) and not _is_mentioned(job, name):
            yield f'{name} of {kind.__name__!r} has no effect: is it meant to be {meant}?'


def _holds_jobs(value: Any) -> bool:
    return is_job(value) or (
        isinstance(value, (list, tuple, set, frozenset)) and bool(value) and all(map(is_job, value))
    )


def _is_meant(job: type[Job], meant: str, value: Any) -> bool:
    """Tell whether the class lacks the hook or setting ``meant``, and ``value`` could be it."""
    return isinstance(value, _PLAUSIBLE_TYPES[meant]) and not getattr(job, meant, None)


def _is_mentioned(job: type[Job], name: str) -> bool:
    """Tell whether a function of the class or its bases, other than the one called ``name``, mentions that name."""
    for kind in job.__mro__:
        if kind is Job or kind is object:
            continue
        for key, value in vars(kind).items():
            functions = [value.fget, value.fset] if isinstance(value, property) else [getattr(value, '__func__', value)]
            codes = [function.__code__ for function in functions if isinstance(function, FunctionType)]
            if key != name and any(_mentions(code, name) for code in codes):
                return True
    return False


def _mentions(code: CodeType, name: str) -> bool:
    if name in code.co_names or name in code.co_consts:
        return True
    return any(_mentions(constant, name) for constant in code.co_consts if isinstance(constant, CodeType))


def _is_first_warning(job: type[Job]) -> bool:
    try:
        is_first = job not in _warned
        _warned.add(job)
    except TypeError:  # its metaclass makes it unhashable
        return True
    return is_first
