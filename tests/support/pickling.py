"""Values and exceptions that are difficult to pickle. Workers import this module, so it needs only the library."""

from __future__ import annotations

import dataclasses


class Thing:
    """Equals only itself, and its ``repr()`` contains its address."""


class Unloadable:
    """Can be pickled, but not loaded."""

    def __reduce__(self):
        return int, ('not a number',)


class Raises:
    """Raises an error while it is pickled."""

    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        raise self.error


class Caching:
    """Parses its text when it is first read, and keeps the result."""

    def __init__(self, text):
        self.text = text
        self._parsed = None

    def get(self, key):
        if self._parsed is None:
            words = self.text.split()
            self._parsed = {'words': set(words), **dict(word.split('=') for word in words)}
        return self._parsed[key]


class CustomInterrupt(BaseException):
    """Ends a run, as KeyboardInterrupt does."""


class PlainError(Exception):
    """Stores its arguments, as most exceptions do."""


class NeedsTwoError(Exception):
    """Cannot be loaded: it passes fewer arguments to its base class than it takes. Many exceptions are like this."""

    def __init__(self, path, code):
        super().__init__(f'{path} ended with {code}')


class PrefixingError(Exception):
    """Gets a longer message each time it is loaded."""

    def __init__(self, word):
        super().__init__(f'error: {word}')


class ListingError(Exception):
    """Gets a longer list each time it is loaded."""

    def __init__(self, words):
        super().__init__([*words, 'end'])


class DroppingError(Exception):
    """Loses its number in pickling."""

    def __init__(self, number=1):
        super().__init__()
        self.number = number

    def __reduce__(self):
        return DroppingError, ()


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    """Refuses to have attributes set, even those that Python sets."""

    code: int = 5


class RefusingError(Exception):
    """Refuses to have attributes set, has a slot, and redefines its cause."""

    __slots__ = ('code',)
    __cause__ = property(lambda self: 1 / 0)

    def __init__(self, code=5):
        super().__init__(code)
        BaseException.__setattr__(self, 'code', code)

    def __setattr__(self, name, value):
        raise AttributeError(f'{name} cannot be set')
