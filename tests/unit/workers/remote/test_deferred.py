"""Scripts with deferred annotations (Python 3.14) and lazy imports (Python 3.15)."""

from __future__ import annotations

import os
import pathlib
import sys

import pytest
from support.run_command import run_command, run_script, write_jobs

SCRIPTS = pathlib.Path(__file__).parents[3] / 'processes' / 'scripts'

JOBS = """
class Dependency(Job):
    \"\"\"Has a docstring.\"\"\"
    DEPS: Nowhere = ()
    def Check(self, folder: Nowhere, **kwargs: Nowhere) -> Nowhere:
        pass
    def Run(self, folder: Nowhere) -> Nowhere:
        pass
    def Cleanup(self) -> Nowhere:
        pass

class Root(Job):
    DEPS: list[Nowhere] = [Dependency]
    def __init__(self) -> Nowhere:
        pass
    def Check(self, folder: Nowhere) -> Nowhere:
        return folder
"""

# Not a file of its own: the tools that read those do not know this syntax.
LAZY_IMPORTS = """
from pool_results import print_results

from dojobber import DummyJob, Job

lazy import fractions
lazy import xml.etree.ElementTree
lazy from decimal import Decimal as Number
lazy from there import Missing

class Half(Job):
    def Check(self, number):
        return str(fractions.Fraction(2, 4))

class Tree(Job):
    def Check(self, number):
        return xml.etree.ElementTree.Element('a').tag

class Sum(Job):
    DEPS = (Half,)
    def Check(self, number: Missing):
        return str(Number('0.5') + 1)

class Broken(Job):
    def Check(self, number):
        raise Missing

class All(DummyJob):
    DEPS = (Tree, Sum, Broken)

if __name__ == '__main__':
    print_results(All)
"""

METHODS = pytest.mark.parametrize('method', ['fork', 'spawn', 'forkserver'])


def printed_results(folder, script, method):
    paths = [str(SCRIPTS), os.environ.get('PYTHONPATH', '')]
    status, out, err = run_script(folder, script, method, PYTHONPATH=os.pathsep.join(filter(None, paths)))
    assert (status, err) == (0, '')
    return out.splitlines()


@pytest.mark.skipif(sys.version_info < (3, 14), reason='needs Python 3.14, which defers annotations')
@METHODS
def test_a_job_whose_annotations_cannot_be_evaluated_is_pickled(method, tmp_path):
    texts = [('number', 'Decimal'), ('other', 'Nowhere'), ('return', 'Nowhere')]
    assert printed_results(tmp_path, SCRIPTS / 'deferred_annotations.py', method) == [
        'All None None',
        'Closure 5 None',
        f'Decorated {(2, "Return the double.", "__main__", "kept")} None',
        'Fields 1 None',
        f'Method {(1, 3, texts)} None',
        'Recursive [3, 2, 1] None',
    ]


@pytest.mark.skipif(sys.version_info < (3, 14), reason='needs Python 3.14, which defers annotations')
@pytest.mark.parametrize('options', [[], ['-n'], ['-v', '-d'], ['-j', '2'], ['--json'], ['--list'], ['--tree']])
def test_the_command_evaluates_no_annotation(options, tmp_path):
    write_jobs(tmp_path, JOBS)
    status, out, err = run_command(tmp_path, 'jobs.py:Root', '--set', 'folder=here', *options)
    assert status == 0
    assert 'Dependency' in out
    assert 'Nowhere' not in out + err


@pytest.mark.skipif(sys.version_info < (3, 15), reason='needs Python 3.15, which can import lazily')
@METHODS
def test_a_job_with_unused_lazy_imports_is_pickled(method, tmp_path):
    script = tmp_path / 'script.py'
    script.write_text(LAZY_IMPORTS, encoding='utf-8')
    _, broken, *others = printed_results(tmp_path, script, method)
    assert "No module named 'there'" in broken
    assert others == ['Half 1/2 None', 'Sum 1.5 None', 'Tree a None']


@pytest.mark.skipif(sys.version_info < (3, 15), reason='needs Python 3.15, which can import lazily')
def test_the_command_works_if_all_imports_are_lazy(tmp_path):
    write_jobs(tmp_path, 'import json\nclass Root(Job):\n    def Check(self):\n        return json.loads("[1]")')
    status, out, err = run_command(tmp_path, 'jobs.py', '--json', PYTHON_LAZY_IMPORTS='all')
    assert (status, err) == (0, '')
    assert '"result": [' in out
