"""One try of one Job: check, run, recheck; and later its cleanup."""

from __future__ import annotations

import errno
import os
from time import perf_counter
from typing import Any, Callable, NamedTuple, Optional

from .events import Event, EventKind
from .outcome import Outcome, State, is_interrupt

Report = Callable[[EventKind, float, Any, Optional[BaseException]], object]
"""Told of each phase that ended: its kind, the seconds it took, what it returned and what it raised."""


class Setting(NamedTuple):
    """What all attempts of one run have in common."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    global_storage: dict[Any, Any]
    no_act: bool
    directory: str | None
    """Where every phase starts; None if the current directory did not exist when the run began."""


def attempt(job_class: Any, setting: Setting, owe: Callable[[Any], object], report: Report | None = None) -> Outcome:
    """Try a Job once and return what became of it. Whatever its hooks raise ends up there.

    Args:
        owe: Called with the instance when its Run is about to start: from then on its Cleanup is owed.
    """
    phases: dict[str, float] = {}
    begun = perf_counter()

    def ended(kind: EventKind, value: Any, error: BaseException | None) -> None:
        nonlocal begun
        now = perf_counter()
        phases[kind.value] = now - begun
        if report:
            report(kind, now - begun, value, error)
            now = perf_counter()  # what the report took belongs to no phase
        begun = now

    result = None
    job, error = _call(_make, job_class, setting)
    if error is None:
        result, error = _call(job.Check, *setting.args, **setting.kwargs)
    ended(EventKind.CHECK, result, error)
    if error is None:
        return Outcome(State.OK, 1, result, None, phases)
    if job is None or is_interrupt(error):
        return Outcome(State.FAILED, 1, None, error, phases)
    if setting.no_act:
        return Outcome(State.WOULD_RUN if _has_run(job) else State.FAILED, 1, None, error, phases)

    job._run_verdict = result, error = _call(_run, job, setting, owe)
    ended(EventKind.RUN, result, error)
    if is_interrupt(error):
        return Outcome(State.FAILED, 1, None, error, phases)

    result, error = _call(_recheck, job, setting)
    ended(EventKind.RECHECK, result, error)
    return Outcome(State.CHANGED if error is None else State.FAILED, 1, result, error, phases)


class Cleanups:
    """The Cleanups that are owed: each is called once, last started first, and none is forgotten before."""

    def __init__(self) -> None:
        self._owed: list[tuple[str, str | None, Any]] = []

    def owe(self, name: str, directory: str | None, job: Any) -> None:
        """Note that the Run of ``job`` starts, in ``directory``."""
        if getattr(job, 'Cleanup', None) is not None:
            self._owed.append((name, directory, job))

    def call(self, tell: Callable[[Event], object], failure: BaseException | None = None) -> BaseException | None:
        """Call them all and return what is to be raised in the end, ``failure`` taken into account."""
        while self._owed:
            name, directory, job = self._owed.pop()
            failure = joined(failure, caught(tell, Event(EventKind.CLEANUP_STARTED, name)))
            begun = perf_counter()
            _, error = _call(_cleanup, job, directory)
            failure = joined(failure, error)
            event = Event(EventKind.CLEANUP, name, seconds=perf_counter() - begun, exception=error)
            failure = joined(failure, caught(tell, event))
        return failure


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
    chain = _context_chain(raised)
    known = [id(error) for error in chain + _context_chain(context)]
    if len(known) == len(set(known)):  # else they are linked already, and a link more could close a circle
        chain[-1].__context__ = context
    return raised


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


def _make(job_class: Any, setting: Setting) -> Any:
    go_to(setting.directory)
    job = job_class.__new__(job_class)
    job.global_storage = setting.global_storage  # before __init__, which may use it
    job.__init__()
    return job


def _run(job: Any, setting: Setting, owe: Callable[[Any], object]) -> Any:
    if not _has_run(job):
        raise NotImplementedError(f'{type(job).__name__} has no Run method, so nothing was done after its failed check')
    go_to(setting.directory)
    owe(job)
    return job.Run(*setting.args, **setting.kwargs)


def _recheck(job: Any, setting: Setting) -> Any:
    go_to(setting.directory)
    return job.Check(*setting.args, **setting.kwargs)


def _cleanup(job: Any, directory: str | None) -> None:
    go_to(directory)
    job.Cleanup()


def _has_run(job: Any) -> bool:
    return getattr(job, 'Run', None) is not None


def _call(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> tuple[Any, BaseException | None]:
    """Return what ``function`` returns and None, or None and what it raises."""
    try:
        return function(*args, **kwargs), None
    except BaseException as error:
        # Kept exceptions must not keep this package's frames alive, nor show them: start at the Job's own.
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_globals.get('__package__') == __package__:
            frames = frames.tb_next
        return None, error.with_traceback(frames)
