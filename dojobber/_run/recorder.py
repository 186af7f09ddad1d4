"""The one place where the start and the end of each attempt are stored and announced."""

from __future__ import annotations

from functools import partial
from typing import Any

from .._attempt.attempt import AttemptResult, PhaseCallback, PhaseReport
from .._attempt.cleanup import CleanupStack
from .._attempt.error_chain import capture_error, chain_errors
from .._plan.plan import Plan
from .._plan.schedule import Schedule
from .._workers.base import Recorded
from ..errors import DoJobberError
from ..events import Event, EventKind
from ..outcome import Outcome, State, is_interrupt
from .listeners import Listeners
from .results import Results


class Recorder:
    """Updates the results of a run and the pending Cleanups, and notifies the listeners.

    An attempt that has started stays in ``_running`` until it is stored, and storing it again changes nothing
    (interrupt rules 2 and 3).
    """

    def __init__(
        self, plan: Plan, schedule: Schedule, results: Results, listeners: Listeners, cleanups: CleanupStack
    ) -> None:
        self._plan, self.schedule, self.results = plan, schedule, results
        self._listeners, self.cleanups = listeners, cleanups
        self.is_listening = bool(listeners)
        self._names, self._outcomes = plan.names, results.outcomes
        self._running: dict[int, tuple[int | None, Outcome]] = {}
        """By Job index: sequence number of an attempt elsewhere, and the outcome of the Job before it."""

    def started_inline(self, index: int) -> None:
        """Record that an attempt is about to start in this thread."""
        self._running[index] = None, self._outcomes[self._names[index]]
        if self.is_listening:
            self._notify(EventKind.ATTEMPT_STARTED, index)

    def phase_callback(self, index: int) -> PhaseCallback:
        """Return what to call with each phase of an attempt in this thread."""
        return partial(self._phase_ended, index)

    def finished_inline(self, index: int, outcome: Outcome) -> None:
        """Record the outcome of an attempt in this thread."""
        self._store(index, outcome)
        if 'run' in outcome.phases:
            self.cleanups.drop_last_if_no_cleanup()
        self._running.pop(index, None)  # missing if an interrupt came before started_inline() had stored it
        if self.is_listening:
            self._announce_end(index, outcome)

    def started(self, index: int) -> None:
        """Record that an attempt is about to start elsewhere."""
        self._running[index] = self.cleanups.next_sequence(), self._outcomes[self._names[index]]
        if self.is_listening:
            self._notify(EventKind.ATTEMPT_STARTED, index)

    def finished(self, index: int, result: Any) -> Recorded:
        """Record the result of an attempt elsewhere, unless it is recorded already.

        If interrupted during its first statements, it can be called again.

        Args:
            result: An :class:`AttemptResult`, or the error because of which there is none: a worker was lost, or the
                Job could not be sent.
        """
        if not isinstance(result, BaseException):
            return self._record(index, result)
        from concurrent.futures import BrokenExecutor

        failed = Outcome(State.FAILED, 1, None, result)
        recorded = self._record(index, AttemptResult(failed, [PhaseReport(EventKind.CHECK.value, 0.0, None, result)]))
        return recorded._replace(fatal=result) if isinstance(result, BrokenExecutor) else recorded

    def _record(self, index: int, attempt: AttemptResult) -> Recorded:
        if index not in self._running:
            return Recorded(False)
        outcome = attempt.outcome
        sequence, earlier = self._running[index]
        errors: list[BaseException | None] = []  # from listeners and signal handlers; all events are emitted anyway
        if self._outcomes[self._names[index]] is earlier:
            if attempt.pending_cleanup is not None:
                self.cleanups.push(attempt.pending_cleanup, sequence)
            if self.is_listening:
                errors += [capture_error(self._phase_ended, index, *report) for report in attempt.reports]
            self._store(index, outcome)
        self._running.pop(index, None)
        if self.is_listening:
            errors.append(capture_error(self._announce_end, index, outcome))
        fatal = outcome.exception if is_interrupt(outcome.exception) else None
        return Recorded(bool(outcome.state.passed), fatal, chain_errors(errors))

    def withdrawn(self, index: int) -> None:
        """Record that an attempt will not start after all."""
        self._running.pop(index, None)

    def abandoned(self, index: int, interrupt: BaseException) -> None:
        """Record that an attempt goes on although the wait for it was interrupted. Its Cleanup is not called."""
        capture_error(self._interrupted, index, interrupt)
        name = self._names[index]
        job = self._plan.steps[name].job
        if getattr(job, 'Cleanup', None) is not None:
            error = DoJobberError('not called: the wait for this Job, which still runs, was interrupted', job)
            capture_error(self._listeners.notify_cleanup, Event(EventKind.CLEANUP, name, exception=error))

    def waiting(self, now: float, due: float, index: int) -> None:
        """Announce that no Job can be attempted before ``due``, in seconds of the monotonic clock."""
        if self.is_listening:
            self._notify(EventKind.WAITING, index, seconds=due - now, value=due)

    def close(self, failure: BaseException | None) -> None:
        """End the run. Attempts that an interrupt, ``failure``, has left open have failed with it."""
        if failure is not None:
            for index in list(self._running):
                self._interrupted(index, failure)
        self.results.complete(failure is not None)

    def _interrupted(self, index: int, interrupt: BaseException) -> None:
        _, earlier = self._running[index]
        outcome = Outcome(State.FAILED, 1, None, interrupt)
        latest = self._outcomes[self._names[index]]
        if latest is earlier:
            self._store(index, outcome)
        else:  # the attempt has ended and was stored, but not announced
            seconds = {phase: value - earlier.phases.get(phase, 0.0) for phase, value in latest.phases.items()}
            outcome = latest._replace(phases=seconds)
        self._running.pop(index, None)
        if self.is_listening:
            self._announce_end(index, outcome)

    def _store(self, index: int, outcome: Outcome) -> None:
        name = self._names[index]
        self.results.record(name, outcome)
        if outcome.exception is not None and self.schedule.is_last_attempt(index):
            self.results.block(name)

    def _phase_ended(self, index: int, phase: str, seconds: float, value: Any, error: BaseException | None) -> None:
        self._notify(EventKind(phase), index, seconds=seconds, value=value, exception=error)

    def _notify(self, kind: EventKind, index: int, **more: Any) -> None:
        name = self._names[index]
        number = self._outcomes[name].tries + 1
        self._listeners.notify(Event(kind, name, self.schedule.round_of(index), number, **more))

    def _announce_end(self, index: int, outcome: Outcome) -> None:
        total = self._outcomes[self._names[index]]
        about = EventKind.ATTEMPT_FINISHED, self._names[index], self.schedule.round_of(index), total.tries
        self._listeners.notify(Event(*about, outcome.seconds, total, outcome.exception))
