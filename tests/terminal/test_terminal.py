"""What the command shows in a real pseudo-terminal, whatever the Jobs do meanwhile."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

import pytest
from support.run_command import ENVIRONMENT, command, open_gate, write_jobs
from support.screen import Screen
from support.transcript import mask_times

pytestmark = pytest.mark.terminal

BAR, REST = '━', '─'


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
    assert not any(BAR in line or REST in line for line in screen.all_lines)
    assert not screen.cursor_is_hidden
    assert screen.scrolls_as_a_whole
    assert screen.settings == screen.settings_before


def test_the_bar_shows_progress_and_running_jobs_with_their_time(shown, tmp_path):
    screen = shown("""
class First(Changing): pass
class Broken(Failing): TRIES = 1
class Slow(Waiting): DEPS = [First]
class All(DummyJob): DEPS = [First, Broken, Slow]
""")
    lines = screen.wait_for('2/4, 1 failed', r'Slow \d+ s')
    assert mask_times(lines)[:2] == ['✓ First   changed    N s', '✗ Broken  failed     N s: Broken is broken']
    assert re.fullmatch(f'{BAR * 10}{REST * 10} 2/4, 1 failed, \\d+ s', lines[-2])
    assert re.fullmatch(r'Slow \d+ s', lines[-1])
    assert len(lines) == 24
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 1
    assert mask_times(screen.all_lines) == [
        '✓ First   changed    N s',
        '✗ Broken  failed     N s: Broken is broken',
        '✓ Slow    changed    N s',
        '» All     blocked by Broken',
        '✗ Broken  failed     N s: Broken is broken',
        '4 jobs: 2 changed, 1 failed, 1 blocked in N s',
    ]
    assert_left_clean(screen)


def test_the_bar_shows_when_the_next_attempt_of_a_job_starts(shown):
    screen = shown("""
class Flaky(Failing):
    TRIES = 4.5
    RETRY_DELAY = 3630
""")
    lines = screen.wait_for('Flaky: attempt 2/5 in 1h 00m')
    assert lines[-1] == 'Flaky: attempt 2/5 in 1h 00m'
    screen.press('\x03')
    assert screen.wait_for_exit() == 130
    assert_left_clean(screen)


def test_output_of_jobs_and_their_children_stays_whole_above_the_bar(shown, tmp_path):
    screen = shown(
        """
class Prints(Changing):
    def act(self, **settings):
        print('to stdout')
        print('to stderr', file=sys.stderr)
        subprocess.run(['sh', '-c', 'echo child; echo child to stderr >&2'])
        print('\\x1b[31mred\\x1b[0m, then \\x07\\tblank')
        print('no end', end='', flush=True)
class Waits(Waiting):
    DEPS = [Prints]
""",
        '-v',
    )
    screen.wait_for(r'Waits \d+ s')
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    assert mask_times(screen.all_lines) == [
        'Prints.check: fail',
        'to stdout',
        'to stderr',
        'child',
        'child to stderr',
        'red, then       blank',
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


def test_an_unfinished_line_is_ended_before_the_next_line_of_the_command(shown):
    screen = shown("""
class Prints(Changing):
    def act(self, **settings):
        os.write(1, b'no end')
class Last(Changing):
    DEPS = [Prints]
    def act(self, **settings):
        os.write(2, b'nor here')
    def Cleanup(self):
        os.write(1, b'nor there')
""")
    assert screen.wait_for_exit() == 0
    assert mask_times(screen.all_lines) == [
        'no end',
        '✓ Prints  changed    N s',
        'nor here',
        '✓ Last    changed    N s',
        'nor there',
        '2 jobs: 2 changed in N s',
    ]


def test_a_line_that_a_child_overwrites_shows_its_last_state(shown, tmp_path):
    screen = shown("""
class Downloads(Changing):
    def act(self, **settings):
        subprocess.run(['sh', '-c', 'printf "\\\\r 10%%"; cat gate; printf "\\\\r100%%\\\\n"'])
""")
    lines = screen.wait_for(' 10%', r'Downloads \d+ s')
    assert lines[0] == ' 10%'
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    assert screen.all_lines[0] == '100%'
    assert_left_clean(screen)


def test_a_prompt_and_its_answer_stay_while_the_bar_is_drawn(shown):
    screen = shown("""
class Asks(Changing):
    def act(self, **settings):
        print('Hello', input('Your name? '))
""")
    screen.wait_for('Your name?', r'0/1, \d s')
    screen.press('Ad')
    lines = screen.wait_for(r'Your name\? Ad', r'0/1, ([2-9]|\d\d) s')
    assert lines[0] == 'Your name? Ad'
    assert screen.cursor == (0, len(lines[0]))
    screen.press('a\n')
    assert screen.wait_for_exit() == 0
    assert screen.all_lines[:2] == ['Your name? Ada', 'Hello Ada']
    assert_left_clean(screen)


def test_a_password_prompt_on_the_terminal_works_beside_the_bar(shown):
    screen = shown("""
import getpass
class Asks(Changing):
    def act(self, **settings):
        print(len(getpass.getpass('Passphrase: ')), 'characters')
""")
    lines = screen.wait_for('Passphrase:', r'0/1, [1-9]\d* s')
    assert lines[0] == 'Passphrase:'
    screen.press('open sesame')
    assert screen.wait_for(r'0/1, ([2-9]|\d\d) s')[0] == 'Passphrase:'
    screen.press('\n')
    assert screen.wait_for_exit() == 0
    assert screen.all_lines[:2] == ['Passphrase:', '11 characters']
    assert_left_clean(screen)


PAGER = """
class First(Waiting): pass
class Pages(Changing):
    DEPS = [First]
    def act(self, **settings):
        subprocess.run('seq 1 100 | less -X', shell=True, check=True)
class Last(Waiting): DEPS = [Pages]
"""


@pytest.mark.skipif(shutil.which('less') is None, reason='needs less')
def test_a_pager_gets_the_whole_screen_and_the_keys(shown, tmp_path):
    screen = shown(PAGER)
    screen.wait_for('0/3')
    open_gate(tmp_path)
    lines = screen.wait_for('^1$', '^23$', '^:$')
    assert lines == [*map(str, range(1, 24)), ':']
    screen.press(' ')
    assert screen.wait_for('^46$', '^:$') == [*map(str, range(24, 47)), ':']
    screen.press('q')
    lines = screen.wait_for('✓ Pages', '2/3')
    assert lines[-3] != '46'
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    assert [line.split()[1] for line in screen.all_lines if line.startswith('✓')] == ['First', 'Pages', 'Last']
    assert_left_clean(screen)


def test_a_server_that_outlives_the_command_can_write_to_the_terminal(shown):
    screen = shown("""
class Serves(Changing):
    def act(self, **settings):
        serve = [sys.executable, '-u', '-m', 'http.server', '--bind', '127.0.0.1', '0']
        server = subprocess.Popen(serve, start_new_session=True)
        print('server', server.pid, flush=True)
class Last(Changing):
    DEPS = [Serves]
""")
    assert screen.wait_for_exit() == 0
    (server,) = [int(line.split()[1]) for line in screen.all_lines if line.startswith('server ')]
    try:
        screen.wait_until(lambda: any('http://' in line for line in screen.lines))
        address = re.search('http://[^/]*/', ' '.join(screen.lines))[0]
        for _ in range(2):
            with urllib.request.urlopen(address, timeout=20) as reply:
                assert reply.status == 200
        screen.wait_until(lambda: sum('"GET / HTTP/1.1" 200' in line for line in screen.lines) == 2)
    finally:
        os.kill(server, signal.SIGKILL)
    assert_left_clean(screen)


@pytest.mark.parametrize('stdin', ['terminal', 'nothing'])
def test_the_bar_follows_the_size_of_the_window(shown, tmp_path, stdin):
    options = {} if stdin == 'terminal' else {'stdin': subprocess.DEVNULL}
    screen = shown(
        """
class Measures(Changing):
    def act(self, **settings):
        for _ in range(5):
            wait_at_gate()
            subprocess.run('echo it has $(tput cols) columns; echo and $(tput lines) lines', shell=True)
""",
        **options,
    )
    screen.wait_for('0/1')
    for columns, lines in [(40, 24), (100, 30), (60, 9), (80, 24)]:
        screen.resize(columns, lines)
        screen.wait_until(lambda lines=lines: len(screen.lines) == lines and '0/1' in screen.lines[-2])
        open_gate(tmp_path)
        screen.wait_for(f'it has {columns} columns', f'and {lines} lines', '0/1')
        assert len([line for line in screen.all_lines if REST in line]) == 1
    screen.resize(80, 4)  # too few
    screen.wait_until(lambda: not any(REST in line for line in screen.lines))
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    assert_left_clean(screen)


def test_a_child_that_redraws_several_lines_does_not_touch_the_bar(shown, tmp_path):
    screen = shown("""
class First(Waiting): pass
class Pulls(Changing):
    DEPS = [First]
    def act(self, **settings):
        for percent in range(0, 101, 5):
            for layer in 'abc':
                os.write(1, f'\\x1b[2K{layer}: {percent}%\\n'.encode())
            if percent == 50:
                wait_at_gate()
            if percent < 100:
                os.write(1, b'\\x1b[3A')
""")
    screen.wait_for('0/2')
    open_gate(tmp_path)
    screen.wait_for('c: 50%', r'Pulls [1-9]\d* s')
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    assert screen.all_lines[1:4] == ['a: 100%', 'b: 100%', 'c: 100%']
    assert len(screen.all_lines) == 6
    assert_left_clean(screen)


def test_a_line_as_wide_as_the_terminal_wraps(shown, tmp_path):
    screen = shown("""
class First(Waiting): pass
class Dots(Changing):
    DEPS = [First]
    def act(self, **settings):
        os.write(1, b'.' * 80)
        wait_at_gate()
        os.write(1, b'.' * 30)
""")
    screen.wait_for('0/2')
    open_gate(tmp_path)
    screen.wait_for('[.]{80}', r'Dots ([2-9]|\d\d) s')
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    assert screen.all_lines[1:3] == ['.' * 80, '.' * 30]
    assert_left_clean(screen)


def test_the_bar_comes_back_after_a_child_resets_the_terminal(shown, tmp_path):
    screen = shown("""
class First(Waiting): pass
class Resets(Changing):
    DEPS = [First]
    def act(self, **settings):
        os.write(1, b'\\x1bcreset\\n')
        wait_at_gate()
        os.write(1, b''.join(b'%d\\n' % number for number in range(50)))
""")
    screen.wait_for('0/2')
    open_gate(tmp_path)
    screen.wait_for('^reset', '1/2', r'Resets ([2-9]|\d\d) s')
    assert not screen.scrolls_as_a_whole
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    assert screen.all_lines[-53:-2] == ['reset', *map(str, range(50))]
    assert_left_clean(screen)


def test_a_forked_child_does_not_draw_the_bar(shown, tmp_path):
    screen = shown("""
import warnings
class Forks(Waiting):
    def act(self, **settings):
        warnings.simplefilter('ignore')  # since the bar has a thread, newer Pythons warn of this
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        super().act()
""")
    screen.wait_for(r'0/1, [1-9]\d* s')
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    assert_left_clean(screen)


def test_a_command_started_by_a_job_shows_no_bar(shown, tmp_path):
    (tmp_path / 'inner.py').write_text('from bases import *\nclass Inner(Waiting): pass\n')
    screen = shown("""
class Outer(Changing):
    def act(self, **settings):
        subprocess.run([sys.executable, '-m', 'dojobber', 'inner.py'], check=True)
""")
    screen.wait_for(r'Outer ([2-9]|\d\d) s')
    assert not any('Inner' in line for line in screen.lines)
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    assert [line.split()[1] for line in screen.all_lines if line.startswith('✓')] == ['Inner', 'Outer']
    assert_left_clean(screen)


@pytest.mark.parametrize(('arguments', 'environment'), [(['--no-bar'], {}), ([], {'DOJOBBER_NO_BAR': '1'})])
def test_no_bar_keeps_colors_and_reports_failed_attempts(shown, arguments, environment):
    screen = shown('class Flaky(Failing): TRIES = 2', *arguments, environment=environment)
    assert screen.wait_for_exit() == 1
    assert BAR.encode() not in screen.raw
    assert b'\x1b7' not in screen.raw
    assert colours(screen.raw)
    assert screen.all_lines[0] == 'Flaky: attempt 1 of 2 failed: Flaky is broken; trying again'


@pytest.fixture
def shell(tmp_path):
    """Return the screen of an interactive shell, which has job control."""
    with Screen([shutil.which('bash'), '--norc', '-i'], cwd=tmp_path, env={**ENVIRONMENT, 'PS1': 'prompt: '}) as screen:
        screen.wait_for('prompt:')
        yield screen


STOPPABLE = """
class First(Waiting): pass
class Second(Waiting):
    DEPS = [First]
    def act(self, **settings):
        time.sleep(0.5)  # in which a bar would be drawn
        print('a while later')
        super().act()
"""


def test_the_terminal_is_restored_while_the_command_is_stopped(shell, tmp_path):
    write_jobs(tmp_path, STOPPABLE)
    shell.press(f'{" ".join(command("jobs.py"))}\n')
    shell.wait_for('0/2')
    shell.press('\x1a')
    lines = shell.wait_for('Stopped', '^prompt:$')
    assert not any(REST in line for line in lines)
    assert shell.scrolls_as_a_whole
    assert not shell.cursor_is_hidden
    shell.press('bg\n')
    shell.wait_for(r'^prompt: bg', '^prompt:$')
    shell.press('cat\ntyped')  # a program that takes lines, as the shell itself does not
    open_gate(tmp_path)
    lines = shell.wait_for('✓ First', 'a while later')
    assert not any(REST in line for line in lines)
    shell.press('\x03')
    shell.wait_for('^prompt:$')  # before it, cat might still read what is typed
    shell.press('fg\n')
    shell.wait_for('1/2', 'Second')
    shell.press('\x1a')
    shell.wait_until(lambda: sum('Stopped' in line for line in shell.lines) == 2)
    assert shell.scrolls_as_a_whole
    shell.press('fg\n')
    shell.wait_for('1/2', 'Second')
    open_gate(tmp_path)
    shell.wait_for('2 jobs: 2 changed', '^prompt:$')
    assert shell.scrolls_as_a_whole
    assert not any(BAR in line for line in shell.all_lines)


def test_output_of_concurrent_jobs_stays_whole(shown):
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
    assert screen.wait_for_exit() == 0
    said = [line for line in screen.all_lines if 'says' in line]
    assert sorted(said) == sorted(f'J{job} says {number}' for job in range(8) for number in range(20))
    assert len(screen.all_lines) == 160 + 9 + 1
    assert_left_clean(screen)


def test_binary_output_does_no_harm(shown):
    screen = shown("""
class Talks(Changing):
    def act(self, **settings):
        os.write(1, bytes(range(256)) * 4 + b'\\x1b[38;5;\\xb2m\\x1b[10;10H\\x1b[8m\\n\\x1b[0m')
        os.write(1, b'y' * 70_000)
""")
    assert screen.wait_for_exit() == 0
    assert screen.raw.count(b'y') == 70_004
    assert mask_times(screen.all_lines)[-2:] == ['✓ Talks  changed    N s', '1 job: 1 changed in N s']
    assert_left_clean(screen)


def test_megabytes_of_output_arrive(shown):
    screen = shown("""
class Talks(Changing):
    def act(self, **settings):
        for _ in range(1000):
            os.write(1, b'x' * 999 + b'\\n')
""")
    screen.is_drawn = False
    assert screen.wait_for_exit() == 0
    assert screen.raw.count(b'x' * 999 + b'\r\n') == 1000


def test_a_child_left_behind_does_not_delay_the_end(shown):
    screen = shown("""
class Leaves(Changing):
    def act(self, **settings):
        os.system('(echo left; exec cat gate) &')
""")
    assert screen.wait_for_exit() == 0
    assert '1 job: 1 changed in N s' in mask_times(screen.all_lines)  # the child may write after it
    assert_left_clean(screen)


def test_a_child_that_writes_for_ever_does_not_delay_the_end(shown):
    screen = shown("""
class Leaves(Changing):
    def act(self, **settings):
        os.system('(while echo again; do :; done) 2>&- &')
""")
    screen.is_drawn = False
    assert screen.wait_for_exit() == 0
    assert b'1 job: 1 changed in ' in screen.raw
    assert screen.settings == screen.settings_before


def test_the_bar_fits_into_forty_columns(shown, tmp_path):
    screen = shown(
        """
class SetUpTheVeryLongNamedServiceOfTheShop(Waiting): pass
class Other(Waiting): pass
class All(DummyJob): DEPS = [SetUpTheVeryLongNamedServiceOfTheShop, Other]
""",
        '-j8',
        columns=40,
    )
    lines = screen.wait_for('0/3', r'Other [1-9]\d* s')
    assert re.fullmatch(r'SetUpTheVeryLongNa\w*\.\.\. \d+ s, Other \d+ s', lines[-1])
    assert all(len(line) <= 39 for line in lines)
    open_gate(tmp_path)  # for both
    assert screen.wait_for_exit() == 0
    assert_left_clean(screen)


def test_the_bar_shows_some_of_three_hundred_jobs(shown, tmp_path):
    screen = shown(
        """
class All(DummyJob):
    DEPS = [type(f'Job{number:03}', (Changing,), {}) for number in range(250)]
    DEPS += [type(f'Slow{number:02}', (Waiting,), {}) for number in range(40)]
    DEPS += [type(f'Flaky{number}', (Failing,), {'RETRY_DELAY': 600}) for number in range(9)]
""",
        '-j99',
    )
    lines = screen.wait_for('250/300', r'Slow00 \d+ s', 'and 7 more')
    assert len(lines) == 24
    assert re.fullmatch(r'Slow00 \d+ s, (Slow\d\d \d+ s, )+Slow\d\d \d+ s and \d\d more', lines[-2])
    assert re.fullmatch(r'Flaky0: attempt 2/3 in \d+m \d\ds, .* and \d more', lines[-1])
    screen.press('\x03')
    screen.wait_for('250/300, interrupted by SIGINT')
    screen.press('\x03')
    assert screen.wait_for_exit() == 130
    assert sum(line.startswith('✓ Job') for line in screen.all_lines) == 250
    assert not screen.cursor_is_hidden


def test_wide_and_right_to_left_names_are_aligned(shown, tmp_path):
    screen = shown(
        """
names = ['데이터베이스', 'שרת', '服务器' * 40, 'e\\u0301tat', 'evil\\x1b[2J\\u202e']
jobs = [type(name, (Changing,), {}) for name in names]
class All(Waiting): DEPS = jobs
"""
    )
    screen.wait_for('5/6', r'All \d+ s')
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    lines = mask_times(screen.all_lines)
    text = ''.join(lines).replace(' ', '')
    assert '服务器' * 40 in text
    assert '✓evil\\x1b[2J\\u202echanged' in text
    rows = [line for line in lines if line.startswith('✓') and 'changed    N s' in line]
    assert len(rows) >= 5
    assert_left_clean(screen)


def test_a_redirected_stderr_gets_its_lines(shown, tmp_path):
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
        screen.wait_for('to stdout', r'Prints \d+ s')
        open_gate(tmp_path)
        assert screen.wait_for_exit() == 0
    said = (tmp_path / 'errors').read_text(encoding='utf-8').splitlines()
    assert said == ['Prints.check: fail', 'to stderr', 'Prints.run: pass', 'Prints.recheck: pass']
    assert mask_times(screen.all_lines) == ['to stdout', '✓ Prints  changed    N s', '1 job: 1 changed in N s']


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
    '✗ Broken  failed     3 attempts, N s: Broken is broken',
    '» All     blocked by Broken',
    '✗ Broken  failed     3 attempts, N s: Broken is broken',
    '3 jobs: 1 changed, 1 failed, 1 blocked in N s',
]


RETRIED = [f'Broken: attempt {number} of 3 failed: Broken is broken; trying again' for number in (1, 2)]


def colours(raw):
    """Return the colour codes in what was written."""
    return re.findall(rb'\x1b\[(?:[\d;]*;)?(?:3\d|4\d|9\d)[\d;]*m', raw)


def test_colors_are_used_if_the_terminal_has_them(shown):
    screen = shown(SIMPLE)
    assert screen.wait_for_exit() == 1
    assert colours(screen.raw)
    assert mask_times(screen.all_lines) == RECAP


def test_no_color_switches_off_colors(shown, tmp_path):
    screen = shown(
        f'{SIMPLE}\nclass Slow(Waiting): DEPS = [Prints]\nAll.DEPS.append(Slow)', environment={'NO_COLOR': '1'}
    )
    screen.wait_for(f'{BAR * 5}{REST}+ 1/4')
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 1
    assert not colours(screen.raw)


def test_a_dumb_terminal_gets_plain_lines(shown):
    screen = shown(SIMPLE, environment={'TERM': 'dumb'})
    assert screen.wait_for_exit() == 1
    assert b'\x1b' not in screen.raw
    assert mask_times(screen.all_lines) == [*RECAP[:2], *RETRIED, *RECAP[2:]]


@pytest.mark.parametrize('terminal', ['no-such-terminal', ''])
def test_an_unknown_terminal_gets_no_bar(shown, terminal):
    screen = shown(SIMPLE, environment={'TERM': terminal})
    assert screen.wait_for_exit() == 1
    assert b'\x1b7' not in screen.raw
    assert mask_times(screen.all_lines) == [*RECAP[:2], *RETRIED, *RECAP[2:]]


def test_the_linux_console_gets_ascii(shown, tmp_path):
    screen = shown('class Slow(Waiting): pass', environment={'TERM': 'linux'})
    screen.wait_for('^-{20} 0/1', r'Slow \d s')
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    assert screen.raw.isascii()
    assert mask_times(screen.all_lines)[0] == '+ Slow  changed    N s'


def test_a_terminal_gets_plain_lines_without_rich(shown):
    hidden = "import sys; sys.modules['rich'] = None; from dojobber.cli import main; main()"
    screen = shown(SIMPLE, python=[hidden, 'jobs.py'])
    assert screen.wait_for_exit() == 1
    assert b'\x1b' not in screen.raw
    assert mask_times(screen.all_lines) == [*RECAP[:2], *RETRIED, *RECAP[2:]]


ONLY_ASCII = {'PYTHONUTF8': '0', 'PYTHONIOENCODING': 'ascii', 'LC_ALL': 'C', 'PYTHONCOERCECLOCALE': '0'}


def test_an_ascii_terminal_gets_ascii(shown, tmp_path):
    screen = shown(f'{SIMPLE}\nclass Grün(Waiting): DEPS = [Prints]\nAll.DEPS.append(Grün)\n', environment=ONLY_ASCII)
    screen.wait_for(r'Gr\\xfcn \d+ s')
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 1
    assert screen.raw.isascii()
    assert r'+ Gr\xfcn  changed    N s' in mask_times(screen.all_lines)
    assert mask_times(screen.all_lines)[-2] == 'x Broken   failed     3 attempts, N s: Broken is broken'
    assert not screen.cursor_is_hidden


def test_escaped_names_fit_into_the_bar(shown, tmp_path):
    screen = shown('class 数据库服务器数据库服务器(Waiting): pass', columns=40, environment=ONLY_ASCII)
    lines = screen.wait_for('0/1, [1-9]', r'\d s$')
    assert re.fullmatch(r'(\\u[0-9a-f]{4})+.*\.\.\. \d s', lines[-1])
    assert len(lines[-1]) <= 39
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    assert_left_clean(screen)


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
def test_a_signal_ends_the_command_after_the_cleanups(shown, tmp_path, number, status):
    screen = shown(STOPPED, '--graph', 'graph.dot', columns=100)
    screen.wait_for('1/5', 'Slow ')
    if number == signal.SIGINT:
        screen.press('\x03')
    else:
        screen.process.send_signal(number)
    assert screen.wait_for_exit() == status
    error = 'KeyboardInterrupt' if number == signal.SIGINT else 'Terminated'
    lines = [line for line in mask_times(screen.all_lines) if line != '^C']  # which the terminal adds
    assert lines == [
        '✓ Tidy   changed    N s',
        f'✗ Slow   failed     N s: {error}',
        '- Last   not run',
        '» Later  blocked by Slow',
        '» All    blocked by Later',
        f'✗ Slow   failed     N s: {error}',
        f'5 jobs: 1 changed, 1 failed, 2 blocked, 1 not run in N s; interrupted by {number.name}',
    ]
    assert_left_clean(screen)
    assert (tmp_path / 'tidied').read_text() == 'noted'
    assert 'Slow' in (tmp_path / 'graph.dot').read_text()


def test_a_second_signal_ends_the_command_at_once(shown, tmp_path):
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
    screen.wait_for('running')
    screen.press('\x03')
    screen.wait_for('cleaning up', r'Stubborn\.cleanup \d+ s')
    screen.press('\x03')
    assert screen.wait_for_exit() == 130
    assert not screen.cursor_is_hidden
    assert screen.scrolls_as_a_whole
    assert screen.settings == screen.settings_before


def test_the_recap_shows_a_failing_cleanup(shown):
    screen = shown("""
class Messy(Changing):
    def Cleanup(self):
        raise OSError('still in use')
""")
    assert screen.wait_for_exit() == 1
    assert mask_times(screen.all_lines) == [
        '✓ Messy  changed    N s',
        'Messy.cleanup: fail "still in use"',
        '✗ Messy.cleanup  failed: still in use',
        '1 job: 1 changed in N s',
    ]


def test_a_dry_run_shows_jobs_that_would_run_apart_from_failed_ones(shown):
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
    assert screen.wait_for_exit() == 1
    assert mask_times(screen.all_lines) == [
        '✓ Fine    ok         N s',
        '✗ Verify  failed     N s: cannot tell',
        '» All     blocked by Change, Verify',
        '~ Change  would run  N s: Change is not done',
        '✗ Verify  failed     N s: cannot tell',
        '4 jobs: 1 ok, 1 would run, 1 failed, 1 blocked in N s',
        'Dependents of Jobs that would run were not checked; some may have work to do.',
    ]


def test_jobs_see_the_real_width_of_the_terminal(shown):
    screen = shown(
        """
class Prints(Changing):
    def act(self, **settings):
        print(os.get_terminal_size(1), sys.stdout.isatty(), sys.stderr.isatty())
""",
        columns=97,
        lines=31,
    )
    assert screen.wait_for_exit() == 0
    assert screen.all_lines[0] == 'os.terminal_size(columns=97, lines=31) True True'
