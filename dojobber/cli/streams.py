"""Stdout and stderr as the command finds them, whatever becomes of them meanwhile."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Any

from ..text import escape_unencodable


def complain(text: str) -> None:
    """Write a line to stderr; where that is closed, full or no file at all, to nowhere."""
    stream = standard_error()
    if stream is None:
        return
    try:
        stream.write(f'{text}\n')
        stream.flush()
    except (AttributeError, OSError, ValueError):
        discard(stream)


class Output:
    """The stdout that the command finds when it is called, for what the command itself writes.

    Jobs may replace, close or redirect ``sys.stdout``; this keeps to the one it has found, and ``put_back()`` makes it
    ``sys.stdout`` again, and ``sys.stderr`` what it was. The first failure ends the writing.
    """

    def __init__(self) -> None:
        self._stderr = standard_error()
        self.stream: Any = sys.stdout
        """None where stdout was closed before Python started."""
        self.failure: Exception | None = None
        """Why no more can be written."""
        self.was_diverted: bool = False
        self._is_original = self.stream is not None and self.stream is sys.__stdout__
        self._kept: dict[int, tuple[int, bool]] = {}

    def write(self, text: str) -> None:
        """Write ``text`` at once, characters that the encoding does not have as escapes."""
        if self.failure is not None:
            return
        try:
            stream = self._open_stream()
            try:
                stream.write(text)
            except UnicodeEncodeError as error:
                stream.write(escape_unencodable(text, error.encoding))
            _flush_what_can_be(stream)
        except (OSError, ValueError) as error:
            self.failure = error
            discard(self.stream)

    def flush(self) -> None:
        """Do nothing: it is here for those who write to this as to a file."""

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return is_terminal(self.stream)

    @property
    def encoding(self) -> str:
        """Its encoding."""
        return getattr(self.stream, 'encoding', None) or 'utf-8'

    def _open_stream(self) -> Any:
        if self.stream is None:
            raise ValueError('it is closed')
        if self._is_original and self.stream.closed:  # which leaves the descriptor open
            self.stream = os.fdopen(1, 'w', encoding=self.stream.encoding, closefd=False)
        return self.stream

    def finish(self) -> bool:
        """Write what Jobs have left in the buffer, and tell whether all was written that anybody wants to read.

        Otherwise a line on stderr says so.
        """
        _flush(standard_error())
        if self.failure is None and self.stream is not None and not getattr(self.stream, 'closed', False):
            try:
                _flush_what_can_be(self.stream)
            except (OSError, ValueError) as error:
                self.failure = error
                discard(self.stream)
        if self.failure is None or _has_no_reader(self.failure):
            return True
        complain(f'stdout: {self.failure}')
        return False

    def drop(self) -> None:
        """Forget what is left in the buffer, where nobody wants to wait any longer for it to be written."""
        discard(self.stream)

    def divert(self) -> None:
        """Let what Jobs and their children write to stdout go to stderr, until it is put back."""
        self.was_diverted = True
        _flush(getattr(sys, 'stdout', None))
        for number in {1, _number_of(self.stream) or 1}:
            with contextlib.suppress(OSError):  # it is closed
                self._kept[number] = os.dup(number), os.get_inheritable(number)
                _send_to_stderr(number)
        stderr = standard_error()
        sys.stdout = None if stderr is None else _Lossy(stderr)

    def put_back(self) -> None:
        """Make stdout and stderr what they were."""
        current = getattr(sys, 'stdout', None)  # a Job may have deleted it
        if current is not self.stream:
            _flush(current)
        if self._kept:
            _flush(self.stream)  # whoever has kept it writes to stderr, too
        for number, (kept, is_inheritable) in self._kept.items():
            os.dup2(kept, number, is_inheritable)
            os.close(kept)
        self._kept.clear()
        sys.stdout = self.stream
        if standard_error() is not self._stderr:
            _flush(standard_error())
            sys.stderr = self._stderr


class _Lossy:
    """Writes to a stream, and loses what this cannot write: what is diverted to it must not fail for that."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError:
            discard(self._stream)
        return len(text)

    def flush(self) -> None:
        _flush(self._stream)


def standard_error() -> Any:
    """Return ``sys.stderr``; None where it was closed before Python started, or a Job has deleted it."""
    return getattr(sys, 'stderr', None)


def is_terminal(stream: Any) -> bool:
    """Tell whether a stream, which may be None or closed, is a terminal."""
    try:
        return bool(stream.isatty())
    except (AttributeError, OSError, ValueError):
        return False


def discard(stream: Any) -> None:
    """Drop what a stream could not write, since Python would try to write it again when it ends, and complain."""
    number = _number_of(stream)
    if number is None:
        return
    with contextlib.suppress(OSError):
        kept = None
        with contextlib.suppress(OSError):
            kept, is_inheritable = os.dup(number), os.get_inheritable(number)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
        with contextlib.suppress(ValueError):
            stream.flush()
        if kept is None:
            os.close(number)
        else:
            os.dup2(kept, number, is_inheritable)
            os.close(kept)


def _has_no_reader(error: Exception) -> bool:
    """Tell whether whoever read it has had enough, as ``head`` has: nothing that anybody wants is lost then."""
    is_windows_pipe = sys.platform == 'win32' and isinstance(error, OSError) and error.errno == errno.EINVAL
    return isinstance(error, BrokenPipeError) or is_windows_pipe


def _number_of(stream: Any) -> int | None:
    try:
        number = stream.fileno()
    except (AttributeError, OSError, ValueError):  # it is None, in memory, closed
        return None
    return number if isinstance(number, int) else None


def _send_to_stderr(number: int) -> None:
    try:
        os.dup2(2, number)
    except OSError:  # which is closed
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def _flush(stream: Any) -> None:
    try:
        if stream is not None:
            stream.flush()
    except (AttributeError, OSError, ValueError):  # it is no file at all, cannot be written, is closed
        discard(stream)


def _flush_what_can_be(stream: Any) -> None:
    """Flush a stream; ``print()`` writes to one without ``flush()`` as well."""
    if hasattr(stream, 'flush'):
        stream.flush()
