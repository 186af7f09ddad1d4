"""What the command shows in a real pseudo-terminal, whatever the Jobs do meanwhile."""

from __future__ import annotations

import re
import signal
import sys

import pytest
from command import ENVIRONMENT, command, open_gate, write_jobs
from screen import Screen
from transcript import masked

pytestmark = pytest.mark.terminal

BAR = '━'


@pytest.fixture
def shown(tmp_path):
    """Write Jobs, start the command on the file, and return its screen."""
    screens = []

    def shown(code, *arguments, columns=80, lines=24, python=(), environment=None, **options):
        write_jobs(tmp_path, code)
        start = [sys.executable, '-c', *python] if python else command()
        screen = Screen(
            [*start, *([] if python else ['jobs.py']), *arguments],
            columns,
            lines,
            cwd=tmp_path,
            env={**ENVIRONMENT, **(environment or {})},
            **options,
        )
        screens.append(screen)
        return screen

    yield shown
    for screen in screens:
        screen.__exit__()


def assert_left_clean(screen):
    """Check that nothing of the bar is left, and that the terminal is as it was."""
    assert not any(BAR in line for line in screen.all_lines)
    assert not screen.cursor_is_hidden
    assert screen.settings == screen.settings_before


def test_the_bar_shows_what_is_done_what_runs_and_for_how_long(shown, tmp_path):
    screen = shown("""
class First(Changing): pass
class Broken(Failing): TRIES = 1
class Slow(Waiting): DEPS = [First]
class All(DummyJob): DEPS = [First, Broken, Slow]
""")
    lines = screen.until('2/4, 1 failed', r'Slow \d+ s')
    assert masked(lines)[:1] == ['✓ First   changed    N s']
    assert lines[1].startswith(BAR * 5)
    assert re.fullmatch(r'Slow \d+ s', lines[2])
    open_gate(tmp_path)
    assert screen.end() == 1
    assert masked(screen.all_lines) == [
        '✓ First   changed    N s',
        '✓ Slow    changed    N s',
        '» All     blocked by Broken',
        '✗ Broken  failed     N s: Broken is broken',
        '4 jobs: 2 changed, 1 failed, 1 blocked in N s',
    ]
    assert_left_clean(screen)


def test_the_bar_shows_when_a_failed_job_is_tried_again(shown):
    screen = shown("""
class Flaky(Failing):
    TRIES = 4.5
    RETRY_DELAY = 3630
""")
    lines = screen.until('Flaky: try 2/5 in 1h 00m')
    assert lines[-1] == 'Flaky: try 2/5 in 1h 00m'
    screen.press('\x03')
    assert screen.end() == 130
    assert_left_clean(screen)


def test_what_jobs_and_their_children_print_stays_whole(shown, tmp_path):
    screen = shown(
        """
class Prints(Changing):
    def act(self, **settings):
        print('to stdout')
        print('to stderr', file=sys.stderr)
        subprocess.run(['sh', '-c', 'echo child; echo child to stderr >&2'])
        print('\\x1b[31mred\\x1b[0m, then \\x1b[2J\\x07\\tnot cleared')
        print('no end', end='', flush=True)
class Waits(Waiting):
    DEPS = [Prints]
""",
        '-v',
    )
    screen.until(r'Waits \d+ s')
    open_gate(tmp_path)
    assert screen.end() == 0
    assert masked(screen.all_lines) == [
        'Prints.check: fail',
        'to stdout',
        'to stderr',
        'child',
        'child to stderr',
        'red, then       not cleared',
        'no endPrints.run: pass',
        'Prints.recheck: pass',
        '✓ Prints  changed    N s',
        'Waits.check: fail',
        'Waits.run: pass',
        'Waits.recheck: pass',
        '✓ Waits   changed    N s',
        '2 jobs: 2 changed in N s',
    ]
    assert b'\x1b[31mred' in screen.raw
    assert_left_clean(screen)


def test_a_line_without_an_end_is_ended_before_the_next_line_of_ours(shown):
    screen = shown("""
class Prints(Changing):
    def act(self, **settings):
        os.write(1, b'no end')
class Last(Changing):
    DEPS = [Prints]
    def act(self, **settings):
        os.write(2, b'nor here')
""")
    assert screen.end() == 0
    assert masked(screen.all_lines) == [
        'no end',
        '✓ Prints  changed    N s',
        'nor here',
        '✓ Last    changed    N s',
        '2 jobs: 2 changed in N s',
    ]


def test_a_line_that_a_child_writes_over_is_shown_as_it_stands(shown, tmp_path):
    screen = shown("""
class Downloads(Changing):
    def act(self, **settings):
        subprocess.run(['sh', '-c', 'printf "\\\\r 10%%"; cat gate; printf "\\\\r100%%\\\\n"'])
""")
    lines = screen.until(' 10%', r'Downloads \d+ s')
    assert lines[0] == ' 10%'
    assert lines[1].startswith(BAR)
    open_gate(tmp_path)
    assert screen.end() == 0
    assert screen.all_lines[0] == '100%'
    assert_left_clean(screen)


def test_a_question_is_seen_and_can_be_answered(shown):
    screen = shown("""
class Asks(Changing):
    def act(self, **settings):
        print('Hello', input('Your name? '))
""")
    screen.until('Your name?', '0/1')
    screen.press('Ada\n')
    assert screen.end() == 0
    assert 'Your name? Hello Ada' in screen.all_lines
    assert_left_clean(screen)


def test_prints_of_many_jobs_at_once_stay_whole(shown):
    screen = shown(
        """
def act(self, **settings):
    for number in range(20):
        os.write(1, f'{type(self).__name__} says {number}\\n'.encode())
class All(DummyJob):
    DEPS = [type(f'J{number}', (Changing,), {'act': act}) for number in range(8)]
""",
        '-j8',
    )
    assert screen.end() == 0
    said = [line for line in screen.all_lines if 'says' in line]
    assert sorted(said) == sorted(f'J{job} says {number}' for job in range(8) for number in range(20))
    assert len(screen.all_lines) == 160 + 9 + 1
    assert_left_clean(screen)


def test_garbage_harms_nothing(shown):
    screen = shown("""
class Talks(Changing):
    def act(self, **settings):
        os.write(1, bytes(range(256)) * 4 + b'\\x1b[38;5;\\xb2m\\x1b[?1049h\\x1b[10;10H\\x1b[8m\\n\\x1b[0m')
        os.write(1, b'y' * 70_000)
""")
    assert screen.end() == 0
    assert sum(len(line) for line in screen.all_lines if set(line) == {'y'}) == 70_000
    assert masked(screen.all_lines)[-2:] == ['✓ Talks  changed    N s', '1 job: 1 changed in N s']
    assert b'\x1b[?1049h' not in screen.raw
    assert_left_clean(screen)


def test_megabytes_are_passed_on(shown):
    screen = shown("""
class Talks(Changing):
    def act(self, **settings):
        for _ in range(1000):
            os.write(1, b'x' * 999 + b'\\n')
""")
    screen.is_drawn = False
    assert screen.end() == 0
    assert screen.raw.count(b'x' * 999 + b'\r\n') == 1000


def test_a_child_left_behind_holds_nothing_up(shown):
    screen = shown("""
class Leaves(Changing):
    def act(self, **settings):
        os.system('(echo left; exec cat gate) &')
""")
    assert screen.end() == 0
    assert masked(screen.all_lines)[-1] == '1 job: 1 changed in N s'
    assert_left_clean(screen)


def test_a_child_that_never_stops_writing_holds_nothing_up(shown):
    screen = shown("""
class Leaves(Changing):
    def act(self, **settings):
        os.system('(while echo again; do :; done) 2>&- &')
""")
    screen.is_drawn = False
    assert screen.end() == 0
    assert b'1 job: 1 changed in ' in screen.raw
    assert screen.settings == screen.settings_before


def test_forty_columns_are_enough(shown, tmp_path):
    screen = shown(
        """
class SetUpTheVeryLongNamedServiceOfTheShop(Waiting): pass
class Other(Waiting): pass
class All(DummyJob): DEPS = [SetUpTheVeryLongNamedServiceOfTheShop, Other]
""",
        '-j8',
        columns=40,
    )
    lines = screen.until('0/3', r'SetUpTheV... \d+ s, Other [1-9]\d* s')
    assert re.fullmatch(r'SetUpTheV\.\.\. \d+ s, Other \d+ s', lines[-1])
    assert all(len(line) <= 36 for line in lines)
    open_gate(tmp_path)  # for both
    assert screen.end() == 0
    assert_left_clean(screen)


def test_three_hundred_jobs_fit_on_a_screen(shown, tmp_path):
    screen = shown(
        """
class All(DummyJob):
    DEPS = [type(f'Job{number:03}', (Changing,), {}) for number in range(250)]
    DEPS += [type(f'Slow{number:02}', (Waiting,), {}) for number in range(40)]
    DEPS += [type(f'Flaky{number}', (Failing,), {'RETRY_DELAY': 600}) for number in range(9)]
""",
        '-j99',
    )
    lines = screen.until('250/300', r'Slow00 \d+ s', 'and 7 more')
    assert len(lines) == 24
    assert re.fullmatch(r'Slow00 \d+ s, (Slow\d\d \d+ s, )+Slow\d\d \d+ s and \d\d more', lines[-2])
    assert re.fullmatch(r'Flaky0: try 2/3 in \d+m \d\ds, .* and \d more', lines[-1])
    screen.press('\x03')
    screen.until('250/300, ending by SIGINT')
    screen.press('\x03')
    assert screen.end() == 130
    assert sum(line.startswith('✓ Job') for line in screen.all_lines) == 250
    assert not screen.cursor_is_hidden


def test_wide_and_right_to_left_names_keep_their_place(shown, tmp_path):
    screen = shown(
        """
names = ['데이터베이스', 'שרת', '服务器' * 40, 'e\\u0301tat', 'evil\\x1b[2J\\u202e']
jobs = [type(name, (Changing,), {}) for name in names]
class All(Waiting): DEPS = jobs
"""
    )
    screen.until('5/6', r'All \d+ s')
    open_gate(tmp_path)
    assert screen.end() == 0
    lines = masked(screen.all_lines)
    text = ''.join(lines).replace(' ', '')
    assert '服务器' * 40 in text
    assert '✓evil\\x1b[2J\\u202echanged' in text
    rows = [line for line in lines if line.startswith('✓') and 'changed    N s' in line]
    assert len(rows) >= 5
    assert_left_clean(screen)


def test_stderr_in_a_file_gets_what_is_its_own(shown, tmp_path):
    with open(tmp_path / 'errors', 'w', encoding='utf-8') as errors:
        screen = shown(
            """
class Prints(Waiting):
    def act(self, **settings):
        print('to stdout')
        print('to stderr', file=sys.stderr)
        super().act()
""",
            '-v',
            stderr=errors,
        )
        screen.until('to stdout', r'Prints \d+ s')
        open_gate(tmp_path)
        assert screen.end() == 0
    said = (tmp_path / 'errors').read_text(encoding='utf-8').splitlines()
    assert said == ['Prints.check: fail', 'to stderr', 'Prints.run: pass', 'Prints.recheck: pass']
    assert masked(screen.all_lines) == ['to stdout', '✓ Prints  changed    N s', '1 job: 1 changed in N s']


SIMPLE = """
class Prints(Changing):
    def act(self, **settings):
        print('printed')
class Broken(Failing): pass
class All(DummyJob): DEPS = [Prints, Broken]
"""

RECAP = [
    'printed',
    '✓ Prints  changed    N s',
    '» All     blocked by Broken',
    '✗ Broken  failed     3 tries, N s: Broken is broken',
    '3 jobs: 1 changed, 1 failed, 1 blocked in N s',
]


def colours(raw):
    """Return the colour codes in what was written."""
    return re.findall(rb'\x1b\[(?:[\d;]*;)?(?:3\d|4\d|9\d)[\d;]*m', raw)


def test_colours_are_used_where_there_are_some(shown):
    screen = shown(SIMPLE)
    assert screen.end() == 1
    assert colours(screen.raw)
    assert masked(screen.all_lines) == RECAP


def test_no_color_is_honoured(shown):
    screen = shown(SIMPLE, environment={'NO_COLOR': '1'})
    assert screen.end() == 1
    assert not colours(screen.raw)
    assert BAR.encode() in screen.raw
    assert masked(screen.all_lines) == RECAP


def test_a_dumb_terminal_gets_plain_lines(shown):
    screen = shown(SIMPLE, environment={'TERM': 'dumb'})
    assert screen.end() == 1
    assert b'\x1b' not in screen.raw
    assert masked(screen.all_lines) == RECAP


def test_without_rich_it_gets_plain_lines(shown):
    hidden = "import sys; sys.modules['rich'] = None; from dojobber.cli import main; main()"
    screen = shown(SIMPLE, python=[hidden, 'jobs.py'])
    assert screen.end() == 1
    assert b'\x1b' not in screen.raw
    assert masked(screen.all_lines) == RECAP


def test_a_terminal_that_knows_only_ascii_gets_ascii(shown, tmp_path):
    screen = shown(
        f'{SIMPLE}\nclass Grün(Waiting): DEPS = [Prints]\nAll.DEPS.append(Grün)\n',
        environment={'PYTHONUTF8': '0', 'PYTHONIOENCODING': 'ascii', 'LC_ALL': 'C', 'PYTHONCOERCECLOCALE': '0'},
    )
    screen.until(r'Gr\\xfcn \d+ s')
    open_gate(tmp_path)
    assert screen.end() == 1
    assert screen.raw.isascii()
    assert r'+ Gr\xfcn    changed    N s' in masked(screen.all_lines)
    assert masked(screen.all_lines)[-2] == 'x Broken  failed     3 tries, N s: Broken is broken'
    assert not screen.cursor_is_hidden


STOPPED = """
class Tidy(Changing):
    def Cleanup(self):
        note('tidied')
class Slow(Waiting): DEPS = [Tidy]
class Later(Changing): DEPS = [Slow]
class Last(Changing): DEPS = [Tidy]
class All(DummyJob): DEPS = [Later, Last]
"""


@pytest.mark.parametrize(('number', 'status'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_after_the_cleanups(shown, tmp_path, number, status):
    screen = shown(STOPPED, '--graph', 'graph.dot', columns=100)
    screen.until('1/5', 'Slow ')
    if number == signal.SIGINT:
        screen.press('\x03')
    else:
        screen.process.send_signal(number)
    assert screen.end() == status
    error = 'KeyboardInterrupt' if number == signal.SIGINT else 'Terminated'
    assert masked(screen.all_lines) == [
        '✓ Tidy   changed    N s',
        '- Last   not run',
        '» Later  blocked by Slow',
        '» All    blocked by Later',
        f'✗ Slow   failed     N s: {error}',
        f'5 jobs: 1 changed, 1 failed, 2 blocked, 1 not run in N s; interrupted by {number.name}',
    ]
    assert_left_clean(screen)
    assert (tmp_path / 'tidied').read_text() == 'noted'
    assert 'Slow' in (tmp_path / 'graph.dot').read_text()


def test_a_second_signal_ends_it_at_once(shown, tmp_path):
    screen = shown(
        """
class Stubborn(Waiting):
    def act(self, **settings):
        print('running', flush=True)
        super().act()
    def Cleanup(self):
        print('cleaning up', flush=True)
        wait_at_gate()
"""
    )
    screen.until('running')
    screen.press('\x03')
    screen.until('cleaning up', r'Stubborn\.cleanup \d+ s')
    screen.press('\x03')
    assert screen.end() == 130
    assert not screen.cursor_is_hidden
    assert screen.settings == screen.settings_before


def test_a_cleanup_that_fails_is_said_once(shown):
    screen = shown("""
class Messy(Changing):
    def Cleanup(self):
        raise OSError('still in use')
""")
    assert screen.end() == 1
    assert masked(screen.all_lines) == [
        '✓ Messy  changed    N s',
        'Messy.cleanup: fail "still in use"',
        '1 job: 1 changed in N s',
    ]


def test_what_would_run_is_told_from_what_failed(shown):
    screen = shown(
        """
class Fine(DummyJob): pass
class Change(Changing): DEPS = [Fine]
class Verify(Job):
    def Check(self): raise ValueError('cannot tell')
class All(DummyJob): DEPS = [Change, Verify]
""",
        '-n',
    )
    assert screen.end() == 1
    assert masked(screen.all_lines) == [
        '✓ Fine    ok         N s',
        '» All     blocked by Change, Verify',
        '~ Change  would run  N s: Change is not done',
        '✗ Verify  failed     N s: cannot tell',
        '4 jobs: 1 ok, 1 would run, 1 failed, 1 blocked in N s',
        'What waits for a Job that would run was not checked: it may turn out otherwise.',
    ]


def test_the_terminal_is_as_wide_for_jobs_as_it_is(shown):
    screen = shown(
        """
class Prints(Changing):
    def act(self, **settings):
        print(os.get_terminal_size(1), sys.stdout.isatty(), sys.stderr.isatty())
""",
        columns=97,
        lines=31,
    )
    assert screen.end() == 0
    assert screen.all_lines[0] == 'os.terminal_size(columns=97, lines=31) True True'
