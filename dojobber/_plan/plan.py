"""Turns Job classes into a plan: checked, ordered, and with all defaults applied."""

from __future__ import annotations

import heapq
import logging
import sys
import warnings
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Callable, NamedTuple, Optional, TypeVar, Union

from ..errors import CycleError, DepsError, DoJobberWarning, PlanError, UnknownJobError
from ..job import Job
from ..log import logger
from ..text import value_text
from .mistakes import mistakes
from .validate import check_hooks, checked_delays, checked_deps, checked_locks, checked_tries, is_job, read_settings

MAX_SPELLING_CHECKS = 200
"""The number of Job names to compare with an unknown name; comparing 100,000 would take seconds."""


JobSelection = Union[type[Job], str, Iterable[Union[type[Job], str]]]
"""One Job or several, each given as a class or a name."""


class JobSettings(NamedTuple):
    """The settings of a Job, with all defaults applied. Jobs that set none share one object."""

    tries: float
    """Maximum number of attempts, at least 1."""
    retry_delays: tuple[float, ...]
    """Minimum seconds from the start of each attempt to the start of the next. The last item repeats."""
    locks: frozenset[str] = frozenset()
    """Names of the locks that each attempt holds."""

    def delay_after(self, attempt: int) -> float:
        """Return the minimum seconds from the start of an attempt, numbered from 1, to the start of the next."""
        return self.retry_delays[min(attempt, len(self.retry_delays)) - 1]


class Plan(NamedTuple):
    """Root Jobs and everything they depend on, checked, in plan order: depth first, each Job after its dependencies.

    In all modules, the index of a Job is its position in the first four fields, which have one item per Job.
    """

    names: tuple[str, ...]
    jobs: tuple[type[Job], ...]
    dependencies: tuple[tuple[int, ...], ...]
    """The indexes of the Jobs in DEPS, in order and without duplicates, all smaller than the Job's own index."""
    settings: tuple[JobSettings, ...]
    skipped: frozenset[int] = frozenset()
    """The indexes of the Jobs that are assumed to have passed, and are not attempted."""

    @property
    def root(self) -> str:
        """Name of the root Job, which is the last in plan order; of several roots, the last."""
        return self.names[-1]

    def dependency_names(self) -> dict[str, tuple[str, ...]]:
        """Return the names of the dependencies of each Job, by its name."""
        names = self.names
        return {name: tuple([names[index] for index in indexes]) for name, indexes in zip(names, self.dependencies)}

    def subplan(self, node: JobSelection) -> Plan:
        """Return the plan of one Job, given as class or name, or of several, and everything they depend on.

        Raises:
            UnknownJobError: A Job is not in the plan, or the list is empty.
        """
        indexes = self.indexes_of(node)
        if not indexes:
            raise UnknownJobError('the list of Jobs must not be empty', node)
        order = list(_post_order(indexes, self.dependencies.__getitem__))
        new_index = {index: position for position, index in enumerate(order)}
        return Plan(
            tuple([self.names[index] for index in order]),
            tuple([self.jobs[index] for index in order]),
            tuple([tuple([new_index[dependency] for dependency in self.dependencies[index]]) for index in order]),
            tuple([self.settings[index] for index in order]),
            frozenset([new_index[index] for index in self.skipped if index in new_index]),
        )

    def with_one_attempt(self) -> Plan:
        """Return the plan with one attempt for each Job, for a dry run."""
        limited: dict[int, JobSettings] = {}  # by id, since a number may be unhashable
        for settings in self.settings:
            if id(settings) not in limited:
                limited[id(settings)] = settings._replace(tries=1)
        return self._replace(settings=tuple([limited[id(settings)] for settings in self.settings]))

    def with_skipped(self, nodes: Optional[JobSelection]) -> Plan:
        """Return the plan with these Jobs, given as classes or names, assumed to have passed.

        Raises:
            UnknownJobError: A Job is not in the plan.
        """
        return self._replace(skipped=frozenset(self.indexes_of(() if nodes is None else nodes)))

    def indexes_of(self, node: JobSelection) -> list[int]:
        """Return the index of a Job, given as class or name, or those of several; an empty list for an empty list.

        Raises:
            UnknownJobError: A Job is not in the plan.
        """
        nodes: list[Any] = [node] if isinstance(node, (type, str)) or not isinstance(node, Iterable) else [*node]
        if not nodes:
            return []
        index_of = {name: index for index, name in enumerate(self.names)}
        return [self._index_of(node, index_of) for node in nodes]

    def _index_of(self, node: Any, index_of: Mapping[str, int]) -> int:
        name = node.__name__ if isinstance(node, type) else node
        index = index_of.get(name) if isinstance(name, str) else None
        if index is None:
            similar = _similar(name, self.names) if isinstance(name, str) else []
            hint = f'; did you mean {" or ".join(map(repr, similar))}?' if similar else ''
            raise UnknownJobError(f'{value_text(node)} is not in the graph of {self.root!r}{hint}', node)
        if isinstance(node, type) and self.jobs[index] is not node:
            raise UnknownJobError(f'{node!r} is not in the graph, whose {name!r} is {self.jobs[index]!r}', node)
        return index


def make_plan(root: type[Job], default_tries: float, default_retry_delay: float | Sequence[float]) -> Plan:
    """Return the plan of ``root``.

    Args:
        default_tries: Attempts of Jobs that set no ``TRIES``.
        default_retry_delay: Seconds between the starts of two attempts, for Jobs that set no ``RETRY_DELAY``, or a
            sequence of such delays.

    Raises:
        CycleError: Jobs depend on each other in a cycle.
        DepsError: ``root`` or something in DEPS is not a Job class, or DEPS cannot be read.
        PlanError: Another mistake in the arguments or in a Job; the message names it.

    Warns:
        DoJobberWarning: Something in a Job is probably a mistake.
    """
    defaults = JobSettings(
        checked_tries(default_tries, 'default_tries'), checked_delays(default_retry_delay, 'default_retry_delay')
    )
    if not is_job(root):
        raise DepsError(f'the root must be a Job class, not {value_text(root)}', root)
    jobs: dict[str, type[Job]] = {root.__name__: root}
    settings: dict[str, JobSettings] = {}
    below: dict[str, Collection[str]] = {}  # names of the dependencies of Jobs that are not in plan order yet
    index_of: dict[str, int] = {}
    dependencies: list[tuple[int, ...]] = []
    warned: list[str] = []

    def check_job(name: str) -> Collection[str]:
        """Check a Job, store its settings and dependencies, and return the names of the latter."""
        job = jobs[name]
        check_hooks(job)
        warned.extend(mistakes(job))
        deps, tries, delay, locks = read_settings(job)
        names: Collection[str] = ()  # most Jobs may be leaves: create no dict for each
        job_classes = checked_deps(job, deps)
        if job_classes:
            names = dict.fromkeys([dependency.__name__ for dependency in job_classes])
            for dependency in job_classes:
                known = jobs.setdefault(dependency.__name__, dependency)
                if known is not dependency:
                    raise _duplicate_error(known, dependency)
        if tries is None and delay is None and type(locks) is tuple and not locks:  # true of most Jobs
            settings[name] = defaults
        else:
            settings[name] = JobSettings(
                defaults.tries if tries is None else checked_tries(tries, 'TRIES', job),
                defaults.retry_delays if delay is None else checked_delays(delay, 'RETRY_DELAY', job),
                checked_locks(locks, job),
            )
        below[name] = names
        return names

    try:
        for name in _post_order([root.__name__], check_job):
            dependencies.append(tuple([index_of[dependency] for dependency in below.pop(name)]))
            index_of[name] = len(index_of)
    except _CycleFoundError as error:
        cycle = [jobs[name] for name in error.path]
        raise CycleError(f'Jobs depend on each other in a cycle: {" -> ".join(error.path)}', cycle) from None
    for message in warned:
        warnings.warn(message, DoJobberWarning, stacklevel=3)  # at the line that called configure()
    plan = Plan(
        tuple(index_of),
        tuple([jobs[name] for name in index_of]),
        tuple(dependencies),
        tuple([settings[name] for name in index_of]),
    )
    if logger.isEnabledFor(logging.DEBUG):
        for (name, names), own in zip(plan.dependency_names().items(), plan.settings):
            text = 'planned %r depending on %r, tries %s, retry delays %s s, locks %s'
            logger.debug(text, name, names, own.tries, own.retry_delays, sorted(own.locks))
    return plan


def dependents_of(dependencies: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the indexes of the Jobs that depend on each Job."""
    dependents: list[list[int]] = [[] for _ in dependencies]
    for dependent, indexes in enumerate(dependencies):
        for dependency in indexes:
            dependents[dependency].append(dependent)
    return dependents


Item = TypeVar('Item', bound=Hashable)


def _post_order(roots: Iterable[Item], dependencies_of: Callable[[Item], Collection[Item]]) -> Iterator[Item]:
    """Yield ``roots`` and everything they depend on, depth first, each once and after its dependencies.

    It does not recurse, since a chain of dependencies may be longer than Python's stack allows.
    """
    path: dict[Item, None] = {}  # from a root to the current Job; a dict for fast membership tests
    done: set[Item] = set()
    stack: list[tuple[Item | None, Iterator[Item]]] = [(None, iter(roots))]
    while stack:
        node, dependencies = stack[-1]
        for dependency in dependencies:
            if dependency in done:
                continue
            if dependency in path:
                nodes = list(path)
                raise _CycleFoundError([*nodes[nodes.index(dependency) :], dependency])
            below = dependencies_of(dependency)
            if below:
                path[dependency] = None
                stack.append((dependency, iter(below)))
                break
            done.add(dependency)
            yield dependency
        else:
            stack.pop()
            if node is not None:
                del path[node]
                done.add(node)
                yield node


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

    def __init__(self, path: list[Any]) -> None:
        super().__init__()
        self.path = path
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
