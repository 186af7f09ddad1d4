"""A few lines at the bottom of the terminal that stay there while Jobs and their children use the rest of it.

A scroll region keeps those lines free, as apt does it. Nothing stands between the Jobs and the terminal: they own it,
and may ask questions, start a pager or an editor, or leave a server behind. So nothing may be assumed about it either:
each drawing saves and restores the cursor and sets the region anew, since any program may have reset it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from time import monotonic
from types import FrameType
from typing import Any, Callable

from ..signals import leave_signals_to_main_thread
from .terminfo import Codes, codes_of, filled

INTERVAL = 0.1  # seconds from look to look
LONGEST_PAUSE = 1.0  # seconds after which the bar is drawn although nothing in it changed: it may have been cleared
LINES_AT_FIRST = 2
LINES_ABOVE = 4  # that the Jobs have at least; on a smaller terminal there is no bar
LEAST_COLUMNS = 16
PATIENCE = 0.5  # seconds to wait for a drawing under way, where a signal handler must not wait longer

DOWN = b'\v'  # as a line feed, but in the same column: the terminal's driver adds a carriage return to '\n' only

Render = Callable[[int], 'list[str]']


def bar_on(stream: Any, render: Render) -> Bar | None:
    """Return a bar for the terminal that ``stream`` is; None where there can be none.

    Args:
        stream: A text file, or what stands in for one.
        render: Returns the lines to show for a width in columns. It is called in a thread.
    """
    if sys.platform == 'win32' or threading.current_thread() is not threading.main_thread():
        return None  # only the main thread may handle signals
    try:
        if not stream.isatty():
            return None
        descriptor = os.dup(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    codes = codes_of(descriptor)
    if codes is None:
        os.close(descriptor)
        return None
    return Bar(descriptor, codes, stream.encoding or 'utf-8', render)


class Bar:
    """Draws the lines as long as it is shown, from a thread of its own.

    While the terminal belongs to somebody else (another job of the shell, a full-screen program), nothing is reserved
    and nothing drawn.
    """

    def __init__(self, descriptor: int, codes: Codes, encoding: str, render: Render) -> None:
        self._descriptor, self._codes, self._encoding, self._render = descriptor, codes, encoding, render
        self._lock = threading.RLock()  # a signal handler may interrupt its own thread
        self._owner = os.getpid()  # forked children inherit the object, not the right to draw
        self._size = os.terminal_size((0, 0))
        self._count = LINES_AT_FIRST
        self._is_reserved = self._is_paused = self._must_draw = False
        self._drawn: tuple[list[str], float] = [], 0.0
        self._end = threading.Event()

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar, and suspend it when the process is stopped (Ctrl-Z)."""
        thread = threading.Thread(target=self._keep, name='dojobber-bar', daemon=True)
        with self._suspended_with_the_process():
            thread.start()
            try:
                yield
            finally:
                if os.getpid() == self._owner:
                    self.restore_terminal()
                    thread.join()
                    os.close(self._descriptor)

    @contextlib.contextmanager
    def above(self) -> Iterator[str]:
        """Let the caller write lines of its own, after what this returns: it ends a line that somebody has begun."""
        with self._lock:
            yield self._end_of_line()
            self._must_draw = True

    def _end_of_line(self) -> str:
        with contextlib.suppress(OSError):  # the terminal is gone
            if self._is_ours():
                return self._new_line().decode('latin-1')
        return ''

    def _new_line(self) -> bytes:
        """Return what takes the cursor to the start of an empty line above the bar, wherever it is now."""
        codes, size = self._codes, os.get_terminal_size(self._descriptor)
        spaces = b' ' * size.columns + b'\r'  # from the start of a line they lead back there, else to the next line
        if not self._is_reserved:
            return spaces + codes.clr_eos  # a full-screen program that has ended may have left the bar below
        return (
            codes.region(size.lines - 1) + spaces + codes.clr_eol + self._room(size) + codes.region(self._top(size) - 1)
        )

    def restore_terminal(self) -> None:
        """Remove the bar for good, and leave the cursor at the start of a line. A signal handler may call it."""
        if not self._end.is_set():
            self._end.set()
            self._hide(ends_line=True)

    def refresh(self) -> None:
        """Draw the bar if it has changed, or hide it if it must not be shown now."""
        with self._lock, contextlib.suppress(OSError):
            if self._end.is_set() or self._is_paused or os.getpid() != self._owner:
                return
            size = os.get_terminal_size(self._descriptor)
            if not self._is_ours():
                self._yield_to_others(size)
            elif size.lines < self._count + LINES_ABOVE or size.columns < LEAST_COLUMNS:
                self._release(self._codes.clr_eos)
            else:
                self._draw(size)

    def _keep(self) -> None:
        leave_signals_to_main_thread()  # and above all block SIGTTOU, which would stop us
        while not self._end.wait(INTERVAL):
            self.refresh()

    def _draw(self, size: os.terminal_size) -> None:
        lines = self._render(size.columns - 1)
        is_new = not self._is_reserved or size != self._size or len(lines) > self._count
        before, at = self._drawn
        if lines == before and monotonic() - at < LONGEST_PAUSE and not is_new and not self._must_draw:
            return
        codes, output = self._codes, b''
        if self._is_reserved and is_new:  # after a resize, what was the bar can be anywhere below the cursor
            output += codes.region(size.lines - 1) + codes.clr_eos
        self._size, self._count = size, max(self._count, len(lines))
        if is_new:
            output += self._room(size)
        self._is_reserved, self._must_draw, self._drawn = True, False, (lines, monotonic())
        output += codes.region(self._top(size) - 1) + self._at_the_bottom(size, lines)
        self._write(output)

    def _top(self, size: os.terminal_size) -> int:
        return size.lines - self._count

    def _room(self, size: os.terminal_size) -> bytes:
        """Return what scrolls the whole screen up as far as the cursor is where the bar will be."""
        up = filled(self._codes.parm_up_cursor, self._count)
        return self._codes.region(size.lines - 1) + DOWN * self._count + up

    def _at_the_bottom(self, size: os.terminal_size, lines: list[str]) -> bytes:
        codes = self._codes
        output = codes.save_cursor + codes.exit_attribute_mode
        for number in range(self._count):
            text = lines[number] if number < len(lines) else ''
            output += filled(codes.cursor_address, self._top(size) + number, 0)
            output += text.encode(self._encoding, 'backslashreplace') + codes.clr_eol
        return output + codes.restore_cursor

    def _release(self, clear: bytes) -> None:
        """Let the whole screen scroll again, without the bar. ``clear`` is written last."""
        if not self._is_reserved:
            return
        self._is_reserved = False
        is_resized = os.get_terminal_size(self._descriptor) != self._size
        cleared = b'' if is_resized else self._at_the_bottom(self._size, [])
        self._write(self._codes.region(max(self._size.lines, 1) - 1) + cleared + clear)

    def _yield_to_others(self, size: os.terminal_size) -> None:
        """Leave the screen to a full-screen program, or to another job of the shell."""
        if not self._is_reserved:
            return
        self._release(b'')
        if _is_foreground(self._descriptor):  # let the program, which has painted around the bar, see a resize
            passing = os.terminal_size((size.columns, size.lines - 1))
            _set_size(self._descriptor, passing)
            self._end.wait(INTERVAL)  # for it to look
            if os.get_terminal_size(self._descriptor) == passing:
                _set_size(self._descriptor, size)

    def _is_ours(self) -> bool:
        return _is_foreground(self._descriptor) and _takes_lines(self._descriptor)

    def _hide(self, ends_line: bool = False) -> None:
        """Remove the bar. A drawing under way is waited for, but not for ever: this may be its own thread."""
        is_locked = self._lock.acquire(timeout=PATIENCE)
        try:
            with contextlib.suppress(OSError):
                if self._is_reserved and os.getpid() == self._owner:
                    self._write(self._room(self._size))
                    self._release(self._codes.clr_eos)
                if ends_line and os.getpid() == self._owner and self._is_ours():
                    self._write(self._new_line())
        finally:
            if is_locked:
                self._lock.release()

    @contextlib.contextmanager
    def _suspended_with_the_process(self) -> Iterator[None]:
        is_ours = signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL

        def suspend(number: int, _: FrameType | None) -> None:
            is_owner = os.getpid() == self._owner
            if is_owner:
                self._is_paused = True
                self._hide()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)  # stops this process until somebody continues it
            if is_owner:
                signal.signal(number, suspend)
                self._is_paused = False

        if is_ours:
            signal.signal(signal.SIGTSTP, suspend)
        try:
            yield
        finally:
            if is_ours and signal.getsignal(signal.SIGTSTP) is suspend:
                signal.signal(signal.SIGTSTP, signal.SIG_DFL)

    def _write(self, output: bytes) -> None:
        try:
            while output:
                try:
                    output = output[os.write(self._descriptor, output) :]
                except BlockingIOError:  # a child has left the terminal so
                    select.select([], [self._descriptor], [], PATIENCE)
        except OSError:  # the terminal is gone
            self._end.set()


def _is_foreground(descriptor: int) -> bool:
    """Tell whether the terminal reads for this process, and not for another job of the shell."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:  # it controls no process at all
        return True


def _takes_lines(descriptor: int) -> bool:
    """Tell whether the terminal waits for whole lines. Full-screen programs want each key."""
    import termios

    try:
        return bool(termios.tcgetattr(descriptor)[3] & termios.ICANON)
    except termios.error:  # it is gone
        return False


def _set_size(descriptor: int, size: os.terminal_size) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack('HHHH', size.lines, size.columns, 0, 0))
