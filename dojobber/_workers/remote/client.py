"""The caller's side of attempts in other processes: encodes requests and decodes responses."""

from __future__ import annotations

import itertools
import os
import pickle
from typing import Any, Callable

from ..._attempt.attempt import AttemptResult, AttemptSettings
from ..._plan.plan import Plan
from ...errors import RemoteError, StorageConflictError
from ...job import set_attribute
from ...outcome import is_interrupt
from .ledger import Ledger
from .messages import Chain, Request, Response, errors_of
from .pickling import dumps, link, links_of, restore, safe_error_line
from .storage import decode, unsendable_value_error


class RemoteTraceback(Exception):  # noqa: N818 - only ever the cause of an error
    """The traceback that an exception had in the worker, as its first cause."""

    def __str__(self) -> str:
        return f'\n{self.args[0]}'


class RemoteClient:
    """Encodes the requests of one run and decodes the responses.

    Args:
        with_reports: Whether workers report the phases of each attempt.
        has_directory: Whether each worker has a current directory of its own.

    Raises:
        RemoteError: The arguments of ``set_args()`` cannot be pickled.
    """

    def __init__(self, plan: Plan, settings: AttemptSettings, with_reports: bool, has_directory: bool = True) -> None:
        self._names = plan.names
        self._jobs = plan.jobs
        self._ledger = Ledger(self._names, plan.dependencies)
        self._settings = settings
        self._options = settings.no_act, with_reports, has_directory
        self._run_id = os.urandom(16)
        self._numbers = itertools.count()
        self._interrupted: set[int] = set()
        """Jobs whose response was being decoded when an interrupt came."""
        try:
            self._arguments = dumps((settings.args, settings.kwargs))
        except BaseException as error:
            if is_interrupt(error):
                raise
            reason = f'the arguments of set_args() cannot be sent to a worker process: {safe_error_line(error)}'
            raise RemoteError(reason) from error

    def encode(self, index: int) -> bytes:
        """Return the request for an attempt of a Job.

        Raises:
            RemoteError: Its class cannot be pickled.
        """
        job_class = self._jobs[index]
        try:
            job, storage = dumps(job_class), dumps(self._ledger.storage_of(index))
            nonce = self._run_id, next(self._numbers)
            return dumps(Request(nonce, job, self._arguments, storage, *self._options))
        except BaseException as error:
            if is_interrupt(error):
                raise
            reason = f'{self._names[index]!r} cannot be sent to a worker process: {safe_error_line(error)}'
            raise RemoteError(reason, job_class) from error

    def decode(self, index: int, pickled: bytes) -> AttemptResult:
        """Return the result of an attempt of a Job, and record its changes of ``global_storage``.

        This raises only interrupts, and at most one for each Job: the engine repeats a call that was interrupted, and a
        second interrupt becomes the error of the Job.
        """
        response, error = self._capture(index, _load_response, pickled)
        result: AttemptResult | None = None
        job = failure = None
        if response is not None:
            job = None if response.pending_cleanup is None else self._rebuild_job(index, response.pending_cleanup)
            failure = self._apply(index, response.changes)
            result, error = self._capture(index, _load_result, response)
        if result is None:
            if not is_interrupt(error):
                error = RemoteError(f'the result of {self._names[index]!r} cannot be read: {safe_error_line(error)}')
            result = AttemptResult.failed(error)
        return result.overruled_by(failure)._replace(pending_cleanup=job)

    def _capture(self, index: int, function: Callable[..., Any], *args: Any) -> tuple[Any, Any]:
        """Call ``function`` and return its result and None, or None and its error. Raise a Job's first interrupt."""
        try:
            return function(*args), None
        except BaseException as error:
            if is_interrupt(error) and index not in self._interrupted:
                self._interrupted.add(index)
                raise
            return None, error

    def _apply(self, index: int, pickled: bytes) -> Exception | None:
        """Apply the changes of a Job to ``global_storage``. If that is impossible, return the error."""
        diff, error = self._capture(index, _load, pickled)
        if error is None:
            conflict: StorageConflictError | None
            conflict, error = self._capture(index, self._ledger.conflict, index, diff)
            if conflict is not None:
                return conflict
        if error is not None:
            name = self._names[index]
            return RemoteError(f'the changes of {name!r} in global_storage cannot be read: {safe_error_line(error)}')
        values = {}
        for key, written in diff.written.items():
            values[key], error = self._capture(index, decode, written.value)
            if error is not None:
                return unsendable_value_error(self._names[index], key, error)
        self._ledger.record(index, diff)
        self._settings.global_storage.update(values)  # Cleanups read it; attempts read the ledger
        for key in diff.deleted:
            self._settings.global_storage.pop(key, None)
        return None

    def _rebuild_job(self, index: int, pickled: bytes) -> Any:
        """Return an instance with the attributes of the one in the worker, so that its Cleanup can be called here."""
        job_class = self._jobs[index]
        job, error = self._capture(index, self._load_job, job_class, pickled)
        if error is not None:
            return _with_failing_cleanup(job_class, f'its storage cannot be read: {safe_error_line(error)}')
        return _with_failing_cleanup(job_class, str(job)) if isinstance(job, RemoteError) else job

    def _load_job(self, job_class: Any, pickled: bytes) -> Any:
        """Return the instance, or the RemoteError that the worker sent in its place."""
        job = _load(pickled)
        if isinstance(job, RemoteError):
            return job
        if isinstance(job, tuple):
            attributes_and_slots, job = job, job_class.__new__(job_class)
            restore(job, attributes_and_slots)
        set_attribute(job, 'global_storage', self._settings.global_storage)
        return job


def _with_failing_cleanup(job_class: Any, reason: str) -> Any:
    """Return a stand-in for an instance, whose Cleanup raises an error."""

    def cleanup(_: object) -> None:
        raise RemoteError(f'{job_class.__name__} cannot be cleaned up: {reason}', job_class)

    return type(job_class.__name__, (), {'Cleanup': cleanup})()


def _load(pickled: bytes) -> Any:
    return pickle.loads(pickled)  # noqa: S301 - from a worker of this run


def _load_response(pickled: bytes) -> Response:
    response = _load(pickled)
    if not isinstance(response, Response):
        raise TypeError(f'the worker sent a {type(response).__qualname__} instead of a Response')
    return response


def _load_result(response: Response) -> AttemptResult:
    result: AttemptResult = _load(response.result)
    linked: set[int] = set()
    for error, text, chain in zip(errors_of(result), response.tracebacks, response.chains):
        if error is not None and id(error) not in linked:  # a RunonlyJob raises the same error in run and recheck
            linked.add(id(error))
            _link(error, text, chain)
    return result


def _link(error: BaseException, text: str, chain: Chain | None) -> None:
    """Restore the chain of ``error``, and make the traceback that it had in the worker the first cause."""
    chain = chain or Chain([], [])
    errors = [error]
    for pickled in chain.errors:
        try:
            errors.append(_load(pickled))
        except Exception as reason:
            errors.append(RemoteError(f'an earlier error cannot be read: {safe_error_line(reason)}'))
    for linked, (cause, context, suppress) in zip(errors, chain.links):
        link(linked, None if cause is None else errors[cause], None if context is None else errors[context], suppress)
    first = _first(error)
    link(first, RemoteTraceback(text), links_of(first)[1], True)


def _first(error: BaseException) -> BaseException:
    """Return the exception that the traceback of ``error`` shows first."""
    known = {id(error): error}
    while True:
        cause, context, suppress = links_of(error)
        earlier = cause if cause is not None else None if suppress else context
        if earlier is None or id(earlier) in known:
            return error
        known[id(earlier)] = error = earlier
