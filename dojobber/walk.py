"""Walks a plan: tries its Jobs, tells what happens, and remembers what became of each."""

from __future__ import annotations

import math
from enum import Enum
from functools import partial
from typing import Any, Callable

from .attempt import Attempted, Attempts, Cleanups, Setting, attempter, caught, joined
from .errors import DoJobberError, PlanError, RemoteError
from .events import Event, EventKind, Listeners
from .execute import Futures, Inline, Recorded, Threads, execute
from .outcome import Outcome, State, added_up, is_interrupt
from .plan import Plan
from .schedule import Schedule


class Walk:
    """One walk over a plan.

    Args:
        directory: Where the Cleanups are to start.
        tell_cleanup: Told of a Cleanup that is not called.
        changed: Called whenever ``outcomes`` has changed.
    """

    def __init__(
        self,
        plan: Plan,
        setting: Setting,
        directory: str | None,
        cleanups: Cleanups,
        listeners: Listeners,
        tell_cleanup: Callable[[Event], object],
        changed: Callable[[], object],
        clock: Callable[[], float],
        sleep: Callable[[float], object],
    ) -> None:
        self.outcomes: dict[str, Outcome] = {}
        """What became of the Jobs tried so far, by name."""
        self._names, self._jobs = list(plan), [step.job for step in plan.values()]
        index_of = {name: index for index, name in enumerate(plan)}
        self._plan = plan
        self._schedule = Schedule(
            ([index_of[need] for need in step.needs] for step in plan.values()),
            [1 if setting.no_act else step.tries for step in plan.values()],
            [step.retry_delay for step in plan.values()],
        )
        self._setting, self._directory = setting, directory
        self._cleanups, self._changed = cleanups, changed
        self._listeners, self._tell_cleanup = listeners, tell_cleanup
        self._has_listeners = bool(listeners)
        self._clock, self._sleep = clock, sleep
        # By the index of the Job: the number of its last attempt made elsewhere, and what became of those before.
        self._begun: dict[int, tuple[int, Outcome | None]] = {}
        self.attempts: object = None
        """To be kept as long as the outcomes are, for the sake of their exceptions."""

    def walk(self, max_workers: int | None, executor: Any) -> None:
        """Try the Jobs: one at a time in this thread, that many at once on threads of its own, or on an executor.

        Raises:
            RemoteError: The arguments cannot travel to the workers of the executor.
            BaseException: An interrupt; the executor does not work any more.
        """
        if executor is not None:
            most = math.inf if max_workers is None else max_workers
            walk = self._on_threads if place_of(executor) is Place.THREADS else self._remotely
            walk(executor, most)
        elif max_workers is None or max_workers == 1:
            self._here()
        else:
            self._on_threads(None, max_workers)

    def _here(self) -> None:
        self.attempts = attempt = attempter(self._setting, partial(self._cleanups.owe, self._directory))

        def try_job(index: int) -> bool:
            report = None
            try:
                if self._has_listeners:
                    self._tell(EventKind.ATTEMPT_STARTED, index)
                    report = partial(self._report, index)
                outcome = attempt((self._jobs[index], report))
            except BaseException as error:  # an interrupt between two phases, or from a listener
                outcome = Outcome(State.FAILED, 1, None, error)
            self._record(index, outcome)
            if outcome.exception is not None and is_interrupt(outcome.exception):
                raise outcome.exception
            return bool(outcome.state.passed)

        self._execute(Inline(try_job))

    def _on_threads(self, executor: Any, most: float) -> None:
        """Let threads of this process make the attempts. They share its directory, which is left as it is."""
        self.attempts = attempts = Attempts(self._setting._replace(go_to_start=lambda: None))

        def attempt(index: int) -> Attempted:
            return attempts(self._jobs[index], self._has_listeners)

        def record(index: int, result: Any) -> Recorded:
            return self._lost(index, result) if isinstance(result, BaseException) else self._ended(index, result)

        threads = Threads(self._begin, attempt, record, self._abandon, most, executor)
        try:
            self._execute(threads)
        finally:
            threads.close()

    def _remotely(self, executor: Any, most: float) -> None:
        """Let copies of the Jobs be tried in other processes."""
        from concurrent.futures import CancelledError, Future

        from .courier import Courier
        from .remote import attempt_remotely

        has_directory = place_of(executor) is not Place.INTERPRETERS
        courier = Courier(self._plan, self._setting, self._has_listeners, has_directory)

        def submit(index: int) -> Any:
            unsent: Future[bytes] = Future()
            try:
                parcel = courier.pack(index)  # before the attempt begins: it takes its time, and an interrupt may come
            except RemoteError as error:  # this Job cannot travel; others can
                self._begin(index)
                unsent.set_exception(error)
                return unsent
            self._begin(index)
            try:
                return executor.submit(attempt_remotely, parcel)
            except BaseException as error:
                if is_interrupt(error):  # whatever has become of the attempt, nobody waits for it
                    self._abandon(index, error)
                raise

        def record(index: int, future: Any) -> Recorded:
            try:
                failure = future.exception()
            except CancelledError as error:
                failure = error
            if failure is None:
                return self._ended(index, courier.unpack(index, future.result()))
            return self._lost(index, failure)

        self._execute(Futures(submit, record, self._abandon, most))

    def _begin(self, index: int) -> None:
        self._begun[index] = self._cleanups.number(), self.outcomes.get(self._names[index])
        if self._has_listeners:
            self._tell(EventKind.ATTEMPT_STARTED, index)

    def _lost(self, index: int, failure: BaseException) -> Recorded:
        """Record that the worker was lost, or that the Job could not be sent to one."""
        from concurrent.futures import BrokenExecutor

        failed = Outcome(State.FAILED, 1, None, failure)
        recorded = self._ended(index, Attempted(failed, [(EventKind.CHECK.value, 0.0, None, failure)]))
        return recorded._replace(failure=failure) if isinstance(failure, BrokenExecutor) else recorded

    def _ended(self, index: int, attempted: Attempted) -> Recorded:
        """Record an attempt that was made elsewhere."""
        name, outcome = self._names[index], attempted.outcome
        number, earlier = self._begun[index]
        if self.outcomes.get(name) is not earlier:
            self._changed()
            return Recorded(False)  # it was recorded before, and an interrupt came between that and the next
        if attempted.owed is not None:
            self._cleanups.owe(self._directory, attempted.owed, number)
        struck = None  # an interrupt from a listener or a signal; what has ended is told all the same, and once
        if self._has_listeners:
            for report in attempted.reports:
                struck = joined(struck, caught(self._report, index, *report))
        self._remember(name, outcome)  # an interrupt up to here has all of this done once more
        struck = joined(struck, caught(self._tell_end, index, outcome))
        failure = outcome.exception if is_interrupt(outcome.exception) else None
        return Recorded(bool(outcome.state.passed), failure, struck)

    def _execute(self, workers: Inline | Futures | Threads) -> None:
        execute(self._schedule, workers, self._wait, self._clock, self._sleep)

    def _wait(self, now: float, due: float, index: int) -> None:
        if self._has_listeners:
            self._tell(EventKind.WAITING, index, seconds=due - now, value=due)

    def _report(self, index: int, phase: str, seconds: float, value: Any, error: BaseException | None) -> None:
        self._tell(EventKind(phase), index, seconds=seconds, value=value, exception=error)

    def _tell(self, kind: EventKind, index: int, **more: Any) -> None:
        name = self._names[index]
        earlier = self.outcomes.get(name)
        number = earlier.tries + 1 if earlier else 1
        self._listeners.tell(Event(kind, name, self._schedule.round(index), number, **more))

    def _record(self, index: int, outcome: Outcome) -> None:
        self._remember(self._names[index], outcome)
        self._tell_end(index, outcome)

    def _remember(self, name: str, outcome: Outcome) -> None:
        earlier = self.outcomes.get(name)
        self.outcomes[name] = added_up(earlier, outcome) if earlier else outcome
        self._changed()

    def _tell_end(self, index: int, outcome: Outcome) -> None:
        if self._has_listeners:
            total = self.outcomes[self._names[index]]
            about = EventKind.ATTEMPT_FINISHED, self._names[index], self._schedule.round(index), total.tries
            self._listeners.tell(Event(*about, outcome.seconds, total, outcome.exception))

    def _abandon(self, index: int, interrupt: BaseException) -> None:
        caught(self._record, index, Outcome(State.FAILED, 1, None, interrupt))
        if getattr(self._jobs[index], 'Cleanup', None) is not None:
            why = DoJobberError(
                'not called: the wait for this Job, which still runs, was interrupted', self._jobs[index]
            )
            caught(self._tell_cleanup, Event(EventKind.CLEANUP, self._names[index], exception=why))


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


def check_workers(max_workers: Any, executor: Any) -> None:
    """Refuse what :meth:`Walk.walk` cannot make attempts by.

    Raises:
        PlanError: A number below 1, something that is no executor, or no cloudpickle for one of other processes.
    """
    if max_workers is not None and (not isinstance(max_workers, int) or max_workers < 1):
        raise PlanError(f'max_workers must be an integer of at least 1, or None, not {max_workers!r}', max_workers)
    if executor is None:
        return
    if isinstance(executor, type) or not callable(getattr(executor, 'submit', None)):
        raise PlanError(f'executor must be one of concurrent.futures, made already, not {executor!r}', executor)
    if place_of(executor) is not Place.THREADS:
        try:
            import cloudpickle  # noqa: F401 - by which Jobs travel
        except ImportError as error:
            why = f'to try Jobs in other processes, pip install cloudpickle, which is the extra remote ({error})'
            raise PlanError(why, executor) from error
