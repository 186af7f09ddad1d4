"""Lines on stdout, in rich's colours where rich is installed, and a bar below them where stdout is a terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, Callable

from .bar import Bar, bar_on

NO_BAR = 'DOJOBBER_NO_BAR'
"""The environment variable that asks for no bar."""


def printable(text: str) -> str:
    """Return ``text`` with what would move the cursor or change colours written as escapes."""
    return ''.join(each if each.isprintable() else each.encode('unicode_escape').decode() for each in text)


def encodable(text: str) -> str:
    """Return ``text`` with what stdout cannot encode written as escapes."""
    encoding = getattr(sys.stdout, 'encoding', None) or 'utf-8'
    return text.encode(encoding, 'backslashreplace').decode(encoding)


def shows(symbol: str) -> bool:
    """Tell whether stdout can show a symbol. The fonts of Linux's own console lack what is not in Latin alphabets."""
    return symbol.isascii() or (encodable(symbol) == symbol and os.environ.get('TERM') != 'linux')


def columns(text: str) -> int:
    """Return how wide ``text`` is; without rich, its length."""
    try:
        from rich.cells import cell_len
    except ImportError:
        return len(text)
    return int(cell_len(text))


def clipped(text: str, width: int) -> str:
    """Return ``text``, if it is wider than ``width`` only its start and three dots."""
    if columns(text) <= width:
        return text
    kept = text[: max(width - 3, 0)]
    while columns(kept) > width - 3 and kept:
        kept = kept[:-1]
    return f'{kept}...'


def duration(seconds: float, digits: int = 1) -> str:
    """Return seconds as people read them: ``12 ms``, ``3.4 s``, ``2m 05s``, ``1h 02m``; without digits, no ms."""
    if digits and round(seconds * 1000) < 1000:
        return f'{seconds * 1000:.0f} ms'
    if round(seconds, digits) < 60:
        return f'{seconds:.{digits}f} s'
    minutes, left = divmod(round(seconds), 60)
    return f'{minutes}m {left:02}s' if minutes < 60 else f'{minutes // 60}h {minutes % 60:02}m'


class Terminal:
    """Writes lines to stdout, with rich's colours where it is installed and the terminal has them."""

    def __init__(self) -> None:
        self._console: Any = None
        self.failure: Exception | None = None
        """Why lines could not be written, unless it is that nobody reads them any more."""
        self._is_broken = sys.stdout is None
        self._bar: Bar | None = None  # as long as it is shown
        with contextlib.suppress(ImportError):
            self._console = _console()

    @property
    def width(self) -> int:
        """How many columns a line has; of a pipe, 80."""
        import shutil

        return shutil.get_terminal_size().columns if self._console is None else int(self._console.width)

    def write(self, text: str, style: str) -> None:
        """Write one or more lines. When nobody reads them any more, nothing is written."""
        if self._is_broken:
            return
        try:
            with contextlib.nullcontext('') if self._bar is None else self._bar.above() as end_of_line:
                if self._console is None:
                    print(encodable(text), flush=True)
                else:
                    sys.stdout.write(end_of_line)
                    self._console.print(encodable(text), style=style)
                    sys.stdout.flush()
        except (BrokenPipeError, SystemExit):  # nobody reads it any more; the latter is rich's word for that
            self._is_broken = True
        except (OSError, ValueError) as error:  # no space is left, a Job has closed it
            self._is_broken, self.failure = True, error

    @contextlib.contextmanager
    def below(self, render: Callable[[int], list[list[tuple[str, str]]]]) -> Iterator[bool]:
        """Keep what ``render`` returns at the bottom, below all that is written meanwhile, and tell whether it can be.

        Args:
            render: Returns for a width the lines, each a list of texts and their styles.
        """
        bar = None
        if self._console is not None and not self._console.is_dumb_terminal:
            bar = bar_on(sys.stdout, lambda width: [self._in_colour(line) for line in render(width)])
        if bar is None:
            yield False
            return
        with _no_bar_in_children(), bar.shown():
            self._bar = bar
            try:
                yield True
            finally:
                self._bar = None

    def _in_colour(self, line: list[tuple[str, str]]) -> str:
        from rich.text import Text

        with self._console.capture() as captured:
            self._console.print(Text.assemble(*line), end='')
        return str(captured.get())

    def give_back(self) -> None:
        """Take the bar away at once, if one is shown."""
        if self._bar is not None:
            self._bar.give_back()


def wants_no_bar() -> bool:
    """Tell whether the environment asks for no bar."""
    return os.environ.get(NO_BAR, '0') not in ('', '0')


@contextlib.contextmanager
def _no_bar_in_children() -> Iterator[None]:
    """Let a command ``dojobber`` that a Job starts show no bar of its own: there is only one bottom."""
    earlier = os.environ.get(NO_BAR)
    os.environ[NO_BAR] = '1'
    try:
        yield
    finally:
        del os.environ[NO_BAR]
        if earlier is not None:
            os.environ[NO_BAR] = earlier


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
