from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor

import pytest
from support.factories import FakeClock, make_schedule
from support.workers import LIMIT, RecordingRecorder, call_in_time, limit_threads, passing

from dojobber._workers import base, threads
from dojobber._workers.base import Recorded
from dojobber._workers.loop import execute
from dojobber._workers.threads import ExecutorThreads, OwnThreads


class TestThreads:
    def test_an_error_raised_by_the_attempt_function_is_recorded_as_the_result(self):
        error, recorder = MemoryError('of the attempt itself'), RecordingRecorder(lambda result: Recorded(False))

        def attempt(index):
            raise error

        workers = OwnThreads(recorder, 2, attempt)
        workers.start(7)
        assert workers.wait_for_one(LIMIT) == (7, False)
        assert (recorder.finished_indexes, recorder.results) == ([7], [error])
        workers.close()

    def test_a_second_attempt_does_not_end_with_the_result_of_the_first(self):
        at_work, let_go = threading.Barrier(3), threading.Event()

        def attempt(index):
            if recorder.finished_indexes:
                at_work.wait(LIMIT)
                assert index == 1 or let_go.wait(LIMIT)

        def read(result):
            return Recorded(False, None, KeyboardInterrupt() if len(recorder.finished_indexes) == 2 else None)

        recorder = RecordingRecorder(read)
        workers = OwnThreads(recorder, 2, attempt)
        workers.start(0)
        assert workers.wait_for_one(LIMIT) == (0, False)
        for index in (0, 1):
            workers.start(index)
        at_work.wait(LIMIT)
        with pytest.raises(KeyboardInterrupt) as caught:
            call_in_time(workers.drain)
        let_go.set()
        workers.close()
        assert (recorder.finished_indexes, recorder.abandoned_indexes) == ([0, 1], [(0, caught.value)])

    def test_drain_waits_for_an_attempt_that_lasts_longer_than_several_polls(self, monkeypatch):
        at_work, recorder = threading.Barrier(2), RecordingRecorder()

        def attempt(index):
            at_work.wait(LIMIT)
            time.sleep(0.05)
            return 'result'

        monkeypatch.setattr(base, 'LONGEST_WAIT', 0.001)
        workers = OwnThreads(recorder, 1, attempt)
        workers.start(0)
        at_work.wait(LIMIT)
        call_in_time(workers.drain)
        workers.close()
        assert (recorder.finished_indexes, recorder.results) == ([0], ['result'])

    def test_a_call_that_a_thread_pool_never_makes_fails_one_job(self):
        class Forgetful(Executor):
            def submit(self, function, /, *args):
                future = Future()
                future.set_result(None)
                return future

        recorder = RecordingRecorder(lambda result: Recorded(False))
        workers = ExecutorThreads(recorder, 1, int, Forgetful())
        workers.start(4)
        assert workers.wait_for_one(LIMIT) == (4, False)
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
        assert workers.wait_for_one(LIMIT) == (0, True)
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
        assert workers.wait_for_one(LIMIT) == (4, False)
        assert [type(result) for result in recorder.results] == [CancelledError]

    def test_as_many_attempts_as_allowed_run_at_once(self):
        count, recorder = 40, RecordingRecorder(passing)  # more than a pool has threads by default
        together = threading.Barrier(count)
        workers = OwnThreads(recorder, count, lambda index: together.wait(LIMIT))
        for index in range(count):
            workers.start(index)
        for _ in range(count):
            workers.wait_for_one(LIMIT)
        workers.close()
        assert sorted(recorder.results) == list(range(count)), 'all met at the barrier'

    def test_no_more_threads_are_started_than_attempts_run_at_once(self):
        names, recorder = set(), RecordingRecorder(passing)
        workers = OwnThreads(recorder, 8, lambda index: names.add(threading.current_thread().name))
        for index in range(20):
            workers.start(index)
            workers.wait_for_one(LIMIT)
        workers.close()
        assert names == {'dojobber_0'}

    def test_if_the_system_allows_no_more_threads_the_existing_ones_make_all_attempts(self, monkeypatch, caplog):
        limit_threads(monkeypatch, 2)
        together, recorder = threading.Barrier(2), RecordingRecorder(passing)
        workers = OwnThreads(recorder, 8, lambda index: together.wait(LIMIT))
        clock = FakeClock(0.0)
        call_in_time(execute, make_schedule([[]] * 6, [1] * 6, [0.0] * 6), workers, clock, lambda *args: None)
        workers.close()
        assert sorted(recorder.results) == [0, 0, 0, 1, 1, 1], 'two met at the barrier, three times'
        assert workers.max_running == 2

    def test_if_the_system_allows_no_thread_the_error_is_raised_and_nothing_has_started(self, monkeypatch):
        made, recorder = [], RecordingRecorder()
        limit_threads(monkeypatch, 0)
        workers = OwnThreads(recorder, 8, made.append)
        with pytest.raises(RuntimeError, match='new thread'):
            workers.start(0)
        call_in_time(workers.drain)
        assert (made, recorder.withdrawn_indexes, recorder.finished_indexes) == ([], [0], [])

    @pytest.mark.parametrize('has_executor', [False, True])
    def test_drain_withdraws_attempts_that_no_thread_has_started(self, monkeypatch, has_executor):
        at_work, let_go, made, withdrawn = threading.Event(), threading.Event(), [], threading.Event()

        def attempt(index):
            made.append(index)
            at_work.set()
            assert let_go.wait(LIMIT)

        class Withdrawing(RecordingRecorder):
            def withdrawn(self, index):
                super().withdrawn(index)
                if len(self.withdrawn_indexes) == 2:
                    withdrawn.set()

        recorder = Withdrawing(passing)
        limit_threads(monkeypatch, 1)
        executor = ThreadPoolExecutor(1) if has_executor else None
        workers = ExecutorThreads(recorder, 1, attempt, executor) if has_executor else OwnThreads(recorder, 1, attempt)
        workers.start(0)
        assert at_work.wait(LIMIT)
        for index in (1, 2):
            workers.start(index)
        draining = threading.Thread(target=workers.drain)
        draining.start()
        assert withdrawn.wait(LIMIT)
        let_go.set()
        draining.join(LIMIT)
        assert not draining.is_alive()
        workers.close()
        if executor:
            executor.shutdown()
        assert (made, recorder.finished_indexes, recorder.withdrawn_indexes) == ([0], [0], [1, 2])

    @pytest.mark.parametrize('has_executor', [False, True])
    def test_an_interrupted_drain_of_threads_records_ended_attempts_and_abandons_the_others(
        self, monkeypatch, has_executor
    ):
        at_work, let_go = threading.Event(), threading.Event()

        def attempt(index):
            if index == 2:  # on the one thread, so the other two have ended
                at_work.set()
                assert let_go.wait(LIMIT)

        def read(result):
            return Recorded(True, None, KeyboardInterrupt() if len(recorder.finished_indexes) == 1 else None)

        recorder = RecordingRecorder(read)
        limit_threads(monkeypatch, 1)
        executor = ThreadPoolExecutor(1) if has_executor else None
        workers = ExecutorThreads(recorder, 3, attempt, executor) if has_executor else OwnThreads(recorder, 3, attempt)
        for index in (0, 1, 2):
            workers.start(index)
        assert at_work.wait(LIMIT)
        with pytest.raises(KeyboardInterrupt) as caught:
            call_in_time(workers.drain)
        let_go.set()
        workers.close()
        if executor:
            executor.shutdown()
        assert (recorder.finished_indexes, recorder.abandoned_indexes) == ([0, 1], [(2, caught.value)])

    def test_an_idle_thread_exits_and_a_new_one_is_started_when_needed(self, monkeypatch):
        monkeypatch.setattr(threads, 'LONGEST_WAIT', 0.01)
        used, recorder = [], RecordingRecorder(passing)
        workers = OwnThreads(recorder, 2, lambda index: used.append(threading.current_thread()))
        workers.start(0)
        assert workers.wait_for_one(LIMIT) == (0, True)
        used[0].join(LIMIT)
        assert not used[0].is_alive(), 'nobody has closed it'
        workers.start(1)
        assert workers.wait_for_one(LIMIT) == (1, True)
        workers.close()
