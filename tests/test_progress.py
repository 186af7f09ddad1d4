"""What the lines and the bar say, as text."""

from __future__ import annotations

import pytest

from dojobber.events import Event, EventKind
from dojobber.outcome import Outcome, State
from dojobber.progress import LOOKS, Progress, duration, shortened
from dojobber.terminal import Terminal, encodable, printable


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [
        (0, '0.0s'),
        (0.44, '0.4s'),
        (59.94, '59.9s'),
        (59.96, '1m 00s'),
        (125, '2m 05s'),
        (3599.7, '1h 00m'),
        (7380, '2h 03m'),
    ],
)
def test_durations_are_as_people_read_them(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ('names', 'text'),
    [
        ('A', 'A'),
        ('ABC', 'A, B, C'),
        ('ABCD', 'A, B, C, D'),
        ('ABCDE', 'A, B, C and 2 more'),
        (['a\nb', 'c'], 'a\\nb, c'),
    ],
)
def test_many_names_are_shortened(names, text):
    assert shortened(names) == text


def test_what_moves_the_cursor_is_shown_as_an_escape():
    assert printable('a\x1b[2J\r\n\u202eb\x9b') == r'a\x1b[2J\r\n\u202eb\x9b'
    assert printable('Zoë 服务器 שרת') == 'Zoë 服务器 שרת'


def test_every_state_has_a_symbol_in_ascii_and_a_word_of_its_own():
    assert set(LOOKS) == set(State)
    assert len({look.word for look in LOOKS.values()}) == len(LOOKS)
    assert all(look.ascii.isascii() and encodable(look.symbol) for look in LOOKS.values())


@pytest.mark.parametrize(
    ('text', 'width', 'clipped'), [('abcdef', 6, 'abcdef'), ('abcdef', 5, 'ab...'), ('服务器', 5, '服...')]
)
def test_names_are_clipped_by_columns(text, width, clipped):
    assert Terminal().clipped(text, width) == clipped


def test_the_recap_ends_with_the_failures_at_the_root(capsys):
    outcomes = {
        'Fine': Outcome(State.OK, 1),
        'Broken': Outcome(State.FAILED, 3, exception=ValueError('two\nlines'), phases={'check': 61.0}),
        'Mute': Outcome(State.FAILED, 1, exception=KeyError()),
        'Waits': Outcome(State.BLOCKED, blocked_by=('Broken', 'Mute', 'C', 'D', 'E')),
        'Later': Outcome(State.NOT_RUN),
    }
    progress = Progress(dict.fromkeys(outcomes, 3), dict.fromkeys(outcomes, 0), str)
    progress.recap(outcomes, {}, 61.26, 'SIGTERM')
    assert capsys.readouterr().out.splitlines() == [
        '- Later   not run',
        '» Waits   blocked by Broken, Mute, C and 2 more',
        r'✗ Broken  failed     3 tries, 1m 01s: two\nlines',
        '✗ Mute    failed     0.0s: KeyError',
        '5 jobs: 1 ok, 2 failed, 1 blocked, 1 not run in 61.3 s; interrupted by SIGTERM',
    ]


def test_a_run_that_changes_nothing_says_so(capsys):
    progress = Progress({'Fine': 3}, {'Fine': 0}, str)
    progress.recap({'Fine': Outcome(State.OK, 1)}, {}, 0.04, None)
    assert capsys.readouterr().out == '1 job: 1 ok in 0.0 s; nothing was changed\n'


def test_what_is_done_failed_running_and_waiting_is_counted():
    progress = Progress({'A': 2, 'B': 1}, {'A': 5, 'B': 5}, str)

    def tell(kind, name, attempt=None, outcome=None):
        progress(Event(kind, name, 1, attempt, value=outcome))

    tell(EventKind.ATTEMPT_STARTED, 'A', 1)
    tell(EventKind.ATTEMPT_STARTED, 'B', 1)
    assert (list(progress.running), progress.waiting, progress.done) == (['A', 'B'], {}, 0)
    begun = progress.running['A']
    tell(EventKind.ATTEMPT_FINISHED, 'A', 1, Outcome(State.FAILED, 1))
    tell(EventKind.ATTEMPT_FINISHED, 'B', 1, Outcome(State.FAILED, 1))
    assert (progress.running, progress.waiting) == ({}, {'A': (2, begun + 5)})
    assert (progress.done, progress.failed) == (1, 1)
    tell(EventKind.ATTEMPT_STARTED, 'A', 2)
    tell(EventKind.ATTEMPT_FINISHED, 'A', 2, Outcome(State.FAILED, 2))
    assert (progress.waiting, progress.done, progress.failed) == ({}, 2, 2)
    tell(EventKind.CLEANUP_STARTED, 'A')
    assert list(progress.running) == ['A.cleanup']
    tell(EventKind.CLEANUP, 'A')
    assert not progress.running
    tell(EventKind.RUN_FINISHED, None)
    assert (progress.done, progress.failed) == (2, 2)


def test_a_job_that_was_interrupted_waits_for_no_other_try():
    progress = Progress({'A': 5}, {'A': 5}, str)
    outcome = Outcome(State.FAILED, 1, exception=KeyboardInterrupt())
    progress(Event(EventKind.ATTEMPT_STARTED, 'A', 1, 1))
    progress(Event(EventKind.ATTEMPT_FINISHED, 'A', 1, 1, value=outcome))
    assert (progress.waiting, progress.failed) == ({}, 1)
