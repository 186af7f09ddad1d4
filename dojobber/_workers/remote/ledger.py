"""The writes of Jobs in other processes to ``global_storage``: which Jobs see them, and which conflict with them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Union

from ...errors import StorageConflictError
from .pickling import dumps, safe_repr
from .storage import Encoded, StorageDiff, Written, decode, same

_DELETED = object()

_IS_ONE = bytes(character == ord('1') for character in range(256))
"""Translates the digits of a binary number to zeros and ones, as ``itertools.compress()`` takes them."""

_MAX_LISTED = 32
"""The largest number of positions that are kept as a tuple; more are kept as bits."""

_Positions = Union[int, 'tuple[int, ...]']
"""Positions in a list: a tuple of them, or if there are many, an int in which their bits are set."""


class _LastWrite(NamedTuple):
    """The last write to a key."""

    job: int
    written: Written | None
    """None if the key was deleted."""


class Ledger:
    """The writes of the Jobs of one run. A Job is identified by its index in the plan.

    Each Job sees the writes of its direct and indirect dependencies. For each Job, the ledger stores only the set of
    these, until its last dependent has started: copying the storage for each Job would take quadratic memory.

    Args:
        names: The names of all Jobs, in plan order.
        dependencies: For each Job, the indexes of its direct dependencies.
    """

    def __init__(self, names: Sequence[str], dependencies: Sequence[Sequence[int]]) -> None:
        self._names, self._dependencies = names, dependencies
        self._dependents = Counter(
            itertools.chain.from_iterable(dependencies)
        )  # number of those not yet attempted, by Job
        self._writes: list[dict[Any, Encoded]] = []  # one dict for each Job, in the order of their first writes
        self._position_of: dict[int, int] = {}  # by Job: its position in self._writes
        self._inherited: dict[int, _Positions] = {}  # by Job: positions of all its dependencies, direct or not
        self._last: dict[Any, _LastWrite] = {}
        self._latest: tuple[int, dict[Any, Encoded]] = -1, {}  # the last Job queried, and the values it inherited
        self._has_deletions = False

    def storage_of(self, index: int) -> dict[Any, Encoded]:
        """Return the ``global_storage`` for an attempt of a Job that starts now."""
        positions = self._inherited.get(index)
        if positions is None:  # its first attempt
            positions = self._inherit(index)
        storage: dict[Any, Encoded] = {}
        previous, seen_by_previous = self._latest
        if self._dependencies[index] == (previous,):  # fast for long chains of Jobs
            storage.update(seen_by_previous)
            storage.update(self._writes_of(previous))
        else:
            for writes in self._writes_at(positions):  # if two Jobs wrote a key, the later one depends on the earlier
                storage.update(writes)
        self._latest = index, dict(storage)
        storage.update(self._writes_of(index))
        if self._has_deletions:
            return {key: value for key, value in storage.items() if value is not _DELETED}
        return storage

    def _writes_of(self, index: int) -> dict[Any, Encoded]:
        return self._writes[self._position_of[index]] if index in self._position_of else {}

    def _writes_at(self, positions: _Positions) -> Iterable[dict[Any, Encoded]]:
        if isinstance(positions, int):
            return itertools.compress(self._writes, bin(positions)[:1:-1].encode().translate(_IS_ONE))
        return [self._writes[position] for position in positions]

    def _inherit(self, index: int) -> _Positions:
        """Return the positions of all dependencies of a Job, and drop those that no later Job needs."""
        bits = 0
        listed: set[int] = set()
        for dependency in self._dependencies[index]:
            positions = self._inherited.get(dependency, ())
            if isinstance(positions, int):
                bits |= positions
            else:
                listed.update(positions)
            listed.update([self._position_of[dependency]] if dependency in self._position_of else ())
        inherited: _Positions = tuple(sorted(listed))
        if bits or len(listed) > _MAX_LISTED:
            packed = bytearray(len(self._writes) // 8 + 1)
            for position in listed:
                packed[position // 8] |= 1 << position % 8
            inherited = bits | int.from_bytes(packed, 'little')
        self._inherited[index] = inherited
        for dependency in self._dependencies[index]:
            self._dependents[dependency] -= 1
            if not self._dependents[dependency]:
                self._inherited.pop(dependency, None)
        return inherited

    def _sees(self, index: int, writer: int) -> bool:
        positions, position = self._inherited[index], self._position_of[writer]
        return bool(positions >> position & 1) if isinstance(positions, int) else position in positions

    def conflict(self, index: int, diff: StorageDiff) -> StorageConflictError | None:
        """Return an error if ``diff`` changes a key that was changed by a Job on which this Job does not depend."""
        deleted: Mapping[Any, None] = dict.fromkeys(diff.deleted)
        for key, written in {**deleted, **diff.written}.items():
            last = self._last.get(key)
            if last is None or last.job == index or self._sees(index, last.job):
                continue
            if written is None or last.written is None or not _agree(written, last.written):
                return self._error(key, last, index, written)
        return None

    def _error(self, key: Any, last: _LastWrite, index: int, written: Written | None) -> StorageConflictError:
        names = f'{self._names[last.job]!r} and {self._names[index]!r}'
        reason = f'{names} both write global_storage[{safe_repr(key)}], and neither depends on the other'
        remedy = 'order them by DEPS, or have each write a key of its own'
        if written and last.written and written.is_filled and last.written.is_filled:
            reason += (
                ' (both read an object and set attributes of it that were missing before, but not alike; if these only'
                ' cache computed values, exclude them in its __getstate__)'
            )
        return StorageConflictError(f'{reason}: {remedy}', key)

    def record(self, index: int, diff: StorageDiff) -> None:
        """Record the changes of a Job."""
        if diff.written or diff.deleted:
            position = self._position_of.setdefault(index, len(self._writes))
            if position == len(self._writes):
                self._writes.append({})
            self._writes[position].update({key: written.value for key, written in diff.written.items()})
            self._writes[position].update(dict.fromkeys(diff.deleted, _DELETED))
            self._last.update({key: _LastWrite(index, written) for key, written in diff.written.items()})
            self._last.update(dict.fromkeys(diff.deleted, _LastWrite(index, None)))
            self._has_deletions = self._has_deletions or bool(diff.deleted)


def _agree(first: Written, second: Written) -> bool:
    """Tell whether two Jobs only filled caches of one object, with equal values: then neither write is lost."""
    if not (first.is_filled and second.is_filled):
        return False
    if same(first.value, second.value):
        return True
    # Equal sets that were unpickled in one process are more likely to have the same order.
    return dumps(decode(first.value)) == dumps(decode(second.value))
