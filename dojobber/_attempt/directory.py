"""The current directory: remembering it, and coming back to it before each phase."""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from typing import Callable


def current_directory() -> str | None:
    """Return the current directory, or None if it does not exist any more."""
    try:
        return os.getcwd()
    except OSError as error:
        if error.errno is None:  # the system has not raised it: a signal handler, perhaps
            raise
        return None


def enter_directory(directory: str | None) -> None:
    """Make ``directory`` the current one again.

    Where the process is there already this cannot fail, even if it may not enter the directory (any more): a script
    started by ``sudo -u`` in somebody's home, or a Job that gave up its rights.

    Raises:
        OSError: It is gone, or may not be entered.
    """
    if directory is None:
        raise FileNotFoundError(errno.ENOENT, 'the directory that the run was started in does not exist')
    try:
        os.chdir(directory)
    except OSError:
        if current_directory() != directory:
            raise


def directory_restorer(directory: str | None) -> Callable[[], object]:
    """Return a function that does what :func:`enter_directory` does with ``directory``."""
    if directory is None:
        return partial(enter_directory, None)
    return partial(_go, os.chdir, directory)


def _go(chdir: Callable[[str], object], directory: str) -> None:
    try:
        chdir(directory)
    except OSError:
        enter_directory(directory)


def is_gone(directory: str | None) -> bool:
    """Tell whether ``directory`` does not exist any more. One that may not be looked at is not gone."""
    if directory is None:
        return True
    try:
        return not stat.S_ISDIR(os.stat(directory).st_mode)
    except OSError as error:
        return isinstance(error, (FileNotFoundError, NotADirectoryError))
