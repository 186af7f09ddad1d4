"""What README.rst shows works as it says."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest
from command import run
from transcript import COMMANDS, masked, transcript

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / 'README.rst').read_text(encoding='utf-8')


def blocks(start):
    """Return the indented blocks that follow a line ending with ``start``."""
    found = re.findall(rf'^.*{re.escape(start)}\n\n((?:    .*\n|\n)+)', README, re.MULTILINE)
    return [textwrap.dedent(block).strip() + '\n' for block in found]


def test_the_first_script_does_what_is_printed_below_it(tmp_path):
    (script,) = blocks('.. code-block:: python')
    (tmp_path / 'script.py').write_text(script, encoding='utf-8')
    for expected in blocks('it says on stderr::') + blocks('when there is nothing to do::'):
        done = subprocess.run([sys.executable, 'script.py'], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, 'done\n', expected)
    assert (tmp_path / 'greetings' / 'hello.txt').read_text(encoding='utf-8') == 'Hello!'


def test_the_command_that_runs_the_example_names_things_that_exist():
    (command,) = [block for block in blocks('::') if 'dojobber_example.py' in block]
    assert '--battery_state charged --couch_space --png_output movie_night.png' in command
    assert (ROOT / 'tests' / 'dojobber_example.py').exists()


@pytest.mark.terminal
def test_the_transcript_is_what_a_terminal_shows(tmp_path):
    (printed,) = blocks('nothing is done::')
    assert masked(printed.splitlines()) == masked(transcript(tmp_path))
    assert [line for line in printed.splitlines() if line.startswith('$')] == [f'$ {each}' for each in COMMANDS]


def test_every_field_of_the_document_is_described(tmp_path):
    document = json.loads(run(tmp_path, ROOT / 'examples' / 'provision.py', '--set', 'folder=shop', '--json')[1])
    table = README.partition('``--json`` prints')[2].partition('\n\n\n')[0]
    described = re.findall(r'^``(\w+)`` ', table, re.MULTILINE)
    assert sorted(described) == sorted([*document, *document['jobs'][0]])
    assert set(re.findall(r'``"([a-z ]+)"``', table)) == set(document['totals'])


def test_ci_runs_the_same_test_command():
    (command,) = [block.strip() for block in blocks('::') if block.strip().endswith('tox')]
    assert command in (ROOT / '.ci' / 'run').read_text(encoding='utf-8').splitlines()


@pytest.mark.parametrize('target', re.findall(r'`[^`]+ <([^>]+)>`_|^\.\. image:: (\S+)', README, re.MULTILINE))
def test_what_it_links_to_exists(target):
    (path,) = filter(None, target)
    assert (ROOT / path).exists()
