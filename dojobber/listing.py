"""What there is to do, without doing it: the lines of ``--list`` and ``--tree``."""

from __future__ import annotations

from .job import Job, kind_of
from .plan import Plan
from .terminal import printable


def listing(plan: Plan) -> list[str]:
    """Return a line for each Job, in the order in which they would be tried first."""
    kinds = {name: kind_of(step.job) for name, step in plan.items()}
    widest = max(map(len, plan))
    lines = [f'{name:{widest}}  {kinds[name]:10}  {_summary(step.job)}' for name, step in plan.items()]
    return [printable(line.rstrip()) for line in lines]


def tree(plan: Plan) -> list[str]:
    """Return a line for each Job below that which needs it; what was shown before is not shown again."""
    lines: list[str] = []
    shown: set[str] = set()
    stack = [(next(reversed(list(plan))), '', '')]
    while stack:
        name, first, rest = stack.pop()
        needs = plan[name].needs
        lines.append(f'{first}{printable(name)}' + (' (see above)' if name in shown and needs else ''))
        if name in shown:
            continue
        shown.add(name)
        for need in reversed(needs):
            is_last = need == needs[-1]
            stack.append((need, f'{rest}{"`-- " if is_last else "|-- "}', f'{rest}{"    " if is_last else "|   "}'))
    return lines


def _summary(job: type[Job]) -> str:
    return (vars(job).get('__doc__') or '').strip().partition('\n')[0]
