"""Pickling for other processes: classes and functions by value, exceptions completely."""

from __future__ import annotations

import functools
import io
import os
import pickle
import types
from typing import Any
from weakref import WeakKeyDictionary

from ...job import Job
from ...outcome import is_interrupt
from .late import reduce_late


def dumps(thing: Any) -> bytes:
    """Pickle ``thing``, including classes and functions that other processes cannot import."""
    buffer = io.BytesIO()
    _pickler()(buffer).dump(thing)
    return buffer.getvalue()


def error_words(error: Any) -> str:
    """Return the type and message of an exception. Raises nothing but an interrupt from its ``__str__``."""
    return f'{type(error).__name__}: {_safely(str, error)}'


def safe_repr(thing: Any) -> str:
    """Return ``repr(thing)``. Raises nothing but an interrupt from its ``__repr__``."""
    return _safely(repr, thing)


def _safely(function: Any, thing: Any) -> str:
    try:
        return f'{function(thing)}'
    except BaseException as error:
        if is_interrupt(error):
            raise
        return '<unprintable>'


def attributes_of(thing: Any) -> dict[str, Any]:
    """Return the ``__dict__`` of ``thing``; an empty dict if it has none."""
    try:
        found = object.__getattribute__(thing, '__dict__')
    except AttributeError:
        return {}
    return found if isinstance(found, dict) else {}


def links_of(error: BaseException) -> tuple[BaseException | None, BaseException | None, bool]:
    """Return cause, context and whether the context is suppressed, even if the class redefines these names."""
    cause, context, suppress = (vars(BaseException)[name].__get__(error) for name in _LINKS)
    return cause, context, suppress


def link(error: BaseException, *links: Any) -> None:
    """Set cause, context and whether the context is suppressed, even if the class refuses assignment."""
    for name, value in zip(_LINKS, links):
        vars(BaseException)[name].__set__(error, value)


_LINKS = ('__cause__', '__context__', '__suppress_context__')  # in this order: setting a cause suppresses the context


Slots = list[tuple[int, str, Any]]
"""For each slot that is set: the distance of its class from ``object``, its name in that class, and the value."""


def slots_of(thing: Any) -> Slots:
    """Return the slots of all classes of ``thing`` that are set."""
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
    """Set the attributes and slots of ``thing``, even if its class refuses assignment."""
    attributes, slots = state
    attributes_of(thing).update(attributes)
    classes = type(thing).__mro__[::-1]
    for depth, name, value in slots:
        vars(classes[depth])[name].__set__(thing, value)


def _reduced_error(error: BaseException) -> Any:
    """Return how to pickle an exception: as its class defines it, or else completely.

    Python loses ``__slots__`` and cannot restore attributes of classes that refuse assignment.
    """
    kind: Any = type(error)
    reduced = error.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    own = [kind.__reduce_ex__, kind.__reduce__, kind.__setstate__]
    if own != [object.__reduce_ex__, BaseException.__reduce__, BaseException.__setstate__]:
        return reduced
    state = attributes_of(error), slots_of(error)
    return (*reduced[:2], state, None, None, restore) if any(state) else reduced[:2]


_defined_in: WeakKeyDictionary[type, int] = WeakKeyDictionary()
"""By class that was pickled by value: ID of the process that sent it first, 0 if it was received."""


def _fill_class(kind: type, state: Any) -> None:
    """Set the attributes of a class that was received. In the process that defined it, leave it as it is."""
    fill, attributes = state
    if _defined_in.setdefault(kind, 0) != os.getpid():
        fill(kind, attributes)


def _keep_slots(kind: type, arguments: Any, attributes: dict[str, Any]) -> None:
    """Keep the slots of a class pickled by value: cloudpickle 3.1.3 loses them, and fails on private ones."""
    if len(arguments) > 3 and arguments[1] == kind.__name__ and isinstance(arguments[3], dict):
        slots = [name for name, member in vars(kind).items() if isinstance(member, types.MemberDescriptorType)]
        for name in slots:
            attributes.pop(name, None)
        attributes.pop('__slots__', None)  # may be an exhausted iterator
        arguments[3]['__slots__'] = (*slots, *[name for name in ('__dict__', '__weakref__') if name in vars(kind)])


def _cached_property(function: Any, name: str | None) -> functools.cached_property[Any]:
    made = functools.cached_property(function)
    made.attrname = name
    return made


def _code_of(make: Any, arguments: Any, file: str) -> Any:
    """Return a code object with its file name, which tracebacks show and cloudpickle 3.1.3 leaves out."""
    return make(*arguments).replace(co_filename=file)


@functools.cache
def _pickler() -> Any:
    import cloudpickle

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]  # has no types
        """Pickles Jobs without their ``DEPS``, and so without the graph below each."""

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, BaseException):  # tblib, which Dask imports, would lose attributes
                return _reduced_error(obj)
            if isinstance(obj, types.CodeType):
                return _code_of, (*self.dispatch_table[types.CodeType](obj), obj.co_filename)
            if type(obj) is functools.cached_property:  # before Python 3.12 it holds a lock
                return _cached_property, (obj.func, obj.attrname)
            reduced = reduce_late(obj, super().reducer_override)
            if isinstance(obj, type) and isinstance(reduced, tuple) and len(reduced) > 2:  # a class pickled by value
                attributes, _ = reduced[2]  # copies
                if issubclass(obj, Job):
                    attributes.pop('DEPS', None)
                if '__slots__' in vars(obj):
                    _keep_slots(obj, reduced[1], attributes)
                if len(reduced) == 6:
                    _defined_in.setdefault(obj, os.getpid())
                    reduced = (*reduced[:2], (reduced[5], reduced[2]), *reduced[3:5], _fill_class)
            return reduced

    return Pickler
