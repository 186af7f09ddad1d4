"""The terminals on which a bar can be shown, and the codes that it writes. ``tests/terminal`` tests how it looks."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import signal
import struct
import termios
import threading
import tty

import pytest
from support.children import wait_for_fork
from support.run_command import TIMEOUT

from dojobber.cli.screen.bar import bar_on

WHOLE_SCREEN, ABOVE_BAR = b'\x1b[1;24r', b'\x1b[1;22r'


class Terminal:
    """A pseudo-terminal of 80 columns and 24 lines. Programs write to ``file``."""

    def __init__(self):
        self.master, slave = pty.openpty()
        self.file = open(slave, 'w', encoding='utf-8')  # noqa: SIM115 - the fixture closes it
        self.resize(80, 24)

    def resize(self, columns, lines):
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))

    def written(self):
        """Return what programs have written since the last call."""
        os.write(self.file.fileno(), b'<end>')
        text = b''
        while not text.endswith(b'<end>'):
            assert select.select([self.master], [], [], TIMEOUT)[0]
            text += os.read(self.master, 65536)
        return text[: -len(b'<end>')]


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv('TERM', 'xterm-256color')
    terminal = Terminal()
    yield terminal
    terminal.file.close()
    os.close(terminal.master)


def render(width):
    return [f'{width} columns', 'below']


def test_no_bar_is_shown_on_a_stream_that_is_not_a_terminal(tmp_path):
    with open(tmp_path / 'file', 'w', encoding='utf-8') as file:
        assert bar_on(file, render) is None
    assert bar_on(file, render) is None  # it is closed now
    assert bar_on(io.StringIO(), render) is None
    assert bar_on(None, render) is None


def test_no_bar_is_shown_outside_the_main_thread(terminal):
    bars = []
    thread = threading.Thread(target=lambda: bars.append(bar_on(terminal.file, render)))
    thread.start()
    thread.join(TIMEOUT)
    assert bars == [None]
    assert bar_on(terminal.file, render) is not None


def test_the_bar_is_drawn_below_a_scroll_region_and_removed(terminal):
    bar = bar_on(terminal.file, render)
    bar.refresh()
    drawn = terminal.written()
    assert ABOVE_BAR in drawn
    assert b'\x1b[23;1H79 columns' in drawn
    bar.refresh()
    assert terminal.written() == b''  # nothing has changed
    bar.restore_terminal()
    assert terminal.written().rindex(WHOLE_SCREEN) > 0
    bar.refresh()
    bar.restore_terminal()
    assert terminal.written() == b''


def test_no_bar_is_drawn_while_a_program_reads_single_keys(terminal):
    bar = bar_on(terminal.file, render)
    bar.refresh()
    terminal.written()
    lines = termios.tcgetattr(terminal.file)
    tty.setcbreak(terminal.file)
    bar.refresh()
    assert WHOLE_SCREEN in terminal.written()
    assert os.get_terminal_size(terminal.file.fileno()) == (80, 24)
    bar.refresh()
    assert terminal.written() == b''
    termios.tcsetattr(terminal.file, termios.TCSANOW, lines)
    bar.refresh()
    assert ABOVE_BAR in terminal.written()


@pytest.mark.parametrize(('columns', 'lines'), [(80, 5), (10, 24), (0, 0)])
def test_no_bar_is_drawn_on_a_small_terminal(terminal, columns, lines):
    terminal.resize(columns, lines)
    bar_on(terminal.file, render).refresh()
    assert terminal.written() == b''


def test_a_line_above_the_bar_starts_on_a_new_line(terminal):
    bar = bar_on(terminal.file, render)
    with bar.above() as end_of_line:
        assert end_of_line.startswith(' ' * 80 + '\r')
    bar.refresh()
    with bar.above() as end_of_line:
        assert ' ' * 80 + '\r' in end_of_line
        assert end_of_line.encode().index(ABOVE_BAR) > end_of_line.encode().index(WHOLE_SCREEN)


def test_the_bar_writes_nothing_more_after_its_terminal_is_closed(terminal):
    bar = bar_on(terminal.file, render)
    bar.refresh()
    with open(os.devnull, 'wb') as null:
        os.dup2(null.fileno(), terminal.master)  # closes the terminal
    bar.refresh()
    bar.restore_terminal()
    with bar.above() as end_of_line:
        assert end_of_line == ''


@pytest.mark.parametrize('earlier', [signal.SIG_DFL, signal.SIG_IGN])
def test_ctrl_z_is_handled_while_the_bar_is_live_unless_it_was_ignored_before(terminal, earlier):
    before, threads = signal.signal(signal.SIGTSTP, earlier), set(threading.enumerate())
    try:
        with bar_on(terminal.file, render).live():
            assert (signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN) == (earlier is signal.SIG_IGN)
            assert signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL
            (thread,) = set(threading.enumerate()) - threads
            assert thread.daemon
        assert signal.getsignal(signal.SIGTSTP) is earlier
        assert not thread.is_alive()
    finally:
        signal.signal(signal.SIGTSTP, before)


@pytest.mark.filterwarnings('ignore:.*fork:DeprecationWarning')  # the threads of pytest and its plugins
def test_forked_children_do_not_draw_the_bar(terminal):
    bar = bar_on(terminal.file, lambda width: [str(os.getpid())])
    bar.refresh()
    terminal.written()
    child = os.fork()
    if not child:
        bar.refresh()
        bar.restore_terminal()
        os._exit(0)
    assert wait_for_fork(child) == 0
    assert terminal.written() == b''
