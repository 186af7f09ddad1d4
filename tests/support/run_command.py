"""Files of Jobs for the command line to run, and the command."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

TIMEOUT = 20.0  # seconds, for a machine that is busy with other things

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
    gate = os.open('gate', os.O_RDONLY | os.O_NONBLOCK)  # a FIFO: it waits until the test has opened and closed it
    while not select.select([gate], [], [], 0.1)[0]:
        pass  # a signal that comes just before a longer wait would not end it
    os.close(gate)  # a number, and no file, which an interrupt before this line would leave open with a warning

def note(name):
    with open(name, 'a') as file:
        file.write('noted')
"""

# The last two are also set by readline, which pytest imports.
SET_BY_USERS = ('NO_COLOR', 'FORCE_COLOR', 'PYTHON_COLORS', 'COLUMNS', 'LINES')

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in SET_BY_USERS},
    'TERM': 'xterm-256color',
    'PYTHONUTF8': '1',
}


def write_jobs(folder, code):
    """Write a file of Jobs, one with what they derive from, and the FIFO for which some of them wait."""
    (folder / 'bases.py').write_text(BASE_JOBS, encoding='utf-8')
    (folder / 'jobs.py').write_text(f'from bases import *\n{code}', encoding='utf-8')
    os.mkfifo(folder / 'gate')


def open_gate(folder):
    """Let a Job go on that waits, or will do so in a moment."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            os.close(os.open(folder / 'gate', os.O_WRONLY | os.O_NONBLOCK))
            return
        except OSError:  # nobody waits there yet
            assert time.monotonic() < deadline, 'nobody waits at the gate'
            os.sched_yield()


def command(*arguments):
    """Return the command that runs the command line with warnings as errors."""
    return [sys.executable, '-W', 'error', '-m', 'dojobber', *map(str, arguments)]


def run_command(folder, *arguments, **environment):
    """Run the command line in a folder, through pipes, and return (status, stdout, stderr)."""
    return _run(command(*arguments), folder, environment)


def run_in_shell(folder, redirection, *arguments, **environment):
    """Run the command line with a redirection of the shell, such as ``>&-``, and return (status, stdout, stderr)."""
    return _run(['sh', '-c', f'exec "$@" {redirection}', 'sh', *command(*arguments)], folder, environment)


def run_script(folder, script, *arguments, **environment):
    """Run a script likewise."""
    return _run(_script(script, arguments), folder, environment)


@contextlib.contextmanager
def running_script(folder, script, *arguments):
    """Start a script in a process group of its own, as on a terminal, and kill what is left of that at the end."""
    half_started = 'ignore:subprocess:ResourceWarning'  # of its Popen(), which a signal may strike half-way
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

    limit = threading.Timer(TIMEOUT, kill)  # after which nobody waits for what it says
    with process:
        limit.start()
        try:
            yield process
        finally:
            limit.cancel()
            kill()


def copy_folder(folder, target):
    """Copy a folder of the checkout, but not what Python writes there whenever another test imports something."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns('__pycache__'))


def read_until(stream, line):
    """Return the lines that come before ``line``."""
    lines = []
    for each in stream:
        if each == f'{line}\n':
            return lines
        lines.append(each.rstrip('\n'))
    raise EOFError(f'{line} did not come: {lines}')


def _script(script, arguments, *warnings):
    filters = [option for each in ('error', *warnings) for option in ('-W', each)]
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
