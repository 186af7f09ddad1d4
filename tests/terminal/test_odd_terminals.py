"""The bar in a narrow terminal, and in one whose user has chosen by the environment."""

from __future__ import annotations

import sys

import pytest
from support.run_command import ENVIRONMENT, open_gate, write_jobs
from support.screen import Screen

pytestmark = pytest.mark.terminal

JOBS = """
class Waits(Waiting):
    pass

if __name__ == '__main__':
    from dojobber.cli import main

    try:
        main(Waits)
    finally:
        print('DOJOBBER_NO_BAR is', os.environ.get('DOJOBBER_NO_BAR'))
"""


@pytest.fixture
def screen_of(tmp_path):
    """Return a function that starts a script of one Job that waits at the gate."""
    screens = []

    def start(columns, **environment):
        write_jobs(tmp_path, JOBS)
        command = [sys.executable, 'jobs.py']
        screens.append(Screen(command, columns, 24, cwd=tmp_path, env={**ENVIRONMENT, **environment}))
        return screens[0]

    yield start
    screens[0].__exit__()


def test_a_terminal_too_narrow_for_the_bar_shows_its_numbers(screen_of, tmp_path):
    screen = screen_of(columns=30)
    lines = screen.wait_for(r'^0/1, \d+ s', r'^Waits \d+ s')
    assert not any(character in line for line in lines for character in '━─')
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0


@pytest.mark.parametrize(('environment', 'value'), [({}, 'None'), ({'DOJOBBER_NO_BAR': '0'}, '0')], ids=['unset', '0'])
def test_the_environment_is_restored_after_the_bar(screen_of, tmp_path, environment, value):
    screen = screen_of(columns=80, **environment)
    screen.wait_for('━|─', r'^Waits \d+ s')
    open_gate(tmp_path)
    assert screen.wait_for_exit() == 0
    assert screen.all_lines[-1] == f'DOJOBBER_NO_BAR is {value}'
