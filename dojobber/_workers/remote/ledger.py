"""What Jobs in other processes have written to ``global_storage``, and which Jobs see it or conflict with it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Union

from ...errors import StorageConflictError
from .pickling import dumps, safe_repr
from .storage import Encoded, StorageDiff, Written, decode, same

_DELETED = object()
_BITS = bytes(character == ord('1') for character in range(256))


_FEW = 32

_Positions = Union[int, 'tuple[int, ...]']
"""Positions in a list: the bits that are set, or if they are few, the positions themselves."""


class _Last(NamedTuple):
    """The last write to a key."""

    job: int
    written: Written | None
    """None if the key was deleted."""


class Ledger:
    """What the Jobs of one run have written, by the index of the Job in the plan.

    Each Job sees what its direct and indirect dependencies have written. The ledger keeps only which Jobs these are,
    and only while a dependent may still need it: a copy of the storage per Job would take quadratic memory.

    Args:
        names: Of all Jobs, in plan order.
        dependencies: For each Job, the indexes of its direct dependencies.
    """

    def __init__(self, names: Sequence[str], dependencies: Sequence[Sequence[int]]) -> None:
        self._names, self._dependencies = names, dependencies
        self._dependents = Counter(itertools.chain.from_iterable(dependencies))  # those not attempted yet
        self._writes: list[dict[Any, Encoded]] = []  # one dict for each Job, in the order of their first writes
        self._position_of: dict[int, int] = {}  # by Job: its position in self._writes
        self._inherited: dict[int, _Positions] = {}  # by Job: positions of all its dependencies, direct or not
        self._last: dict[Any, _Last] = {}
        self._latest: tuple[int, dict[Any, Encoded]] = -1, {}  # a Job, and what its dependencies have written
        self._has_deletions = False

    def storage_of(self, index: int) -> dict[Any, Encoded]:
        """Return what a Job finds in ``global_storage`` when it is attempted now."""
        positions = self._inherited.get(index)
        if positions is None:  # its first attempt
            positions = self._inherit(index)
        storage: dict[Any, Encoded] = {}
        before, known = self._latest
        if self._dependencies[index] == (before,):  # a chain of Jobs: nearly the same again
            storage.update(known)
            storage.update(self._own_writes(before))
        else:
            for written in self._written_at(positions):  # of two writers of a key, the later depends on the earlier
                storage.update(written)
        self._latest = index, dict(storage)
        storage.update(self._own_writes(index))
        if self._has_deletions:
            return {key: value for key, value in storage.items() if value is not _DELETED}
        return storage

    def _own_writes(self, index: int) -> dict[Any, Encoded]:
        return self._writes[self._position_of[index]] if index in self._position_of else {}

    def _written_at(self, positions: _Positions) -> Iterable[dict[Any, Encoded]]:
        if isinstance(positions, int):
            return itertools.compress(self._writes, bin(positions)[:1:-1].encode().translate(_BITS))
        return [self._writes[position] for position in positions]

    def _inherit(self, index: int) -> _Positions:
        many = 0
        few: set[int] = set()
        for dependency in self._dependencies[index]:
            positions = self._inherited.get(dependency, ())
            if isinstance(positions, int):
                many |= positions
            else:
                few.update(positions)
            few.update([self._position_of[dependency]] if dependency in self._position_of else ())
        inherited: _Positions = tuple(sorted(few))
        if many or len(few) > _FEW:
            bits = bytearray(len(self._writes) // 8 + 1)
            for position in few:
                bits[position // 8] |= 1 << position % 8
            inherited = many | int.from_bytes(bits, 'little')
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
        """Return the error of a Job that has changed what another Job has changed, if neither depends on the other."""
        deleted: Mapping[Any, None] = dict.fromkeys(diff.deleted)
        for key, written in {**deleted, **diff.written}.items():
            last = self._last.get(key)
            if last is None or last.job == index or self._sees(index, last.job):
                continue
            if written is None or last.written is None or not _agree(written, last.written):
                return self._error(key, last, index, written)
        return None

    def _error(self, key: Any, last: _Last, index: int, written: Written | None) -> StorageConflictError:
        one, other = self._names[last.job], self._names[index]
        reason = f'{one!r} and {other!r} both write global_storage[{safe_repr(key)}], and neither depends on the other'
        remedy = 'order them by DEPS, or have each write a key of its own'
        if written and last.written and written.is_filled and last.written.is_filled:
            reason += (
                ' (both read an object and set different attributes of it that were missing before; if it only caches'
                ' what it computes, exclude that in its __getstate__)'
            )
        return StorageConflictError(f'{reason}: {remedy}', key)

    def record(self, index: int, diff: StorageDiff) -> None:
        """Record what a Job has changed."""
        if diff.written or diff.deleted:
            position = self._position_of.setdefault(index, len(self._writes))
            if position == len(self._writes):
                self._writes.append({})
            self._writes[position].update({key: written.value for key, written in diff.written.items()})
            self._writes[position].update(dict.fromkeys(diff.deleted, _DELETED))
            self._last.update({key: _Last(index, written) for key, written in diff.written.items()})
            self._last.update(dict.fromkeys(diff.deleted, _Last(index, None)))
            self._has_deletions = self._has_deletions or bool(diff.deleted)


def _agree(one: Written, other: Written) -> bool:
    """Tell whether two Jobs have only filled the caches of one object, and alike, so that nothing is lost."""
    if not (one.is_filled and other.is_filled):
        return False
    if same(one.value, other.value):
        return True
    return dumps(decode(one.value)) == dumps(
        decode(other.value)
    )  # unpickled here, equal sets are more likely to have one order
