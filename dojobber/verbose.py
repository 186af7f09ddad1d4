"""The lines that ``verbose`` and ``debug`` print on stderr."""

from __future__ import annotations

import sys
import traceback

from .events import Event, EventKind
from .job import gives_up, is_not_run_yet, skips
from .text import command_output, error_line, error_text, escape_unencodable

PHASES = (EventKind.CHECK, EventKind.RUN, EventKind.RECHECK)


class VerbosePrinter:
    """A listener that prints a line for each phase and each failed Cleanup; with ``debug``, for all Cleanups.

    It looks up ``sys.stderr`` for each line, and prints nothing more to a stream that is closed or broken.
    """

    def __init__(self, debug: bool = False) -> None:
        self._debug = debug
        self._broken_stream: object = None

    def __call__(self, event: Event) -> None:
        """Print a line about ``event``, if its kind has one."""
        if event.kind in PHASES:
            self._print_phase(event)
        elif event.kind is EventKind.CLEANUP:
            self.print_cleanup(event)
        elif event.kind is EventKind.CLEANUP_STARTED and self._debug:
            self._print(f'{event.job}.cleanup running')

    def print_cleanup(self, event: Event) -> None:
        """Print a line if the Cleanup failed; with ``debug``, also if it passed."""
        if event.exception is not None:
            self._print(f'{event.job}.cleanup: fail "{error_text(event.exception)}"')
        elif self._debug:
            self._print(f'{event.job}.cleanup: pass')

    def _print_phase(self, event: Event) -> None:
        error = event.exception
        if error is None:
            self._print(f'{event.job}.{event.kind.value}: pass')
            return
        verdict = 'give up' if gives_up(error) else 'skip' if skips(error) else 'fail'
        line = f'{event.job}.{event.kind.value}: {verdict}'
        if event.kind is EventKind.RECHECK or verdict != 'fail':
            line += f' "{error_text(error)}"'
        shows_traceback = self._debug and not skips(error) and not is_not_run_yet(error)
        self._print(line, _indented_traceback(error) if shows_traceback else '')

    def _print(self, line: str, details: str = '') -> None:
        text = line.replace('\r', '\\r').replace('\n', '\\n') + '\n' + details  # the line stays one line
        stream = getattr(sys, 'stderr', None)  # a Job may have deleted it
        if stream is None or stream is self._broken_stream:
            return
        try:
            try:
                stream.write(text)
            except UnicodeEncodeError:
                stream.write(escape_unencodable(text, stream.encoding))
        except Exception:  # closed, a broken pipe, a full disk
            self._broken_stream = stream


def _indented_traceback(error: BaseException) -> str:
    import textwrap

    try:
        text = ''.join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:  # it fails for some exceptions, such as a SyntaxError with odd arguments
        text = error_line(error) + '\n'
    text += ''.join([f'{line}\n' for line in command_output(error)])
    return textwrap.indent(text, '  ')
