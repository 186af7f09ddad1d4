"""Text shown to people: errors, values, summaries, durations and escapes."""

from __future__ import annotations


def error_text(error: BaseException) -> str:
    """Return the message of ``error``, even if its ``__str__`` fails."""
    try:
        return str(error)
    except Exception:
        return f'<unprintable {type(error).__name__}>'


def error_line(error: BaseException) -> str:
    """Return the type and the message of ``error``, as the last line of a traceback shows them."""
    return f'{type(error).__name__}: {error_text(error)}'


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
    """Return seconds as ``12 ms``, ``3.4 s``, ``2m 05s`` or ``1h 02m``. Without digits, it has no ms."""
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
