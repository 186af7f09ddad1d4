"""Decides which Job to attempt next. A Schedule is queried and updated; it runs nothing and reads no clock."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from .plan import JobSettings, dependents_of


class Schedule:
    """Decides the order of all attempts of a run. A Job is identified by its index in the plan.

    A round is one pass over the plan, in plan order. It attempts each Job that has not passed, has attempts left, and
    whose dependencies have all passed. A Job that failed is attempted again in the next round. A Job that becomes ready
    joins the latest round in which one of its dependencies passed. So the next Job is the one with the smallest (round,
    index) among those that are due.

    Args:
        dependencies: The indexes of each Job's dependencies, which are smaller than its own.
        settings: Each Job's settings. The number of attempts may be infinite, and a fraction is rounded up.
        once: Whether each Job has only one attempt, whatever its settings.
    """

    def __init__(
        self, dependencies: Sequence[Sequence[int]], settings: Sequence[JobSettings], once: bool = False
    ) -> None:
        # Each list, except the two heaps at the end, has one item per Job, in plan order.
        self._unpassed = list(map(len, dependencies))  # number of dependencies that have not passed
        self._dependents = dependents_of(dependencies)
        self._settings = settings
        self._tries_left = [1 if once else own.tries for own in settings]
        self._started_at = [0.0] * len(settings)
        # A priority is the pair (round, index) as one number that sorts the same way: round * number of Jobs + index.
        self._count = len(settings)
        self._priorities = list(range(self._count, 2 * self._count))
        self._ready = [self._priorities[index] for index, count in enumerate(self._unpassed) if not count]  # a heap
        self._waiting: list[tuple[float, int]] = []  # a heap of (due, priority)

    def next_ready(self, now: float) -> int | None:
        """Return the index of the Job to attempt at the time ``now``, in seconds; None if no Job is due.

        Call :meth:`mark_passed` or :meth:`mark_failed` when that attempt has ended.
        """
        while self._waiting and self._waiting[0][0] <= now:
            heappush(self._ready, heappop(self._waiting)[1])
        if not self._ready:
            return None
        index = heappop(self._ready) % self._count
        self._started_at[index] = now
        return index

    def is_last_attempt(self, index: int) -> bool:
        """Tell whether the current attempt of the Job is its last."""
        return self._tries_left[index] <= 1

    def make_last(self, index: int) -> None:
        """Make the current attempt of the Job its last."""
        self._tries_left[index] = 1

    def mark_passed(self, index: int) -> None:
        """Record that the Job has passed, which may make its dependents ready."""
        start_of_round = self._priorities[index] - index
        for dependent in self._dependents[index]:
            self._unpassed[dependent] -= 1
            if self._priorities[dependent] < start_of_round:
                self._priorities[dependent] = start_of_round + dependent
            if not self._unpassed[dependent]:
                heappush(self._ready, self._priorities[dependent])

    def mark_failed(self, index: int) -> None:
        """Record that the attempt has failed. If the Job has attempts left, it waits for the next round."""
        self._tries_left[index] -= 1
        if self._tries_left[index] > 0:
            self._priorities[index] += self._count
            heappush(
                self._waiting, (self._started_at[index] + self._settings[index].retry_delay, self._priorities[index])
            )

    def next_due(self) -> tuple[float, int] | None:
        """Return the time at which the next waiting Job is due, and its index; None if no Job waits."""
        if not self._waiting:
            return None
        due, priority = self._waiting[0]
        return due, priority % self._count

    def round_of(self, index: int) -> int:
        """Return the current round of the Job, counted from 1."""
        return self._priorities[index] // self._count
