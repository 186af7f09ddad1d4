"""Run a program in a pseudo-terminal and see the screen that its user would see."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

import pyte

TIMEOUT = 20.0  # seconds, long enough for a busy machine

LAUNCHER = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(1, termios.TIOCSCTTY, 0)  # makes Ctrl-C a signal for this session
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Emulator(pyte.HistoryScreen):
    """pyte's emulator with the pending wrap of real terminals.

    After the last column their cursor waits behind it. They restore it there, and moving it up cancels the wrap.
    """

    def cursor_up(self, count=None):
        self.cursor.x = min(self.cursor.x, self.columns - 1)
        super().cursor_up(count)

    def restore_cursor(self):
        column = self.savepoints[-1].cursor.x if self.savepoints else 0
        super().restore_cursor()
        if column == self.columns:
            self.cursor.x = column


class Screen:
    """Runs a command in a pseudo-terminal. A context manager: leaving it kills the command."""

    def __init__(self, command, columns=80, lines=24, **options):
        self.raw = b''
        self.is_drawn = True  # a test that prints megabytes turns this off, since it takes seconds
        self._screen = Emulator(columns, lines, history=100_000)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))
        self.settings_before = termios.tcgetattr(slave)
        self._slave = slave
        streams = {'stdin': slave, 'stdout': slave, 'stderr': slave, **options}
        launch = [sys.executable, '-S', '-E', '-c', LAUNCHER, *map(str, command)]
        self.process = subprocess.Popen(launch, start_new_session=True, **streams)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(TIMEOUT)
        for end in self._master, self._slave:
            os.close(end)

    @property
    def lines(self):
        """The lines on the screen, without empty ones at the end."""
        return self._stripped(self._screen.display)

    @property
    def all_lines(self):
        """The lines on the screen, after those that have scrolled off its top."""
        above = [
            ''.join(line[column].data for column in range(self._screen.columns)) for line in self._screen.history.top
        ]
        return self._stripped([*above, *self._screen.display])

    @property
    def styled_lines(self):
        """The lines on the screen as rich.text.Text, in their colors."""
        from rich.text import Text

        lines = []
        for number in range(len(self.lines)):
            cells = [self._screen.buffer[number][column] for column in range(self._screen.columns)]
            parts = [(''.join(cell.data for cell in same), style) for style, same in itertools.groupby(cells, _style)]
            lines.append(Text.assemble(*parts))
        return lines

    @property
    def cursor_is_hidden(self):
        return self._screen.cursor.hidden

    @property
    def scrolls_as_a_whole(self):
        """Whether the scrolling region is the whole screen."""
        return self._screen.margins in (None, (0, self._screen.lines - 1))

    @property
    def cursor(self):
        """The cursor's (line, column), counted from 0."""
        return self._screen.cursor.y, self._screen.cursor.x

    def resize(self, columns, lines):
        """Resize the window, as its user can."""
        self._screen.resize(lines, columns)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))

    @property
    def settings(self):
        return termios.tcgetattr(self._slave)

    @staticmethod
    def _stripped(lines):
        lines = [line.rstrip() for line in lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def wait_for(self, *patterns):
        """Wait until every pattern matches some line of the screen, and return the lines."""
        deadline = time.monotonic() + TIMEOUT
        while not all(any(re.search(pattern, line) for line in self.lines) for pattern in patterns):
            assert time.monotonic() < deadline, f'no {patterns} in {self.lines}'
            assert self._read(0.1) or self.process.poll() is None, f'the command ended without {patterns}: {self.lines}'
        return self.lines

    def wait_until(self, condition):
        """Wait until ``condition()`` is true; it is called after each read."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, f'the condition stays false: {self.lines}'
            self._read(0.1)

    def press(self, keys):
        os.write(self._master, keys.encode())

    def wait_for_exit(self):
        """Wait until the command ends, though not for its children, and return the exit status."""
        deadline = time.monotonic() + TIMEOUT
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f'the command does not end: {self.lines}'
            self._read(0.02)
        while self._read(0):
            pass
        return self.process.returncode

    def _read(self, seconds):
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        with contextlib.suppress(OSError):
            data = os.read(self._master, 65536)
            self.raw += data
            if self.is_drawn:
                self._stream.feed(data)
            return bool(data)
        return False


def _style(cell):
    """Return the style of a cell in rich's notation."""
    color = {'brown': 'yellow', 'default': ''}.get(cell.fg, cell.fg).replace('bright', 'bright_')
    is_code = re.fullmatch('[0-9a-f]{6}', color)
    return f'{"bold" if cell.bold else ""} {"#" if is_code else ""}{color}'.strip()
