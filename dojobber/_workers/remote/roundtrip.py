"""Finds out whether an object survives pickling unchanged."""

from __future__ import annotations

import pickle
import types
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...errors import RemoteError
from ...job import GiveUp, Skip
from ...outcome import is_interrupt
from .pickling import attributes_of, dumps, safe_error_line


def picklable_or_error(value: Any) -> Any:
    """Return ``value`` if it survives pickling, else a RemoteError that describes it.

    An exception survives only if its copy is alike. An interrupt that does not survive becomes a KeyboardInterrupt
    instead, a GiveUp a plain GiveUp, and a Skip a plain Skip.
    This function raises nothing but interrupts.
    """
    is_error = isinstance(value, BaseException)
    description = safe_error_line(value) if is_error else f'a {type(value).__qualname__}'
    try:
        copy = pickle.loads(dumps(value))  # noqa: S301 - pickled in the same line
        if is_error and not alike(value, copy):
            raise TypeError(f'it would arrive as {safe_error_line(copy)}')
    except BaseException as error:
        if is_interrupt(error):
            raise
        text = f'{description} (which cannot be sent unchanged: {safe_error_line(error)})'
        if is_error and is_interrupt(value):
            return KeyboardInterrupt(text)
        kind = next((kind for kind in (GiveUp, Skip) if issubclass(type(value), kind)), None)
        return kind(text) if kind else RemoteError(text, description)
    return value


_MAX_COMPARED = 200  # members of a set, since comparing them takes quadratic time


def alike(value: Any, copy: Any) -> bool:
    """Tell whether the copy of an exception equals it in its type, ``args`` and attributes, as far as they are data.

    Text, numbers, built-in containers and exceptions are compared by content. Objects of other classes are alike if
    their classes are: they may be equal only to themselves, and their ``repr()`` may contain an address. No method of
    theirs is called and the order of sets is ignored, so that the verdict is always the same.
    """
    pairs, known = [(value, copy)], set()
    while pairs:
        first, second = pairs.pop()
        if first is second or (id(first), id(second)) in known:
            continue
        known.add((id(first), id(second)))
        if not _same_type(first, second) or not _same_data(first, second):
            return False
        pairs += _members(first, second)
    return True


def _same_type(first: Any, second: Any) -> bool:
    names = [(kind.__module__, kind.__qualname__) for kind in (type(first), type(second))]
    return names[0] == names[1]


def _same_data(first: Any, second: Any) -> bool:
    """Compare two objects of one type without their members, and without calling methods of derived classes."""
    kind: Any = next((kind for kind in _DATA if isinstance(first, kind)), None)
    if kind in (tuple, list, dict):
        return bool(kind.__len__(first) == kind.__len__(second))
    if kind in (set, frozenset):
        return _same_members(list(kind.__iter__(first)), list(kind.__iter__(second)))
    if kind in (float, complex) and not kind.__eq__(first, first):  # not a number
        return not kind.__eq__(second, second)
    return kind is None or bool(kind.__eq__(first, second))


_DATA = (str, bytes, bytearray, int, float, complex, tuple, list, dict, set, frozenset)


def _same_members(members: list[Any], other_members: list[Any]) -> bool:
    """Compare the members of two sets, which may be in any order."""
    simple = {member for member in members if type(member) in _SIMPLE}
    if len(members) != len(other_members) or simple != {other for other in other_members if type(other) in _SIMPLE}:
        return False
    unmatched = [member for member in other_members if type(member) not in _SIMPLE]
    if len(unmatched) > _MAX_COMPARED:
        return Counter(map(type, members)) == Counter(map(type, other_members))
    for member in members:
        if type(member) not in _SIMPLE:
            match = next((index for index, other in enumerate(unmatched) if alike(member, other)), None)
            if match is None:
                return False
            del unmatched[match]
    return True


_SIMPLE = (str, bytes, int)


def _members(first: Any, second: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the members of two objects of one type and size, in pairs."""
    for base in tuple, list:
        if isinstance(first, base):
            yield from zip(base.__iter__(first), base.__iter__(second))
    if isinstance(first, dict):
        yield from zip(dict.__iter__(first), dict.__iter__(second))
        yield from zip(dict.values(first), dict.values(second))
    if isinstance(first, BaseException):
        yield _ARGS.__get__(first), _ARGS.__get__(second)
        attributes = attributes_of(second)
        yield from [(value, attributes[name]) for name, value in attributes_of(first).items() if name in attributes]
        for kind in type(first).__mro__:
            members = () if kind is BaseException else vars(kind).values()  # BaseException has __suppress_context__
            for member in members:
                if isinstance(member, types.MemberDescriptorType) and isinstance(second, kind):
                    pair = _value(member, first), _value(member, second)
                    if pair[0] is not None and pair[1] is not None:  # exceptions of Python lose some in pickling
                        yield pair


_ARGS: Any = vars(BaseException)['args']


def _value(member: Any, error: Any) -> Any:
    try:
        return member.__get__(error)
    except AttributeError:  # it is not set
        return None
