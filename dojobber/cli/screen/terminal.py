"""Lines on stdout, in color if rich is installed, and a bar below them if stdout is a terminal."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import IO, Any, Callable, cast

from ...text import escape_unprintable
from ..streams import Output
from .bar import Bar, bar_on

MAX_NAME_WIDTH = 40  # columns; longer names shift the rest of their line

NO_BAR = 'DOJOBBER_NO_BAR'
"""The environment variable that switches off the bar."""


def cell_width(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes, as far as one can know without querying the terminal."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(character: str) -> int:
    import unicodedata

    if unicodedata.category(character) in ('Mn', 'Me', 'Cf'):  # combines with the character before it, or is invisible
        return 0
    if '\u1160' <= character <= '\u11ff' or '\ud7b0' <= character <= '\ud7fb':  # completes a Korean syllable
        return 0
    return 2 if unicodedata.east_asian_width(character) in 'WF' else 1


def truncate(text: str, width: int) -> str:
    """Return ``text``, or its beginning and three dots if it is wider than ``width``."""
    if cell_width(text) <= width:
        return text
    kept = text[: max(width - 3, 0)]
    while cell_width(kept) > width - 3 and kept:
        kept = kept[:-1]
    return f'{kept}...'


class Terminal:
    """Writes lines to stdout, in color if rich is installed and the terminal has colors.

    Args:
        output: The stdout to write to; the default is the current one.
        has_bar: Whether a bar may be shown below the lines.
    """

    def __init__(self, output: Output | None = None, has_bar: bool = True) -> None:
        self._output, self._has_bar = output or Output(), has_bar
        self._console: Any = None
        self._bar: Bar | None = None  # while it is live
        with contextlib.suppress(ImportError):
            from rich.console import Console

            file = cast('IO[str]', self._output)
            self._console = Console(file=file, highlight=False, markup=False, emoji=False, soft_wrap=True)

    @property
    def width(self) -> int:
        """Columns of a line; 80 for a pipe."""
        import shutil

        return shutil.get_terminal_size().columns if self._console is None else int(self._console.width)

    def escape(self, text: str) -> str:
        """Return ``text`` with escapes for characters that cannot be written."""
        return escape_unprintable(text, self._output.encoding)

    def can_show(self, symbol: str) -> bool:
        """Tell whether a symbol can be shown. The fonts of the Linux console have few symbols."""
        return symbol.isascii() or (self.escape(symbol) == symbol and os.environ.get('TERM') != 'linux')

    def write(self, text: str, style: str) -> None:
        """Write one or more lines."""
        with contextlib.nullcontext('') if self._bar is None else self._bar.above() as end_of_line:
            if end_of_line:
                self._output.write(end_of_line)
            if self._console is None:
                self._output.write(f'{text}\n')
            else:
                self._console.print(text, style=style)

    @contextlib.contextmanager
    def live(self, render: Callable[[int], list[list[tuple[str, str]]]]) -> Iterator[bool]:
        """Show a bar at the bottom for the duration of the block, and yield whether the terminal can show it.

        Args:
            render: Returns the lines of the bar for a width, each a list of texts and their styles.
        """
        bar = None
        if self._has_bar and self._console is not None and not self._console.is_dumb_terminal:
            bar = bar_on(self._output.stream, lambda width: [self._in_color(line) for line in render(width)])
        if bar is None:
            yield False
            return
        with _no_bar_in_children(), bar.live():
            self._bar = bar
            try:
                yield True
            finally:
                self._bar = None

    def _in_color(self, line: list[tuple[str, str]]) -> str:
        from rich.text import Text

        with self._console.capture() as captured:
            self._console.print(Text.assemble(*line), end='')
        return str(captured.get())

    def restore_terminal(self) -> None:
        """Remove the bar at once, if one is shown."""
        if self._bar is not None:
            self._bar.restore_terminal()


def wants_no_bar() -> bool:
    """Tell whether the environment switches off the bar."""
    return os.environ.get(NO_BAR, '0') not in ('', '0')


@contextlib.contextmanager
def _no_bar_in_children() -> Iterator[None]:
    """Switch off the bar of commands ``dojobber`` that Jobs start: the terminal has room for only one."""
    earlier = os.environ.get(NO_BAR)
    os.environ[NO_BAR] = '1'
    try:
        yield
    finally:
        os.environ.pop(NO_BAR, None)  # a Job may have removed it
        if earlier is not None:
            os.environ[NO_BAR] = earlier
