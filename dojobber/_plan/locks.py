"""The ready Jobs that need locks. A lock is a name of something of which there is only one."""

from __future__ import annotations

from heapq import heappop, heappush

Locks = frozenset[str]
"""The locks that a Job needs."""


class LockQueue:
    """A queue of ready Jobs that need locks, by priority.

    The first Job whose locks are all free is taken first; no lock is reserved for the Jobs before it. A priority is a
    number that identifies a Job; smaller ones come first.

    Jobs that need the same locks form a group. A group that needs a lock which is held is parked on that lock. When the
    lock is released, only the first group on it is tried, and the next one only if that has to be parked on another
    lock. So Jobs with locks cost little more than Jobs without. An entry of a heap is outdated if its group has moved
    or has another first Job.
    """

    def __init__(self) -> None:
        self._groups: dict[Locks, list[int]] = {}
        """The priorities of each group, as a heap."""
        self._candidates: list[tuple[int, Locks]] = []
        """A heap of groups whose locks may be free, by first priority. Some entries are outdated."""
        self._parked: dict[str, list[tuple[int, Locks]]] = {}
        """For each lock, a heap of the groups that are parked on it, likewise."""
        self._parked_on: dict[Locks, str] = {}
        """The lock on which a group is parked. All other groups are candidates."""
        self._held: set[str] = set()

    def push(self, priority: int, locks: Locks) -> None:
        """Add a Job."""
        group = self._groups.setdefault(locks, [])
        heappush(group, priority)
        if group[0] == priority:
            # Of the groups parked on a lock that was released, only the first is a candidate. This one may precede it.
            if self._parked_on.get(locks) not in self._held:
                self._parked_on.pop(locks, None)
            self._add_entry(locks)

    def first(self) -> int | None:
        """Return the smallest priority of the Jobs whose locks are all free; None if there is none."""
        while self._candidates:
            priority, locks = self._candidates[0]
            held = self._held_one_of(locks)
            if held is None and self._is_current(priority, locks, None):
                return priority
            heappop(self._candidates)
            if held is not None and self._is_current(priority, locks, None):
                self._parked_on[locks] = held
                self._add_entry(locks)
                self._try_next(locks - self._held)
        return None

    def _held_one_of(self, locks: Locks) -> str | None:
        for lock in locks:
            if lock in self._held:
                return lock
        return None

    def take_first(self) -> int:
        """Remove the Job that :meth:`first` has just returned, hold its locks until :meth:`release`, and return it."""
        priority, locks = heappop(self._candidates)
        heappop(self._groups[locks])
        self._held |= locks
        if self._groups[locks]:
            self._add_entry(locks)
        return priority

    def release(self, locks: Locks) -> None:
        """Release locks that a Job has held."""
        self._held -= locks
        self._try_next(locks)

    def _try_next(self, free: Locks) -> None:
        """Make the first group that is parked on each of these locks a candidate."""
        for lock in free:
            parked = self._parked.get(lock, [])
            while parked:
                priority, locks = heappop(parked)
                if self._is_current(priority, locks, lock):
                    del self._parked_on[locks]
                    self._add_entry(locks)
                    break

    def _add_entry(self, locks: Locks) -> None:
        """Add an entry for a group where it belongs."""
        lock = self._parked_on.get(locks)
        heap = self._candidates if lock is None else self._parked.setdefault(lock, [])
        heappush(heap, (self._groups[locks][0], locks))

    def _is_current(self, priority: int, locks: Locks, parked_on: str | None) -> bool:
        """Tell whether an entry, of the candidates or of the groups parked on a lock, is not outdated."""
        group = self._groups[locks]
        return bool(group) and group[0] == priority and self._parked_on.get(locks) == parked_on
