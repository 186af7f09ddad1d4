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
from .deferred import reduce_deferred


def dumps(value: Any) -> bytes:
    """Pickle ``value``, including classes and functions that other processes cannot import."""
    buffer = io.BytesIO()
    _pickler()(buffer).dump(value)
    return buffer.getvalue()


def safe_error_line(error: Any) -> str:
    """Return the type and message of an exception. Raise only an interrupt of its ``__str__``.

    ``text.error_line`` would also raise SystemExit, which must fail the Job here and not end the run.
    """
    return f'{type(error).__name__}: {_safe_text(str, error)}'


def safe_repr(value: Any) -> str:
    """Return ``repr(value)``. Raise only an interrupt of its ``__repr__``, unlike ``text.value_text``."""
    return _safe_text(repr, value)


def _safe_text(function: Any, value: Any) -> str:
    try:
        return f'{function(value)}'
    except BaseException as error:
        if is_interrupt(error):
            raise
        return '<unprintable>'


def attributes_of(value: Any) -> dict[str, Any]:
    """Return the ``__dict__`` of ``value``; an empty dict if it has none."""
    try:
        attributes = object.__getattribute__(value, '__dict__')
    except AttributeError:
        return {}
    return attributes if isinstance(attributes, dict) else {}


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


def slots_of(value: Any) -> Slots:
    """Return the slots of ``value`` that are set, those of its base classes included."""
    slots = []
    for depth, kind in enumerate(reversed(type(value).__mro__)):
        members = vars(kind).items() if '__slots__' in vars(kind) else ()
        for name, member in members:
            if isinstance(member, types.MemberDescriptorType):
                try:
                    slots.append((depth, name, member.__get__(value)))
                except AttributeError:  # it is not set
                    continue
    return slots


def restore(instance: Any, state: tuple[dict[str, Any], Slots]) -> None:
    """Set the attributes and slots of ``instance``, even if its class refuses assignment."""
    attributes, slots = state
    attributes_of(instance).update(attributes)
    classes = type(instance).__mro__[::-1]
    for depth, name, value in slots:
        vars(classes[depth])[name].__set__(instance, value)


def _reduced_error(error: BaseException) -> Any:
    """Return the reduction of an exception: that of its class if it defines one, else one with its whole state.

    Python's own reduction loses ``__slots__`` and cannot restore the attributes of classes that refuse assignment.
    """
    kind: Any = type(error)
    reduced = error.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    own = [kind.__reduce_ex__, kind.__reduce__, kind.__setstate__]
    if own != [object.__reduce_ex__, BaseException.__reduce__, BaseException.__setstate__]:
        return reduced
    state = attributes_of(error), slots_of(error)
    return (*reduced[:2], state, None, None, restore) if any(state) else reduced[:2]


_defined_in: WeakKeyDictionary[type, int] = WeakKeyDictionary()
"""For each class pickled by value, the ID of the process that sent it first; 0 in processes that received it."""


def _fill_class(kind: type, state: Any) -> None:
    """Set the attributes of a class that was received, but not if it has come back to the process that defined it."""
    fill, attributes = state
    if _defined_in.setdefault(kind, 0) != os.getpid():
        fill(kind, attributes)


def _keep_slots(kind: type, arguments: Any, attributes: dict[str, Any]) -> None:
    """Keep the slots of a class pickled by value: cloudpickle 3.1.3 loses them, and fails on private ones.

    ``arguments`` are those of cloudpickle's class factory: name and namespace are the second and the fourth.
    """
    if len(arguments) > 3 and arguments[1] == kind.__name__ and isinstance(arguments[3], dict):
        slots = [name for name, member in vars(kind).items() if isinstance(member, types.MemberDescriptorType)]
        for name in slots:
            attributes.pop(name, None)
        attributes.pop('__slots__', None)  # may be an exhausted iterator
        arguments[3]['__slots__'] = (*slots, *[name for name in ('__dict__', '__weakref__') if name in vars(kind)])


def _cached_property(function: Any, name: str | None) -> functools.cached_property[Any]:
    cached = functools.cached_property(function)
    cached.attrname = name
    return cached


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
            reduced = reduce_deferred(obj, super().reducer_override)
            if isinstance(obj, type) and isinstance(reduced, tuple) and len(reduced) > 2:  # a class pickled by value
                attributes, _ = reduced[2]  # copies
                if issubclass(obj, Job):
                    attributes.pop('DEPS', None)
                if '__slots__' in vars(obj):
                    _keep_slots(obj, reduced[1], attributes)
                if len(reduced) == 6:  # with a function that sets the state
                    _defined_in.setdefault(obj, os.getpid())
                    reduced = (*reduced[:2], (reduced[5], reduced[2]), *reduced[3:5], _fill_class)
            return reduced

    return Pickler
