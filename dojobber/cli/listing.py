"""The lines of ``--list`` and ``--tree``."""

from __future__ import annotations

from .._plan.plan import Plan
from ..job import Job, kind_of
from .screen.terminal import columns, printable

WIDEST_NAME = 40  # columns; longer names push what follows


def listing(plan: Plan, encoding: str) -> list[str]:
    """Return a line for each Job, in the order in which they would be tried first."""
    names = {name: printable(name, encoding) for name in plan.names}
    widths = {name: columns(text) for name, text in names.items()}
    widest = max([width for width in widths.values() if width <= WIDEST_NAME], default=0)
    lines = []
    for name, step in plan.steps.items():
        start = names[name] + ' ' * (widest - widths[name])
        lines.append(f'{start}  {kind_of(step.job):10}  {printable(summary(step.job), encoding)}'.rstrip())
    return lines


def tree(plan: Plan, encoding: str) -> list[str]:
    """Return a line for each Job below that which needs it; what was shown before is not shown again."""
    lines: list[str] = []
    shown: set[str] = set()
    stack = [(plan.root, '', '')]
    while stack:
        name, first, rest = stack.pop()
        needs = plan.steps[name].dependencies
        lines.append(f'{first}{printable(name, encoding)}' + (' (see above)' if name in shown and needs else ''))
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
