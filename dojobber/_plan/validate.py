"""Checks Job classes before anything runs."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from operator import attrgetter
from types import FunctionType
from typing import Any

from ..errors import DepsError, PlanError
from ..job import Job, RunonlyJob
from ..text import error_line, value_text
from .hooks import LAZY_CALL_FLAGS, definition_of, is_lazy


def is_job(value: object) -> bool:
    """Tell whether ``value`` is a Job class."""
    return issubclass(type(value), type) and issubclass(value, Job)  # type: ignore[arg-type]  # it is a class


_SETTINGS = ('DEPS', 'TRIES', 'RETRY_DELAY', 'LOCKS')
_get_settings = attrgetter(*_SETTINGS)


def read_settings(job: type[Job]) -> tuple[Any, ...]:
    """Return DEPS, TRIES, RETRY_DELAY and LOCKS of the class, unchecked.

    Raises:
        PlanError: One of them cannot be read: a property of the metaclass raises, for example.
    """
    try:
        return _get_settings(job)
    except Exception:  # one is missing or raises: find out which
        return tuple([_read(job, name) for name in _SETTINGS])


def _read(job: type[Job], name: str) -> Any:
    """Return an attribute of the class, or None if it is missing."""
    try:
        return getattr(job, name)
    except Exception as error:
        if isinstance(error, AttributeError) and not any(name in vars(base) for base in job.__mro__):
            return None
        kind = DepsError if name == 'DEPS' else PlanError
        raise kind(f'{name} of {job.__name__!r} cannot be read: {error_line(error)}', job) from error


def checked_deps(job: type[Job], deps: Any) -> Sequence[type[Job]]:
    """Return the Job classes in DEPS, in order.

    Raises:
        DepsError: DEPS is not a collection of Job classes.
    """
    dependencies: Sequence[Any] = deps if type(deps) in (tuple, list) else _list_deps(job, deps)
    for dependency in dependencies:
        if not is_job(dependency):
            raise _deps_error(job, f'but it contains {value_text(dependency)}')
    return dependencies


def _list_deps(job: type[Job], deps: Any) -> list[Any]:
    if is_job(deps):
        raise _deps_error(job, f'not a bare class: write DEPS = ({deps.__name__},)')
    if isinstance(deps, (str, bytes)):
        raise _deps_error(job, f'not {deps!r}')
    try:
        dependencies = list(deps)
        is_iterator = iter(deps) is deps
    except Exception as error:
        raise _deps_error(job, f'not {value_text(deps)} ({error_line(error)})') from error
    if is_iterator:
        _replace_iterator(job, deps, tuple(dependencies))
    return dependencies


def _replace_iterator(job: type[Job], iterator: Any, dependencies: tuple[Any, ...]) -> None:
    """Replace DEPS with a tuple in the class that defines it, since an iterator can be read only once.

    If a descriptor returned the iterator, nothing is replaced: the descriptor returns a new one each time.
    """
    for owner in job.__mro__:
        if vars(owner).get('DEPS') is iterator:
            owner.DEPS = dependencies  # type: ignore[attr-defined]  # a Job class, or a mixin of one


def _deps_error(job: type[Job], reason: str) -> DepsError:
    return DepsError(f'DEPS of {job.__name__!r} must be a list or tuple of Job classes, {reason}', job)


HOOKS = ('Check', 'Run', 'Cleanup')

_IS_ABSTRACT = 1 << 20  # the class flag inspect.TPFLAGS_IS_ABSTRACT; inspect is slow to import


def check_hooks(job: type[Job]) -> None:
    """Make sure that Check, Run and Cleanup are callable and not lazy, and that the class is not abstract.

    Raises:
        PlanError: Check is missing, a hook is not callable or is lazy, or the class is abstract.
    """
    try:
        hooks = job.Check, getattr(job, 'Run', None), getattr(job, 'Cleanup', None)  # type: ignore[attr-defined]
    except Exception:  # Check is missing, or a descriptor raises
        hooks = tuple([_read(job, name) for name in HOOKS])
    check, run, _ = hooks
    if not callable(check) and not hasattr(type(definition_of(job, 'Check')), '__get__'):  # a descriptor is accepted
        is_misspelled = hasattr(job, 'check')
        hint = 'rename its method check to Check' if is_misspelled else 'derive it from DummyJob if it only groups Jobs'
        raise PlanError(f'{job.__name__!r} has no Check method; {hint}', job)
    if check is RunonlyJob.Check and run is None:
        hint = ': rename its method run to Run' if hasattr(job, 'run') else ''
        raise PlanError(f'{job.__name__!r} is a RunonlyJob without a Run method or a Check of its own{hint}', job)
    for name, hook in zip(HOOKS, hooks):
        if hook is not None and not _is_plain_function(hook):
            _check_unusual_hook(job, name, hook)
    if job.__flags__ & _IS_ABSTRACT:
        names = ', '.join(sorted(job.__abstractmethods__))  # type: ignore[attr-defined]  # abstract classes have it
        raise PlanError(f'{job.__name__!r} is abstract: it does not implement {names}', job)


def _is_plain_function(hook: Any) -> bool:
    """Tell whether ``hook`` is a function that is neither lazy nor a wrapper made by ``functools``."""
    return (
        type(hook) is FunctionType and not hook.__code__.co_flags & LAZY_CALL_FLAGS and hook.__module__ != 'functools'
    )


def _check_unusual_hook(job: type[Job], name: str, hook: Any) -> None:
    definition = definition_of(job, name)
    if not callable(hook) and not hasattr(type(definition), '__get__'):
        raise PlanError(f'{name} of {job.__name__!r} must be a method, not {value_text(hook)}', job)
    if is_lazy(definition):
        raise PlanError(f'{name} of {job.__name__!r} is async or contains a yield, so calling it does nothing', job)


def checked_tries(value: Any, label: str, job: type[Job] | None = None) -> float:
    """Return ``value`` if it is a valid number of attempts, at least 1.

    Raises:
        PlanError: It is not; the message calls it ``label``.
    """
    if not _is_at_least(1, value):
        raise _number_error(label, 'a number of at least 1', value, job)
    tries: float = value  # unchanged: float() would lose digits of large integers
    return tries


def checked_delays(value: Any, label: str, job: type[Job] | None = None) -> tuple[float, ...]:
    """Return ``value`` as a tuple if it is a valid number of seconds, finite and at least 0, or a sequence of such.

    Raises:
        PlanError: It is not, or it is empty; the message calls it ``label``.
    """
    is_sequence = hasattr(type(value), '__getitem__') and not isinstance(value, Mapping)  # a set has no order
    items = _items(value) if is_sequence else None
    delays = [_seconds(item) for item in ([value] if items is None else items)]
    valid = tuple([delay for delay in delays if delay is not None])
    if not valid or len(valid) < len(delays):
        raise _number_error(label, 'a finite number of seconds, at least 0, or a sequence of such', value, job)
    return valid


def _seconds(value: Any) -> float | None:
    """Return a delay as a float, or None if it is not valid."""
    with contextlib.suppress(OverflowError):  # an integer may be too large for a float
        if _is_at_least(0, value) and (seconds := float(value)) < math.inf:
            return seconds
    return None


def checked_locks(value: Any, job: type[Job]) -> frozenset[str]:
    """Return LOCKS of a Job as a set.

    Raises:
        PlanError: It is not a collection of non-empty strings, or it is a single string.
    """
    locks = [] if value is None else _items(value)
    if locks is not None and all(isinstance(lock, str) and lock for lock in locks):
        return frozenset(locks)
    hint = f': write LOCKS = ({value!r},)' if isinstance(value, str) and value else ''
    raise PlanError(f'LOCKS of {job.__name__!r} must be a list or tuple of names, not {value_text(value)}{hint}', job)


def _items(value: Any) -> list[Any] | None:
    """Return the items of a collection that can be read repeatedly; None if ``value`` is not one, or is a string."""
    if isinstance(value, (str, bytes, bytearray, memoryview)) or not hasattr(type(value), '__len__'):
        return None
    try:
        return list(value)
    except Exception:
        return None


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
