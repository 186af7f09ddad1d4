"""One attempt at one Job: check, run, recheck."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Sequence
from functools import partial
from typing import Any, Callable, NamedTuple

from .._plan.hooks import LAZY_RESULTS, refuse_lazy_result
from ..job import gives_up, instantiate, set_attribute, skips
from ..outcome import Outcome, State, is_interrupt
from .cleanup import has_cleanup
from .clock import perf_counter, time_of_day
from .error_chain import get_traceback
from .frames import strip_engine_frames
from .process import end_child, forks


class PhaseReport(NamedTuple):
    """How one phase of an attempt ended."""

    phase: str
    """``'check'``, ``'run'`` or ``'recheck'``."""
    seconds: float
    value: Any
    """Return value of the hook; None if it raised."""
    error: BaseException | None
    """Exception that the hook raised, if any."""
    time: float
    """When the phase ended, in seconds since 1970."""


PhaseCallback = Callable[[PhaseReport], object]
"""Called as each phase ends."""


class AttemptSettings(NamedTuple):
    """Settings shared by all attempts of a run."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    global_storage: dict[Any, Any]
    no_act: bool
    restore_directory: Callable[[], object]
    """Called before every phase. If it raises, that phase fails."""
    timer: Callable[[], float] = perf_counter
    """The clock, in seconds, by which each phase is timed."""


class AttemptResult(NamedTuple):
    """Result of an attempt that ran in another thread or process."""

    outcome: Outcome
    reports: Sequence[PhaseReport] = ()
    """One for each phase; empty if there are no listeners."""
    pending_cleanup: Any = None
    """The instance, if its Cleanup is pending; else None."""
    worker: str | None = None
    """Name of the thread or, in another process, the process and its host; None if it is not known."""

    @classmethod
    def failed(cls, error: BaseException) -> AttemptResult:
        """Return the result of an attempt that ``error`` of the engine prevented."""
        report = PhaseReport('check', 0.0, None, error, time_of_day())
        return cls(Outcome(State.FAILED, 1, None, error, {}), [report])

    def overruled_by(self, error: Exception | None) -> AttemptResult:
        """Return the result if ``error`` of the engine follows the attempt. An interrupt or GiveUp takes precedence."""
        outcome = self.outcome
        if error is None or is_interrupt(outcome.exception) or gives_up(outcome.exception):
            return self
        report = PhaseReport('recheck', 0.0, None, error, time_of_day())
        outcome = outcome._replace(state=State.FAILED, result=None, exception=error)
        return self._replace(outcome=outcome, reports=[*self.reports, report])


class Attempter:
    """Runs one attempt after another. Exceptions of a Job's hooks are stored in the outcome.

    One generator runs all attempts. A stored exception keeps its frames alive, and each frame keeps its caller alive;
    but a suspended generator has no caller, so no exception keeps the frames and variables of the engine alive. Keep
    this object alive as long as the exceptions: on Python 3.12, the frame of a destroyed generator is given a caller.

    It is not thread-safe.

    Args:
        on_run_started: Called with the instance just before its Run. From then on its Cleanup is pending.
    """

    send: Callable[[tuple[Any, PhaseCallback | None]], Outcome]
    """Attempt a Job, given its class and a callback for its phases (or None), and return the outcome.

    If it raises (an exception of the callback, an interrupt between two phases, an error of the engine such as a full
    stack), call :meth:`renew` before the next attempt.
    """

    def __init__(self, settings: AttemptSettings, on_run_started: Callable[[Any], object]) -> None:
        self._settings, self._on_run_started = settings, on_run_started
        self.renew()

    def renew(self) -> None:
        """Start a new generator, since one that has raised an exception has ended."""
        generator: Any = _attempt_loop(self._settings, self._on_run_started)
        next(generator)
        self.send = generator.send

    def __reduce__(self) -> Any:
        """Copy and pickle it without its settings, so that an engine can be pickled after a run."""
        return Attempter, (_NO_SETTINGS, id)


# int, float, and id in __reduce__ are placeholder functions: unlike lambdas, they can be pickled.
_NO_SETTINGS = AttemptSettings((), {}, {}, False, int, float)
_make_outcome: Callable[[tuple[Any, ...]], Outcome] = partial(tuple.__new__, Outcome)  # much faster than Outcome()

# A Run that returns decides nothing, so 'run' is missing.
_PASSED_STATES = {'check': State.OK, 'recheck': State.CHANGED}


def _attempt_loop(
    settings: AttemptSettings, on_run_started: Callable[[Any], object]
) -> Generator[Outcome | None, tuple[Any, PhaseCallback | None], None]:
    args, kwargs, global_storage, no_act, restore_directory, timer = settings
    failed = State.BLOCKED if no_act else State.FAILED  # BLOCKED is provisional: Results decides
    callers_exception = sys.exc_info()[1]
    outcomes: list[Outcome] = []  # emptied by the yield: a variable would keep the outcome until the next attempt
    while True:
        # Between two attempts, keep nothing of the last one alive.
        job: Any = None
        result: Any = None
        error: BaseException | None = None
        run_verdict = run_error = hook = on_phase = job_class = earlier_traceback = None
        job_class, on_phase = yield outcomes.pop() if outcomes else None
        fork_count = forks[0]  # differs in a child that the Job forks
        phases: dict[str, float] = {}
        has_run = False
        for phase in ('check', 'run', 'recheck'):
            started_at = timer()
            try:
                restore_directory()
                if phase == 'check':
                    job = instantiate(job_class, global_storage)
                    if forks[0] != fork_count:
                        end_child(None)
                    hook = job.Check
                elif phase == 'run':
                    has_run = _defines_run(job)
                    if not has_run:
                        raise NotImplementedError(f'{job_class.__name__} has no Run method, so nothing was done')
                    on_run_started(job)
                    hook = job.Run
                else:
                    set_attribute(job, '_run_verdict', run_verdict)
                    hook = job.Check
                result = hook(*args, **kwargs)
                if result is not None and type(result) in LAZY_RESULTS:
                    refuse_lazy_result(result, hook, 'Run' if phase == 'run' else 'Check', job_class)
            except BaseException as raised:
                error = strip_engine_frames(raised, callers_exception, earlier_traceback)
                result = None
            if forks[0] != fork_count:
                end_child(error)
            phases[phase] = seconds = timer() - started_at
            if on_phase:
                on_phase(PhaseReport(phase, seconds, result, error, time_of_day()))
            if phase == 'run' and has_run:
                run_error = error
            if error is None:
                state = _PASSED_STATES.get(phase)
            elif skips(error):
                state = State.SKIPPED
            elif phase == 'recheck' or gives_up(error) or is_interrupt(error):
                state = State.FAILED
            elif job is None:
                state = failed
            elif no_act:
                state = State.WOULD_RUN if _defines_run(job) else failed
            else:
                state = None
            if state is not None:
                outcomes.append(_make_outcome((state, 1, result, error, phases, (), run_error)))
                break
            run_verdict = result, error
            earlier_traceback = None if error is None else get_traceback(error)
            result = error = None


def _defines_run(job: Any) -> bool:
    try:
        return getattr(job, 'Run', None) is not None
    except (Exception, SystemExit):  # from a property or __getattr__; the run phase raises it again
        return True


class AttempterPool:
    """Runs attempts on any number of threads at once, each with an Attempter of its own."""

    def __init__(self, settings: AttemptSettings) -> None:
        self._settings = settings
        self._idle: list[tuple[Attempter, list[Any]]] = []
        """Idle Attempters, each with the list to which it adds an instance just before its Run."""

    def __call__(self, job_class: Any, with_reports: bool) -> AttemptResult:
        """Attempt a Job and return the result. It raises nothing."""
        attempter, started = self._take()
        reports: list[PhaseReport] = []
        try:
            outcome = attempter.send((job_class, reports.append if with_reports else None))
        except BaseException as error:  # the stack is full, or a malformed exception has broken the Attempter
            outcome = Outcome(State.FAILED, 1, None, error)
            attempter.renew()
        job = started.pop() if started else None
        self._idle.append((attempter, started))
        pending_cleanup = job if job is not None and has_cleanup(job) else None
        return AttemptResult(
            outcome, reports, pending_cleanup, threading.current_thread().name if with_reports else None
        )

    def __reduce__(self) -> Any:
        """Copy and pickle it without its settings, so that an engine can be pickled after a run."""
        return AttempterPool, (_NO_SETTINGS,)

    def _take(self) -> tuple[Attempter, list[Any]]:
        """Return an idle Attempter, or a new one if all are busy."""
        try:
            return self._idle.pop()
        except IndexError:
            started: list[Any] = []
            return Attempter(self._settings, started.append), started
