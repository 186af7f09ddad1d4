"""Turns Job classes into a plan: checked, ordered, and with all defaults applied."""

from __future__ import annotations

import heapq
import logging
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Callable, NamedTuple

from ..errors import CycleError, DepsError, DoJobberWarning, PlanError, UnknownJobError
from ..job import Job
from ..log import logger
from ..text import value_text
from .mistakes import mistakes
from .validate import check_hooks, checked_delay, checked_deps, checked_tries, is_job, read_settings

MAX_SPELLING_CHECKS = 200
"""The number of Job names to compare with an unknown name; comparing 100,000 would take seconds."""


class Step(NamedTuple):
    """A Job of the plan, with all defaults applied."""

    job: type[Job]
    dependencies: tuple[str, ...]
    """Names of the Jobs in DEPS, in order, without duplicates."""
    tries: float
    """Maximum number of attempts, at least 1."""
    retry_delay: float
    """Minimum number of seconds between the starts of two attempts."""


class Plan(NamedTuple):
    """Root Jobs and everything they depend on, checked, in plan order: depth first, each Job after its dependencies."""

    steps: dict[str, Step]
    """By Job name, in plan order."""
    names: tuple[str, ...]
    """Job names in plan order. In all modules, the index of a Job is its position in this tuple."""
    dependencies: tuple[tuple[int, ...], ...]
    """For each Job, the indexes of its dependencies, all smaller than its own."""

    @property
    def root(self) -> str:
        """Name of the root Job, which is the last in plan order; of several roots, the last."""
        return self.names[-1]

    def subplan(self, node: type[Job] | str | Iterable[type[Job] | str]) -> Plan:
        """Return the plan of one Job, given as class or name, or of several, and everything they depend on.

        Raises:
            UnknownJobError: A Job is not in the plan, or the list is empty.
        """
        nodes: Iterable[Any] = [node] if isinstance(node, (type, str)) or not isinstance(node, Iterable) else node
        names = [self._name_of(node) for node in nodes]
        if not names:
            raise UnknownJobError('the list of Jobs must not be empty', node)
        return _ordered_plan(_post_order(names, lambda name: self.steps[name].dependencies), self.steps)

    def _name_of(self, node: Any) -> str:
        name = node.__name__ if isinstance(node, type) else node
        step = self.steps.get(name) if isinstance(name, str) else None
        if step is None:
            similar = _similar(name, self.names) if isinstance(name, str) else []
            hint = f'; did you mean {" or ".join(map(repr, similar))}?' if similar else ''
            raise UnknownJobError(f'{value_text(node)} is not in the graph that was configured{hint}', node)
        if isinstance(node, type) and step.job is not node:
            raise UnknownJobError(f'{node!r} is not in the graph, whose {name!r} is {step.job!r}', node)
        return name


def make_plan(root: type[Job], default_tries: float, default_retry_delay: float) -> Plan:
    """Return the plan of ``root``.

    Args:
        default_tries: Attempts of Jobs that set no ``TRIES``.
        default_retry_delay: Seconds between the starts of two attempts, for Jobs that set no ``RETRY_DELAY``.

    Raises:
        CycleError: Jobs depend on each other in a cycle.
        DepsError: ``root`` or something in DEPS is not a Job class, or DEPS cannot be read.
        PlanError: Another mistake in the arguments or in a Job; the message names it.

    Warns:
        DoJobberWarning: Something in a Job is probably a mistake.
    """
    tries = checked_tries(default_tries, 'default_tries')
    delay = checked_delay(default_retry_delay, 'default_retry_delay')
    if not is_job(root):
        raise DepsError(f'the root must be a Job class, not {value_text(root)}', root)
    jobs: dict[str, type[Job]] = {root.__name__: root}
    steps: dict[str, Step] = {}
    warned: list[str] = []

    def add_step(name: str) -> tuple[str, ...]:
        """Check a Job, add its step, and return the names of its dependencies."""
        job = jobs[name]
        check_hooks(job)
        warned.extend(mistakes(job))
        deps, own_tries, own_delay = read_settings(job)
        dependencies: dict[str, None] = {}
        for dependency in checked_deps(job, deps):
            known = jobs.setdefault(dependency.__name__, dependency)
            if known is not dependency:
                raise _duplicate_error(known, dependency)
            dependencies[dependency.__name__] = None
        steps[name] = step = Step(
            job,
            tuple(dependencies),
            tries if own_tries is None else checked_tries(own_tries, 'TRIES', job),
            delay if own_delay is None else checked_delay(own_delay, 'RETRY_DELAY', job),
        )
        return step.dependencies

    try:
        plan = _ordered_plan(_post_order([root.__name__], add_step), steps)
    except _CycleFoundError as error:
        cycle = [jobs[name] for name in error.names]
        path = ' -> '.join(error.names)
        raise CycleError(f'Jobs depend on each other in a cycle: {path}', cycle) from None
    for warning in warned:
        warnings.warn(warning, DoJobberWarning, stacklevel=3)  # at the line that called configure()
    if logger.isEnabledFor(logging.DEBUG):
        for name, (_, *details) in plan.steps.items():
            logger.debug('planned %r depending on %r, tries %s, retry delay %s s', name, *details)
    return plan


def _ordered_plan(names_in_order: Iterable[str], steps: dict[str, Step]) -> Plan:
    names = tuple(names_in_order)
    index_of = {name: index for index, name in enumerate(names)}
    ordered = {name: steps[name] for name in names}
    dependencies = tuple([tuple([index_of[name] for name in step.dependencies]) for step in ordered.values()])
    return Plan(ordered, names, dependencies)


def _post_order(roots: Iterable[str], dependencies_of: Callable[[str], tuple[str, ...]]) -> Iterator[str]:
    """Yield the names of ``roots`` and everything they depend on, depth first, each once and after its dependencies.

    It does not recurse, since a chain of dependencies may be longer than Python's stack allows.
    """
    path: dict[str, None] = {}  # from a root to the current Job; a dict for fast membership tests
    done: set[str] = set()
    stack: list[tuple[str | None, Iterator[str]]] = [(None, iter(roots))]
    while stack:
        name, dependencies = stack[-1]
        for dependency in dependencies:
            if dependency in done:
                continue
            if dependency in path:
                names = list(path)
                raise _CycleFoundError([*names[names.index(dependency) :], dependency])
            path[dependency] = None
            stack.append((dependency, iter(dependencies_of(dependency))))
            break
        else:
            stack.pop()
            if name is not None:
                del path[name]
                done.add(name)
                yield name


def _similar(name: str, names: Iterable[str]) -> list[str]:
    """Return the names that ``name`` may be a misspelling of."""
    import difflib

    def letter_pairs(text: str) -> set[str]:
        return {text[start : start + 2] for start in range(len(text))}

    pairs = letter_pairs(name)

    def likeness(candidate: str) -> float:
        return len(pairs & letter_pairs(candidate)) / (len(candidate) + len(pairs))

    return difflib.get_close_matches(name, heapq.nlargest(MAX_SPELLING_CHECKS, names, key=likeness))


class _CycleFoundError(Exception):
    """Jobs depend on each other in a cycle."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names
        """The names of the Jobs on the cycle; the last is the first again."""


def _duplicate_error(first: type[Job], second: type[Job]) -> PlanError:
    """Return the error for two classes with the same name."""

    def file_of(job: type[Job]) -> Any:
        return getattr(sys.modules.get(job.__module__), '__file__', job.__module__)

    if first.__qualname__ == second.__qualname__ and file_of(first) == file_of(second):
        modules = ' and '.join(dict.fromkeys([first.__module__, second.__module__]))
        message = (
            f'the class {first.__qualname__!r} was defined twice, in {modules}, and both definitions are in the graph: '
            'import its file under one name, or rerun all code that uses it'
        )
    else:
        origins = ' and '.join(f'{job.__module__}.{job.__qualname__}' for job in (first, second))
        message = f'two different Jobs are named {first.__name__!r}: {origins}; rename one'
    return PlanError(message, second)
