"""python-graph is imported wherever it is installed, and with any version of setuptools."""

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
from support.rendering import picture
from support.run_command import copy_folder

import dojobber
from dojobber import GraphError
from dojobber._draw import pygraph

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
    """Copy the files of an installed distribution, laid out as ``pip install --target`` does."""
    for file in importlib.metadata.distribution(name).files:
        if not file.name.endswith(('.pth', '.pyc')) and not file.parts[0].startswith('..'):
            copied = target.joinpath(*file.parts)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), copied)


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """Folders with the two parts of python-graph, with both in one, with their dependencies, and with this package."""
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


def draw_afresh(folders, *names, before='', after=''):
    """Draw a graph in an interpreter that has only these folders and the standard library; return status and stderr."""
    environment = {
        **os.environ,
        'PYTHONPATH': os.pathsep.join(str(folders / name) for name in (*names, 'needed', 'ours')),
    }
    command = [sys.executable, '-S', '-W', 'error', '-c', DRAW.format(before=before, after=after)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stderr


@pytest.mark.parametrize('names', [('both',), ('core', 'dot'), ('dot', 'core')])
def test_python_graph_may_be_installed_in_one_folder_or_two(folders, names):
    assert draw_afresh(folders, *names) == (0, '')


def test_after_the_import_the_stand_in_is_gone(folders):
    assert draw_afresh(folders, 'both', after="assert 'pkg_resources' not in sys.modules") == (0, '')


def test_after_the_import_a_real_pkg_resources_is_restored(folders):
    before = "real = sys.modules['pkg_resources'] = types.ModuleType('pkg_resources')"
    assert draw_afresh(folders, 'both', before=before, after="assert sys.modules['pkg_resources'] is real") == (0, '')


def test_an_installed_pkg_resources_is_not_imported(folders, tmp_path):
    (tmp_path / 'pkg_resources.py').write_text('raise SystemError("deprecated")')
    before = f'sys.path.insert(0, {str(tmp_path)!r})'
    assert draw_afresh(folders, 'both', before=before) == (0, '')


def test_after_a_failed_import_the_stand_in_is_gone(folders):
    before = """
sys.modules['pygraph.readwrite.dot'] = None
from dojobber import GraphError
from dojobber._draw import pygraph
try:
    pygraph.import_python_graph()
except GraphError:
    assert 'pkg_resources' not in sys.modules
    sys.exit()
"""
    assert draw_afresh(folders, 'both', before=before) == (0, '')


def test_tools_that_bundle_programs_find_python_graph_by_its_import_statements():
    # PyInstaller, cx_Freeze and Nuitka follow import statements, inside functions too, but nothing else.
    tree = ast.parse(pathlib.Path(pygraph.__file__).read_text(encoding='utf-8'))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {'pygraph.classes.digraph', 'pygraph.readwrite.dot', 'pydot'} <= imported


@pytest.fixture
def uncached():
    """Import python-graph again, and again after the test."""
    pygraph.import_python_graph.cache_clear()
    yield
    pygraph.import_python_graph.cache_clear()


def test_without_python_graph_the_error_says_what_to_install(engine, monkeypatch, uncached):
    monkeypatch.setitem(sys.modules, 'pydot', None)
    with pytest.raises(GraphError, match='pip install python-graph-core python-graph-dot') as caught:
        picture(engine, 'dot')
    assert caught.value.culprit == 'pydot'


def test_another_thread_that_imports_pkg_resources_meanwhile_gets_the_real_one(folders, tmp_path):
    (tmp_path / 'pkg_resources.py').write_text('real = "the real one"')
    before = f"""
sys.path.insert(0, {str(tmp_path)!r})
import threading
found, threads = [], []

def import_meanwhile(ready):
    import pkg_resources
    ready.set()
    found.append(pkg_resources.real)

class Meanwhile:  # another thread imports pkg_resources in the middle of the import of python-graph
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == 'pygraph.classes.digraph':
            ready = threading.Event()
            threads.append(threading.Thread(target=import_meanwhile, args=[ready], daemon=True))
            threads[-1].start()
            assert ready.wait(60)

sys.meta_path.insert(0, Meanwhile)
"""
    after = "[thread.join(60) for thread in threads]\nassert found == ['the real one'], found"
    assert draw_afresh(folders, 'both', before=before, after=after) == (0, '')


def test_the_stand_in_has_no_other_attributes_for_the_importing_thread():
    assert not hasattr(pygraph.PkgResourcesStandIn(), 'resource_filename')


def test_a_thread_that_has_kept_the_stand_in_reaches_the_real_one_through_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pkg_resources', types.SimpleNamespace(resource_filename='the real one'))
    stand_in, found = pygraph.PkgResourcesStandIn(), []
    thread = threading.Thread(target=lambda: found.append(stand_in.resource_filename))
    thread.start()
    thread.join(60)
    assert found == ['the real one']


def test_a_pkg_resources_imported_before_stays_in_place(monkeypatch, uncached):
    real = types.ModuleType('pkg_resources')
    monkeypatch.setitem(sys.modules, 'pkg_resources', real)
    pygraph.import_python_graph()
    assert sys.modules['pkg_resources'] is real
