"""The bare loop that the engine is compared with: the least that any code must do to run a graph of Jobs."""

from __future__ import annotations

from typing import Any


def post_order(root: Any) -> list[Any]:
    """Return ``root`` and all its dependencies, depth first, each Job after its own dependencies. Not recursive."""
    order = []
    seen = {root}
    stack = [(root, iter(root.DEPS))]
    while stack:
        job, dependencies = stack[-1]
        for dependency in dependencies:
            if dependency not in seen:
                seen.add(dependency)
                stack.append((dependency, iter(dependency.DEPS)))
                break
        else:
            stack.pop()
            order.append(job)
    return order


def run_graph(root: Any, tries: int) -> set[Any]:
    """Run the graph and return the Jobs that did not pass: those that failed and their dependents.

    Each Job is attempted until it passes or has used up its ``tries``, and then the next one. There is no validation,
    no round robin, no clock, no directory and no Cleanup, and all that is stored of a Job is that it did not pass.
    """
    shared: dict[Any, Any] = {}
    not_passed: set[Any] = set()
    for job in post_order(root):
        if not_passed and not not_passed.isdisjoint(job.DEPS):
            not_passed.add(job)
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
            not_passed.add(job)
    return not_passed
