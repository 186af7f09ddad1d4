"""Turns Job classes into a checked and ordered plan."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from typing import Any, Callable, NamedTuple, TypeVar

from .errors import CycleError, DepsError, PlanError, UnknownJobError
from .job import Job, RunonlyJob

logger = logging.getLogger('DoJobber')

Node = TypeVar('Node')


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
    """Return the plan for everything that ``root`` needs, itself last.

    Raises:
        CycleError: Jobs need each other in a circle.
        DepsError: ``root`` or something in DEPS is not a Job class, or DEPS cannot be read.
        PlanError: Anything else that cannot work; the message names it.
    """
    tries = _check_tries(default_tries, 'default_tries')
    delay = _check_delay(default_retry_delay, 'default_retry_delay')
    if not _is_job(root):
        raise DepsError(f'the root must be a Job class, not {root!r}', root)
    jobs: dict[str, type[Job]] = {}
    needs: dict[type[Job], tuple[type[Job], ...]] = {}

    def read_needs(job: type[Job]) -> tuple[type[Job], ...]:
        other = jobs.setdefault(job.__name__, job)
        if other is not job:
            raise PlanError(
                f'two different Jobs are named {job.__name__!r}, {_origin(other)} and {_origin(job)}: rename one', job
            )
        _check_hooks(job)
        needs[job] = _read_deps(job)
        return needs[job]

    plan: Plan = {}
    for job in _post_order(root, read_needs):
        plan[job.__name__] = Step(
            job,
            tuple([need.__name__ for need in needs[job]]),
            tries if job.TRIES is None else _check_tries(job.TRIES, 'TRIES', job),
            delay if job.RETRY_DELAY is None else _check_delay(job.RETRY_DELAY, 'RETRY_DELAY', job),
        )
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
        import difflib

        near = difflib.get_close_matches(str(name), plan)
        hint = f'; did you mean {" or ".join(map(repr, near))}?' if near else ''
        raise UnknownJobError(f'{node!r} is not in the graph that was configured{hint}', node)
    if isinstance(node, type) and step.job is not node:
        raise UnknownJobError(f'{node!r} is not the {name!r} of the graph, which is {step.job!r}', node)
    return {each: plan[each] for each in _post_order(name, lambda each: plan[each].needs)}


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
                raise _cycle_error([*path[path.index(need) :], need])
            open_[need] = None
            stack.append((need, iter(needs_of(need))))
            break
        else:
            stack.pop()
            del open_[node]
            closed.add(node)
            yield node


def _cycle_error(cycle: list[Any]) -> CycleError:
    return CycleError('Jobs need each other in a circle: ' + ' -> '.join(job.__name__ for job in cycle), cycle)


def _is_job(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Job)


def _origin(job: type[Job]) -> str:
    return f'{job.__module__}.{job.__qualname__}'


def _read_deps(job: type[Job]) -> tuple[type[Job], ...]:
    """Return the Job classes in DEPS, each once, in their order."""
    deps: Any = job.DEPS
    if _is_job(deps):
        raise _deps_error(job, f'not a bare class: write DEPS = ({deps.__name__},)')
    if isinstance(deps, (str, bytes)):
        raise _deps_error(job, f'not {deps!r}')
    try:
        found = dict.fromkeys(deps)
    except Exception as error:
        raise _deps_error(job, f'not {deps!r} ({type(error).__name__}: {error})') from error
    if iter(deps) is deps:
        # A generator would be empty for the next configure(): keep what it gave where it stood.
        owner: Any = next(each for each in job.__mro__ if 'DEPS' in vars(each))
        owner.DEPS = tuple(found)
    for dep in found:
        if not _is_job(dep):
            raise _deps_error(job, f'and {dep!r} in it is none')
    return tuple(found)


def _deps_error(job: type[Job], why: str) -> DepsError:
    return DepsError(f'DEPS of {job.__name__!r} must be a list or tuple of Job classes, {why}', job)


_DELAYED = 0x20 | 0x80 | 0x200  # flags of generators, coroutines and both; their names are in inspect, which is dear


def _check_hooks(job: type[Job]) -> None:
    check: Any = getattr(job, 'Check', None)
    if not callable(check):
        is_misspelt = hasattr(job, 'check')
        hint = 'is it the one called check?' if is_misspelt else 'derive from DummyJob if it only groups others'
        raise PlanError(f'{job.__name__!r} has no Check method; {hint}', job)
    decides, name = check, 'Check'
    if check is RunonlyJob.Check:
        decides, name = getattr(job, 'Run', None), 'Run'
        if not callable(decides):
            raise PlanError(
                f'{job.__name__!r} is a RunonlyJob and has neither a Run method nor a Check of its own', job
            )
    if getattr(getattr(decides, '__code__', None), 'co_flags', 0) & _DELAYED:
        why = 'is async or has a yield in it: calling it does nothing, and would always pass'
        raise PlanError(f'{name} of {job.__name__!r} {why}', job)


def _check_tries(value: Any, what: str, job: type[Job] | None = None) -> float:
    if not _is_at_least(1, value):
        raise _number_error(what, 'a number of at least 1', value, job)
    tries: float = value  # as it is: making it a float would lose large integers
    return tries


def _check_delay(value: Any, what: str, job: type[Job] | None = None) -> float:
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
