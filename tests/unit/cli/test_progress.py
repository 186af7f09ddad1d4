"""What the lines and the bar say, as text."""

from __future__ import annotations

import sys

import pytest

from dojobber.cli.screen import terminal
from dojobber.cli.screen.progress import LOOKS, Progress, fitting, shortened
from dojobber.cli.screen.terminal import columns, duration, printable
from dojobber.events import Event, EventKind
from dojobber.outcome import Outcome, State


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [
        (0, '0 ms'),
        (0.0124, '12 ms'),
        (0.44, '440 ms'),
        (0.9996, '1.0 s'),
        (3.42, '3.4 s'),
        (59.94, '59.9 s'),
        (59.96, '1m 00s'),
        (125, '2m 05s'),
        (3599.7, '1h 00m'),
        (7380, '2h 03m'),
    ],
)
def test_durations_are_as_people_read_them(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(('seconds', 'text'), [(0.2, '0 s'), (59.4, '59 s'), (60, '1m 00s'), (7380, '2h 03m')])
def test_a_duration_that_is_counted_up_has_whole_seconds(seconds, text):
    assert duration(seconds, 0) == text


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


def test_what_the_encoding_lacks_is_shown_as_an_escape():
    assert printable('Zoë ✓ 服', 'latin-1') == r'Zoë \u2713 \u670d'
    assert printable('Zoë\n', 'ascii') == r'Zo\xeb\n'


KOREAN = ['\u1112\u1161\u11ab\u1100\u116e\u11a8', 'a\ud7b0\ud7fb']  # as macOS stores it, and letters of old


@pytest.mark.parametrize(
    ('text', 'width'),
    [
        *[('', 0), ('abc', 3), ('Zoë', 3), ('Zoe\u0308', 3), ('שרת', 3), ('a\u200db', 2), ('हिन्दी', 5)],
        *[('服务器', 6), ('\uff46\uff55', 4), ('한국', 4), (KOREAN[0], 4), (KOREAN[1], 1), ('🚀', 2), ('✓━', 2)],
    ],
)
def test_columns_are_those_of_a_terminal(text, width):
    assert columns(text) == width


def test_columns_are_the_same_without_rich(monkeypatch):
    monkeypatch.setitem(sys.modules, 'rich.cells', None)
    assert columns('服务器') == 6


def test_every_state_has_a_symbol_in_ascii_and_a_word_of_its_own():
    assert set(LOOKS) == set(State)
    assert len({look.word for look in LOOKS.values()}) == len(LOOKS)
    assert all(look.ascii.isascii() and printable(look.symbol) == look.symbol for look in LOOKS.values())


@pytest.mark.parametrize(
    ('text', 'width', 'clipped'), [('abcdef', 6, 'abcdef'), ('abcdef', 5, 'ab...'), ('服务器', 5, '服...')]
)
def test_names_are_clipped_by_columns(text, width, clipped):
    assert terminal.clipped(text, width) == clipped


def test_the_recap_ends_with_the_failures_at_the_root(capsys):
    outcomes = {
        'Fine': Outcome(State.OK, 1),
        'Broken': Outcome(State.FAILED, 3, exception=ValueError('two\nlines'), phases={'check': 61.0}),
        'Mute': Outcome(State.FAILED, 1, exception=KeyError()),
        'Waits': Outcome(State.BLOCKED, blocked_by=('Broken', 'Mute', 'C', 'D', 'E')),
        'Later': Outcome(State.NOT_RUN),
    }
    progress = Progress(dict.fromkeys(outcomes, 3), dict.fromkeys(outcomes, 0), str)
    progress.recap(outcomes, {}, {}, 61.26, 'SIGTERM')
    assert capsys.readouterr().out.splitlines() == [
        '- Later   not run',
        '» Waits   blocked by Broken, Mute, C and 2 more',
        '✗ Broken  failed     3 tries, 1m 01s: two',
        '    lines',
        '✗ Mute    failed     0 ms: KeyError',
        '5 jobs: 1 ok, 2 failed, 1 blocked, 1 not run in 1m 01s; interrupted by SIGTERM',
    ]


def test_a_run_that_changes_nothing_says_so(capsys):
    progress = Progress({'Fine': 3}, {'Fine': 0}, str)
    progress.recap({'Fine': Outcome(State.OK, 1)}, {}, {}, 0.04, None)
    assert capsys.readouterr().out == '1 job: 1 ok in 40 ms; nothing was changed\n'


def test_a_job_whose_run_an_earlier_attempt_has_called_is_not_said_to_be_unchanged(capsys):
    progress = Progress({'StartServer': 3}, {'StartServer': 0}, str)
    passed_later = Outcome(State.OK, 2, phases={'check': 0.01, 'run': 0.02, 'recheck': 0.01})
    progress.recap({'StartServer': passed_later}, {}, {}, 0.04, None)
    assert capsys.readouterr().out == '1 job: 1 ok in 40 ms\n'


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


def test_the_run_is_ending_after_a_signal_until_another_attempt_starts():
    progress = Progress({'A': 2}, {'A': 0}, str)
    progress.ending('SIGINT')
    assert progress.ended_by == 'SIGINT'
    finish(progress, 'A', None)
    assert progress.ended_by is None


def finish(progress, name, error, attempt=1):
    """Tell ``progress`` that an attempt has been made, and has failed with ``error`` unless that is None."""
    state = State.OK if error is None else State.FAILED
    progress(Event(EventKind.ATTEMPT_STARTED, name, 1, attempt))
    progress(Event(EventKind.ATTEMPT_FINISHED, name, 1, attempt, value=Outcome(state, attempt, exception=error)))


def test_a_job_whose_last_attempt_has_failed_gets_a_line_at_once(capsys):
    progress = Progress({'Copy': 2, 'All': 1}, {'Copy': 0, 'All': 0}, str)
    finish(progress, 'Copy', ValueError('disk full'))
    assert capsys.readouterr().out == ''
    finish(progress, 'Copy', ValueError('disk full\nremove something'), attempt=2)
    assert capsys.readouterr().out == '✗ Copy  failed     2 tries, 0 ms: disk full ...\n'


def test_without_lines_nothing_is_printed_on_stdout(capsys):
    progress = Progress({'Copy': 1}, {'Copy': 0}, str, has_lines=False)
    with progress.shown():
        finish(progress, 'Copy', ValueError('disk full'))
    assert capsys.readouterr() == ('', '')


def test_where_no_bar_is_shown_a_failed_attempt_gets_a_line_on_stderr(capsys):
    progress = Progress({'Wait': 4, 'Poll': float('inf')}, {'Wait': 2, 'Poll': 0}, str)
    with progress.shown():
        finish(progress, 'Wait', ConnectionError('refused\nby\x1b the host'))
        finish(progress, 'Poll', KeyError('name'))
        finish(progress, 'Poll', None, attempt=2)
    out, err = capsys.readouterr()
    assert err.splitlines() == [
        'Wait: attempt 1 of 4 failed: refused ...; next in 2 s',
        "Poll: attempt 1 failed: KeyError: 'name'; trying again",
    ]
    assert out == '✓ Poll  ok         2 tries, 0 ms\n'


def test_an_error_of_many_lines_is_shown_whole_and_indented(capsys):
    text = '\nthe build failed:\r\n\tmain.c:3: \x1b[31merror\n\n  ^~~~ here  \n\n'
    outcomes = {'Build': Outcome(State.FAILED, 1, exception=RuntimeError(text))}
    run_errors = {'Build': OSError('make: 2 errors\nstop.')}
    Progress({'Build': 1}, {'Build': 0}, str).recap(outcomes, run_errors, {}, 1.0, None)
    assert capsys.readouterr().out.splitlines() == [
        '✗ Build  failed     0 ms: the build failed:',
        r'            main.c:3: \x1b[31merror',
        '',
        '      ^~~~ here',
        '         its Run: make: 2 errors',
        '             stop.',
        '1 job: 1 failed in 1.0 s',
    ]


def test_the_recap_names_each_cleanup_that_failed(capsys):
    progress = Progress({'Mount': 1, 'Lock': 1}, {'Mount': 0, 'Lock': 0}, str)
    outcomes = {name: Outcome(State.CHANGED, 1) for name in ('Mount', 'Lock')}
    progress.recap(outcomes, {}, {'Mount': OSError('busy\nby cp')}, 2.0, None)
    assert capsys.readouterr().out.splitlines() == [
        '✗ Mount.cleanup  failed: busy',
        '    by cp',
        '2 jobs: 2 changed in 2.0 s',
    ]


@pytest.mark.parametrize(
    ('names', 'width', 'text'),
    [
        (['Install'], 40, 'Install 1 s'),
        (['InstallPackagesForTheWebServer'], 40, 'InstallPackagesForTheWebServer 1 s'),
        (['InstallPackagesForTheWebServer'], 20, 'InstallPackag... 1 s'),
        (['InstallPackagesForTheWebServer', 'Other'], 50, 'InstallPackagesForTheWebServer 1 s, Other 1 s'),
        (['InstallPackagesForTheWebServer', 'Other'], 40, 'InstallPackagesForTheW... 1 s, Other 1 s'),
        (['Alpha', 'Beta', 'Gamma'], 29, 'Alpha 1 s and 2 more'),
        (['数据库服务器数据库服务器', 'B'], 35, '数据库服务器数据库服务器 1 s, B 1 s'),
        (['数据库服务器数据库服务器'], 20, '数据库服务器... 1 s'),
        (['Alpha'], 6, 'Alp...'),
    ],
)
def test_names_in_the_bar_are_shortened_only_as_far_as_they_must(names, width, text):
    fitted = fitting([(name, ' 1 s') for name in names], width)
    assert columns(fitted) <= width
    assert fitted == text
