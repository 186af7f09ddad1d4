"""Turns Job classes into a checked and ordered plan."""

from __future__ import annotations

import heapq
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Callable, NamedTuple, TypeVar

from ..errors import CycleError, DepsError, PlanError, UnknownJobError
from ..job import Job
from .validate import check_hooks, checked_delay, checked_deps, checked_tries, is_job, settings, shown

logger = logging.getLogger('DoJobber')

Node = TypeVar('Node')

MOST_COMPARED = 200
"""How many names are compared thoroughly with one that is unknown; comparing 100,000 would take seconds."""


class Step(NamedTuple):
    """A Job's place in the plan, with all defaults applied."""

    job: type[Job]
    needs: tuple[str, ...]
    """Names of the Jobs in DEPS, each once, in their order."""
    tries: float
    retry_delay: float
    """Seconds from the start of one try to the start of the next."""


Plan = dict[str, Step]
"""Steps by Job name, in the order to try them: depth first, each after all it needs."""


def make_plan(root: type[Job], default_tries: float, default_retry_delay: float) -> Plan:
    """Return the plan for everything that ``root`` depends on, itself last.

    Raises:
        CycleError: Jobs depend on each other in a cycle.
        DepsError: ``root`` or something in DEPS is not a Job class, or DEPS cannot be read.
        PlanError: Anything else that cannot work; the message names it.
    """
    tries = checked_tries(default_tries, 'default_tries')
    delay = checked_delay(default_retry_delay, 'default_retry_delay')
    if not is_job(root):
        raise DepsError(f'the root must be a Job class, not {shown(root)}', root)
    jobs: dict[str, type[Job]] = {root.__name__: root}
    steps: dict[str, Step] = {}

    def read_step(name: str) -> tuple[str, ...]:
        job = jobs[name]
        check_hooks(job)
        deps, own_tries, own_delay = settings(job)
        needs: dict[str, None] = {}
        for need in checked_deps(job, deps):
            other = jobs.setdefault(need.__name__, need)
            if other is not need:
                raise _duplicate_error(other, need)
            needs[need.__name__] = None
        steps[name] = step = Step(
            job,
            tuple(needs),
            tries if own_tries is None else checked_tries(own_tries, 'TRIES', job),
            delay if own_delay is None else checked_delay(own_delay, 'RETRY_DELAY', job),
        )
        return step.needs

    try:
        plan = {name: steps[name] for name in _post_order(root.__name__, read_step)}
    except _CycleFoundError as error:
        cycle = [jobs[name] for name in error.args[0]]
        path = ' -> '.join(error.args[0])
        raise CycleError(f'Jobs depend on each other in a cycle: {path}', cycle) from None
    if logger.isEnabledFor(logging.DEBUG):
        for name, step in plan.items():
            logger.debug('planned %r needing %r, tries %s, retry delay %s s', name, *step[1:])
    return plan


def under(plan: Plan, node: type[Job] | str) -> Plan:
    """Return the part of ``plan`` that a Job, given as class or name, needs, itself last.

    Raises:
        UnknownJobError: There is no such Job in the plan.
    """
    name = node.__name__ if isinstance(node, type) else node
    step = plan.get(name) if isinstance(name, str) else None
    if step is None:
        near = _near(name, plan) if isinstance(name, str) else []
        hint = f'; did you mean {" or ".join(map(repr, near))}?' if near else ''
        raise UnknownJobError(f'{shown(node)} is not in the graph that was configured{hint}', node)
    if isinstance(node, type) and step.job is not node:
        raise UnknownJobError(f'{node!r} is not the {name!r} of the graph, which is {step.job!r}', node)
    return {each: plan[each] for each in _post_order(name, lambda each: plan[each].needs)}


def _near(name: str, names: Iterable[str]) -> list[str]:
    """Return names that ``name`` may be a misspelling of."""
    import difflib

    def pairs(text: str) -> set[str]:
        return {text[place : place + 2] for place in range(len(text))}

    own = pairs(name)
    likely = heapq.nlargest(MOST_COMPARED, names, key=lambda each: len(own & pairs(each)) / (len(each) + len(own)))
    return difflib.get_close_matches(name, likely)


def _post_order(root: Node, needs_of: Callable[[Node], Sequence[Node]]) -> Iterator[Node]:
    """Yield what ``root`` needs, depth first, each once and after its own needs, without recursion."""
    open_: dict[Node, None] = {root: None}  # what is on the way down to here, in order
    closed: set[Node] = set()
    stack = [(root, iter(needs_of(root)))]
    while stack:
        node, needs = stack[-1]
        for need in needs:
            if need in closed:
                continue
            if need in open_:
                path = list(open_)
                raise _CycleFoundError([*path[path.index(need) :], need])
            open_[need] = None
            stack.append((need, iter(needs_of(need))))
            break
        else:
            stack.pop()
            del open_[node]
            closed.add(node)
            yield node


class _CycleFoundError(Exception):
    """Nodes need each other in a cycle: the path, with the first node repeated at the end."""


def _origin(job: type[Job]) -> str:
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
        why = f'two different Jobs are named {one.__name__!r}, {_origin(one)} and {_origin(other)}: rename one'
    return PlanError(why, other)
