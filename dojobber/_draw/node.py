"""The Jobs as the pictures show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .._plan.plan import Plan
from ..job import kind_of
from ..outcome import Outcome, State
from ..text import error_details, summary


class Node(NamedTuple):
    """A Job with its outcome."""

    name: str
    dependencies: tuple[str, ...]
    kind: str
    """``'Job'``, ``'RunonlyJob'`` or ``'DummyJob'``."""
    summary: str
    """First line of the docstring; may be empty."""
    outcome: Outcome | None
    """None if the Job was not part of the last run."""
    error: str
    """Why the Job failed, would run or was skipped; empty if there is no message."""

    def is_blocked_by(self, dependency: str) -> bool:
        """Tell whether ``dependency`` is one of the Jobs that block this one."""
        outcome = self.outcome
        return outcome is not None and outcome.state is State.BLOCKED and dependency in outcome.blocked_by


def nodes_of(plan: Plan, outcomes: Mapping[str, Outcome]) -> list[Node]:
    """Return a node for each Job of the plan, with its outcome if the Job was part of the last run."""
    nodes = []
    for job, (name, dependencies) in zip(plan.jobs, plan.dependency_names().items()):
        outcome = outcomes.get(name)
        error = outcome.exception if outcome else None
        text = '' if error is None else error_details(error)
        nodes.append(Node(name, dependencies, kind_of(job), summary(job), outcome, text))
    return nodes
