"""A Cleanup knows whether the run has succeeded, and receives the arguments of ``set_args()`` if it takes them."""

from __future__ import annotations

import functools
import pickle

import pytest
from support.factories import changing, failing, job, make_engine

from dojobber import ArgumentsError, DoJobber, Job


def told(log, name='Told', **members):
    """Return a Job whose Cleanup logs what it knows of the run."""
    return changing(name, Cleanup=lambda self: log.append((name, self.run_succeeded)), **members)


def interrupting(name='Interrupting', deps=()):
    def check(self):
        raise KeyboardInterrupt

    return job(name, deps, Check=check)


def test_a_cleanup_knows_that_every_job_has_passed(way):
    log = []
    make_engine(job('Root', [told(log)]), **way).checknrun()
    assert log == [('Told', True)]


def test_a_cleanup_knows_that_a_job_has_failed(way):
    log = []
    make_engine(job('Root', [told(log), failing('Broken')]), **way).checknrun()
    assert log == [('Told', False)]


def test_a_cleanup_knows_that_the_run_was_interrupted(way):
    log = []
    with pytest.raises(KeyboardInterrupt):
        make_engine(job('Root', [told(log), interrupting(deps=[])]), **way).checknrun()
    assert log in ([('Told', False)], []), 'on several workers, it may not have run yet'


def test_an_interrupt_after_all_jobs_have_passed_does_not_count_as_success():
    log = []

    def interrupt(event):
        if event.kind.value == 'attempt finished' and event.job == 'Root':
            raise KeyboardInterrupt

    engine = make_engine(job('Root', [told(log)]), listeners=[interrupt])
    with pytest.raises(KeyboardInterrupt):
        engine.checknrun()
    assert log == [('Told', False)]


def test_with_cleanup_false_a_cleanup_knows_its_own_run_whatever_ran_since():
    log = []
    engine = make_engine(told(log, 'First'), cleanup=False)
    engine.checknrun()
    engine.configure(job('Root', [told(log, 'Second'), failing('Broken')]), cleanup=False, default_retry_delay=0)
    engine.checknrun()
    engine.cleanup()
    assert sorted(log) == [('First', True), ('Second', False)]


def test_a_subgraph_has_succeeded_if_its_own_jobs_have_passed():
    log = []
    engine = make_engine(job('Root', [told(log), failing('Broken')]))
    engine.checknrun('Told')
    assert log == [('Told', True)]


def test_run_succeeded_is_none_before_cleanup_and_in_a_job_made_by_hand():
    seen = []
    noting = changing('Noting', Run=lambda self: seen.append(self.run_succeeded) or self.storage.update(ran=True))
    make_engine(noting).checknrun()
    assert seen == [None]
    assert noting().run_succeeded is None


@pytest.mark.parametrize('value', [False, property(lambda self: 'own')])
def test_a_class_that_uses_the_name_run_succeeded_for_itself_keeps_it(value):
    seen = []
    own = changing('Own', run_succeeded=value, Cleanup=lambda self: seen.append(self.run_succeeded))
    make_engine(own).checknrun()
    assert seen == ['own' if isinstance(value, property) else False]


def passed_to(cleanup, *args, **kwargs):
    """Return what ``cleanup`` is called with, when it is the Cleanup of a Job."""
    engine = make_engine(changing('Taking', Cleanup=cleanup))
    engine.set_args(*args, **kwargs)
    engine.checknrun()
    return calls.pop()


calls = []


def without_arguments(self):
    calls.append(((), {}))


def named(self, host, port=1):
    calls.append(((host, port), {}))


def Cleanup(self, *args, **kwargs):
    calls.append((args, kwargs))


def some(self, host, **kwargs):
    calls.append(((host,), kwargs))


def optional(self, force=False):
    calls.append(((force,), {}))


def keyword_only(self, *, host):
    calls.append(((), {'host': host}))


def silent_wrapper(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def honest_wrapper(function):
    return functools.wraps(function)(silent_wrapper(function))


@pytest.mark.parametrize(
    ('cleanup', 'expected'),
    [
        (without_arguments, ((), {})),
        (named, (('db1', 5), {})),
        (Cleanup, ((), {'host': 'db1', 'port': 5})),
        (lambda self, **kwargs: calls.append(((), kwargs)), ((), {'host': 'db1', 'port': 5})),
        (some, (('db1',), {'port': 5})),
        (silent_wrapper(without_arguments), ((), {})),
        (honest_wrapper(without_arguments), ((), {})),
        (honest_wrapper(named), (('db1', 5), {})),
        (staticmethod(lambda host, port: calls.append(((host, port), {}))), (('db1', 5), {})),
        (classmethod(named), (('db1', 5), {})),
        (functools.partialmethod(named, 'other'), (('other', 5), {})),
        (property(lambda self: functools.partial(named, self)), (('db1', 5), {})),
    ],
)
def test_a_cleanup_that_takes_arguments_receives_those_of_set_args(cleanup, expected):
    if isinstance(cleanup, functools.partialmethod):
        assert passed_to(cleanup, port=5) == expected
    else:
        assert passed_to(cleanup, host='db1', port=5) == expected


def test_a_cleanup_with_other_optional_parameters_is_called_without_arguments():
    assert passed_to(optional, host='db1') == ((False,), {})


def test_positional_arguments_are_passed_to_a_cleanup_too():
    assert passed_to(named, 'db1', 7) == (('db1', 7), {})


def test_a_cleanup_receives_the_arguments_of_its_own_run():
    engine = make_engine(changing('Taking', Cleanup=keyword_only), cleanup=False)
    engine.set_args(host='first')
    engine.checknrun()
    engine.set_args(host='second')
    engine.cleanup()
    assert calls.pop() == ((), {'host': 'first'})


def test_a_cleanup_whose_arguments_do_not_fit_fails_with_pythons_message(capsys):
    engine = make_engine(changing('Taking', Cleanup=keyword_only))
    engine.set_args(port=5)
    with pytest.raises(TypeError, match="unexpected keyword argument 'port'"):
        engine.checknrun()
    assert 'Taking.cleanup: fail' in capsys.readouterr().err


def test_check_args_includes_a_cleanup_that_needs_arguments():
    engine = DoJobber()
    engine.configure(job('Root', [changing('Taking', Cleanup=keyword_only), changing('Other', Cleanup=optional)]))
    engine.set_args()
    with pytest.raises(ArgumentsError, match=r"^[^\n]*\nTaking\.Cleanup: missing 'host'$"):
        engine.check_args()


def test_a_cleanup_property_that_exits_fails_once():
    class Exits(Job):
        def Check(self, **kwargs):
            assert self.storage

        def Run(self, **kwargs):
            self.storage['ran'] = True

        @property
        def Cleanup(self):
            raise SystemExit('no cleanup')

    engine = make_engine(Exits)
    engine.set_args(host='db1')
    with pytest.raises(SystemExit, match='no cleanup'):
        engine.checknrun()


def test_a_pending_cleanup_survives_pickling_with_its_context():
    engine = make_engine(Keeps, cleanup=False)
    engine.set_args('db1')
    engine.checknrun()
    pickle.loads(pickle.dumps(engine)).cleanup()
    assert calls.pop() == (('db1', True), {})


class Keeps(Job):
    def Check(self, host):
        assert self.storage

    def Run(self, host):
        self.storage['ran'] = True

    def Cleanup(self, host):
        calls.append(((host, self.run_succeeded), {}))
