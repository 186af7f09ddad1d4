"""Words for people: error messages, summaries and durations."""

from __future__ import annotations


def message(error: BaseException) -> str:
    """Return what ``error`` says, also when it cannot say it."""
    try:
        return str(error)
    except Exception:
        return f'<unprintable {type(error).__name__}>'
