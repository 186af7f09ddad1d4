"""An attempt in another process, on another machine maybe: one importable function, bytes in, bytes out."""

from __future__ import annotations

import contextlib
import functools
import pickle
import threading
import traceback
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, NamedTuple

from .attempt import Attempts, Setting
from .directory import current_directory, go_to
from .errors import RemoteError
from .job import Job
from .late import reduce_late
from .outcome import Outcome, State, is_interrupt

Changes = dict[Any, 'bytes | None']
"""What was written into ``global_storage``: values, pickled, by key; None where the key was deleted."""

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
    outcome, reports = failed_after(outcome, reports, failure)
    told = (
        outcome._replace(result=_travelling(outcome.result), exception=_travelling(outcome.exception)),
        [(phase, seconds, _travelling(value), _travelling(error)) for phase, seconds, value, error in reports],
    )
    tracebacks = [_traceback(error) for error in (outcome.exception, *(report[3] for report in reports))]
    if getattr(owed, 'Cleanup', None) is None:
        return Answer(dumps(told), tracebacks, changes, None)
    attributes = {name: value for name, value in vars(owed).items() if name not in _ENGINES}
    return Answer(dumps(told), tracebacks, changes, dumps(_travelling(attributes)))


def failed_after(
    outcome: Outcome, reports: Sequence[Report], failure: Exception | None
) -> tuple[Outcome, Sequence[Report]]:
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
            failure = cannot_travel(name, key, error)
        else:
            if before.get(key) != dumped:
                changes[key] = dumped
    return changes, failure


def cannot_travel(name: str, key: Any, error: Exception) -> RemoteError:
    """Return what says that the Job of that name put something into ``global_storage`` that cannot be pickled."""
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


def dumps(thing: Any) -> bytes:
    """Pickle ``thing``, classes and functions that cannot be imported elsewhere included."""
    import io

    buffer = io.BytesIO()
    _pickler()(buffer).dump(thing)
    return buffer.getvalue()


def _code_of(make: Any, arguments: Any, file: str) -> Any:
    """Return a code object with the name of its file, which cloudpickle 3.1.3 leaves out: tracebacks shall show it."""
    return make(*arguments).replace(co_filename=file)


@functools.cache
def _pickler() -> Any:
    import cloudpickle

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]  # has no types
        """Sends Jobs without their ``DEPS``, and so without the graph that hangs on each."""

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, BaseException):  # tblib, which Dask imports, would drop what __init__ has set
                return obj.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
            if isinstance(obj, types.CodeType):
                return _code_of, (*self.dispatch_table[types.CodeType](obj), obj.co_filename)
            reduced = reduce_late(obj, super().reducer_override)
            if isinstance(obj, type) and issubclass(obj, Job) and isinstance(reduced, tuple) and len(reduced) > 2:
                attributes, _ = reduced[2]  # which are copies
                attributes.pop('DEPS', None)
            return reduced

    return Pickler
