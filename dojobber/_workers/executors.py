"""Checks ``max_workers`` and executors before they are used."""

from __future__ import annotations

import operator
from enum import Enum
from typing import Any

from ..errors import PlanError


class Place(Enum):
    """Where the workers of an executor are."""

    THREADS = 'threads of this interpreter'
    INTERPRETERS = 'other interpreters of this process'
    ELSEWHERE = 'other processes, or unknown'


def place_of(executor: Any) -> Place:
    """Return where an executor runs submitted calls.

    The ``InterpreterPoolExecutor`` of Python 3.14 derives from ``ThreadPoolExecutor``, but its threads share nothing
    with this interpreter. It is recognized by name, which needs no import and covers backports.
    """
    from concurrent.futures import ThreadPoolExecutor

    if not isinstance(executor, ThreadPoolExecutor):
        return Place.ELSEWHERE
    has_interpreters = any(base.__name__ == 'InterpreterPoolExecutor' for base in type(executor).__mro__)
    return Place.INTERPRETERS if has_interpreters else Place.THREADS


def check_workers(max_workers: Any, executor: Any) -> int | None:
    """Check both arguments of ``configure()``, and return ``max_workers`` as an int or None.

    Raises:
        PlanError: ``max_workers`` is not an integer of at least 1, ``executor`` is not an executor, or ``executor``
            runs Jobs in other processes and cloudpickle is missing.
    """
    try:
        workers = None if max_workers is None else operator.index(max_workers)  # accepts NumPy's integers
    except TypeError:
        workers = 0  # refused below
    if workers is not None and workers < 1:
        raise PlanError(f'max_workers must be an integer of at least 1, or None, not {max_workers!r}', max_workers)
    if executor is None:
        return workers
    if isinstance(executor, type) or not callable(getattr(executor, 'submit', None)):
        raise PlanError(f'executor must be an instance of a concurrent.futures executor, not {executor!r}', executor)
    if place_of(executor) is not Place.THREADS:
        try:
            import cloudpickle  # noqa: F401 - Jobs are pickled with it
        except ImportError as error:
            reason = f'Jobs in other processes need cloudpickle: pip install cloudpickle, or the extra remote ({error})'
            raise PlanError(reason, executor) from error
    return workers
