from __future__ import annotations

import gc
import heapq
import os
import queue
import signal
import threading
import weakref
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit import FakeClock

from dojobber.execute import LONGEST_SLEEP, Futures, Inline, Recorded, Threads, execute
from dojobber.execute.recorded import LONGEST_WAIT
from dojobber.schedule import Schedule


def run(schedule, attempt, clock):
    waits = []
    execute(schedule, Inline(attempt), lambda now, due, index: waits.append((now, due, index)), clock, clock.sleep)
    return waits


def test_it_sleeps_only_when_nothing_is_due():
    clock = FakeClock(0.0)
    tried = []

    def attempt(index):
        tried.append((index, clock.now))
        clock.now += 1
        return len(tried) >= 4

    # Job 0 is due every 10 s, Job 1 every 4 s; both fail until the fourth attempt.
    waits = run(Schedule([[], []], [3, 3], [10.0, 4.0]), attempt, clock)
    assert tried == [(0, 0.0), (1, 1.0), (1, 5.0), (1, 9.0), (0, 10.0)]
    assert waits == [(2.0, 5.0, 1), (6.0, 9.0, 1)]
    assert clock.sleeps == [3.0, 3.0]


def test_what_an_attempt_raises_ends_it():
    def attempt(index):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Schedule([[], []], [1, 1], [0, 0]), attempt, FakeClock())


def test_a_long_wait_is_slept_in_pieces_the_platform_can_take():
    clock = FakeClock(0.0)
    seen = []

    def attempt(index):
        seen.append(clock.now)
        return len(seen) == 2

    waits = run(Schedule([[]], [2], [2.5 * LONGEST_SLEEP]), attempt, clock)
    assert clock.sleeps == [LONGEST_SLEEP, LONGEST_SLEEP, 0.5 * LONGEST_SLEEP]
    assert len(waits) == 1


def test_waking_early_is_slept_out():
    clock = FakeClock(0.0)
    clock.sleep = lambda seconds: setattr(
        clock, 'now', clock.now + seconds / 2 if seconds > 0.1 else clock.now + seconds
    )
    seen = []

    def attempt(index):
        seen.append(clock.now)
        return len(seen) == 2

    run(Schedule([[]], [2], [1.0]), attempt, clock)
    assert seen == [0.0, 1.0]


class Simulated:
    """Workers whose attempts take as long as they are told to, on a fake clock."""

    def __init__(self, clock, most, takes, passes_at):
        self.most = most
        self.attempts = []  # (index, started, ended, passed), in the order in which they end
        self.stops = 0
        self._clock, self._takes, self._passes_at = clock, takes, passes_at
        self._tries = [0] * len(takes)
        self._running = []

    def start(self, index):
        assert len(self._running) < self.most
        heapq.heappush(self._running, (self._clock.now + self._takes[index], index, self._clock.now))

    def ended(self, timeout):
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

    def stop(self):
        self.stops += 1


def simulate(most, needs, tries, delays, takes, passes_at):
    clock, waits = FakeClock(0.0), []
    workers = Simulated(clock, most, takes, passes_at)
    execute(Schedule(needs, tries, delays), workers, lambda *wait: waits.append(wait), clock, clock.sleep)
    return workers.attempts, waits, clock.sleeps


class TestSeveralAtOnce:
    def test_a_job_is_retried_when_due_although_another_still_runs(self):
        attempts, waits, sleeps = simulate(2, [[], []], [2, 1], [4.0, 0.0], [1.0, 10.0], [2, 1])
        assert attempts == [(0, 0.0, 1.0, False), (0, 4.0, 5.0, True), (1, 0.0, 10.0, True)]
        assert (waits, sleeps) == ([], []), 'while something runs the wait is for that too'

    def test_the_wait_for_what_runs_ends_when_the_next_is_due(self):
        attempts, _, _ = simulate(2, [[], []], [2, 1], [2.25, 0.0], [0.5, 10.0], [2, 1])
        assert attempts == [(0, 0.0, 0.5, False), (0, 2.25, 2.75, True), (1, 0.0, 10.0, True)]

    def test_a_job_that_comes_due_between_two_readings_of_the_clock_is_not_waited_for(self):
        class Clock(FakeClock):
            def __call__(self):
                self.now += 0.25
                return self.now

        clock = Clock(0.0)
        workers = Simulated(clock, 3, [0.6, 10.0], [2, 1])
        # Job 0 is due at 1.25. The clock is read at 1.1, when it is not, and at 1.35.
        execute(Schedule([[], []], [2, 1], [1.0, 0.0]), workers, lambda *args: None, clock, clock.sleep)
        assert [attempt[0] for attempt in workers.attempts] == [0, 0, 1]

    def test_a_job_that_waits_for_its_retry_takes_no_ones_place(self):
        attempts, _, _ = simulate(1, [[], [], []], [2, 1, 1], [4.0, 0.0, 0.0], [1.0, 1.0, 1.0], [2, 1, 1])
        assert [(index, started) for index, started, _, _ in attempts] == [(0, 0.0), (1, 1.0), (2, 2.0), (0, 4.0)]

    def test_it_sleeps_when_nothing_runs_and_nothing_is_due(self):
        attempts, waits, sleeps = simulate(2, [[], []], [2, 1], [4.0, 0.0], [1.0, 2.0], [2, 1])
        assert [(index, started) for index, started, _, _ in attempts] == [(0, 0.0), (1, 0.0), (0, 4.0)]
        assert (waits, sleeps) == ([(2.0, 4.0, 0)], [2.0])

    @given(st.data())
    def test_a_job_that_could_be_tried_is_passed_over_only_while_all_workers_are_busy(self, data):
        count, most = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 4))
        needs = [sorted(data.draw(st.sets(st.sampled_from(range(index))))) if index else [] for index in range(count)]

        def draw(values):
            return data.draw(st.lists(values, min_size=count, max_size=count))

        tries, passes_at = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        delays, takes = draw(st.sampled_from([0.0, 1.0, 5.0])), draw(st.sampled_from([0.5, 1.0, 3.0]))
        attempts, _, _ = simulate(most, needs, tries, delays, takes, passes_at)

        passed_at = {index: end for index, _, end, has_passed in attempts if has_passed}
        last_start = {}
        for index, started, _, _ in sorted(attempts, key=lambda attempt: attempt[1]):
            assert all(need in passed_at for need in needs[index])
            could = max([passed_at[need] for need in needs[index]], default=0.0)
            if index in last_start:
                could = max(last_start[index] + max(delays[index], takes[index]), could)
            assert could <= started
            for moment in {could, *(end for _, _, end, _ in attempts if could <= end < started)}:
                if moment < started:
                    assert len([1 for _, begun, end, _ in attempts if begun <= moment < end]) == most
            last_start[index] = started
        for index in range(count):
            made = len([1 for attempt in attempts if attempt[0] == index])
            is_reached = all(need in passed_at for need in needs[index])
            assert made == (min(tries[index], passes_at[index]) if is_reached else 0)

    @pytest.mark.parametrize('where', ['start', 'ended', 'sleep', 'waiting'])
    def test_whatever_ends_it_the_workers_are_stopped_once(self, where):
        def interrupt(*args):
            raise KeyboardInterrupt

        clock = FakeClock(0.0)
        workers = Simulated(clock, 2, [1.0], [2])
        if where in ('start', 'ended'):
            setattr(workers, where, interrupt)
        sleep, waiting = [interrupt if where == name else lambda *args: None for name in ('sleep', 'waiting')]
        with pytest.raises(KeyboardInterrupt):
            execute(Schedule([[]], [2], [9.0]), workers, waiting, clock, sleep)
        assert workers.stops == 1

    def test_workers_that_came_to_the_end_are_not_stopped(self):
        clock = FakeClock(0.0)
        workers = Simulated(clock, 2, [1.0], [1])
        execute(Schedule([[]], [1], [0.0]), workers, lambda *args: None, clock, clock.sleep)
        assert workers.stops == 0


class ByHand:
    """Makes futures that the test ends, and remembers what it is told about them."""

    def __init__(self, most=8):
        self.futures, self.recorded, self.abandoned = [], [], []
        self.workers = Futures(self.submit, self.record, self.abandon, most)

    def submit(self, index):
        future = Future()
        future.set_running_or_notify_cancel()
        self.futures.append(future)
        return future

    def record(self, index, future):
        assert future.done()
        self.recorded.append(index)
        return Recorded(future.result())

    def abandon(self, index, interrupt):
        self.abandoned.append((index, interrupt))

    def start(self, count):
        for index in range(count):
            self.workers.start(index)


class Waits:
    """In place of a queue: calls each function in turn, as what happens while somebody waits for it to be filled."""

    def __init__(self, *happens):
        self.timeouts = []
        self.filled = queue.SimpleQueue()
        self.put = self.filled.put
        self._happens = iter(happens)

    def get(self, timeout=None):
        self.timeouts.append(timeout)
        return next(self._happens)()


def nothing_comes():
    raise queue.Empty


def interrupt_comes():
    raise KeyboardInterrupt


class TestFutures:
    def test_ended_tells_of_attempts_in_the_order_in_which_they_end(self):
        hand = ByHand()
        hand.start(3)
        for index, result in (2, True), (0, False), (1, True):
            hand.futures[index].set_result(result)
        assert [hand.workers.ended(0) for _ in range(3)] == [(2, True), (0, False), (1, True)]
        assert hand.recorded == [2, 0, 1]

    def test_ended_returns_none_when_nothing_ends_in_time(self):
        hand = ByHand()
        hand.start(1)
        assert hand.workers.ended(0) is None
        hand.futures[0].set_result(True)
        assert hand.workers.ended(0) == (0, True)

    def test_one_that_has_ended_before_start_returns_is_told_too(self):
        done = Future()
        done.set_result(True)
        workers = Futures(lambda index: done, lambda index, future: Recorded(future.result()), None, 1)
        workers.start(5)
        assert workers.ended(0) == (5, True)

    def test_a_future_is_dropped_once_it_is_read(self):
        hand = ByHand()
        hand.start(2)
        hand.futures[0].set_result(True)
        read, unread = (weakref.ref(future) for future in hand.futures)
        hand.workers.ended(0)
        hand.futures.clear()
        gc.collect()
        assert read() is None
        assert unread() is not None

    def test_what_record_says_is_to_end_the_run_is_raised(self):
        done, error = Future(), KeyboardInterrupt('from a Job')
        done.set_result(False)
        workers = Futures(lambda index: done, lambda index, future: Recorded(False, error), None, 1)
        workers.start(0)
        with pytest.raises(KeyboardInterrupt) as caught:
            workers.ended(0)
        assert caught.value is error

    def test_stop_records_each_attempt_that_runs_in_the_order_of_their_starts(self):
        hand = ByHand()
        hand.start(3)
        for index in 2, 0, 1:
            hand.futures[index].set_result(True)
        hand.workers.ended(0)
        hand.workers.stop()
        assert hand.recorded == [2, 0, 1]
        hand.workers.stop()
        assert hand.recorded == [2, 0, 1], 'each once'

    def test_what_struck_while_an_attempt_was_recorded_ends_the_run_and_later_the_wait_for_others(self):
        hand = ByHand()
        record = hand.record
        hand.record = lambda index, future: record(index, future)._replace(struck=KeyboardInterrupt(index))
        hand.workers = Futures(hand.submit, hand.record, hand.abandon, 4)
        hand.start(4)
        for index in 2, 0:
            hand.futures[index].set_result(True)
        with pytest.raises(KeyboardInterrupt, match='2'):
            hand.workers.ended(0)
        with pytest.raises(KeyboardInterrupt, match='0') as caught:
            hand.workers.stop()
        assert hand.recorded == [2, 0]
        assert hand.abandoned == [(1, caught.value), (3, caught.value)]

    def test_what_attempts_raise_does_not_end_the_wait_for_others(self):
        hand = ByHand()
        record = hand.record
        hand.record = lambda index, future: record(index, future)._replace(failure=KeyboardInterrupt(index))
        hand.workers = Futures(hand.submit, hand.record, hand.abandon, 3)
        hand.start(3)
        for future in hand.futures:
            future.set_result(False)
        hand.workers.stop()
        assert (hand.recorded, hand.abandoned) == ([0, 1, 2], [])

    def test_stop_waits_a_little_at_a_time_for_as_long_as_it_takes(self):
        hand = ByHand()
        hand.workers._done = waits = Waits(nothing_comes, nothing_comes, lambda: hand.futures[0].set_result(True))
        hand.start(1)
        hand.workers.stop()
        assert hand.recorded == [0]
        assert waits.timeouts == [LONGEST_WAIT] * 3

    def test_a_job_that_is_tried_again_is_not_over_before_it_has_ended_again(self):
        hand = ByHand()
        hand.start(1)
        hand.futures[0].set_result(False)
        assert hand.workers.ended(0) == (0, False)
        hand.start(1)
        hand.workers._done = Waits(interrupt_comes)
        with pytest.raises(KeyboardInterrupt) as caught:
            hand.workers.stop()
        assert (hand.recorded, hand.abandoned) == ([0], [(0, caught.value)])

    def test_stop_cancels_nothing(self):
        hand = ByHand()
        hand.start(1)
        thread = threading.Thread(target=hand.workers.stop)
        thread.start()
        hand.futures[0].set_result(True)  # raises where it is cancelled
        thread.join(20)
        assert hand.recorded == [0]

    def test_when_the_wait_is_interrupted_what_has_ended_is_recorded_and_only_the_rest_is_abandoned(self):
        hand, is_recorded, is_over = ByHand(), threading.Event(), threading.Event()

        def record(index, future):
            is_recorded.set()
            return hand.record(index, future)

        def interrupt():
            if is_recorded.wait(20):
                hand.futures[4].set_result(True)
                os.kill(os.getpid(), signal.SIGINT)
            if not is_over.wait(20):
                for index in 1, 3:
                    hand.futures[index].set_result(True)  # so that it fails rather than hangs

        hand.workers = Futures(hand.submit, record, hand.abandon, 8)
        hand.start(5)
        for index in 0, 2:
            hand.futures[index].set_result(True)
        thread = threading.Thread(target=interrupt)
        thread.start()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background process has not
        try:
            with pytest.raises(KeyboardInterrupt) as caught:
                hand.workers.stop()
        finally:
            is_over.set()
            thread.join(20)
            signal.signal(signal.SIGINT, before)
        assert hand.recorded == [0, 2, 4]
        assert hand.abandoned == [(1, caught.value), (3, caught.value)]

    def test_with_threads_as_many_attempts_as_allowed_are_made_at_once(self):
        together = threading.Barrier(3)
        with ThreadPoolExecutor(9) as pool:
            ends = []

            def record(index, future):
                ends.append(future.exception())
                return Recorded(True)

            workers = Futures(lambda index: pool.submit(together.wait, 20), record, None, 3)
            clock = FakeClock(0.0)
            execute(Schedule([[]] * 6, [1] * 6, [0.0] * 6), workers, lambda *args: None, clock, clock.sleep)
        assert ends == [None] * 6, 'three met at the barrier, twice'


class TestThreads:
    def test_what_an_attempt_raises_is_handed_on_in_place_of_what_it_returns(self):
        error, recorded = MemoryError('of the attempt itself'), []

        def attempt(index):
            raise error

        def record(index, result):
            recorded.append((index, result))
            return Recorded(False)

        workers = Threads(lambda index: None, attempt, record, None, 2)
        workers.start(7)
        assert workers.ended(20) == (7, False)
        assert recorded == [(7, error)]
        workers.close()

    def test_a_job_that_is_tried_again_is_not_over_before_it_has_ended_again(self):
        at_work, let_go, recorded, abandoned = threading.Barrier(2), threading.Event(), [], []

        def attempt(index):
            if recorded:
                at_work.wait(20)
                assert let_go.wait(20)

        def record(index, result):
            recorded.append(index)
            return Recorded(False)

        workers = Threads(lambda index: None, attempt, record, lambda *abandon: abandoned.append(abandon), 1)
        workers.start(0)
        assert workers.ended(20) == (0, False)
        workers.start(0)
        at_work.wait(20)
        workers._done = Waits(interrupt_comes)
        with pytest.raises(KeyboardInterrupt) as caught:
            workers.stop()
        let_go.set()
        assert (recorded, abandoned) == ([0], [(0, caught.value)])

    def test_stop_waits_a_little_at_a_time_for_as_long_as_it_takes(self):
        at_work, let_go, recorded = threading.Barrier(2), threading.Event(), []

        def attempt(index):
            at_work.wait(20)
            assert let_go.wait(20)

        def end():
            let_go.set()
            for _ in ('the attempt has ended', 'the thread has ended'):
                waits.filled.get(timeout=20)

        def record(index, result):
            recorded.append((index, result))
            return Recorded(True)

        workers = Threads(lambda index: None, attempt, record, None, 1)
        workers.start(0)
        at_work.wait(20)
        workers._done = waits = Waits(nothing_comes, nothing_comes, end)
        workers.stop()
        assert recorded == [(0, None)]
        assert waits.timeouts == [LONGEST_WAIT] * 3

    def test_how_a_call_ends_whose_job_another_one_has_taken_is_no_matter(self, caplog):
        class Cancelling(Executor):
            def submit(self, function):
                function()
                future = Future()
                future.cancel()
                return future

        workers = Threads(lambda index: None, int, lambda index, result: Recorded(True), None, 1, Cancelling())
        workers.start(0)
        assert workers.ended(20) == (0, True)
        assert caplog.records == []

    def test_as_many_attempts_as_allowed_are_made_at_once(self):
        count, results = 40, []  # more than a pool has threads unless it is told to
        together = threading.Barrier(count)

        def record(index, result):
            results.append(result)
            return Recorded(True)

        workers = Threads(lambda index: None, lambda index: together.wait(20), record, None, count)
        for index in range(count):
            workers.start(index)
        for _ in range(count):
            workers.ended(30)
        workers.close()
        assert sorted(results) == list(range(count)), 'all met at the barrier'

    @pytest.mark.parametrize('is_theirs', [False, True])
    def test_what_no_thread_has_taken_yet_is_never_begun(self, is_theirs):
        at_work, let_go, made, recorded = threading.Event(), threading.Event(), [], []

        def attempt(index):
            made.append(index)
            at_work.set()
            assert let_go.wait(20)

        def record(index, result):
            recorded.append(index)
            return Recorded(True)

        executor = ThreadPoolExecutor(1) if is_theirs else None
        workers = Threads(lambda index: None, attempt, record, None, 1, executor)
        for index in (0, 1, 2):
            workers.start(index)
        assert at_work.wait(20)
        stopping = threading.Thread(target=workers.stop)
        stopping.start()
        while stopping.is_alive() and workers._running.keys() != {0}:
            pass
        assert workers._running.keys() == {0}
        let_go.set()
        stopping.join(20)
        assert not stopping.is_alive()
        if executor:
            executor.shutdown()
        assert (made, recorded) == ([0], [0])

    def test_when_the_wait_is_interrupted_what_ended_is_recorded_and_only_the_rest_abandoned(self):
        let_go, ended, recorded, abandoned = threading.Event(), threading.Barrier(3), [], []

        def attempt(index):
            if index == 2:
                assert let_go.wait(20)
            else:
                ended.wait(20)

        def record(index, result):
            recorded.append(index)
            return Recorded(True, None, KeyboardInterrupt() if len(recorded) == 1 else None)

        workers = Threads(lambda index: None, attempt, record, lambda index, _: abandoned.append(index), 3)
        for index in (0, 1, 2):
            workers.start(index)
        ended.wait(20)
        while len(workers._results) < 2:
            pass
        with pytest.raises(KeyboardInterrupt):
            workers.stop()
        let_go.set()
        assert (sorted(recorded), abandoned) == ([0, 1], [2])
