"""The reporter for the screen: a bar during the run, a line for each Job, and a recap."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import NamedTuple

from ..._plan.plan import Plan
from ...outcome import Outcome, State
from ...text import duration, escape_unprintable
from ..reporter import Reporter, RunResult, error_lines, first_line
from .terminal import MAX_NAME_WIDTH, Terminal, cell_width, truncate

BAR_WIDTH = 20  # columns
MIN_NAME_WIDTH = 20  # columns to which names that share a line of the bar may be truncated
MAX_BLOCKERS = 3  # names to list
MAX_BAR_NAMES = 20  # names to consider for the bar, which has no room for more
UNCHECKED = 'Dependents of Jobs that would run were not checked; some may have work to do.'


class LineStyle(NamedTuple):
    """How a state is shown. The color says nothing that symbol and word do not."""

    symbol: str
    ascii: str
    word: str
    style: str


LINE_STYLES = {
    State.OK: LineStyle('✓', '+', 'ok', 'green'),
    State.CHANGED: LineStyle('✓', '+', 'changed', 'yellow'),
    State.SKIPPED: LineStyle('○', 'o', 'skipped', 'blue'),
    State.WOULD_RUN: LineStyle('~', '~', 'would run', 'cyan'),
    State.FAILED: LineStyle('✗', 'x', 'failed', 'bold red'),
    State.BLOCKED: LineStyle('»', '>', 'blocked', 'magenta'),
    State.NOT_RUN: LineStyle('-', '-', 'not run', 'dim'),
}


class ScreenReporter(Reporter):
    """Prints a line when a Job is done, a bar below if the terminal can keep one, and a recap at the end."""

    def __init__(self, plan: Plan, terminal: Terminal | None = None) -> None:
        super().__init__(plan)
        self._terminal = terminal or Terminal()
        widest = min(MAX_NAME_WIDTH, self._terminal.width // 2)
        widths = [cell_width(self._terminal.escape(name)) for name in plan.names]
        self._width = max([width for width in widths if width <= widest], default=0)
        self._started_at = monotonic()

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """Show the bar for the duration of the block or, if the terminal cannot, report progress on stderr."""
        self._started_at = monotonic()
        with self._terminal.live(self._bar) as has_bar, contextlib.nullcontext() if has_bar else super().live():
            yield

    def restore_terminal(self) -> None:
        """Remove the bar at once."""
        self._terminal.restore_terminal()

    def report(self, result: RunResult) -> None:
        """Print the recap: Jobs that have not passed, failed ones last, and the number of Jobs in each state."""
        outcomes = result.outcomes
        for state in (State.NOT_RUN, State.BLOCKED, State.WOULD_RUN, State.FAILED):
            for name, outcome in outcomes.items():
                if outcome.state is state:
                    self._describe(name, outcome)
        for name, error in self.cleanup_errors.items():
            start = self._start_of_line(f'{name}.cleanup', State.FAILED)
            self._write(f'{start}failed{_indented(error)}', State.FAILED)
        self._terminal.write(self._totals(result), 'bold')
        if {State.WOULD_RUN, State.BLOCKED} <= {outcome.state for outcome in outcomes.values()}:
            self._terminal.write(UNCHECKED, '')

    def _totals(self, result: RunResult) -> str:
        outcomes = result.outcomes
        jobs = f'{len(outcomes)} {"job" if len(outcomes) == 1 else "jobs"}'
        counts = [(state, sum(outcome.state is state for outcome in outcomes.values())) for state in LINE_STYLES]
        listed = ', '.join(f'{count} {LINE_STYLES[state].word}' for state, count in counts if count)
        end = f'; interrupted by {result.interrupted_by}' if result.interrupted_by else ''
        if not end and outcomes and all(map(_is_untouched, outcomes.values())):
            end = '; nothing was changed'
        return f'{jobs}: {listed or "none run"} in {duration(result.seconds)}{end}'

    def _job_finished(self, name: str, outcome: Outcome) -> None:
        if outcome.state.passed or outcome.state is State.FAILED:
            error = first_line(outcome.exception)
            self._write(self._head(name, outcome) + (f': {error}' if error else ''), outcome.state)

    def _describe(self, name: str, outcome: Outcome) -> None:
        """Print the outcome of a Job with its whole error messages."""
        error, indent = _indented(outcome.exception), ' ' * (self._width + 4)
        self._write(self._head(name, outcome) + error, outcome.state)
        run_error = outcome.run_exception
        if run_error is not None and not error.endswith(_indented(run_error)):  # else it is shown already
            self._write(f'{indent}its Run{_indented(run_error, indent)}', outcome.state)

    def _write(self, text: str, state: State) -> None:
        self._terminal.write(text, LINE_STYLES[state].style)

    def _start_of_line(self, name: str, state: State) -> str:
        style = LINE_STYLES[state]
        text = self._terminal.escape(name)
        symbol = style.symbol if self._terminal.can_show(style.symbol) else style.ascii
        return f'{symbol} {text}{" " * (self._width - cell_width(text))}  '

    def _head(self, name: str, outcome: Outcome) -> str:
        """Return the line of a Job up to its error."""
        start, word = self._start_of_line(name, outcome.state), LINE_STYLES[outcome.state].word
        if outcome.state in (State.BLOCKED, State.NOT_RUN):
            by = f' by {abbreviate(outcome.blocked_by)}' if outcome.blocked_by else ''
            return f'{start}{word}{by}'
        attempts = f'{outcome.tries} attempts, ' if outcome.tries > 1 else ''
        return f'{start}{word:9}  {attempts}{duration(outcome.seconds)}'

    def _bar(self, width: int) -> list[list[tuple[str, str]]]:
        """Return the lines of the bar: the progress, what is running, and what waits for another attempt."""
        now = monotonic()
        counts = f'{self.done}/{len(self.tries)}' + (f', {self.failed} failed' if self.failed else '')
        counts += f', interrupted by {self.interrupted_by}' if self.interrupted_by else ''
        first = [(truncate(f'{counts}, {duration(now - self._started_at, 0)}', width), '')]
        if cell_width(first[0][0]) + BAR_WIDTH + 1 <= width:
            done, left = ('━', '─') if self._terminal.can_show('━') else ('#', '-')
            filled = BAR_WIDTH * self.done // max(len(self.tries), 1)
            first = [(done * filled, 'green'), (left * (BAR_WIDTH - filled), 'dim'), (' ', ''), *first]
        escape = self._terminal.escape
        running = [(escape(name), f' {duration(now - start, 0)}') for name, start in list(self.running.items())]
        waiting = []
        for name, (number, due) in sorted(self.waiting.items(), key=lambda item: item[1][1]):
            tries = self.tries[name]
            total = f'/{math.ceil(tries)}' if tries < math.inf else ''
            waiting.append((escape(name), f': attempt {number}{total} in {duration(max(due - now, 0), 0)}'))
        return [first, *[[(fit_items(items, width), '')] for items in (running, waiting) if items]]


def _is_untouched(outcome: Outcome) -> bool:
    """Tell whether a Job has passed although none of its attempts has called Run."""
    return outcome.state in (State.OK, State.SKIPPED) and 'run' not in outcome.phases


def _indented(error: BaseException | None, indent: str = '') -> str:
    """Return a colon and the error message, with all lines but the first indented; empty for None."""
    first, *rest = error_lines(error) or ['']
    below = [f'{indent}    {line}'.rstrip() for line in rest]
    return '' if error is None else '\n'.join([f': {first}', *below])


def fit_items(items: Sequence[tuple[str, str]], width: int) -> str:
    """Return as many items as fit into ``width`` columns, and how many more there are.

    An item is a printable name and the text after it. Names are truncated only to make room for another item, or to fit
    a single one.
    """
    names = [name for name, _ in items[:MAX_BAR_NAMES]]
    widths = [min(cell_width(name), MAX_NAME_WIDTH) for name in names]
    for count in range(len(names), 0, -1):
        rest = len(items) - count
        more = f' and {rest} more' if rest else ''
        room = width - cell_width(', '.join(text for _, text in items[:count])) - len(more)
        narrowest = min(MIN_NAME_WIDTH, max(widths[:count])) if count > 1 else min(4, widths[0])
        for widest in range(MAX_NAME_WIDTH, narrowest - 1, -1):
            if sum(min(name_width, widest) for name_width in widths[:count]) <= room:
                fitted = [f'{truncate(name, widest)}{text}' for name, (_, text) in zip(names[:count], items)]
                return ', '.join(fitted) + more
    return truncate(f'{names[0]}{items[0][1]}', width)


def abbreviate(names: Iterable[str]) -> str:
    """Return the names separated by commas, only the first few if there are many."""
    listed = [escape_unprintable(name) for name in names]
    more = len(listed) - MAX_BLOCKERS
    return ', '.join(listed) if more < 2 else f'{", ".join(listed[:MAX_BLOCKERS])} and {more} more'
