"""Runs a plan: picks who makes the attempts and drives the loop. What happens is stored and announced by a Recorder."""

from __future__ import annotations

import math
import operator
from enum import Enum
from typing import Any, Callable

from .._attempt.attempt import Attempter, AttempterPool, AttemptResult, AttemptSettings
from .._plan.plan import Plan
from .._plan.schedule import Schedule
from .._workers import Futures, Inline, OwnThreads, PoolThreads, execute
from ..errors import PlanError, RemoteError
from ..outcome import Outcome, State, is_interrupt
from .recorder import Recorder


def schedule_of(plan: Plan, no_act: bool) -> Schedule:
    """Return the schedule of a plan. In ``no_act`` each Job has one attempt."""
    index_of = {name: index for index, name in enumerate(plan)}
    return Schedule(
        ([index_of[need] for need in step.needs] for step in plan.values()),
        [1 if no_act else step.tries for step in plan.values()],
        [step.retry_delay for step in plan.values()],
    )


class Walk:
    """One run of a plan.

    Args:
        clock: The monotonic clock, in seconds.
        sleep: Waits that many seconds, or less.
    """

    def __init__(
        self,
        plan: Plan,
        schedule: Schedule,
        setting: AttemptSettings,
        recorder: Recorder,
        clocks: tuple[Callable[[], float], Callable[[float], object]],
    ) -> None:
        self._plan, self._schedule, self._setting, self._recorder = plan, schedule, setting, recorder
        self._clock, self._sleep = clocks
        self._jobs = [step.job for step in plan.values()]

    def walk(self, max_workers: int | None, executor: Any) -> None:
        """Run the Jobs: one at a time in this thread, that many at once on threads of its own, or on an executor.

        Raises:
            RemoteError: The arguments cannot be sent to the workers of the executor.
            BaseException: An interrupt; the executor does not work any more.
        """
        if executor is not None:
            max_running = math.inf if max_workers is None else max_workers
            run = self._on_threads if place_of(executor) is Place.THREADS else self._remotely
            run(executor, max_running)
        elif max_workers is None or max_workers == 1:
            self._here()
        else:
            self._on_threads(None, max_workers)

    def _here(self) -> None:
        recorder, jobs, is_listening = self._recorder, self._jobs, self._recorder.is_listening
        attempter = recorder.results.attempts = Attempter(self._setting, recorder.cleanups.push)

        def run_job(index: int) -> bool:
            try:
                recorder.started_here(index)
                outcome = attempter.send((jobs[index], recorder.reporter(index) if is_listening else None))
            except BaseException as error:  # from a listener, or a signal handler between two phases
                outcome = Outcome(State.FAILED, 1, None, error)
                attempter.renew()
            recorder.ended_here(index, outcome)
            if outcome.exception is not None and is_interrupt(outcome.exception):
                raise outcome.exception
            return bool(outcome.state.passed)

        self._execute(Inline(run_job))

    def _on_threads(self, executor: Any, max_running: float) -> None:
        """Let threads of this process make the attempts. They share its directory, which is left as it is."""
        recorder = self._recorder
        attempts = recorder.results.attempts = AttempterPool(self._setting._replace(restore_directory=lambda: None))

        def attempt(index: int) -> AttemptResult:
            return attempts(self._jobs[index], recorder.is_listening)

        about = recorder, max_running, attempt
        threads = OwnThreads(*about) if executor is None else PoolThreads(*about, executor)
        try:
            self._execute(threads)
        finally:
            threads.close()

    def _remotely(self, executor: Any, max_running: float) -> None:
        """Let copies of the Jobs be attempted in other processes."""
        from concurrent.futures import CancelledError, Future

        from .._workers.remote.client import Courier
        from .._workers.remote.worker import attempt_remotely

        has_directory = place_of(executor) is not Place.INTERPRETERS
        courier = Courier(self._plan, self._setting, self._recorder.is_listening, has_directory)

        def pack(index: int) -> Any:
            try:
                return courier.pack(index)
            except RemoteError as error:  # this Job cannot be sent; others can
                return error

        def submit(parcel: Any) -> Any:
            if isinstance(parcel, bytes):
                return executor.submit(attempt_remotely, parcel)
            unsent: Future[bytes] = Future()
            unsent.set_exception(parcel)
            return unsent

        def read(index: int, future: Any) -> Any:
            try:
                failure = future.exception()
            except CancelledError as error:
                failure = error
            return courier.unpack(index, future.result()) if failure is None else failure

        self._execute(Futures(self._recorder, max_running, pack, submit, read))

    def _execute(self, workers: Inline | Futures | OwnThreads | PoolThreads) -> None:
        execute(self._schedule, workers, self._recorder.waiting, self._clock, self._sleep)


class Place(Enum):
    """Where the workers of an executor are."""

    THREADS = 'threads of this interpreter'
    INTERPRETERS = 'other interpreters of this process'
    ELSEWHERE = 'other processes, or unknown'


def place_of(executor: Any) -> Place:
    """Return where an executor makes attempts.

    The ``InterpreterPoolExecutor`` of Python 3.14 is derived from ``ThreadPoolExecutor``, but its threads share nothing
    with this one: what they are to call is pickled. It is known by its name, which costs no import, and which others
    have that do the same on an older Python.
    """
    from concurrent.futures import ThreadPoolExecutor

    if not isinstance(executor, ThreadPoolExecutor):
        return Place.ELSEWHERE
    is_one = any(base.__name__ == 'InterpreterPoolExecutor' for base in type(executor).__mro__)
    return Place.INTERPRETERS if is_one else Place.THREADS


def check_workers(max_workers: Any, executor: Any) -> int | None:
    """Refuse what :meth:`Walk.walk` cannot make attempts by, and return ``max_workers`` as an integer.

    Raises:
        PlanError: A number below 1, something that is no executor, or no cloudpickle for one of other processes.
    """
    try:
        workers = None if max_workers is None else operator.index(max_workers)  # also of NumPy
    except TypeError:
        workers = 0
    if workers is not None and workers < 1:
        raise PlanError(f'max_workers must be an integer of at least 1, or None, not {max_workers!r}', max_workers)
    if executor is None:
        return workers
    if isinstance(executor, type) or not callable(getattr(executor, 'submit', None)):
        raise PlanError(f'executor must be one of concurrent.futures, made already, not {executor!r}', executor)
    if place_of(executor) is not Place.THREADS:
        try:
            import cloudpickle  # noqa: F401 - by which Jobs travel
        except ImportError as error:
            why = f'to try Jobs in other processes, pip install cloudpickle, which is the extra remote ({error})'
            raise PlanError(why, executor) from error
    return workers
