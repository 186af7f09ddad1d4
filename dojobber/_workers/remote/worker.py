"""An attempt in another process, on another machine maybe: one importable function, bytes in, bytes out."""

from __future__ import annotations

import contextlib
import pickle
import threading
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, Callable, NamedTuple

from ..._attempt.attempt import AttempterPool, AttemptResult, AttemptSettings, PhaseReport
from ..._attempt.directory import current_directory, enter_directory
from ...errors import RemoteError
from ...job import Job
from ...outcome import Outcome, State, is_interrupt
from .pickling import attributes_of, dumps, error_words, links_of, safe_repr, slots_of
from .roundtrip import picklable_or_error
from .storage import Changes, LazyStorage


class Parcel(NamedTuple):
    """What travels to a worker, pickled."""

    nonce: tuple[bytes, int]
    """Different each time: an executor may know the result of a call that it has seen before."""
    job: bytes
    args: bytes
    storage: bytes
    """A dict of encoded values by key, pickled."""
    no_act: bool
    is_reported: bool
    has_directory: bool
    """Whether the worker has a current directory of its own: interpreters of one process have not."""


class Link(NamedTuple):
    """One exception of those that hang on another: what it was raised from and while, as places in the list of all."""

    cause: int | None
    context: int | None
    suppress_context: bool


class Chain(NamedTuple):
    """What hangs on an exception: pickling leaves it out."""

    errors: list[bytes]
    """The others, each pickled."""
    links: list[Link]
    """One for the exception itself, then one for each of the others."""


class Answer(NamedTuple):
    """What comes back, pickled. Each part is pickled by itself: what cannot be read there hides nothing else."""

    told: bytes
    """The outcome and the reports."""
    tracebacks: list[str]
    """That of the outcome's exception, then those of the reports'; empty where there is none."""
    chains: list[Chain | None]
    """What hangs on these exceptions; None where nothing does."""
    changes: bytes
    pending_cleanup: bytes | None
    """An instance whose Cleanup is owed: its attributes, or if it has a way of its own to be pickled, itself."""


def attempt_remotely(parcel: bytes) -> bytes:
    """Try the Job in a pickled :class:`Parcel`, here and now, and return the :class:`Answer`, pickled."""
    changes = Changes({}, ())
    done: list[AttemptResult] = []
    try:
        name, storage = _attempt(pickle.loads(parcel), done)  # noqa: S301 - from the process that runs the graph
        changes, failure = storage.changes(name)
        answer = _answer(*failed_after(done[0].outcome, done[0].reports, failure))
    except BaseException as error:
        answer = _broken(error)
    owed = done[0].pending_cleanup if done else None
    for _ in range(2):
        try:
            return dumps(answer._replace(changes=dumps(changes), pending_cleanup=_left(owed)))
        except BaseException as error:  # an interrupt; but a Cleanup is worth a second try
            answer = _broken(error)
    unsent = RemoteError('its storage cannot travel: a worker was interrupted each time it was pickled')
    return dumps(answer._replace(pending_cleanup=None if owed is None else dumps(unsent)))


def _attempt(parcel: Parcel, done: list[AttemptResult]) -> tuple[str, LazyStorage]:
    """Try the Job and put into ``done`` what came of it, at once: an interrupt may come before this returns."""
    job_class = pickle.loads(parcel.job)  # noqa: S301 - from the process that runs the graph
    args, kwargs = pickle.loads(parcel.args)  # noqa: S301 - likewise
    storage = LazyStorage.received(pickle.loads(parcel.storage))  # noqa: S301 - likewise
    with _at_home() if parcel.has_directory else contextlib.nullcontext(lambda: None) as restore_directory:
        setting = AttemptSettings(args, kwargs, storage, parcel.no_act, restore_directory)
        done.append(AttempterPool(setting)(job_class, parcel.is_reported))
    return job_class.__name__, storage


def _answer(outcome: Outcome, reports: Sequence[PhaseReport]) -> Answer:
    """Return what there is to tell; what does not survive pickling is replaced by an error that says so."""
    errors = [outcome.exception, *(report.error for report in reports)]
    told = (
        outcome._replace(
            result=picklable_or_error(outcome.result),
            exception=picklable_or_error(outcome.exception),
            phases=dict(outcome.phases),
        ),
        [
            PhaseReport(phase, seconds, picklable_or_error(value), picklable_or_error(error))
            for phase, seconds, value, error in reports
        ],
    )
    return Answer(dumps(told), [_traceback(error) for error in errors], [_chain(error) for error in errors], b'', None)


def _broken(error: BaseException) -> Answer:
    """Return that an attempt, or the telling of it, broke down. An interrupt there is one here."""
    words = f'a Job cannot be tried on a worker: {_at_any_price(error_words, error)}'
    why = KeyboardInterrupt(words) if is_interrupt(error) else RemoteError(words)
    reports: list[PhaseReport] = [PhaseReport('check', 0.0, None, why)]
    told = dumps((Outcome(State.FAILED, 1, None, why, {}), reports))
    return Answer(told, [_at_any_price(_traceback, error)] * 2, [None] * 2, dumps(Changes({}, ())), None)


def _at_any_price(describe: Callable[[BaseException], str], error: BaseException) -> str:
    try:
        return describe(error)
    except BaseException:  # an interrupt too: there has to be an answer
        return type(error).__name__


def failed_after(
    outcome: Outcome, reports: Sequence[PhaseReport], failure: Exception | None
) -> tuple[Outcome, Sequence[PhaseReport]]:
    """Return what there is to tell if ``failure`` came after the attempt. An interrupt is told as it is."""
    if failure is None or is_interrupt(outcome.exception):
        return outcome, reports
    report = PhaseReport('recheck', 0.0, None, failure)
    return outcome._replace(state=State.FAILED, result=None, exception=failure), [*reports, report]


_ENGINES = ('global_storage', '_run_verdict')  # attributes that are none of the Job's own
_OWN_WAYS = ('__getstate__', '__setstate__', '__reduce__', '__reduce_ex__')


def _left(owed: Any) -> bytes | None:
    """Return what the caller needs to call the Cleanup of ``owed``, pickled; None if there is none."""
    try:
        return None if owed is None else _state_of(owed)
    except BaseException as error:
        if is_interrupt(error):
            raise
        return dumps(RemoteError(f'its storage cannot travel: {error_words(error)}'))


def _state_of(job: Any) -> bytes:
    """Return a pickle of the attributes of a Job, or of the Job itself if its class says how to pickle it."""
    if any(getattr(type(job), name, None) is not getattr(Job, name, None) for name in _OWN_WAYS):
        job.global_storage = {}  # it is the caller's there
        return dumps(picklable_or_error(job))
    attributes = {name: value for name, value in attributes_of(job).items() if name not in _ENGINES}
    slots = [slot for slot in slots_of(job) if slot[1] not in _ENGINES]
    state = picklable_or_error((attributes, slots))
    if isinstance(state, RemoteError):
        state = _culprit(attributes, slots) or state
    return dumps(state)


def _culprit(attributes: dict[str, Any], slots: Sequence[tuple[int, str, Any]]) -> RemoteError | None:
    """Return the error of the first attribute, or value in ``storage``, that cannot be pickled."""
    storage = attributes.get('storage')
    parts = {f'storage[{safe_repr(key)}]': value for key, value in storage.items()} if type(storage) is dict else {}
    parts.update({name: value for name, value in attributes.items() if value is not storage})
    parts.update({name: value for _, name, value in slots})
    for name, value in parts.items():
        found = picklable_or_error(('', value))
        if isinstance(found, RemoteError):
            return RemoteError(f'its {name} cannot travel: {found}')
    return None


def _chain(error: BaseException | None) -> Chain | None:
    """Return what hangs on ``error``; None if nothing does."""
    if error is None:
        return None
    errors, places = [error], {id(error): 0}
    links = []
    for each in errors:  # which grows
        cause, context, suppress = links_of(each)
        for other in cause, context:
            if other is not None and id(other) not in places and len(errors) < _MOST_LINKS:
                places[id(other)] = len(errors)
                errors.append(other)
        links.append(Link(places.get(id(cause)), places.get(id(context)), suppress))
    if len(errors) == 1 and not links[0].suppress_context:
        return None
    return Chain([dumps(picklable_or_error(each)) for each in errors[1:]], links)


_MOST_LINKS = 100


def _traceback(error: BaseException | None) -> str:
    if error is None:
        return ''
    try:
        frames = vars(BaseException)['__traceback__'].__get__(error)
        return ''.join(traceback.format_exception(type(error), error, frames))
    except BaseException as raised:  # a SyntaxError made by hand, for one, can defeat the formatter
        if is_interrupt(raised):
            raise
        return error_words(error)


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
        yield lambda: enter_directory(_home) if _attempts_here == 1 else None
    finally:
        with _lock:
            _attempts_here -= 1
            if not _attempts_here:
                with contextlib.suppress(OSError):
                    enter_directory(_home)
