"""The documents that ``--json`` prints: the result of a run, and with ``--list`` or ``--tree`` the plan."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from ..__version__ import __version__
from .._plan.plan import Plan
from ..events import Event, EventKind
from ..job import kind_of
from ..outcome import Outcome, State
from ..text import error_text
from .listing import summary

SCHEMA = 1
"""Of the documents: raised when something in one of them changes its meaning or goes."""


class Raised:
    """Keeps what no Outcome says, what Runs and Cleanups have raised: a listener.

    Args:
        runnable: Names of the Jobs that have a Run.
    """

    def __init__(self, runnable: Collection[str]) -> None:
        self._runnable = runnable
        self.by_run: dict[str, BaseException] = {}
        """By Job: what its last Run has raised."""
        self.by_cleanup: dict[str, BaseException] = {}
        """By Job: what its last failing Cleanup has raised; the Job whose Cleanup failed last comes last."""

    def __call__(self, event: Event) -> None:
        """Keep what ``event`` tells of that."""
        name = event.job or ''
        if event.kind is EventKind.ATTEMPT_STARTED:
            self.by_run.pop(name, None)
        elif event.exception is None:
            return
        elif event.kind is EventKind.RUN and name in self._runnable:
            self.by_run[name] = event.exception
        elif event.kind is EventKind.CLEANUP:
            self.by_cleanup.pop(name, None)
            self.by_cleanup[name] = event.exception


def plan_document(root: str, plan: Plan) -> dict[str, Any]:
    """Return the plan of the Job named ``root``, or the part of it that ``--only`` asks for, in what JSON knows."""
    jobs = [
        {'name': name, 'kind': kind_of(step.job), 'summary': summary(step.job), 'deps': list(step.dependencies)}
        for name, step in plan.steps.items()
    ]
    return {'schema': SCHEMA, 'version': __version__, 'root': root, 'jobs': jobs}


def document(
    root: str,
    outcomes: Mapping[str, Outcome],
    no_act: bool,
    seconds: float,
    interrupted_by: str | None,
    raised: Raised,
    exit_status: int,
) -> dict[str, Any]:
    """Return the result of a run of the Job named ``root``, or a part of it, in what JSON knows."""
    cleanup_errors = list(raised.by_cleanup.values())
    return {
        'schema': SCHEMA,
        'version': __version__,
        'root': root,
        'no_act': no_act,
        'exit_status': exit_status,
        'interrupted_by': interrupted_by,
        'cleanup_error': _error(cleanup_errors[-1] if cleanup_errors else None),
        'seconds': seconds,
        'totals': {state.value: sum(each.state is state for each in outcomes.values()) for state in State},
        'jobs': [_entry(name, outcome, raised) for name, outcome in outcomes.items()],
    }


def _entry(name: str, outcome: Outcome, raised: Raised) -> dict[str, Any]:
    return {
        'name': name,
        'state': outcome.state.value,
        'tries': outcome.tries,
        'seconds': outcome.seconds,
        'phases': dict(outcome.phases),
        'result': _plain(outcome.result),
        'error': _error(outcome.exception),
        'run_error': _error(raised.by_run.get(name)),
        'cleanup_error': _error(raised.by_cleanup.get(name)),
        'blocked_by': list(outcome.blocked_by),
    }


def _error(error: BaseException | None) -> dict[str, str] | None:
    return None if error is None else {'type': type(error).__name__, 'message': error_text(error)}


def _plain(value: Any) -> Any:
    """Return ``value`` if JSON can hold it, else what it looks like in Python."""
    try:
        json.dumps(value, allow_nan=False)
    except Exception:
        try:
            return repr(value)
        except Exception:
            return f'<{type(value).__name__}>'
    return value
