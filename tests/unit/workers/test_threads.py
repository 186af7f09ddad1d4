from __future__ import annotations

import queue
import threading
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor

import pytest
from support.factories import FakeClock
from support.workers import RecordingRecorder, Waits, interrupt_comes, nothing_comes, passing

from dojobber._plan.schedule import Schedule
from dojobber._workers.base import LONGEST_WAIT, Recorded
from dojobber._workers.loop import execute
from dojobber._workers.threads import ExecutorThreads, OwnThreads


class TestThreads:
    def test_an_error_raised_by_the_attempt_function_is_recorded_as_the_result(self):
        error, recorder = MemoryError('of the attempt itself'), RecordingRecorder(lambda result: Recorded(False))

        def attempt(index):
            raise error

        workers = OwnThreads(recorder, 2, attempt)
        workers.start(7)
        assert workers.wait_for_one(20) == (7, False)
        assert (recorder.recorded, recorder.results) == ([7], [error])
        workers.close()

    def test_a_second_attempt_is_not_over_because_the_first_one_was(self):
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

    def test_drain_polls_for_as_long_as_it_takes(self):
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

    def test_a_call_that_a_thread_pool_never_makes_fails_one_job(self):
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

    def test_the_end_of_a_call_is_ignored_if_its_job_was_run(self, caplog):
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

    def test_a_call_that_a_thread_pool_cancels_fails_one_queued_job(self):
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
        count, recorder = 40, RecordingRecorder(passing)  # more than a pool has threads by default
        together = threading.Barrier(count)
        workers = OwnThreads(recorder, count, lambda index: together.wait(20))
        for index in range(count):
            workers.start(index)
        for _ in range(count):
            workers.wait_for_one(30)
        workers.close()
        assert sorted(recorder.results) == list(range(count)), 'all met at the barrier'

    def test_no_more_threads_are_started_than_attempts_run_at_once(self):
        names, recorder = set(), RecordingRecorder(passing)
        workers = OwnThreads(recorder, 8, lambda index: names.add(threading.current_thread().name))
        for index in range(20):
            workers.start(index)
            workers.wait_for_one(20)
        workers.close()
        assert names == {'dojobber_0'}

    def test_if_the_system_allows_no_more_threads_the_existing_ones_make_all_attempts(self, monkeypatch, caplog):
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

    def test_if_the_system_allows_no_thread_the_error_is_raised_and_nothing_has_started(self, monkeypatch):
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
    def test_drain_withdraws_attempts_that_no_thread_has_started(self, is_theirs):
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

    def test_an_interrupted_drain_of_threads_records_ended_attempts_and_abandons_the_others(self):
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

    def test_an_idle_thread_exits_and_a_new_one_is_started_when_needed(self):
        threads, recorder = [], RecordingRecorder(passing)
        workers = OwnThreads(recorder, 2, lambda index: threads.append(threading.current_thread()))
        workers.start(0)
        assert workers.wait_for_one(20) == (0, True)
        threads[0].join(20)
        assert not threads[0].is_alive(), 'nobody has closed it'
        workers.start(1)
        assert workers.wait_for_one(20) == (1, True)
        workers.close()
