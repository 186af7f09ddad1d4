"""Who wrote what into ``global_storage`` in other processes, who sees it, and who may not write it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Union

from ...errors import StorageConflictError
from .pickling import dumps, safe_repr
from .storage import Changes, Encoded, Written, decode, same

_DELETED = object()
_BITS = bytes(character == ord('1') for character in range(256))


_FEW = 32

_Places = Union[int, 'tuple[int, ...]']
"""Places in a list: those of its bits that are set or, if they are few, the places themselves."""


class _Last(NamedTuple):
    """The last write to a key."""

    job: int
    written: Written | None
    """None if the key was deleted."""


class Ledger:
    """What the Jobs of one run wrote.

    Each Job sees what the Jobs that it depends on wrote, directly or not. Only which these are is kept, and only as
    long as a Job has still to be tried that may see it: a copy of the storage for each Job would take the square of
    their number.

    Args:
        names: The Jobs in plan order. A Job is meant by its index there.
        needs: By that index, those of the Jobs it depends on directly.
    """

    def __init__(self, names: Sequence[str], needs: Sequence[Sequence[int]]) -> None:
        self._names, self._needs = names, needs
        self._dependents = Counter(itertools.chain.from_iterable(needs))  # those that have not been tried yet
        self._writes: list[dict[Any, Encoded]] = []  # in the order of the first write of each Job
        self._place_of: dict[int, int] = {}  # by Job: its place in that list
        self._inherited: dict[int, _Places] = {}  # by Job: the places of what those that it depends on wrote
        self._last: dict[Any, _Last] = {}
        self._latest: tuple[int, dict[Any, Encoded]] = -1, {}  # a Job, and what those that it depends on wrote
        self._has_deletions = False

    def storage_of(self, index: int) -> dict[Any, Encoded]:
        """Return what a Job that is about to be tried finds in ``global_storage``."""
        seen = self._inherited.get(index)
        if seen is None:  # tried for the first time: those it depends on are done
            seen = self._inherit(index)
        storage: dict[Any, Encoded] = {}
        before, known = self._latest
        if self._needs[index] == [before]:  # a chain of Jobs: nearly the same again
            storage.update(known)
            storage.update(self._own_writes(before))
        else:
            for written in self._written_at(seen):  # of two writers of one key, the later one depends on the other
                storage.update(written)
        self._latest = index, dict(storage)
        storage.update(self._own_writes(index))
        if self._has_deletions:
            return {key: value for key, value in storage.items() if value is not _DELETED}
        return storage

    def _own_writes(self, index: int) -> dict[Any, Encoded]:
        return self._writes[self._place_of[index]] if index in self._place_of else {}

    def _written_at(self, places: _Places) -> Iterable[dict[Any, Encoded]]:
        if isinstance(places, int):
            return itertools.compress(self._writes, bin(places)[:1:-1].encode().translate(_BITS))
        return [self._writes[place] for place in places]

    def _inherit(self, index: int) -> _Places:
        many = 0
        few: set[int] = set()
        for need in self._needs[index]:
            places = self._inherited.get(need, ())
            if isinstance(places, int):
                many |= places
            else:
                few.update(places)
            few.update([self._place_of[need]] if need in self._place_of else ())
        seen: _Places = tuple(sorted(few))
        if many or len(few) > _FEW:
            bits = bytearray(len(self._writes) // 8 + 1)
            for place in few:
                bits[place // 8] |= 1 << place % 8
            seen = many | int.from_bytes(bits, 'little')
        self._inherited[index] = seen
        for need in self._needs[index]:
            self._dependents[need] -= 1
            if not self._dependents[need]:
                self._inherited.pop(need, None)
        return seen

    def _sees(self, index: int, writer: int) -> bool:
        places, place = self._inherited[index], self._place_of[writer]
        return bool(places >> place & 1) if isinstance(places, int) else place in places

    def conflict(self, index: int, changes: Changes) -> StorageConflictError | None:
        """Return the error of a Job that changed what another has changed, if neither depends on the other."""
        deleted: Mapping[Any, None] = dict.fromkeys(changes.deleted)
        for key, written in {**deleted, **changes.written}.items():
            last = self._last.get(key)
            if last is None or last.job == index or self._sees(index, last.job):
                continue
            if written is None or last.written is None or not _agree(written, last.written):
                return self._error(key, last, index, written)
        return None

    def _error(self, key: Any, last: _Last, index: int, written: Written | None) -> StorageConflictError:
        one, other = self._names[last.job], self._names[index]
        why = f'{one!r} and {other!r} both write global_storage[{safe_repr(key)}] and neither needs the other'
        remedy = 'order them by DEPS, or have each write a key of its own'
        if written and last.written and written.is_filled and last.written.is_filled:
            why += (
                ' (in an object that both read, they left different attributes that were not there before; if it'
                ' only keeps what it has computed, let its __getstate__ leave that out)'
            )
        return StorageConflictError(f'{why}: {remedy}', key)

    def note(self, index: int, changes: Changes) -> None:
        """Note what a Job changed."""
        if changes.written or changes.deleted:
            place = self._place_of.setdefault(index, len(self._writes))
            if place == len(self._writes):
                self._writes.append({})
            self._writes[place].update({key: written.value for key, written in changes.written.items()})
            self._writes[place].update(dict.fromkeys(changes.deleted, _DELETED))
            self._last.update({key: _Last(index, written) for key, written in changes.written.items()})
            self._last.update(dict.fromkeys(changes.deleted, _Last(index, None)))
            self._has_deletions = self._has_deletions or bool(changes.deleted)


def _agree(one: Written, other: Written) -> bool:
    """Tell whether two Jobs only used one object and left it in the same state, so that nothing is lost."""
    if not (one.is_filled and other.is_filled):
        return False
    if same(one.value, other.value):
        return True
    return dumps(decode(one.value)) == dumps(decode(other.value))  # made here, sets are more likely in one order
