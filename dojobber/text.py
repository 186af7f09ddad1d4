"""Text shown to people: errors, values, summaries, durations and escapes."""

from __future__ import annotations

import sys
from typing import Any

MAX_OUTPUT_LINES = 10
"""The largest number of lines to show of a failed command's output."""


def error_text(error: BaseException) -> str:
    """Return the message of ``error``, even if its ``__str__`` fails."""
    try:
        return str(error)
    except Exception:
        return f'<unprintable {type(error).__name__}>'


def error_line(error: BaseException) -> str:
    """Return the type and the message of ``error``, as the last line of a traceback shows them."""
    return f'{type(error).__name__}: {error_text(error)}'


def error_details(error: BaseException) -> str:
    """Return the message of ``error`` with the details needed to understand it. It may have several lines.

    A KeyError is shown with its type, a bare ``assert`` by its source line, any other error without a message by its
    type. The error of a command that failed is followed by the end of its output.
    """
    text, kind = error_text(error), type(error)  # isinstance() would read a property named __class__, which may raise
    if issubclass(kind, KeyError) and text:
        text = f'{kind.__name__}: {text}'  # the message is only the key
    elif issubclass(kind, AssertionError) and not text:
        text = _source_line(error)
    return '\n'.join([text or kind.__name__, *command_output(error)])


def command_output(error: BaseException) -> list[str]:
    """Return the last lines that a failed command wrote to stderr, or else to stdout, if they were captured."""
    subprocess: Any = sys.modules.get('subprocess')  # if it is not imported, its errors cannot be raised
    if subprocess is None or not issubclass(type(error), (subprocess.CalledProcessError, subprocess.TimeoutExpired)):
        return []
    command: Any = error
    output: Any = command.stderr or command.output or ''
    text = output.decode(errors='replace') if isinstance(output, bytes) else str(output)
    return text.rstrip().splitlines()[-MAX_OUTPUT_LINES:]


def _source_line(error: BaseException) -> str:
    """Return the line of source code that raised ``error``; empty if it is not known."""
    import linecache

    entry, cause = (_members[name].__get__(error) for name in ('__traceback__', '__cause__'))
    if entry is None:  # it was raised in another process; its cause holds the traceback as text
        lines = [line.strip() for line in error_text(cause).splitlines()] if cause is not None else []
        return next((line for line in reversed(lines) if line.startswith('assert')), '')
    while entry.tb_next is not None:
        entry = entry.tb_next
    code, module = entry.tb_frame.f_code, entry.tb_frame.f_globals
    return linecache.getline(code.co_filename, entry.tb_lineno, module).strip()


_members: Any = vars(BaseException)  # exception classes may redefine these names


def value_text(value: object) -> str:
    """Return ``repr(value)``, even if its ``__repr__`` fails."""
    try:
        return repr(value)
    except Exception:
        return f'<{type(value).__name__}>'


def summary(job: type) -> str:
    """Return the first line of the class's own docstring; empty if it has none."""
    text = vars(job).get('__doc__')
    return text.strip().partition('\n')[0] if isinstance(text, str) else ''


def duration(seconds: float, digits: int = 1) -> str:
    """Return seconds as ``12 ms``, ``3.4 s``, ``2m 05s`` or ``1h 02m``. With ``digits=0``, it has no ms."""
    if digits and round(seconds * 1000) < 1000:
        return f'{seconds * 1000:.0f} ms'
    if round(seconds, digits) < 60:
        return f'{seconds:.{digits}f} s'
    minutes, left = divmod(round(seconds), 60)
    return f'{minutes}m {left:02}s' if minutes < 60 else f'{minutes // 60}h {minutes % 60:02}m'


def escape_unencodable(text: str, encoding: str | None) -> str:
    """Return ``text`` with escapes for the characters that ``encoding`` (default: ASCII) lacks."""
    encoding = encoding or 'ascii'
    return text.encode(encoding, 'backslashreplace').decode(encoding)


def escape_unprintable(text: str, encoding: str = 'utf-8') -> str:
    """Return ``text`` with escapes for characters that control a terminal or are missing in ``encoding``."""
    text = ''.join(char if char.isprintable() else char.encode('unicode_escape').decode() for char in text)
    return escape_unencodable(text, encoding)
