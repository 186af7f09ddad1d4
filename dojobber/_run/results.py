"""The results of one run: the outcome of each Job so far, and the views derived from the outcomes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any, Callable

from .._plan.plan import Plan, dependents_of
from ..errors import JobsFailedError
from ..outcome import Outcome, State, merge_attempts
from ..read_only import OrderedView, ReadOnlyDict
from ..text import error_details

NOT_RUN = Outcome(State.NOT_RUN)

MAX_FAILED_SHOWN = 20
"""The number of failed Jobs that an error message shows."""

_set_item: Callable[[Any, str, Any], None] = dict.__setitem__  # the __setitem__ of a ReadOnlyDict always raises

Updater = Callable[[Any, str, Outcome], None]
"""Writes the outcome of a Job into a view."""


def _update_status(view: ReadOnlyDict[bool | None], name: str, outcome: Outcome) -> None:
    _set_item(view, name, outcome.state.passed)


def _update_values(view: ReadOnlyDict[Any], name: str, outcome: Outcome) -> None:
    if outcome.state.passed:
        _set_item(view, name, outcome.result)


def _update_errors(view: ReadOnlyDict[BaseException], name: str, outcome: Outcome) -> None:
    if outcome.exception is not None and outcome.state.passed is False:
        _set_item(view, name, outcome.exception)
    else:
        dict.pop(view, name, None)


def failure_error(outcomes: Mapping[str, Outcome]) -> JobsFailedError:
    """Return the error that lists the Jobs that failed or would run, and counts all that did not pass."""
    counts = Counter(outcome.state for outcome in outcomes.values())
    totals = ', '.join(f'{counts[state]} {state.value}' for state in State if counts[state] and not state.passed)
    failed = {name: outcome for name, outcome in outcomes.items() if outcome.state in (State.FAILED, State.WOULD_RUN)}
    lines = [f'{totals}, of {len(outcomes)} Job{"s" * (len(outcomes) != 1)}']
    for name, outcome in itertools.islice(failed.items(), MAX_FAILED_SHOWN):
        lines += _details(name, outcome.exception)
        if outcome.run_exception is not None and outcome.run_exception is not outcome.exception:
            lines += _details('    its Run', outcome.run_exception)
    if len(failed) > MAX_FAILED_SHOWN:
        lines.append(f'and {len(failed) - MAX_FAILED_SHOWN} more')
    return JobsFailedError('\n'.join(lines), tuple(failed), outcomes)


def _details(label: str, error: BaseException | None) -> list[str]:
    first, *rest = (error_details(error) if error is not None else '').splitlines() or ['']
    return [f'{label}: {first}', *[f'        {line}' for line in rest]]


class Results:
    """The outcome of each Job so far, and views of the outcomes by Job name.

    Only the caller's thread records outcomes; any thread may read them. A view is created when it is first read. During
    the run, it is then updated with each outcome.

    Args:
        plan: The plan that is run. None, before the first run, means no Jobs.
        assumes_changes: Whether Jobs that would run are assumed to pass, in a dry run.
    """

    def __init__(self, plan: Plan | None = None, assumes_changes: bool = False) -> None:
        self._names = plan.names if plan else ()
        self._dependencies = plan.dependencies if plan else ()
        self._dependents: list[list[int]] | None = None  # by index; built when the first Job is blocked
        skipped = {self._names[index]: Outcome(State.SKIPPED) for index in plan.skipped} if plan else {}
        self.outcomes: ReadOnlyDict[Outcome] = ReadOnlyDict({**dict.fromkeys(self._names, NOT_RUN), **skipped})
        """By Job name, in plan order."""
        self._views: dict[Updater, ReadOnlyDict[Any]] = {}
        self._live_views: list[tuple[Updater, Any]] = []
        """The views that are updated with each outcome."""
        self._is_complete = False
        self._assumes_changes = assumes_changes
        self._uncertain: set[str] = set()
        """The Jobs that were checked although a Job that they depend on, directly or indirectly, would run first."""
        self.passed_count = len(skipped)
        self.attempter: object = None
        """The ``Attempter`` or ``AttempterPool`` of the run, which must live as long as the exceptions."""

    @property
    def all_passed(self) -> bool:
        """Whether there are Jobs and all of them have passed."""
        return 0 < self.passed_count == len(self._names)

    @property
    def status(self) -> ReadOnlyDict[bool | None]:
        """Whether each Job has passed; None if that is not known."""
        return self._view(_update_status, lambda: ReadOnlyDict(dict.fromkeys(self._names)))

    @property
    def values(self) -> ReadOnlyDict[Any]:
        """Return value of the passing Check, for Jobs that have passed."""
        return self._view(_update_values, lambda: OrderedView(self._names))

    @property
    def errors(self) -> ReadOnlyDict[BaseException]:
        """The error of each Job whose latest attempt did not pass."""
        return self._view(_update_errors, lambda: OrderedView(self._names))

    def _view(self, update: Updater, make_live: Callable[[], ReadOnlyDict[Any]]) -> ReadOnlyDict[Any]:
        view = self._views.get(update)
        if view is None and self._is_complete:
            copy = ReadOnlyDict[Any]()
            for name, outcome in self.outcomes.items():
                update(copy, name, outcome)
            view = self._views.setdefault(update, copy)
        elif view is None:
            live = make_live()
            self._live_views.append((update, live))  # before it is filled, so that no outcome is missed
            for name in self._names:
                self._write(update, live, name)
            view = self._views.setdefault(update, live)  # another thread may have created it meanwhile
        return view

    def _write(self, update: Updater, view: Any, name: str) -> None:
        """Write the outcome of a Job into a view. Repeat if the engine has recorded a later one meanwhile."""
        outcome = None
        while outcome is not self.outcomes[name]:
            outcome = self.outcomes[name]
            update(view, name, outcome)

    def record(self, index: int, outcome: Outcome) -> Outcome:
        """Merge the outcome of an attempt into that of its Job, and return the latter."""
        name = self._names[index]
        if self._assumes_changes or outcome.state is State.BLOCKED:
            outcome = self._after_assumed_changes(index, outcome)
        earlier = self.outcomes[name]
        if earlier.tries:
            outcome = merge_attempts(earlier, outcome)
        _set_item(self.outcomes, name, outcome)
        if outcome.state.passed:
            self.passed_count += 1
        for update, view in self._live_views:
            self._write(update, view, name)
        return outcome

    def unblocks(self, outcome: Outcome) -> bool:
        """Tell whether the dependents of a Job with this outcome may be attempted."""
        if self._assumes_changes and outcome.tries:
            return outcome.state is not State.FAILED
        return bool(outcome.state.passed)

    def _is_blocking(self, outcome: Outcome) -> bool:
        """Tell whether a Job with this outcome keeps its dependents from being attempted."""
        return outcome is not NOT_RUN and not self.unblocks(outcome)

    def _after_assumed_changes(self, index: int, outcome: Outcome) -> Outcome:
        """Return the outcome of a dry run for a Job that may depend on others which would run first.

        ``blocked_by`` names these dependencies or, if there are none, those that depend on such Jobs themselves.

        Args:
            outcome: The outcome of the attempt. ``BLOCKED`` means that ``__init__`` or the check failed, and that the
                Job has no Run. If there are no such dependencies, the Job has failed.
        """
        below = [self._names[dependency] for dependency in self._dependencies[index]]
        assumed = [name for name in below if not self.outcomes[name].state.passed]
        blocked_by = tuple(assumed or [name for name in below if name in self._uncertain])
        if not blocked_by:  # a failed check has failed
            return outcome._replace(state=State.FAILED) if outcome.state is State.BLOCKED else outcome
        self._uncertain.add(self._names[index])
        if outcome.state in (State.WOULD_RUN, State.BLOCKED):
            return outcome._replace(blocked_by=blocked_by)
        return outcome

    def block(self, index: int) -> None:
        """Mark as BLOCKED all Jobs that depend, directly or indirectly, on this Job, whose last attempt has failed."""
        if self._dependents is None:
            self._dependents = dependents_of(self._dependencies)
        names, blockers = self._names, [index]
        while blockers:
            blocker = blockers.pop()
            for dependent in self._dependents[blocker]:
                if self.outcomes[names[dependent]] is NOT_RUN:
                    _set_item(self.outcomes, names[dependent], Outcome(State.BLOCKED, blocked_by=(names[blocker],)))
                    blockers.append(dependent)

    def complete(self, ended_early: bool = False) -> None:
        """End the run: complete ``blocked_by`` of each Job.

        Args:
            ended_early: Whether an exception ended the run, so that an update may be half done. It is repaired.
        """
        if ended_early or not self.all_passed:
            self._repair()
        self._is_complete = True
        self._views = {}  # new ones are plain copies, with the Jobs in plan order

    def _repair(self) -> None:
        outcomes, names, is_blocking = self.outcomes, self._names, self._is_blocking
        for name, dependencies in zip(names, self._dependencies):
            outcome = outcomes[name]
            if not outcome.tries and not outcome.state.passed:
                blocked_by = tuple([names[index] for index in dependencies if is_blocking(outcomes[names[index]])])
                if blocked_by != outcome.blocked_by:
                    _set_item(outcomes, name, Outcome(State.BLOCKED, blocked_by=blocked_by))
        self.passed_count = sum(1 for outcome in outcomes.values() if outcome.state.passed)
        for update, view in self._live_views:
            for name in self._names:
                self._write(update, view, name)
