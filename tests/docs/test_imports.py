"""Imports point one way, no test imports another, and importing the package loads little and prints nothing."""

from __future__ import annotations

import ast
import graphlib
import pathlib
import subprocess
import sys

import pytest

import dojobber

PACKAGE = pathlib.Path(dojobber.__file__).parent
TESTS = pathlib.Path(__file__).parents[1]
LIMIT = 60  # seconds

WORDS = ['__version__', 'read_only', 'outcome', 'errors', 'job', 'events', 'text', 'log']
ROWS = [
    WORDS,
    ['_plan'],
    ['_attempt'],
    ['_workers'],
    ['_run'],
    ['_draw', 'verbose'],
    ['dojobber'],
    ['__init__'],
    ['cli'],
    ['__main__'],
]
"""The modules and folders directly in the package: each imports only from rows above its own, or from itself."""


def modules():
    """Return the paths of all modules by their dotted names; a folder stands for its ``__init__.py``."""
    found = {}
    for path in PACKAGE.rglob('*.py'):
        parts = path.relative_to(PACKAGE).with_suffix('').parts
        found['.'.join(parts[:-1] if len(parts) > 1 and parts[-1] == '__init__' else parts)] = path
    return found


MODULES = modules()


def imports_of(module):
    """Yield the modules of this package that a module imports, at its top or inside its functions."""
    path = MODULES[module]
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parent.relative_to(PACKAGE).parts
            base = '.'.join([*folder[: len(folder) + 1 - node.level], *([node.module] if node.module else [])])
            for alias in node.names:
                inside = f'{base}.{alias.name}' if base else alias.name
                yield inside if inside in MODULES else base or '__init__'
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert 'dojobber' not in [name.partition('.')[0] for name in names], (
                'imports inside the package must be relative'
            )


def row_of(module):
    return next(number for number, row in enumerate(ROWS) if module.partition('.')[0] in row)


def test_every_module_has_a_row_and_every_row_has_modules():
    assert {name.partition('.')[0] for name in MODULES} == {name for row in ROWS for name in row}


def test_the_folder_of_the_package_has_at_most_a_dozen_modules():
    assert len(list(PACKAGE.glob('*.py'))) <= 12


@pytest.mark.parametrize('module', MODULES)
def test_a_module_imports_only_from_its_own_folder_and_from_rows_above(module):
    room = module.partition('.')[0]
    for imported in imports_of(module):
        other = imported.partition('.')[0]
        if other != room and not {other, room} <= set(WORDS):
            assert row_of(imported) < row_of(module), imported


def test_no_modules_import_each_other_in_a_cycle():
    graphlib.TopologicalSorter({name: set(imports_of(name)) - {name} for name in MODULES}).prepare()


def test_only_one_module_imports_python_graph():
    importing = [name for name, path in MODULES.items() if 'pygraph.' in path.read_text(encoding='utf-8')]
    assert importing == ['_draw.pygraph']


def test_no_module_of_the_tests_imports_a_test():
    tests = {'conftest', *(path.stem for path in TESTS.rglob('test_*.py'))}
    importing = []
    for path in TESTS.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            imported = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                imported.append(node.module)
            if not tests.isdisjoint('.'.join(imported).split('.')):
                importing.append(path.name)
    assert importing == [], 'what tests share belongs in tests/support'


def run_python(code, *options):
    command = [sys.executable, *options, '-c', code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    return done.returncode, done.stdout, done.stderr


def test_importing_the_package_prints_and_warns_of_nothing():
    assert run_python('import dojobber', '-W', 'error') == (0, '', '')


def test_importing_the_package_loads_no_graph_library_and_nothing_that_only_some_runs_need():
    code = (
        'import sys; before = set(sys.modules); import dojobber; '
        'print(*[m for m in set(sys.modules) - before if m.startswith("dojobber._draw") or m.partition(".")[0] in '
        '("pygraph", "pydot", "pyparsing", "pkg_resources", "setuptools", "subprocess", "tempfile", "concurrent")])'
    )
    assert run_python(code) == (0, '\n', '')
