"""``global_storage`` in another process: a dict that unpickles values when they are read and finds its changes."""

from __future__ import annotations

import itertools
import operator
import pickle
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...errors import RemoteError
from ...outcome import is_interrupt
from .pickling import attributes_of, dumps, safe_error_line, safe_repr, slots_of

Encoded = Any
"""A value as it is sent: a str, int, bool or None unchanged, everything else pickled, as bytes."""

_PLAIN = (str, int, bool, type(None))


class Written(NamedTuple):
    """A value that a Job has written."""

    value: Encoded
    is_filled: bool = False
    """Whether the Job only read the value, and only attributes that were missing or None are set now, as in a cache."""


class StorageDiff(NamedTuple):
    """The changes of an attempt to ``global_storage``: the written values by key, and the deleted keys."""

    written: dict[Any, Written]
    deleted: tuple[Any, ...]


def encode(value: Any) -> Encoded:
    """Return ``value`` in the form in which it is sent."""
    return value if type(value) in _PLAIN else dumps(value)


def decode(encoded: Encoded) -> Any:
    """Return the value that was encoded."""
    return pickle.loads(encoded) if type(encoded) is bytes else encoded  # noqa: S301 - from a process of the run


def same(first: Encoded, second: Encoded) -> bool:
    """Tell whether two encoded values have one type and are equal."""
    return type(first) is type(second) and bool(first == second)


def unsendable_value_error(name: str, key: Any, error: BaseException) -> RemoteError:
    """Return the error of a Job that has written a value that cannot be pickled."""
    value = f'a value to global_storage[{safe_repr(key)}]'
    return RemoteError(f'{name!r} wrote {value} that cannot be sent: {safe_error_line(error)}', name)


class _Unread:
    """Placeholder for a value that has not been read. It is copied and pickled as that value."""

    __slots__ = ('pickled',)

    def __init__(self, pickled: bytes) -> None:
        self.pickled = pickled

    def __reduce__(self) -> Any:
        return pickle.loads, (self.pickled,)

    def __repr__(self) -> str:
        return '<a value of global_storage that was not read: pass dict(self.global_storage) instead>'


_MISSING = object()


class LazyStorage(dict[Any, Any]):
    """The ``global_storage`` of an attempt in another process.

    It is a dict that unpickles each value when it is first read. Methods that return several values read all of them.
    Copies and pickles are plain dicts. Even ``dict(storage)``, ``{**storage}`` and ``other.update(storage)``, which
    access dicts directly, call the methods here, because ``__iter__`` is overridden. Only C code that reads a dict
    without its methods, and ``dict.get(storage, key)``, may find placeholders; pass ``dict(storage)`` there.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return a plain dict: some libraries create a dict of the same class as another."""
        return dict(*args, **kwargs)

    @classmethod
    def received(cls, sent: dict[Any, Encoded]) -> LazyStorage:
        """Return a storage with the encoded values in ``sent``, which now belongs to it."""
        storage: LazyStorage = dict.__new__(cls)
        storage._receive(sent)
        return storage

    def _receive(self, sent: dict[Any, Encoded]) -> None:
        are_pickled = map(operator.is_, map(type, sent.values()), itertools.repeat(bytes))
        for key in list(itertools.compress(sent, are_pickled)):  # in C, since there may be thousands of plain values
            sent[key] = _Unread(sent[key])
        dict.update(self, sent)
        self._sent = sent
        self._read: dict[Any, tuple[Any, bytes]] = {}  # by key: the value and its pickle just after unpickling
        self._lock = threading.RLock()

    def _decoded(self, key: Any, raw: Any) -> Any:
        if type(raw) is not _Unread:
            return raw
        with self._lock:
            raw = dict.get(self, key, raw)  # another thread may have read the value meanwhile
            if type(raw) is not _Unread:
                return raw
            try:
                value = pickle.loads(raw.pickled)  # noqa: S301 - from a process of the run
            except BaseException as error:
                if is_interrupt(error):
                    raise
                reason = f'global_storage[{safe_repr(key)}] cannot be read in a worker: {safe_error_line(error)}'
                raise RemoteError(reason, key) from error
            self._read[key] = value, _pickled_or_empty(value)
            dict.__setitem__(self, key, value)
        return value

    def _read_all(self) -> LazyStorage:
        for key, raw in list(dict.items(self)):
            self._decoded(key, raw)
        return self

    def __getitem__(self, key: Any) -> Any:
        return self._decoded(key, dict.__getitem__(self, key))

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value, or ``default``."""
        return self._decoded(key, dict.get(self, key, default))

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value; set it to ``default`` first if there is none."""
        return self._decoded(key, dict.setdefault(self, key, default))

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove the key and return its value."""
        if key in self:
            self[key]
        return dict.pop(self, key, *default)

    def popitem(self) -> tuple[Any, Any]:
        """Remove the last key and return it with its value."""
        for key in reversed(self):
            return key, self.pop(key)
        return dict.popitem(self)  # raises KeyError

    def __iter__(self) -> Iterator[Any]:
        return dict.__iter__(self)

    def values(self) -> Any:
        """Return a view of the values, all of them read."""
        return dict.values(self._read_all())

    def items(self) -> Any:
        """Return a view of the keys and values, all of them read."""
        return dict.items(self._read_all())

    def copy(self) -> dict[Any, Any]:
        """Return a plain dict, with all values read."""
        return dict(self)

    __copy__ = copy

    def __or__(self, other: Any) -> Any:
        return dict(self) | other

    def __ror__(self, other: Any) -> Any:
        return other | dict(self) if isinstance(other, dict) else NotImplemented

    def __eq__(self, other: object) -> bool:
        return dict.__eq__(self._read_all(), other._read_all() if isinstance(other, LazyStorage) else other)

    __ne__ = object.__ne__

    def __repr__(self) -> str:
        return dict.__repr__(self._read_all())

    def __reduce_ex__(self, _: object) -> Any:
        return dict, (), None, None, iter(self.items())  # items come last, since it may contain itself

    def diff(self, name: str) -> tuple[StorageDiff, RemoteError | None]:
        """Return the changes by the Job called ``name``, and the error of a value that cannot be sent, if any."""
        written: dict[Any, Written] = {}
        failure = None
        touched, deleted = self._touched()
        for key in touched:
            try:
                change = self._change(key, dict.__getitem__(self, key))
            except BaseException as error:
                if is_interrupt(error):
                    raise
                failure = unsendable_value_error(name, key, error)
            else:
                if change is not None:
                    written[key] = change
        return StorageDiff(written, tuple(deleted)), failure

    def _touched(self) -> tuple[list[Any], list[Any]]:
        """Return the keys of values that were read or set, and the deleted keys.

        Values may have been set without the methods here, so this compares all of them. It does so in C.
        """
        keys, sent = list(self), list(self._sent)
        if keys[: len(sent)] == sent:
            touched = list(itertools.compress(keys, map(operator.is_not, dict.values(self), self._sent.values())))
            return touched + keys[len(sent) :], []
        touched = [key for key, raw in dict.items(self) if raw is not self._sent.get(key, _MISSING)]
        return touched, [key for key in sent if not dict.__contains__(self, key)]

    def _change(self, key: Any, value: Any) -> Written | None:
        read, before = self._read.get(key, (_MISSING, b''))
        if read is value and not before:
            return None  # it cannot be pickled, so whether it has changed is unknown
        encoded = encode(value)
        # Fail here, not in the caller, if the key or the value cannot be unpickled.
        pickle.loads(dumps(key))  # noqa: S301 - pickled in the same line
        decode(encoded)
        sent = self._sent.get(key, _MISSING)
        if same(encoded, sent.pickled if type(sent) is _Unread else sent) or same(encoded, before):
            return None
        return Written(encoded, read is value and only_filled(decode(before), value))


def _pickled_or_empty(value: Any) -> bytes:
    try:
        return dumps(value)
    except BaseException as error:
        if is_interrupt(error):
            raise
        return b''


def only_filled(old: Any, new: Any) -> bool:
    """Tell whether two objects differ only in attributes that are missing or None in the old one.

    Objects that cache computed values change like this.
    """
    try:
        return _is_filled(old, new)
    except BaseException as error:  # raised by a property, or a RecursionError
        if is_interrupt(error):
            raise
        return False


def _is_filled(old: Any, new: Any) -> bool:
    if type(old) is not type(new):
        return False
    for kind in list, tuple:
        if isinstance(old, kind):
            pairs = zip(kind.__iter__(old), kind.__iter__(new))
            return kind.__len__(old) == kind.__len__(new) and all(_is_filled(*pair) for pair in pairs)
    if isinstance(old, dict):
        return len(old) == len(new) and all(key in new and _is_filled(old[key], new[key]) for key in old)
    before, after = _all_attributes(old), _all_attributes(new)
    if not before and not after:
        return dumps(old) == dumps(new)
    return all(
        name in after and (value is None or value is after[name] or _is_filled(value, after[name]))
        for name, value in before.items()
    )


def _all_attributes(instance: Any) -> dict[Any, Any]:
    return {**attributes_of(instance), **{(depth, name): value for depth, name, value in slots_of(instance)}}
