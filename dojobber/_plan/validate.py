"""Checks Job classes before anything runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from types import FunctionType
from typing import Any

from ..errors import DepsError, PlanError
from ..job import Job, RunonlyJob
from ..text import error_line, value_text
from .hooks import LAZY_CALL_FLAGS, is_lazy


def is_job(value: object) -> bool:
    """Tell whether ``value`` is a Job class."""
    return issubclass(type(value), type) and issubclass(value, Job)  # type: ignore[arg-type]  # it is a class


_get_settings = attrgetter('DEPS', 'TRIES', 'RETRY_DELAY')


def read_settings(job: type[Job]) -> tuple[Any, Any, Any]:
    """Return DEPS, TRIES and RETRY_DELAY of the class, unchecked.

    Raises:
        PlanError: One of them, a property of the metaclass for example, cannot be read.
    """
    try:
        deps, tries, delay = _get_settings(job)
    except Exception:
        deps, tries, delay = [_read(job, name) for name in ('DEPS', 'TRIES', 'RETRY_DELAY')]
    return deps, tries, delay


def _read(job: type[Job], name: str) -> Any:
    """Return an attribute of the class, None if it is missing."""
    try:
        return getattr(job, name)
    except Exception as error:
        if isinstance(error, AttributeError) and not any(name in vars(each) for each in job.__mro__):
            return None
        kind = DepsError if name == 'DEPS' else PlanError
        raise kind(f'{name} of {job.__name__!r} cannot be read: {error_line(error)}', job) from error


def checked_deps(job: type[Job], deps: Any) -> Sequence[type[Job]]:
    """Return the Job classes in DEPS, in their order.

    Raises:
        DepsError: DEPS is not a collection of Job classes.
    """
    listed: Sequence[Any] = deps if type(deps) in (tuple, list) else _listed_deps(job, deps)
    for dependency in listed:
        if not ((type(dependency) is type and issubclass(dependency, Job)) or is_job(dependency)):
            raise _deps_error(job, f'but it contains {value_text(dependency)}')
    return listed


def _listed_deps(job: type[Job], deps: Any) -> list[Any]:
    if is_job(deps):
        raise _deps_error(job, f'not a bare class: write DEPS = ({deps.__name__},)')
    if isinstance(deps, (str, bytes)):
        raise _deps_error(job, f'not {deps!r}')
    try:
        listed = list(deps)
        is_iterator = iter(deps) is deps
    except Exception as error:
        raise _deps_error(job, f'not {value_text(deps)} ({error_line(error)})') from error
    if is_iterator:
        _replace_iterator(job, deps, tuple(listed))
    return listed


def _replace_iterator(job: type[Job], iterator: Any, listed: tuple[Any, ...]) -> None:
    """Replace an iterator, which can be read only once, with a tuple on the class that defines it.

    An iterator that a descriptor returns is not found there; the descriptor returns a new one each time.
    """
    for owner in job.__mro__:
        if vars(owner).get('DEPS') is iterator:
            owner.DEPS = listed  # type: ignore[attr-defined]  # a Job class, or a mixin of one


def _deps_error(job: type[Job], reason: str) -> DepsError:
    return DepsError(f'DEPS of {job.__name__!r} must be a list or tuple of Job classes, {reason}', job)


HOOKS = ('Check', 'Run', 'Cleanup')

_RUNONLY_CHECK = RunonlyJob.Check

_IS_ABSTRACT = 1 << 20  # the class flag inspect.TPFLAGS_IS_ABSTRACT; inspect is slow to import


def check_hooks(job: type[Job]) -> None:
    """Check that Check, Run and Cleanup can be called and do something.

    Raises:
        PlanError: They cannot, or the class is abstract.
    """
    try:
        hooks = job.Check, getattr(job, 'Run', None), getattr(job, 'Cleanup', None)  # type: ignore[attr-defined]
    except Exception:  # Check is missing, or a descriptor raises
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
        ):  # not a plain function: look closer
            for name in HOOKS:
                _check_hook(job, name)
            break
    if job.__flags__ & _IS_ABSTRACT:
        names = ', '.join(sorted(job.__abstractmethods__))  # type: ignore[attr-defined]  # of an abstract class
        raise PlanError(f'{job.__name__!r} is abstract: it does not implement {names}', job)


def _definition(job: type[Job], name: str) -> Any:
    """Return the hook as the class defines it, before any descriptor is applied; None if it is missing."""
    return next((vars(each)[name] for each in job.__mro__ if name in vars(each)), None)


def _check_hook(job: type[Job], name: str) -> None:
    hook = _read(job, name)
    definition = _definition(job, name)
    if hook is not None and not callable(hook) and not hasattr(type(definition), '__get__'):
        raise PlanError(f'{name} of {job.__name__!r} must be a method, not {value_text(hook)}', job)
    if is_lazy(definition):
        raise PlanError(f'{name} of {job.__name__!r} is async or contains a yield, so calling it does nothing', job)


def checked_tries(value: Any, label: str, job: type[Job] | None = None) -> float:
    """Return a number of attempts, at least 1.

    Raises:
        PlanError: It is something else. The message calls it ``label``.
    """
    if not _is_at_least(1, value):
        raise _number_error(label, 'a number of at least 1', value, job)
    tries: float = value  # unchanged: float() would lose digits of large integers
    return tries


def checked_delay(value: Any, label: str, job: type[Job] | None = None) -> float:
    """Return a number of seconds, finite and at least 0.

    Raises:
        PlanError: It is something else. The message calls it ``label``.
    """
    try:
        seconds = float(value) if _is_at_least(0, value) else math.inf
    except OverflowError:
        seconds = math.inf
    if seconds == math.inf:
        raise _number_error(label, 'a finite number of seconds of at least 0', value, job)
    return seconds


def _is_at_least(minimum: int, value: Any) -> bool:
    if isinstance(value, (int, float)):
        return value >= minimum
    from numbers import Number

    try:
        return isinstance(value, Number) and bool(value >= minimum)  # type: ignore[operator]  # may raise TypeError
    except (TypeError, ArithmeticError):  # a complex number, or Decimal('NaN')
        return False


def _number_error(label: str, expected: str, value: object, job: type[Job] | None) -> PlanError:
    owner = f' of {job.__name__!r}' if job else ''
    return PlanError(f'{label}{owner} must be {expected}, not {value!r}', job or label)
