"""The control codes of a terminal, from its terminfo entry."""

from __future__ import annotations

import re
from typing import NamedTuple


class Codes(NamedTuple):
    """The codes that the bar uses; the fields have their long names in terminfo."""

    change_scroll_region: bytes
    cursor_address: bytes
    parm_up_cursor: bytes
    save_cursor: bytes
    restore_cursor: bytes
    clr_eol: bytes
    clr_eos: bytes
    exit_attribute_mode: bytes

    def region(self, last: int) -> bytes:
        """Return the code that makes only the lines from the first to ``last`` scroll and keeps the cursor in place."""
        return self.save_cursor + fill(self.change_scroll_region, 0, last) + self.restore_cursor


NAMES = ('csr', 'cup', 'cuu', 'sc', 'rc', 'el', 'ed', 'sgr0')  # terminfo's names for the fields of Codes


def codes_of(descriptor: int) -> Codes | None:
    """Return the codes of a terminal; None if the terminal or this Python cannot show a bar."""
    try:
        import curses
        import termios  # noqa: F401 - the bar needs it

        curses.setupterm(fd=descriptor)
        found = [curses.tigetstr(name) for name in NAMES]
        wraps_late = curses.tigetflag('xenl') > 0  # only before the next character, not right after the last column
    except Exception:  # no curses, no TERM, or an unknown one
        return None
    codes = [re.sub(rb'\$<[^>]*>', b'', code) for code in found if code]  # without delays for hardware terminals
    return Codes(*codes) if wraps_late and len(codes) == len(NAMES) else None


def fill(code: bytes, *numbers: int) -> bytes:
    """Return ``code`` with its parameters filled in."""
    import curses

    return curses.tparm(code, *numbers)
