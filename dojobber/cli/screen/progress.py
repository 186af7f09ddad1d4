"""What the command shows: a bar while it works, a line a Job, a recap."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Callable, NamedTuple

from ...events import Event, EventKind
from ...outcome import Outcome, State, is_interrupt
from .notices import Notices
from .terminal import Terminal, clipped, columns, duration, printable

MOST_NAMES = 3  # of those who block a Job
MOST_AT_WORK = 20  # that are looked at for the bar, which has no room for more
WIDTH_OF_BAR = 20  # columns
WIDEST_NAME = 40  # columns; longer names push what follows
UNCHECKED = 'Dependents of Jobs that would run were not checked; some may have work to do.'
LEAST_NAME = 20  # columns that a name keeps in the bar when others are shown beside it


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
        delays: Seconds from attempt to attempt, by name.
        message: Returns the text of an exception.
        terminal: Where to print, by default the stdout of this moment.
        has_lines: Whether to print anything there at all.
    """

    def __init__(
        self,
        tries: Mapping[str, float],
        delays: Mapping[str, float],
        message: Callable[[BaseException], str],
        terminal: Terminal | None = None,
        has_lines: bool = True,
    ) -> None:
        self._tries, self._delays, self._message = tries, delays, message
        self._terminal, self._has_lines = terminal or Terminal(), has_lines
        widest = min(WIDEST_NAME, self._terminal.width // 2)
        widths = [columns(self._terminal.printable(name)) for name in tries]
        self._width = max([width for width in widths if width <= widest], default=0)
        self._start = monotonic()
        self.done: int = 0
        self.failed: int = 0
        self.running: dict[str, float] = {}
        """When the attempts under way started, on the monotonic clock, by Job."""
        self.waiting: dict[str, tuple[int, float]] = {}
        """Which attempt comes next, and when, by Job."""
        self.ended_by: str | None = None
        """The signal that has come."""
        self._notices: Notices | None = None  # where no bar is shown

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar, if the terminal can, for as long as this lasts; else let stderr have the notices."""
        self._start = monotonic()
        below = self._terminal.below(self._bar) if self._has_lines else contextlib.nullcontext(False)
        with below as is_shown:
            if is_shown:
                yield
                return
            self._notices = Notices(self.running)
            with self._notices.watching():
                yield

    def ending(self, by: str) -> None:
        """Note that a signal has come."""
        self.ended_by = by

    def give_back(self) -> None:
        """Leave the terminal as it was, where there is no time to wait for the end of the run."""
        self._terminal.give_back()

    def __call__(self, event: Event) -> None:
        """Note what happened, and print the line of a Job that is done."""
        name = str(event.job)
        if event.kind is EventKind.ATTEMPT_STARTED:
            self.ended_by = None  # a Job has caught what the signal raised
            self.waiting.pop(name, None)
            self.running[name] = monotonic()
        elif event.kind is EventKind.ATTEMPT_FINISHED:
            self._finished(name, event.attempt or 1, event.value)
        elif event.kind is EventKind.CLEANUP_STARTED:
            self.running[f'{name}.cleanup'] = monotonic()
        elif event.kind is EventKind.CLEANUP:
            self.running.pop(f'{name}.cleanup', None)

    def _finished(self, job: str, attempt: int, outcome: Outcome) -> None:
        start = self.running.pop(job, 0.0)
        is_last = self._tries[job] <= attempt or is_interrupt(outcome.exception)
        if outcome.state is State.FAILED and not is_last:
            due = start + self._delays[job]
            self.waiting[job] = attempt + 1, due
            if self._notices is not None:
                error = self._first_line(outcome.exception)
                self._notices.retried(printable(job), attempt, self._tries[job], error, due - monotonic())
            return
        self.done += 1
        self.failed += outcome.state is State.FAILED
        if outcome.state.passed or outcome.state is State.FAILED:
            self._write(self._head(job, outcome) + (self._first_line(outcome.exception, ': ')), outcome.state)

    def recap(
        self,
        outcomes: Mapping[str, Outcome],
        run_errors: Mapping[str, BaseException],
        cleanup_errors: Mapping[str, BaseException],
        seconds: float,
        interrupted: str | None,
    ) -> None:
        """Print the lines of the Jobs that have not passed, those that failed last, and how many there are of each.

        Args:
            outcomes: By Job, in plan order.
            run_errors: By Job, the error of its last Run, if that failed.
            cleanup_errors: By Job, the error of its Cleanup, if that failed.
            seconds: How long the run took.
            interrupted: The name of the signal that ended it, if one did.
        """
        for state in (State.NOT_RUN, State.BLOCKED, State.WOULD_RUN, State.FAILED):
            for name, outcome in outcomes.items():
                if outcome.state is state:
                    self._describe(name, outcome, run_errors.get(name))
        for name, error in cleanup_errors.items():
            start = self._start_of_line(f'{name}.cleanup', State.FAILED)
            self._write(f'{start}failed{self._text(error)}', State.FAILED)
        counts = [(state, sum(each.state is state for each in outcomes.values())) for state in LOOKS]
        jobs = f'{len(outcomes)} {"job" if len(outcomes) == 1 else "jobs"}'
        listed = ', '.join(f'{count} {LOOKS[state].word}' for state, count in counts if count)
        end = f'; interrupted by {interrupted}' if interrupted else ''
        if not interrupted and outcomes and all(map(_is_untouched, outcomes.values())):
            end = '; nothing was changed'
        self._write(f'{jobs}: {listed or "none tried"} in {duration(seconds)}{end}')
        if {State.WOULD_RUN, State.BLOCKED} <= {outcome.state for outcome in outcomes.values()}:
            self._terminal.write(UNCHECKED, '')

    def _describe(self, name: str, outcome: Outcome, run_error: BaseException | None) -> None:
        """Print what became of a Job, with the whole of its errors."""
        error, indent = self._text(outcome.exception), ' ' * (self._width + 4)
        self._write(self._head(name, outcome) + error, outcome.state)
        if run_error is not None and not error.endswith(self._text(run_error)):
            self._write(f'{indent}its Run{self._text(run_error, indent)}', outcome.state)

    def _write(self, text: str, state: State | None = None) -> None:
        if self._has_lines:
            self._terminal.write(text, 'bold' if state is None else LOOKS[state].style)

    def _start_of_line(self, name: str, state: State) -> str:
        look = LOOKS[state]
        text = self._terminal.printable(name)
        symbol = look.symbol if self._terminal.shows(look.symbol) else look.ascii
        return f'{symbol} {text}{" " * (self._width - columns(text))}  '

    def _head(self, name: str, outcome: Outcome) -> str:
        """Return what is said of a Job before its error."""
        start, word = self._start_of_line(name, outcome.state), LOOKS[outcome.state].word
        if outcome.state in (State.BLOCKED, State.NOT_RUN):
            by = f' by {shortened(outcome.blocked_by)}' if outcome.blocked_by else ''
            return f'{start}{word}{by}'
        tries = f'{outcome.tries} tries, ' if outcome.tries > 1 else ''
        return f'{start}{word:9}  {tries}{duration(outcome.seconds)}'

    def _lines_of(self, error: BaseException | None) -> list[str]:
        """Return the text of an exception by lines, each printable. None has none."""
        if error is None:
            return []
        text = self._message(error)
        if isinstance(error, KeyError) and text:
            text = f'{type(error).__name__}: {text}'  # else a key is all there is
        lines = [line.rstrip() for line in re.split(r'\r\n|\r|\n', text)]
        while lines and not lines[0]:
            del lines[0]
        while lines and not lines[-1]:
            del lines[-1]
        return [printable(line.expandtabs(8)) for line in lines] or [type(error).__name__]

    def _text(self, error: BaseException | None, indent: str = '') -> str:
        """Return a colon and the text of an exception, further lines of it indented below."""
        first, *rest = self._lines_of(error) or ['']
        below = [f'{indent}    {line}'.rstrip() for line in rest]
        return '' if error is None else '\n'.join([f': {first}', *below])

    def _first_line(self, error: BaseException | None, before: str = '') -> str:
        """Return the first line of the text of an exception, with three dots if there are more."""
        lines = self._lines_of(error)
        return f'{before}{lines[0]}{" ..." if len(lines) > 1 else ""}' if lines else ''

    def _bar(self, width: int) -> list[list[tuple[str, str]]]:
        """Return how far it is, and below what is running and what waits for another attempt."""
        now = monotonic()
        counts = f'{self.done}/{len(self._tries)}' + (f', {self.failed} failed' if self.failed else '')
        counts += f', ending by {self.ended_by}' if self.ended_by else ''
        first = [(clipped(f'{counts}, {duration(now - self._start, 0)}', width), '')]
        if columns(first[0][0]) + WIDTH_OF_BAR + 1 <= width:
            done, left = ('━', '─') if self._terminal.shows('━') else ('#', '-')
            filled = WIDTH_OF_BAR * self.done // max(len(self._tries), 1)
            first = [(done * filled, 'green'), (left * (WIDTH_OF_BAR - filled), 'dim'), (' ', ''), *first]
        text = self._terminal.printable
        running = [(text(name), f' {duration(now - start, 0)}') for name, start in list(self.running.items())]
        waiting = []
        for name, (number, due) in sorted(self.waiting.items(), key=lambda each: each[1][1]):
            tries = self._tries[name]
            of = f'/{math.ceil(tries)}' if tries < math.inf else ''
            waiting.append((text(name), f': try {number}{of} in {duration(max(due - now, 0), 0)}'))
        return [first, *[[(fitting(items, width), '')] for items in (running, waiting) if items]]


def _is_untouched(outcome: Outcome) -> bool:
    """Tell whether a Job has passed without its Run, which an earlier attempt may have called."""
    return outcome.state is State.OK and 'run' not in outcome.phases


def fitting(items: Sequence[tuple[str, str]], width: int) -> str:
    """Return as many printable names, each with the text that follows it, as fit, and how many more there are.

    Names are shortened only as far as that lets one more have room, or a single one fit.
    """
    names = [name for name, _ in items[:MOST_AT_WORK]]
    widths = [min(columns(name), WIDEST_NAME) for name in names]
    for count in range(len(names), 0, -1):
        rest = len(items) - count
        more = f' and {rest} more' if rest else ''
        room = width - columns(', '.join(text for _, text in items[:count])) - len(more)
        least = min(LEAST_NAME, max(widths[:count])) if count > 1 else min(4, widths[0])
        for widest in range(WIDEST_NAME, least - 1, -1):
            if sum(min(each, widest) for each in widths[:count]) <= room:
                shown = [f'{clipped(name, widest)}{text}' for name, (_, text) in zip(names[:count], items)]
                return ', '.join(shown) + more
    return clipped(f'{names[0]}{items[0][1]}', width)


def shortened(names: Iterable[str]) -> str:
    """Return the names in a row, if they are many only the first."""
    listed = [printable(name) for name in names]
    more = len(listed) - MOST_NAMES
    return ', '.join(listed) if more < 2 else f'{", ".join(listed[:MOST_NAMES])} and {more} more'
