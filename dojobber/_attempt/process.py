"""Ends the forked child of a Job when it returns from the Job's code.

A child that a Job forks returns from ``os.fork()`` into the middle of the run. If the Job does not end it, the child
would continue the run: the next Jobs, the Cleanups and the rest of the script would run twice.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn

forks = [0]
"""The number of forks that lead from the first Python process to this one. Reading it is cheaper than ``getpid()``."""


def _count() -> None:
    forks[0] += 1


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_count)


def end_child(error: BaseException | None) -> NoReturn:
    """End this process at once, with the exit status of a script that raises ``error``; None means that it succeeds."""
    status = 0 if error is None else 1
    with contextlib.suppress(BaseException):
        if isinstance(error, SystemExit):
            status = _exit_status(error)
        elif error is not None:
            traceback.print_exception(type(error), error, error.__traceback__)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    os._exit(status)


def _exit_status(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)  # noqa: T201 - as Python does
    return 1
