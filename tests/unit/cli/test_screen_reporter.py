"""The text of the lines, of the bar and of the recap."""

from __future__ import annotations

import sys

import pytest
from support.factories import job

from dojobber._plan.plan import make_plan
from dojobber.cli.json_reporter import JsonReporter
from dojobber.cli.reporter import RunResult
from dojobber.cli.screen.reporter import LINE_STYLES, ScreenReporter, abbreviate, fit_items
from dojobber.cli.screen.terminal import cell_width, truncate
from dojobber.cli.streams import Output
from dojobber.events import Event, EventKind
from dojobber.outcome import Outcome, State
from dojobber.text import duration, escape_unprintable


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
def test_durations_are_written_for_people(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(('seconds', 'text'), [(0.2, '0 s'), (59.4, '59 s'), (60, '1m 00s'), (7380, '2h 03m')])
def test_durations_without_digits_have_whole_seconds(seconds, text):
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
def test_a_long_list_of_names_is_abbreviated(names, text):
    assert abbreviate(names) == text


def test_control_characters_are_escaped():
    assert escape_unprintable('a\x1b[2J\r\n\u202eb\x9b') == r'a\x1b[2J\r\n\u202eb\x9b'
    assert escape_unprintable('Zoë 服务器 שרת') == 'Zoë 服务器 שרת'


def test_characters_that_the_encoding_lacks_are_escaped():
    assert escape_unprintable('Zoë ✓ 服', 'latin-1') == r'Zoë \u2713 \u670d'
    assert escape_unprintable('Zoë\n', 'ascii') == r'Zo\xeb\n'


KOREAN = ['\u1112\u1161\u11ab\u1100\u116e\u11a8', 'a\ud7b0\ud7fb']  # decomposed as on macOS, and old letters


@pytest.mark.parametrize(
    ('text', 'width'),
    [
        *[('', 0), ('abc', 3), ('Zoë', 3), ('Zoe\u0308', 3), ('שרת', 3), ('a\u200db', 2), ('हिन्दी', 5)],
        *[('服务器', 6), ('\uff46\uff55', 4), ('한국', 4), (KOREAN[0], 4), (KOREAN[1], 1), ('🚀', 2), ('✓━', 2)],
    ],
)
def test_cell_width_counts_columns_of_a_terminal(text, width):
    assert cell_width(text) == width


def test_cell_width_does_not_need_rich(monkeypatch):
    monkeypatch.setitem(sys.modules, 'rich.cells', None)
    assert cell_width('服务器') == 6


def test_every_state_has_a_symbol_in_ascii_and_a_word_of_its_own():
    assert set(LINE_STYLES) == set(State)
    assert len({style.word for style in LINE_STYLES.values()}) == len(LINE_STYLES)
    assert all(
        style.ascii.isascii() and escape_unprintable(style.symbol) == style.symbol for style in LINE_STYLES.values()
    )


@pytest.mark.parametrize(
    ('text', 'width', 'truncated'), [('abcdef', 6, 'abcdef'), ('abcdef', 5, 'ab...'), ('服务器', 5, '服...')]
)
def test_truncate_counts_columns_of_a_terminal(text, width, truncated):
    assert truncate(text, width) == truncated


def test_the_recap_ends_with_the_failed_jobs(capsys):
    outcomes = {
        'Fine': Outcome(State.OK, 1),
        'Broken': Outcome(State.FAILED, 3, exception=ValueError('two\nlines'), phases={'check': 61.0}),
        'Mute': Outcome(State.FAILED, 1, exception=KeyError()),
        'Waits': Outcome(State.BLOCKED, blocked_by=('Broken', 'Mute', 'C', 'D', 'E')),
        'Later': Outcome(State.NOT_RUN),
    }
    reporter = ScreenReporter(plan_of(dict.fromkeys(outcomes, 3)))
    report(reporter, outcomes, 61.26, 'SIGTERM')
    assert capsys.readouterr().out.splitlines() == [
        '- Later   not run',
        '» Waits   blocked by Broken, Mute, C and 2 more',
        '✗ Broken  failed     3 attempts, 1m 01s: two',
        '    lines',
        '✗ Mute    failed     0 ms: KeyError',
        '5 jobs: 1 ok, 2 failed, 1 blocked, 1 not run in 1m 01s; interrupted by SIGTERM',
    ]


def test_the_recap_mentions_if_nothing_was_changed(capsys):
    reporter = ScreenReporter(plan_of({'Fine': 3}))
    report(reporter, {'Fine': Outcome(State.OK, 1)}, 0.04)
    assert capsys.readouterr().out == '1 job: 1 ok in 40 ms; nothing was changed\n'


def test_the_recap_counts_runs_of_earlier_attempts_as_changes(capsys):
    reporter = ScreenReporter(plan_of({'StartServer': 3}))
    passed_later = Outcome(State.OK, 2, phases={'check': 0.01, 'run': 0.02, 'recheck': 0.01})
    report(reporter, {'StartServer': passed_later}, 0.04)
    assert capsys.readouterr().out == '1 job: 1 ok in 40 ms\n'


def test_a_reporter_counts_done_failed_running_and_waiting_jobs():
    reporter = ScreenReporter(plan_of({'A': 2, 'B': 1}, {'A': 5, 'B': 5}))

    def emit(kind, name, attempt=None, outcome=None):
        reporter(Event(kind, name, 1, attempt, value=outcome))

    emit(EventKind.ATTEMPT_STARTED, 'A', 1)
    emit(EventKind.ATTEMPT_STARTED, 'B', 1)
    assert (list(reporter.running), reporter.waiting, reporter.done) == (['A', 'B'], {}, 0)
    started_at = reporter.running['A']
    emit(EventKind.ATTEMPT_FINISHED, 'A', 1, Outcome(State.FAILED, 1))
    emit(EventKind.ATTEMPT_FINISHED, 'B', 1, Outcome(State.FAILED, 1))
    assert (reporter.running, reporter.waiting) == ({}, {'A': (2, started_at + 5)})
    assert (reporter.done, reporter.failed) == (1, 1)
    emit(EventKind.ATTEMPT_STARTED, 'A', 2)
    emit(EventKind.ATTEMPT_FINISHED, 'A', 2, Outcome(State.FAILED, 2))
    assert (reporter.waiting, reporter.done, reporter.failed) == ({}, 2, 2)
    emit(EventKind.CLEANUP_STARTED, 'A')
    assert list(reporter.running) == ['A.cleanup']
    emit(EventKind.CLEANUP, 'A')
    assert not reporter.running
    emit(EventKind.RUN_FINISHED, None)
    assert (reporter.done, reporter.failed) == (2, 2)


def test_an_interrupted_job_does_not_wait_for_another_attempt():
    reporter = ScreenReporter(plan_of({'A': 5}, {'A': 5}))
    outcome = Outcome(State.FAILED, 1, exception=KeyboardInterrupt())
    reporter(Event(EventKind.ATTEMPT_STARTED, 'A', 1, 1))
    reporter(Event(EventKind.ATTEMPT_FINISHED, 'A', 1, 1, value=outcome))
    assert (reporter.waiting, reporter.failed) == ({}, 1)


def test_a_reporter_names_a_signal_until_another_attempt_starts():
    reporter = ScreenReporter(plan_of({'A': 2}))
    reporter.on_signal('SIGINT')
    assert reporter.interrupted_by == 'SIGINT'
    finish(reporter, 'A', None)
    assert reporter.interrupted_by is None


def plan_of(tries, delays=None):
    """Return the plan of Jobs with these attempts and delays, by name; the last one depends on all others."""
    delays = delays or {}
    *names, root = tries
    leaves = [job(name, TRIES=tries[name], RETRY_DELAY=delays.get(name, 0)) for name in names]
    return make_plan(job(root, leaves, TRIES=tries[root], RETRY_DELAY=delays.get(root, 0), Run=lambda self: None), 1, 0)


def report(reporter, outcomes, seconds, interrupted_by=None):
    reporter.report(RunResult('Root', False, outcomes, seconds, interrupted_by, 0))


def finish(reporter, name, error, attempt=1):
    """Emit the events of an attempt, which fails with ``error`` unless that is None."""
    state = State.OK if error is None else State.FAILED
    reporter(Event(EventKind.ATTEMPT_STARTED, name, 1, attempt))
    reporter(Event(EventKind.ATTEMPT_FINISHED, name, 1, attempt, value=Outcome(state, attempt, exception=error)))


def test_a_job_gets_its_line_when_its_last_attempt_has_failed(capsys):
    reporter = ScreenReporter(plan_of({'Copy': 2, 'All': 1}))
    finish(reporter, 'Copy', ValueError('disk full'))
    assert capsys.readouterr().out == ''
    finish(reporter, 'Copy', ValueError('disk full\nremove something'), attempt=2)
    assert capsys.readouterr().out == '✗ Copy  failed     2 attempts, 0 ms: disk full ...\n'


def test_the_json_reporter_prints_no_lines_of_jobs(capsys):
    reporter = JsonReporter(plan_of({'Copy': 1}), Output())
    with reporter.live():
        finish(reporter, 'Copy', ValueError('disk full'))
    assert capsys.readouterr() == ('', '')


def test_a_failed_attempt_gets_a_line_on_stderr_without_a_bar(capsys):
    reporter = ScreenReporter(plan_of({'Wait': 4, 'Poll': float('inf')}, {'Wait': 2}))
    with reporter.live():
        finish(reporter, 'Wait', ConnectionError('refused\nby\x1b the host'))
        finish(reporter, 'Poll', KeyError('name'))
        finish(reporter, 'Poll', None, attempt=2)
    out, err = capsys.readouterr()
    assert err.splitlines() == [
        'Wait: attempt 1 of 4 failed: refused ...; next in 2 s',
        "Poll: attempt 1 failed: KeyError: 'name'; trying again",
    ]
    assert out == '✓ Poll  ok         2 attempts, 0 ms\n'


def test_an_error_message_of_many_lines_is_indented(capsys):
    text = '\nthe build failed:\r\n\tmain.c:3: \x1b[31merror\n\n  ^~~~ here  \n\n'
    run_exception = OSError('make: 2 errors\nstop.')
    outcomes = {'Build': Outcome(State.FAILED, 1, exception=RuntimeError(text), run_exception=run_exception)}
    reporter = ScreenReporter(plan_of({'Build': 1}))
    report(reporter, outcomes, 1.0)
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
    reporter = ScreenReporter(plan_of({'Mount': 1, 'Lock': 1}))
    reporter(Event(EventKind.CLEANUP, 'Mount', exception=OSError('busy\nby cp')))
    outcomes = {name: Outcome(State.CHANGED, 1) for name in ('Mount', 'Lock')}
    report(reporter, outcomes, 2.0)
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
def test_names_in_the_bar_are_truncated_only_as_needed(names, width, text):
    fitted = fit_items([(name, ' 1 s') for name in names], width)
    assert cell_width(fitted) <= width
    assert fitted == text
