"""Which Job to try next. Nothing runs here and no clock is read: a Schedule is asked and told."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush


class Schedule:
    """Hands out Jobs, by their index in the plan, in the order that the rounds prescribe.

    Round r walks the plan and tries each Job that has not passed, whose needs have passed and that has tries left.
    A failed Job is tried again in round r + 1; a Job that becomes unblocked belongs to the highest round in which one
    of its needs passed. So the next Job is the one with the smallest (round, index) among those that are due.

    Args:
        needs: For each Job the indexes of those it needs. Each must be smaller than the Job's own.
        tries: For each Job how often it may be tried; infinity and fractions count as they compare.
        delays: For each Job the seconds from the start of one try to the start of the next.
    """

    def __init__(self, needs: Sequence[Sequence[int]], tries: Sequence[float], delays: Sequence[float]) -> None:
        # All lists are indexed like the plan.
        self._unmet = [len(indexes) for indexes in needs]
        self._dependents: list[list[int]] = [[] for _ in needs]
        for index, indexes in enumerate(needs):
            for need in indexes:
                self._dependents[need].append(index)
        self._tries = list(tries)
        self._delays = delays
        self._started = [0.0] * len(needs)
        self._rounds = [1] * len(needs)
        self._ready = [(1, index) for index, unmet in enumerate(self._unmet) if not unmet]  # sorted, hence a heap
        self._waiting: list[tuple[float, int, int]] = []  # a heap of (not before, round, index)

    def take(self, now: float) -> int | None:
        """Return the index of the Job to try now, or None if none is due. Report back how it went."""
        while self._waiting and self._waiting[0][0] <= now:
            _, round_, index = heappop(self._waiting)
            heappush(self._ready, (round_, index))
        if not self._ready:
            return None
        _, index = heappop(self._ready)
        self._started[index] = now
        return index

    def passed(self, index: int) -> None:
        """Note that the Job taken has passed; what needed only it is ready now."""
        round_ = self._rounds[index]
        for dependent in self._dependents[index]:
            self._unmet[dependent] -= 1
            if self._rounds[dependent] < round_:
                self._rounds[dependent] = round_
            if not self._unmet[dependent]:
                heappush(self._ready, (self._rounds[dependent], dependent))

    def failed(self, index: int) -> None:
        """Note that the Job taken has failed; if it has tries left it comes again, in the next round."""
        self._tries[index] -= 1
        if self._tries[index] > 0:
            self._rounds[index] += 1
            heappush(self._waiting, (self._started[index] + self._delays[index], self._rounds[index], index))

    def next_due(self) -> tuple[float, int] | None:
        """Return when the first waiting Job is due and its index, or None if none waits."""
        if not self._waiting:
            return None
        due, _, index = self._waiting[0]
        return due, index

    def round(self, index: int) -> int:
        """Return the round, counted from 1, that the Job is in."""
        return self._rounds[index]
