"""README.rst works as it says: each of its code blocks and commands is run here, or by CI."""

from __future__ import annotations

import builtins
import contextlib
import doctest
import io
import itertools
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from docutils.core import publish_doctree
from support.run_command import ENVIRONMENT, TIMEOUT, copy_folder, run_command
from support.transcript import COMMANDS, make_transcript, mask_times
from sybil import Document
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.rest import CodeBlockParser

import dojobber
from dojobber.cli import app as cli

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / 'README.rst').read_text(encoding='utf-8')
HEADINGS = list(re.finditer(r'^(.+)\n-+$', README, re.MULTILINE))
SECTIONS = {
    heading[1]: range(heading.start(), following.start() if following else len(README))
    for heading, following in zip(HEADINGS, [*HEADINGS[1:], None])
}


class Reader:
    """A reader who does what the manual shows, section by section."""

    def __init__(self):
        self.document = Document.parse(
            str(ROOT / 'README.rst'),
            CodeBlockParser('python', self.python),
            CodeBlockParser('text', self.text),
            CodeBlockParser('console', self.console),
            encoding='utf-8',
        )
        self.document.namespace['__name__'] = '__main__'
        self.printed = ''

    def read(self, section):
        """Do everything that one section shows, in the current folder."""
        for example in self.document.examples():
            if example.region.start in SECTIONS[section]:
                example.evaluate()
        assert not self.printed

    def python(self, example):
        """Save a block that begins with the name of a script. Run any other, and keep what it prints."""
        assert not self.printed
        script = re.match(r'# (\w+\.py)\n', example.parsed)
        if script:
            pathlib.Path(script[1]).write_text(example.parsed, encoding='utf-8')
            return
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            PythonEvaluator()(example)
        self.printed = printed.getvalue()

    def text(self, example):
        """Compare what the last block printed; ``...`` matches anything."""
        check(example.parsed, self.printed)
        self.printed = ''

    def console(self, example):
        """Run each command and compare what it prints."""
        for command, expected in commands_in(example.parsed):
            if command in RUN_ELSEWHERE:
                continue
            done = subprocess.run(
                ['bash', '-c', command],
                env={
                    **ENVIRONMENT,
                    'PATH': os.pathsep.join([install_commands(), os.environ['PATH']]),
                    'PYTHONUNBUFFERED': '1',
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding='utf-8',
                check=False,
                timeout=TIMEOUT,
            )
            check(expected, done.stdout)


def commands_in(block):
    """Return (command, output) of each command in a block."""
    return re.findall(r'^\$ (.*)\n((?:(?!\$ ).*\n?)*)', block, re.MULTILINE)


def text_of(section):
    """Return the text of a section."""
    return README[SECTIONS[section].start : SECTIONS[section].stop]


def blocks(kind):
    """Return the code blocks of one kind."""
    document = Document.parse(str(ROOT / 'README.rst'), CodeBlockParser(kind, print), encoding='utf-8')
    return [example.parsed for example in document.examples()]


def install_commands():
    """Create ``python`` and ``dojobber`` as a virtual environment has them, and return their folder."""
    folder = pathlib.Path('commands').absolute()
    folder.mkdir(exist_ok=True)
    for name, called in ('python', ''), ('dojobber', ' -m dojobber'):
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error{called} "$@"\n')
        (folder / name).chmod(stat.S_IRWXU)
    return str(folder)


def check(expected, printed):
    """Compare two texts line by line; ``...`` matches anything within a line."""
    expected, printed = expected.strip().splitlines(), printed.strip().splitlines()
    same = doctest.OutputChecker().check_output
    pairs = itertools.zip_longest(expected, printed, fillvalue='')
    assert all(same(*pair, doctest.ELLIPSIS) for pair in pairs), f'expected {expected}, printed {printed}'


INSTALLING = [command for block in blocks('console') for command, _ in commands_in(block) if '.venv' in command]
"""Commands that need the network: test_package.py runs the first one, and CI the other."""

RUN_ELSEWHERE = [*INSTALLING, *COMMANDS]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Change to a folder with the scripts that the manual runs."""
    copy_folder(ROOT / 'examples', tmp_path / 'examples')
    (tmp_path / 'tests').mkdir()
    shutil.copy(ROOT / 'tests' / 'dojobber_example.py', tmp_path / 'tests')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize('section', SECTIONS)
def test_the_code_and_commands_of_each_section_do_what_it_shows(section, checkout):
    Reader().read(section)


def test_every_code_block_of_the_manual_is_of_a_kind_that_is_run():
    assert set(re.findall(r'^\.\. code-block:: (\w+)$', README, re.MULTILINE)) == {'python', 'text', 'console'}
    assert not re.findall(r'^(?!\.\. ).*::$', README, re.MULTILINE)


@pytest.mark.parametrize(('section', 'picture'), [('A first script', 'greet.svg'), ('Pictures', 'tv.svg')])
def test_the_pictures_in_the_manual_are_those_that_its_scripts_draw(section, picture, checkout):
    Reader().read(section)

    def words(path):
        return [''.join(text.itertext()) for text in ElementTree.parse(path).iter('{http://www.w3.org/2000/svg}text')]

    assert words(picture) == words(ROOT / 'examples' / picture)


@pytest.mark.terminal
def test_the_transcript_in_the_manual_is_what_a_terminal_shows(tmp_path):
    (printed,) = [block for block in blocks('console') if '(exit status' in block]
    assert mask_times(printed.splitlines()) == mask_times(make_transcript(tmp_path))
    assert [command for command, _ in commands_in(printed)] == COMMANDS


def test_the_manual_describes_every_field_of_the_json_document(tmp_path):
    document = json.loads(
        run_command(tmp_path, ROOT / 'examples' / 'provision.py', '--set', 'folder=shop', '--json')[1]
    )
    table = text_of('The command line').partition('``--json`` prints')[2]
    described = re.findall(r'^``(\w+)`` ', table, re.MULTILINE)
    assert sorted(described) == sorted([*document, *document['jobs'][0]])
    assert set(re.findall(r'``"([a-z ]+)"``', table)) == set(document['totals'])


def test_the_manual_describes_every_option_of_the_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(None, ['--help'])
    options = set(re.findall(r'(?<!\w)--?[a-z][a-z-]*', capsys.readouterr().out))
    literals = ' '.join(re.findall(r'``[^`]+``', text_of('The command line')))
    assert options - set(re.findall(r'(?<!\w)--?[a-z][a-z-]*', literals)) == {'-h'}


def test_ci_runs_the_test_command_of_the_manual():
    _, command = INSTALLING
    assert command in (ROOT / '.ci' / 'run').read_text(encoding='utf-8').splitlines()


def test_the_manual_describes_every_error():
    described = re.findall(r'^``(\w+)`` +``(\w+)``', text_of('Errors'), re.MULTILINE)
    errors = [getattr(dojobber, name) for name in dojobber.__all__ if name.endswith('Error')]
    errors.remove(dojobber.DoJobberError)
    assert sorted(name for name, _ in described) == sorted(error.__name__ for error in errors)
    for name, builtin in described:
        assert issubclass(getattr(dojobber, name), getattr(builtins, builtin))


def test_the_manual_names_everything_public():
    missing = [name for name in dojobber.__all__ if not re.search(rf'\b{name}\b', README)]
    missing += [name for name in vars(dojobber.DoJobber) if not name.startswith('_') and name not in README]
    assert not missing


FOLDERS = '.', 'benchmarks', 'examples'
DOCUMENTS = [path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).glob('*.rst')]
LINKS = [
    (document, next(filter(None, link)))
    for document in DOCUMENTS
    for link in re.findall(
        r'`[^`<]+<([^>]+)>`_|^\.\. image:: (\S+)', (ROOT / document).read_text(encoding='utf-8'), re.MULTILINE
    )
]


@pytest.mark.parametrize(('document', 'target'), LINKS, ids=str)
def test_the_links_of_each_document_exist(document, target):
    assert (ROOT / document.parent / target).exists()


@pytest.mark.parametrize('document', DOCUMENTS, ids=str)
def test_each_document_is_valid_restructuredtext(document):
    settings = {'halt_level': 2, 'report_level': 2}  # at the first warning
    publish_doctree((ROOT / document).read_text(encoding='utf-8'), settings_overrides=settings)
