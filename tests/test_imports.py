"""Imports point one way, and importing the package costs and says nothing."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys

import pytest

import dojobber

PACKAGE = pathlib.Path(dojobber.__file__).parent

LANE = {
    '__version__': [],
    'errors': [],
    'job': [],
    'outcome': [],
    'events': [],
    'plan': ['errors', 'job'],
    'schedule': [],
    'attempt': ['events', 'outcome'],
    'execute': ['schedule', 'errors'],
    'console': ['events'],
    '_pygraph': [],
    'draw': ['errors', 'outcome', '_pygraph'],
    'dojobber': ['errors', 'job', 'outcome', 'events', 'plan', 'schedule', 'attempt', 'execute', 'console', 'draw'],
    '__init__': ['__version__', 'errors', 'job', 'outcome', 'events', 'dojobber'],
}


def imports_of(module):
    """Return the modules of this package that a module imports, at its top or inside its functions."""
    for node in ast.walk(ast.parse((PACKAGE / f'{module}.py').read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield from [node.module] if node.module else [alias.name for alias in node.names]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert 'dojobber' not in [name.partition('.')[0] for name in names], 'imports inside are relative'


def test_every_module_is_in_the_lane():
    assert {path.stem for path in PACKAGE.glob('*.py')} == set(LANE)


@pytest.mark.parametrize('module', LANE)
def test_a_module_imports_only_from_above_it(module):
    assert set(imports_of(module)) <= set(LANE[module])
    assert all(list(LANE).index(above) < list(LANE).index(module) for above in LANE[module])


def test_only_the_picture_modules_know_python_graph():
    knowing = [path.stem for path in PACKAGE.glob('*.py') if 'pygraph.' in path.read_text(encoding='utf-8')]
    assert knowing == ['_pygraph']


def fresh(code, *options):
    done = subprocess.run([sys.executable, *options, '-c', code], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_import_prints_nothing_even_when_warnings_are_errors():
    assert fresh('import dojobber', '-W', 'error') == (0, '', '')


def test_import_loads_no_graph_library_and_nothing_that_only_some_runs_need():
    code = (
        'import sys; before = set(sys.modules); import dojobber; '
        'print(*[m for m in set(sys.modules) - before if m.partition(".")[0] in '
        '("pygraph", "pydot", "pyparsing", "pkg_resources", "setuptools", "subprocess", "tempfile", "concurrent")])'
    )
    assert fresh(code) == (0, '\n', '')
