from __future__ import annotations

import gc
import heapq
import os
import queue
import signal
import threading
import weakref
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factories import FakeClock

from dojobber._plan.schedule import Schedule
from dojobber._workers.base import LONGEST_WAIT, Recorded
from dojobber._workers.futures import FutureWorkers
from dojobber._workers.loop import LONGEST_SLEEP, execute
from dojobber._workers.threads import ExecutorThreads, OwnThreads
from dojobber.errors import RemoteError


class RecordingRecorder:
    """Keeps what it is notified of."""

    def __init__(self, read=lambda result: Recorded(bool(result))):
        self.started_ones, self.recorded, self.withdrawn_ones, self.abandoned_ones = [], [], [], []
        self.results = []
        self._read = read

    def started(self, index):
        self.started_ones.append(index)

    def finished(self, index, result):
        self.recorded.append(index)
        self.results.append(result)
        return self._read(result)

    def withdrawn(self, index):
        self.withdrawn_ones.append(index)

    def abandoned(self, index, interrupt):
        self.abandoned_ones.append((index, interrupt))


def passing(_):
    return Recorded(True)


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


def simulate(most, needs, tries, delays, takes, passes_at):
    clock, waits = FakeClock(0.0), []
    workers = Simulated(clock, most, takes, passes_at)
    execute(Schedule(needs, tries, delays), workers, clock, lambda *wait: waits.append(wait))
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
            def monotonic(self):
                self.now += 0.25
                return self.now

        clock = Clock(0.0)
        workers = Simulated(clock, 3, [0.6, 10.0], [2, 1])
        # Job 0 is due at 1.25. The clock is read at 1.1, when it is not, and at 1.35.
        execute(Schedule([[], []], [2, 1], [1.0, 0.0]), workers, clock, lambda *args: None)
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

    @pytest.mark.parametrize('where', ['start', 'wait_for_one', 'sleep', 'waiting'])
    def test_whatever_ends_it_what_runs_is_waited_for_once(self, where):
        def interrupt(*args):
            raise KeyboardInterrupt

        clock = FakeClock(0.0)
        workers = Simulated(clock, 2, [1.0], [2])
        if where in ('start', 'wait_for_one'):
            setattr(workers, where, interrupt)
        clock.sleep, waiting = [interrupt if where == name else lambda *args: None for name in ('sleep', 'waiting')]
        with pytest.raises(KeyboardInterrupt):
            execute(Schedule([[]], [2], [9.0]), workers, clock, waiting)
        assert workers.drains == 1

    def test_workers_that_came_to_the_end_are_not_waited_for(self):
        clock = FakeClock(0.0)
        workers = Simulated(clock, 2, [1.0], [1])
        execute(Schedule([[]], [1], [0.0]), workers, clock, lambda *args: None)
        assert workers.drains == 0


class PlainClient:
    """Sends the index of a Job, and takes back what the future holds."""

    def encode(self, index):
        return index

    def decode(self, index, response):
        return response


class Submitting:
    """An executor whose ``submit()`` is a function of the test, called with what is to be sent."""

    def __init__(self, submit):
        self._submit = submit

    def submit(self, function, request):
        return self._submit(request)


def future_workers(recorder, submit, most=1, client=None):
    return FutureWorkers(recorder, most, client or PlainClient(), Submitting(submit))


class ManualFutures(RecordingRecorder):
    """Makes futures that the test ends, and keeps what it is notified of."""

    def __init__(self, most=8, read=lambda result: Recorded(result)):
        super().__init__(read)
        self.futures = []
        self.workers = future_workers(self, self.submit, most)

    def submit(self, index):
        future = Future()
        future.set_running_or_notify_cancel()
        self.futures.append(future)
        return future

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
    def test_attempts_are_told_in_the_order_in_which_they_end(self):
        manual = ManualFutures()
        manual.start(3)
        for index, result in (2, True), (0, False), (1, True):
            manual.futures[index].set_result(result)
        assert [manual.workers.wait_for_one(0) for _ in range(3)] == [(2, True), (0, False), (1, True)]
        assert manual.started_ones == [0, 1, 2]
        assert manual.recorded == [2, 0, 1]

    def test_the_wait_for_one_returns_none_when_nothing_ends_in_time(self):
        manual = ManualFutures()
        manual.start(1)
        assert manual.workers.wait_for_one(0) is None
        manual.futures[0].set_result(True)
        assert manual.workers.wait_for_one(0) == (0, True)

    def test_one_that_has_ended_before_start_returns_is_told_too(self):
        done = Future()
        done.set_result(True)
        workers = future_workers(RecordingRecorder(), lambda index: done)
        workers.start(5)
        assert workers.wait_for_one(0) == (5, True)

    def test_one_that_is_done_and_has_called_nobody_is_found(self):
        class Mute(Future):
            def add_done_callback(self, function):
                pass

        future = Mute()
        workers = future_workers(RecordingRecorder(), lambda index: future)
        workers.start(5)
        future.set_result(True)
        assert workers.wait_for_one(0) is None
        assert workers.wait_for_one(0) == (5, True)

    def test_a_future_is_dropped_once_it_is_read(self):
        manual = ManualFutures()
        manual.start(2)
        manual.futures[0].set_result(True)
        read, unread = (weakref.ref(future) for future in manual.futures)
        manual.workers.wait_for_one(0)
        manual.futures.clear()
        gc.collect()
        assert read() is None
        assert unread() is not None

    @pytest.mark.parametrize('what', ['fatal', 'interrupt'])
    def test_what_is_recorded_as_to_end_the_run_is_raised(self, what):
        error = KeyboardInterrupt('from a Job')
        manual = ManualFutures(read=lambda result: Recorded(False)._replace(**{what: error}))
        manual.start(1)
        manual.futures[0].set_result(False)
        with pytest.raises(KeyboardInterrupt) as caught:
            manual.workers.wait_for_one(0)
        assert caught.value is error

    def test_what_reading_a_future_raises_is_recorded_in_place_of_its_result(self):
        error = ValueError('cannot be read')

        class Unreadable(PlainClient):
            def decode(self, index, response):
                raise error

        done, recorder = Future(), RecordingRecorder()
        done.set_result(True)
        workers = future_workers(recorder, lambda index: done, client=Unreadable())
        workers.start(0)
        workers.wait_for_one(0)
        assert recorder.results == [error]

    def test_a_job_that_cannot_be_sent_has_just_failed_with_its_error(self):
        error = RemoteError('cannot be sent')

        class Refusing(PlainClient):
            def encode(self, index):
                raise error

        recorder = RecordingRecorder(lambda result: Recorded(False))
        workers = future_workers(recorder, lambda index: pytest.fail('it was submitted'), client=Refusing())
        workers.start(3)
        assert workers.wait_for_one(0) == (3, False)
        assert (recorder.started_ones, recorder.results) == ([3], [error])

    def test_what_submitting_raises_is_raised_and_that_job_was_never_begun(self):
        def submit(index):
            raise RuntimeError('shut down')

        recorder = RecordingRecorder()
        workers = future_workers(recorder, submit)
        with pytest.raises(RuntimeError, match='shut down'):
            workers.start(3)
        workers.drain()
        assert (recorder.withdrawn_ones, recorder.recorded, recorder.abandoned_ones) == ([3], [], [])

    @pytest.mark.parametrize('what', [None, 5, object()])
    def test_what_is_no_future_is_refused_since_nobody_would_know_when_it_ends(self, what):
        recorder = RecordingRecorder()
        workers = future_workers(recorder, lambda index: what)
        with pytest.raises(TypeError, match=r'must return a concurrent\.futures\.Future'):
            workers.start(3)
        workers.drain()
        assert (recorder.recorded, recorder.abandoned_ones) == ([], [])

    def test_an_attempt_whose_submitting_is_interrupted_is_not_waited_for(self):
        interrupt = KeyboardInterrupt()

        def submit(index):
            raise interrupt

        recorder = RecordingRecorder()
        workers = future_workers(recorder, submit)
        with pytest.raises(KeyboardInterrupt):
            workers.start(3)
        workers.drain()
        assert (recorder.withdrawn_ones, recorder.recorded, recorder.abandoned_ones) == ([], [], [(3, interrupt)])

    def test_drain_records_each_attempt_that_runs_in_the_order_in_which_they_ended(self):
        manual = ManualFutures()
        manual.start(3)
        for index in 2, 1, 0:
            manual.futures[index].set_result(True)
        manual.workers.wait_for_one(0)
        manual.workers.drain()
        assert manual.recorded == [2, 1, 0]
        manual.workers.drain()
        assert manual.recorded == [2, 1, 0], 'each once'

    def test_what_struck_while_an_attempt_was_recorded_ends_the_run_and_later_the_wait_for_others(self):
        manual = ManualFutures(4, lambda result: Recorded(True, None, KeyboardInterrupt(result)))
        manual.start(4)
        for index in 2, 0:
            manual.futures[index].set_result(index)
        with pytest.raises(KeyboardInterrupt, match='2'):
            manual.workers.wait_for_one(0)
        with pytest.raises(KeyboardInterrupt, match='0') as caught:
            manual.workers.drain()
        assert manual.recorded == [2, 0]
        assert manual.abandoned_ones == [(1, caught.value), (3, caught.value)]

    def test_what_else_was_raised_while_one_was_recorded_ends_no_wait_and_is_raised_when_all_have_ended(self):
        manual = ManualFutures(3, lambda result: Recorded(True, None, result))
        manual.start(3)
        errors = [ValueError(0), None, ValueError(2)]
        for future, error in zip(manual.futures, errors):
            future.set_result(error)
        with pytest.raises(ValueError, match='2') as caught:
            manual.workers.drain()
        assert caught.value.__context__ is errors[0]
        assert (manual.recorded, manual.abandoned_ones) == ([0, 1, 2], [])

    def test_what_attempts_raise_does_not_end_the_wait_for_others(self):
        manual = ManualFutures(3, lambda result: Recorded(False, KeyboardInterrupt()))
        manual.start(3)
        for future in manual.futures:
            future.set_result(False)
        manual.workers.drain()
        assert (manual.recorded, manual.abandoned_ones) == ([0, 1, 2], [])

    def test_drain_waits_a_little_at_a_time_for_as_long_as_it_takes(self):
        def end():
            manual.futures[0].set_result(True)
            return waits.filled.get(timeout=20)

        manual = ManualFutures()
        manual.workers._ended = waits = Waits(nothing_comes, nothing_comes, end)
        manual.start(1)
        manual.workers.drain()
        assert manual.recorded == [0]
        assert waits.timeouts == [LONGEST_WAIT] * 3

    def test_a_job_that_is_tried_again_is_not_over_before_it_has_ended_again(self):
        manual = ManualFutures()
        manual.start(1)
        manual.futures[0].set_result(False)
        assert manual.workers.wait_for_one(0) == (0, False)
        manual.start(1)
        manual.workers._ended = Waits(interrupt_comes)
        with pytest.raises(KeyboardInterrupt) as caught:
            manual.workers.drain()
        assert (manual.recorded, manual.abandoned_ones) == ([0], [(0, caught.value)])

    def test_a_future_that_says_twice_that_it_is_done_says_nothing_of_the_next_attempt(self):
        class Twice(Future):
            def add_done_callback(self, function):
                self.say = lambda: function(self)
                super().add_done_callback(function)

        futures, recorder = [Twice(), Twice()], RecordingRecorder()
        ones = iter(futures)
        workers = future_workers(recorder, lambda index: next(ones))
        workers.start(0)
        futures[0].set_result(False)
        assert workers.wait_for_one(0) == (0, False)
        workers.start(0)
        futures[0].say()
        assert workers.wait_for_one(0) is None
        futures[1].set_result(True)
        assert workers.wait_for_one(0) == (0, True)

    def test_drain_cancels_nothing(self):
        manual = ManualFutures()
        manual.start(1)
        thread = threading.Thread(target=manual.workers.drain)
        thread.start()
        manual.futures[0].set_result(True)  # raises where it is cancelled
        thread.join(20)
        assert manual.recorded == [0]

    def test_when_the_wait_is_interrupted_what_has_ended_is_recorded_and_only_the_rest_is_abandoned(self):
        is_recorded, is_over = threading.Event(), threading.Event()

        def interrupt():
            if is_recorded.wait(20):
                manual.futures[4].set_result(True)
                os.kill(os.getpid(), signal.SIGINT)
            if not is_over.wait(20):
                for index in 1, 3:
                    manual.futures[index].set_result(True)  # so that it fails rather than hangs

        manual = ManualFutures(8, lambda result: is_recorded.set() or Recorded(result))
        manual.start(5)
        for index in 0, 2:
            manual.futures[index].set_result(True)
        thread = threading.Thread(target=interrupt)
        thread.start()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background process has not
        try:
            with pytest.raises(KeyboardInterrupt) as caught:
                manual.workers.drain()
        finally:
            is_over.set()
            thread.join(20)
            signal.signal(signal.SIGINT, before)
        assert manual.recorded == [0, 2, 4]
        assert manual.abandoned_ones == [(1, caught.value), (3, caught.value)]

    def test_with_threads_as_many_attempts_as_allowed_are_made_at_once(self):
        together, recorder = threading.Barrier(3), RecordingRecorder(passing)

        def meet():
            together.wait(20)
            return 'met'

        with ThreadPoolExecutor(9) as pool:
            workers = future_workers(recorder, lambda index: pool.submit(meet), 3)
            clock = FakeClock(0.0)
            execute(Schedule([[]] * 6, [1] * 6, [0.0] * 6), workers, clock, lambda *args: None)
        assert recorder.results == ['met'] * 6, 'three met at the barrier, twice'


class TestThreads:
    def test_what_an_attempt_raises_is_handed_on_in_place_of_what_it_returns(self):
        error, recorder = MemoryError('of the attempt itself'), RecordingRecorder(lambda result: Recorded(False))

        def attempt(index):
            raise error

        workers = OwnThreads(recorder, 2, attempt)
        workers.start(7)
        assert workers.wait_for_one(20) == (7, False)
        assert (recorder.recorded, recorder.results) == ([7], [error])
        workers.close()

    def test_a_job_that_is_tried_again_is_not_over_before_it_has_ended_again(self):
        at_work, let_go, recorder = threading.Barrier(2), threading.Event(), RecordingRecorder()

        def attempt(index):
            if recorder.recorded:
                at_work.wait(20)
                assert let_go.wait(20)

        workers = OwnThreads(recorder, 1, attempt)
        workers.start(0)
        assert workers.wait_for_one(20) == (0, False)
        workers.start(0)
        at_work.wait(20)
        workers._ended = Waits(interrupt_comes)
        with pytest.raises(KeyboardInterrupt) as caught:
            workers.drain()
        let_go.set()
        workers.close()
        assert (recorder.recorded, recorder.abandoned_ones) == ([0], [(0, caught.value)])

    def test_drain_waits_a_little_at_a_time_for_as_long_as_it_takes(self):
        at_work, let_go, recorder = threading.Barrier(2), threading.Event(), RecordingRecorder()

        def attempt(index):
            at_work.wait(20)
            assert let_go.wait(20)

        def end():
            let_go.set()
            return waits.filled.get(timeout=20)

        workers = OwnThreads(recorder, 1, attempt)
        workers.start(0)
        at_work.wait(20)
        workers._ended = waits = Waits(nothing_comes, nothing_comes, end)
        workers.drain()
        workers.close()
        assert (recorder.recorded, recorder.results) == ([0], [None])
        assert waits.timeouts == [LONGEST_WAIT] * 3

    def test_a_call_that_the_executor_never_makes_fails_one_job(self):
        class Forgetful(Executor):
            def submit(self, function, /, *args):
                future = Future()
                future.set_result(None)
                return future

        recorder = RecordingRecorder(lambda result: Recorded(False))
        workers = ExecutorThreads(recorder, 1, int, Forgetful())
        workers.start(4)
        assert workers.wait_for_one(20) == (4, False)
        assert 'did not run' in str(recorder.results[0])

    def test_how_a_call_ends_whose_job_another_one_has_taken_is_no_matter(self, caplog):
        class Cancelling(Executor):
            def submit(self, function, /, *args):
                function(*args)
                future = Future()
                future.cancel()
                return future

        workers = ExecutorThreads(RecordingRecorder(passing), 1, int, Cancelling())
        workers.start(0)
        assert workers.wait_for_one(20) == (0, True)
        assert caplog.records == []

    def test_a_call_that_the_executor_cancels_fails_one_job_that_nobody_has_begun(self):
        class Cancelling(Executor):
            def submit(self, function, /, *args):
                future = Future()
                future.cancel()
                future.set_running_or_notify_cancel()
                return future

        recorder = RecordingRecorder(lambda result: Recorded(False))
        workers = ExecutorThreads(recorder, 1, int, Cancelling())
        workers.start(4)
        assert workers.wait_for_one(20) == (4, False)
        assert [type(result) for result in recorder.results] == [CancelledError]

    def test_as_many_attempts_as_allowed_are_made_at_once(self):
        count, recorder = 40, RecordingRecorder(passing)  # more than a pool has threads unless it is told to
        together = threading.Barrier(count)
        workers = OwnThreads(recorder, count, lambda index: together.wait(20))
        for index in range(count):
            workers.start(index)
        for _ in range(count):
            workers.wait_for_one(30)
        workers.close()
        assert sorted(recorder.results) == list(range(count)), 'all met at the barrier'

    def test_no_more_threads_are_made_than_attempts_run_at_once(self):
        names, recorder = set(), RecordingRecorder(passing)
        workers = OwnThreads(recorder, 8, lambda index: names.add(threading.current_thread().name))
        for index in range(20):
            workers.start(index)
            workers.wait_for_one(20)
        workers.close()
        assert names == {'dojobber_0'}

    def test_where_the_system_allows_no_more_threads_those_there_are_make_all_attempts(self, monkeypatch, caplog):
        started, start = [], threading.Thread.start

        def limited(thread):
            if thread.name.startswith('dojobber'):
                started.append(thread)
                if len(started) > 2:
                    raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, 'start', limited)
        together, recorder = threading.Barrier(2), RecordingRecorder(passing)
        workers = OwnThreads(recorder, 8, lambda index: together.wait(20))
        clock = FakeClock(0.0)
        execute(Schedule([[]] * 6, [1] * 6, [0.0] * 6), workers, clock, lambda *args: None)
        workers.close()
        assert sorted(recorder.results) == [0, 0, 0, 1, 1, 1], 'two met at the barrier, three times'
        assert workers.max_running == 2

    def test_where_the_system_allows_no_thread_at_all_that_is_raised_and_nothing_was_begun(self, monkeypatch):
        def refuse(thread):
            raise RuntimeError("can't start new thread")

        made, recorder = [], RecordingRecorder()
        monkeypatch.setattr(threading.Thread, 'start', refuse)
        workers = OwnThreads(recorder, 8, made.append)
        with pytest.raises(RuntimeError, match='new thread'):
            workers.start(0)
        workers.drain()
        assert (made, recorder.withdrawn_ones, recorder.recorded) == ([], [0], [])

    @pytest.mark.parametrize('is_theirs', [False, True])
    def test_what_no_thread_has_taken_yet_is_never_begun(self, is_theirs):
        at_work, let_go, made, withdrawn = threading.Event(), threading.Event(), [], threading.Event()

        def attempt(index):
            made.append(index)
            at_work.set()
            assert let_go.wait(20)

        class Withdrawing(RecordingRecorder):
            def withdrawn(self, index):
                super().withdrawn(index)
                if len(self.withdrawn_ones) == 2:
                    withdrawn.set()

        recorder = Withdrawing(passing)
        executor = ThreadPoolExecutor(1) if is_theirs else None
        workers = ExecutorThreads(recorder, 1, attempt, executor) if is_theirs else OwnThreads(recorder, 1, attempt)
        workers.start(0)
        assert at_work.wait(20)
        if not is_theirs:
            workers._provide_thread = lambda: None  # there is no second one, as where the system allows none
        for index in (1, 2):
            workers.start(index)
        draining = threading.Thread(target=workers.drain)
        draining.start()
        assert withdrawn.wait(20)
        let_go.set()
        draining.join(20)
        assert not draining.is_alive()
        workers.close()
        if executor:
            executor.shutdown()
        assert (made, recorder.recorded, recorder.withdrawn_ones) == ([0], [0], [1, 2])

    def test_when_the_wait_is_interrupted_what_ended_is_recorded_and_only_the_rest_abandoned(self):
        let_go, ended, over = threading.Event(), threading.Barrier(3), threading.Semaphore(0)

        def attempt(index):
            if index == 2:
                assert let_go.wait(20)
            else:
                ended.wait(20)

        class Ended(queue.SimpleQueue):
            def put(self, index):
                super().put(index)
                over.release()

        recorder = RecordingRecorder(
            lambda result: Recorded(True, None, KeyboardInterrupt() if len(recorder.recorded) == 1 else None)
        )
        workers = OwnThreads(recorder, 3, attempt)
        workers._ended = Ended()
        for index in (0, 1, 2):
            workers.start(index)
        ended.wait(20)
        for _ in range(2):
            assert over.acquire(timeout=20)
        with pytest.raises(KeyboardInterrupt):
            workers.drain()
        let_go.set()
        workers.close()
        assert (sorted(recorder.recorded), [index for index, _ in recorder.abandoned_ones]) == ([0, 1], [2])

    def test_a_thread_that_has_nothing_to_do_for_long_ends_by_itself_and_one_that_is_wanted_comes_anew(self):
        threads, recorder = [], RecordingRecorder(passing)
        workers = OwnThreads(recorder, 2, lambda index: threads.append(threading.current_thread()))
        workers.start(0)
        assert workers.wait_for_one(20) == (0, True)
        threads[0].join(20)
        assert not threads[0].is_alive(), 'nobody has closed it'
        workers.start(1)
        assert workers.wait_for_one(20) == (1, True)
        workers.close()
