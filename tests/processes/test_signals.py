"""Real signals, sent to a script that works an engine: Ctrl-C, and a SIGTERM that the script makes an exception of."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

HANDLERS = """
import json, os, signal, sys, time

class Terminated(BaseException):
    pass

def terminated(*_):
    raise Terminated

def leave(*_):
    sys.exit(143)

handler, error = {
    'KeyboardInterrupt': (signal.default_int_handler, KeyboardInterrupt),
    'Terminated': (terminated, Terminated),
    'SystemExit': (leave, SystemExit),
}[sys.argv[2]]
signal.signal(int(sys.argv[1]), handler)
"""

IN_THE_HOOKS = """
import contextlib, pathlib, select
from support.faults import assert_nothing_is_lost
from support.model import Fault, Model, Spec

woken, wake = os.pipe()
for end in woken, wake:
    os.set_blocking(end, False)
signal.set_wakeup_fd(wake)  # so that a signal that comes before the wait ends it as well

def strike(_):
    with contextlib.suppress(BlockingIOError):
        os.read(woken, 9)
    print('here', flush=True)
    while True:  # until the handler raises
        select.select([woken], [], [])

specs = [
    Spec('Bottom', needs_run=True),
    Spec('Late', ('Bottom',), passes_at=2, needs_run=True, delay=5),
    Spec('Top', ('Late',), needs_run=True),
]
for position in range(len(Model(specs, {}).run().log)):
    assert_nothing_is_lost(specs, {position: Fault(strike, error)}, pathlib.Path('home').absolute())
    os.chdir('..')
print('done')
"""

IN_A_WAIT = """
from dojobber import DoJobber, EventKind, Job

log, healed = [], []

class Done(Job):
    def Check(self):
        assert 'ran' in self.storage

    def Run(self):
        self.storage['ran'] = True

    def Cleanup(self):
        log.append(type(self).__name__)

class Waits(Done):
    RETRY_DELAY = 3600

    def Check(self):
        assert healed

    def Run(self):
        os.chdir('..')

class Root(Job):
    DEPS = (Done, Waits)

    def Check(self):
        pass

def tell(event):
    if event.kind is EventKind.WAITING:
        print('here', flush=True)

def run():
    raised, before = None, os.getcwd()
    try:
        engine.checknrun()
    except BaseException as error:
        raised = type(error).__name__
    states = {name: outcome.state.name for name, outcome in engine.outcomes.items()}
    print(json.dumps([raised, log, states, os.getcwd() == before]))

engine = DoJobber()
engine.configure(Root, listeners=[tell])
run()
log.clear()
healed.append(True)
run()
"""

SIGNALS = [
    (signal.SIGINT, 'KeyboardInterrupt'),
    (signal.SIGTERM, 'Terminated'),
    (signal.SIGTERM, 'SystemExit'),
]


def is_asleep(pid):
    """Tell whether a process waits in the kernel, or has ended."""
    status = pathlib.Path(f'/proc/{pid}/stat')
    return not status.exists() or status.read_text().rpartition(')')[2].split()[0] in 'SZ'


def signalled(script, number, error, folder):
    """Run a script, send it a signal each time it says that it is here, and return what else it says."""
    path = os.pathsep.join([str(pathlib.Path(__file__).parent), *sys.path])
    said = []
    with (
        open(folder / 'stderr', 'w+', encoding='utf-8') as stderr,
        subprocess.Popen(
            [sys.executable, '-c', HANDLERS + script, str(int(number)), error],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=folder,
            env={**os.environ, 'PYTHONPATH': path},
        ) as child,
    ):
        for line in child.stdout:
            if line != 'here\n':
                said.append(line.strip())
                continue
            while not is_asleep(child.pid):  # a signal just before a time.sleep() does not end it
                os.sched_yield()
            child.send_signal(number)
        child.wait()
        stderr.seek(0)
        assert child.returncode == 0, stderr.read()
    return said


@pytest.mark.parametrize(('number', 'error'), SIGNALS)
def test_wherever_a_signal_arrives_nothing_is_lost(number, error, tmp_path):
    assert signalled(IN_THE_HOOKS, number, error, tmp_path) == ['done']


@pytest.mark.parametrize(('number', 'error'), SIGNALS)
def test_a_signal_cuts_a_long_wait_for_a_retry_short(number, error, tmp_path):
    first, second = map(json.loads, signalled(IN_A_WAIT, number, error, tmp_path))
    assert first == [error, ['Waits', 'Done'], {'Done': 'CHANGED', 'Waits': 'FAILED', 'Root': 'BLOCKED'}, True]
    assert second == [None, ['Done'], {'Done': 'CHANGED', 'Waits': 'OK', 'Root': 'OK'}, True]
