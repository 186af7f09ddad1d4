"""Where there is a bar and where there can be none, and what it leaves behind. tests/test_terminal.py looks at it."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import signal
import struct
import termios
import threading
import tty

import pytest

from dojobber.bar import bar_on

WHOLE, RESERVED = b'\x1b[1;24r', b'\x1b[1;22r'


@pytest.fixture
def terminal(monkeypatch):
    """Return a text file that is a terminal of 80 columns and 24 lines, and the file descriptor of its other end."""
    monkeypatch.setenv('TERM', 'xterm-256color')
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    with open(theirs, 'w', encoding='utf-8') as file:
        yield file, ours
    os.close(ours)


def render(width):
    return [f'{width} columns', 'below']


def written(descriptor):
    """Return what has been written to the terminal since the last time."""
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b''


def test_there_is_no_bar_on_what_is_no_terminal(tmp_path):
    with open(tmp_path / 'file', 'w', encoding='utf-8') as file:
        assert bar_on(file, render) is None
    assert bar_on(file, render) is None  # which is closed now
    assert bar_on(io.StringIO(), render) is None
    assert bar_on(None, render) is None


def test_there_is_no_bar_outside_the_main_thread(terminal):
    bars = []
    thread = threading.Thread(target=lambda: bars.append(bar_on(terminal[0], render)))
    thread.start()
    thread.join()
    assert bars == [None]
    assert bar_on(terminal[0], render) is not None


def test_the_bar_is_drawn_below_a_region_that_scrolls_and_taken_away(terminal):
    file, ours = terminal
    bar = bar_on(file, render)
    bar.refresh()
    drawn = written(ours)
    assert RESERVED in drawn
    assert b'\x1b[23;1H79 columns' in drawn
    bar.refresh()
    assert written(ours) == b''  # nothing has changed
    bar.give_back()
    assert written(ours).rindex(WHOLE) > 0
    bar.refresh()
    bar.give_back()
    assert written(ours) == b''


def test_a_terminal_that_gives_each_key_away_is_left_alone(terminal):
    file, ours = terminal
    bar = bar_on(file, render)
    bar.refresh()
    written(ours)
    lines = termios.tcgetattr(file)
    tty.setcbreak(file)
    bar.refresh()
    assert WHOLE in written(ours)
    assert os.get_terminal_size(file.fileno()) == (80, 24)
    bar.refresh()
    assert written(ours) == b''
    termios.tcsetattr(file, termios.TCSANOW, lines)
    bar.refresh()
    assert RESERVED in written(ours)


@pytest.mark.parametrize(('columns', 'lines'), [(80, 5), (10, 24), (0, 0)])
def test_a_terminal_that_is_too_small_shows_no_bar(terminal, columns, lines):
    file, ours = terminal
    fcntl.ioctl(file, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))
    bar_on(file, render).refresh()
    assert written(ours) == b''


def test_a_line_of_ours_starts_in_a_line_of_its_own(terminal):
    bar = bar_on(terminal[0], render)
    with bar.above() as end_of_line:
        assert end_of_line.startswith(' ' * 80 + '\r')
    bar.refresh()
    with bar.above() as end_of_line:
        assert ' ' * 80 + '\r' in end_of_line
        assert end_of_line.encode().index(RESERVED) > end_of_line.encode().index(WHOLE)


def test_a_terminal_that_is_gone_ends_the_bar(terminal):
    file, ours = terminal
    bar = bar_on(file, render)
    bar.refresh()
    with open(os.devnull, 'wb') as nowhere:
        os.dup2(nowhere.fileno(), ours)  # which closes it
    bar.refresh()
    bar.give_back()
    with bar.above() as end_of_line:
        assert end_of_line == ''


@pytest.mark.parametrize('earlier', [signal.SIG_DFL, signal.SIG_IGN])
def test_the_signal_of_ctrl_z_is_handled_while_the_bar_is_shown_unless_it_was_ignored(terminal, earlier):
    before = signal.signal(signal.SIGTSTP, earlier)
    try:
        with bar_on(terminal[0], render).shown():
            assert (signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN) == (earlier is signal.SIG_IGN)
            assert signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL
            assert [each.daemon for each in threading.enumerate() if each.name == 'dojobber-bar'] == [True]
        assert signal.getsignal(signal.SIGTSTP) is earlier
        assert not [each for each in threading.enumerate() if each.name == 'dojobber-bar']
    finally:
        signal.signal(signal.SIGTSTP, before)


@pytest.mark.filterwarnings('ignore:.*fork:DeprecationWarning')  # the threads here are those that run the tests
def test_only_the_process_that_shows_the_bar_draws_it(terminal):
    file, ours = terminal
    bar = bar_on(file, render)
    bar.refresh()
    written(ours)
    child = os.fork()
    if not child:
        bar.refresh()
        bar.give_back()
        os._exit(0)
    os.waitpid(child, 0)
    assert written(ours) == b''
