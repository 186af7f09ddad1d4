from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factories import FakeClock, make_schedule

from dojobber._workers.base import LONGEST_WAIT
from dojobber._workers.loop import LONGEST_SLEEP, execute


class Direct:
    """Workers that call a function for each attempt."""

    max_running = 1

    def __init__(self, attempt):
        self.start = attempt

    def drain(self):
        pass


def run(schedule, attempt, clock):
    waits = []
    execute(schedule, Direct(attempt), clock, lambda *wait: waits.append(wait))
    return waits


def test_the_loop_sleeps_only_when_no_job_is_due():
    clock = FakeClock(0.0)
    tried = []

    def attempt(index):
        tried.append((index, clock.now))
        clock.now += 1
        return len(tried) >= 4

    # Job 0 is due every 10 s, Job 1 every 4 s; both fail until the fourth attempt.
    waits = run(make_schedule([[], []], [3, 3], [10.0, 4.0]), attempt, clock)
    assert tried == [(0, 0.0), (1, 1.0), (1, 5.0), (1, 9.0), (0, 10.0)]
    assert waits == [(2.0, 5.0, 1), (6.0, 9.0, 1)]
    assert clock.sleeps == [3.0, 3.0]


def test_an_interrupt_of_an_attempt_ends_the_loop():
    def attempt(index):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(make_schedule([[], []], [1, 1], [0, 0]), attempt, FakeClock())


def test_a_long_wait_is_split_into_sleeps_that_the_platform_allows():
    clock = FakeClock(0.0)
    seen = []

    def attempt(index):
        seen.append(clock.now)
        return len(seen) == 2

    waits = run(make_schedule([[]], [2], [2.5 * LONGEST_SLEEP]), attempt, clock)
    assert clock.sleeps == [LONGEST_SLEEP, LONGEST_SLEEP, 0.5 * LONGEST_SLEEP]
    assert len(waits) == 1


def test_a_sleep_that_ends_early_is_continued():
    clock = FakeClock(0.0)
    clock.sleep = lambda seconds: setattr(
        clock, 'now', clock.now + seconds / 2 if seconds > 0.1 else clock.now + seconds
    )
    seen = []

    def attempt(index):
        seen.append(clock.now)
        return len(seen) == 2

    run(make_schedule([[]], [2], [1.0]), attempt, clock)
    assert seen == [0.0, 1.0]


class Simulated:
    """Workers whose attempts take the given times on a fake clock."""

    def __init__(self, clock, most, takes, passes_at):
        self.max_running = most
        self.attempts = []  # (index, started, ended, passed), in the order in which they end
        self.drains = 0
        self._clock, self._takes, self._passes_at = clock, takes, passes_at
        self._tries = [0] * len(takes)
        self._running = []

    def start(self, index):
        assert len(self._running) < self.max_running
        heapq.heappush(self._running, (self._clock.now + self._takes[index], index, self._clock.now))

    def wait_for_one(self, timeout):
        assert 0 <= timeout <= LONGEST_WAIT
        end, index, started = self._running[0]
        if end > self._clock.now + timeout:
            self._clock.now += timeout
            return None
        heapq.heappop(self._running)
        self._clock.now = end
        self._tries[index] += 1
        has_passed = self._tries[index] >= self._passes_at[index]
        self.attempts.append((index, started, end, has_passed))
        return index, has_passed

    def drain(self):
        self.drains += 1


def simulate(most, dependencies, tries, delays, takes, passes_at):
    clock, waits = FakeClock(0.0), []
    workers = Simulated(clock, most, takes, passes_at)
    execute(make_schedule(dependencies, tries, delays), workers, clock, lambda *wait: waits.append(wait))
    return workers.attempts, waits, clock.sleeps


class TestSeveralAtOnce:
    def test_a_job_is_retried_when_due_while_another_still_runs(self):
        attempts, waits, sleeps = simulate(2, [[], []], [2, 1], [4.0, 0.0], [1.0, 10.0], [2, 1])
        assert attempts == [(0, 0.0, 1.0, False), (0, 4.0, 5.0, True), (1, 0.0, 10.0, True)]
        assert (waits, sleeps) == ([], []), 'while something runs the wait is for that too'

    def test_the_wait_for_running_attempts_ends_when_the_next_job_is_due(self):
        attempts, _, _ = simulate(2, [[], []], [2, 1], [2.25, 0.0], [0.5, 10.0], [2, 1])
        assert attempts == [(0, 0.0, 0.5, False), (0, 2.25, 2.75, True), (1, 0.0, 10.0, True)]

    def test_a_job_that_comes_due_between_two_readings_of_the_clock_is_not_waited_for(self):
        class Clock(FakeClock):
            def monotonic(self):
                self.now += 0.25
                return self.now

        clock = Clock(0.0)
        workers = Simulated(clock, 3, [0.6, 10.0], [2, 1])
        # Job 0 is due at 1.25. The clock is read at 1.1, when it is not, and at 1.35.
        execute(make_schedule([[], []], [2, 1], [1.0, 0.0]), workers, clock, lambda *args: None)
        assert [attempt[0] for attempt in workers.attempts] == [0, 0, 1]

    def test_a_job_that_waits_for_its_retry_occupies_no_worker(self):
        attempts, _, _ = simulate(1, [[], [], []], [2, 1, 1], [4.0, 0.0, 0.0], [1.0, 1.0, 1.0], [2, 1, 1])
        assert [(index, started) for index, started, _, _ in attempts] == [(0, 0.0), (1, 1.0), (2, 2.0), (0, 4.0)]

    def test_the_loop_sleeps_when_no_attempt_runs_and_no_job_is_due(self):
        attempts, waits, sleeps = simulate(2, [[], []], [2, 1], [4.0, 0.0], [1.0, 2.0], [2, 1])
        assert [(index, started) for index, started, _, _ in attempts] == [(0, 0.0), (1, 0.0), (0, 4.0)]
        assert (waits, sleeps) == ([(2.0, 4.0, 0)], [2.0])

    @given(st.data())
    def test_a_ready_job_waits_only_while_all_workers_are_busy(self, data):
        count, most = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 4))
        dependencies = [
            sorted(data.draw(st.sets(st.sampled_from(range(index))))) if index else [] for index in range(count)
        ]

        def draw(values):
            return data.draw(st.lists(values, min_size=count, max_size=count))

        tries, passes_at = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        delays, takes = draw(st.sampled_from([0.0, 1.0, 5.0])), draw(st.sampled_from([0.5, 1.0, 3.0]))
        attempts, _, _ = simulate(most, dependencies, tries, delays, takes, passes_at)

        passed_at = {index: end for index, _, end, has_passed in attempts if has_passed}
        last_start = {}
        for index, started, _, _ in sorted(attempts, key=lambda attempt: attempt[1]):
            assert all(dependency in passed_at for dependency in dependencies[index])
            could = max([passed_at[dependency] for dependency in dependencies[index]], default=0.0)
            if index in last_start:
                could = max(last_start[index] + max(delays[index], takes[index]), could)
            assert could <= started
            for moment in {could, *(end for _, _, end, _ in attempts if could <= end < started)}:
                if moment < started:
                    assert len([1 for _, began, end, _ in attempts if began <= moment < end]) == most
            last_start[index] = started
        for index in range(count):
            made = len([1 for attempt in attempts if attempt[0] == index])
            is_reached = all(dependency in passed_at for dependency in dependencies[index])
            assert made == (min(tries[index], passes_at[index]) if is_reached else 0)

    @pytest.mark.parametrize('where', ['start', 'wait_for_one', 'sleep', 'waiting'])
    def test_an_interrupt_anywhere_drains_the_workers_once(self, where):
        def interrupt(*args):
            raise KeyboardInterrupt

        clock = FakeClock(0.0)
        workers = Simulated(clock, 2, [1.0], [2])
        if where in ('start', 'wait_for_one'):
            setattr(workers, where, interrupt)
        clock.sleep, waiting = [interrupt if where == name else lambda *args: None for name in ('sleep', 'waiting')]
        with pytest.raises(KeyboardInterrupt):
            execute(make_schedule([[]], [2], [9.0]), workers, clock, waiting)
        assert workers.drains == 1

    def test_workers_are_not_drained_after_the_last_job(self):
        clock = FakeClock(0.0)
        workers = Simulated(clock, 2, [1.0], [1])
        execute(make_schedule([[]], [1], [0.0]), workers, clock, lambda *args: None)
        assert workers.drains == 0


class Queueing:
    """Workers whose attempts end when the loop waits for them. They also have results that were recorded before."""

    max_running = 1
    has_results = True

    def __init__(self, passes):
        self._passes = passes
        self.started, self._running = [], []

    def start(self, index):
        self.started.append(index)
        self._running.append(index)

    def wait_for_one(self, timeout):
        index = self._running.pop()
        return index, self._passes(index)

    def withdraw(self):
        return 0

    def drain(self):
        pass


def test_a_result_that_is_recorded_already_does_not_end_a_run_that_fails_fast():
    workers = Queueing(lambda index: True)
    schedule = make_schedule([[], [], [0, 1]], 1, 0.0, fail_fast=True)
    execute(schedule, workers, FakeClock(), lambda *wait: None)
    assert workers.started == [0, 1, 2]


def test_a_run_that_fails_fast_starts_nothing_after_a_last_attempt_has_failed():
    def passes(index):
        schedule.last_attempt_failed()
        return False

    workers = Queueing(passes)
    schedule = make_schedule([[], [], [0, 1]], 1, 0.0, fail_fast=True)
    execute(schedule, workers, FakeClock(), lambda *wait: None)
    assert workers.started == [0]
