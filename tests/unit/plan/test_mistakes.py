"""Mistakes in Job classes that would pass in silence."""

from __future__ import annotations

import functools
import warnings

import pytest
from support.factories import changing, job, make_engine
from support.run_command import run_command, write_jobs

from dojobber import DepsError, DoJobber, DoJobberWarning, DummyJob, Job, RunonlyJob


def warnings_of(root):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        make_engine(root)
    return [str(warning.message) for warning in caught]


LEAF = job('Leaf')


@pytest.mark.parametrize(
    'name',
    ['DEP', 'deps', 'Deps', 'dEPS', 'DEPEND', 'depends', 'Dependency', 'DEPENDENCIES', 'dependencies', 'depends_on'],
)
@pytest.mark.parametrize('value', [LEAF, [LEAF], (LEAF, LEAF), {LEAF}])
def test_a_misspelled_deps_that_holds_jobs_is_refused(name, value):
    root = type('Root', (DummyJob,), {name: value})
    with pytest.raises(DepsError, match=f"^{name} of 'Root' has no effect: is it meant to be DEPS") as caught:
        make_engine(root)
    assert caught.value.culprit is root


def test_a_misspelled_deps_of_a_base_class_is_refused():
    base = type('Base', (Job,), {'deps': [LEAF]})
    with pytest.raises(DepsError, match=r"^deps of 'Base'"):
        make_engine(job('Root', base=base, Check=lambda self: None))


@pytest.mark.parametrize('value', [[], (), 'leaf', ['leaf'], [LEAF, 5], {'a': LEAF}, 5, None, iter([LEAF])])
def test_an_attribute_like_deps_that_holds_no_jobs_is_not_refused(value):
    assert warnings_of(job('Root', depends=value)) == []


def test_an_attribute_like_deps_beside_deps_is_not_refused():
    assert warnings_of(job('Root', [LEAF], depends=[LEAF])) == []


@pytest.mark.parametrize('name', ['run', 'RUN', 'rUn'])
def test_a_function_run_where_run_is_missing_is_warned_of(name):
    root = job('Root', **{name: lambda self: None})
    assert warnings_of(root) == [f"{name} of 'Root' has no effect: is it meant to be Run?"]


@pytest.mark.parametrize('name', ['cleanup', 'CleanUp', 'cleanUp', 'CLEANUP'])
def test_a_function_cleanup_where_cleanup_is_missing_is_warned_of(name):
    assert warnings_of(changing('Root', **{name: lambda self: None})) == [
        f"{name} of 'Root' has no effect: is it meant to be Cleanup?"
    ]


@pytest.mark.parametrize(('name', 'meant'), [('tries', 'TRIES'), ('Tries', 'TRIES'), ('retry_delay', 'RETRY_DELAY')])
def test_a_misspelled_setting_is_warned_of(name, meant):
    assert warnings_of(job('Root', **{name: 2})) == [f"{name} of 'Root' has no effect: is it meant to be {meant}?"]


@pytest.mark.parametrize('hook', ['Run', 'Cleanup'])
def test_a_hook_that_a_dummy_job_never_calls_is_warned_of(hook):
    (warning,) = warnings_of(type('Root', (DummyJob,), {hook: lambda self: None}))
    assert warning.startswith(f"'Root' is a DummyJob, whose Check passes, so its {hook} is never called")
    assert warnings_of(type('Root', (DummyJob,), {hook: lambda self: None, 'Check': lambda self: None})) == []


def test_a_class_is_warned_of_once():
    root = job('Root', run=lambda self: None, tries=2)
    assert len(warnings_of(root)) == 2
    assert warnings_of(root) == []
    assert warnings_of(job('Other', [root])) == []


def test_the_warning_names_the_line_that_called_configure():
    engine = DoJobber()
    with pytest.warns(DoJobberWarning, match='is it meant to be Run') as caught:
        engine.configure(job('Root', run=lambda self: None))
    assert caught[0].filename == __file__
    assert issubclass(DoJobberWarning, UserWarning)


def test_a_warning_that_is_an_error_leaves_the_engine_unchanged():
    engine = make_engine(job('Before'))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        with pytest.raises(DoJobberWarning):
            engine.configure(job('Root', run=lambda self: None))
    engine.checknrun()
    assert list(engine.outcomes) == ['Before']


def test_a_warning_does_not_depend_on_classes_seen_before():
    make_engine(job('First', tries='a string', run=5))
    assert len(warnings_of(job('Second', tries=5, run=lambda self: None))) == 2


class Helpers:
    """Classes that are right. Each has a helper or a setting with one of those names."""

    class CallsRun(Job):
        def run(self, *command):
            return command

        def Check(self):
            return self.run('true')

    class CallsCheck(RunonlyJob):
        def check(self):
            return True

        def Run(self):
            assert self.check()

    class CallsCleanupInAnInnerFunction(Job):
        def cleanup(self):
            pass

        def Check(self):
            def finish():
                self.cleanup()

            finish()

    class CallsRunByName(Job):
        def run(self):
            pass

        def Check(self):
            self.run()

    class Base(Job):
        def run(self):
            pass

        def Check(self):
            pass

    class DerivedCallsRun(Base):
        def Check(self):
            self.run()

    class DerivedHasRun(Base):
        def Run(self):
            pass

    class PropertyCallsRun(Base):
        @property
        def state(self):
            return self.run()

    class ClassMethodCallsRun(Base):
        @classmethod
        def state(cls):
            return cls.run

    class RunIsAnAttribute(Job):
        run = 5
        cleanup = functools.partial(print)
        check = None

        def Check(self):
            pass

    class HasBoth(Job):
        def Check(self):
            pass

        def Run(self):
            pass

        def run(self):
            pass

        def check(self):
            pass

    class ReadsTries(Job):
        tries = 5

        def Check(self):
            assert self.tries

    class SetsBoth(Job):
        tries = 5
        TRIES = 2

        def Check(self):
            pass

    class Mixin:
        def run(self):
            pass

    class MixesIn(Mixin, Job):
        def Check(self):
            pass


@pytest.mark.parametrize(
    'kind', [kind for name, kind in vars(Helpers).items() if isinstance(kind, type) and name not in ('Base', 'Mixin')]
)
def test_a_class_with_a_helper_of_such_a_name_is_not_warned_of(kind):
    assert warnings_of(kind) == []


def test_an_unhashable_class_can_be_warned_of():
    class Meta(type):
        __hash__ = None

        def __eq__(cls, other):
            return cls is other

    root = Meta('Root', (Job,), {'Check': lambda self: None, 'run': lambda self: None})
    assert len(warnings_of(root)) == 1


def test_a_runonly_job_whose_run_is_misspelled_is_refused_with_a_hint():
    with pytest.raises(Exception, match='rename its method run'):
        make_engine(type('Root', (RunonlyJob,), {'run': lambda self: None}))


def test_the_command_prints_each_warning_once(tmp_path):
    write_jobs(tmp_path, 'class Root(Job):\n    def Check(self, **settings): pass\n    def run(self): pass')
    status, _, err = run_command(tmp_path, 'jobs.py')
    assert (status, err) == (0, "dojobber: warning: run of 'Root' has no effect: is it meant to be Run?\n")
    assert run_command(tmp_path, 'jobs.py', '--list')[2] == err
