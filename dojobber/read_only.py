"""Dicts that users can read and only the engine can change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import get_ident
from typing import Any, ClassVar, NoReturn, TypeVar

Value = TypeVar('Value')
_Refusal = Callable[..., NoReturn]


class ReadOnlyDict(dict[str, Value]):
    """A dict that only the engine can change. Compared, printed, copied or pickled, it behaves like a plain dict.

    The engine writes each change into it at once. So it is always up to date, even for C code that reads the dict
    directly, and a lookup is as fast as in a plain dict.
    """

    __slots__ = ()

    def __init__(self, content: Mapping[str, Value] | None = None) -> None:
        if self:  # a second call of __init__ would change it
            self._refuse()
        super().__init__(content or {})

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError('results cannot be changed; make a copy with dict()')

    __setitem__: ClassVar[_Refusal] = _refuse
    __delitem__: ClassVar[_Refusal] = _refuse
    __ior__: ClassVar[_Refusal] = _refuse
    clear: ClassVar[_Refusal] = _refuse
    pop: ClassVar[_Refusal] = _refuse
    popitem: ClassVar[_Refusal] = _refuse
    setdefault: ClassVar[_Refusal] = _refuse
    update: ClassVar[_Refusal] = _refuse

    def copy(self) -> dict[str, Value]:
        """Return a plain dict with the current content."""
        return dict(self.items())

    __copy__ = copy

    def __reduce_ex__(self, _: object) -> tuple[Any, ...]:
        """Pickle and deep-copy it as a plain dict."""
        return dict, (list(self.items()),)


class OrderedView(ReadOnlyDict[Value]):
    """A read-only dict to which Jobs are added, and from which they are removed, during the run.

    Iteration covers the Jobs that the dict held when it began, in plan order. Other threads do not disturb it.
    """

    __slots__ = ('_names', '_snapshots')

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = names
        self._snapshots: dict[int, dict[str, Value]] = {}  # by thread id: the latest snapshot made in that thread

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __reversed__(self) -> Iterator[str]:
        return reversed(self.keys())

    def keys(self) -> Any:
        """Return the names in plan order."""
        return self._snapshot().keys()

    def values(self) -> Any:
        """Return the values in plan order."""
        return self._snapshot().values()

    def items(self) -> Any:
        """Return the names and values in plan order."""
        return self._snapshot().items()

    def __repr__(self) -> str:
        return repr(self._snapshot())

    def __or__(self, other: Any) -> Any:
        return self._snapshot() | other

    def __ror__(self, other: Any) -> Any:
        return other | self._snapshot()

    def __missing__(self, name: str) -> Value:
        # dict(view), like many loops, takes the names first and then looks up each value. The Job may have been removed
        # in between.
        return self._snapshots.get(get_ident(), {})[name]

    def _snapshot(self) -> dict[str, Value]:
        while True:
            try:
                snapshot = dict(list(dict.items(self)))
            except RuntimeError:  # another thread has added or removed a Job meanwhile
                continue
            if len(snapshot) > 1:
                snapshot = {name: snapshot[name] for name in self._names if name in snapshot}
            self._snapshots[get_ident()] = snapshot
            return snapshot
