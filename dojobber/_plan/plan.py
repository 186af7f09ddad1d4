"""Turns Job classes into a plan: checked, ordered, and with all defaults applied."""

from __future__ import annotations

import heapq
import logging
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Callable, NamedTuple

from ..errors import CycleError, DepsError, PlanError, UnknownJobError
from ..job import Job
from ..log import logger
from ..text import value_text
from .validate import check_hooks, checked_delay, checked_deps, checked_tries, is_job, read_settings

MOST_COMPARED = 200
"""How many names are compared thoroughly with an unknown one; comparing 100,000 would take seconds."""


class Step(NamedTuple):
    """A Job of the plan, with all defaults applied."""

    job: type[Job]
    dependencies: tuple[str, ...]
    """Names of the Jobs in DEPS, each once, in their order."""
    tries: float
    """Number of attempts, at least 1."""
    retry_delay: float
    """Seconds between the starts of two attempts."""


class Plan(NamedTuple):
    """The checked graph of a root: its Jobs in the order to run them, depth first, each after its dependencies."""

    steps: dict[str, Step]
    """By Job name, in order."""
    names: tuple[str, ...]
    """In order: an index into this tuple is what other modules call the index of a Job."""
    dependencies: tuple[tuple[int, ...], ...]
    """For each Job, the indexes of its dependencies, all smaller than its own."""

    @property
    def root(self) -> str:
        """Name of the Job that everything else is a dependency of."""
        return self.names[-1]

    def subplan(self, node: type[Job] | str) -> Plan:
        """Return the plan of one Job, given as class or name.

        Raises:
            UnknownJobError: The plan has no such Job.
        """
        name = node.__name__ if isinstance(node, type) else node
        step = self.steps.get(name) if isinstance(name, str) else None
        if step is None:
            similar = _similar(name, self.names) if isinstance(name, str) else []
            hint = f'; did you mean {" or ".join(map(repr, similar))}?' if similar else ''
            raise UnknownJobError(f'{value_text(node)} is not in the graph that was configured{hint}', node)
        if isinstance(node, type) and step.job is not node:
            raise UnknownJobError(f'{node!r} is not the {name!r} of the graph, which is {step.job!r}', node)
        return _ordered_plan(name, self.steps, lambda each: self.steps[each].dependencies)


def make_plan(root: type[Job], default_tries: float, default_retry_delay: float) -> Plan:
    """Return the plan of ``root``.

    Args:
        default_tries: Attempts of Jobs that set no ``TRIES``.
        default_retry_delay: Seconds between the starts of two attempts, for Jobs that set no ``RETRY_DELAY``.

    Raises:
        CycleError: Jobs depend on each other in a cycle.
        DepsError: ``root`` or something in DEPS is not a Job class, or DEPS cannot be read.
        PlanError: Anything else that cannot work; the message names it.
    """
    tries = checked_tries(default_tries, 'default_tries')
    delay = checked_delay(default_retry_delay, 'default_retry_delay')
    if not is_job(root):
        raise DepsError(f'the root must be a Job class, not {value_text(root)}', root)
    jobs: dict[str, type[Job]] = {root.__name__: root}
    steps: dict[str, Step] = {}

    def read_step(name: str) -> tuple[str, ...]:
        job = jobs[name]
        check_hooks(job)
        deps, own_tries, own_delay = read_settings(job)
        dependencies: dict[str, None] = {}
        for dependency in checked_deps(job, deps):
            other = jobs.setdefault(dependency.__name__, dependency)
            if other is not dependency:
                raise _duplicate_error(other, dependency)
            dependencies[dependency.__name__] = None
        steps[name] = step = Step(
            job,
            tuple(dependencies),
            tries if own_tries is None else checked_tries(own_tries, 'TRIES', job),
            delay if own_delay is None else checked_delay(own_delay, 'RETRY_DELAY', job),
        )
        return step.dependencies

    try:
        plan = _ordered_plan(root.__name__, steps, read_step)
    except _CycleFoundError as error:
        cycle = [jobs[name] for name in error.args[0]]
        path = ' -> '.join(error.args[0])
        raise CycleError(f'Jobs depend on each other in a cycle: {path}', cycle) from None
    if logger.isEnabledFor(logging.DEBUG):
        for name, step in plan.steps.items():
            logger.debug('planned %r depending on %r, tries %s, retry delay %s s', name, *step[1:])
    return plan


def _ordered_plan(root: str, steps: dict[str, Step], dependencies_of: Callable[[str], tuple[str, ...]]) -> Plan:
    names = tuple(_post_order(root, dependencies_of))
    index_of = {name: index for index, name in enumerate(names)}
    ordered = {name: steps[name] for name in names}
    dependencies = tuple([tuple([index_of[name] for name in step.dependencies]) for step in ordered.values()])
    return Plan(ordered, names, dependencies)


def _post_order(root: str, dependencies_of: Callable[[str], tuple[str, ...]]) -> Iterator[str]:
    """Yield all that ``root`` depends on and itself, depth first, each once and after its dependencies.

    It does not recurse, so that a chain may be longer than Python's stack.
    """
    path: dict[str, None] = {root: None}  # from the root to the current name, in order
    done: set[str] = set()
    stack = [(root, iter(dependencies_of(root)))]
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
            del path[name]
            done.add(name)
            yield name


def _similar(name: str, names: Iterable[str]) -> list[str]:
    """Return names that ``name`` may be a misspelling of."""
    import difflib

    def pairs(text: str) -> set[str]:
        return {text[start : start + 2] for start in range(len(text))}

    own = pairs(name)
    likely = heapq.nlargest(MOST_COMPARED, names, key=lambda each: len(own & pairs(each)) / (len(each) + len(own)))
    return difflib.get_close_matches(name, likely)


class _CycleFoundError(Exception):
    """Jobs depend on each other in a cycle; the argument lists their names, the first repeated at the end."""


def _qualified_name(job: type[Job]) -> str:
    return f'{job.__module__}.{job.__qualname__}'


def _duplicate_error(one: type[Job], other: type[Job]) -> PlanError:
    def file_of(job: type[Job]) -> Any:
        return getattr(sys.modules.get(job.__module__), '__file__', job.__module__)

    if one.__qualname__ == other.__qualname__ and file_of(one) == file_of(other):
        modules = ' and '.join(dict.fromkeys([one.__module__, other.__module__]))
        why = (
            f'the class {one.__qualname__!r} was made twice, in {modules}, and both are in the graph: import its file '
            'under one name, or run all code again that uses it'
        )
    else:
        origins = f'{_qualified_name(one)} and {_qualified_name(other)}'
        why = f'two different Jobs are named {one.__name__!r}, {origins}: rename one'
    return PlanError(why, other)
