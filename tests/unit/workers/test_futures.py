from __future__ import annotations

import gc
import os
import signal
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from support.factories import FakeClock, make_schedule
from support.workers import LIMIT, RecordingRecorder, call_in_time, passing

from dojobber._workers import base
from dojobber._workers.base import Recorded
from dojobber._workers.futures import FutureWorkers
from dojobber._workers.loop import execute
from dojobber.errors import RemoteError


class PlainClient:
    """Sends the index of a Job and returns the response unchanged."""

    def encode(self, index):
        return index

    def decode(self, index, response):
        return response


class Submitting:
    """An executor whose ``submit()`` passes the request to a function of the test."""

    def __init__(self, submit):
        self._submit = submit

    def submit(self, function, request):
        return self._submit(request)


def future_workers(recorder, submit, most=1, client=None):
    return FutureWorkers(recorder, most, client or PlainClient(), Submitting(submit))


class ManualFutures(RecordingRecorder):
    """A recorder with workers whose futures the test ends."""

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


class TestFutures:
    def test_attempts_are_returned_in_the_order_in_which_they_end(self):
        manual = ManualFutures()
        manual.start(3)
        for index, result in (2, True), (0, False), (1, True):
            manual.futures[index].set_result(result)
        assert [manual.workers.wait_for_one(0) for _ in range(3)] == [(2, True), (0, False), (1, True)]
        assert manual.started_indexes == [0, 1, 2]
        assert manual.finished_indexes == [2, 0, 1]

    def test_wait_for_one_returns_none_when_no_attempt_ends_in_time(self):
        manual = ManualFutures()
        manual.start(1)
        assert manual.workers.wait_for_one(0) is None
        manual.futures[0].set_result(True)
        assert manual.workers.wait_for_one(0) == (0, True)

    def test_an_attempt_that_ends_before_start_returns_is_found(self):
        done = Future()
        done.set_result(True)
        workers = future_workers(RecordingRecorder(), lambda index: done)
        workers.start(5)
        assert workers.wait_for_one(0) == (5, True)

    def test_a_done_future_that_has_called_no_callback_is_found(self):
        class Mute(Future):
            def add_done_callback(self, function):
                pass

        future = Mute()
        workers = future_workers(RecordingRecorder(), lambda index: future)
        workers.start(5)
        future.set_result(True)
        assert workers.wait_for_one(0) is None
        assert workers.wait_for_one(0) == (5, True)

    def test_a_future_is_released_once_it_has_been_read(self):
        manual = ManualFutures()
        manual.start(2)
        manual.futures[0].set_result(True)
        read, unread = (weakref.ref(future) for future in manual.futures)
        manual.workers.wait_for_one(0)
        manual.futures.clear()
        gc.collect()
        assert read() is None
        assert unread() is not None

    @pytest.mark.parametrize('field', ['fatal', 'interrupt'])
    def test_a_recorded_interrupt_is_raised(self, field):
        error = KeyboardInterrupt('from a Job')
        manual = ManualFutures(read=lambda result: Recorded(False)._replace(**{field: error}))
        manual.start(1)
        manual.futures[0].set_result(False)
        with pytest.raises(KeyboardInterrupt) as caught:
            manual.workers.wait_for_one(0)
        assert caught.value is error

    def test_an_error_while_reading_a_future_is_recorded_as_the_result(self):
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

    def test_a_job_that_cannot_be_pickled_fails_with_its_error(self):
        error = RemoteError('cannot be sent')

        class Refusing(PlainClient):
            def encode(self, index):
                raise error

        recorder = RecordingRecorder(lambda result: Recorded(False))
        workers = future_workers(recorder, lambda index: pytest.fail('it was submitted'), client=Refusing())
        workers.start(3)
        assert workers.wait_for_one(0) == (3, False)
        assert (recorder.started_indexes, recorder.results) == ([3], [error])

    def test_an_error_of_submit_is_raised_and_the_attempt_is_withdrawn(self):
        def submit(index):
            raise RuntimeError('shut down')

        recorder = RecordingRecorder()
        workers = future_workers(recorder, submit)
        with pytest.raises(RuntimeError, match='shut down'):
            workers.start(3)
        call_in_time(workers.drain)
        assert (recorder.withdrawn_indexes, recorder.finished_indexes, recorder.abandoned_indexes) == ([3], [], [])

    @pytest.mark.parametrize('value', [None, 5, object()])
    def test_a_submit_that_returns_something_else_than_a_future_is_refused(self, value):
        recorder = RecordingRecorder()
        workers = future_workers(recorder, lambda index: value)
        with pytest.raises(TypeError, match=r'must return a concurrent\.futures\.Future'):
            workers.start(3)
        call_in_time(workers.drain)
        assert (recorder.finished_indexes, recorder.abandoned_indexes) == ([], [])

    def test_an_attempt_whose_submit_is_interrupted_is_abandoned(self):
        interrupt = KeyboardInterrupt()

        def submit(index):
            raise interrupt

        recorder = RecordingRecorder()
        workers = future_workers(recorder, submit)
        with pytest.raises(KeyboardInterrupt):
            workers.start(3)
        call_in_time(workers.drain)
        assert (recorder.withdrawn_indexes, recorder.finished_indexes, recorder.abandoned_indexes) == (
            [],
            [],
            [(3, interrupt)],
        )

    def test_drain_records_running_attempts_once_in_the_order_in_which_they_end(self):
        manual = ManualFutures()
        manual.start(3)
        for index in 2, 1, 0:
            manual.futures[index].set_result(True)
        manual.workers.wait_for_one(0)
        call_in_time(manual.workers.drain)
        assert manual.finished_indexes == [2, 1, 0]
        call_in_time(manual.workers.drain)
        assert manual.finished_indexes == [2, 1, 0], 'each attempt is recorded once'

    def test_an_interrupt_while_an_attempt_is_recorded_ends_the_run_and_then_the_drain(self):
        manual = ManualFutures(4, lambda result: Recorded(True, None, KeyboardInterrupt(result)))
        manual.start(4)
        for index in 2, 0:
            manual.futures[index].set_result(index)
        with pytest.raises(KeyboardInterrupt, match='2'):
            manual.workers.wait_for_one(0)
        with pytest.raises(KeyboardInterrupt, match='0') as caught:
            call_in_time(manual.workers.drain)
        assert manual.finished_indexes == [2, 0]
        assert manual.abandoned_indexes == [(1, caught.value), (3, caught.value)]

    def test_an_error_while_an_attempt_is_recorded_is_raised_after_the_drain(self):
        manual = ManualFutures(3, lambda result: Recorded(True, None, result))
        manual.start(3)
        errors = [ValueError(0), None, ValueError(2)]
        for future, error in zip(manual.futures, errors):
            future.set_result(error)
        with pytest.raises(ValueError, match='2') as caught:
            call_in_time(manual.workers.drain)
        assert caught.value.__context__ is errors[0]
        assert (manual.finished_indexes, manual.abandoned_indexes) == ([0, 1, 2], [])

    def test_fatal_errors_of_attempts_do_not_end_the_drain(self):
        manual = ManualFutures(3, lambda result: Recorded(False, KeyboardInterrupt()))
        manual.start(3)
        for future in manual.futures:
            future.set_result(False)
        call_in_time(manual.workers.drain)
        assert (manual.finished_indexes, manual.abandoned_indexes) == ([0, 1, 2], [])

    def test_drain_polls_until_all_attempts_have_ended(self, monkeypatch):
        class DoneAtFourthQuery(Future):
            queries = 0

            def add_done_callback(self, function):
                pass

            def done(self):
                self.queries += 1
                return self.queries == 4

        monkeypatch.setattr(base, 'LONGEST_WAIT', 0.001)
        recorder, future = RecordingRecorder(), DoneAtFourthQuery()
        future.set_result(True)
        workers = future_workers(recorder, lambda index: future)
        workers.start(0)
        call_in_time(workers.drain)
        assert (recorder.finished_indexes, recorder.abandoned_indexes) == ([0], [])
        assert future.queries == 4

    def test_a_second_attempt_does_not_end_with_the_result_of_the_first(self):
        def read(result):
            return Recorded(False, None, KeyboardInterrupt() if len(manual.finished_indexes) == 2 else None)

        manual = ManualFutures(read=read)
        manual.start(1)
        manual.futures[0].set_result(False)
        assert manual.workers.wait_for_one(0) == (0, False)
        manual.start(2)
        manual.futures[2].set_result(False)
        with pytest.raises(KeyboardInterrupt) as caught:
            call_in_time(manual.workers.drain)
        assert (manual.finished_indexes, manual.abandoned_indexes) == ([0, 1], [(0, caught.value)])

    def test_a_second_callback_of_a_future_does_not_end_the_next_attempt(self):
        class Twice(Future):
            def add_done_callback(self, function):
                self.call_back = lambda: function(self)
                super().add_done_callback(function)

        futures, recorder = [Twice(), Twice()], RecordingRecorder()
        remaining = iter(futures)
        workers = future_workers(recorder, lambda index: next(remaining))
        workers.start(0)
        futures[0].set_result(False)
        assert workers.wait_for_one(0) == (0, False)
        workers.start(0)
        futures[0].call_back()
        assert call_in_time(workers.wait_for_one, 0) is None
        futures[1].set_result(True)
        assert workers.wait_for_one(0) == (0, True)

    def test_drain_cancels_no_future(self):
        manual = ManualFutures()
        manual.start(1)
        thread = threading.Thread(target=manual.workers.drain)
        thread.start()
        manual.futures[0].set_result(True)  # raises if the future has been canceled
        thread.join(LIMIT)
        assert manual.finished_indexes == [0]

    def test_an_interrupted_drain_records_ended_attempts_and_abandons_the_others(self):
        is_recorded, is_over = threading.Event(), threading.Event()

        def interrupt():
            if is_recorded.wait(LIMIT):
                manual.futures[4].set_result(True)
                os.kill(os.getpid(), signal.SIGINT)
            if not is_over.wait(LIMIT):
                for index in 1, 3:
                    manual.futures[index].set_result(True)  # so that the test fails instead of hanging

        manual = ManualFutures(8, lambda result: is_recorded.set() or Recorded(result))
        manual.start(5)
        for index in 0, 2:
            manual.futures[index].set_result(True)
        thread = threading.Thread(target=interrupt)
        thread.start()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background processes ignore SIGINT
        try:
            with pytest.raises(KeyboardInterrupt) as caught:
                manual.workers.drain()
        finally:
            is_over.set()
            thread.join(LIMIT)
            signal.signal(signal.SIGINT, before)
        assert manual.finished_indexes == [0, 2, 4]
        assert manual.abandoned_indexes == [(1, caught.value), (3, caught.value)]

    def test_as_many_futures_as_allowed_run_at_once(self):
        together, recorder = threading.Barrier(3), RecordingRecorder(passing)

        def meet():
            together.wait(LIMIT)
            return 'met'

        with ThreadPoolExecutor(9) as pool:
            workers = future_workers(recorder, lambda index: pool.submit(meet), 3)
            clock = FakeClock(0.0)
            call_in_time(execute, make_schedule([[]] * 6, [1] * 6, [0.0] * 6), workers, clock, lambda *args: None)
        assert recorder.results == ['met'] * 6, 'three met at the barrier, twice'
