"""The lines that ``verbose`` and ``debug`` print on stderr."""

from __future__ import annotations

import sys
import traceback

from .events import Event, EventKind
from .text import error_text

PHASES = (EventKind.CHECK, EventKind.RUN, EventKind.RECHECK)


class Console:
    """A listener that prints a line for each phase.

    The stream is looked up at each write. One that is closed or broken ends the printing and nothing else.
    """

    def __init__(self, debug: bool = False) -> None:
        self._debug = debug
        self._broken: object = None  # the stream that was found to be so

    def __call__(self, event: Event) -> None:
        """Print what there is to say about ``event``."""
        if event.kind in PHASES:
            self._phase(event)
        elif event.kind is EventKind.CLEANUP:
            self.cleanup(event)
        elif event.kind is EventKind.CLEANUP_STARTED and self._debug:
            self._write(f'{event.job}.cleanup running')

    def cleanup(self, event: Event) -> None:
        """Print that a Cleanup failed, or with debug that it passed."""
        if event.exception is not None:
            self._write(f'{event.job}.cleanup: fail "{error_text(event.exception)}"')
        elif self._debug:
            self._write(f'{event.job}.cleanup: pass')

    def _phase(self, event: Event) -> None:
        error = event.exception
        line = f'{event.job}.{event.kind.value}: {"pass" if error is None else "fail"}'
        if error is not None and event.kind is EventKind.RECHECK:
            line += f' "{error_text(error)}"'
        if error is not None and self._debug:
            self._write(line, _indented_traceback(error))
        else:
            self._write(line)

    def _write(self, line: str, details: str = '') -> None:
        text = _on_one_line(line) + '\n' + details
        stream = getattr(sys, 'stderr', None)  # a Job may have deleted it
        if stream is None or stream is self._broken:
            return
        try:
            try:
                stream.write(text)
            except UnicodeEncodeError:
                encoding = stream.encoding or 'ascii'
                stream.write(text.encode(encoding, 'backslashreplace').decode(encoding))
        except Exception:  # closed, a broken pipe, a full disk
            self._broken = stream


def _indented_traceback(error: BaseException) -> str:
    import textwrap

    try:
        text = ''.join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:  # a SyntaxError made by hand, for one, can defeat the formatter
        text = f'{type(error).__name__}: {error_text(error)}\n'
    return textwrap.indent(text, '  ')


def _on_one_line(text: str) -> str:
    return text.replace('\r', '\\r').replace('\n', '\\n')
