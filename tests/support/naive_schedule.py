"""A second, independent statement of the rules of the schedule, which looks at all Jobs each time."""

from __future__ import annotations

from typing import NamedTuple


class PlannedJob(NamedTuple):
    """What the schedule has to know of a Job. Jobs are identified by their index in a list, dependencies first."""

    deps: tuple = ()
    tries: float = 1
    delays: tuple = (0.0,)
    locks: tuple = ()


class NaiveSchedule:
    """DESIGN's sections 4 and 12: the order of the attempts."""

    def __init__(self, jobs, skipped=(), critical_path_first=False):
        self.jobs = jobs
        self.passed_in = dict.fromkeys(skipped, 1)
        """The rounds of the Jobs that have passed."""
        self.failed_in = {}
        """The rounds of the Jobs whose latest attempt has failed."""
        self.due = {}
        self.tries = dict.fromkeys(range(len(jobs)), 0)
        self.running = []
        self.finished = set(skipped)
        """The Jobs without another attempt."""
        self._critical_path_first = critical_path_first

    def ready(self, now):
        """Return the Jobs whose dependencies have passed and that are due, whatever their locks."""
        return [
            index
            for index, job in enumerate(self.jobs)
            if index not in self.finished
            and index not in self.running
            and all(dep in self.passed_in for dep in job.deps)
            and self.due.get(index, now) <= now
        ]

    def is_free(self, index):
        """Tell whether no running Job holds a lock of this one."""
        return not any(set(self.jobs[index].locks) & set(self.jobs[other].locks) for other in self.running)

    def next_ready(self, now):
        """Return the Job to attempt now, or None."""
        free = [index for index in self.ready(now) if self.is_free(index)]
        return min(free, key=self._rank, default=None)

    def next_due(self, now):
        """Return the time at which the next Job is due, or None."""
        return min([due for index, due in self.due.items() if due > now and index not in self.running], default=None)

    def start(self, index, now):
        self.running.append(index)
        self.tries[index] += 1
        delays = self.jobs[index].delays
        self.due[index] = now + (delays + delays[-1:] * self.tries[index])[self.tries[index] - 1]

    def end(self, index, passed, gives_up=False):
        """End the attempt of a Job that runs."""
        round_ = self.round_of(index)
        self.running.remove(index)
        (self.passed_in if passed else self.failed_in)[index] = round_
        if passed or gives_up or self.tries[index] >= self.jobs[index].tries:
            self.finished.add(index)
            del self.due[index]

    def round_of(self, index):
        """Return the round of a Job that is ready or runs: a failed one comes again in the next round."""
        if index in self.failed_in:
            return self.failed_in[index] + 1
        return max([self.passed_in[dep] for dep in self.jobs[index].deps], default=1)

    def chain_above(self, index):
        """Return the number of Jobs in the longest chain of dependents above this one."""
        above = [other for other, job in enumerate(self.jobs) if index in job.deps]
        return max([1 + self.chain_above(other) for other in above], default=0)

    def _rank(self, index):
        chain = self.chain_above(index) if self._critical_path_first else 0
        return self.round_of(index), -chain, index
