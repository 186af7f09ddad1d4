"""What CONTRIBUTING.rst shows is how it is."""

from __future__ import annotations

import configparser
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
CONTRIBUTING = (ROOT / 'CONTRIBUTING.rst').read_text(encoding='utf-8')
PYPROJECT = (ROOT / 'pyproject.toml').read_text(encoding='utf-8')


def test_the_code_map_names_every_folder_and_module_directly_in_the_package():
    code_map = re.search(r'^Code map\n-+\n(.*?)\n\n\n', CONTRIBUTING, re.MULTILINE | re.DOTALL)[1]
    named = set(re.findall(r'``(\w+(?:\.py|/))``', code_map))
    package = ROOT / 'dojobber'
    folders = {f'{path.parent.name}/' for path in package.glob('*/__init__.py')}
    assert named >= folders | {path.name for path in package.glob('*.py')} - {'__init__.py'}


def groups():
    """Return the packages, without comments, of each dependency group, and the names of the groups that it includes."""
    section = re.search(r'^\[dependency-groups\].*?\n(.*?)^\[', PYPROJECT, re.MULTILINE | re.DOTALL)[1]
    return {
        name: re.findall(r'^    (?:\{ include-group = )?"(.*?)"', packages, re.MULTILINE)
        for name, packages in re.findall(r'^([\w-]+) = \[\n(.*?)^\]', section, re.MULTILINE | re.DOTALL)
    }


def test_what_is_installed_for_the_tests_is_what_tox_installs():
    tox = configparser.ConfigParser(inline_comment_prefixes='#')
    tox.read(ROOT / 'tox.ini', encoding='utf-8')
    extras, group = re.search(r"pip install -e '\.\[(.*)\]' --group (\w+)", CONTRIBUTING).groups()
    assert sorted(extras.split(',')) == sorted(tox['testenv']['extras'].split())
    assert tox['testenv']['dependency_groups'] in groups()[group]
    used = {name for section in tox.values() for name in section.get('dependency_groups', '').split()}
    assert used <= set(groups())


def test_pre_commit_uses_the_versions_that_tox_uses():
    hooks = (ROOT / '.pre-commit-config.yaml').read_text(encoding='utf-8')
    pinned = set(re.findall(r'additional_dependencies: \["?(.*?)"?\]$', hooks, re.MULTILINE))
    assert {pin for pin in pinned if not pin.startswith('pre-commit-hooks')} == set(groups()['lint'])


def test_every_mark_and_the_tox_environment_that_runs_it_are_described():
    configured = re.findall(r'^    "(\w+): .*; run by tox -e (\w+)"', PYPROJECT, re.MULTILINE)
    assert re.findall(r'^``(\w+)`` +(\w+)  ', CONTRIBUTING, re.MULTILINE) == configured


def test_every_file_it_names_exists():
    named = set(re.findall(r'``((?:dojobber|tests|benchmarks|examples)/[\w./]+\.\w+)``', CONTRIBUTING))
    assert {name for name in named if not (ROOT / name).exists()} == {
        'dojobber/_draw/d2.py',
        'tests/unit/draw/test_d2.py',
    }
