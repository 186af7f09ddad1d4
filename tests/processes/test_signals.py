"""Real signals to a script that runs a graph: Ctrl-C, and SIGTERM with handlers that raise."""

from __future__ import annotations

import json
import os
import pathlib
import signal

import pytest
from support.run_command import TIMEOUT, running_script

SCRIPTS = pathlib.Path(__file__).with_name('scripts')

SIGNALS = pytest.mark.parametrize(
    ('number', 'error'),
    [(signal.SIGINT, 'KeyboardInterrupt'), (signal.SIGTERM, 'Terminated'), (signal.SIGTERM, 'SystemExit')],
)


def is_asleep(pid):
    """Return whether a process waits in the kernel or has ended."""
    status = pathlib.Path(f'/proc/{pid}/stat')
    return not status.exists() or status.read_text().rpartition(')')[2].split()[0] in 'SZ'


def send_signals(folder, script, number, error):
    """Run a script, send it a signal whenever it prints ``here``, and return its other lines."""
    lines = []
    with running_script(folder, SCRIPTS / script, int(number), error) as child:
        for line in child.stdout:
            if line != 'here\n':
                lines.append(line.strip())
                continue
            while not is_asleep(child.pid):  # a signal just before a time.sleep() does not end it
                os.sched_yield()
            child.send_signal(number)
        assert child.wait(TIMEOUT) == 0, child.stderr.read()
    return lines


@SIGNALS
def test_a_signal_anywhere_loses_nothing(number, error, tmp_path):
    assert send_signals(tmp_path, 'signal_in_hooks.py', number, error) == ['done']


@SIGNALS
def test_a_signal_ends_a_long_wait_for_a_retry(number, error, tmp_path):
    first, second = map(json.loads, send_signals(tmp_path, 'signal_in_wait.py', number, error))
    assert first == [error, ['Waits', 'Done'], {'Done': 'CHANGED', 'Waits': 'FAILED', 'Root': 'BLOCKED'}, True]
    assert second == [None, ['Done'], {'Done': 'CHANGED', 'Waits': 'OK', 'Root': 'OK'}, True]
