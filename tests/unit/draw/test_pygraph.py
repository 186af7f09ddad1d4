"""python-graph is imported however it is installed, and whatever setuptools is there."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import types

import pytest
from support.run_command import copy_folder

import dojobber
from dojobber._draw import pygraph as _pygraph

DRAW = """
import sys, types
{before}
from dojobber import DoJobber, DummyJob
engine = DoJobber()
engine.configure(type('Root', (DummyJob,), {{'DEPS': [type('Leaf', (DummyJob,), {{}})]}}))
assert 'pygraph.classes' not in sys.modules
assert engine.graph.edges() == [('Root', 'Leaf')]
import io
text = io.BytesIO()
engine.write_graph(text, 'dot')
assert b'"Root" -> "Leaf"' in text.getvalue(), text.getvalue()
{after}
"""


def copy_distribution(name, target):
    """Lay the files of an installed distribution out as ``pip install --target`` does."""
    for file in importlib.metadata.distribution(name).files:
        if not file.name.endswith(('.pth', '.pyc')) and not file.parts[0].startswith('..'):
            copied = target.joinpath(*file.parts)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), copied)


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """Folders, by name, with python-graph-core, python-graph-dot, both, what these need, and this package."""
    root = tmp_path_factory.mktemp('folders')
    for folder, names in {
        'core': ['python-graph-core'],
        'dot': ['python-graph-dot'],
        'both': ['python-graph-core', 'python-graph-dot'],
        'needed': ['pydot', 'pyparsing'],
    }.items():
        for name in names:
            copy_distribution(name, root / folder)
    copy_folder(pathlib.Path(dojobber.__file__).parent, root / 'ours' / 'dojobber')
    return root


def drawn(folders, *names, before='', after=''):
    """Draw a graph in a fresh interpreter that sees only those folders and the standard library."""
    environment = {
        **os.environ,
        'PYTHONPATH': os.pathsep.join(str(folders / name) for name in (*names, 'needed', 'ours')),
    }
    code = DRAW.format(before=before, after=after)
    command = [sys.executable, '-S', '-W', 'error', '-c', code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize('names', [('both',), ('core', 'dot'), ('dot', 'core')])
def test_it_works_in_one_folder_or_two(folders, names):
    assert drawn(folders, *names) == (0, '')


def test_afterwards_there_is_no_stand_in(folders):
    assert drawn(folders, 'both', after="assert 'pkg_resources' not in sys.modules") == (0, '')


def test_a_real_pkg_resources_is_put_back(folders):
    before = "real = sys.modules['pkg_resources'] = types.ModuleType('pkg_resources')"
    assert drawn(folders, 'both', before=before, after="assert sys.modules['pkg_resources'] is real") == (0, '')


def test_one_that_is_there_but_not_imported_is_not_imported(folders, tmp_path):
    (tmp_path / 'pkg_resources.py').write_text('raise SystemError("deprecated")')
    before = f'sys.path.insert(0, {str(tmp_path)!r})'
    assert drawn(folders, 'both', before=before) == (0, '')


def test_the_stand_in_is_gone_also_when_the_import_fails(folders):
    before = "sys.modules['pygraph.readwrite.dot'] = None"
    code = "assert 'pkg_resources' not in sys.modules"
    returned, text = drawn(folders, 'both', before=before)
    assert returned == 1
    assert 'GraphError' in text
    load = 'from dojobber._draw import pygraph\ntry: pygraph.load()'
    wrapped = f'{before}\n{load}\nexcept ImportError: {code}\nsys.exit()'
    assert drawn(folders, 'both', before=wrapped) == (0, '')


def test_programs_that_bundle_others_find_it_by_its_import_statements():
    # PyInstaller, cx_Freeze and Nuitka follow import statements, also those inside functions, and nothing else.
    tree = ast.parse(pathlib.Path(_pygraph.__file__).read_text(encoding='utf-8'))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {'pygraph.classes.digraph', 'pygraph.readwrite.dot', 'pydot'} <= imported


def test_without_python_graph_the_error_says_what_to_install(folders):
    returned, text = drawn(folders)
    assert returned == 1
    assert 'GraphError: pip install python-graph-core python-graph-dot' in text


def test_another_thread_that_imports_pkg_resources_meanwhile_finds_the_real_one(folders, tmp_path):
    (tmp_path / 'pkg_resources.py').write_text('real = "the real one"')
    before = f"""
sys.path.insert(0, {str(tmp_path)!r})
import threading
found, threads = [], []

def ask(ready):
    import pkg_resources
    ready.set()
    found.append(pkg_resources.real)

class Meanwhile:  # another thread imports pkg_resources in the middle of the import of python-graph
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == 'pygraph.classes.digraph':
            ready = threading.Event()
            threads.append(threading.Thread(target=ask, args=[ready]))
            threads[-1].start()
            assert ready.wait(60)

sys.meta_path.insert(0, Meanwhile)
"""
    after = "[thread.join() for thread in threads]\nassert found == ['the real one'], found"
    assert drawn(folders, 'both', before=before, after=after) == (0, '')


def test_the_thread_that_imports_python_graph_is_told_what_the_stand_in_lacks():
    assert not hasattr(_pygraph._PkgResources(), 'resource_filename')


def test_a_thread_that_keeps_the_stand_in_finds_the_real_one_through_it_later(monkeypatch):
    real = types.SimpleNamespace(resource_filename='the real one')
    monkeypatch.setitem(sys.modules, 'pkg_resources', real)
    kept, found = _pygraph._PkgResources(), []
    thread = threading.Thread(target=lambda: found.append(kept.resource_filename))
    thread.start()
    thread.join()
    assert found == ['the real one']


def test_a_pkg_resources_that_was_imported_stays_the_one_that_others_get(monkeypatch):
    real = types.ModuleType('pkg_resources')
    monkeypatch.setitem(sys.modules, 'pkg_resources', real)
    _pygraph.load.cache_clear()
    _pygraph.load()
    assert sys.modules['pkg_resources'] is real
