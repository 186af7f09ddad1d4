"""``RETRY_DELAY`` and ``default_retry_delay`` may be sequences: one delay after each attempt, the last one repeated."""

from __future__ import annotations

from collections import deque

import pytest
from support.factories import failing, job, make_engine, run_engine, scripted

from dojobber import EventKind, PlanError, RunonlyJob
from dojobber._plan.plan import make_plan
from dojobber.cli.reporter import Reporter


def logging_starts(name, clock, log, seconds=0.0, **members):
    """Return a Job that never passes, logs when each attempt starts, and takes ``seconds`` for each."""

    def run(self):
        log.append((name, clock.now))
        clock.now += seconds
        raise ValueError('not done')

    return job(name, base=RunonlyJob, Run=run, **members)


@pytest.mark.parametrize('delays', [[1, 2, 4], (1, 2, 4), deque([1.0, 2.0, 4.0])])
def test_each_attempt_has_its_own_delay_and_the_last_one_is_repeated(delays, fake_clock, way):
    run_engine(failing('Wait', TRIES=6, RETRY_DELAY=delays), clock=fake_clock, **way)
    assert fake_clock.sleeps == [1, 2, 4, 4, 4]


def test_a_range_gives_the_delays_after_the_first_attempts(fake_clock):
    run_engine(failing('Wait', TRIES=5, RETRY_DELAY=range(10, 31, 10)), clock=fake_clock)
    assert fake_clock.sleeps == [10, 20, 30, 30]


def test_an_array_gives_the_delays_after_the_first_attempts(fake_clock):
    numpy = pytest.importorskip('numpy')
    run_engine(failing('Wait', TRIES=4, RETRY_DELAY=numpy.array([1, 2])), clock=fake_clock)
    assert fake_clock.sleeps == [1, 2, 2]


def test_a_sequence_of_one_delay_means_the_same_as_that_delay(fake_clock):
    run_engine(failing('Wait', TRIES=3, RETRY_DELAY=[7]), clock=fake_clock)
    assert fake_clock.sleeps == [7, 7]


def test_a_sequence_longer_than_the_attempts_is_used_as_far_as_needed(fake_clock):
    run_engine(failing('Wait', TRIES=3, RETRY_DELAY=[1, 2, 4, 8]), clock=fake_clock)
    assert fake_clock.sleeps == [1, 2]


def test_a_delay_of_0_within_a_sequence_means_at_once(fake_clock):
    run_engine(failing('Wait', TRIES=5, RETRY_DELAY=[0, 3, 0]), clock=fake_clock)
    assert fake_clock.sleeps == [3]


def test_delays_of_a_sequence_are_counted_from_the_start_of_an_attempt(fake_clock):
    log = []
    slow = logging_starts('Slow', fake_clock, log, seconds=1.5, TRIES=4, RETRY_DELAY=(2, 1, 10))
    run_engine(slow, clock=fake_clock)
    starts = [time for _, time in log]
    assert [later - earlier for earlier, later in zip(starts, starts[1:])] == [2, 1.5, 10]
    assert fake_clock.sleeps == [0.5, 8.5], 'the second delay has passed when that attempt ends'


def test_each_job_counts_its_own_attempts(fake_clock):
    log = []
    first = logging_starts('First', fake_clock, log, TRIES=3, RETRY_DELAY=(1, 10))
    second = logging_starts('Second', fake_clock, log, TRIES=3, RETRY_DELAY=(4, 1))
    run_engine(job('Root', [first, second]), clock=fake_clock)
    assert [(name, time - 1000) for name, time in log] == [
        ('First', 0),
        ('Second', 0),
        ('First', 1),
        ('Second', 4),
        ('Second', 5),
        ('First', 11),
    ]


def test_the_default_can_be_a_sequence_for_jobs_that_set_none(fake_clock):
    log = []
    root = job(
        'Root',
        [
            logging_starts('Unset', fake_clock, log),
            logging_starts('Nothing', fake_clock, log, RETRY_DELAY=None),
            logging_starts('Own', fake_clock, log, RETRY_DELAY=100),
        ],
    )
    run_engine(root, clock=fake_clock, default_retry_delay=[1, 2], default_tries=3)
    starts = {name: [time - 1000 for other, time in log if other == name] for name, _ in log}
    assert starts == {'Unset': [0, 1, 3], 'Nothing': [0, 1, 3], 'Own': [0, 100, 200]}


def test_a_sequence_overrides_a_default_that_is_a_number(fake_clock):
    run_engine(failing('Wait', TRIES=3, RETRY_DELAY=(5, 6)), clock=fake_clock, default_retry_delay=100)
    assert fake_clock.sleeps == [5, 6]


def test_a_sequence_is_inherited_and_can_be_given_to_named(fake_clock):
    base = failing('Base', TRIES=2, RETRY_DELAY=[3])
    run_engine(type('Derived', (base,), {}), clock=fake_clock)
    run_engine(base.named('Wait for Ada', RETRY_DELAY=[4]), clock=fake_clock)
    assert fake_clock.sleeps == [3, 4]


def test_a_sequence_that_is_changed_after_configure_has_no_effect(fake_clock):
    delays = [1, 2]
    engine = make_engine(failing('Wait', TRIES=4, RETRY_DELAY=delays), fake_clock)
    delays[:] = [100]
    engine.checknrun()
    assert fake_clock.sleeps == [1, 2, 2]


def test_every_run_begins_with_the_first_delay(fake_clock):
    engine = make_engine(failing('Wait', TRIES=3, RETRY_DELAY=(1, 2)), fake_clock)
    engine.checknrun()
    engine.checknrun()
    assert fake_clock.sleeps == [1, 2, 1, 2]


def test_a_runonly_job_waits_for_the_delays_of_its_sequence(fake_clock, way):
    log = []
    root = scripted('Once', [], log, passes_at=4, base=RunonlyJob, TRIES=5, RETRY_DELAY=(1, 2))
    engine = run_engine(root, clock=fake_clock, **way)
    assert fake_clock.sleeps == [1, 2, 2]
    assert engine.success()


def test_with_no_act_no_delay_of_a_sequence_is_waited_for(fake_clock):
    run_engine(failing('Wait', TRIES=5, RETRY_DELAY=(1, 2)), clock=fake_clock, no_act=True)
    assert fake_clock.sleeps == []


def test_events_of_a_wait_hold_the_delay_of_that_attempt(fake_clock, way):
    events = []
    root = failing('Wait', TRIES=4, RETRY_DELAY=(1, 2))
    run_engine(root, clock=fake_clock, listeners=[events.append], **way)
    waits = [(event.job, event.seconds) for event in events if event.kind is EventKind.WAITING]
    assert waits == [('Wait', 1), ('Wait', 2), ('Wait', 2)]


@pytest.mark.parametrize('delays', [[], (), [1, -1], [1, None], [[1]], {1: 2}, {1, 2}, iter([1]), '12', [1, '2']])
def test_a_bad_sequence_is_refused_and_the_engine_is_unchanged(delays):
    engine = make_engine(job('Before'))
    culprit = failing('Culprit', RETRY_DELAY=delays)
    with pytest.raises(PlanError, match="RETRY_DELAY of 'Culprit'") as caught:
        engine.configure(culprit)
    assert caught.value.culprit is culprit
    with pytest.raises(PlanError, match='default_retry_delay') as caught:
        engine.configure(job('Fine'), default_retry_delay=delays)
    assert caught.value.culprit == 'default_retry_delay'
    engine.checknrun()
    assert list(engine.outcomes) == ['Before']


def test_the_command_says_when_the_next_attempt_of_a_sequence_is_due(fake_clock, capsys):
    root = failing('Wait', TRIES=5, RETRY_DELAY=(3600, 7200, 36_000))  # so long that the attempts take no time
    reporter = Reporter(make_plan(root, 3, 1))
    with reporter.live():
        run_engine(root, clock=fake_clock, listeners=[reporter])
    due = [line.partition('next in ')[2] for line in capsys.readouterr().err.splitlines()]
    assert due == ['1h 00m', '2h 00m', '10h 00m', '10h 00m']


def test_the_bar_counts_down_to_the_next_attempt_of_a_sequence(fake_clock):
    root = failing('Wait', TRIES=4, RETRY_DELAY=(3600, 36_000))
    reporter = Reporter(make_plan(root, 3, 1))
    waits = []

    def note(event):
        if event.kind is EventKind.WAITING:
            waits.append(reporter.waiting['Wait'])

    run_engine(root, clock=fake_clock, listeners=[reporter, note])
    first, second, third = [due for _, due in waits]
    assert [attempt for attempt, _ in waits] == [2, 3, 4]
    assert second - first == pytest.approx(36_000 - 3600, abs=60)
    assert third - second == pytest.approx(0, abs=60)
