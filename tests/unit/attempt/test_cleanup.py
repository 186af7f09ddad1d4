"""The stack of pending Cleanups."""

from __future__ import annotations

import contextlib
import os

import pytest
from support.factories import changing, job, run_attempt
from support.interrupts import call_interrupted, interrupt_everywhere

from dojobber import Event, EventKind
from dojobber._attempt.cleanup import CleanupContext, CleanupStack


def raising(error):
    def raise_it(self):
        raise error

    return raise_it


def stack_in(directory):
    stack = CleanupStack()
    stack.context = CleanupContext(str(directory))
    return stack


class TestCleanupStack:
    def pending(self, log, *names, error=None):
        cleanups = stack_in(os.getcwd())
        for name in names:
            job_class = changing(name, Cleanup=lambda self, name=name: log.append(name))
            run_attempt(job_class, on_run_started=cleanups.push)
        return cleanups

    def test_cleanups_are_pending_once_run_starts_and_are_called_in_reverse_order(self):
        log = []
        cleanups = self.pending(log, 'A', 'B')
        assert log == []
        assert cleanups.run(lambda event: None) is None
        assert log == ['B', 'A']

    def test_a_second_call_repeats_no_cleanup(self):
        log = []
        cleanups = self.pending(log, 'A')
        cleanups.run(lambda event: None)
        cleanups.run(lambda event: None)
        assert log == ['A']

    def test_a_cleanup_attribute_of_none_is_not_called(self):
        cleanups = stack_in(os.getcwd())
        run_attempt(changing('A', Cleanup=None), on_run_started=cleanups.push)
        events = []
        cleanups.run(events.append)
        assert events == []

    @pytest.mark.parametrize('kind', [EventKind.CLEANUP_STARTED, EventKind.CLEANUP])
    def test_an_interrupt_in_a_listener_stops_no_cleanup(self, kind):
        log = []

        def interrupt(event):
            if (event.kind, event.job) == (kind, 'B'):
                raise KeyboardInterrupt

        raised = self.pending(log, 'A', 'B').run(interrupt)
        assert log == ['B', 'A']
        assert isinstance(raised, KeyboardInterrupt)

    def test_each_cleanup_emits_events_with_its_seconds_and_its_error(self, fake_clock):
        cleanups, events, interrupt = stack_in(os.getcwd()), [], KeyboardInterrupt()
        cleanups.timer = fake_clock

        def cleanup(self):
            fake_clock.now += 1.5
            raise interrupt

        cleanups.push(job('Hit', Cleanup=cleanup)())
        assert cleanups.run(events.append) is interrupt
        assert [event._replace(time=None, worker=None) for event in events] == [
            Event(EventKind.CLEANUP_STARTED, 'Hit'),
            Event(EventKind.CLEANUP, 'Hit', seconds=1.5, exception=interrupt),
        ]

    def test_only_cleanups_that_start_in_a_removed_directory_fail(self, tmp_path):
        log, cleanups = [], CleanupStack()
        for name, directory in ('Stays', tmp_path), ('Gone', tmp_path / 'gone'):
            made = job(name, Cleanup=lambda self: log.append(type(self).__name__))()
            cleanups.context = CleanupContext(str(directory))
            cleanups.push(made)
        assert isinstance(cleanups.run(lambda event: None), FileNotFoundError)
        assert log == ['Stays']
        assert cleanups.run(lambda event: None) is None

    @pytest.mark.parametrize('event', ['call', 'line'])
    def test_an_interrupt_on_the_way_to_a_cleanup_is_returned_after_all_were_called(self, event):
        """Interrupt each call, or line, of this package on the way to two of them, one at a time."""
        results = []

        def attempt(interrupt):
            log, returned = [], []
            cleanups = self.pending(log, 'A', 'B')
            raised = interrupt(lambda: returned.append(cleanups.run(lambda event: None)))
            if raised is not None:  # before run() could return anything
                assert isinstance(raised, KeyboardInterrupt)
                cleanups.run(lambda event: None)
            assert log == ['B', 'A'], (raised, returned)
            results.append((raised, returned))

        interrupt_everywhere(attempt, event)
        assert results.pop() == (None, [None]), 'without an interrupt'
        interrupts = [returned[0] for raised, returned in results if raised is None]
        assert all(isinstance(error, KeyboardInterrupt) for error in interrupts)
        assert len(interrupts) > 10

    def test_a_signal_handler_may_call_the_cleanups_at_any_line(self):
        number, was_reached = 0, True
        while was_reached:
            number += 1
            log, results = [], []
            cleanups = self.pending(log, 'A', 'B', 'C')

            def run(cleanups=cleanups, results=results):
                results.append(cleanups.run(lambda event: None))

            was_reached, error = call_interrupted(run, number, handler=run)
            assert (error, set(results)) == (None, {None})
            assert log == ['C', 'B', 'A']
        assert number > 50

    def test_an_interrupt_between_two_cleanups_has_the_error_of_the_first_as_its_context(self):
        seen = []

        def attempt(interrupt):
            error, cleanups, log, returned = ValueError(), stack_in(os.getcwd()), [], []
            cleanups.push(job('Later', Cleanup=lambda self: log.append('Later'))())
            cleanups.push(job('First', Cleanup=raising(error))())
            if interrupt(lambda: returned.append(cleanups.run(lambda event: None))) is not None:
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

    def test_no_cleanup_is_called_twice_if_the_recursion_limit_is_near(self):
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
            cleanups = self.pending(log, 'A')
            with contextlib.suppress(RecursionError):
                call_at(limit - room)
            cleanups.run(lambda event: None)
            assert log in ([], ['A']), room  # [] if there was room to call it, but not for its body
            events = []
            cleanups.run(events.append)
            assert events == [], room

    def called(self, cleanups):
        names = []
        cleanups.run(lambda event: names.append(event.job) if event.kind.value == 'cleanup' else None)
        return names

    def test_cleanups_are_called_in_reverse_order_of_the_starts_whatever_the_order_of_the_ends(self):
        cleanups = stack_in(os.getcwd())
        numbers = [cleanups.next_sequence() for _ in range(4)]
        assert numbers == sorted(set(numbers))
        for place in 2, 0, 3, 1:
            cleanups.push(changing(f'J{place}', Cleanup=lambda self: None)(), numbers[place])
        assert self.called(cleanups) == ['J3', 'J2', 'J1', 'J0']

    def test_a_job_pushed_without_a_sequence_number_gets_the_next_one(self):
        cleanups = stack_in(os.getcwd())
        early = cleanups.next_sequence()
        cleanups.push(changing('Now', Cleanup=lambda self: None)())
        cleanups.push(changing('Early', Cleanup=lambda self: None)(), early)
        assert self.called(cleanups) == ['Now', 'Early']

    def test_pushing_an_attempt_twice_makes_its_cleanup_pending_once(self):
        cleanups = stack_in(os.getcwd())
        first, second = changing('First', Cleanup=lambda self: None)(), changing('Second', Cleanup=lambda self: None)()
        numbers = cleanups.next_sequence(), cleanups.next_sequence()
        for made, number in (second, numbers[1]), (first, numbers[0]), (second, numbers[1]), (first, numbers[0]):
            cleanups.push(made, number)
        assert self.called(cleanups) == ['Second', 'First']

    def test_a_job_without_cleanup_can_be_pushed_like_any_other(self):
        cleanups = stack_in(os.getcwd())
        cleanups.push(changing('None')(), cleanups.next_sequence())
        assert self.called(cleanups) == []
        cleanups.push(changing('Some', Cleanup=lambda self: None)(), cleanups.next_sequence())
        assert self.called(cleanups) == ['Some']

    def test_cleanups_of_attempts_before_a_given_number_stay_pending(self):
        cleanups = stack_in(os.getcwd())
        cleanups.push(changing('Kept', Cleanup=lambda self: None)())
        since = cleanups.next_sequence()
        cleanups.push(changing('Called', Cleanup=lambda self: None)())
        events = []
        cleanups.run(events.append, since=since)
        assert [event.job for event in events] == ['Called', 'Called']
        assert self.called(cleanups) == ['Kept']
