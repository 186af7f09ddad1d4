"""The ready Jobs that need locks. A lock is a name of something of which there is only one."""

from __future__ import annotations

from heapq import heappop, heappush


class LockQueue:
    """Ready Jobs, by priority. The first one whose locks are all free comes first; nothing is reserved for the others.

    A priority is a number that identifies a Job; smaller ones come first. Jobs that need the same locks share a queue,
    so that many Jobs with one lock cost no more than Jobs without locks.
    """

    def __init__(self) -> None:
        self._queues: dict[frozenset[str], list[int]] = {}
        """A heap of priorities for each set of locks."""
        self._candidates: list[tuple[int, frozenset[str]]] = []
        """A heap of queues whose locks may be free, with their first priority. Some entries are outdated."""
        self._parked: dict[str, set[frozenset[str]]] = {}
        """The queues that wait for a lock, by that lock."""
        self._held: set[str] = set()

    def push(self, priority: int, locks: frozenset[str]) -> None:
        """Add a Job."""
        queue = self._queues.setdefault(locks, [])
        heappush(queue, priority)
        if queue[0] == priority:
            heappush(self._candidates, (priority, locks))

    def first(self) -> int | None:
        """Return the smallest priority of the Jobs whose locks are all free; None if there is none."""
        while self._candidates:
            priority, locks = self._candidates[0]
            queue = self._queues[locks]
            if queue and queue[0] == priority:
                busy = next((lock for lock in locks if lock in self._held), None)
                if busy is None:
                    return priority
                self._parked.setdefault(busy, set()).add(locks)
            heappop(self._candidates)
        return None

    def take_first(self) -> int:
        """Remove the Job that :meth:`first` has just returned, and hold its locks until :meth:`release`."""
        priority, locks = heappop(self._candidates)
        queue = self._queues[locks]
        heappop(queue)
        self._held |= locks
        if queue:
            heappush(self._candidates, (queue[0], locks))
        return priority

    def release(self, locks: frozenset[str]) -> None:
        """Release locks that a Job has held."""
        self._held -= locks
        for lock in locks:
            for waiting in self._parked.pop(lock, ()):
                heappush(self._candidates, (self._queues[waiting][0], waiting))
