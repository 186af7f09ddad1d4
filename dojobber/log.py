"""The developer log."""

from __future__ import annotations

import contextlib
import logging
import sys

logger: logging.Logger = logging.getLogger('DoJobber')
"""The developer log. Unless the application or ``dojobber_loglevel`` says otherwise, only what is critical is shown."""

if logger.level == logging.NOTSET:
    logger.setLevel(logging.CRITICAL)


def log_critical(text: str, *args: object) -> None:
    """Log something that the user could not learn otherwise, with the exception being handled, if any.

    ``logging.config`` disables all loggers that it is not told about; this one says what it has to say all the same. A
    log that cannot be written (stderr may be closed) harms nothing.
    """
    with contextlib.suppress(Exception):
        logger.disabled = False
        logger.critical(text, *args, exc_info=sys.exc_info()[0] is not None)


def show_developer_log(level: int | str) -> None:
    """Print the developer log from ``level`` on, in this process.

    Raises:
        TypeError, ValueError: ``level`` is none of the logging module's.
    """
    logger.setLevel(level)
    _handler.setLevel(level)
    logger.propagate = False
    logger.disabled = False  # as an application's logging configuration leaves it, unless told otherwise
    logger.addHandler(_handler)


class _StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]  # generic for the type checker only
    """Writes to what sys.stderr is at that moment; where it is closed or broken, nowhere."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        pass


_handler = _StderrHandler()
_handler.setFormatter(logging.Formatter('%(asctime)s %(name)s %(levelname)s %(message)s'))
