"""Loading the root Job that the command line names."""

from __future__ import annotations

import re
import sys

import pytest

from dojobber.cli.root import RootNotFoundError, imports_undone, load_root

JOBS = """
from dojobber import DummyJob, Job

class Lowest(Job):
    def Check(self): pass

class Base(Job):
    def Check(self): pass

class Middle(Base):
    DEPS = [Lowest]

class Highest(DummyJob):
    DEPS = (Middle,)

nothing = None
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a file into the current directory; at the end, undo imports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    before = set(sys.modules)

    def write(name, text=JOBS):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding='utf-8')
        return str(path)

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def error_of(text):
    with pytest.raises(RootNotFoundError) as caught:
        load_root(text)
    assert '\n' not in str(caught.value)
    return str(caught.value)


def test_a_file_and_a_job_name_a_root(write):
    path = write('some jobs.py')
    assert load_root(f'{path}:Middle').__name__ == 'Middle'
    assert load_root('some jobs.py:Lowest').__name__ == 'Lowest'


def test_a_module_and_a_job_name_a_root(write):
    write('package/jobs.py')
    assert load_root('package.jobs:Middle').__name__ == 'Middle'


def test_the_default_root_is_the_job_that_no_other_depends_on_or_derives_from(write):
    write('jobs.py')
    assert load_root('jobs.py').__name__ == 'Highest'
    assert load_root('jobs').__name__ == 'Highest'


def test_the_default_root_is_never_an_imported_job(write):
    write('other.py', JOBS.replace('Highest', 'Unneeded'))
    write('jobs.py', f'from other import *\n{JOBS}')
    assert load_root('jobs.py').__name__ == 'Highest'


def test_the_error_of_several_roots_names_them(write):
    write('jobs.py', f'{JOBS}\nclass Other(Base): pass\n')
    assert error_of('jobs.py') == 'jobs.py has 2 roots: Highest, Other; choose one, as in jobs.py:Highest'


def test_a_file_without_jobs_is_an_error(write):
    write('jobs.py', 'from dojobber import Job')
    assert error_of('jobs.py') == 'jobs.py defines no Job'
    assert error_of('jobs.py:Root') == "jobs.py has no Job 'Root'; known Jobs: none"


def test_a_file_whose_jobs_depend_on_each_other_has_no_root(write):
    write(
        'jobs.py', 'from dojobber import DummyJob\nclass A(DummyJob): pass\nclass B(DummyJob): DEPS = [A]\nA.DEPS = [B]'
    )
    assert error_of('jobs.py') == 'jobs.py has no root, a Job that no other Job depends on'


def test_a_file_can_import_modules_beside_it(write):
    write('folder/helper.py', 'from dojobber import DummyJob')
    write('folder/jobs.py', 'from helper import DummyJob\nclass Root(DummyJob): pass')
    assert load_root('folder/jobs.py').__name__ == 'Root'


def test_a_file_named_like_a_module_does_not_replace_it(write):
    import json

    assert load_root(write('json.py')).__name__ == 'Highest'
    assert sys.modules['json'] is json


def test_a_file_finds_itself_in_sys_modules(write):
    write('jobs.py', f'import sys\n{JOBS}\nassert sys.modules[__name__].Highest is Highest')
    assert load_root('jobs.py').__module__ == 'jobs'


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('jobs.py:Highst', "jobs.py has no Job 'Highst'; did you mean 'Highest'?"),
        ('jobs.py:Xyz', "jobs.py has no Job 'Xyz'; known Jobs: Lowest, Base, Middle, Highest"),
        ('jobs.py:nothing', "'nothing' in jobs.py is not a Job class; known Jobs: Lowest, Base, Middle, Highest"),
        ('jobs.py:DummyJob', "'DummyJob' in jobs.py is not a Job class; known Jobs: Lowest, Base, Middle, Highest"),
        ('absent.py:Highest', 'absent.py does not exist'),
        ('absent.py', 'absent.py does not exist'),
        ('absent:Highest', "absent cannot be imported: ModuleNotFoundError: No module named 'absent'"),
        ('text', 'text cannot be imported: ImportError: a file of Jobs must have a name that ends with .py'),
        *[
            (text, f'{text!r} is neither a file that ends with .py nor the name of a module')
            for text in ('', '.', '..', '.jobs', 'jobs.', './jobs', '/', ':Highest', 'a/b')
        ],
    ],
)
def test_the_error_of_a_job_that_cannot_be_found_is_one_line(write, text, message):
    write('jobs.py')
    write('text')
    assert error_of(text) == message


@pytest.mark.parametrize(
    ('code', 'message'),
    [
        ('x = (', r'SyntaxError: .+ \(jobs.py, line 1\)'),
        ('\nimport absent', r"ModuleNotFoundError: No module named 'absent' \(\S+jobs.py, line 2\)"),
        ('def f():\n  1 / 0\nf()', r'ZeroDivisionError: division by zero \(\S+jobs.py, line 2\)'),
        (
            'import sys\nsys.exit(7)',
            r"SystemExit: 7 \(\S+jobs.py, line 2\); put its script code under if __name__ == '__main__'",
        ),
        ('raise ValueError("two\\nlines")', r'ValueError: two\\nlines \(\S+jobs.py, line 1\)'),
    ],
)
def test_the_error_of_a_failed_import_has_file_and_line(write, code, message):
    write('jobs.py', code)
    assert re.fullmatch(f'jobs.py cannot be imported: ({message})', error_of('jobs.py'))


@pytest.mark.skipif(sys.platform == 'win32', reason='Windows cannot remove the current directory')
def test_a_missing_current_directory_is_an_error(write, tmp_path, monkeypatch):
    gone = tmp_path / 'gone'
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert error_of('jobs') == 'jobs cannot be imported: the current directory no longer exists'
    with imports_undone():
        assert load_root(write('jobs.py')).__name__ == 'Highest'


def test_imports_of_files_are_undone_after_the_block(write):
    path, modules = list(sys.path), set(sys.modules)
    for folder in 'one', 'two':
        write(f'{folder}/jobs.py', f'{JOBS}\nHighest.folder = {folder!r}')
        with imports_undone():
            root = load_root(f'{folder}/jobs.py')
            assert sys.modules[root.__module__].Highest is root
        assert root.folder == folder
        assert root.__module__ == 'jobs'
    assert (sys.path, set(sys.modules)) == (path, modules)


def test_a_file_that_cannot_be_imported_is_removed_from_sys_modules(write):
    write('jobs.py', '1 / 0')
    error_of('jobs.py')
    assert 'jobs' not in sys.modules


def test_modules_imported_by_name_stay_in_sys_modules(write):
    write('jobs.py')
    with imports_undone():
        root = load_root('jobs')
    assert sys.modules['jobs'].Highest is root
