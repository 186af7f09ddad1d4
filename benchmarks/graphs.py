"""The graphs that are measured: their shapes as plain data, and Job classes made from them."""

from __future__ import annotations

import pathlib
import random
import sys
from typing import Any, Callable

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))  # last: a library that is installed comes first

from dojobber import Job

TRIES = 3
"""How often a Job is tried, in all measurements."""

Needs = list[list[int]]
"""For each Job the indexes of those it needs, all smaller than its own. The last Job is the root."""


def chain(jobs: int) -> Needs:
    """Return a graph in which each Job needs the one before it."""
    return _with_root([[index - 1] if index else [] for index in range(jobs - 1)])


def wide(jobs: int) -> Needs:
    """Return a graph in which one root needs all other Jobs, and these need nothing."""
    return _with_root([[] for _ in range(jobs - 1)])


def layered(jobs: int, depth: int = 10, fan_in: int = 3, seed: int = 1) -> Needs:
    """Return layers of equal width, the root above them.

    A Job needs the one right below it and ``fan_in - 1`` others of the layer below, drawn at random. The width is
    ``jobs / depth``; the topmost layer has room for the root.
    """
    draw = random.Random(seed)
    width = max(jobs // depth, 1)
    needs: Needs = []
    for index in range(jobs - 1):
        layer, place = divmod(index, width)
        shifts = [0, *draw.sample(range(1, width), min(fan_in, width) - 1)]
        needs.append([(layer - 1) * width + (place + shift) % width for shift in shifts] if layer else [])
    return _with_root(needs)


def ladder(jobs: int) -> Needs:
    """Return diamonds on top of each other: two Jobs need the one below them, and the next one needs both.

    The paths through it double with each diamond. A number of Jobs that is not one more than a multiple of three leaves
    one or two Jobs over, which go on top in a row.
    """
    back = [-1, -2], [-1], [-2]  # from a join to both sides, from each side to the join below
    return _with_root([[index + step for step in back[index % 3] if index] for index in range(jobs - 1)])


def _with_root(needs: Needs) -> Needs:
    """Add the root, which needs every Job that no other one needs."""
    needed = {need for indexes in needs for need in indexes}
    return [*needs, [index for index in range(len(needs)) if index not in needed]]


SHAPES: dict[str, Callable[[int], Needs]] = {'chain': chain, 'wide': wide, 'layered': layered, 'ladder': ladder}


def passes(job: Job) -> None:
    """Check: pass."""


def never_passes(job: Job) -> None:
    """Check: fail."""
    raise ValueError('not done')


def passes_at_last_try(job: Job) -> None:
    """Check: pass once Run was called as often as there are tries."""
    if job.global_storage.get(type(job), 0) < TRIES:
        raise ValueError('not done yet')


def changes_nothing(job: Job) -> None:
    """Run: do nothing."""


def counts(job: Job) -> None:
    """Run: count how often it was called."""
    job.global_storage[type(job)] = job.global_storage.get(type(job), 0) + 1


Hooks = dict[str, Callable[[Any], None]]
GOOD: Hooks = {'Check': passes}
LATE: Hooks = {'Check': passes_at_last_try, 'Run': counts}
BAD: Hooks = {'Check': never_passes, 'Run': changes_nothing}

LEAVES: dict[str, list[Hooks]] = {
    'passing': [GOOD],
    'failing': [LATE, *[GOOD] * 4, BAD, *[GOOD] * 4],
    'bad': [BAD],
}
"""What becomes of the leaves: the first one is as the first of these, and so on, over and over again."""


def make_jobs(needs: Needs, leaves: str) -> list[type[Job]]:
    """Return Job classes for a graph, the root last. All Jobs but the leaves pass at once."""
    jobs: list[type[Job]] = []
    seen = 0
    for index, indexes in enumerate(needs):
        hooks = GOOD
        if not indexes:
            hooks = LEAVES[leaves][seen % len(LEAVES[leaves])]
            seen += 1
        jobs.append(type(f'Job{index}', (Job,), {'DEPS': [jobs[need] for need in indexes], **hooks}))
    return jobs
