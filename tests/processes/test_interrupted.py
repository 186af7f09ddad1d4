"""Ctrl-C at a real terminal, and SIGTERM, while eight Jobs run on threads."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip('termios', reason='needs terminals as POSIX has them')

SCRIPT = Path(__file__).parents[1] / 'support' / 'interrupted.py'
LIMIT = 30  # seconds after which something that should happen at once is taken for a failure
EVERY = range(8)


class Terminal:
    """One that the script runs in."""

    def __init__(self, how):
        pipes = [os.pipe() for _ in EVERY]
        self._screen, side = os.openpty()
        self._let_go = [into for _, into in pipes]
        self._shown = ''
        self.process = subprocess.Popen(
            [sys.executable, '-W', 'error', str(SCRIPT), how, *(str(out) for out, _ in pipes)],
            stdin=side,
            stdout=side,
            stderr=side,
            start_new_session=True,
            pass_fds=[out for out, _ in pipes],
        )
        for file in side, *(out for out, _ in pipes):
            os.close(file)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for file in self._screen, *self._let_go:
            os.close(file)

    @property
    def lines(self):
        return self._shown.replace('^C', '').splitlines()

    def wait_for(self, text, count=1):
        """Read until ``text`` was shown that often."""
        until = time.monotonic() + LIMIT
        while self._shown.count(text) < count:
            assert self._read(until), f'no {text!r} in:\n{self._shown}'

    def let_go(self, *numbers):
        for number in numbers:
            os.write(self._let_go[number], b'.')

    def interrupt(self, how):
        """Do so, and return when the signal is there: what the script does next is to handle it."""
        if how == 'Ctrl-C':
            count = self._shown.count('^C')
            os.write(self._screen, b'\x03')
            self.wait_for('^C', count + 1)
        else:
            self.process.send_signal(signal.SIGTERM)

    def exit_status(self):
        until = time.monotonic() + LIMIT
        while self._read(until):
            pass
        return self.process.wait(LIMIT)

    def _read(self, until):
        ready, _, _ = select.select([self._screen], [], [], max(until - time.monotonic(), 0))
        try:
            read = os.read(self._screen, 10_000).decode() if ready else ''
        except OSError:  # on Linux, nobody has it open any more
            read = ''
        self._shown += read
        return bool(read)


@pytest.fixture(params=['max_workers', 'executor'])
def how(request):
    return request.param


@pytest.fixture
def terminal(how):
    """Return a terminal in which all eight Jobs run."""
    terminal = Terminal(how)
    try:
        terminal.wait_for(' runs', 8)
        yield terminal
    finally:
        terminal.close()


SIGNALS = pytest.mark.parametrize(
    ('interrupt', 'error', 'status'),
    [('Ctrl-C', 'KeyboardInterrupt', -signal.SIGINT), ('SIGTERM', 'Terminated', 1)],
)


@SIGNALS
def test_after_one_nothing_more_starts_what_runs_is_waited_for_and_cleanups_go_back_the_way(
    terminal, interrupt, error, status
):
    terminal.interrupt(interrupt)
    terminal.let_go(*reversed(EVERY))
    assert terminal.exit_status() == status
    lines = terminal.lines
    ends = [place for place, line in enumerate(lines) if line.endswith(' ends')]
    cleanups = [place for place, line in enumerate(lines) if line.endswith(' cleaned up')]
    assert len(ends) == 8
    assert max(ends) < min(cleanups)
    assert [lines[place] for place in cleanups] == [f'J{number} cleaned up' for number in reversed(EVERY)]
    for number in EVERY:
        place = lines.index(f'J{number}.check: fail')
        own = [line for line in lines[place:] if not line.endswith(' ends')]
        assert own[1:3] == [f'J{number}.run: pass', f'J{number}.recheck: pass']
    passed = lines.index('passed: J0 J1 J2 J3 J4 J5 J6 J7')
    assert max(cleanups) < passed
    assert lines[passed + 1] == f'raised {error}'
    assert 'Late runs' not in lines
    assert not [line for line in lines if 'cleanup: fail' in line]


@SIGNALS
def test_a_second_one_stops_the_waiting_and_says_whose_cleanups_are_skipped(terminal, interrupt, error, status):
    terminal.interrupt(interrupt)
    terminal.let_go(0)
    terminal.wait_for('J0.recheck: pass\r\n')
    terminal.let_go(5)
    terminal.wait_for('J5.recheck: pass\r\n')
    ended = [0, 5]
    terminal.interrupt(interrupt)
    terminal.wait_for(f'raised {error}\r\n')
    still = [number for number in EVERY if number not in ended]
    lines = terminal.lines
    assert not [number for number in still if f'J{number} ends' in lines], 'they run on'
    skipped = [line for line in lines if '.cleanup: fail "not called: ' in line]
    assert [line.partition('.')[0] for line in skipped] == [f'J{number}' for number in still]
    cleanups = [line for line in lines if line.endswith(' cleaned up')]
    assert cleanups == [f'J{number} cleaned up' for number in reversed(ended)]
    for number in ended:
        assert f'J{number}.recheck: pass' in lines
    assert 'passed: ' + ' '.join(f'J{number}' for number in ended) in lines
    assert terminal.process.poll() is None, 'Python waits for its threads'
    terminal.let_go(*still)
    assert terminal.exit_status() == status
    late = terminal.lines[len(lines) :]
    assert sorted(line for line in late if line.endswith(' ends')) == [f'J{number} ends' for number in still]
    assert not [line for line in late if 'clean' in line]
