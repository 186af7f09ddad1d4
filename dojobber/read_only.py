"""Dicts that are handed out and that only the engine changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import get_ident
from typing import Any, ClassVar, NoReturn, TypeVar

Value = TypeVar('Value')
_Refusal = Callable[..., NoReturn]


class ReadOnlyDict(dict[str, Value]):
    """A dict that only the engine changes. Compared, printed, copied and pickled, it is a dict like any other.

    It is always up to date: the engine writes each change into it. So it holds what it shows, also for code in C that
    looks at a dict directly, and looking up one Job costs no more than that.
    """

    __slots__ = ()

    def __init__(self, content: Mapping[str, Value] | None = None) -> None:
        if self:
            self._refuse()
        super().__init__(content or {})

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError('what happened cannot be changed; make a copy with dict()')

    __setitem__: ClassVar[_Refusal] = _refuse
    __delitem__: ClassVar[_Refusal] = _refuse
    __ior__: ClassVar[_Refusal] = _refuse
    clear: ClassVar[_Refusal] = _refuse
    pop: ClassVar[_Refusal] = _refuse
    popitem: ClassVar[_Refusal] = _refuse
    setdefault: ClassVar[_Refusal] = _refuse
    update: ClassVar[_Refusal] = _refuse

    def copy(self) -> dict[str, Value]:
        """Return a dict with what is in it now."""
        return dict(self)

    __copy__ = copy

    def __reduce_ex__(self, _: object) -> tuple[Any, ...]:
        """Pickle it, and copy it deeply, as a dict."""
        return dict, (list(self.items()),)


class OrderedView(ReadOnlyDict[Value]):
    """One to which Jobs are added, and from which they are taken, during the run.

    Iterating over it goes through what was there at the beginning, in the order of the plan, and is not disturbed by
    changes that another thread makes.
    """

    __slots__ = ('_names', '_seen')

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = names
        self._seen: dict[int, dict[str, Value]] = {}  # by thread: what it began to iterate over last

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __reversed__(self) -> Iterator[str]:
        return reversed(self.keys())

    def keys(self) -> Any:
        """Return the names in the order of the plan."""
        return self._plain().keys()

    def values(self) -> Any:
        """Return the values in that order."""
        return self._plain().values()

    def items(self) -> Any:
        """Return the names with the values in that order."""
        return self._plain().items()

    def copy(self) -> dict[str, Value]:
        """Return a dict with what is in it now."""
        return dict(self._plain())

    __copy__ = copy

    def __repr__(self) -> str:
        return repr(self._plain())

    def __or__(self, other: Any) -> Any:
        return self._plain() | other

    def __ror__(self, other: Any) -> Any:
        return other | self._plain()

    def __missing__(self, name: str) -> Value:
        # dict(view), like many a loop, asks for the names and then for the value of each. It may have been removed in
        # between.
        return self._seen.get(get_ident(), {})[name]

    def _plain(self) -> dict[str, Value]:
        while True:
            try:
                now = dict(list(dict.items(self)))
            except RuntimeError:  # another thread has added or removed a Job while the list was made
                continue
            if len(now) > 1:
                now = {name: now[name] for name in self._names if name in now}
            self._seen[get_ident()] = now
            return now
