"""A program in a real pseudo-terminal, and the screen that its user would see."""

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

TIMEOUT = 20.0  # seconds, for a machine that is busy with other things

LAUNCHER = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(1, termios.TIOCSCTTY, 0)  # so that Ctrl-C there is a signal here
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Emulator(pyte.HistoryScreen):
    """The emulator, but with a cursor behind the last column, before a wrap, as terminals have it.

    They restore it there, and no longer wrap when it has been moved up.
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
    """Runs a command and watches it: use it in a ``with`` statement, which ends what still runs."""

    def __init__(self, command, columns=80, lines=24, **options):
        self.raw = b''
        self.is_drawn = True  # which takes seconds for megabytes
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
        self.process.wait()
        for end in self._master, self._slave:
            os.close(end)

    @property
    def lines(self):
        """What is on the screen, without the empty lines at its end."""
        return self._stripped(self._screen.display)

    @property
    def all_lines(self):
        """What is on the screen and what has left it at the top."""
        above = [
            ''.join(line[column].data for column in range(self._screen.columns)) for line in self._screen.history.top
        ]
        return self._stripped([*above, *self._screen.display])

    @property
    def styled_lines(self):
        """What is on the screen, as rich's texts in their colours."""
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
        """Whether no line at the top or bottom is kept out of the scrolling."""
        return self._screen.margins in (None, (0, self._screen.lines - 1))

    @property
    def cursor(self):
        """The line and the column of the cursor."""
        return self._screen.cursor.y, self._screen.cursor.x

    def resize(self, columns, lines):
        """Give the window another size, as a user does."""
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
        """Wait until there is a line for each of the patterns at the same time, and return the lines."""
        deadline = time.monotonic() + TIMEOUT
        while not all(any(re.search(each, line) for line in self.lines) for each in patterns):
            assert time.monotonic() < deadline, f'{patterns} did not come: {self.lines}'
            assert self._read(0.1) or self.process.poll() is None, f'it ended without {patterns}: {self.lines}'
        return self.lines

    def wait_until(self, is_so):
        """Wait until ``is_so`` returns true; it is asked whenever something has been written."""
        deadline = time.monotonic() + TIMEOUT
        while not is_so():
            assert time.monotonic() < deadline, f'it does not become so: {self.lines}'
            self._read(0.1)

    def press(self, keys):
        os.write(self._master, keys.encode())

    def wait_for_exit(self):
        """Wait for the end of the program, and return its exit status; of what it left behind nothing is awaited."""
        deadline = time.monotonic() + TIMEOUT
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f'it does not end: {self.lines}'
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
    """Return rich's name for how a cell looks."""
    colour = {'brown': 'yellow', 'default': ''}.get(cell.fg, cell.fg).replace('bright', 'bright_')
    is_code = re.fullmatch('[0-9a-f]{6}', colour)
    return f'{"bold" if cell.bold else ""} {"#" if is_code else ""}{colour}'.strip()
