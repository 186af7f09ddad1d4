"""The control codes of a terminal, as its terminfo entry has them."""

from __future__ import annotations

import re
from typing import NamedTuple


class Codes(NamedTuple):
    """The control codes of a terminal, from its terminfo entry."""

    change_scroll_region: bytes
    cursor_address: bytes
    parm_up_cursor: bytes
    save_cursor: bytes
    restore_cursor: bytes
    clr_eol: bytes
    clr_eos: bytes
    exit_attribute_mode: bytes

    def region(self, last: int) -> bytes:
        """Let the lines from the first to ``last`` scroll. The cursor stays; without saving it, it would go home."""
        return self.save_cursor + filled(self.change_scroll_region, 0, last) + self.restore_cursor


NAMES = ('csr', 'cup', 'cuu', 'sc', 'rc', 'el', 'ed', 'sgr0')  # of the Codes, in terminfo


def codes_of(descriptor: int) -> Codes | None:
    """Return the codes of a terminal; None if it, or this Python, cannot keep lines free."""
    try:
        import curses
        import termios  # noqa: F401 - to watch the terminal with

        curses.setupterm(fd=descriptor)
        found = [curses.tigetstr(name) for name in NAMES]
        wraps_late = curses.tigetflag('xenl') > 0  # only when another character comes
    except Exception:  # no curses here, no TERM, one that is not known
        return None
    codes = [re.sub(rb'\$<[^>]*>', b'', code) for code in found if code]  # without delays for hardware terminals
    return Codes(*codes) if wraps_late and len(codes) == len(NAMES) else None


def filled(code: bytes, *numbers: int) -> bytes:
    """Return ``code`` with the numbers filled in that it takes."""
    import curses

    return curses.tparm(code, *numbers)
