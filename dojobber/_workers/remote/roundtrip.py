"""Whether an object survives pickling unchanged."""

from __future__ import annotations

import pickle
import types
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...errors import RemoteError
from ...outcome import is_interrupt
from .pickling import attributes_of, dumps, error_words


def picklable_or_error(thing: Any) -> Any:
    """Return ``thing`` if it survives pickling, and as an exception unchanged; else a RemoteError that describes it.

    A KeyboardInterrupt replaces an interrupt. This function raises nothing but interrupts.
    """
    is_error = isinstance(thing, BaseException)
    description = error_words(thing) if is_error else f'a {type(thing).__qualname__}'
    try:
        copy = pickle.loads(dumps(thing))  # noqa: S301 - pickled in the same line
        if is_error and not alike(thing, copy):
            raise TypeError(f'it would arrive as {error_words(copy)}')
    except BaseException as error:
        if is_interrupt(error):
            raise
        text = f'{description} (which cannot be sent unchanged: {error_words(error)})'
        return KeyboardInterrupt(text) if is_error and is_interrupt(thing) else RemoteError(text, description)
    return thing


_MOST_COMPARED = 200  # members of a set, since comparing them takes quadratic time


def alike(thing: Any, copy: Any) -> bool:
    """Tell whether the copy of an exception equals it in its type, ``args`` and attributes, as far as they are data.

    Text, numbers, built-in containers and exceptions are compared by content. Objects of other classes are alike if
    their classes are: they may be equal only to themselves, and their ``repr()`` may contain an address. No method of
    theirs is called and the order of sets is ignored, so that the answer is always the same.
    """
    pairs, known = [(thing, copy)], set()
    while pairs:
        one, other = pairs.pop()
        if one is other or (id(one), id(other)) in known:
            continue
        known.add((id(one), id(other)))
        if not _same_type(one, other) or not _same_data(one, other):
            return False
        pairs += _members(one, other)
    return True


def _same_type(one: Any, other: Any) -> bool:
    names = [(kind.__module__, kind.__qualname__) for kind in (type(one), type(other))]
    return type(one) is type(other) or names[0] == names[1]


def _same_data(one: Any, other: Any) -> bool:
    """Compare two objects of one type without their members, and without calling methods of derived classes."""
    kind: Any = next((kind for kind in _DATA if isinstance(one, kind)), None)
    if kind in (tuple, list, dict):
        return bool(kind.__len__(one) == kind.__len__(other))
    if kind in (set, frozenset):
        return _same_members(list(kind.__iter__(one)), list(kind.__iter__(other)))
    if kind in (float, complex) and not kind.__eq__(one, one):  # not a number
        return not kind.__eq__(other, other)
    return kind is None or bool(kind.__eq__(one, other))


_DATA = (str, bytes, bytearray, int, float, complex, tuple, list, dict, set, frozenset)


def _same_members(ones: list[Any], others: list[Any]) -> bool:
    """Compare the members of two sets, which may be in any order."""
    texts = [{each for each in members if type(each) in (str, bytes, int)} for members in (ones, others)]
    if len(ones) != len(others) or texts[0] != texts[1]:
        return False
    left = [each for each in others if type(each) not in (str, bytes, int)]
    if len(left) > _MOST_COMPARED:
        return Counter(map(type, ones)) == Counter(map(type, others))
    for one in ones:
        if type(one) not in (str, bytes, int):
            found = next((place for place, other in enumerate(left) if alike(one, other)), None)
            if found is None:
                return False
            del left[found]
    return True


def _members(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the members of two objects of one type and size, in pairs."""
    for base in tuple, list:
        if isinstance(one, base):
            yield from zip(base.__iter__(one), base.__iter__(other))
    if isinstance(one, dict):
        yield from zip(dict.__iter__(one), dict.__iter__(other))
        yield from zip(dict.values(one), dict.values(other))
    if isinstance(one, BaseException):
        yield _ARGS.__get__(one), _ARGS.__get__(other)
        attributes = attributes_of(other)
        yield from [(value, attributes[name]) for name, value in attributes_of(one).items() if name in attributes]
        for kind in type(one).__mro__:
            members = () if kind is BaseException else vars(kind).values()  # its only one is __suppress_context__
            for member in members:
                if isinstance(member, types.MemberDescriptorType) and isinstance(other, kind):
                    pair = _value(member, one), _value(member, other)
                    if pair[0] is not None and pair[1] is not None:  # Python's own pickling loses some
                        yield pair


_ARGS: Any = vars(BaseException)['args']


def _value(member: Any, thing: Any) -> Any:
    try:
        return member.__get__(thing)
    except AttributeError:  # it is not set
        return None
