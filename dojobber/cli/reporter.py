"""The base class of the screen and JSON reporters, and the error texts of the screen."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import NamedTuple

from .._plan.plan import Plan
from ..events import Event, EventKind
from ..job import gives_up
from ..outcome import Outcome, State, is_interrupt
from ..text import error_details, escape_unprintable
from .notices import Notices


class RunResult(NamedTuple):
    """The result of a run, as given to a reporter."""

    root: str
    no_act: bool
    outcomes: Mapping[str, Outcome]
    """By Job name, in plan order."""
    seconds: float
    interrupted_by: str | None
    """Name of the signal that ended the run."""
    exit_status: int


class Reporter:
    """A listener that follows a run, shows its progress, and reports its result."""

    def __init__(self, plan: Plan) -> None:
        self.tries: dict[str, float] = {name: own.tries for name, own in zip(plan.names, plan.settings)}
        """Maximum number of attempts by Job name."""
        self._settings = dict(zip(plan.names, plan.settings))
        self.done: int = 0
        self.failed: int = 0
        self.running: dict[str, float] = {}
        """Start of each running attempt, and of each running Cleanup as ``NAME.cleanup``, on the monotonic clock."""
        self.waiting: dict[str, tuple[int, float]] = {}
        """Number of the next attempt, and when it is due on the monotonic clock, by Job name."""
        self.interrupted_by: str | None = None
        """Name of the signal that has arrived."""
        self.cleanup_errors: dict[str, BaseException] = {}
        """The error of the last failing Cleanup of each Job, by Job name; the latest error comes last."""
        self._notices: Notices | None = None

    def report(self, result: RunResult) -> None:
        """Report the result of the run."""
        raise NotImplementedError

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """For the duration of the block, report failed attempts and long-running Jobs on stderr."""
        self._notices = Notices(self.running)
        with self._notices.watching():
            yield

    def on_signal(self, name: str) -> None:
        """Note that a signal has arrived, which may end the run."""
        self.interrupted_by = name

    def restore_terminal(self) -> None:
        """Restore the terminal, even in the middle of the run. Here, there is nothing to restore."""

    def __call__(self, event: Event) -> None:
        """Follow the run."""
        name = event.job or ''
        if event.kind is EventKind.ATTEMPT_STARTED:
            self.interrupted_by = None  # the run goes on: a Job has caught the exception of the signal
            self.waiting.pop(name, None)
            self.running[name] = monotonic()
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
        is_last = self.tries[name] <= attempt or gives_up(outcome.exception) or is_interrupt(outcome.exception)
        if outcome.state is State.FAILED and not is_last:
            due = start + self._settings[name].delay_after(attempt)
            self.waiting[name] = attempt + 1, due
            if self._notices is not None:
                error, seconds = first_line(outcome.exception), due - monotonic()
                self._notices.report_retry(escape_unprintable(name), attempt, self.tries[name], error, seconds)
            return
        self.done += 1
        self.failed += outcome.state is State.FAILED
        self._job_finished(name, outcome)

    def _job_finished(self, name: str, outcome: Outcome) -> None:
        """Show that a Job has passed, or has failed its last attempt."""


def error_lines(error: BaseException | None) -> list[str]:
    """Return the lines of the error message, escaped and without blank lines at the ends; no lines for None."""
    if error is None:
        return []
    text = '\n'.join(line.rstrip() for line in re.split(r'\r\n|\r|\n', error_details(error))).strip('\n')
    return [escape_unprintable(line.expandtabs()) for line in (text or type(error).__name__).split('\n')]


def first_line(error: BaseException | None) -> str:
    """Return the first line of an error message, with three dots if there are more."""
    lines = error_lines(error)
    return f'{lines[0]}{" ..." if len(lines) > 1 else ""}' if lines else ''
