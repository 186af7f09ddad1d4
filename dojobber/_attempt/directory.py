"""The current directory: looking it up, and returning to it before each phase."""

from __future__ import annotations

import errno
import os
import stat


def current_directory() -> str | None:
    """Return the current directory, or None if it no longer exists."""
    try:
        return os.getcwd()
    except OSError as error:
        if error.errno is None:  # not raised by the system but, perhaps, by a signal handler
            raise
        return None


def enter_directory(directory: str | None) -> None:
    """Make ``directory`` the current one.

    This succeeds if it is the current one already, even without permission to enter it: for example, in a script
    started with ``sudo -u`` in another user's home, or after a Job has dropped its privileges.

    Raises:
        OSError: ``directory`` is None or does not exist, or the process may not enter it.
    """
    if directory is None:
        raise FileNotFoundError(errno.ENOENT, 'the directory in which the run started does not exist')
    if current_directory() != directory:  # comparing is faster than entering it again
        os.chdir(directory)


def is_gone(directory: str | None) -> bool:
    """Tell whether ``directory`` no longer exists. Return False if the process may not find out."""
    if directory is None:
        return True
    try:
        return not stat.S_ISDIR(os.stat(directory).st_mode)
    except OSError as error:
        return isinstance(error, (FileNotFoundError, NotADirectoryError))
