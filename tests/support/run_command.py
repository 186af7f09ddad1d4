"""Files of Jobs for the command to run, and ways to run it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

TIMEOUT = 20.0  # seconds, long enough for a busy machine

BASE_JOBS = """
import os, select, subprocess, sys, time
from dojobber import DummyJob, Job, RunonlyJob

class Changing(Job):
    RETRY_DELAY = 0

    def Check(self, **settings):
        if 'ran' not in self.storage:
            raise ValueError(f'{type(self).__name__} is not done')

    def Run(self, **settings):
        self.act(**settings)
        self.storage['ran'] = True

    def act(self, **settings):
        pass

class Failing(Job):
    RETRY_DELAY = 0

    def Check(self, **settings):
        raise ValueError(f'{type(self).__name__} is broken')

    def Run(self, **settings):
        pass

class Waiting(Changing):
    def act(self, **settings):
        wait_at_gate()

def wait_at_gate():
    gate = os.open('gate', os.O_RDONLY | os.O_NONBLOCK)  # a FIFO, readable once the test has opened and closed it
    while not select.select([gate], [], [], 0.1)[0]:
        pass  # poll: a signal that arrives just before a longer wait would not end it
    os.close(gate)  # not a file object: an interrupt before this line would make it warn that it is open

def note(name):
    with open(name, 'a') as file:
        file.write('noted')
"""

# readline, which pytest imports, sets the last two.
SET_BY_USERS = ('NO_COLOR', 'FORCE_COLOR', 'PYTHON_COLORS', 'COLUMNS', 'LINES')

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in SET_BY_USERS},
    'TERM': 'xterm-256color',
    'PYTHONUTF8': '1',
}


def write_jobs(folder, code):
    """Write the module ``jobs.py``, the base classes that it imports, and the FIFO for which a Waiting Job waits."""
    (folder / 'bases.py').write_text(BASE_JOBS, encoding='utf-8')
    (folder / 'jobs.py').write_text(f'from bases import *\n{code}', encoding='utf-8')
    os.mkfifo(folder / 'gate')


def connect_gate(folder):
    """Wait for a process at the gate and return the gate's descriptor; closing it lets that process go on."""
    deadline = time.monotonic() + TIMEOUT
    while True:  # a plain open() would block for ever if that process dies
        try:
            return os.open(folder / 'gate', os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            assert time.monotonic() < deadline, 'no process waits at the gate'
            time.sleep(0.001)


def open_gate(folder):
    """Let a process go on that waits at the gate, or will do so in a moment."""
    os.close(connect_gate(folder))


def command(*arguments):
    """Return the arguments that run ``dojobber`` with warnings as errors."""
    return [sys.executable, '-W', 'error', '-m', 'dojobber', *map(str, arguments)]


def run_command(folder, *arguments, **environment):
    """Run ``dojobber`` in a folder, with pipes as streams, and return (status, stdout, stderr)."""
    return _run(command(*arguments), folder, environment)


def run_in_shell(folder, redirection, *arguments, **environment):
    """Like run_command(), with a redirection by the shell, such as ``>&-``."""
    return _run(['sh', '-c', f'exec "$@" {redirection}', 'sh', *command(*arguments)], folder, environment)


def run_script(folder, script, *arguments, **environment):
    """Like run_command(), for a script."""
    return _run(_script(script, arguments), folder, environment)


@contextlib.contextmanager
def running_script(folder, script, *arguments):
    """Start a script in a process group of its own, as a terminal does, and kill that group at the end."""
    half_started = 'ignore:subprocess:ResourceWarning'  # a signal may interrupt its Popen()
    process = subprocess.Popen(
        _script(script, arguments, half_started),
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding='utf-8',
        start_new_session=True,
    )

    def kill():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    limit = threading.Timer(TIMEOUT, kill)  # ends reading from its streams, too
    with process:
        limit.start()
        try:
            yield process
        finally:
            limit.cancel()
            kill()


def copy_folder(folder, target):
    """Copy a folder of the checkout without its bytecode, which other tests may be writing."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns('__pycache__'))


def read_until(stream, expected):
    """Return the lines before ``expected``; raise EOFError if it does not come."""
    lines = []
    for line in stream:
        if line == f'{expected}\n':
            return lines
        lines.append(line.rstrip('\n'))
    raise EOFError(f'no line {expected!r} in {lines}')


def _script(script, arguments, *warnings):
    filters = [option for warning in ('error', *warnings) for option in ('-W', warning)]
    return [sys.executable, *filters, str(script), *map(str, arguments)]


def _run(arguments, folder, environment):
    done = subprocess.run(
        arguments,
        cwd=folder,
        env={**ENVIRONMENT, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding='utf-8',
        check=False,
        timeout=TIMEOUT,
    )
    return done.returncode, done.stdout, done.stderr
