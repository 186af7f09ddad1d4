"""Lines on stdout, and a bar below them where stdout is a terminal. Colour and bar are rich's, where it is there."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Callable

from .streams import Output

LONGEST = 16384
"""Characters after which a line that has not ended yet is passed on in pieces."""

MOST_UNDER_WAY = 131072
"""Bytes, more than a pseudo-terminal holds that have been written to it and not been read yet."""

NEW_LINE = '\x1e'
"""Written before a line of ours while the bar is shown: a line that somebody has not ended shall end here."""

CONTROLS = dict.fromkeys([*range(9), *range(10, 32), *range(127, 160)], '\ufffd')  # all but the tabulator


def printable(text: str) -> str:
    """Return ``text`` with what would move the cursor or change colours written as escapes."""
    return ''.join(each if each.isprintable() else each.encode('unicode_escape').decode() for each in text)


def encodable(text: str) -> str:
    """Return ``text`` with what stdout cannot encode written as escapes."""
    encoding = getattr(getattr(sys, 'stdout', None), 'encoding', None) or 'utf-8'  # a Job may have deleted it
    return text.encode(encoding, 'backslashreplace').decode(encoding)


class Terminal:
    """Writes lines to stdout, with rich's colours where it is installed and the terminal has them.

    Args:
        output: The stdout to write to, by default that of this moment.
    """

    def __init__(self, output: Output | None = None) -> None:
        self._output = output or Output()
        self._console: Any = None
        self._bar: Any = None  # the console of the bar, as long as it is shown
        with contextlib.suppress(ImportError):
            self._console = _console(self._output)

    @property
    def width(self) -> int:
        """How many columns a line has; of a pipe, 80."""
        import shutil

        return shutil.get_terminal_size().columns if self._console is None else int(self._console.width)

    def columns(self, text: str) -> int:
        """Return how wide ``text`` is."""
        if self._console is None:
            return len(text)
        from rich.cells import cell_len

        return cell_len(text)

    def clipped(self, text: str, width: int) -> str:
        """Return ``text``, if it is wider than ``width`` only its start and three dots."""
        if self.columns(text) <= width:
            return text
        kept = text[: max(width - 3, 0)]
        while self.columns(kept) > width - 3 and kept:
            kept = kept[:-1]
        return f'{kept}...'

    def write(self, text: str, style: str) -> None:
        """Write a line. When nobody reads it any more, nothing is written."""
        if self._console is None:
            self._output.write(f'{text}\n')
            return
        if self._bar is not None:
            self._output.write(NEW_LINE)
        self._console.print(text, style=style)

    @contextlib.contextmanager
    def below(self, render: Callable[[int], Any]) -> Iterator[None]:
        """Keep what ``render`` returns for a width at the bottom, below all that is written meanwhile.

        Where stdout is no terminal that can do this, or rich is not there, nothing is shown.
        """
        above = self._above()
        if above is None:
            yield
            return
        from rich.console import Group
        from rich.live import Live

        encoding = sys.stdout.encoding
        with above, open(above.terminal, 'w', encoding=encoding, errors='backslashreplace', closefd=False) as file:
            self._bar = console = _console(file)
            lines = Lines()

            def look() -> Any:
                width = console.width - 4  # the terminal adds ^C when it is struck
                return Group(*lines.begun(above.rest, width), render(width))

            live = Live(
                SimpleNamespace(__rich__=look),  # which is asked whenever the bar is drawn, after each line too
                console=console,
                refresh_per_second=8,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            with live, above.passed_to(lambda texts: console.print(lines.joined(texts))):
                yield
            self._bar = None

    def _above(self) -> Above | None:
        is_capable = self._console is not None and sys.stdout is not None and sys.stdout.isatty()
        if not is_capable or self._console.is_dumb_terminal or sys.platform == 'win32':
            return None
        try:
            return Above()
        except OSError:  # no pseudo-terminal is to be had, or stdout is not the one of the process
            return None

    def give_back(self) -> None:
        """Take the bar away at once, if one is shown."""
        if self._bar is None:
            return
        with contextlib.suppress(Exception):  # it may be just being written to
            self._bar.show_cursor(True)
            self._bar.line()


def _console(file: Any = None) -> Any:
    from rich.console import Console

    return Console(file=file, highlight=False, markup=False, emoji=False, soft_wrap=True)


class Lines:
    """Makes rich's texts of lines that somebody has written for a terminal: with their colours, and nothing else."""

    def __init__(self) -> None:
        from rich.ansi import AnsiDecoder

        self._decoder = AnsiDecoder()

    def joined(self, lines: list[str]) -> Any:
        """Return the lines below each other."""
        from rich.text import Text

        return Text('\n').join([self._decoded(line, self._decoder) for line in lines])

    def begun(self, rest: str, width: int) -> list[Any]:
        """Return a line that has not ended yet, as far as it fits; none if there is none."""
        if not rest:
            return []
        text = self._decoded(rest.rstrip('\r')[-1000:], type(self._decoder)())
        text.no_wrap = True
        text.truncate(width, overflow='ellipsis')
        return [text]

    def _decoded(self, line: str, decoder: Any) -> Any:
        try:
            text = decoder.decode_line(line)
        except ValueError:  # a number in it is none
            from rich.text import Text

            text = Text(line)
        text.plain = text.plain.translate(CONTROLS)
        return text


class Above:
    """Stands between this process, its children included, and its terminal, so that they cannot garble the bar.

    They write to a pseudo-terminal instead, and what they write there is passed on by lines.
    """

    def __init__(self) -> None:
        import fcntl
        import pty
        import termios

        _flush()
        size = fcntl.ioctl(1, termios.TIOCGWINSZ, b'\0' * 8)
        self._ours, theirs = pty.openpty()
        self._end, self._begin_end = os.pipe()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        self._saved = {number: os.dup(number) for number in (1, 2) if os.isatty(number)}
        self.terminal = self._saved[1]
        """The file descriptor of the terminal itself."""
        self.rest = ''
        """The start of a line that has not ended yet."""
        for number in self._saved:
            os.dup2(theirs, number)
        os.close(theirs)

    def __enter__(self) -> Above:
        return self

    @contextlib.contextmanager
    def passed_to(self, write: Callable[[list[str]], object]) -> Iterator[None]:
        """Call ``write`` with lines as they come, until this ends and everything was passed on."""
        thread = threading.Thread(target=self._pass_on, args=[write], daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._restore()
            os.close(self._begin_end)
            thread.join()

    def __exit__(self, *_: object) -> None:
        for saved in self._saved.values():
            os.close(saved)

    def _restore(self) -> None:
        _flush()
        for number, saved in self._saved.items():
            os.dup2(saved, number)

    def _pass_on(self, write: Callable[[list[str]], object]) -> None:
        import codecs
        import re
        import select

        def pass_on(lines: list[str]) -> None:
            if lines:
                with contextlib.suppress(Exception, SystemExit):  # the terminal is gone; nobody shall wait for it
                    write([line.rstrip('\r') for line in lines])

        decoder = codecs.getincrementaldecoder(sys.stdout.encoding or 'utf-8')('replace')
        chunk, left = b' ', MOST_UNDER_WAY
        while chunk and left > 0:
            ready = select.select([self._ours, self._end], [], [])[0]
            if self._ours not in ready:
                break
            chunk = self._read()
            left -= len(chunk) * (self._end in ready)  # a child that goes on without us may write for ever
            text = self.rest + decoder.decode(chunk, final=not chunk)
            *lines, self.rest = re.sub(f'(?m)^{NEW_LINE}', '', text).replace(NEW_LINE, '\n').split('\n')
            if len(self.rest) > LONGEST:
                lines, self.rest = [*lines, self.rest], ''
            pass_on(lines)
        rest, self.rest = self.rest, ''
        pass_on([rest] if rest else [])
        os.close(self._ours)
        os.close(self._end)

    def _read(self) -> bytes:
        try:
            return os.read(self._ours, 65536)
        except OSError:  # nobody has the other end open any more
            return b''


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, broken, None
            stream.flush()
