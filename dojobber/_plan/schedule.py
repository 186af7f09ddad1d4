"""Which Job to try next. Nothing runs here and no clock is read: a Schedule is asked and told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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

    def __init__(self, needs: Iterable[Sequence[int]], tries: Sequence[float], delays: Sequence[float]) -> None:
        # All lists are indexed like the plan.
        self._unmet: list[int] = []
        self._dependents: list[list[int]] = []
        for index, indexes in enumerate(needs):
            self._unmet.append(len(indexes))
            self._dependents.append([])
            for need in indexes:
                self._dependents[need].append(index)
        self._tries = list(tries)
        self._delays = delays
        self._started = [0.0] * len(tries)
        # (round, index) as one number, which compares like the pair: round * count of Jobs + index.
        self._count = len(tries)
        self._turns = list(range(self._count, 2 * self._count))
        self._ready = [turn for turn, unmet in zip(self._turns, self._unmet) if not unmet]  # sorted, hence a heap
        self._waiting: list[tuple[float, int]] = []  # a heap of (not before, turn)

    def take(self, now: float) -> int | None:
        """Return the index of the Job to try now, or None if none is due. Report back how it went."""
        while self._waiting and self._waiting[0][0] <= now:
            heappush(self._ready, heappop(self._waiting)[1])
        if not self._ready:
            return None
        index = heappop(self._ready) % self._count
        self._started[index] = now
        return index

    def is_last(self, index: int) -> bool:
        """Tell whether the attempt that the Job was taken for is its last."""
        return not self._tries[index] > 1

    def passed(self, index: int) -> None:
        """Note that the Job taken has passed; what needed only it is ready now."""
        earliest = self._turns[index] - index
        for dependent in self._dependents[index]:
            self._unmet[dependent] -= 1
            if self._turns[dependent] < earliest:
                self._turns[dependent] = earliest + dependent
            if not self._unmet[dependent]:
                heappush(self._ready, self._turns[dependent])

    def failed(self, index: int) -> None:
        """Note that the Job taken has failed; if it has tries left it comes again, in the next round."""
        self._tries[index] -= 1
        if self._tries[index] > 0:
            self._turns[index] += self._count
            heappush(self._waiting, (self._started[index] + self._delays[index], self._turns[index]))

    def next_due(self) -> tuple[float, int] | None:
        """Return when the first waiting Job is due and its index, or None if none waits."""
        if not self._waiting:
            return None
        due, turn = self._waiting[0]
        return due, turn % self._count

    def round(self, index: int) -> int:
        """Return the round, counted from 1, that the Job is in."""
        return self._turns[index] // self._count
