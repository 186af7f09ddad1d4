"""Records the results of attempts, and notifies the listeners of them."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from .._attempt.attempt import AttemptResult, PhaseCallback, PhaseReport
from .._attempt.cleanup import CleanupStack
from .._attempt.clock import event_now
from .._attempt.error_chain import capture_error, chain_errors
from .._plan.plan import Plan
from .._plan.schedule import Schedule
from .._workers.base import Recorded
from ..errors import DoJobberError
from ..events import EventKind
from ..job import gives_up
from ..outcome import Outcome, State, is_interrupt
from .listeners import Listeners
from .results import Results


class Recorder:
    """Updates the results and the pending Cleanups of a run, and notifies the listeners.

    An attempt stays in ``_running`` from its start until its outcome is stored, and storing it again changes nothing
    (interrupt rules 2 and 3). "Inline" attempts run in the caller's thread, all others elsewhere.
    """

    def __init__(
        self, plan: Plan, schedule: Schedule, results: Results, listeners: Listeners, cleanups: CleanupStack
    ) -> None:
        self._plan, self.schedule, self.results = plan, schedule, results
        self._listeners, self.cleanups = listeners, cleanups
        self.is_listening = bool(listeners)
        self._thread = threading.current_thread().name
        self._names, self._outcomes = plan.names, results.outcomes
        self._running: dict[int, tuple[int | None, Outcome]] = {}
        """By Job index: the sequence number of the attempt (None if inline), and the Job's outcome before it."""

    def started_inline(self, index: int) -> None:
        """Record that an attempt is about to start in this thread."""
        self._running[index] = None, self._outcomes[self._names[index]]
        if self.is_listening:
            self._notify(EventKind.ATTEMPT_STARTED, index, worker=self._thread)

    def phase_callback(self, index: int) -> PhaseCallback:
        """Return the callback for the phases of an attempt in this thread."""
        return partial(self._phase_ended, index, self._thread)

    def finished_inline(self, index: int, outcome: Outcome) -> bool:
        """Record the outcome of an attempt in this thread. Return whether the Job's dependents may be attempted."""
        unblocks = self._store(index, outcome)
        if 'run' in outcome.phases:
            self.cleanups.drop_last_if_no_cleanup()
        self._running.pop(index, None)  # missing if an interrupt kept started_inline() from storing it
        if self.is_listening:
            self._notify_finished(index, outcome, worker=self._thread)
        return unblocks

    def started(self, index: int) -> None:
        """Record that an attempt is about to start elsewhere."""
        self._running[index] = self.cleanups.next_sequence(), self._outcomes[self._names[index]]
        if self.is_listening:
            self._notify(EventKind.ATTEMPT_STARTED, index)

    def finished(self, index: int, result: Any) -> Recorded:
        """Record the result of an attempt elsewhere. Recording it twice, as after an interrupt, changes nothing.

        Args:
            result: An :class:`AttemptResult`, or the error that prevented one: a worker was lost, or the Job could not
                be sent.
        """
        if not isinstance(result, BaseException):
            return self._record(index, result)
        from concurrent.futures import BrokenExecutor

        recorded = self._record(index, AttemptResult.failed(result))
        return recorded._replace(fatal=result) if isinstance(result, BrokenExecutor) else recorded

    def _record(self, index: int, result: AttemptResult) -> Recorded:
        if index not in self._running:  # this attempt is recorded already
            return Recorded(False)
        outcome = result.outcome
        sequence, earlier = self._running[index]
        errors: list[BaseException | None] = []  # of listeners and signal handlers
        if self._outcome_of(index) is earlier:  # its outcome is not stored yet
            if result.pending_cleanup is not None:
                self.cleanups.push(result.pending_cleanup, sequence)
            if self.is_listening:
                errors += [capture_error(self._phase_ended, index, result.worker, report) for report in result.reports]
            unblocks = self._store(index, outcome)
        else:
            unblocks = self.results.unblocks(self._outcome_of(index))
        self._running.pop(index, None)
        if self.is_listening:
            fields = {'time': result.reports[-1].time} if result.reports else {}
            errors.append(capture_error(self._notify_finished, index, outcome, worker=result.worker, **fields))
        if outcome.exception is None and not errors:
            return Recorded(unblocks)
        fatal = outcome.exception if is_interrupt(outcome.exception) else None
        return Recorded(unblocks, fatal, chain_errors(errors))

    def withdrawn(self, index: int) -> None:
        """Record that an attempt will not run, although its start was recorded."""
        self._running.pop(index, None)

    def abandoned(self, index: int, error: BaseException) -> None:
        """Record that ``error`` ended the wait for an attempt, which may still run. So its Cleanup is not called."""
        capture_error(self._fail, index, error)
        name, job = self._names[index], self._plan.jobs[index]
        if getattr(job, 'Cleanup', None) is not None:
            reason = 'not called: the wait for this Job was interrupted, and it is still running'
            event = event_now(EventKind.CLEANUP, job=name, exception=DoJobberError(reason, job))
            capture_error(self._listeners.notify_cleanup, event)

    def waiting(self, now: float, due: float, index: int) -> None:
        """Notify the listeners that no Job can be attempted before this one is due, in monotonic seconds."""
        if self.is_listening:
            self._notify(EventKind.WAITING, index, seconds=due - now, value=due)

    def close(self, failure: BaseException | None) -> None:
        """End the run. If ``failure`` has ended it, attempts that are still running fail with it."""
        if failure is not None:
            for index in list(self._running):
                self._fail(index, failure)
        self.results.complete(failure is not None)

    def _fail(self, index: int, error: BaseException) -> None:
        """Record that ``error`` ended an attempt, or only notify the listeners if its outcome is stored."""
        sequence, earlier = self._running[index]
        outcome = Outcome(State.FAILED, 1, None, error)
        total = self._outcome_of(index)
        if total is earlier:
            self._store(index, outcome)
        else:  # total covers all attempts of the Job: subtract the earlier ones
            phases = {phase: seconds - earlier.phases.get(phase, 0.0) for phase, seconds in total.phases.items()}
            outcome = total._replace(phases=phases)
        self._running.pop(index, None)
        if self.is_listening:
            self._notify_finished(index, outcome, worker=self._thread if sequence is None else None)

    def _outcome_of(self, index: int) -> Outcome:
        """Return the outcome of a Job so far."""
        return self._outcomes[self._names[index]]

    def _store(self, index: int, outcome: Outcome) -> bool:
        """Store the outcome of an attempt. Return whether the Job's dependents may be attempted."""
        total = self.results.record(index, outcome)
        if self.results.unblocks(total):
            return True
        if gives_up(total.exception):
            self.schedule.make_last(index)
        if self.schedule.is_last_attempt(index):
            self.results.block(index)
            if total.state is State.FAILED:
                self.schedule.last_attempt_failed()
        return False

    def _phase_ended(self, index: int, worker: str | None, report: PhaseReport) -> None:
        phase, seconds, value, error, time = report
        kind = EventKind(phase)
        self._notify(kind, index, seconds=seconds, value=value, exception=error, time=time, worker=worker)

    def _notify(self, kind: EventKind, index: int, **fields: Any) -> None:
        fields.setdefault('attempt', self._outcome_of(index).tries + 1)
        name, round_ = self._names[index], self.schedule.round_of(index)
        self._listeners.notify(event_now(kind, job=name, round=round_, **fields))

    def _notify_finished(self, index: int, outcome: Outcome, **fields: Any) -> None:
        total = self._outcome_of(index)
        fields.update(attempt=total.tries, seconds=outcome.seconds, value=total, exception=outcome.exception)
        self._notify(EventKind.ATTEMPT_FINISHED, index, **fields)
