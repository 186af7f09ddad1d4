"""The results of one run: the outcome of each Job so far, and what is derived from the outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ..outcome import Outcome, State, merge_attempts
from ..read_only import OrderedView, ReadOnlyDict

NOT_RUN = Outcome(State.NOT_RUN)

_BLOCKING = frozenset({State.FAILED, State.WOULD_RUN, State.BLOCKED})

_put: Callable[[Any, str, Any], None] = dict.__setitem__

Follow = Callable[[Any, str, Outcome], None]


def _follow_status(view: ReadOnlyDict[bool | None], name: str, outcome: Outcome) -> None:
    _put(view, name, outcome.state.passed)


def _follow_values(view: ReadOnlyDict[Any], name: str, outcome: Outcome) -> None:
    if outcome.state.passed:
        _put(view, name, outcome.result)


def _follow_errors(view: ReadOnlyDict[BaseException], name: str, outcome: Outcome) -> None:
    if outcome.exception is not None:
        _put(view, name, outcome.exception)
    else:
        dict.pop(view, name, None)


class Results:
    """What is known of one run: the outcome of each Job so far, and by name what follows from the outcomes.

    The engine's thread records; any thread may look. The three views are made when somebody first asks for one, and
    then follow the outcomes. Those that are asked for when the run is over follow nothing, and are simpler. Recording
    the same twice changes nothing.

    Args:
        needs: The names that each Job depends on, in plan order.
    """

    def __init__(self, needs: Mapping[str, Sequence[str]]) -> None:
        self._needs = needs
        self._dependents: dict[str, list[str]] | None = None  # made when the first Job is blocked
        self.names = names = tuple(needs)
        """In plan order."""
        self.outcomes: ReadOnlyDict[Outcome] = ReadOnlyDict(dict.fromkeys(names, NOT_RUN))
        self._views: dict[Follow, ReadOnlyDict[Any]] = {}
        self._followers: list[tuple[Follow, Any]] = []
        self._is_complete = False
        self.passed_count = 0
        self.attempts: object = None
        """To be kept as long as the exceptions are."""

    @property
    def all_passed(self) -> bool:
        """Whether there are Jobs, and all of them have passed."""
        return 0 < self.passed_count == len(self.names)

    @property
    def status(self) -> ReadOnlyDict[bool | None]:
        """Whether each Job has passed; None if it was never tried."""
        return self._view(_follow_status, lambda: ReadOnlyDict(dict.fromkeys(self.names)))

    @property
    def values(self) -> ReadOnlyDict[Any]:
        """What the passing Check of each Job that passed returned."""
        return self._view(_follow_values, lambda: OrderedView(self.names))

    @property
    def errors(self) -> ReadOnlyDict[BaseException]:
        """Why each Job that failed did."""
        return self._view(_follow_errors, lambda: OrderedView(self.names))

    def _view(self, follow: Follow, make: Callable[[], ReadOnlyDict[Any]]) -> ReadOnlyDict[Any]:
        view = self._views.get(follow)
        if view is None and self._is_complete:
            made = ReadOnlyDict[Any]()
            for name, outcome in self.outcomes.items():
                follow(made, name, outcome)
            view = self._views.setdefault(follow, made)
        elif view is None:
            made = make()
            self._followers.append((follow, made))  # first: from here on, the engine keeps it up to date as well
            for name in self.names:
                self._update(follow, made, name)
            view = self._views.setdefault(follow, made)  # another thread may have been faster
        return view

    def _update(self, follow: Follow, view: Any, name: str) -> None:
        """Write one outcome into a view, until that is the latest: another thread may write an older one meanwhile."""
        outcome = None
        while outcome is not self.outcomes[name]:
            outcome = self.outcomes[name]
            follow(view, name, outcome)

    def record(self, name: str, outcome: Outcome) -> None:
        """Add the outcome of an attempt to that of its Job."""
        earlier = self.outcomes[name]
        if earlier.tries:
            outcome = merge_attempts(earlier, outcome)
        _put(self.outcomes, name, outcome)
        if outcome.state.passed:
            self.passed_count += 1
        if self._followers:
            for follow, view in self._followers:
                self._update(follow, view, name)

    def block(self, name: str) -> None:
        """Mark the Jobs that cannot be run any more, since the Job of that name has failed for good."""
        if self._dependents is None:
            self._dependents = {each: [] for each in self.names}
            for dependent, needed in self._needs.items():
                for need in needed:
                    self._dependents[need].append(dependent)
        blockers = [name]
        while blockers:
            blocker = blockers.pop()
            for dependent in self._dependents[blocker]:
                if self.outcomes[dependent] is NOT_RUN:
                    _put(self.outcomes, dependent, Outcome(State.BLOCKED, blocked_by=(blocker,)))
                    blockers.append(dependent)

    def complete(self, is_interrupted: bool = False) -> None:
        """Note that the run is over.

        Name all that has blocked each Job that was never tried, and put right what an interrupt may have left undone.
        """
        if is_interrupted or not self.all_passed:
            self._settle()
        self._is_complete = True
        self._views = {}  # Jobs are in those as they came

    def _settle(self) -> None:
        outcomes = self.outcomes
        for name, needed in self._needs.items():
            outcome = outcomes[name]
            if not outcome.tries:
                blocked_by = tuple([need for need in needed if outcomes[need].state in _BLOCKING])
                if blocked_by != outcome.blocked_by:
                    _put(outcomes, name, Outcome(State.BLOCKED, blocked_by=blocked_by))
        self.passed_count = sum(1 for outcome in outcomes.values() if outcome.state.passed)
        for follow, view in self._followers:
            for name in self.names:
                self._update(follow, view, name)
