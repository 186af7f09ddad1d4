"""Signal handlers for scripts whose arguments are the number of a signal and the name of the error that it raises."""

from __future__ import annotations

import signal
import sys


class Terminated(BaseException):
    """Raised by a handler of the script's own."""


def _terminate(*_):
    raise Terminated


def _exit(*_):
    sys.exit(143)


HANDLERS = {
    'KeyboardInterrupt': (signal.default_int_handler, KeyboardInterrupt),
    'Terminated': (_terminate, Terminated),
    'SystemExit': (_exit, SystemExit),
}


def install_handler():
    """Install the handler that the arguments name, and return the class of the error that it raises."""
    handler, error = HANDLERS[sys.argv[2]]
    signal.signal(int(sys.argv[1]), handler)
    return error
