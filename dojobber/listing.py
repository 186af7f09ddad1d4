"""The lines of ``--list`` and ``--tree``."""

from __future__ import annotations

from .job import Job, kind_of
from .plan import Plan
from .terminal import encodable, printable

WIDEST_NAME = 40  # columns; longer names push what follows


def listing(plan: Plan) -> list[str]:
    """Return a line for each Job, in the order in which they would be tried first."""
    names = {name: encodable(printable(name)) for name in plan}
    widths = {name: columns(text) for name, text in names.items()}
    widest = max([width for width in widths.values() if width <= WIDEST_NAME], default=0)
    lines = []
    for name, step in plan.items():
        start = names[name] + ' ' * (widest - widths[name])
        lines.append(f'{start}  {kind_of(step.job):10}  {encodable(printable(summary(step.job)))}'.rstrip())
    return lines


def columns(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes, as far as that can be known without the terminal."""
    import unicodedata

    def width(character: str) -> int:
        if unicodedata.category(character) in ('Mn', 'Me', 'Cf'):  # drawn on the character before it, or not at all
            return 0
        return 2 if unicodedata.east_asian_width(character) in 'WF' else 1

    return len(text) if text.isascii() else sum(map(width, text))


def tree(plan: Plan) -> list[str]:
    """Return a line for each Job below that which needs it; what was shown before is not shown again."""
    lines: list[str] = []
    shown: set[str] = set()
    stack = [(next(reversed(list(plan))), '', '')]
    while stack:
        name, first, rest = stack.pop()
        needs = plan[name].needs
        lines.append(f'{first}{encodable(printable(name))}' + (' (see above)' if name in shown and needs else ''))
        if name in shown:
            continue
        shown.add(name)
        for need in reversed(needs):
            is_last = need == needs[-1]
            stack.append((need, f'{rest}{"`-- " if is_last else "|-- "}', f'{rest}{"    " if is_last else "|   "}'))
    return lines


def summary(job: type[Job]) -> str:
    """Return the first line of the docstring that the class itself has."""
    text = vars(job).get('__doc__')
    return text.strip().partition('\n')[0] if isinstance(text, str) else ''
