"""What the command shows: a bar while it works, a line a Job, a recap. Colour and bar are rich's, where it is there."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from time import monotonic
from typing import Any, Callable, NamedTuple

from .events import Event, EventKind
from .outcome import Outcome, State

MOST_NAMES = 3  # of those who block a Job
WIDEST_NAME = 40  # columns; longer names push what follows


class Look(NamedTuple):
    """How a state is shown. The colour means nothing that symbol and word do not say."""

    symbol: str
    ascii: str
    word: str
    style: str


LOOKS = {
    State.OK: Look('✓', '+', 'ok', 'green'),
    State.CHANGED: Look('✓', '+', 'changed', 'yellow'),
    State.WOULD_RUN: Look('~', '~', 'would run', 'cyan'),
    State.FAILED: Look('✗', 'x', 'failed', 'bold red'),
    State.BLOCKED: Look('»', '>', 'blocked', 'magenta'),
    State.NOT_RUN: Look('-', '-', 'not run', 'dim'),
}


class Progress:
    """A listener that prints a line for each Job that is done, and where it can, a bar below.

    Args:
        tries: How often each Job may be tried, by name, in plan order.
        delays: Seconds from try to try, by name.
        message: Returns what an exception says.
    """

    def __init__(
        self, tries: Mapping[str, float], delays: Mapping[str, float], message: Callable[[BaseException], str]
    ) -> None:
        self._tries, self._delays, self._message = tries, delays, message
        self._writer = Writer()
        self._width = min(max(map(self._writer.columns, tries), default=0), WIDEST_NAME)
        self.done = self.failed = 0
        self.running: dict[str, float] = {}
        """When the tries under way began, on the monotonic clock, by Job."""
        self.waiting: dict[str, tuple[int, float]] = {}
        """Which try comes next, and when, by Job."""

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar, if the terminal can, for as long as this lasts."""
        with self._writer.below(self._bar):
            yield

    def give_back(self) -> None:
        """Leave the terminal as it was, where there is no time to wait for the end of the run."""
        self._writer.give_back()

    def __call__(self, event: Event) -> None:
        """Note what happened, and print the line of a Job that has passed."""
        if event.job is None or event.attempt is None:
            return
        if event.kind is EventKind.ATTEMPT_STARTED:
            self.waiting.pop(event.job, None)
            self.running[event.job] = monotonic()
        elif event.kind is EventKind.ATTEMPT_FINISHED:
            begun = self.running.pop(event.job, 0.0)
            if event.value.state.passed:
                self.done += 1
                self._line(event.job, event.value)
            elif event.value.state is State.FAILED and self._tries[event.job] > event.attempt:
                self.waiting[event.job] = event.attempt + 1, begun + self._delays[event.job]
            else:
                self.done += 1
                self.failed += event.value.state is State.FAILED

    def recap(self, outcomes: Mapping[str, Outcome], seconds: float, interrupted: str | None) -> None:
        """Print the lines of the Jobs that have not passed, those that failed last, and how many there are of each."""
        for state in (State.NOT_RUN, State.BLOCKED, State.WOULD_RUN, State.FAILED):
            for name, outcome in outcomes.items():
                if outcome.state is state:
                    self._line(name, outcome)
        counts = [(state, sum(each.state is state for each in outcomes.values())) for state in LOOKS]
        jobs = f'{len(outcomes)} {"job" if len(outcomes) == 1 else "jobs"}'
        listed = ', '.join(f'{count} {LOOKS[state].word}' for state, count in counts if count)
        end = f'; interrupted by {interrupted}' if interrupted else ''
        self._writer.write(f'{jobs}: {listed or "none tried"} in {seconds:.1f} s{end}', 'bold')

    def note(self, text: str) -> None:
        """Print a line."""
        self._writer.write(text, '')

    def _line(self, name: str, outcome: Outcome) -> None:
        look = LOOKS[outcome.state]
        symbol = look.symbol if self._writer.can_show(look.symbol) else look.ascii
        text = printable(name)
        start = f'{symbol} {text}{" " * (self._width - self._writer.columns(text))}  '
        if outcome.state in (State.BLOCKED, State.NOT_RUN):
            by = f' by {shortened(outcome.blocked_by)}' if outcome.blocked_by else ''
            self._writer.write(f'{start}{look.word}{by}', look.style)
            return
        details = [f'{outcome.tries} tries'] if outcome.tries > 1 else []
        details.append(duration(outcome.seconds))
        error = ''
        if outcome.exception is not None:
            error = f': {self._message(outcome.exception) or type(outcome.exception).__name__}'
        self._writer.write(f'{start}{look.word:9}  {", ".join(details)}{printable(error)}', look.style)

    def _bar(self) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        now = monotonic()
        counts = f'{self.done}/{len(self._tries)}' + (f', {self.failed} failed' if self.failed else '')
        under_way = [f'{printable(name)} {now - begun:.0f} s' for name, begun in dict(self.running).items()]
        for name, (number, due) in sorted(dict(self.waiting).items(), key=lambda each: each[1][1]):
            tries = self._tries[name]
            of = f'/{tries:g}' if tries < float('inf') else ''
            under_way.append(f'{printable(name)}: try {number}{of} in {max(due - now, 0):.0f} s')
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=20)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1, no_wrap=True, overflow='ellipsis')
        bar = ProgressBar(len(self._tries), self.done, width=20)
        grid.add_row(bar, Text(counts), Text(', '.join(under_way)))
        return grid


def shortened(names: Iterable[str]) -> str:
    """Return the names in a row, if they are many only the first."""
    listed = [printable(name) for name in names]
    more = len(listed) - MOST_NAMES
    return ', '.join(listed) if more < 2 else f'{", ".join(listed[:MOST_NAMES])} and {more} more'


def duration(seconds: float) -> str:
    """Return seconds as people read them: ``0.4s``, ``2m 05s``, ``1h 02m``."""
    if seconds < 60:
        return f'{seconds:.1f}s'
    minutes, left = divmod(int(seconds), 60)
    return f'{minutes}m {left:02}s' if minutes < 60 else f'{minutes // 60}h {minutes % 60:02}m'


def printable(text: str) -> str:
    """Return ``text`` with what would move the cursor or change colours written as escapes."""
    return ''.join(each if each.isprintable() else each.encode('unicode_escape').decode() for each in text)


class Writer:
    """Writes lines to stdout, with rich's colours where it is installed and the terminal has them."""

    def __init__(self) -> None:
        self._console: Any = None
        self._is_broken = False
        self._terminal: Any = None  # the console of the bar, as long as it is shown
        try:
            from rich.console import Console
        except ImportError:
            return
        self._console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)

    def columns(self, text: str) -> int:
        """Return how wide ``text`` is."""
        if self._console is None:
            return len(text)
        from rich.cells import cell_len

        return cell_len(text)

    def can_show(self, text: str) -> bool:
        """Tell whether stdout can encode ``text``."""
        try:
            text.encode(sys.stdout.encoding or 'ascii')
        except UnicodeEncodeError:
            return False
        return True

    def write(self, text: str, style: str) -> None:
        """Write a line; what stdout cannot encode is escaped, and when nobody reads it any more nothing is written."""
        if self._is_broken:
            return
        encoding = sys.stdout.encoding or 'ascii'
        text = text.encode(encoding, 'backslashreplace').decode(encoding)
        try:
            if self._console is None:
                print(text, flush=True)
            else:
                self._console.print(text, style=style)
                sys.stdout.flush()
        except OSError:
            self._is_broken = True

    @contextlib.contextmanager
    def below(self, render: Callable[[], Any]) -> Iterator[None]:
        """Keep what ``render`` returns at the bottom of the terminal, below all that is written meanwhile.

        Where stdout is no terminal that can do this, or rich is not there, nothing is shown.
        """
        is_capable = self._console is not None and sys.stdout.isatty() and not self._console.is_dumb_terminal
        if not is_capable or sys.platform == 'win32':
            yield
            return
        from rich.console import Console
        from rich.constrain import Constrain
        from rich.live import Live
        from rich.text import Text

        try:
            above = Above()
        except OSError:  # no pseudo-terminal is to be had
            yield
            return
        with above, open(above.terminal, 'w', encoding=sys.stdout.encoding, closefd=False) as terminal:
            self._terminal = console = Console(
                file=terminal, highlight=False, markup=False, emoji=False, soft_wrap=True
            )
            live = Live(
                console=console,
                get_renderable=lambda: Constrain(render(), console.width - 4),  # the terminal adds ^C when it is struck
                refresh_per_second=8,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            with live, above.passed_to(lambda line: console.print(Text.from_ansi(line))):
                yield
            self._terminal = None

    def give_back(self) -> None:
        """Show the cursor again, if a bar is shown."""
        if self._terminal is not None:
            self._terminal.show_cursor(True)


class Above:
    """Stands between this process, its children included, and its terminal, so that they cannot garble the bar.

    They write to a pseudo-terminal instead, and what they write there is passed on a line at a time.
    """

    def __init__(self) -> None:
        import fcntl
        import pty
        import termios

        _flush()
        self._ours, theirs = pty.openpty()
        self._is_over = False
        size = fcntl.ioctl(1, termios.TIOCGWINSZ, b'\0' * 8)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        self._saved = {number: os.dup(number) for number in (1, 2) if os.isatty(number)}
        self.terminal = self._saved[1]
        """The file descriptor of the terminal itself."""
        for number in self._saved:
            os.dup2(theirs, number)
        os.close(theirs)

    def __enter__(self) -> Above:
        return self

    @contextlib.contextmanager
    def passed_to(self, write: Callable[[str], object]) -> Iterator[None]:
        """Call ``write`` with each line as it comes, until this ends and everything was passed on."""
        thread = threading.Thread(target=self._pass_on, args=[write], daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._restore()
            thread.join(timeout=1)  # a child that goes on without us may keep its end open

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        for saved in self._saved.values():
            os.close(saved)

    def _restore(self) -> None:
        _flush()
        for number, saved in self._saved.items():
            os.dup2(saved, number)

    def _pass_on(self, write: Callable[[str], object]) -> None:
        import codecs

        decoder = codecs.getincrementaldecoder(sys.stdout.encoding or 'utf-8')('replace')
        rest = ''
        with contextlib.suppress(OSError):  # the other end is closed
            while chunk := os.read(self._ours, 65536):
                *lines, rest = (rest + decoder.decode(chunk)).split('\n')
                for line in lines:
                    if not self._is_over:
                        write(line.rstrip('\r'))
        if rest and not self._is_over:
            write(rest)
        os.close(self._ours)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, broken, None
            stream.flush()
