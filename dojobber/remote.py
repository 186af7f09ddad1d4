"""Attempts in other processes and on other machines: one importable function, bytes in, bytes out."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import pickle
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, NamedTuple

from .attempt import Attempted, Attempts, Setting, current_directory, go_to
from .errors import RemoteError, StorageConflictError
from .job import Job
from .outcome import Outcome, State, is_interrupt
from .plan import Plan

Changes = dict[Any, 'bytes | None']
"""What was written into ``global_storage``: values, pickled, by key; None where the key was deleted."""

Written = dict[Any, tuple[int, 'bytes | None']]
"""By key: the index of the Job that wrote it last, and what."""

Report = tuple[str, float, Any, 'BaseException | None']


class Parcel(NamedTuple):
    """What travels to a worker, pickled."""

    nonce: tuple[bytes, int]
    """Different each time: an executor may know the result of a call that it has seen before."""
    job: bytes
    args: bytes
    storage: Mapping[Any, bytes]
    no_act: bool
    is_reported: bool


class Answer(NamedTuple):
    """What comes back, pickled."""

    told: bytes
    """The outcome and the reports, pickled: what cannot be read there hides nothing else."""
    tracebacks: list[str]
    """That of the outcome's exception, then those of the reports'; empty where there is none."""
    changes: Changes
    owed: bytes | None
    """The attributes of an instance whose Cleanup is owed, pickled."""


class RemoteTraceback(Exception):  # noqa: N818 - it is only ever the cause of one
    """The cause of an exception that comes from a worker: what its traceback was there."""

    def __str__(self) -> str:
        return f'\n{self.args[0]}'


def attempt_remotely(parcel: bytes) -> bytes:
    """Try the Job in a pickled :class:`Parcel`, here and now, and return the :class:`Answer`, pickled."""
    try:
        answer = _answer(pickle.loads(parcel))  # noqa: S301 - from the process that works the graph
    except BaseException as error:
        why = RemoteError(f'a Job cannot be tried on a worker: {type(error).__name__}: {error}')
        reports: list[Report] = [('check', 0.0, None, why)]
        told = dumps((Outcome(State.FAILED, 1, None, why), reports))
        answer = Answer(told, [traceback.format_exc()] * 2, {}, None)
    return dumps(answer)


def _answer(parcel: Parcel) -> Answer:
    job_class = pickle.loads(parcel.job)  # noqa: S301 - likewise
    args, kwargs = pickle.loads(parcel.args)  # noqa: S301 - likewise
    storage = {key: pickle.loads(value) for key, value in parcel.storage.items()}  # noqa: S301 - likewise
    before = {key: dumps(value) for key, value in storage.items()}  # as pickled here: elsewhere it may look different
    with _at_home() as go_to_start:
        setting = Setting(args, kwargs, storage, parcel.no_act, go_to_start)
        outcome, reports, owed = Attempts(setting)(job_class, parcel.is_reported)
    changes, failure = _changes(before, storage, job_class.__name__)
    outcome, reports = _failed(outcome, reports, failure)
    told = (
        outcome._replace(result=_travelling(outcome.result), exception=_travelling(outcome.exception)),
        [(phase, seconds, _travelling(value), _travelling(error)) for phase, seconds, value, error in reports],
    )
    tracebacks = [_traceback(error) for error in (outcome.exception, *(report[3] for report in reports))]
    if getattr(owed, 'Cleanup', None) is None:
        return Answer(dumps(told), tracebacks, changes, None)
    attributes = {name: value for name, value in vars(owed).items() if name not in _ENGINES}
    return Answer(dumps(told), tracebacks, changes, dumps(_travelling(attributes)))


def _failed(outcome: Outcome, reports: Sequence[Report], failure: Exception | None) -> tuple[Outcome, Sequence[Report]]:
    """Return what there is to tell if ``failure`` came after the attempt. An interrupt is told as it is."""
    if failure is None or is_interrupt(outcome.exception):
        return outcome, reports
    report = 'recheck', 0.0, None, failure
    return outcome._replace(state=State.FAILED, result=None, exception=failure), [*reports, report]


_ENGINES = ('global_storage', '_run_verdict')  # attributes that are none of the Job's own


def _changes(before: Mapping[Any, bytes], storage: Mapping[Any, Any], name: str) -> tuple[Changes, RemoteError | None]:
    changes: Changes = {key: None for key in before if key not in storage}
    failure = None
    for key, value in storage.items():
        try:
            dumped = dumps(value)
            pickle.loads(dumps((key, dumped)))  # noqa: S301 - made in the same line
            pickle.loads(dumped)  # noqa: S301 - made above
        except Exception as error:
            failure = _cannot_travel(name, key, error)
        else:
            if before.get(key) != dumped:
                changes[key] = dumped
    return changes, failure


def _cannot_travel(name: str, key: Any, error: Exception) -> RemoteError:
    why = f'what {name!r} put into global_storage[{key!r}] cannot travel ({type(error).__name__}: {error})'
    return RemoteError(why, name)


def _travelling(thing: Any) -> Any:
    """Return ``thing``, or if it would not arrive as it is, an error that says so: an interrupt for an interrupt."""
    try:
        arrived = pickle.loads(dumps(thing))  # noqa: S301 - made in the same line
        if isinstance(thing, BaseException) and _words(arrived) != _words(thing):
            raise TypeError(f'it would arrive as {_words(arrived)}')
    except Exception as error:
        words = _words(thing) if isinstance(thing, BaseException) else f'a {type(thing).__qualname__}'
        why = f'{words} (this cannot travel as it is: {type(error).__name__}: {error})'
        is_one = isinstance(thing, BaseException) and is_interrupt(thing)
        return KeyboardInterrupt(why) if is_one else RemoteError(why, words)
    return thing


def _words(error: Any) -> str:
    try:
        return f'{type(error).__name__}: {error}'
    except Exception:
        return f'{type(error).__name__}: <unprintable>'


def _traceback(error: BaseException | None) -> str:
    if error is None:
        return ''
    try:
        return ''.join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:  # a SyntaxError made by hand, for one, can defeat the formatter
        return _words(error)


_lock = threading.Lock()
_attempts_here = 0
_home: str | None = None


@contextlib.contextmanager
def _at_home() -> Iterator[Callable[[], object]]:
    """Yield what puts the directory back to the worker's own, unless other attempts are being made in the process."""
    global _attempts_here, _home
    with _lock:
        if not _attempts_here:
            _home = current_directory()
        _attempts_here += 1
    try:
        yield lambda: go_to(_home) if _attempts_here == 1 else None
    finally:
        with _lock:
            _attempts_here -= 1
            if not _attempts_here:
                with contextlib.suppress(OSError):
                    go_to(_home)


class Courier:
    """Packs what an attempt needs, unpacks what comes back, and keeps book of who wrote what into ``global_storage``.

    Args:
        needs: For each Job of the plan the indexes of those it needs.

    Raises:
        RemoteError: The arguments cannot travel.
    """

    def __init__(self, plan: Plan, setting: Setting, is_reported: bool) -> None:
        self._names = list(plan)
        index_of = {name: index for index, name in enumerate(plan)}
        self._needs = [[index_of[need] for need in step.needs] for step in plan.values()]
        self._jobs = [step.job for step in plan.values()]
        self._setting = setting
        self._is_reported = is_reported
        self._run = os.urandom(16)
        self._numbers = itertools.count()
        try:
            self._args = dumps((setting.args, setting.kwargs))
        except Exception as error:
            raise RemoteError(f'the arguments of set_args() cannot travel: {type(error).__name__}: {error}') from error
        # What Jobs wrote, by key: who was the last, and the pickled value; None if it was deleted.
        self._visible: list[Written] = [{} for _ in plan]
        self._own: dict[int, Written] = {}
        self._last_writer: dict[Any, int] = {}

    def pack(self, index: int) -> bytes:
        """Return the bytes for an attempt of that Job.

        Raises:
            RemoteError: Its class cannot travel.
        """
        name, job_class = self._names[index], self._jobs[index]
        try:
            job = dumps(job_class)
        except Exception as error:
            raise RemoteError(f'{name!r} cannot travel: {type(error).__name__}: {error}', job_class) from error
        seen = self._visible[index] = self._seen_by(index)
        storage = {key: value for key, (_, value) in seen.items() if value is not None}
        nonce = self._run, next(self._numbers)
        return dumps(Parcel(nonce, job, self._args, storage, self._setting.no_act, self._is_reported))

    def unpack(self, index: int, answer: bytes) -> Attempted:
        """Return what an attempt of that Job has to tell."""
        owed = None
        try:
            told, tracebacks, changes, left = pickle.loads(answer)  # noqa: S301 - what a worker of ours said
            owed = None if left is None else self._remade(index, left)
            outcome, reports = pickle.loads(told)  # noqa: S301 - likewise
        except Exception as error:
            why = RemoteError(f'what {self._names[index]!r} left cannot travel: {type(error).__name__}: {error}')
            return Attempted(Outcome(State.FAILED, 1, None, why), [('check', 0.0, None, why)], owed)
        for each, text in zip((outcome.exception, *(report[3] for report in reports)), tracebacks):
            if each is not None:
                each.__cause__ = RemoteTraceback(text)
        return Attempted(*_failed(outcome, reports, self._write(index, changes)), owed)

    def _seen_by(self, index: int) -> Written:
        """Return what the Jobs that it needs, directly or not, and its own earlier tries have written."""
        different = {id(self._visible[need]): self._visible[need] for need in self._needs[index] if self._visible[need]}
        if index in self._own:
            different[-1] = self._own[index]
        if len(different) == 1:
            return next(iter(different.values()))
        seen: Written = {}
        for written in different.values():
            for key, (writer, value) in written.items():
                if key not in seen or seen[key][0] <= writer:  # of two writers one needs the other, and comes later
                    seen[key] = writer, value
        return seen

    def _write(self, index: int, changes: Changes) -> StorageConflictError | RemoteError | None:
        seen = self._visible[index]
        values = {}  # for the Cleanups
        for key, value in changes.items():
            writer = self._last_writer.get(key, index)
            if writer != index and (key not in seen or seen[key][0] != writer):
                one, other = self._names[writer], self._names[index]
                why = (
                    f'{one!r} and {other!r} both write global_storage[{key!r}] and neither needs the other: order them'
                )
                return StorageConflictError(f'{why} by DEPS, or have each write a key of its own', key)
            try:
                values[key] = None if value is None else pickle.loads(value)  # noqa: S301 - what a worker of ours said
            except Exception as error:
                return _cannot_travel(self._names[index], key, error)
        if changes:
            written = {key: (index, value) for key, value in changes.items()}
            self._own[index] = {**self._own.get(index, {}), **written}
            self._visible[index] = {**seen, **written}
            self._last_writer.update(dict.fromkeys(changes, index))
            self._setting.global_storage.update(values)
            for key in [key for key, value in changes.items() if value is None]:
                self._setting.global_storage.pop(key, None)
        return None

    def _remade(self, index: int, owed: bytes) -> Any:
        """Return an instance whose Cleanup can be called here: it has the attributes that the one there had."""
        job_class = self._jobs[index]
        try:
            attributes = pickle.loads(owed)  # noqa: S301 - what a worker of ours said
        except Exception as error:
            attributes = RemoteError(f'its storage cannot travel: {type(error).__name__}: {error}')
        if isinstance(attributes, RemoteError):

            def cleanup(_: object) -> None:
                raise RemoteError(f'{job_class.__name__} cannot be cleaned up: {attributes}', job_class)

            return type(job_class.__name__, (), {'Cleanup': cleanup})()
        job = job_class.__new__(job_class)
        vars(job).update(attributes)
        job.global_storage = self._setting.global_storage
        return job


def dumps(thing: Any) -> bytes:
    """Pickle ``thing``, classes and functions that cannot be imported elsewhere included."""
    import io

    buffer = io.BytesIO()
    _pickler()(buffer).dump(thing)
    return buffer.getvalue()


@functools.cache
def _pickler() -> Any:
    import cloudpickle

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]  # has no types
        """Sends Jobs without their ``DEPS``, and so without the graph that hangs on each."""

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, BaseException):  # tblib, which Dask imports, would drop what __init__ has set
                return obj.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
            reduced = super().reducer_override(obj)
            if isinstance(obj, type) and issubclass(obj, Job) and isinstance(reduced, tuple) and len(reduced) > 2:
                attributes, _ = reduced[2]  # which are copies
                attributes.pop('DEPS', None)
            return reduced

    return Pickler
