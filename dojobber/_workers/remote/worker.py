"""The worker's side of an attempt in another process: one importable function that takes and returns bytes."""

from __future__ import annotations

import contextlib
import os
import pickle
import threading
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, Callable

from ..._attempt.attempt import AttempterPool, AttemptResult, AttemptSettings
from ..._attempt.directory import current_directory, enter_directory
from ..._attempt.error_chain import get_traceback
from ...errors import RemoteError
from ...job import Job
from ...outcome import is_interrupt
from .messages import Chain, Links, Request, Response, errors_of
from .pickling import attributes_of, dumps, links_of, safe_error_line, safe_repr, slots_of
from .roundtrip import picklable_or_error
from .storage import LazyStorage, StorageDiff


def run_request(request: bytes) -> bytes:
    """Run the attempt of a pickled :class:`Request` and return the pickled :class:`Response`."""
    diff = StorageDiff({}, ())
    results: list[AttemptResult] = []
    try:
        name, storage = _attempt(pickle.loads(request), results)  # noqa: S301 - from the process that runs the graph
        diff, failure = storage.diff(name)
        response = _response(results[0].overruled_by(failure)._replace(worker=_worker_name()))
    except BaseException as error:
        response = _error_response(error)
    job = results[0].pending_cleanup if results else None
    for _ in range(2):
        try:
            return dumps(response._replace(changes=dumps(diff), pending_cleanup=_pickled_cleanup(job)))
        except BaseException as error:  # an interrupt: pickle again, or the Cleanup would be lost
            response = _error_response(error)
    unsent = RemoteError('its storage cannot be sent: the worker was interrupted each time it pickled it')
    return dumps(response._replace(pending_cleanup=None if job is None else dumps(unsent)))


def _attempt(request: Request, results: list[AttemptResult]) -> tuple[str, LazyStorage]:
    """Run the attempt and append its result to ``results`` (interrupt rule 2). Return the Job's name and storage."""
    job_class = pickle.loads(request.job)  # noqa: S301 - from the process that runs the graph
    args, kwargs = pickle.loads(request.arguments)  # noqa: S301 - likewise
    storage = LazyStorage.received(pickle.loads(request.storage))  # noqa: S301 - likewise
    with _worker_directory() if request.has_directory else contextlib.nullcontext(lambda: None) as restore_directory:
        settings = AttemptSettings(args, kwargs, storage, request.no_act, restore_directory)
        results.append(AttempterPool(settings)(job_class, request.with_reports))
    return job_class.__name__, storage


def _worker_name() -> str:
    """Return the process and the host of this worker, and the thread if it is not the main one.

    The thread has a number, since the threads of all interpreters of a process may have the same name.
    """
    import platform

    process = f'process {os.getpid()} on {platform.node()}'
    is_main = threading.current_thread() is threading.main_thread()
    return process if is_main else f'thread {threading.get_native_id()} of {process}'


def _response(result: AttemptResult) -> Response:
    """Return the response, with errors in place of values that do not survive pickling."""
    errors, outcome = errors_of(result), result.outcome
    error, run_error = outcome.exception, outcome.run_exception
    sent_error = picklable_or_error(error)
    outcome = outcome._replace(
        result=picklable_or_error(outcome.result),
        exception=sent_error,
        run_exception=sent_error if run_error is error else picklable_or_error(run_error),
        phases=dict(outcome.phases),
    )
    reports = [
        report._replace(value=picklable_or_error(report.value), error=picklable_or_error(report.error))
        for report in result.reports
    ]
    sent = dumps(AttemptResult(outcome, reports, None, result.worker))
    return Response(sent, [_traceback_of(error) for error in errors], [_chain_of(error) for error in errors], b'', None)


def _error_response(error: BaseException) -> Response:
    """Return the response of a worker that could not run the attempt or pickle its result."""
    text = f'a worker cannot run the Job: {_uninterrupted(safe_error_line, error)}'
    failure = KeyboardInterrupt(text) if is_interrupt(error) else RemoteError(text)
    result = AttemptResult.failed(failure)
    tracebacks = [_uninterrupted(_traceback_of, error)] * len(errors_of(result))
    return Response(dumps(result), tracebacks, [None] * len(tracebacks), dumps(StorageDiff({}, ())), None)


def _uninterrupted(describe: Callable[[BaseException], str], error: BaseException) -> str:
    """Return ``describe(error)``, or only the type of ``error`` if describing it is interrupted."""
    try:
        return describe(error)
    except BaseException:  # even an interrupt: there must be a response
        return type(error).__name__


_ENGINE_ATTRIBUTES = ('global_storage', '_run_verdict')
_PICKLING_METHODS = ('__getstate__', '__setstate__', '__reduce__', '__reduce_ex__')


def _pickled_cleanup(job: Any) -> bytes | None:
    """Return the pickled state of ``job`` for its Cleanup, or a pickled RemoteError; None if ``job`` is None."""
    try:
        return None if job is None else _pickled_state(job)
    except BaseException as error:
        if is_interrupt(error):
            raise
        return dumps(RemoteError(f'its storage cannot be sent: {safe_error_line(error)}'))


def _pickled_state(job: Any) -> bytes:
    """Return the pickled attributes of a Job, or the pickled Job if its class defines its pickling."""
    if any(getattr(type(job), name, None) is not getattr(Job, name, None) for name in _PICKLING_METHODS):
        job.global_storage = {}  # the caller replaces it with its own
        return dumps(picklable_or_error(job))
    attributes = {name: value for name, value in attributes_of(job).items() if name not in _ENGINE_ATTRIBUTES}
    slots = [slot for slot in slots_of(job) if slot[1] not in _ENGINE_ATTRIBUTES]
    state = picklable_or_error((attributes, slots))
    if isinstance(state, RemoteError):
        state = _first_unpicklable(attributes, slots) or state
    return dumps(state)


def _first_unpicklable(attributes: dict[str, Any], slots: Sequence[tuple[int, str, Any]]) -> RemoteError | None:
    """Return an error that names the first attribute, or value in ``storage``, that cannot be pickled."""
    storage = attributes.get('storage')
    parts = {f'storage[{safe_repr(key)}]': value for key, value in storage.items()} if type(storage) is dict else {}
    parts.update({name: value for name, value in attributes.items() if value is not storage})
    parts.update({name: value for _, name, value in slots})
    for name, value in parts.items():
        try:
            pickle.loads(dumps(value))  # noqa: S301 - pickled in the same line
        except BaseException as error:
            if is_interrupt(error):
                raise
            return RemoteError(f'its {name} cannot be sent: {safe_error_line(error)}')
    return None


def _chain_of(error: BaseException | None) -> Chain | None:
    """Return the exceptions that ``error`` is chained to; None if there are none."""
    if error is None:
        return None
    errors, index_of = [error], {id(error): 0}
    links = []
    for linked in errors:  # the loop appends to it
        cause, context, suppress = links_of(linked)
        for other in cause, context:
            if other is not None and id(other) not in index_of and len(errors) < _MAX_CHAIN:
                index_of[id(other)] = len(errors)
                errors.append(other)
        links.append(Links(index_of.get(id(cause)), index_of.get(id(context)), suppress))
    if len(errors) == 1 and not links[0].suppress_context:
        return None
    return Chain([dumps(picklable_or_error(linked)) for linked in errors[1:]], links)


_MAX_CHAIN = 100


def _traceback_of(error: BaseException | None) -> str:
    if error is None:
        return ''
    try:
        return ''.join(traceback.format_exception(type(error), error, get_traceback(error)))
    except BaseException as raised:  # for example, a SyntaxError with wrong arguments cannot be formatted
        if is_interrupt(raised):
            raise
        return safe_error_line(error)


_lock = threading.Lock()
_running = 0
_directory: str | None = None
"""The current directory of this worker before the first of the attempts that are running."""


@contextlib.contextmanager
def _worker_directory() -> Iterator[Callable[[], object]]:
    """Yield a function that returns to the worker's directory, but only while no other attempt runs in this process."""
    global _running, _directory
    with _lock:
        if not _running:
            _directory = current_directory()
        _running += 1
    try:
        yield lambda: enter_directory(_directory) if _running == 1 else None
    finally:
        with _lock:
            _running -= 1
            if not _running:
                with contextlib.suppress(OSError):
                    enter_directory(_directory)
