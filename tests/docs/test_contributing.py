"""What CONTRIBUTING.rst shows is how it is."""

from __future__ import annotations

import configparser
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
CONTRIBUTING = (ROOT / 'CONTRIBUTING.rst').read_text(encoding='utf-8')


def test_the_code_map_names_every_folder_and_module_directly_in_the_package():
    code_map = re.search(r'^Code map\n-+\n(.*?)\n\n\n', CONTRIBUTING, re.MULTILINE | re.DOTALL)[1]
    named = set(re.findall(r'``(\w+(?:\.py|/))``', code_map))
    package = ROOT / 'dojobber'
    folders = {f'{path.parent.name}/' for path in package.glob('*/__init__.py')}
    assert named >= folders | {path.name for path in package.glob('*.py')} - {'__init__.py'}


def test_what_is_installed_for_the_tests_is_what_tox_installs():
    tox = configparser.ConfigParser(inline_comment_prefixes='#')
    tox.read(ROOT / 'tox.ini', encoding='utf-8')
    extras, packages = re.search(r"pip install -e '\.\[(.*)\]' (.*)", CONTRIBUTING).groups()
    assert sorted(extras.split(',')) == sorted(tox['testenv']['extras'].split())
    assert sorted(packages.split()) == sorted(tox['testenv']['deps'].split())
    styling = re.search(r'pip install (ruff.*)', CONTRIBUTING)[1]
    assert styling.split() == [tox[f'testenv:{each}']['deps'] for each in ('lint', 'types')]


def test_every_mark_and_the_tox_environment_that_runs_it_are_described():
    configured = re.findall(
        r'^    "(\w+): .*; run by tox -e (\w+)"', (ROOT / 'pyproject.toml').read_text(encoding='utf-8'), re.MULTILINE
    )
    assert re.findall(r'^``(\w+)`` +(\w+)  ', CONTRIBUTING, re.MULTILINE) == configured


def test_every_file_it_names_exists():
    named = set(re.findall(r'``((?:dojobber|tests|benchmarks|examples)/[\w./]+\.\w+)``', CONTRIBUTING))
    assert {name for name in named if not (ROOT / name).exists()} == {
        'dojobber/_draw/d2.py',
        'tests/unit/draw/test_d2.py',
    }
