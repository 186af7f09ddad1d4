"""The Pythons that the package claims are those that are tested and those that the manual promises."""

from __future__ import annotations

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
CLASSIFIERS = re.findall(
    r'"Programming Language :: Python :: 3\.(\d+)"', (ROOT / 'pyproject.toml').read_text(encoding='utf-8')
)


def env_list():
    """Return the names of the environments that tox runs when none is named."""
    lines = re.search(r'^env_list =\n((?:    .*\n)+)', (ROOT / 'tox.ini').read_text(encoding='utf-8'), re.MULTILINE)[1]
    return re.sub(r' #.*', '', lines).replace('\n', ',').replace(' ', '').split(',')


def test_no_python_between_the_oldest_and_the_newest_is_left_out():
    minors = [int(minor) for minor in CLASSIFIERS]
    assert minors == list(range(minors[0], minors[-1] + 1))


def test_tox_runs_the_tests_on_every_python_that_is_claimed():
    assert [name for name in env_list() if re.fullmatch(r'py\d+', name)] == [f'py3{minor}' for minor in CLASSIFIERS]


def test_what_is_tested_apart_is_tested_on_the_oldest_and_the_newest_python():
    (names,) = re.findall(r'^    \{([\w,]+)\}\{-py3(\d+),-py3(\d+)\}', (ROOT / 'tox.ini').read_text(), re.MULTILINE)
    assert names[1:] == (CLASSIFIERS[0], CLASSIFIERS[-1])
    assert {'parallel', 'terminal'} <= set(names[0].split(','))
    assert f'faults-py3{CLASSIFIERS[-1]}' in env_list()


def test_the_oldest_is_the_one_that_pip_asks_for():
    assert f'requires-python = ">=3.{CLASSIFIERS[0]}"' in (ROOT / 'pyproject.toml').read_text(encoding='utf-8')


def test_the_manual_names_the_oldest_and_the_newest():
    manual = ' '.join((ROOT / 'README.rst').read_text(encoding='utf-8').split())
    assert f'on each Python from 3.{CLASSIFIERS[0]} to 3.{CLASSIFIERS[-1]}' in manual
