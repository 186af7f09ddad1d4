"""Jobs made by ``Job.named()``."""

from __future__ import annotations

import abc
import copy
import pickle

import pytest
from support.factories import make_engine, run_engine

from dojobber import DummyJob, Job, RunonlyJob


class Greet(Job):
    """Greet somebody."""

    WHO = None

    def Check(self):
        return f'Hello {self.WHO}'


class AbstractGreet(Greet, metaclass=abc.ABCMeta):
    pass


GREET_ADA = Greet.named('Greet Ada', WHO='Ada')


class GreetLoudly(GREET_ADA):
    pass


def test_a_named_job_is_a_subclass_with_that_name_and_these_attributes():
    assert issubclass(GREET_ADA, Greet)
    assert (GREET_ADA.__name__, GREET_ADA.WHO, Greet.WHO) == ('Greet Ada', 'Ada', None)
    assert GREET_ADA.__module__ == Greet.__module__


def test_a_named_job_keeps_the_docstring_unless_another_is_given():
    assert GREET_ADA.__doc__ == 'Greet somebody.'
    assert Greet.named('Other', __doc__='Another.').__doc__ == 'Another.'


def test_named_jobs_run_like_others():
    root = DummyJob.named('All', DEPS=[Greet.named(f'Greet {who}', WHO=who, TRIES=1) for who in ('Ada', 'Grace')])
    engine = run_engine(root)
    assert engine.noderesults == {'Greet Ada': 'Hello Ada', 'Greet Grace': 'Hello Grace', 'All': None}
    assert make_engine(RunonlyJob.named('Act', Run=lambda self: 5)).configure(root) is None


def test_any_attribute_can_be_given_even_one_called_name():
    made = Greet.named('Greet', name='Ada', cls=5)
    assert (made.name, made.cls) == ('Ada', 5)


@pytest.mark.parametrize('name', [5, None, b'Greet', Greet])
def test_a_name_that_is_not_a_string_is_a_type_error(name):
    with pytest.raises(TypeError):
        Greet.named(name)


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize('base', [Greet, AbstractGreet, GREET_ADA, GreetLoudly])
def test_a_named_job_can_be_pickled_if_its_base_can(base, protocol):
    made = base.named('Greet Grace', WHO='Grace', TRIES=2)
    made.WHO = 'Hopper'  # what was changed since counts
    copied = pickle.loads(pickle.dumps(made, protocol))
    assert (copied.__name__, copied.__doc__, copied.WHO, copied.TRIES) == ('Greet Grace', made.__doc__, 'Hopper', 2)
    assert issubclass(copied, Greet)
    assert pickle.loads(pickle.dumps(made(), protocol)).Check() == 'Hello Hopper'


def test_a_class_derived_from_a_named_job_by_a_statement_is_pickled_by_reference():
    assert pickle.loads(pickle.dumps(GreetLoudly)) is GreetLoudly


def test_a_named_job_is_copied_as_itself():
    assert copy.deepcopy(GREET_ADA) is GREET_ADA
    assert copy.copy(GREET_ADA) is GREET_ADA


def test_a_metaclass_stays():
    made = AbstractGreet.named('Greet')
    assert isinstance(made, abc.ABCMeta)
    assert type(made) is type(AbstractGreet.named('Other'))
