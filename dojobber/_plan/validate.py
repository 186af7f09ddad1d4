"""Checks what a Job class says about itself, before anything runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from types import FunctionType
from typing import Any

from ..errors import DepsError, PlanError
from ..job import Job, RunonlyJob
from .hooks import LAZY_CALL_FLAGS, is_lazy


def is_job(value: object) -> bool:
    """Tell whether ``value`` is a Job class."""
    return issubclass(type(value), type) and issubclass(value, Job)  # type: ignore[arg-type]  # it is a class


_attributes = attrgetter('DEPS', 'TRIES', 'RETRY_DELAY')


def settings(job: type[Job]) -> tuple[Any, Any, Any]:
    """Return what the class says about how to run it."""
    try:
        deps, tries, delay = _attributes(job)
    except Exception:  # of a property of the metaclass, or another descriptor
        deps, tries, delay = [_read(job, name) for name in ('DEPS', 'TRIES', 'RETRY_DELAY')]
    return deps, tries, delay


def _read(job: type[Job], name: str) -> Any:
    """Return an attribute of the class; None if it has none of that name."""
    try:
        return getattr(job, name)
    except Exception as error:
        if isinstance(error, AttributeError) and not any(name in vars(each) for each in job.__mro__):
            return None
        kind = DepsError if name == 'DEPS' else PlanError
        raise kind(f'{name} of {job.__name__!r} cannot be read: {_described(error)}', job) from error


def checked_deps(job: type[Job], deps: Any) -> Sequence[type[Job]]:
    """Return the Job classes in DEPS, in their order."""
    found: Sequence[Any] = deps if type(deps) in (tuple, list) else _listed_deps(job, deps)
    for dep in found:
        if not ((type(dep) is type and issubclass(dep, Job)) or is_job(dep)):
            raise _deps_error(job, f'but it contains {shown(dep)}')
    return found


def _listed_deps(job: type[Job], deps: Any) -> list[Any]:
    if is_job(deps):
        raise _deps_error(job, f'not a bare class: write DEPS = ({deps.__name__},)')
    if isinstance(deps, (str, bytes)):
        raise _deps_error(job, f'not {deps!r}')
    try:
        found = list(deps)
        is_iterator = iter(deps) is deps
    except Exception as error:
        raise _deps_error(job, f'not {shown(deps)} ({_described(error)})') from error
    if is_iterator:
        _keep_deps(job, deps, tuple(found))
    return found


def _keep_deps(job: type[Job], iterator: Any, found: tuple[Any, ...]) -> None:
    """Replace an iterator, which can be read once, by a tuple on the class that defines it.

    One that a descriptor has made is not there, and the descriptor makes another one the next time.
    """
    for owner in job.__mro__:
        if vars(owner).get('DEPS') is iterator:
            owner.DEPS = found  # type: ignore[attr-defined]  # it is a Job, or what a Job is mixed with


def shown(value: object) -> str:
    """Return the repr of ``value``, or something like it where that fails."""
    try:
        return repr(value)
    except Exception:
        return f'<{type(value).__name__}>'


def _described(error: Exception) -> str:
    try:
        return f'{type(error).__name__}: {error}'
    except Exception:
        return type(error).__name__


def _deps_error(job: type[Job], why: str) -> DepsError:
    return DepsError(f'DEPS of {job.__name__!r} must be a list or tuple of Job classes, {why}', job)


HOOKS = ('Check', 'Run', 'Cleanup')

_RUNONLY_CHECK = RunonlyJob.Check

_IS_ABSTRACT = 1 << 20  # flag of classes, as in inspect, which is slow to import


def check_hooks(job: type[Job]) -> None:
    """Raise PlanError if the hooks of ``job`` cannot work."""
    try:
        hooks = job.Check, getattr(job, 'Run', None), getattr(job, 'Cleanup', None)  # type: ignore[attr-defined]
    except Exception:  # there is no Check, or a descriptor raises
        hooks = tuple([_read(job, name) for name in HOOKS])
    check, run, _ = hooks
    if not callable(check) and not hasattr(type(_definition(job, 'Check')), '__get__'):  # a property, say
        is_misspelt = hasattr(job, 'check')
        hint = 'is it the one called check?' if is_misspelt else 'derive from DummyJob if it only groups others'
        raise PlanError(f'{job.__name__!r} has no Check method; {hint}', job)
    if check is _RUNONLY_CHECK and run is None:
        raise PlanError(f'{job.__name__!r} is a RunonlyJob and has neither a Run method nor a Check of its own', job)
    for hook in hooks:
        if hook is not None and (
            type(hook) is not FunctionType or hook.__code__.co_flags & LAZY_CALL_FLAGS or hook.__module__ == 'functools'
        ):  # it is more than a function that does its work when it is called
            for name in HOOKS:
                _check_hook(job, name)
            break
    if job.__flags__ & _IS_ABSTRACT:
        names = ', '.join(sorted(job.__abstractmethods__))  # type: ignore[attr-defined]  # of an abstract class
        raise PlanError(f'{job.__name__!r} is abstract: it does not implement {names}', job)


def _definition(job: type[Job], name: str) -> Any:
    """Return the hook as it stands in the class; None if there is none."""
    return next((vars(each)[name] for each in job.__mro__ if name in vars(each)), None)


def _check_hook(job: type[Job], name: str) -> None:
    hook = _read(job, name)
    definition = _definition(job, name)
    if hook is not None and not callable(hook) and not hasattr(type(definition), '__get__'):
        raise PlanError(f'{name} of {job.__name__!r} must be a method, not {shown(hook)}', job)
    if is_lazy(definition):
        raise PlanError(f'{name} of {job.__name__!r} is async or has a yield in it: calling it does nothing', job)


def checked_tries(value: Any, what: str, job: type[Job] | None = None) -> float:
    """Return a number of attempts, or raise PlanError."""
    if not _is_at_least(1, value):
        raise _number_error(what, 'a number of at least 1', value, job)
    tries: float = value  # as it is: making it a float would lose large integers
    return tries


def checked_delay(value: Any, what: str, job: type[Job] | None = None) -> float:
    """Return a number of seconds, or raise PlanError."""
    try:
        seconds = float(value) if _is_at_least(0, value) else math.inf
    except OverflowError:
        seconds = math.inf
    if seconds == math.inf:
        raise _number_error(what, 'a finite number of seconds of at least 0', value, job)
    return seconds


def _is_at_least(least: int, value: Any) -> bool:
    if isinstance(value, (int, float)):
        return value >= least
    from numbers import Number

    try:
        return isinstance(value, Number) and bool(value >= least)  # type: ignore[operator]  # those that cannot raise
    except (TypeError, ArithmeticError):  # a complex number, a Decimal that is none
        return False


def _number_error(what: str, expected: str, value: object, job: type[Job] | None) -> PlanError:
    owner = f' of {job.__name__!r}' if job else ''
    return PlanError(f'{what}{owner} must be {expected}, not {value!r}', job or what)
