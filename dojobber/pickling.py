"""Pickling for other processes: classes and functions by value, and a check that an exception survives it."""

from __future__ import annotations

import functools
import io
import pickle
import types
from collections import Counter
from collections.abc import Iterator
from typing import Any

from .errors import RemoteError
from .job import Job
from .outcome import is_interrupt


def dumps(thing: Any) -> bytes:
    """Pickle ``thing``, classes and functions that cannot be imported elsewhere included."""
    buffer = io.BytesIO()
    _pickler()(buffer).dump(thing)
    return buffer.getvalue()


def picklable_or_error(thing: Any) -> Any:
    """Return ``thing``, or an error that describes it if a copy cannot be made, or is a different exception.

    An interrupt is replaced by an interrupt. Anything else raised here is an interrupt of this call.
    """
    is_error = isinstance(thing, BaseException)
    words = error_words(thing) if is_error else f'a {type(thing).__qualname__}'  # may interrupt: rather here than there
    try:
        arrived = pickle.loads(dumps(thing))  # noqa: S301 - pickled in the same line
        if is_error and not alike(thing, arrived):
            raise TypeError(f'it would arrive as {error_words(arrived)}')
    except BaseException as error:
        if is_interrupt(error):
            raise
        why = f'{words} (this cannot travel as it is: {error_words(error)})'
        return KeyboardInterrupt(why) if is_error and is_interrupt(thing) else RemoteError(why, words)
    return thing


def error_words(error: Any) -> str:
    """Return the type and message of an exception, whatever its ``__str__`` does."""
    return f'{type(error).__name__}: {_safely(str, error)}'


def safe_repr(thing: Any) -> str:
    """Return ``repr(thing)``, whatever its ``__repr__`` does."""
    return _safely(repr, thing)


def _safely(function: Any, thing: Any) -> str:
    try:
        return f'{function(thing)}'
    except BaseException as error:
        if is_interrupt(error):
            raise
        return '<unprintable>'


_MOST_COMPARED = 200  # members of a set; to compare them takes the square of that


def alike(thing: Any, copy: Any) -> bool:
    """Tell whether an exception arrived as it was, as far as its type, ``args`` and attributes are plain data.

    Only text, numbers, built-in containers and exceptions are compared by content. Objects of other classes are alike
    if they are of one class: they may be equal to nothing but themselves, and their ``repr()`` may hold an address. No
    method of theirs is called and the order of a set does not count, so the answer is always the same.
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
    """Compare two objects of one type without their members. Methods of derived classes are not called."""
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
    """Compare two sets, whose order differs from copy to copy."""
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
    """Yield what two objects of one type and size consist of, pairwise."""
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
            for member in vars(kind).values():
                if isinstance(member, types.MemberDescriptorType) and isinstance(other, kind):
                    pair = _value(member, one), _value(member, other)
                    if pair[0] is not None and pair[1] is not None:  # Python itself forgets some
                        yield pair


_ARGS: Any = vars(BaseException)['args']


def _value(member: Any, thing: Any) -> Any:
    try:
        return member.__get__(thing)
    except AttributeError:  # it is not set
        return None


def attributes_of(thing: Any) -> dict[str, Any]:
    """Return the ``__dict__`` of ``thing``; an empty dict if it has none."""
    try:
        found = object.__getattribute__(thing, '__dict__')
    except AttributeError:
        return {}
    return found if isinstance(found, dict) else {}


def links_of(error: BaseException) -> tuple[BaseException | None, BaseException | None, bool]:
    """Return cause, context and whether the context is suppressed, whatever the class makes of these names."""
    cause, context, suppress = (vars(BaseException)[name].__get__(error) for name in _LINKS)
    return cause, context, suppress


def link(error: BaseException, *links: Any) -> None:
    """Set cause, context and whether the context is suppressed, also where the class lets nothing be set."""
    for name, value in zip(_LINKS, links):
        vars(BaseException)[name].__set__(error, value)


_LINKS = ('__cause__', '__context__', '__suppress_context__')  # the last last: to set a cause suppresses the context


Slots = list[tuple[int, str, Any]]
"""Of each slot that is set: how far its class is from ``object``, its name in that class, and the value."""


def slots_of(thing: Any) -> Slots:
    """Return what ``__slots__`` of any of its classes hold."""
    found = []
    for depth, kind in enumerate(reversed(type(thing).__mro__)):
        members = vars(kind).items() if '__slots__' in vars(kind) else ()
        for name, member in members:
            if isinstance(member, types.MemberDescriptorType):
                try:
                    found.append((depth, name, member.__get__(thing)))
                except AttributeError:  # it is not set
                    continue
    return found


def restore(thing: Any, state: tuple[dict[str, Any], Slots]) -> None:
    """Set the attributes and slots of ``thing``, without asking its class, which may refuse."""
    attributes, slots = state
    attributes_of(thing).update(attributes)
    classes = type(thing).__mro__[::-1]
    for depth, name, value in slots:
        vars(classes[depth])[name].__set__(thing, value)


def _reduced_error(error: BaseException) -> Any:
    """Return how to pickle an exception: as its class says, and completely where its class says nothing.

    Python itself forgets ``__slots__``, and cannot restore the attributes of a class that refuses to have them set.
    """
    kind: Any = type(error)
    reduced = error.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    own = [kind.__reduce_ex__, kind.__reduce__, kind.__setstate__]
    if own != [object.__reduce_ex__, BaseException.__reduce__, BaseException.__setstate__]:
        return reduced
    state = attributes_of(error), slots_of(error)
    return (*reduced[:2], state, None, None, restore) if any(state) else reduced[:2]


def _keep_slots(kind: type, arguments: Any, attributes: dict[str, Any]) -> None:
    """Have a class sent by value made with its slots, which cloudpickle 3.1.3 forgets; with private ones it fails."""
    if len(arguments) > 3 and arguments[1] == kind.__name__ and isinstance(arguments[3], dict):
        slots = [name for name, member in vars(kind).items() if isinstance(member, types.MemberDescriptorType)]
        for name in slots:
            attributes.pop(name, None)
        attributes.pop('__slots__', None)  # maybe an iterator, and used up
        arguments[3]['__slots__'] = (*slots, *[name for name in ('__dict__', '__weakref__') if name in vars(kind)])


def _cached_property(function: Any, name: str | None) -> functools.cached_property[Any]:
    made = functools.cached_property(function)
    made.attrname = name
    return made


def _code_of(make: Any, arguments: Any, file: str) -> Any:
    """Return a code object with the name of its file, which cloudpickle 3.1.3 leaves out: tracebacks shall show it."""
    return make(*arguments).replace(co_filename=file)


@functools.cache
def _pickler() -> Any:
    import cloudpickle

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]  # has no types
        """Sends Jobs without their ``DEPS``, and so without the graph that hangs on each."""

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, BaseException):  # tblib, which Dask imports, would drop what __init__ has set
                return _reduced_error(obj)
            if isinstance(obj, types.CodeType):
                return _code_of, (*self.dispatch_table[types.CodeType](obj), obj.co_filename)
            if type(obj) is functools.cached_property:  # before Python 3.12 it holds a lock
                return _cached_property, (obj.func, obj.attrname)
            reduced = super().reducer_override(obj)
            if isinstance(obj, type) and isinstance(reduced, tuple) and len(reduced) > 2:  # a class sent by value
                attributes, _ = reduced[2]  # which are copies
                if issubclass(obj, Job):
                    attributes.pop('DEPS', None)
                if '__slots__' in vars(obj):
                    _keep_slots(obj, reduced[1], attributes)
            return reduced

    return Pickler
