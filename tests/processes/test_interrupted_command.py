"""Signals sent to the command, and its handlers in forked processes and beside those of Jobs."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import threading

import pytest
from support.factories import job
from support.run_command import (
    ENVIRONMENT,
    TIMEOUT,
    command,
    connect_gate,
    open_gate,
    read_until,
    run_command,
    run_in_shell,
    write_jobs,
)

from dojobber.cli import app as cli
from dojobber.cli.signals import SIGNALS

fcntl = pytest.importorskip('fcntl')
termios = pytest.importorskip('termios', reason='needs signals and terminals as POSIX has them')

FORKING = """
import multiprocessing, signal, warnings
warnings.filterwarnings('ignore', 'This process .* multi-threaded', DeprecationWarning)  # by fork() with -j
HANDLED = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
context = multiprocessing.get_context('fork')

def stubborn():
    try:
        while True: time.sleep(3600)
    except BaseException:
        while True: time.sleep(3600)

def handlers(number):
    return [str(signal.getsignal(signum)) for signum in HANDLED]

def in_child(function):
    out, into = os.pipe()
    if os.fork() == 0:
        os.write(into, repr(function()).encode())
        os._exit(0)
    os.close(into)
    with open(out) as file:
        text = file.read()
    os.wait()
    return text

before = handlers(0)
"""


@pytest.fixture(params=[1, 2])
def workers(request):
    return f'-j{request.param}'


def test_a_forked_helper_can_be_terminated_at_any_moment(tmp_path, workers):
    code = """
class Root(Changing):
    def act(self):
        for _ in range(50):
            helper = context.Process(target=stubborn)
            helper.start()
            helper.terminate()
            helper.join(10)
            assert helper.exitcode == -signal.SIGTERM, helper.kill()
"""
    write_jobs(tmp_path, FORKING + code)
    assert run_command(tmp_path, 'jobs.py', '--tries', '1', workers)[::2] == (0, '')


def test_a_pool_of_forked_processes_ends_quietly(tmp_path, workers):
    code = """
class Root(Changing):
    def act(self):
        for _ in range(5):
            with context.Pool(3) as pool:
                assert pool.map(handlers, range(3)) == [before] * 3
"""
    write_jobs(tmp_path, FORKING + code)
    assert run_command(tmp_path, 'jobs.py', '--tries', '1', workers)[::2] == (0, '')


@pytest.mark.parametrize('trap', ['', 'trap "" HUP;', 'trap "" INT HUP TERM;'])
def test_signals_ignored_before_are_ignored_in_grandchildren(tmp_path, workers, trap):
    code = """
class Root(Changing):
    def act(self):
        assert in_child(lambda: in_child(lambda: handlers(0))) == repr(repr(before))
"""
    write_jobs(tmp_path, FORKING + code)
    shell = ['sh', '-c', f'{trap} exec "$@"', 'sh', *command('jobs.py', '--tries', '1', workers)]
    done = subprocess.run(shell, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False, timeout=TIMEOUT)
    assert (done.returncode, done.stderr) == (0, b'')


def test_processes_forked_after_an_interrupt_have_no_handler(tmp_path):
    code = """
class Root(Changing):
    def act(self): os.kill(os.getpid(), signal.SIGTERM)
    def Cleanup(self): print(in_child(lambda: handlers(0)) == repr(before), flush=True)
"""
    write_jobs(tmp_path, FORKING + code)
    status, out, _ = run_command(tmp_path, 'jobs.py')
    assert (status, out.splitlines()[1]) == (143, 'True')  # below the line of the Job that was interrupted


def test_a_forked_process_keeps_the_handler_that_its_job_has_set(tmp_path):
    code = """
def own(*_): pass
class Root(Changing):
    def act(self):
        ours = signal.signal(signal.SIGTERM, own)
        assert in_child(lambda: signal.getsignal(signal.SIGTERM) is own) == 'True'
        helper = context.Process(target=lambda: (signal.signal(signal.SIGTERM, ours), stubborn()))
        helper.start()
        signal.signal(signal.SIGTERM, ours)
        while 'S' not in open(f'/proc/{helper.pid}/stat').read().rpartition(')')[2]: pass
        helper.terminate()
        helper.join(10)
        assert helper.exitcode in (-signal.SIGTERM, None) and not helper.is_alive(), helper.kill()
"""
    write_jobs(tmp_path, FORKING + code)
    assert run_command(tmp_path, 'jobs.py', '--tries', '1', '-v')[0] == 0


def test_a_signal_that_arrives_during_a_fork_is_not_lost(tmp_path):
    code = """
os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGTERM))  # called when the signals are blocked
class Root(Waiting):
    def act(self):
        if os.fork() == 0: os._exit(0)
        wait_at_gate()
    def Cleanup(self): print('tidied', flush=True)
"""
    write_jobs(tmp_path, FORKING + code)
    status, out, err = run_command(tmp_path, 'jobs.py')
    assert (status, err) == (143, '')
    assert 'tidied' in out.splitlines()


def test_restoring_the_handler_does_not_reset_the_count_of_signals(tmp_path):
    code = """
class Root(Changing):
    def act(self):
        ours = signal.signal(signal.SIGTERM, lambda *_: print('own', flush=True))
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)  # its own handler is still there
            signal.signal(signal.SIGTERM, ours)
    def Cleanup(self):
        print('cleans', flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        print('not reached', flush=True)
"""
    write_jobs(tmp_path, FORKING + code)
    status, out, err = run_command(tmp_path, 'jobs.py')
    assert (status, err) == (143, '')
    assert [line for line in out.splitlines() if not line.startswith('✗ Root')] == ['own', 'own', 'cleans']


@pytest.mark.filterwarnings('ignore:This process:DeprecationWarning')  # of whoever has threads here
@pytest.mark.filterwarnings('ignore:This process .* is multi-threaded:DeprecationWarning')
def test_processes_forked_after_the_run_have_the_usual_handlers(capsys):
    own = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        for _ in range(2):
            with pytest.raises(SystemExit):
                cli.main(job('Fine'), [])
        handlers = [signal.getsignal(each) for each in SIGNALS]
        child = os.fork()
        if child == 0:
            os._exit([signal.getsignal(each) for each in SIGNALS] != handlers)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        signal.signal(signal.SIGTERM, own)


def started(folder, *arguments, **streams):
    """Start the command in a session of its own."""
    streams = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, **streams}
    return subprocess.Popen(
        command('jobs.py', *arguments), cwd=folder, env=ENVIRONMENT, encoding='utf-8', start_new_session=True, **streams
    )


SLOWLY_TIDIED = """
class Root(Changing):
    def act(self):
        print('runs', flush=True)
        while True: time.sleep(0.01)
    def Cleanup(self):
        print('tidies', flush=True)
        wait_at_gate()
        print('tidied', flush=True)
"""


@pytest.mark.parametrize(
    ('first', 'status'), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_terminal_that_is_closed_after_a_signal_does_not_end_the_cleanups(tmp_path, first, status):
    write_jobs(tmp_path, SLOWLY_TIDIED)
    with started(tmp_path) as child:
        limit = threading.Timer(TIMEOUT, child.kill)
        limit.start()
        read_until(child.stdout, 'runs')
        child.send_signal(first)
        read_until(child.stdout, 'tidies')
        child.send_signal(signal.SIGHUP)
        child.send_signal(signal.SIGHUP)
        open_gate(tmp_path)
        out, _ = child.communicate()
        limit.cancel()
    assert child.returncode == status
    assert out.splitlines()[0] == 'tidied'
    assert out.splitlines()[-1].endswith(f'interrupted by {first.name}')


@pytest.mark.parametrize('second', [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_command_at_once_after_a_hangup(tmp_path, second):
    write_jobs(tmp_path, SLOWLY_TIDIED)
    with started(tmp_path) as child:
        limit = threading.Timer(TIMEOUT, child.kill)
        limit.start()
        read_until(child.stdout, 'runs')
        child.send_signal(signal.SIGHUP)
        read_until(child.stdout, 'tidies')
        child.send_signal(second)
        out, _ = child.communicate()
        limit.cancel()
    assert (child.returncode, out) == (128 + second, '')


CATCHING = """
class Locks(Changing):
    def act(self): note('lock')
    def Cleanup(self): os.unlink('lock')

class Catches(Changing):
    DEPS = [Locks]
    def act(self):
        try:
            os.kill(os.getpid(), {number})
            time.sleep(10)
        except BaseException:
            print('caught', flush=True)

class Root(Changing):
    DEPS = [Catches]
    def act(self):
        print('next', flush=True)
        os.kill(os.getpid(), 2)
        time.sleep(10)
"""


def test_a_job_can_catch_ctrl_c(tmp_path):
    write_jobs(tmp_path, CATCHING.format(number=2))
    status, out, _ = run_command(tmp_path, 'jobs.py')
    assert (status, 'next' in out.splitlines()) == (130, True)
    assert out.splitlines()[-1].endswith('interrupted by SIGINT')
    assert not (tmp_path / 'lock').exists()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_signals_other_than_ctrl_c_end_the_run_even_if_a_job_catches_them(tmp_path, number):
    write_jobs(tmp_path, CATCHING.format(number=int(number)))
    status, out, _ = run_command(tmp_path, 'jobs.py')
    assert (status, out.splitlines()[1]) == (128 + number, 'caught')
    assert 'next' not in out.splitlines()
    assert re.fullmatch(f'3 jobs: 2 changed, 1 not run in .*; interrupted by {number.name}', out.splitlines()[-1])
    assert not (tmp_path / 'lock').exists()


def test_a_signal_caught_by_the_last_job_sets_the_exit_status(tmp_path):
    write_jobs(tmp_path, CATCHING.format(number=15))
    assert run_command(tmp_path, 'jobs.py:Catches')[0] == 143


LOCKED = """
class Root(Changing):
    def act(self):
        note('lock')
        while True: time.sleep(0.01)
    def Cleanup(self):
        print('the lock is removed', flush=True)
        print('without a word lost', file=sys.stderr, flush=True)
        os.unlink('lock')
"""


@pytest.mark.parametrize(('document', 'term'), [(False, 'dumb'), (False, 'xterm'), (True, 'dumb'), (True, 'xterm')])
def test_cleanups_that_print_succeed_after_the_terminal_is_closed(tmp_path, document, term):
    write_jobs(tmp_path, LOCKED)
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))  # room for the bar
    launch = 'import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])'
    arguments = command('jobs.py', '-v', '--graph', 'graph.dot', *(['--json'] if document else []))
    with (
        open(tmp_path / 'out', 'w', encoding='utf-8') as file,
        subprocess.Popen(
            [sys.executable, '-c', launch, *arguments],
            cwd=tmp_path,
            env={**ENVIRONMENT, 'TERM': term},
            stdin=slave,
            stdout=file if document else slave,
            stderr=slave,
            start_new_session=True,
        ) as child,
    ):
        os.close(slave)
        limit = threading.Timer(TIMEOUT, child.kill)
        limit.start()
        while not (tmp_path / 'lock').exists():
            assert child.poll() is None
            os.sched_yield()
        written = b''
        while b'0/1' not in written and (document, term) == (False, 'xterm'):
            written += os.read(master, 65536)
        os.close(master)
        status = child.wait()
        limit.cancel()
    assert status == 129
    assert not (tmp_path / 'lock').exists()
    assert 'Root' in (tmp_path / 'graph.dot').read_text(encoding='utf-8')
    if document:
        result = json.loads((tmp_path / 'out').read_text(encoding='utf-8'))
        assert (result['interrupted_by'], result['exit_status'], result['cleanup_error']) == ('SIGHUP', 129, None)


def test_nohup_keeps_a_run_alive(tmp_path):
    write_jobs(tmp_path, 'class Root(Waiting): pass')
    shell = ['sh', '-c', 'trap "" HUP; exec "$@"', 'sh', *command('jobs.py')]
    with subprocess.Popen(shell, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, encoding='utf-8') as child:
        limit = threading.Timer(TIMEOUT, child.kill)
        limit.start()
        gate = connect_gate(tmp_path)
        child.send_signal(signal.SIGHUP)
        os.close(gate)
        out, _ = child.communicate()
        limit.cancel()
    assert child.returncode == 0
    assert out.splitlines()[-1].startswith('1 job: 1 changed')


@pytest.mark.parametrize('arguments', [[], ['--json'], ['--list'], ['-v', '-d']])
@pytest.mark.parametrize(
    'code',
    [
        'os.kill(os.getpid(), 2)',
        'class Deps(list):\n    def __iter__(self): os.kill(os.getpid(), 2)\nclass Root(DummyJob): DEPS = Deps()',
    ],
    ids=['importing', 'planning'],
)
def test_ctrl_c_before_anything_runs_is_quiet(tmp_path, code, arguments):
    write_jobs(tmp_path, code)
    assert run_command(tmp_path, 'jobs.py', *arguments) == (130, '', '')


@pytest.mark.parametrize('arguments', [['--json'], ['--list']])
def test_ctrl_c_is_quiet_while_nobody_reads_the_output(tmp_path, arguments):
    names = 'class Root(DummyJob): DEPS = [type(f"J{number}" + "x" * 200, (Changing,), {}) for number in range(2000)]'
    write_jobs(tmp_path, names)
    reading, writing = os.pipe()
    with started(tmp_path, *arguments, stdout=writing) as child:
        os.close(writing)
        limit = threading.Timer(TIMEOUT, child.kill)
        limit.start()
        while is_running(child.pid):
            os.sched_yield()
        child.send_signal(signal.SIGINT)
        child.wait()
        os.close(reading)
        _, err = child.communicate()
        limit.cancel()
    assert (child.returncode, err) == (130, '')


def is_running(pid):
    """Tell whether a process does anything but wait until a pipe takes more."""
    with open(f'/proc/{pid}/wchan', encoding='utf-8') as file:
        return 'pipe' not in file.read()


def test_the_status_of_a_signal_prevails_over_a_full_stdout(tmp_path):
    write_jobs(tmp_path, 'class Root(Changing):\n    def act(self): os.kill(os.getpid(), 15)')
    status, _, err = run_in_shell(tmp_path, '>&-', 'jobs.py')
    assert (status, err) == (143, 'cannot write to stdout: it is closed\n')
