"""Scripts that use what Python 3.14 and 3.15 evaluate late can be sent to other processes as others can."""

from __future__ import annotations

import sys

import pytest
from support.run_command import run_command, run_script, write_jobs

HEAD = """
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import wraps
from typing import TYPE_CHECKING

from dojobber import DoJobber, DummyJob, Job

"""

TAIL = """
if __name__ == '__main__':
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(sys.argv[1])) as pool:
        engine = DoJobber()
        engine.configure(All, executor=pool, default_tries=1)
        engine.set_args(1)
        engine.checknrun()
    for name in sorted(engine.outcomes):
        print(name, engine.noderesults.get(name), engine.nodeexceptions.get(name))
"""

ANNOTATED = """
if TYPE_CHECKING:
    from decimal import Decimal

def twice(number: Decimal, *, factor: Decimal = 2) -> Nowhere:
    "Return the double."
    return number * factor

def noted(hook):
    @wraps(hook)
    def wrapper(self, *args: Decimal):
        return hook(self, *args)
    wrapper.note = 'kept'
    return wrapper

def countdown(number: Decimal):
    return [number, *countdown(number - 1)] if number else []

class Fields(Job):
    field: Decimal
    def Check(self, number):
        return number

class Method(Job):
    DEPS: list[Nowhere] = [Fields]
    def Check(self, number: Decimal, other: Nowhere = 3) -> Nowhere:
        return number, other, sorted(type(self).Check.__annotations__.items())

class Helped(Job):
    @noted
    def Check(self, number: Decimal):
        return twice(number), twice.__doc__, twice.__module__, type(self).Check.note

class Recursive(Job):
    def Check(self, number):
        return countdown(3)

class Closure(Job):
    def Check(self, number):
        def inner(summand: Nowhere) -> Decimal:
            return number + summand
        return inner(4)

class All(DummyJob):
    DEPS = (Method, Helped, Recursive, Closure)
"""

COMMAND = """
class Needed(Job):
    \"\"\"Is there.\"\"\"
    DEPS: Nowhere = ()
    def Check(self, folder: Nowhere, **kwargs: Nowhere) -> Nowhere:
        pass
    def Run(self, folder: Nowhere) -> Nowhere:
        pass
    def Cleanup(self) -> Nowhere:
        pass

class Root(Job):
    DEPS: list[Nowhere] = [Needed]
    def __init__(self) -> Nowhere:
        pass
    def Check(self, folder: Nowhere) -> Nowhere:
        return folder
"""

LAZY = """
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
"""


def results(folder, jobs, method):
    (folder / 'script.py').write_text(HEAD + jobs + TAIL, encoding='utf-8')
    status, out, err = run_script(folder, folder / 'script.py', method)
    assert (status, err) == (0, '')
    return out.splitlines()


@pytest.mark.skipif(sys.version_info < (3, 14), reason='needs Python 3.14, which evaluates annotations late')
@pytest.mark.parametrize('method', ['fork', 'spawn', 'forkserver'])
def test_a_job_whose_annotations_cannot_be_evaluated_is_pickled(method, tmp_path):
    texts = [('number', 'Decimal'), ('other', 'Nowhere'), ('return', 'Nowhere')]
    assert results(tmp_path, ANNOTATED, method) == [
        'All None None',
        'Closure 5 None',
        'Fields 1 None',
        f'Helped {(2, "Return the double.", "__main__", "kept")} None',
        f'Method {(1, 3, texts)} None',
        'Recursive [3, 2, 1] None',
    ]


@pytest.mark.skipif(sys.version_info < (3, 14), reason='needs Python 3.14, which evaluates annotations late')
@pytest.mark.parametrize('options', [[], ['-n'], ['-v', '-d'], ['-j', '2'], ['--json'], ['--list'], ['--tree']])
def test_the_command_evaluates_no_annotation(options, tmp_path):
    write_jobs(tmp_path, COMMAND)
    status, out, err = run_command(tmp_path, 'jobs.py:Root', '--set', 'folder=here', *options)
    assert status == 0
    assert 'Needed' in out
    assert 'Nowhere' not in out + err


@pytest.mark.skipif(sys.version_info < (3, 15), reason='needs Python 3.15, which can import lazily')
@pytest.mark.parametrize('method', ['fork', 'spawn', 'forkserver'])
def test_a_job_with_unused_lazy_imports_is_pickled(method, tmp_path):
    _, broken, *others = results(tmp_path, LAZY, method)
    assert "No module named 'there'" in broken
    assert others == ['Half 1/2 None', 'Sum 1.5 None', 'Tree a None']


@pytest.mark.skipif(sys.version_info < (3, 15), reason='needs Python 3.15, which can import lazily')
def test_the_command_works_if_all_imports_are_lazy(tmp_path):
    write_jobs(tmp_path, 'import json\nclass Root(Job):\n    def Check(self):\n        return json.loads("[1]")')
    status, out, err = run_command(tmp_path, 'jobs.py', '--json', PYTHON_LAZY_IMPORTS='all')
    assert (status, err) == (0, '')
    assert '"result": [' in out
