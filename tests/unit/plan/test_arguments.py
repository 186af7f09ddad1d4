"""Arguments of set_args() that do not fit."""

from __future__ import annotations

import functools
import sys

import pytest
from support.factories import job, make_engine
from support.run_command import run_command, write_jobs

from dojobber import (
    ArgumentsError,
    DoJobber,
    DoJobberError,
    DummyJob,
    Job,
    NotConfiguredError,
    RunonlyJob,
    UnknownJobError,
)


def faults_of(root, *args, node=None, **kwargs):
    """Return the lines of the error, without the first."""
    engine = make_engine(root)
    engine.set_args(*args, **kwargs)
    with pytest.raises(ArgumentsError) as caught:
        engine.check_args(node)
    first, *lines = str(caught.value).splitlines()
    assert first == 'the arguments of set_args() do not fit all Jobs'
    return lines


def check_with(source):
    """Return a Job whose Check has these parameters, given as source code."""
    namespace = {}
    exec(f'def check(self{source}): raise AssertionError("it was called")', namespace)
    return job('Root', Check=namespace['check'])


@pytest.mark.parametrize(
    ('parameters', 'args', 'kwargs', 'faults'),
    [
        (', host', [], {}, "missing 'host'"),
        (', host, port', [], {}, "missing 'host', missing 'port'"),
        (', host, port', ['db1'], {}, "missing 'port'"),
        (', *, host', ['db1'], {}, "missing 'host', unexpected positional arguments: 1"),
        ('', ['db1', 5], {}, 'unexpected positional arguments: 2'),
        ('', [], {'host': 1, 'port': 2}, "unexpected 'host', unexpected 'port'"),
        (', host', ['db1'], {'host': 1}, "'host' given twice"),
        (', host, /', [], {'host': 1}, "missing 'host', unexpected 'host'"),
        (', host, **rest', [], {'port': 1}, "missing 'host'"),
        (', hosts=()', [], {'host': 1}, "unexpected 'host'"),
    ],
)
def test_all_missing_and_unexpected_arguments_are_named(parameters, args, kwargs, faults):
    assert faults_of(check_with(parameters), *args, **kwargs) == [f'Root.Check: {faults}']
    with pytest.raises(TypeError):
        check_with(parameters).Check(None, *args, **kwargs)


@pytest.mark.parametrize(
    ('parameters', 'args', 'kwargs'),
    [
        ('', [], {}),
        (', host', ['db1'], {}),
        (', host', [], {'host': 'db1'}),
        (', host=None', [], {}),
        (', *args, **kwargs', [1, 2], {'a': 3}),
        (', host, /, **rest', ['db1'], {'host': 1}),
        (', host, *rest, port, **more', [1, 2, 3], {'port': 1, 'b': 2}),
    ],
)
def test_arguments_that_fit_raise_nothing_and_call_nothing(parameters, args, kwargs):
    engine = make_engine(check_with(parameters))
    engine.set_args(*args, **kwargs)
    assert engine.check_args() is None


def test_every_check_and_run_of_the_graph_is_compared():
    leaf = job('Leaf', Check=lambda self, host: None, Run=lambda self, port: None)
    root = job('Root', [leaf, job('Fine', Check=lambda self, **rest: None)], Check=lambda self: None)
    lines = ["Leaf.Check: missing 'host', unexpected 'user'", "Leaf.Run: missing 'port', unexpected 'user'"]
    assert faults_of(root, user=1) == [*lines, "Root.Check: unexpected 'user'"]
    assert faults_of(root, user=1, node=leaf) == lines
    engine = make_engine(root)
    engine.set_args(user=1)
    engine.check_args('Fine')
    engine.check_args(['Fine'])


def test_the_error_is_a_type_error_whose_culprit_are_the_names_of_the_jobs():
    engine = make_engine(job('Root', [job('Leaf', Check=lambda self, host: None)], DummyJob))
    with pytest.raises(ArgumentsError) as caught:
        engine.check_args()
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, DoJobberError)
    assert caught.value.culprit == ('Leaf',)


def test_check_args_needs_a_graph_and_a_job_of_it():
    with pytest.raises(NotConfiguredError, match='check_args'):
        DoJobber().check_args()
    with pytest.raises(UnknownJobError):
        make_engine(job('Root')).check_args('Other')


def test_base_classes_accept_all_arguments():
    engine = make_engine(type('Group', (DummyJob,), {'DEPS': [type('Act', (RunonlyJob,), {'Run': lambda self, a: a})]}))
    engine.set_args(a=1)
    engine.check_args()


class Odd(Job):
    """Hooks in other forms: each accepts ``host``."""

    @staticmethod
    def Check(host):
        return host

    @classmethod
    def Run(cls, host):
        return host


class Wrapped(Job):
    """Decorators may add arguments and remove them."""

    @functools.wraps(Odd.Run)
    def Check(self, *args, **kwargs):
        return self

    Run = functools.partialmethod(lambda self, connection, host: host, 'a connection')


class Computed(Job):
    """Hooks whose arguments cannot be known without calling code."""

    @property
    def Check(self):
        raise AssertionError('it was called')

    Run = print


@pytest.mark.parametrize('kind', [Odd, Wrapped, Computed])
def test_hooks_in_other_forms_are_not_refused_by_mistake(kind):
    engine = make_engine(kind)
    engine.set_args(host='db1')
    engine.check_args()


@pytest.mark.skipif(sys.version_info < (3, 14), reason='needs Python 3.14, which defers annotations')
def test_annotations_are_not_evaluated():
    namespace = {}
    exec(compile('def check(self, host: Undefined): pass', '<jobs>', 'exec', dont_inherit=True), namespace)
    assert faults_of(job('Root', Check=namespace['check'])) == ["Root.Check: missing 'host'"]


@pytest.mark.parametrize('kind', [Odd, Wrapped])
def test_hooks_in_other_forms_are_compared_too(kind):
    assert faults_of(kind)[-1] == f"{kind.__name__}.Run: missing 'host'"


def test_checknrun_does_not_check_arguments_first():
    engine = make_engine(job('Root', [job('Leaf')], Check=lambda self, host: None), default_tries=1)
    engine.checknrun()
    assert engine.nodestatus == {'Leaf': True, 'Root': False}


def test_the_command_refuses_arguments_that_do_not_fit_before_anything_runs(tmp_path):
    write_jobs(
        tmp_path, 'class Leaf(Changing): pass\nclass Root(Job):\n    DEPS = [Leaf]\n    def Check(self, port): pass'
    )
    status, out, err = run_command(tmp_path, 'jobs.py', '--set', 'host=db1')
    assert (status, out) == (2, '')
    assert err.splitlines() == [
        'dojobber: the arguments of set_args() do not fit all Jobs',
        "Root.Check: missing 'port', unexpected 'host'",
    ]
    assert run_command(tmp_path, 'jobs.py', '--set', 'host=db1', '--only', 'Leaf')[0] == 0
    assert run_command(tmp_path, 'jobs.py', '--list')[0] == 0
