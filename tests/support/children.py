"""Time limits for the child processes of tests."""

from __future__ import annotations

import contextlib
import os
import signal
import threading

from .run_command import TIMEOUT


@contextlib.contextmanager
def time_limit(process):
    """Kill a process at the end of the block, or after TIMEOUT, so that nothing in the block waits for ever."""
    limit = threading.Timer(TIMEOUT, process.kill)
    limit.start()
    try:
        yield process
    finally:
        limit.cancel()
        process.kill()


def wait_for_fork(pid):
    """Return the exit code of a forked process; kill it after TIMEOUT."""
    limit = threading.Timer(TIMEOUT, os.kill, [pid, signal.SIGKILL])
    limit.start()
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        limit.cancel()
