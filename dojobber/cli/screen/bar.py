"""A few lines at the bottom of the terminal that stay there while Jobs and their children use the rest of it.

A scroll region keeps those lines free, as in apt. Jobs write to the terminal directly: they may ask questions, start a
pager or an editor, or leave a server behind. So the bar assumes nothing about the terminal: whenever it is drawn, it
saves and restores the cursor and sets the region again, since any program may have reset it.
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
from .terminfo import Codes, codes_of, fill

REFRESH_INTERVAL = 0.1  # seconds
MAX_REDRAW_INTERVAL = 1.0  # seconds after which an unchanged bar is drawn again: a program may have cleared it
INITIAL_LINES = 2
MIN_LINES_ABOVE = 4  # for the Jobs; on a smaller terminal the bar is not shown
MIN_COLUMNS = 16
LOCK_TIMEOUT = 0.5  # seconds for which a signal handler waits for the bar, and the bar for a terminal that is not ready

DOWN = b'\v'  # a line feed that keeps the column: the terminal driver adds a carriage return only to '\n'

Render = Callable[[int], list[str]]


def bar_on(stream: Any, render: Render) -> Bar | None:
    """Return a bar for a terminal; None if ``stream`` is not a terminal that can show it.

    Args:
        stream: A text file or an object with its methods.
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
    """Draws the lines from a thread of its own.

    While the terminal belongs to another job of the shell or to a full-screen program, there is no bar.
    """

    def __init__(self, descriptor: int, codes: Codes, encoding: str, render: Render) -> None:
        self._descriptor, self._codes, self._encoding, self._render = descriptor, codes, encoding, render
        self._lock = threading.RLock()  # a signal handler may interrupt its own thread
        self._owner = os.getpid()  # forked children inherit the object, but must not draw
        self._size = os.terminal_size((0, 0))
        self._line_count = INITIAL_LINES
        self._is_reserved = self._is_paused = self._is_outdated = False
        self._drawn: tuple[list[str], float] = [], 0.0
        self._end = threading.Event()

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """Show the bar for the duration of the block, but hide it while the process is stopped (Ctrl-Z)."""
        thread = threading.Thread(target=self._refresh_until_end, name='dojobber-bar', daemon=True)
        with self._hidden_while_stopped():
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
        """Let the caller write lines above the bar. Yield what it must write first, to end an unfinished line."""
        with self._lock:
            end_of_line = ''
            with contextlib.suppress(OSError):  # the terminal is closed
                if self._may_draw():
                    end_of_line = self._new_line().decode('latin-1')
            yield end_of_line
            self._is_outdated = True

    def _new_line(self) -> bytes:
        """Return the codes that move the cursor to the start of an empty line above the bar."""
        codes, size = self._codes, os.get_terminal_size(self._descriptor)
        spaces = b' ' * size.columns + b'\r'  # stays on an empty line, otherwise wraps to the next one
        if not self._is_reserved:
            return spaces + codes.clr_eos  # a full-screen program that has ended may have left the bar below
        return (
            codes.region(size.lines - 1)
            + spaces
            + codes.clr_eol
            + self._scroll_up(size)
            + codes.region(self._first_line(size) - 1)
        )

    def restore_terminal(self) -> None:
        """Remove the bar for good and move the cursor to the start of a line. Signal handlers may call it."""
        if not self._end.is_set():
            self._end.set()
            self._hide(end_line=True)

    def refresh(self) -> None:
        """Draw the bar if it has changed, or hide it if it must not be shown now."""
        with self._lock, contextlib.suppress(OSError):
            if self._end.is_set() or self._is_paused or os.getpid() != self._owner:
                return
            size = os.get_terminal_size(self._descriptor)
            if not self._may_draw():
                self._give_way(size)
            elif size.lines < self._line_count + MIN_LINES_ABOVE or size.columns < MIN_COLUMNS:
                self._release(self._codes.clr_eos)
            else:
                self._draw(size)

    def _refresh_until_end(self) -> None:
        leave_signals_to_main_thread()  # above all SIGTTOU, which would stop the process
        while not self._end.wait(REFRESH_INTERVAL):
            self.refresh()

    def _draw(self, size: os.terminal_size) -> None:
        lines = self._render(size.columns - 1)
        is_new = not self._is_reserved or size != self._size or len(lines) > self._line_count
        drawn_lines, drawn_at = self._drawn
        is_outdated = self._is_outdated or monotonic() - drawn_at >= MAX_REDRAW_INTERVAL
        if lines == drawn_lines and not is_new and not is_outdated:
            return
        codes, output = self._codes, b''
        if self._is_reserved and is_new:  # after a resize, the old bar can be anywhere below the cursor
            output += codes.region(size.lines - 1) + codes.clr_eos
        self._size, self._line_count = size, max(self._line_count, len(lines))
        if is_new:
            output += self._scroll_up(size)
        self._is_reserved, self._is_outdated, self._drawn = True, False, (lines, monotonic())
        output += codes.region(self._first_line(size) - 1) + self._bottom_lines(size, lines)
        self._write(output)

    def _first_line(self, size: os.terminal_size) -> int:
        return size.lines - self._line_count

    def _scroll_up(self, size: os.terminal_size) -> bytes:
        """Return the codes that scroll the screen until the cursor is above the bar."""
        up = fill(self._codes.parm_up_cursor, self._line_count)
        return self._codes.region(size.lines - 1) + DOWN * self._line_count + up

    def _bottom_lines(self, size: os.terminal_size, lines: list[str]) -> bytes:
        codes = self._codes
        output = codes.save_cursor + codes.exit_attribute_mode
        for number in range(self._line_count):
            text = lines[number] if number < len(lines) else ''
            output += fill(codes.cursor_address, self._first_line(size) + number, 0)
            output += text.encode(self._encoding, 'backslashreplace') + codes.clr_eol
        return output + codes.restore_cursor

    def _release(self, clear: bytes) -> None:
        """Remove the bar, let the whole screen scroll again, and write ``clear``."""
        if not self._is_reserved:
            return
        self._is_reserved = False
        is_resized = os.get_terminal_size(self._descriptor) != self._size
        cleared = b'' if is_resized else self._bottom_lines(self._size, [])
        self._write(self._codes.region(self._size.lines - 1) + cleared + clear)

    def _give_way(self, size: os.terminal_size) -> None:
        """Leave the screen to a full-screen program, or to another job of the shell."""
        if not self._is_reserved:
            return
        self._release(b'')
        if _is_foreground(self._descriptor):  # make the program redraw, also where the bar was
            temporary = os.terminal_size((size.columns, size.lines - 1))
            _set_size(self._descriptor, temporary)
            self._end.wait(REFRESH_INTERVAL)  # until the program has noticed
            if os.get_terminal_size(self._descriptor) == temporary:
                _set_size(self._descriptor, size)

    def _may_draw(self) -> bool:
        return _is_foreground(self._descriptor) and _reads_lines(self._descriptor)

    def _hide(self, end_line: bool = False) -> None:
        """Remove the bar, even if it is being drawn: a signal handler may have interrupted that in this thread."""
        is_locked = self._lock.acquire(timeout=LOCK_TIMEOUT)
        try:
            with contextlib.suppress(OSError):
                if self._is_reserved and os.getpid() == self._owner:
                    self._write(self._scroll_up(self._size))
                    self._release(self._codes.clr_eos)
                if end_line and os.getpid() == self._owner and self._may_draw():
                    self._write(self._new_line())
        finally:
            if is_locked:
                self._lock.release()

    @contextlib.contextmanager
    def _hidden_while_stopped(self) -> Iterator[None]:
        is_default = signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL

        def suspend(number: int, _: FrameType | None) -> None:
            is_owner = os.getpid() == self._owner
            if is_owner:
                self._is_paused = True
                self._hide()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)  # stops this process until it is continued
            if is_owner:
                signal.signal(number, suspend)
                self._is_paused = False

        if is_default:
            signal.signal(signal.SIGTSTP, suspend)
        try:
            yield
        finally:
            if is_default and signal.getsignal(signal.SIGTSTP) is suspend:
                signal.signal(signal.SIGTSTP, signal.SIG_DFL)

    def _write(self, output: bytes) -> None:
        try:
            while output:
                try:
                    output = output[os.write(self._descriptor, output) :]
                except BlockingIOError:  # a child has made the terminal non-blocking
                    select.select([], [self._descriptor], [], LOCK_TIMEOUT)
        except OSError:  # the terminal is closed
            self._end.set()


def _is_foreground(descriptor: int) -> bool:
    """Tell whether this process may read from the terminal, rather than another job of the shell."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:  # it is not the controlling terminal of this process
        return True


def _reads_lines(descriptor: int) -> bool:
    """Tell whether the terminal reads whole lines. Full-screen programs read single keys."""
    import termios

    try:
        return bool(termios.tcgetattr(descriptor)[3] & termios.ICANON)
    except termios.error:  # it is closed
        return False


def _set_size(descriptor: int, size: os.terminal_size) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack('HHHH', size.lines, size.columns, 0, 0))
