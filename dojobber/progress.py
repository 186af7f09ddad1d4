"""What the command shows: a bar while it works, a line a Job, a recap."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any, Callable, NamedTuple

from .events import Event, EventKind
from .outcome import Outcome, State, is_interrupt
from .streams import Output
from .terminal import Terminal, encodable, printable

MOST_NAMES = 3  # of those who block a Job
MOST_AT_WORK = 20  # that are looked at for the bar, which has no room for more
WIDTH_OF_BAR = 20  # columns
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
        output: The stdout to write to, by default that of this moment.
    """

    def __init__(
        self,
        tries: Mapping[str, float],
        delays: Mapping[str, float],
        message: Callable[[BaseException], str],
        output: Output | None = None,
    ) -> None:
        self._tries, self._delays, self._message = tries, delays, message
        self._terminal = Terminal(output)
        widest = min(WIDEST_NAME, self._terminal.width // 2)
        widths = [self._terminal.columns(printable(name)) for name in tries]
        self._width = max([width for width in widths if width <= widest], default=0)
        self.done = self.failed = 0
        self.running: dict[str, float] = {}
        """When the tries under way began, on the monotonic clock, by Job."""
        self.waiting: dict[str, tuple[int, float]] = {}
        """Which try comes next, and when, by Job."""
        self.ended_by: str | None = None
        """The signal that has come."""

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar, if the terminal can, for as long as this lasts."""
        with self._terminal.below(self._bar):
            yield

    def ending(self, by: str) -> None:
        """Note that a signal has come."""
        self.ended_by = by

    def give_back(self) -> None:
        """Leave the terminal as it was, where there is no time to wait for the end of the run."""
        self._terminal.give_back()

    def __call__(self, event: Event) -> None:
        """Note what happened, and print the line of a Job that has passed."""
        if event.kind is EventKind.ATTEMPT_STARTED:
            self.waiting.pop(str(event.job), None)
            self.running[str(event.job)] = monotonic()
        elif event.kind is EventKind.ATTEMPT_FINISHED:
            self._finished(str(event.job), event.attempt or 1, event.value)
        elif event.kind is EventKind.CLEANUP_STARTED:
            self.running[f'{event.job}.cleanup'] = monotonic()
        elif event.kind is EventKind.CLEANUP:
            self.running.pop(f'{event.job}.cleanup', None)

    def _finished(self, job: str, attempt: int, outcome: Outcome) -> None:
        begun = self.running.pop(job, 0.0)
        is_last = self._tries[job] <= attempt or is_interrupt(outcome.exception)
        if outcome.state is State.FAILED and not is_last:
            self.waiting[job] = attempt + 1, begun + self._delays[job]
            return
        self.done += 1
        self.failed += outcome.state is State.FAILED
        if outcome.state.passed:
            self._line(job, outcome)

    def recap(
        self,
        outcomes: Mapping[str, Outcome],
        run_errors: Mapping[str, BaseException],
        seconds: float,
        interrupted: str | None,
    ) -> None:
        """Print the lines of the Jobs that have not passed, those that failed last, and how many there are of each."""
        for state in (State.NOT_RUN, State.BLOCKED, State.WOULD_RUN, State.FAILED):
            for name, outcome in outcomes.items():
                if outcome.state is state:
                    self._line(name, outcome, run_errors.get(name))
        counts = [(state, sum(each.state is state for each in outcomes.values())) for state in LOOKS]
        jobs = f'{len(outcomes)} {"job" if len(outcomes) == 1 else "jobs"}'
        listed = ', '.join(f'{count} {LOOKS[state].word}' for state, count in counts if count)
        end = f'; interrupted by {interrupted}' if interrupted else ''
        if not interrupted and outcomes and all(outcome.state is State.OK for outcome in outcomes.values()):
            end = '; nothing was changed'
        self._terminal.write(f'{jobs}: {listed or "none tried"} in {seconds:.1f} s{end}', 'bold')
        if {State.WOULD_RUN, State.BLOCKED} <= {outcome.state for outcome in outcomes.values()}:
            self._terminal.write('What waits for a Job that would run was not checked: it may turn out otherwise.', '')

    def _line(self, name: str, outcome: Outcome, run_error: BaseException | None = None) -> None:
        look = LOOKS[outcome.state]
        symbol = look.symbol if encodable(look.symbol) == look.symbol else look.ascii
        text = printable(name)
        start = f'{symbol} {text}{" " * (self._width - self._terminal.columns(text))}  '
        if outcome.state in (State.BLOCKED, State.NOT_RUN):
            by = f' by {shortened(outcome.blocked_by)}' if outcome.blocked_by else ''
            self._terminal.write(f'{start}{look.word}{by}', look.style)
            return
        details = [f'{outcome.tries} tries'] if outcome.tries > 1 else []
        details.append(duration(outcome.seconds))
        error = '' if outcome.exception is None else f': {self._said(outcome.exception)}'
        self._terminal.write(f'{start}{look.word:9}  {", ".join(details)}{printable(error)}', look.style)
        if run_error is not None and not error.endswith(f': {self._said(run_error)}'):
            self._terminal.write(f'{" " * (self._width + 4)}its Run: {printable(self._said(run_error))}', look.style)

    def _said(self, error: BaseException) -> str:
        said = self._message(error)
        if isinstance(error, KeyError) and said:
            return f'{type(error).__name__}: {said}'  # else a key is all there is
        return said or type(error).__name__

    def _bar(self, width: int) -> Any:
        """Return how far it is, and below what is running and what waits for another try."""
        from rich.console import Group
        from rich.constrain import Constrain
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        counts = f'{self.done}/{len(self._tries)}' + (f', {self.failed} failed' if self.failed else '')
        if self.ended_by:
            counts += f', ending by {self.ended_by}'
        first = Table.grid(padding=(0, 1))
        first.add_column(width=WIDTH_OF_BAR)
        first.add_row(ProgressBar(len(self._tries), self.done, width=WIDTH_OF_BAR), Text(counts))
        now = monotonic()
        running = [(name, f' {duration(now - begun, 0)}') for name, begun in list(self.running.items())]
        waiting = []
        for name, (number, due) in sorted(self.waiting.items(), key=lambda each: each[1][1]):
            tries = self._tries[name]
            of = f'/{math.ceil(tries)}' if tries < math.inf else ''
            waiting.append((name, f': try {number}{of} in {duration(max(due - now, 0), 0)}'))
        below = [self._fitting(items, width) for items in (running, waiting) if items]
        return Constrain(Group(first, *[Text(each, no_wrap=True, overflow='ellipsis') for each in below]), width)

    def _fitting(self, items: Sequence[tuple[str, str]], width: int) -> str:
        """Return as many names, each with what there is to say about it, as fit, and how many more there are."""
        widest = min(WIDEST_NAME, max(width - 24, 8))  # which leaves room for the rest
        said = [f'{self._terminal.clipped(printable(name), widest)}{what}' for name, what in items[:MOST_AT_WORK]]
        while True:
            more = len(items) - len(said)
            text = ', '.join(said) + (f' and {more} more' if more else '')
            if len(said) == 1 or self._terminal.columns(text) <= width:
                return text
            said.pop()


def shortened(names: Iterable[str]) -> str:
    """Return the names in a row, if they are many only the first."""
    listed = [printable(name) for name in names]
    more = len(listed) - MOST_NAMES
    return ', '.join(listed) if more < 2 else f'{", ".join(listed[:MOST_NAMES])} and {more} more'


def duration(seconds: float, digits: int = 1) -> str:
    """Return seconds as people read them: ``0.4s``, ``2m 05s``, ``1h 02m``."""
    if round(seconds, digits) < 60:
        return f'{seconds:.{digits}f}s'
    minutes, left = divmod(round(seconds), 60)
    return f'{minutes}m {left:02}s' if minutes < 60 else f'{minutes // 60}h {minutes % 60:02}m'
