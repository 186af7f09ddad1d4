"""One attempt at one Job: check, run, recheck."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Generator, Sequence
from functools import partial
from typing import Any, Callable, NamedTuple, Optional

from .._plan.hooks import LAZY_RESULTS, close_lazy_result
from ..job import instantiate
from ..outcome import Outcome, State, is_interrupt
from .cleanup import has_cleanup
from .clock import perf_counter
from .error_chain import get_traceback
from .frames import strip_engine_frames
from .process import end_child, forks


class PhaseReport(NamedTuple):
    """How one phase of an attempt ended."""

    phase: str
    """``'check'``, ``'run'`` or ``'recheck'``."""
    seconds: float
    value: Any
    """What the hook returned; None if it raised."""
    error: BaseException | None


PhaseCallback = Callable[[str, float, Any, Optional[BaseException]], object]
"""Called with the fields of a :class:`PhaseReport` as each phase ends."""

_set = object.__setattr__  # also where a class allows no attributes to be set, as a frozen dataclass does


class AttemptSettings(NamedTuple):
    """What all attempts of one run have in common."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    global_storage: dict[Any, Any]
    no_act: bool
    restore_directory: Callable[[], object]
    """Called before every phase, to put the current directory back."""


class AttemptResult(NamedTuple):
    """Result of an attempt made in another thread or process."""

    outcome: Outcome
    reports: Sequence[PhaseReport] = ()
    """One for each phase."""
    pending_cleanup: Any = None
    """The instance whose Cleanup is pending."""


class Attempter:
    """Makes one attempt after the other. Whatever the Job's hooks raise ends up in their outcomes.

    An exception keeps its frames alive, and a frame those of its callers, with all their variables. A generator's frame
    has no caller while it waits. So all attempts are made in one, and the exceptions that are kept keep nothing else of
    this package alive, as long as this object is kept too: on Python 3.12 a generator's frame finds a caller as it
    dies. Two threads cannot use it at once.

    Args:
        on_run_started: Called with the instance when its Run is about to start: from then on its Cleanup is pending.
    """

    send: Callable[[tuple[Any, PhaseCallback | None]], Outcome]
    """Attempts the Job of a class and returns the outcome; the function, if any, is called with each phase.

    It raises what that function raises, or a signal handler between two phases. Then :meth:`renew` must be called.
    """

    def __init__(self, setting: AttemptSettings, on_run_started: Callable[[Any], object]) -> None:
        self._setting, self._on_run_started = setting, on_run_started
        self.renew()

    def renew(self) -> None:
        """Make it usable again: a generator ends with the exception that leaves it."""
        generator: Any = _attempt_loop(self._setting, self._on_run_started)
        next(generator)
        self.send = generator.send

    def __reduce__(self) -> Any:
        """Let an engine that has run be pickled: nobody needs this in another process."""
        return Attempter, (AttemptSettings((), {}, {}, False, int), id)


_outcome: Callable[[tuple[Any, ...]], Outcome] = partial(tuple.__new__, Outcome)  # much faster than Outcome()

_PASSED = {'check': State.OK, 'recheck': State.CHANGED}


def _attempt_loop(
    setting: AttemptSettings, on_run_started: Callable[[Any], object]
) -> Generator[Outcome | None, tuple[Any, PhaseCallback | None], None]:
    args, kwargs, global_storage, no_act, restore_directory = setting
    callers_exception = sys.exc_info()[1]
    outcomes: list[Outcome] = []  # popped when yielded, since what is in a variable here is kept until the next attempt
    while True:
        job: Any = None
        result: Any = None
        error: BaseException | None = None
        verdict = hook = report = job_class = known = None
        job_class, report = yield outcomes.pop() if outcomes else None
        fork = forks[0]
        phases: dict[str, float] = {}
        has_run = False
        for phase in ('check', 'run', 'recheck'):
            started = perf_counter()
            try:
                restore_directory()
                if phase == 'check':
                    job = instantiate(job_class, global_storage)
                    if forks[0] != fork:
                        end_child(None)
                    hook = job.Check
                elif phase == 'run':
                    if not has_run:
                        raise NotImplementedError(
                            f'{job_class.__name__} has no Run method, so its failed check stays as it is'
                        )
                    on_run_started(job)
                    hook = job.Run
                else:
                    _set(job, '_run_verdict', verdict)
                    hook = job.Check
                result = hook(*args, **kwargs)
                if result is not None and type(result) in LAZY_RESULTS:
                    _check_result(result, hook, job_class)
            except BaseException as raised:
                error = strip_engine_frames(raised, callers_exception, known)
                result = None
            if forks[0] != fork:
                end_child(error)
            phases[phase] = seconds = perf_counter() - started
            if report:
                report(phase, seconds, result, error)
            state = None
            if phase == 'check' and error is not None:
                has_run = job is not None and _has_run(job)
                if job is None or no_act:
                    state = State.WOULD_RUN if has_run and not is_interrupt(error) else State.FAILED
            if error is None:
                state = _PASSED.get(phase)
            elif phase == 'recheck' or is_interrupt(error):
                state = State.FAILED
            if state is not None:
                outcomes.append(_outcome((state, 1, result, error, phases, ())))
                break
            verdict = result, error
            known = None if error is None else get_traceback(error)
            result = error = None


def _check_result(result: Any, hook: Any, job_class: Any) -> None:
    kind = close_lazy_result(result, hook)
    if kind:
        name = getattr(hook, '__name__', 'a hook')
        raise TypeError(f'{name} of {job_class.__name__!r} returned {kind}, so calling it has done nothing')


def _has_run(job: Any) -> bool:
    try:
        return getattr(job, 'Run', None) is not None
    except (Exception, SystemExit):  # of a property, or of __getattr__: the run phase will raise it again
        return True


class AttempterPool:
    """Makes attempts for several threads at once, each by itself."""

    def __init__(self, setting: AttemptSettings) -> None:
        self._setting = setting
        self._idle: deque[tuple[Attempter, list[Any]]] = deque()

    def __call__(self, job_class: Any, is_reported: bool) -> AttemptResult:
        """Attempt a Job and return all there is to know about it. It raises nothing."""
        attempt, started = self._idle_one() or self._another()
        reports: list[PhaseReport] = []

        def collect(*report: Any) -> None:
            reports.append(PhaseReport(*report))

        try:
            outcome = attempt.send((job_class, collect if is_reported else None))
        except BaseException as error:  # of an odd exception, which defeats the engine; or the stack has no room
            outcome = Outcome(State.FAILED, 1, None, error)
            attempt.renew()
        job = started.pop() if started else None
        self._idle.append((attempt, started))
        return AttemptResult(outcome, reports, job if has_cleanup(job) else None)

    def _idle_one(self) -> tuple[Attempter, list[Any]] | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _another(self) -> tuple[Attempter, list[Any]]:
        started: list[Any] = []
        return Attempter(self._setting, started.append), started
