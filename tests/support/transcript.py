"""The transcript in README.rst, made in a pseudo-terminal: ``cd tests; python -m support.transcript`` prints it."""

from __future__ import annotations

import contextlib
import pathlib
import re
import shutil
import sqlite3
import tempfile

from .run_command import ENVIRONMENT, command, copy_folder
from .screen import Screen

ROOT = pathlib.Path(__file__).parents[2]

LOCKED = 'dojobber examples/provision.py --set folder=shop --retry-delay 60  # the database is in use; then Ctrl-C'

COMMANDS = [
    'dojobber examples/provision.py --tree',
    'dojobber examples/provision.py --set folder=shop -n',
    'dojobber examples/provision.py --set folder=shop',
    'dojobber examples/provision.py --set folder=shop',
    'dojobber examples/provision.py --set folder=LICENSE --retry-delay 0',
    LOCKED,
]


def make_transcript(folder):
    """Return the lines that a terminal shows for the commands, with the exit statuses."""
    copy_folder(ROOT / 'examples', pathlib.Path(folder, 'examples'))
    shutil.copy(ROOT / 'LICENSE', folder)
    lines = []
    for line in COMMANDS:
        arguments = line.partition('  #')[0].split()[1:]
        lock = lock_database(folder) if line == LOCKED else contextlib.nullcontext()
        with lock, Screen(command(*arguments), cwd=folder, env=ENVIRONMENT) as screen:
            if line == LOCKED:
                screen.wait_for('CreateTables: attempt 2/5 in ')
                screen.press('\x03')
            status = screen.wait_for_exit()
        lines += [f'$ {line}', *screen.all_lines, f'(exit status {status})', '']
    return lines[:-1]


@contextlib.contextmanager
def lock_database(folder):
    """Use the database, so that nothing else can."""
    rows = sqlite3.connect(pathlib.Path(folder, 'shop', 'data', 'shop.db'), isolation_level=None)
    rows.execute('BEGIN EXCLUSIVE')
    try:
        yield
    finally:
        rows.close()


def mask_times(lines):
    """Return the lines with ``N s`` in place of durations."""
    return [re.sub(r'\b(\d+ ms|\d+\.\d s|\dm \d\ds)', 'N s', line) for line in lines]


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as folder:
        print('\n'.join(make_transcript(folder)))
