"""Stores and announces how attempts start and end: the one place where that happens, however they are made."""

from __future__ import annotations

from functools import partial
from typing import Any

from .._attempt.attempt import AttemptResult, PhaseCallback, PhaseReport
from .._attempt.cleanup import CleanupStack
from .._attempt.error_chain import capture_error, chain_errors
from .._plan.plan import Plan
from .._plan.schedule import Schedule
from .._run.listeners import Listeners
from .._workers import Recorded
from ..errors import DoJobberError
from ..events import Event, EventKind
from ..outcome import Outcome, State, is_interrupt
from .results import Results


class Recorder:
    """Keeps the results of a run, the Cleanups and the listeners up to date.

    An interrupt can come between any two statements. So an attempt that has started stays in ``_running`` until it is
    stored, and storing it twice changes nothing.
    """

    def __init__(
        self, plan: Plan, schedule: Schedule, results: Results, listeners: Listeners, cleanups: CleanupStack
    ) -> None:
        self._plan, self._schedule, self.results = plan, schedule, results
        self._listeners, self.cleanups = listeners, cleanups
        self.is_listening = bool(listeners)
        self._names, self._outcomes = results.names, results.outcomes
        self._running: dict[int, tuple[int | None, Outcome]] = {}
        """By Job index: the sequence number of an attempt made elsewhere, and the Job's outcome before."""

    def started_here(self, index: int) -> None:
        """Note that an attempt of the Job of that index starts in this thread."""
        self._running[index] = None, self._outcomes[self._names[index]]
        if self.is_listening:
            self._notify(EventKind.ATTEMPT_STARTED, index)

    def reporter(self, index: int) -> PhaseCallback:
        """Return what to call with each phase of an attempt in this thread."""
        return partial(self._phase_ended, index)

    def ended_here(self, index: int, outcome: Outcome) -> None:
        """Store and announce the end of an attempt in this thread."""
        name = self._names[index]
        self.results.record(name, outcome)
        if 'run' in outcome.phases:
            self.cleanups.drop_last_if_no_cleanup()
        if outcome.exception is not None and self._schedule.is_last(index):
            self.results.block(name)
        self._running.pop(index, None)  # it is not there if an interrupt came right at the start
        if self.is_listening:
            self._announce_end(index, outcome)

    def started(self, index: int) -> None:
        """Note that an attempt of the Job of that index starts elsewhere."""
        self._running[index] = self.cleanups.next_sequence(), self._outcomes[self._names[index]]
        if self.is_listening:
            self._notify(EventKind.ATTEMPT_STARTED, index)

    def ended(self, index: int, result: Any) -> Recorded:
        """Store and announce an attempt made elsewhere, unless that was done before.

        It raises only what interrupts its first statements. Then it can be called again.

        Args:
            result: An :class:`AttemptResult`, or the error for which there is none: a worker was lost, or nothing was
                sent.
        """
        if not isinstance(result, BaseException):
            return self._finished(index, result)
        from concurrent.futures import BrokenExecutor

        failed = Outcome(State.FAILED, 1, None, result)
        recorded = self._finished(index, AttemptResult(failed, [PhaseReport(EventKind.CHECK.value, 0.0, None, result)]))
        return recorded._replace(fatal=result) if isinstance(result, BrokenExecutor) else recorded

    def _finished(self, index: int, attempted: AttemptResult) -> Recorded:
        if index not in self._running:
            return Recorded(False)
        outcome = attempted.outcome
        sequence, earlier = self._running[index]
        errors: list[BaseException | None] = []  # of listeners and signal handlers; all is announced nevertheless, once
        if self._outcomes[self._names[index]] is earlier:
            if attempted.pending_cleanup is not None:
                self.cleanups.push(attempted.pending_cleanup, sequence)
            if self.is_listening:
                errors += [capture_error(self._phase_ended, index, *report) for report in attempted.reports]
            self._store(index, outcome)
        self._running.pop(index, None)
        if self.is_listening:
            errors.append(capture_error(self._announce_end, index, outcome))
        fatal = outcome.exception if is_interrupt(outcome.exception) else None
        return Recorded(bool(outcome.state.passed), fatal, chain_errors(errors))

    def withdrawn(self, index: int) -> None:
        """Note that an attempt, which nobody has begun, will not be made."""
        self._running.pop(index, None)

    def abandoned(self, index: int, interrupt: BaseException) -> None:
        """Record that an attempt, which goes on, is not waited for; its Cleanup is not called."""
        capture_error(self._interrupted, index, interrupt)
        if getattr(self._plan[self._names[index]].job, 'Cleanup', None) is not None:
            why = 'not called: the wait for this Job, which still runs, was interrupted'
            error = DoJobberError(why, self._plan[self._names[index]].job)
            event = Event(EventKind.CLEANUP, self._names[index], exception=error)
            capture_error(self._listeners.notify_cleanup, event)

    def waiting(self, now: float, due: float, index: int) -> None:
        """Announce that nothing can be done until the Job of that index is due, on the monotonic clock."""
        if self.is_listening:
            self._notify(EventKind.WAITING, index, seconds=due - now, value=due)

    def close(self, failure: BaseException | None) -> None:
        """Store what an interrupt, ``failure``, has left open, and put the results in order."""
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
        else:  # it has ended, and was stored, but not announced
            seconds = {phase: value - earlier.phases.get(phase, 0.0) for phase, value in latest.phases.items()}
            outcome = latest._replace(phases=seconds)
        self._running.pop(index, None)
        if self.is_listening:
            self._announce_end(index, outcome)

    def _store(self, index: int, outcome: Outcome) -> None:
        name = self._names[index]
        self.results.record(name, outcome)
        if outcome.exception is not None and self._schedule.is_last(index):
            self.results.block(name)

    def _phase_ended(self, index: int, phase: str, seconds: float, value: Any, error: BaseException | None) -> None:
        self._notify(EventKind(phase), index, seconds=seconds, value=value, exception=error)

    def _notify(self, kind: EventKind, index: int, **more: Any) -> None:
        name = self._names[index]
        number = self._outcomes[name].tries + 1
        self._listeners.notify(Event(kind, name, self._schedule.round(index), number, **more))

    def _announce_end(self, index: int, outcome: Outcome) -> None:
        total = self._outcomes[self._names[index]]
        about = EventKind.ATTEMPT_FINISHED, self._names[index], self._schedule.round(index), total.tries
        self._listeners.notify(Event(*about, outcome.seconds, total, outcome.exception))
