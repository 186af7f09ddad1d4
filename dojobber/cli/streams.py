"""The stdout and stderr that the command starts with, whatever Jobs do to them."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Any

from ..text import escape_unencodable


def print_to_stderr(text: str) -> None:
    """Write a line to stderr; do nothing if that is closed, full, or not a file."""
    stream = standard_error()
    try:
        stream.write(f'{text}\n')
        stream.flush()
    except (AttributeError, OSError, ValueError):
        discard(stream)


class Output:
    """The stdout that the command starts with. It keeps writing there if Jobs replace or close ``sys.stdout``.

    ``restore()`` restores ``sys.stdout`` and ``sys.stderr``. After the first failure, nothing more is written.
    """

    def __init__(self) -> None:
        self._stderr = standard_error()
        self.stream: Any = sys.stdout
        """None if stdout was closed before Python started."""
        self.failure: Exception | None = None
        """The error that stopped the writing."""
        self.was_reserved: bool = False
        self._is_original = self.stream is not None and self.stream is sys.__stdout__
        self._saved: dict[int, tuple[int, bool]] = {}

    def write(self, text: str) -> None:
        """Write ``text`` at once, with escapes for characters that the encoding lacks."""
        if self.failure is not None:
            return
        try:
            stream = self._open_stream()
            try:
                stream.write(text)
            except UnicodeEncodeError as error:
                stream.write(escape_unencodable(text, error.encoding))
            _flush_if_possible(stream)
        except (OSError, ValueError) as error:
            self.failure = error
            discard(self.stream)

    def flush(self) -> None:
        """Do nothing: ``write()`` has already flushed. rich expects a file to have this method."""

    def isatty(self) -> bool:
        """Tell whether stdout is a terminal."""
        return is_terminal(self.stream)

    @property
    def encoding(self) -> str:
        """Encoding of the stream."""
        return getattr(self.stream, 'encoding', None) or 'utf-8'

    def _open_stream(self) -> Any:
        if self.stream is None:
            raise ValueError('it is closed')
        if self._is_original and self.stream.closed:  # the descriptor is still open
            self.stream = os.fdopen(1, 'w', encoding=self.stream.encoding, closefd=False)
        return self.stream

    def finish(self) -> bool:
        """Flush what Jobs have left in the buffer, and tell whether stdout has received everything.

        If not, print the error on stderr. Output that a closed pipe refuses counts as received.
        """
        _flush(standard_error())
        if self.failure is None and not getattr(self.stream, 'closed', False):
            try:
                _flush_if_possible(self.stream)
            except (OSError, ValueError) as error:
                self.failure = error
                discard(self.stream)
        if self.failure is None or _has_no_reader(self.failure):
            return True
        print_to_stderr(f'cannot write to stdout: {self.failure}')
        return False

    def reserve(self) -> None:
        """Redirect to stderr all that Jobs and their children write to stdout, until ``restore()``."""
        self.was_reserved = True
        _flush(getattr(sys, 'stdout', None))
        for descriptor in {1, _descriptor_of(self.stream) or 1}:
            with contextlib.suppress(OSError):  # it is closed
                self._saved[descriptor] = os.dup(descriptor), os.get_inheritable(descriptor)
                _redirect_to_stderr(descriptor)
        stderr = standard_error()
        sys.stdout = None if stderr is None else _LossyStream(stderr)

    def restore(self) -> None:
        """Restore stdout and stderr."""
        current = getattr(sys, 'stdout', None)  # a Job may have deleted it
        if current is not self.stream:
            _flush(current)
        if self._saved:
            _flush(self.stream)  # before stdout is restored: text of Jobs in its buffer belongs on stderr, too
        for descriptor, (saved, is_inheritable) in self._saved.items():
            os.dup2(saved, descriptor, is_inheritable)
            os.close(saved)
        self._saved.clear()
        sys.stdout = self.stream
        if standard_error() is not self._stderr:
            _flush(standard_error())
            sys.stderr = self._stderr


class _LossyStream:
    """Writes to a stream; discards what cannot be written instead of raising an error."""

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
    """Return ``sys.stderr``; None if it was closed before Python started, or a Job has deleted it."""
    return getattr(sys, 'stderr', None)


def is_terminal(stream: Any) -> bool:
    """Tell whether a stream, which may be None or closed, is a terminal."""
    try:
        return bool(stream.isatty())
    except (AttributeError, OSError, ValueError):
        return False


def discard(stream: Any) -> None:
    """Discard what a stream could not write. Otherwise, Python tries again at exit and prints an error."""
    descriptor = _descriptor_of(stream)
    if descriptor is None:
        return
    with contextlib.suppress(OSError):
        saved = None
        with contextlib.suppress(OSError):
            saved, is_inheritable = os.dup(descriptor), os.get_inheritable(descriptor)
        null = os.open(os.devnull, os.O_WRONLY)
        if null != descriptor:
            os.dup2(null, descriptor)
            os.close(null)
        with contextlib.suppress(ValueError):
            stream.flush()
        if saved is None:
            os.close(descriptor)
        else:
            os.dup2(saved, descriptor, is_inheritable)
            os.close(saved)


def _has_no_reader(error: Exception) -> bool:
    """Tell whether the reader has closed the pipe, as ``head`` does, so that nothing is lost."""
    is_windows_pipe = sys.platform == 'win32' and isinstance(error, OSError) and error.errno == errno.EINVAL
    return isinstance(error, BrokenPipeError) or is_windows_pipe


def _descriptor_of(stream: Any) -> int | None:
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):  # None, a buffer in memory, or closed
        return None
    return descriptor if isinstance(descriptor, int) else None


def _redirect_to_stderr(descriptor: int) -> None:
    try:
        os.dup2(2, descriptor)
    except OSError:  # stderr is closed
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)


def _flush(stream: Any) -> None:
    try:
        if stream is not None:
            stream.flush()
    except (AttributeError, OSError, ValueError):  # not a file, not writable, or closed
        discard(stream)


def _flush_if_possible(stream: Any) -> None:
    """Flush a stream, unless it has no ``flush()``, which ``print()`` does not need."""
    if hasattr(stream, 'flush'):
        stream.flush()
