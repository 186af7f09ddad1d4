"""The documents that ``--json`` prints: the result of a run, and with ``--list`` or ``--tree`` the plan."""

from __future__ import annotations

import json
from typing import Any

from ..__version__ import __version__
from .._plan.plan import Plan
from ..job import kind_of, skips
from ..outcome import Outcome, State
from ..text import error_details, error_text, summary, value_text
from .reporter import Reporter, RunResult
from .streams import Output

SCHEMA = 1
"""Version of the documents, incremented when a field is removed or changes its meaning."""


def write_document(output: Output, document: dict[str, Any]) -> None:
    """Write a JSON document to stdout, whatever Jobs have redirected meanwhile."""
    output.restore()
    output.write(f'{json.dumps(document, indent=2)}\n')


def plan_document(root: str, plan: Plan) -> dict[str, Any]:
    """Return the plan, or the part of it that ``--only`` selects, as a JSON document."""
    jobs = [
        {'name': name, 'kind': kind_of(job), 'summary': summary(job), 'deps': list(dependencies)}
        for job, (name, dependencies) in zip(plan.jobs, plan.dependency_names().items())
    ]
    return {'schema': SCHEMA, 'version': __version__, 'root': root, 'jobs': jobs}


class JsonReporter(Reporter):
    """Reports the result as a JSON document."""

    def __init__(self, plan: Plan, output: Output) -> None:
        super().__init__(plan)
        self._output = output

    def report(self, result: RunResult) -> None:
        """Write the document."""
        outcomes = result.outcomes
        document = {
            'schema': SCHEMA,
            'version': __version__,
            'root': result.root,
            'no_act': result.no_act,
            'exit_status': result.exit_status,
            'interrupted_by': result.interrupted_by,
            'cleanup_error': _error(next(reversed(list(self.cleanup_errors.values())), None)),
            'seconds': result.seconds,
            'totals': {state.value: sum(outcome.state is state for outcome in outcomes.values()) for state in State},
            'jobs': [self._job(name, outcome) for name, outcome in outcomes.items()],
        }
        write_document(self._output, document)

    def _job(self, name: str, outcome: Outcome) -> dict[str, Any]:
        return {
            'name': name,
            'state': outcome.state.value,
            'tries': outcome.tries,
            'seconds': outcome.seconds,
            'phases': dict(outcome.phases),
            'result': _jsonable(outcome.result),
            'error': None if skips(outcome.exception) else _error(outcome.exception),
            'run_error': None if skips(outcome.run_exception) else _error(outcome.run_exception),
            'skip_reason': error_text(outcome.exception) if outcome.exception and skips(outcome.exception) else None,
            'cleanup_error': _error(self.cleanup_errors.get(name)),
            'blocked_by': list(outcome.blocked_by),
        }


def _error(error: BaseException | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {'type': type(error).__name__, 'message': error_text(error), 'details': error_details(error)}


def _jsonable(value: Any) -> Any:
    """Return ``value`` if JSON can represent it, else its ``repr()``."""
    try:
        json.dumps(value, allow_nan=False)
    except Exception:
        return value_text(value)
    return value
