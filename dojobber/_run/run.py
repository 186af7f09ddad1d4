"""One ``checknrun()``: runs the Jobs, calls their Cleanups, and restores the current directory."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from .._attempt.attempt import AttemptSettings
from .._attempt.claim import Claim
from .._attempt.cleanup import CleanupContext, CleanupStack
from .._attempt.clock import event_now
from .._attempt.directory import current_directory, enter_directory
from .._attempt.error_chain import capture_error, chain_errors, get_context, set_context
from .._plan.plan import Plan
from .._plan.schedule import Schedule
from .._workers.loop import Clock
from ..events import EventKind
from ..log import log_critical
from .listeners import Listeners
from .recorder import Recorder
from .results import Results
from .runner import Runner

if TYPE_CHECKING:
    from concurrent.futures import Executor


class RunOptions(NamedTuple):
    """The options of ``configure()`` that apply to every run."""

    cleanup: bool
    no_act: bool = False
    listeners: Listeners = Listeners(())
    max_workers: int | None = None
    executor: Executor | None = None
    fail_fast: bool = False
    assume_changes: bool = False

    @property
    def has_several_workers(self) -> bool:
        """Whether several Jobs may run at the same time."""
        return self.max_workers != 1 if self.executor is not None else self.max_workers not in (None, 1)


class Run:
    """One ``checknrun()``: uses a :class:`Runner` for the Jobs, then calls their Cleanups."""

    def __init__(self, plan: Plan, options: RunOptions, results: Results, cleanups: CleanupStack, clock: Clock) -> None:
        self._plan, self._options, self._results, self._cleanups, self._clock = plan, options, results, cleanups, clock

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any], jobs_claim: Claim) -> None:
        """Run the Jobs with these arguments, and then call their Cleanups.

        Args:
            jobs_claim: Held while the Jobs run, but not during their Cleanups.

        Raises:
            BaseException: The exception that ended the run, or an error of a Cleanup.
        """
        started_at = self._clock.monotonic()
        directory = current_directory()
        self._cleanups.context = CleanupContext(directory, args, kwargs)
        since = self._cleanups.next_sequence()  # pending Cleanups of earlier runs have smaller numbers
        options, restore = self._options, partial(enter_directory, directory)
        settings = AttemptSettings(args, kwargs, {}, options.no_act, restore)
        failure = None
        try:
            try:
                self._run_jobs(settings, jobs_claim)
            except BaseException as error:
                failure = error
            failure = self._clean_up(failure, since)
        except BaseException as error:  # an interrupt between two statements above
            failure = self._clean_up(chain_errors([failure, error]), since)
        self._cleanups.context = CleanupContext()  # do not keep the arguments alive
        interrupt = capture_error(restore_directory, directory)
        if interrupt is not None:
            failure = chain_errors([failure, interrupt])
            restore_directory(directory)  # again, since it was interrupted
        if self._options.listeners:
            seconds = self._clock.monotonic() - started_at
            value = self._results.outcomes
            event = event_now(EventKind.RUN_FINISHED, seconds=seconds, value=value, exception=failure)
            interrupt = capture_error(self._options.listeners.notify, event)
            failure = chain_errors([failure, interrupt])
        raise_unchanged(failure)

    def _run_jobs(self, settings: AttemptSettings, jobs_claim: Claim) -> None:
        plan, options = self._plan, self._options
        schedule = Schedule(plan, options.fail_fast, critical_path_first=options.has_several_workers)
        recorder = Recorder(plan, schedule, self._results, options.listeners, self._cleanups)
        failure = None
        try:
            jobs_claim.take(sys._getframe())
            options.listeners.notify(event_now(EventKind.RUN_STARTED, value=plan.names))
            Runner(plan, settings, recorder, self._clock).run(options.max_workers, options.executor)
        except BaseException as error:
            failure = error
            raise
        finally:
            recorder.close(failure)
            self._cleanups.context.succeeded = failure is None and self._results.all_passed
            jobs_claim.release(sys._getframe())  # last: any thread may call cleanup() from now on

    def _clean_up(self, failure: BaseException | None, since: int) -> BaseException | None:
        """Call the pending Cleanups of this run, unless ``cleanup`` is false. Return the error to raise, if any."""
        if self._options.cleanup:
            failure = chain_errors([failure, self._cleanups.run(self._options.listeners.notify_cleanup, since)])
        return failure


def restore_directory(directory: str | None) -> None:
    """Make ``directory`` the current one again, or log that this failed."""
    try:
        if directory is not None:
            enter_directory(directory)
    except OSError:
        log_critical('cannot return to the directory %r', directory)


def raise_unchanged(failure: BaseException | None) -> None:
    """Raise ``failure``, if any, and keep its context, which an ``except`` block of the caller would replace."""
    if failure is not None:
        context = get_context(failure)
        try:
            raise failure
        finally:
            set_context(failure, context)
