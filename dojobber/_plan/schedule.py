"""Decides which Job to attempt next. A Schedule is queried and updated; it runs nothing and reads no clock."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from operator import attrgetter

from .locks import LockQueue
from .plan import Plan, dependents_of


class Schedule:
    """Decides the order of all attempts of a run. A Job is identified by its index in the plan.

    A round is one pass over the Jobs, in plan order or critical path first. It attempts each Job that has not passed,
    has attempts left, and whose dependencies have all passed. A Job that failed is attempted again in the next round. A
    Job that becomes ready joins the latest round in which one of its dependencies passed. So the next Job is the first
    of the earliest round, among those that are due and whose locks are free.

    Args:
        fail_fast: Whether to attempt nothing more once a Job has failed its last attempt.
        critical_path_first: Whether Jobs with longer chains of dependents come first in each round.
    """

    def __init__(self, plan: Plan, fail_fast: bool = False, critical_path_first: bool = False) -> None:
        # Each list, except the two heaps at the end, has one item per Job, in plan order.
        self._settings = plan.settings
        self._tries: list[float] = [settings.tries for settings in plan.settings]
        self._failures = [0] * len(plan.settings)
        self._started_at = [0.0] * len(plan.settings)
        self._unpassed = list(map(len, plan.dependencies))  # number of dependencies that have not passed
        self._dependents = dependents_of(plan.dependencies)
        # A priority is the pair (round, place in the round) as one number that sorts the same way: round * number of
        # Jobs + place.
        self._count = len(plan.settings)
        self._order: Sequence[int] = range(self._count)  # by place
        self._priorities = list(range(self._count, 2 * self._count))
        if critical_path_first:
            self._order = _longest_chains_first(plan.dependencies)
            for place, index in enumerate(self._order):
                self._priorities[index] = self._count + place
        self.fails_fast = fail_fast
        self.is_stopped = False
        """Whether no further attempt starts, because a Job has failed its last attempt and ``fail_fast`` is set."""
        self._lock_queue = LockQueue() if any(map(attrgetter('locks'), plan.settings)) else None
        self._ready: list[int] = []  # a heap of priorities of Jobs without locks
        self._waiting: list[tuple[float, int]] = []  # a heap of (due, priority)
        for index in plan.skipped:
            self._unpassed[index] = -1  # is never ready
        for index, count in enumerate(self._unpassed):
            if not count:
                self._make_ready(index)
        for index in plan.skipped:
            self.mark_ended(index, unblocks=True)

    def next_ready(self, now: float) -> int | None:
        """Return the index of the Job to attempt at the time ``now``, in seconds; None if no Job can be attempted.

        Call :meth:`mark_ended` when that attempt has ended.
        """
        while self._waiting and self._waiting[0][0] <= now:
            self._make_ready(self._order[heappop(self._waiting)[1] % self._count])
        if self.is_stopped:
            return None
        queue = self._lock_queue
        first_locked = queue.first() if queue else None
        if queue and first_locked is not None and not (self._ready and self._ready[0] < first_locked):
            priority = queue.take_first()
        elif self._ready:
            priority = heappop(self._ready)
        else:
            return None
        index = self._order[priority % self._count]
        self._started_at[index] = now
        return index

    def is_last_attempt(self, index: int) -> bool:
        """Tell whether the current attempt of the Job is its last."""
        return self._failures[index] + 1 >= self._tries[index]

    def make_last(self, index: int) -> None:
        """Make the current attempt of the Job its last."""
        self._tries[index] = 1

    def last_attempt_failed(self) -> None:
        """Record that a Job has failed its last attempt. With ``fail_fast``, no further attempt starts."""
        self.is_stopped = self.fails_fast

    def mark_ended(self, index: int, unblocks: bool) -> None:
        """Record that the current attempt of the Job has ended.

        Args:
            unblocks: Whether the Job's dependents may be attempted. If not, the Job is attempted again, as long as it
                has attempts left.
        """
        if self._lock_queue:
            self._lock_queue.release(self._settings[index].locks)
        if not unblocks:
            self._mark_failed(index)
            return
        priorities, unpassed = self._priorities, self._unpassed
        start_of_round = priorities[index] // self._count * self._count
        for dependent in self._dependents[index]:
            unpassed[dependent] -= 1
            if priorities[dependent] < start_of_round:
                priorities[dependent] = start_of_round + priorities[dependent] % self._count
            if not unpassed[dependent]:
                self._make_ready(dependent)

    def _mark_failed(self, index: int) -> None:
        """Let the Job wait for the next round if it has attempts left."""
        self._failures[index] += 1
        if self._failures[index] < self._tries[index]:
            self._priorities[index] += self._count
            delay = self._settings[index].delay_after(self._failures[index])
            if delay:
                heappush(self._waiting, (self._started_at[index] + delay, self._priorities[index]))
            else:
                self._make_ready(index)

    def next_due(self) -> tuple[float, int] | None:
        """Return the time at which the next waiting Job is due, and its index; None if no Job waits."""
        if not self._waiting or self.is_stopped:
            return None
        due, priority = self._waiting[0]
        return due, self._order[priority % self._count]

    def round_of(self, index: int) -> int:
        """Return the current round of the Job, counted from 1."""
        return self._priorities[index] // self._count

    def _make_ready(self, index: int) -> None:
        if self._lock_queue and self._settings[index].locks:
            self._lock_queue.push(self._priorities[index], self._settings[index].locks)
        else:
            heappush(self._ready, self._priorities[index])


def _longest_chains_first(dependencies: Sequence[Sequence[int]]) -> list[int]:
    """Return the indexes of all Jobs, those with a longer chain of dependents first, otherwise in plan order."""
    heights = [0] * len(dependencies)  # length of the longest chain of dependents
    for index in reversed(range(len(dependencies))):  # dependents come before their dependencies
        for dependency in dependencies[index]:
            if heights[dependency] <= heights[index]:
                heights[dependency] = heights[index] + 1
    return sorted(range(len(dependencies)), key=heights.__getitem__, reverse=True)
