"""The developer log."""

from __future__ import annotations

import contextlib
import logging
import sys

logger: logging.Logger = logging.getLogger('DoJobber')
"""The developer log. Its level is CRITICAL unless the application or ``dojobber_loglevel`` sets another."""

if logger.level == logging.NOTSET:
    logger.setLevel(logging.CRITICAL)


def log_critical(text: str, *args: object) -> None:
    """Log something that the user could not find out otherwise, with the exception being handled, if any.

    ``logging.config`` disables the loggers that it does not know, so this logger is enabled again. If the log cannot be
    written, perhaps because stderr is closed, the message is lost.
    """
    with contextlib.suppress(Exception):
        logger.disabled = False
        logger.critical(text, *args, exc_info=sys.exc_info()[0] is not None)


def show_developer_log(level: int | str) -> None:
    """Print the developer log of this process on stderr, from ``level`` on.

    Raises:
        TypeError, ValueError: ``level`` is not a level of the logging module.
    """
    logger.setLevel(level)
    _handler.setLevel(level)
    logger.propagate = False
    logger.disabled = False  # an application's logging configuration may have disabled it
    logger.addHandler(_handler)


class _StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]  # generic for the type checker only
    """Writes to the current ``sys.stderr``. If that is closed or broken, the record is lost."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        pass


_handler = _StderrHandler()
_handler.setFormatter(logging.Formatter('%(asctime)s %(name)s %(levelname)s %(message)s'))
