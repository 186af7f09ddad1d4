"""One try of one Job: check, run, recheck; and later its cleanup."""

from __future__ import annotations

import bisect
import errno
import itertools
import os
import sys
from collections import deque
from collections.abc import Generator, Sequence
from functools import partial, reduce
from time import perf_counter
from typing import Any, Callable, NamedTuple, Optional

from .events import Event, EventKind
from .outcome import Outcome, State, is_interrupt

Report = Callable[[str, float, Any, Optional[BaseException]], object]
"""Told of each phase that ended: its name, the seconds it took, what it returned and what it raised."""


class Setting(NamedTuple):
    """What all attempts of one run have in common."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    global_storage: dict[Any, Any]
    no_act: bool
    go_to_start: Callable[[], object]
    """Called before every phase, to put the current directory back."""


class Attempted(NamedTuple):
    """What an attempt that was made aside has to tell to the thread that works the run."""

    outcome: Outcome
    reports: Sequence[tuple[str, float, Any, BaseException | None]] = ()
    """What a :data:`Report` is told, a phase each."""
    owed: Any = None
    """The instance whose Cleanup is owed."""


def attempter(setting: Setting, owe: Callable[[Any], object]) -> Callable[[tuple[Any, Report | None]], Outcome]:
    """Return a function that takes a Job class and whom to report to, tries the Job and returns what became of it.

    Whatever the Job's hooks raise ends up there.

    An exception keeps its frames alive, and a frame those of its callers, with all their variables. A generator's frame
    has no caller while it waits. So all attempts are made in one, and the exceptions that are kept keep nothing else of
    this package alive, as long as the function returned here is kept too: on Python 3.12 a generator's frame finds a
    caller as it dies. Two threads cannot use it at once.

    Args:
        owe: Called with the instance when its Run is about to start: from then on its Cleanup is owed.
    """
    generator = _attempts(setting, owe)
    next(generator)
    return generator.send  # type: ignore[return-value]  # None is what it yielded at first


def _attempts(
    setting: Setting, owe: Callable[[Any], object]
) -> Generator[Outcome | None, tuple[Any, Report | None], None]:
    args, kwargs, global_storage, no_act, go_to_start = setting
    handled = sys.exc_info()[1]
    outcome: Outcome | None = None
    while True:
        job_class, report = yield outcome
        phases: dict[str, float] = {}

        job: Any = None
        result = error = None
        begun = perf_counter()
        try:
            go_to_start()
            job = _make(job_class, global_storage)
            result = job.Check(*args, **kwargs)
        except BaseException as raised:
            error = _own(raised, handled)
        phases['check'] = perf_counter() - begun
        if report:
            report('check', phases['check'], result, error)
        if error is None:
            outcome = Outcome(State.OK, 1, result, None, phases)
            continue
        has_run = _has_run(job)  # not so where no Job could be made
        if job is None or no_act or is_interrupt(error):
            would_run = has_run and not is_interrupt(error)
            outcome = Outcome(State.WOULD_RUN if would_run else State.FAILED, 1, None, error, phases)
            continue

        result = error = None
        begun = perf_counter()
        try:
            if not has_run:
                raise NotImplementedError(f'{job_class.__name__} has no Run method, so its failed check stays as it is')
            go_to_start()
            owe(job)
            result = job.Run(*args, **kwargs)
        except BaseException as raised:
            error = _own(raised, handled)
        phases['run'] = perf_counter() - begun
        if report:
            report('run', phases['run'], result, error)
        if is_interrupt(error):
            outcome = Outcome(State.FAILED, 1, None, error, phases)
            continue

        verdict = result, error
        result = error = None
        begun = perf_counter()
        try:
            go_to_start()
            job._run_verdict = verdict
            result = job.Check(*args, **kwargs)
        except BaseException as raised:
            error = _own(raised, handled)
        phases['recheck'] = perf_counter() - begun
        if report:
            report('recheck', phases['recheck'], result, error)
        outcome = Outcome(State.CHANGED if error is None else State.FAILED, 1, result, error, phases)


def _own(error: BaseException, handled: BaseException | None) -> BaseException:
    """Leave of ``error`` what is a Job's own.

    Its traceback shall begin at the Job's frame. And what the script that works the engine is just handling is none of
    a Job's business.
    """
    for link in _context_chain(error) if handled is not None else ():
        if link.__context__ is handled:
            set_context(link, None)
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get('__package__') == __package__:
        frames = frames.tb_next
    return BaseException.with_traceback(error, frames)  # not the Job's own, whatever its class makes of that


def _has_run(job: Any) -> bool:
    try:
        return getattr(job, 'Run', None) is not None
    except (Exception, SystemExit):  # of a property, or of __getattr__: the run phase will raise it again
        return True


class Attempts:
    """Makes attempts for several threads at once, each by itself."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._idle: deque[tuple[Callable[[tuple[Any, Report | None]], Outcome], list[Any]]] = deque()

    def __call__(self, job_class: Any, is_reported: bool) -> Attempted:
        """Try a Job and return all there is to tell about it."""
        try:
            attempt, owed = self._idle.pop()
        except IndexError:
            owed = []
            attempt = attempter(self._setting, owed.append)
        reports: list[tuple[str, float, Any, BaseException | None]] = []
        outcome = attempt((job_class, (lambda *report: reports.append(report)) if is_reported else None))
        attempted = Attempted(outcome, reports, owed.pop() if owed else None)
        self._idle.append((attempt, owed))
        return attempted


class Cleanups:
    """The Cleanups that are owed: each is called once, last started first, and none is forgotten before."""

    def __init__(self) -> None:
        self._owed: list[tuple[int, str | None, Any]] = []  # sorted by the number of the attempt
        self._numbers = itertools.count()

    def number(self) -> int:
        """Return the number of an attempt that starts now."""
        return next(self._numbers)

    def owe(self, directory: str | None, job: Any, number: int | None = None) -> None:
        """Note that the Run of ``job`` has started; its Cleanup is to start in ``directory`` too.

        Args:
            number: That of the attempt, by default a new one. Noting it twice changes nothing.
        """
        if getattr(job, 'Cleanup', None) is not None:
            number = self.number() if number is None else number
            place = bisect.bisect(self._owed, (number,))
            if place == len(self._owed) or self._owed[place][0] != number:
                self._owed.insert(place, (number, directory, job))

    def call(
        self, tell: Callable[[Event], object], failure: BaseException | None = None, since: int = 0
    ) -> BaseException | None:
        """Call those of the attempts from number ``since`` on and return what is to be raised, ``failure`` included."""
        failures = [failure]
        while True:
            try:
                self._call_from(since, tell, failures)
                return reduce(joined, failures)
            except (RecursionError, MemoryError) as error:  # it would come again without end; what is owed stays so
                failures.append(error)
                return reduce(joined, failures)
            except BaseException as interrupt:  # between two Cleanups: the others are owed all the same
                failures.append(interrupt)

    def _call_from(self, since: int, tell: Callable[[Event], object], failures: list[BaseException | None]) -> None:
        # A function of its own: a signal that strikes where a loop jumps back can miss the except around the loop.
        while self._owed and self._owed[-1][0] >= since:
            failures.append(self._call_last(tell))

    def _call_last(self, tell: Callable[[Event], object]) -> BaseException | None:
        _, directory, job = self._owed[-1]
        name = type(job).__name__
        failure = caught(tell, Event(EventKind.CLEANUP_STARTED, name))
        begun = perf_counter()
        error: BaseException | None = None
        try:
            go_to(directory)
        except OSError as gone:
            del self._owed[-1]
            error = gone
        else:
            try:
                self._clean(job)
            except BaseException as raised:
                error = _own(raised, None)  # what the script is just handling stays: it is there that this is raised
        event = Event(EventKind.CLEANUP, name, seconds=perf_counter() - begun, exception=error)
        return joined(joined(failure, error), caught(tell, event))

    def _clean(self, job: Any) -> None:
        del self._owed[-1]  # as late as can be, and by a statement that no signal handler interrupts
        job.Cleanup()


def caught(function: Callable[..., object], /, *args: Any, **kwargs: Any) -> BaseException | None:
    """Call ``function`` and return what it raises."""
    try:
        function(*args, **kwargs)
    except BaseException as error:
        return error
    return None


def joined(earlier: BaseException | None, later: BaseException | None) -> BaseException | None:
    """Return the one of two errors to raise, with the other in its context. An interrupt wins, else the later one."""
    if earlier is None or later is None:
        return earlier if later is None else later
    raised, context = (earlier, later) if is_interrupt(earlier) and not is_interrupt(later) else (later, earlier)
    known = {id(error) for error in _context_chain(context)}
    own = [error for error in _context_chain(raised) if id(error) not in known]
    if own:  # else it is in the other's context already
        set_context(own[-1], context)  # whose chain holds what both have in common
    return raised


def set_context(error: BaseException, context: BaseException | None) -> None:
    """Set what ``error`` was raised during, also where its class is a frozen dataclass."""
    BaseException.__setattr__(error, '__context__', context)


def _context_chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (context := chain[-1].__context__) is not None and all(context is not known for known in chain):
        chain.append(context)
    return chain


def current_directory() -> str | None:
    """Return the current directory, or None if it does not exist any more."""
    try:
        return os.getcwd()
    except OSError:
        return None


def go_to(directory: str | None) -> None:
    """Make ``directory`` the current one again, or raise OSError if it is gone."""
    if directory is None:
        raise FileNotFoundError(errno.ENOENT, 'the directory that the run was started in does not exist')
    os.chdir(directory)


def returning_to(directory: str | None) -> Callable[[], object]:
    """Return what makes ``directory`` the current one again each time, as :func:`go_to` does."""
    return partial(go_to, None) if directory is None else partial(os.chdir, directory)


def _make(job_class: Any, global_storage: dict[Any, Any]) -> Any:
    job = job_class.__new__(job_class)
    job.storage, job.global_storage = {}, global_storage  # before __init__, which may use them
    job.__init__()
    job.global_storage = global_storage  # and after it, which may have replaced it
    return job
