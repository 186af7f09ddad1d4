"""Sends attempts to other processes and takes back what they left: the part of it that the caller's process does."""

from __future__ import annotations

import itertools
import os
import pickle
from collections.abc import Sequence
from typing import Any, Callable

from ..._attempt.attempt import AttemptResult, AttemptSettings, PhaseReport
from ..._plan.plan import Plan
from ...errors import RemoteError, StorageConflictError
from ...outcome import Outcome, State, is_interrupt
from .ledger import Ledger
from .pickling import attributes_of, dumps, error_words, link, links_of, restore
from .storage import cannot_travel, decode
from .worker import Answer, Chain, Parcel, failed_after


class RemoteTraceback(Exception):  # noqa: N818 - it is only ever the cause of one
    """Where an exception that comes from a worker began: the first cause of all, with its traceback there."""

    def __str__(self) -> str:
        return f'\n{self.args[0]}'


class Courier:
    """Packs what an attempt needs and unpacks what comes back.

    Args:
        is_reported: Whether the phases of each attempt are to be told.
        has_directory: Whether each worker has a current directory of its own.

    Raises:
        RemoteError: The arguments cannot travel.
    """

    def __init__(self, plan: Plan, setting: AttemptSettings, is_reported: bool, has_directory: bool = True) -> None:
        self._names = plan.names
        self._jobs = [step.job for step in plan.steps.values()]
        self._ledger = Ledger(self._names, plan.dependencies)
        self._setting = setting
        self._options = setting.no_act, is_reported, has_directory
        self._run = os.urandom(16)
        self._numbers = itertools.count()
        self._struck: set[int] = set()  # Jobs whose answer was being unpacked when an interrupt came
        try:
            self._args = dumps((setting.args, setting.kwargs))
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise RemoteError(f'the arguments of set_args() cannot travel: {error_words(error)}') from error

    def pack(self, index: int) -> bytes:
        """Return the bytes for an attempt of that Job.

        Raises:
            RemoteError: Its class cannot travel.
        """
        job_class = self._jobs[index]
        try:
            job, storage = dumps(job_class), dumps(self._ledger.storage_of(index))
            return dumps(Parcel((self._run, next(self._numbers)), job, self._args, storage, *self._options))
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise RemoteError(f'{self._names[index]!r} cannot travel: {error_words(error)}', job_class) from error

    def unpack(self, index: int, answer: bytes) -> AttemptResult:
        """Return what an attempt of that Job has to tell.

        Nothing but an interrupt is raised, and that once for each Job: if making its things again interrupts each time,
        that is the Job's error.
        """
        parts, unread = self._tried(index, _answer, answer)
        owed = outcome = failure = None
        reports: Sequence[PhaseReport] = ()
        if parts is not None:
            owed = None if parts.pending_cleanup is None else self._remade(index, parts.pending_cleanup)
            failure = self._write(index, parts.changes)
            told, unread = self._tried(index, _told, parts)
            outcome, reports = told or (None, ())
        if outcome is None:
            why: Any = unread
            if not is_interrupt(unread):
                why = RemoteError(f'what {self._names[index]!r} left cannot travel: {error_words(unread)}')
            outcome, reports = Outcome(State.FAILED, 1, None, why, {}), [PhaseReport('check', 0.0, None, why)]
        return AttemptResult(*failed_after(outcome, reports, failure), owed)

    def _tried(self, index: int, function: Callable[..., Any], *args: Any) -> tuple[Any, BaseException | None]:
        """Return what ``function`` returns and what it raises."""
        try:
            return function(*args), None
        except BaseException as error:
            if is_interrupt(error) and index not in self._struck:
                self._struck.add(index)
                raise
            return None, error

    def _write(self, index: int, pickled: bytes) -> Exception | None:
        """Let other Jobs see what this one changed, and return why not, if so."""
        changes, unread = self._tried(index, _loaded, pickled)
        if unread is None:
            conflict: StorageConflictError | None
            conflict, unread = self._tried(index, self._ledger.conflict, index, changes)
            if conflict is not None:
                return conflict
        if unread is not None:
            return RemoteError(f'what {self._names[index]!r} wrote cannot travel: {error_words(unread)}')
        values = {}  # for the Cleanups
        for key, written in changes.written.items():
            values[key], unread = self._tried(index, decode, written.value)
            if unread is not None:
                return cannot_travel(self._names[index], key, unread)
        self._ledger.note(index, changes)
        self._setting.global_storage.update(values)
        for key in changes.deleted:
            self._setting.global_storage.pop(key, None)
        return None

    def _remade(self, index: int, owed: bytes) -> Any:
        """Return an instance whose Cleanup can be called here: it has the attributes that the one there had."""
        job_class = self._jobs[index]
        job, unread = self._tried(index, self._unpickled_job, job_class, owed)
        if unread is not None:
            return _uncleanable(job_class, f'its storage cannot travel: {error_words(unread)}')
        return _uncleanable(job_class, f'{job}') if isinstance(job, RemoteError) else job

    def _unpickled_job(self, job_class: Any, owed: bytes) -> Any:
        job = _loaded(owed)
        if isinstance(job, RemoteError):
            return job
        if isinstance(job, tuple):
            state, job = job, job_class.__new__(job_class)
            restore(job, state)
        if 'global_storage' in attributes_of(job):
            attributes_of(job)['global_storage'] = self._setting.global_storage
        else:
            job.global_storage = self._setting.global_storage
        return job


def _uncleanable(job_class: Any, why: str) -> Any:
    def cleanup(_: object) -> None:
        raise RemoteError(f'{job_class.__name__} cannot be cleaned up: {why}', job_class)

    return type(job_class.__name__, (), {'Cleanup': cleanup})()


def _loaded(pickled: bytes) -> Any:
    return pickle.loads(pickled)  # noqa: S301 - what a worker of ours said


def _answer(pickled: bytes) -> Answer:
    answer = _loaded(pickled)
    if not isinstance(answer, Answer):
        raise TypeError(f'it is a {type(answer).__qualname__}')
    return answer


def _told(answer: Answer) -> tuple[Outcome, Sequence[PhaseReport]]:
    outcome, reports = _loaded(answer.told)
    errors = [outcome.exception, *(report.error for report in reports)]
    linked: set[int] = set()
    for error, text, chain in zip(errors, answer.tracebacks, answer.chains):
        if error is not None and id(error) not in linked:  # a RunonlyJob raises one of them twice
            linked.add(id(error))
            _link(error, text, chain)
    return outcome, reports


def _link(error: BaseException, text: str, chain: Chain | None) -> None:
    """Give ``error`` the causes and contexts that it had, and the traceback that it had as the first cause of all."""
    errors, links = [error], chain.links if chain else []
    for pickled in chain.errors if chain else ():
        try:
            errors.append(_loaded(pickled))
        except Exception as unread:
            errors.append(RemoteError(f'what was raised before cannot travel: {error_words(unread)}'))
    for each, (cause, context, suppress) in zip(errors, links):
        link(each, None if cause is None else errors[cause], None if context is None else errors[context], suppress)
    first = _first(error)
    link(first, RemoteTraceback(text), links_of(first)[1], True)


def _first(error: BaseException) -> BaseException:
    """Return the exception that a traceback of ``error`` shows first."""
    known = {id(error): error}
    while True:
        cause, context, suppress = links_of(error)
        earlier = cause if cause is not None else None if suppress else context
        if earlier is None or id(earlier) in known:
            return error
        known[id(earlier)] = error = earlier
