"""The graphs to measure: their shapes as plain data, and Job classes made from them."""

from __future__ import annotations

import itertools
import pathlib
import random
import sys
from typing import Any, Callable

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))  # last: an installed package comes first

from dojobber import Job

TRIES = 3
"""The number of attempts that each Job has, in all measurements."""

Dependencies = list[list[int]]
"""For each Job the indexes of its dependencies, all smaller than its own. The last Job is the root."""


def chain(jobs: int) -> Dependencies:
    """Return a graph in which each Job depends on the one before it."""
    return _with_root([[index - 1] if index else [] for index in range(jobs - 1)])


def wide(jobs: int) -> Dependencies:
    """Return a graph in which the root depends on all other Jobs, and these depend on nothing."""
    return _with_root([[] for _ in range(jobs - 1)])


def layered(jobs: int, depth: int = 10, fan_in: int = 3, seed: int = 1) -> Dependencies:
    """Return layers of equal width, with the root above them.

    A Job depends on the one right below it and on ``fan_in - 1`` others of the layer below, drawn at random. The width
    is ``jobs / depth``; the root takes one place in the topmost layer.
    """
    draw = random.Random(seed)
    width = max(jobs // depth, 1)
    dependencies: Dependencies = []
    for index in range(jobs - 1):
        layer, place = divmod(index, width)
        shifts = [0, *draw.sample(range(1, width), min(fan_in, width) - 1)]
        dependencies.append([(layer - 1) * width + (place + shift) % width for shift in shifts] if layer else [])
    return _with_root(dependencies)


def ladder(jobs: int) -> Dependencies:
    """Return a stack of diamonds: two Jobs depend on the one below them, and the next one depends on both.

    The number of paths doubles with each diamond. A diamond adds three Jobs; one or two that are left over form a chain
    on top.
    """
    back = [-1, -2], [-1], [-2]  # from a join to both sides, from each side to the join below
    return _with_root([[index + step for step in back[index % 3] if index] for index in range(jobs - 1)])


def columns(jobs: int, depth: int = 8) -> Dependencies:
    """Return chains of ``depth`` Jobs, with the root above them. The last chain may be shorter."""
    return _with_root([[index - 1] if index % depth else [] for index in range(jobs - 1)])


def unequal(jobs: int) -> Dependencies:
    """Return a chain of one Job, a chain of two, a chain of three and so on, with the root above them.

    The last chain has the Jobs that are left over, so it may be shorter than the one before.
    """
    starts = set(itertools.accumulate(range(jobs)))  # 0, 1, 3, 6 and so on
    return _with_root([[] if index in starts else [index - 1] for index in range(jobs - 1)])


def _with_root(dependencies: Dependencies) -> Dependencies:
    """Add the root, which depends on every Job that no other one depends on."""
    inner = {index for indexes in dependencies for index in indexes}
    return [*dependencies, [index for index in range(len(dependencies)) if index not in inner]]


SHAPES: dict[str, Callable[[int], Dependencies]] = {
    'chain': chain,
    'wide': wide,
    'layered': layered,
    'ladder': ladder,
    'columns': columns,
    'unequal': unequal,
}


def passes(job: Job) -> None:
    """Check: pass."""


def never_passes(job: Job) -> None:
    """Check: fail."""
    raise ValueError('not done')


def passes_in_last_attempt(job: Job) -> None:
    """Check: pass once Run has been called ``TRIES`` times."""
    if job.global_storage.get(type(job), 0) < TRIES:
        raise ValueError('not done yet')


def changes_nothing(job: Job) -> None:
    """Run: do nothing."""


def counts(job: Job) -> None:
    """Run: count the calls."""
    job.global_storage[type(job)] = job.global_storage.get(type(job), 0) + 1


Hooks = dict[str, Callable[[Any], None]]
GOOD: Hooks = {'Check': passes}
LATE: Hooks = {'Check': passes_in_last_attempt, 'Run': counts}
BAD: Hooks = {'Check': never_passes, 'Run': changes_nothing}

LEAVES: dict[str, list[Hooks]] = {
    'passing': [GOOD],
    'failing': [LATE, *[GOOD] * 4, BAD, *[GOOD] * 4],
    'bad': [BAD],
}
"""The hooks of the leaves. They repeat: the first leaf has the first of them, and so on."""


def make_jobs(dependencies: Dependencies, leaves: str) -> list[type[Job]]:
    """Return Job classes for a graph, the root last. All Jobs except the leaves pass at once."""
    jobs: list[type[Job]] = []
    leaf = 0
    for index, indexes in enumerate(dependencies):
        hooks = GOOD
        if not indexes:
            hooks = LEAVES[leaves][leaf % len(LEAVES[leaves])]
            leaf += 1
        jobs.append(type(f'Job{index}', (Job,), {'DEPS': [jobs[dependency] for dependency in indexes], **hooks}))
    return jobs
