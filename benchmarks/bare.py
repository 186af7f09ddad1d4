"""What the engine is compared with: the least that any code must do to work a graph of Jobs."""

from __future__ import annotations

from typing import Any


def post_order(root: Any) -> list[Any]:
    """Return ``root`` and all that it needs, depth first, each after its own needs, without recursion."""
    order = []
    seen = {root}
    stack = [(root, iter(root.DEPS))]
    while stack:
        job, needs = stack[-1]
        for need in needs:
            if need not in seen:
                seen.add(need)
                stack.append((need, iter(need.DEPS)))
                break
        else:
            stack.pop()
            order.append(job)
    return order


def work(root: Any, tries: int) -> set[Any]:
    """Work the graph and return the Jobs that did not pass: those that failed and those that need one of them.

    Each Job is tried until it passes or has no tries left; then comes the next one. There is no plan to check, no
    round robin, no clock, no directory, no Cleanup, and nothing is remembered of a Job but that it did not pass.
    """
    shared: dict[Any, Any] = {}
    without: set[Any] = set()
    for job in post_order(root):
        if without and not without.isdisjoint(job.DEPS):
            without.add(job)
            continue
        for _ in range(tries):
            instance = job()
            instance.storage = {}
            instance.global_storage = shared
            try:
                instance.Check()
                break
            except Exception:
                instance.Run()
            try:
                instance.Check()
                break
            except Exception:
                continue
        else:
            without.add(job)
    return without
