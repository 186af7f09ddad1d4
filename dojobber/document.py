"""What happened, as the document that ``--json`` prints. README.rst describes it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from .__version__ import __version__
from .console import message
from .events import Event, EventKind
from .outcome import Outcome, State

SCHEMA = 1
"""Of the document that ``--json`` prints: raised when something in it changes its meaning or goes."""


class Raised:
    """Keeps what no Outcome says, what Runs and Cleanups have raised: a listener.

    Args:
        runnable: Names of the Jobs that have a Run.
    """

    def __init__(self, runnable: Collection[str]) -> None:
        self._runnable = runnable
        self.by_run: dict[str, BaseException] = {}
        """By Job: what its last Run has raised."""
        self.by_cleanup: BaseException | None = None
        """What the last failing Cleanup has raised."""

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
            self.by_cleanup = event.exception


def document(
    outcomes: Mapping[str, Outcome],
    no_act: bool,
    seconds: float,
    interrupted_by: str | None,
    raised: Raised,
    exit_status: int,
) -> dict[str, Any]:
    """Return what happened, in what JSON knows. ``outcomes`` are in plan order, the root last."""
    return {
        'schema': SCHEMA,
        'version': __version__,
        'root': next(reversed(list(outcomes)), None),
        'no_act': no_act,
        'exit_status': exit_status,
        'interrupted_by': interrupted_by,
        'cleanup_error': _error(raised.by_cleanup),
        'seconds': seconds,
        'totals': {state.value: sum(each.state is state for each in outcomes.values()) for state in State},
        'jobs': [_entry(name, outcome, raised.by_run.get(name)) for name, outcome in outcomes.items()],
    }


def _entry(name: str, outcome: Outcome, run_error: BaseException | None) -> dict[str, Any]:
    return {
        'name': name,
        'state': outcome.state.value,
        'tries': outcome.tries,
        'seconds': outcome.seconds,
        'phases': dict(outcome.phases),
        'result': _plain(outcome.result),
        'error': _error(outcome.exception),
        'run_error': _error(run_error),
        'blocked_by': list(outcome.blocked_by),
    }


def _error(error: BaseException | None) -> dict[str, str] | None:
    return None if error is None else {'type': type(error).__name__, 'message': message(error)}


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
