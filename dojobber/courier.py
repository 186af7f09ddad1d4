"""Sends attempts to other processes and takes back what they left: the part of it that the caller's process does."""

from __future__ import annotations

import itertools
import os
import pickle
from typing import Any

from .attempt import Attempted, Setting
from .errors import RemoteError, StorageConflictError
from .outcome import Outcome, State
from .plan import Plan
from .remote import Changes, Parcel, cannot_travel, dumps, failed_after

Written = dict[Any, tuple[int, 'bytes | None']]
"""By key: the index of the Job that wrote it last, and what."""


class RemoteTraceback(Exception):  # noqa: N818 - it is only ever the cause of one
    """The cause of an exception that comes from a worker: what its traceback was there."""

    def __str__(self) -> str:
        return f'\n{self.args[0]}'


class Courier:
    """Packs what an attempt needs, unpacks what comes back, and keeps book of who wrote what into ``global_storage``.

    Args:
        is_reported: Whether the phases of each attempt are to be told.

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
        return Attempted(*failed_after(outcome, reports, self._write(index, changes)), owed)

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
                return cannot_travel(self._names[index], key, error)
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
