"""The lines of ``--list`` and ``--tree``."""

from __future__ import annotations

from .._plan.plan import Plan
from ..job import kind_of
from ..text import escape_unprintable, summary
from .screen.terminal import MAX_NAME_WIDTH, cell_width


def listing(plan: Plan, encoding: str) -> list[str]:
    """Return a line for each Job, each after its dependencies."""
    names = {name: escape_unprintable(name, encoding) for name in plan.names}
    widths = {name: cell_width(text) for name, text in names.items()}
    widest = max([width for width in widths.values() if width <= MAX_NAME_WIDTH], default=0)
    lines = []
    for name, job in zip(plan.names, plan.jobs):
        padded = names[name] + ' ' * (widest - widths[name])
        lines.append(f'{padded}  {kind_of(job):10}  {escape_unprintable(summary(job), encoding)}'.rstrip())
    return lines


def tree(plan: Plan, encoding: str) -> list[str]:
    """Return the tree: each Job below each of its dependents, with its own dependencies only the first time."""
    lines: list[str] = []
    expanded: set[str] = set()
    dependencies_of = plan.dependency_names()
    stack = [(plan.root, '', '')]
    while stack:
        name, prefix, indent = stack.pop()
        dependencies = dependencies_of[name]
        is_abridged = name in expanded and dependencies
        lines.append(f'{prefix}{escape_unprintable(name, encoding)}{" (see above)" if is_abridged else ""}')
        if name in expanded:
            continue
        expanded.add(name)
        for dependency in reversed(dependencies):
            is_last = dependency == dependencies[-1]
            branch, space = ('`-- ', '    ') if is_last else ('|-- ', '|   ')
            stack.append((dependency, indent + branch, indent + space))
    return lines
