"""Follows a run for the command: what the screen and JSON reporters have in common."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import NamedTuple

from .._plan.plan import Plan
from ..events import Event, EventKind
from ..outcome import Outcome, State, is_interrupt
from ..text import error_text, escape_unprintable
from .notices import Notices


class RunResult(NamedTuple):
    """What a reporter reports at the end of a run."""

    root: str
    no_act: bool
    outcomes: Mapping[str, Outcome]
    """By Job name, in plan order."""
    seconds: float
    interrupted_by: str | None
    """Name of the signal that ended the run."""
    exit_status: int


class Reporter:
    """A listener that follows a run, shows its progress, and reports its result.

    Args:
        no_act: Whether each Job has only one attempt.
    """

    def __init__(self, plan: Plan, no_act: bool = False) -> None:
        self.tries: dict[str, float] = {name: 1 if no_act else step.tries for name, step in plan.steps.items()}
        """Maximum number of attempts by Job name."""
        self._delays = {name: step.retry_delay for name, step in plan.steps.items()}
        self._has_run = {name for name, step in plan.steps.items() if getattr(step.job, 'Run', None) is not None}
        self.done: int = 0
        self.failed: int = 0
        self.running: dict[str, float] = {}
        """Start of each running attempt on the monotonic clock, by Job name."""
        self.waiting: dict[str, tuple[int, float]] = {}
        """Number of the next attempt and when it is due, by Job name."""
        self.interrupted_by: str | None = None
        """Name of the signal that has arrived."""
        self.run_errors: dict[str, BaseException] = {}
        """What the last Run of a Job has raised, by Job name."""
        self.cleanup_errors: dict[str, BaseException] = {}
        """What the last failing Cleanup of a Job has raised; the one that failed last comes last."""
        self._notices: Notices | None = None

    def report(self, result: RunResult) -> None:
        """Report the result of the run."""
        raise NotImplementedError

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """Report progress for the duration of the block: on stderr, failed attempts and Jobs that take long."""
        self._notices = Notices(self.running)
        with self._notices.watching():
            yield

    def on_signal(self, name: str) -> None:
        """Note that a signal has arrived, which may end the run."""
        self.interrupted_by = name

    def restore_terminal(self) -> None:
        """Leave the terminal as it was before, even in the middle of the run."""

    def __call__(self, event: Event) -> None:
        """Follow the run."""
        name = event.job or ''
        if event.kind is EventKind.ATTEMPT_STARTED:
            self.interrupted_by = None  # a Job has caught what the signal raised
            self.waiting.pop(name, None)
            self.run_errors.pop(name, None)
            self.running[name] = monotonic()
        elif event.kind is EventKind.RUN and event.exception is not None and name in self._has_run:
            self.run_errors[name] = event.exception
        elif event.kind is EventKind.ATTEMPT_FINISHED:
            self._attempt_finished(name, event.attempt or 1, event.value)
        elif event.kind is EventKind.CLEANUP_STARTED:
            self.running[f'{name}.cleanup'] = monotonic()
        elif event.kind is EventKind.CLEANUP:
            self.running.pop(f'{name}.cleanup', None)
            if event.exception is not None:
                self.cleanup_errors.pop(name, None)
                self.cleanup_errors[name] = event.exception

    def _attempt_finished(self, name: str, attempt: int, outcome: Outcome) -> None:
        start = self.running.pop(name, 0.0)
        is_last = self.tries[name] <= attempt or is_interrupt(outcome.exception)
        if outcome.state is State.FAILED and not is_last:
            due = start + self._delays[name]
            self.waiting[name] = attempt + 1, due
            if self._notices is not None:
                error = first_line(outcome.exception)
                self._notices.retried(escape_unprintable(name), attempt, self.tries[name], error, due - monotonic())
            return
        self.done += 1
        self.failed += outcome.state is State.FAILED
        self._job_finished(name, outcome)

    def _job_finished(self, name: str, outcome: Outcome) -> None:
        """Show that a Job has passed, or has failed its last attempt."""


def error_lines(error: BaseException | None) -> list[str]:
    """Return the lines of an error message, without empty ones at both ends and with escapes; none for None."""
    if error is None:
        return []
    text = error_text(error)
    if isinstance(error, KeyError) and text:
        text = f'{type(error).__name__}: {text}'  # the message is only the key
    lines = [line.rstrip() for line in re.split(r'\r\n|\r|\n', text)]
    while lines and not lines[0]:
        del lines[0]
    while lines and not lines[-1]:
        del lines[-1]
    return [escape_unprintable(line.expandtabs(8)) for line in lines] or [type(error).__name__]


def first_line(error: BaseException | None) -> str:
    """Return the first line of an error message, with three dots if there are more."""
    lines = error_lines(error)
    return f'{lines[0]}{" ..." if len(lines) > 1 else ""}' if lines else ''
