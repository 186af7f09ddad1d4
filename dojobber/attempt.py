"""One try of one Job: check, run, recheck; and later its cleanup."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Generator
from time import perf_counter
from typing import Any, Callable, NamedTuple, Optional

from .events import Event, EventKind
from .outcome import Outcome, State, is_interrupt

Report = Callable[[str, float, Any, Optional[BaseException]], object]
"""Told of each phase that ended: its name, the seconds it took, what it returned and what it raised."""

Call = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], tuple[Any, Optional[BaseException]]]


class Setting(NamedTuple):
    """What all attempts of one run have in common."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    global_storage: dict[Any, Any]
    no_act: bool
    directory: str | None
    """Where every phase starts; None if the current directory did not exist when the run began."""


def attempt(
    job_class: Any, setting: Setting, call: Call, owe: Callable[[Any], object], report: Report | None = None
) -> Outcome:
    """Try a Job once and return what became of it. Whatever its hooks raise ends up there.

    Args:
        call: What :func:`caller` returns; it must not be in use by another attempt.
        owe: Called with the instance when its Run is about to start: from then on its Cleanup is owed.
    """
    args, kwargs = setting.args, setting.kwargs
    phases: dict[str, float] = {}

    def ended(phase: str, begun: float, value: Any, error: BaseException | None) -> None:
        phases[phase] = seconds = perf_counter() - begun
        if report:
            report(phase, seconds, value, error)

    begun = perf_counter()
    job: Any = None
    result = None
    _, error = call(go_to, (setting.directory,), {})
    if error is None:
        job, error = call(_make, (job_class, setting.global_storage), {})
    if error is None:
        result, error = call(job.Check, args, kwargs)
    ended('check', begun, result, error)
    if error is None:
        return Outcome(State.OK, 1, result, None, phases)
    if job is None or is_interrupt(error):
        return Outcome(State.FAILED, 1, None, error, phases)
    has_run = getattr(job, 'Run', None) is not None
    if setting.no_act:
        return Outcome(State.WOULD_RUN if has_run else State.FAILED, 1, None, error, phases)

    begun = perf_counter()
    result = None
    _, error = call(go_to, (setting.directory,), {})
    if not has_run:
        error = NotImplementedError(f'{job_class.__name__} has no Run method, so its failed check stays as it is')
    elif error is None:
        owe(job)
        job._run_verdict = result, error = call(job.Run, args, kwargs)
    ended('run', begun, result, error)
    if is_interrupt(error):
        return Outcome(State.FAILED, 1, None, error, phases)

    begun = perf_counter()
    result = None
    _, error = call(go_to, (setting.directory,), {})
    if error is None:
        result, error = call(job.Check, args, kwargs)
    ended('recheck', begun, result, error)
    return Outcome(State.CHANGED if error is None else State.FAILED, 1, result, error, phases)


def caller() -> Call:
    """Return a function that calls the function it is given and returns its value and what it raised, one being None.

    An exception keeps its frames alive, and a frame those of its callers, with all their variables. A generator's frame
    has no caller while it waits. So what is called from one keeps nothing of this package alive but that one frame, as
    long as the function returned here is kept as well: on Python 3.12 a generator's frame finds a caller as it dies.
    """
    generator = _calling()
    next(generator)
    return lambda function, args, kwargs: generator.send((function, args, kwargs))


def _calling() -> Generator[tuple[Any, BaseException | None], tuple[Callable[..., Any], Any, Any], None]:
    handled = sys.exc_info()[1]  # what the script that works the engine is just handling is none of a Job's business
    answer: tuple[Any, BaseException | None] = None, None
    while True:
        function, args, kwargs = yield answer
        try:
            answer = function(*args, **kwargs), None
        except BaseException as error:
            for link in _context_chain(error) if handled is not None else ():
                if link.__context__ is handled:
                    link.__context__ = None
            # The traceback, too, shall begin at the Job's own frame.
            frames = error.__traceback__
            while frames is not None and frames.tb_frame.f_globals.get('__package__') == __package__:
                frames = frames.tb_next
            answer = None, error.with_traceback(frames)


class Cleanups:
    """The Cleanups that are owed: each is called once, last started first, and none is forgotten before."""

    def __init__(self) -> None:
        self._owed: list[tuple[str | None, Any]] = []

    def __len__(self) -> int:
        return len(self._owed)

    def owe(self, directory: str | None, job: Any) -> None:
        """Note that the Run of ``job`` starts; its Cleanup is to start in ``directory`` too."""
        if getattr(job, 'Cleanup', None) is not None:
            self._owed.append((directory, job))

    def call(
        self, tell: Callable[[Event], object], failure: BaseException | None = None, keep: int = 0
    ) -> BaseException | None:
        """Call all but the first ``keep`` and return what is to be raised in the end, ``failure`` included."""
        while True:
            try:
                while len(self._owed) > keep:
                    failure = joined(failure, self._call_last(tell))
                return failure
            except BaseException as interrupt:  # between two Cleanups: the others are owed all the same
                failure = joined(failure, interrupt)

    def _call_last(self, tell: Callable[[Event], object]) -> BaseException | None:
        directory, job = self._owed[-1]
        name = type(job).__name__
        failure = caught(tell, Event(EventKind.CLEANUP_STARTED, name))
        begun = perf_counter()
        error: BaseException | None
        try:
            go_to(directory)
        except OSError as gone:
            del self._owed[-1]
            error = gone
        else:
            _, error = caller()(self._clean, (job,), {})
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
    if own and own[0] is raised:  # else it is in the other's context already
        own[-1].__context__ = context  # whose chain holds what both have in common
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


def _make(job_class: Any, global_storage: dict[Any, Any]) -> Any:
    job = job_class.__new__(job_class)
    job.storage, job.global_storage = {}, global_storage  # before __init__, which may use them
    job.__init__()
    job.global_storage = global_storage  # and after it, which may have replaced it
    return job
