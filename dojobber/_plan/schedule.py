"""Which Job to run next. A Schedule is queried and updated; it runs nothing and reads no clock."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush


class Schedule:
    """Returns Jobs, by their index in the plan, in the order of the rounds.

    Each round is a pass over the plan that attempts every Job that has not passed, has attempts left, and whose
    dependencies have all passed. A Job that failed is attempted again in the next round. A Job that becomes ready joins
    the latest round in which one of its dependencies passed. So the next Job is the one with the smallest (round,
    index) among those that are due.

    Args:
        dependencies: For each Job the indexes of its dependencies, all smaller than its own.
        tries: For each Job its number of attempts; fractions and infinity count as they compare.
        delays: For each Job the seconds between the starts of two attempts.
    """

    def __init__(self, dependencies: Sequence[Sequence[int]], tries: Sequence[float], delays: Sequence[float]) -> None:
        # Each list has one item per Job, in plan order.
        self._missing = list(map(len, dependencies))  # how many dependencies have not passed
        self._dependents: list[list[int]] = [[] for _ in dependencies]
        for index, indexes in enumerate(dependencies):
            for dependency in indexes:
                self._dependents[dependency].append(index)
        self._tries = list(tries)
        self._delays = delays
        self._started_at = [0.0] * len(tries)
        # A priority is (round, index) as one number: round * number of Jobs + index. It sorts like the pair.
        self._count = len(tries)
        self._priorities = list(range(self._count, 2 * self._count))
        self._ready = [
            priority for priority, missing in zip(self._priorities, self._missing) if not missing
        ]  # sorted, so it is a heap
        self._waiting: list[tuple[float, int]] = []  # a heap of (due, priority)

    def next_ready(self, now: float) -> int | None:
        """Return the index of the Job to attempt now, None if none is due.

        Call :meth:`mark_passed` or :meth:`mark_failed` when the attempt has ended.
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
        return not self._tries[index] > 1

    def mark_passed(self, index: int) -> None:
        """Record that the Job has passed, which may make its dependents ready."""
        earliest = self._priorities[index] - index
        for dependent in self._dependents[index]:
            self._missing[dependent] -= 1
            if self._priorities[dependent] < earliest:
                self._priorities[dependent] = earliest + dependent
            if not self._missing[dependent]:
                heappush(self._ready, self._priorities[dependent])

    def mark_failed(self, index: int) -> None:
        """Record that the attempt has failed. If the Job has attempts left, it waits for the next round."""
        self._tries[index] -= 1
        if self._tries[index] > 0:
            self._priorities[index] += self._count
            heappush(self._waiting, (self._started_at[index] + self._delays[index], self._priorities[index]))

    def next_due(self) -> tuple[float, int] | None:
        """Return when the first waiting Job is due and its index, None if no Job waits."""
        if not self._waiting:
            return None
        due, priority = self._waiting[0]
        return due, priority % self._count

    def round_of(self, index: int) -> int:
        """Return the current round of the Job, counted from 1."""
        return self._priorities[index] // self._count
