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
    'read_only': [],
    'outcome': ['read_only'],
    'process': [],
    'events': ['outcome', 'process'],
    'hooks': [],
    'validate': ['errors', 'job', 'hooks'],
    'plan': ['errors', 'job', 'validate'],
    'schedule': [],
    'clock': [],
    'claim': [],
    'directory': [],
    'error_chain': ['outcome'],
    'frames': ['error_chain'],
    'cleanup': ['process', 'events', 'hooks', 'clock', 'claim', 'directory', 'error_chain', 'frames'],
    'attempt': ['job', 'outcome', 'process', 'hooks', 'clock', 'error_chain', 'frames', 'cleanup'],
    'execute.pool': ['outcome', 'error_chain'],
    'execute.inline': [],
    'execute.futures': ['outcome', 'execute.pool'],
    'execute.threads': ['events', 'execute.pool'],
    'execute.loop': ['schedule', 'execute.pool', 'execute.inline', 'execute.futures', 'execute.threads'],
    'execute': ['execute.pool', 'execute.inline', 'execute.futures', 'execute.threads', 'execute.loop'],
    'results': ['read_only', 'outcome'],
    'recorder': [
        *['errors', 'outcome', 'events', 'plan', 'schedule', 'error_chain', 'cleanup', 'attempt', 'execute', 'results'],
    ],
    'late': [],
    'pickling': ['job', 'late', 'outcome'],
    'arriving': ['errors', 'outcome', 'pickling'],
    'storage': ['errors', 'outcome', 'pickling'],
    'ledger': ['errors', 'pickling', 'storage'],
    'remote': [
        *['errors', 'job', 'outcome', 'directory', 'attempt', 'pickling', 'arriving', 'storage'],
    ],
    'courier': ['errors', 'outcome', 'plan', 'attempt', 'pickling', 'storage', 'ledger', 'remote'],
    'walk': ['errors', 'outcome', 'plan', 'schedule', 'attempt', 'execute', 'recorder', 'remote', 'courier'],
    'console': ['events'],
    '_pygraph': [],
    'draw.look': ['outcome'],
    'draw.decorated': ['errors', 'outcome', '_pygraph', 'draw.look'],
    'draw.dot': ['draw.look', 'draw.decorated'],
    'draw.mermaid': ['errors', 'draw.look'],
    'draw.renderer': ['errors', 'events', 'draw.look'],
    'draw.picture': ['errors', 'draw.look', 'draw.decorated', 'draw.dot', 'draw.mermaid', 'draw.renderer'],
    'draw.notebook': ['errors', 'draw.look', 'draw.decorated', 'draw.dot', 'draw.mermaid', 'draw.renderer'],
    'draw.target': ['errors'],
    'draw': ['draw.look', 'draw.decorated', 'draw.picture', 'draw.notebook', 'draw.target'],
    'dojobber': [
        *['errors', 'job', 'outcome', 'events', 'plan', 'clock', 'claim', 'directory', 'error_chain', 'cleanup'],
        *['attempt', 'results', 'recorder', 'walk', 'console', 'draw'],
    ],
    '__init__': ['__version__', 'errors', 'job', 'outcome', 'events', 'dojobber'],
    'streams': [],
    'signals': [],
    'options': ['__version__', 'job'],
    'terminfo': [],
    'bar': ['signals', 'terminfo'],
    'terminal': ['streams', 'bar'],
    'notices': ['signals', 'streams', 'terminal'],
    'progress': ['events', 'outcome', 'terminal', 'notices'],
    'find': ['job', 'console', 'terminal'],
    'listing': ['job', 'plan', 'terminal'],
    'document': ['__version__', 'job', 'outcome', 'events', 'plan', 'console', 'listing'],
    'drawing': ['errors', 'job', 'draw', 'dojobber', 'streams', 'signals', 'terminal'],
    'cli': [
        *['errors', 'job', 'outcome', 'events', 'plan', 'console', 'dojobber', 'streams', 'signals', 'options'],
        *['terminal', 'progress', 'find', 'listing', 'document', 'drawing'],
    ],
    '__main__': ['cli'],
}


def modules():
    """Return the paths of all modules by their names, those in a folder as ``folder.module``."""
    found = {}
    for path in PACKAGE.rglob('*.py'):
        parts = path.relative_to(PACKAGE).with_suffix('').parts
        found['.'.join(parts[:-1] if len(parts) > 1 and parts[-1] == '__init__' else parts)] = path
    return found


def imports_of(module):
    """Return the modules of this package that a module imports, at its top or inside its functions."""
    path = modules()[module]
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = path.parent.relative_to(PACKAGE).parts[: None if node.level == 1 else 1 - node.level]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from ['.'.join([*above, name]) for name in names]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert 'dojobber' not in [name.partition('.')[0] for name in names], 'imports inside are relative'


def test_every_module_is_in_the_lane():
    assert set(modules()) == set(LANE)


@pytest.mark.parametrize('module', LANE)
def test_a_module_imports_only_from_above_it(module):
    assert set(imports_of(module)) <= set(LANE[module])
    assert all(list(LANE).index(above) < list(LANE).index(module) for above in LANE[module])


def test_only_one_module_imports_python_graph():
    knowing = [name for name, path in modules().items() if 'pygraph.' in path.read_text(encoding='utf-8')]
    assert knowing == ['_pygraph']


def fresh(code, *options):
    done = subprocess.run([sys.executable, *options, '-c', code], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_import_prints_nothing_even_when_warnings_are_errors():
    assert fresh('import dojobber', '-W', 'error') == (0, '', '')


def test_import_loads_no_graph_library_and_nothing_that_only_some_runs_need():
    code = (
        'import sys; before = set(sys.modules); import dojobber; '
        'print(*[m for m in set(sys.modules) - before if m.startswith("dojobber.draw") or m.partition(".")[0] in '
        '("pygraph", "pydot", "pyparsing", "pkg_resources", "setuptools", "subprocess", "tempfile", "concurrent")])'
    )
    assert fresh(code) == (0, '\n', '')
