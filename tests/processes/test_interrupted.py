"""Ctrl-C at a terminal, and SIGTERM, while eight Jobs run on threads."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip('termios', reason='needs terminals as POSIX has them')

from support.screen import Screen

SCRIPT = Path(__file__).with_name('scripts') / 'eight_jobs.py'
NUMBERS = range(8)


class EightJobs:
    """The script in a terminal. Leaving the context kills it."""

    def __init__(self, workers):
        pipes = [os.pipe() for _ in NUMBERS]
        self._releases = [writing for _, writing in pipes]
        readings = [reading for reading, _ in pipes]
        command = [sys.executable, '-W', 'error', SCRIPT, workers, *readings]
        self._screen = Screen(command, columns=200, lines=100, pass_fds=readings)
        self.process = self._screen.process
        for reading in readings:
            os.close(reading)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._screen.__exit__()
        for release in self._releases:
            os.close(release)

    @property
    def output(self):
        return self._screen.raw.decode()

    @property
    def lines(self):
        return self.output.replace('^C', '').splitlines()

    def wait_for(self, text, count=1):
        """Wait until ``text`` has been printed ``count`` times."""
        self._screen.wait_until(lambda: self.output.count(text) >= count)

    def release(self, *numbers):
        for number in numbers:
            os.write(self._releases[number], b'.')

    def interrupt(self, how):
        """Send the interrupt and return when it has arrived: the script handles it before anything else."""
        if how == 'Ctrl-C':
            count = self.output.count('^C')
            self._screen.press('\x03')
            self.wait_for('^C', count + 1)
        else:
            self.process.send_signal(signal.SIGTERM)

    def exit_status(self):
        return self._screen.wait_for_exit()


@pytest.fixture(params=['max_workers', 'executor'])
def script(request):
    with EightJobs(request.param) as script:
        script.wait_for(' runs', 8)
        yield script


INTERRUPTS = pytest.mark.parametrize(
    ('interrupt', 'error', 'status'),
    [('Ctrl-C', 'KeyboardInterrupt', -signal.SIGINT), ('SIGTERM', 'Terminated', 1)],
)


@INTERRUPTS
def test_an_interrupt_starts_nothing_more_waits_for_running_jobs_and_cleans_up_in_reverse_order(
    script, interrupt, error, status
):
    script.interrupt(interrupt)
    script.release(*reversed(NUMBERS))
    assert script.exit_status() == status
    lines = script.lines
    ends = [place for place, line in enumerate(lines) if line.endswith(' ends')]
    cleanups = [place for place, line in enumerate(lines) if line.endswith(' cleaned up')]
    assert len(ends) == 8
    assert max(ends) < min(cleanups)
    assert [lines[place] for place in cleanups] == [f'J{number} cleaned up' for number in reversed(NUMBERS)]
    for number in NUMBERS:
        place = lines.index(f'J{number}.check: fail')
        of_engine = [line for line in lines[place:] if not line.endswith(' ends')]
        assert of_engine[1:3] == [f'J{number}.run: pass', f'J{number}.recheck: pass']
    passed = lines.index('passed: J0 J1 J2 J3 J4 J5 J6 J7')
    assert max(cleanups) < passed
    assert lines[passed + 1] == f'raised {error}'
    assert 'Late runs' not in lines
    assert not [line for line in lines if 'cleanup: fail' in line]


@INTERRUPTS
def test_a_second_interrupt_stops_the_wait_and_reports_the_skipped_cleanups(script, interrupt, error, status):
    script.interrupt(interrupt)
    script.release(0)
    script.wait_for('J0.recheck: pass\r\n')
    script.release(5)
    script.wait_for('J5.recheck: pass\r\n')
    ended = [0, 5]
    script.interrupt(interrupt)
    script.wait_for(f'raised {error}\r\n')
    running = [number for number in NUMBERS if number not in ended]
    lines = script.lines
    assert not [number for number in running if f'J{number} ends' in lines]
    skipped = [line for line in lines if '.cleanup: fail "not called: ' in line]
    assert [line.partition('.')[0] for line in skipped] == [f'J{number}' for number in running]
    cleanups = [line for line in lines if line.endswith(' cleaned up')]
    assert cleanups == [f'J{number} cleaned up' for number in reversed(ended)]
    for number in ended:
        assert f'J{number}.recheck: pass' in lines
    assert 'passed: ' + ' '.join(f'J{number}' for number in ended) in lines
    assert script.process.poll() is None, 'Python waits for its threads'
    script.release(*running)
    assert script.exit_status() == status
    late = script.lines[len(lines) :]
    assert sorted(line for line in late if line.endswith(' ends')) == [f'J{number} ends' for number in running]
    assert not [line for line in late if 'clean' in line]
