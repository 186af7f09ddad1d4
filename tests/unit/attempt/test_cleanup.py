from __future__ import annotations

import contextlib
import os

import pytest
from support.factories import changing, job, run_attempt
from support.interrupts import interrupt_everywhere

from dojobber import Event, EventKind
from dojobber._attempt.cleanup import CleanupStack


def raising(error):
    def raise_it(self):
        raise error

    return raise_it


def stack_in(directory):
    stack = CleanupStack()
    stack.directory = str(directory)
    return stack


class TestCleanups:
    def owing(self, log, *names, error=None):
        cleanups = stack_in(os.getcwd())
        for name in names:
            job_class = changing(name, Cleanup=lambda self, name=name: log.append(name))
            run_attempt(job_class, on_run_started=cleanups.push)
        return cleanups

    def test_they_are_owed_as_soon_as_run_starts_and_called_in_reverse(self):
        log = []
        cleanups = self.owing(log, 'A', 'B')
        assert log == []
        assert cleanups.run(lambda event: None) is None
        assert log == ['B', 'A']

    def test_nothing_is_cleaned_up_twice(self):
        log = []
        cleanups = self.owing(log, 'A')
        cleanups.run(lambda event: None)
        cleanups.run(lambda event: None)
        assert log == ['A']

    def test_a_cleanup_of_none_is_none(self):
        cleanups = stack_in(os.getcwd())
        run_attempt(changing('A', Cleanup=None), on_run_started=cleanups.push)
        events = []
        cleanups.run(events.append)
        assert events == []

    @pytest.mark.parametrize('kind', [EventKind.CLEANUP_STARTED, EventKind.CLEANUP])
    def test_a_listener_that_interrupts_stops_no_cleanup(self, kind):
        log = []

        def interrupt(event):
            if (event.kind, event.job) == (kind, 'B'):
                raise KeyboardInterrupt

        raised = self.owing(log, 'A', 'B').run(interrupt)
        assert log == ['B', 'A']
        assert isinstance(raised, KeyboardInterrupt)

    def test_each_is_told_with_its_seconds_and_what_it_raised(self, fake_clock, monkeypatch):
        monkeypatch.setattr('dojobber._attempt.cleanup.perf_counter', fake_clock)
        cleanups, events, interrupt = stack_in(os.getcwd()), [], KeyboardInterrupt()

        def cleanup(self):
            fake_clock.now += 1.5
            raise interrupt

        cleanups.push(job('Hit', Cleanup=cleanup)())
        assert cleanups.run(events.append) is interrupt
        assert events == [
            Event(EventKind.CLEANUP_STARTED, 'Hit'),
            Event(EventKind.CLEANUP, 'Hit', seconds=1.5, exception=interrupt),
        ]

    def test_where_the_directory_is_gone_only_those_that_start_there_fail(self, tmp_path):
        log, cleanups = [], CleanupStack()
        for name, directory in ('Stays', tmp_path), ('Gone', tmp_path / 'gone'):
            made = job(name, Cleanup=lambda self: log.append(type(self).__name__))()
            cleanups.directory = str(directory)
            cleanups.push(made)
        assert isinstance(cleanups.run(lambda event: None), FileNotFoundError)
        assert log == ['Stays']
        assert cleanups.run(lambda event: None) is None

    @pytest.mark.parametrize('event', ['call', 'line'])
    def test_an_interrupt_on_the_way_to_one_is_handed_back_when_all_were_called(self, event):
        """Strike at each call, or line, of this package on the way to two of them."""
        results = []

        def attempt(strike):
            log, returned = [], []
            cleanups = self.owing(log, 'A', 'B')
            raised = strike(lambda: returned.append(cleanups.run(lambda event: None)))
            if raised is not None:  # before run() could hand anything back
                assert isinstance(raised, KeyboardInterrupt)
                cleanups.run(lambda event: None)
            assert log == ['B', 'A'], (raised, returned)
            results.append((raised, returned))

        interrupt_everywhere(attempt, event)
        assert results.pop() == (None, [None]), 'without an interrupt'
        handed_back = [returned[0] for raised, returned in results if raised is None]
        assert all(isinstance(error, KeyboardInterrupt) for error in handed_back)
        assert len(handed_back) > 10

    def test_an_interrupt_between_two_has_the_error_of_the_first_in_its_context(self):
        seen = []

        def attempt(strike):
            error, cleanups, log, returned = ValueError(), stack_in(os.getcwd()), [], []
            cleanups.push(job('Later', Cleanup=lambda self: log.append('Later'))())
            cleanups.push(job('First', Cleanup=raising(error))())
            if strike(lambda: returned.append(cleanups.run(lambda event: None))) is not None:
                return
            (raised,) = returned
            assert log == ['Later']
            if isinstance(raised, KeyboardInterrupt):
                assert raised.__context__ is error
                assert error.__context__ is None
            else:
                assert raised is error
            seen.append(type(raised))

        interrupt_everywhere(attempt)
        assert seen.pop() is ValueError, 'without an interrupt'
        assert set(seen) == {KeyboardInterrupt}

    def test_where_the_stack_has_no_room_it_comes_back_and_none_is_called_twice(self):
        def deepest(depth=0):
            try:
                return deepest(depth + 1)
            except RecursionError:
                return depth

        def call_at(depth):
            return call_at(depth - 1) if depth else cleanups.run(lambda event: None)

        limit = deepest()
        for room in range(20):
            log = []
            cleanups = self.owing(log, 'A')
            with contextlib.suppress(RecursionError):
                call_at(limit - room)
            cleanups.run(lambda event: None)
            assert log in ([], ['A']), room  # none where there was room to call it, but not for what it does
            events = []
            cleanups.run(events.append)
            assert events == [], room

    def called(self, cleanups):
        names = []
        cleanups.run(lambda event: names.append(event.job) if event.kind.value == 'cleanup' else None)
        return names

    def test_attempts_that_end_out_of_order_are_cleaned_up_in_the_reverse_of_their_starts(self):
        cleanups = stack_in(os.getcwd())
        numbers = [cleanups.next_sequence() for _ in range(4)]
        assert numbers == sorted(set(numbers))
        for place in 2, 0, 3, 1:
            cleanups.push(changing(f'J{place}', Cleanup=lambda self: None)(), numbers[place])
        assert self.called(cleanups) == ['J3', 'J2', 'J1', 'J0']

    def test_what_is_owed_without_a_number_starts_now(self):
        cleanups = stack_in(os.getcwd())
        early = cleanups.next_sequence()
        cleanups.push(changing('Now', Cleanup=lambda self: None)())
        cleanups.push(changing('Early', Cleanup=lambda self: None)(), early)
        assert self.called(cleanups) == ['Now', 'Early']

    def test_an_attempt_that_is_noted_twice_is_owed_once(self):
        cleanups = stack_in(os.getcwd())
        first, second = changing('First', Cleanup=lambda self: None)(), changing('Second', Cleanup=lambda self: None)()
        numbers = cleanups.next_sequence(), cleanups.next_sequence()
        for made, number in (second, numbers[1]), (first, numbers[0]), (second, numbers[1]), (first, numbers[0]):
            cleanups.push(made, number)
        assert self.called(cleanups) == ['Second', 'First']

    def test_a_number_is_used_up_by_a_job_without_cleanup_all_the_same(self):
        cleanups = stack_in(os.getcwd())
        cleanups.push(changing('None')(), cleanups.next_sequence())
        assert self.called(cleanups) == []
        cleanups.push(changing('Some', Cleanup=lambda self: None)(), cleanups.next_sequence())
        assert self.called(cleanups) == ['Some']

    def test_those_of_earlier_attempts_can_wait(self):
        cleanups = stack_in(os.getcwd())
        cleanups.push(changing('Kept', Cleanup=lambda self: None)())
        since = cleanups.next_sequence()
        cleanups.push(changing('Called', Cleanup=lambda self: None)())
        events = []
        cleanups.run(events.append, since=since)
        assert [event.job for event in events] == ['Called', 'Called']
        assert self.called(cleanups) == ['Kept']
