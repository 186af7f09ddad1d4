"""A Cleanup knows whether the run has succeeded, and receives the arguments of ``set_args()`` if it takes them."""

from __future__ import annotations

import contextlib
import functools
import gc
import pickle
import subprocess
import sys
import threading
import weakref
from unittest import mock

import pytest
from support.factories import changing, failing, job, make_engine
from support.interrupts import interrupt_everywhere

from dojobber import ArgumentsError, DoJobber, DoJobberError, Job


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


@pytest.mark.parametrize(('value', 'kept'), [(False, False), (None, None), (property(lambda self: 'own'), 'own')])
def test_a_class_that_uses_the_name_run_succeeded_for_itself_keeps_it(value, kept):
    seen = []
    own = changing('Own', run_succeeded=value, Cleanup=lambda self: seen.append(self.run_succeeded))
    make_engine(own).checknrun()
    assert seen == [kept]


def test_a_cleanup_that_another_thread_calls_at_once_knows_that_the_run_has_succeeded():
    log, engine = [], DoJobber(cleanup=False)
    engine.configure(told(log))
    for _ in range(50):
        has_ended = threading.Event()

        def clean_up(has_ended=has_ended):
            while not has_ended.is_set():
                with contextlib.suppress(DoJobberError):
                    engine.cleanup()

        thread = threading.Thread(target=clean_up)
        thread.start()
        engine.checknrun()
        has_ended.set()
        thread.join()
        engine.cleanup()
    assert log == [('Told', True)] * 50


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


def optional_host(self, host=None):
    calls.append(((host,), {}))


def injecting(function):
    @functools.wraps(function)
    def wrapper(self):
        return function(self, 'injected')

    return wrapper


def adding(function):
    @functools.wraps(function)
    def wrapper(self, *args, **kwargs):
        return function(self, 'added', *args, **kwargs)

    return wrapper


def one_argument(self, database):
    calls.append(((database,), {}))


class NamelessHook:
    __name__ = None

    def __call__(self, *args, **kwargs):
        calls.append((args, kwargs))


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
        (optional, ((False,), {})),
        (injecting(one_argument), (('injected',), {})),
        (adding(one_argument), (('added',), {})),
        (NamelessHook(), ((), {})),
        (mock.Mock(side_effect=lambda: calls.append(((), {}))), ((), {})),
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


def test_an_optional_parameter_receives_only_an_argument_of_its_name():
    assert passed_to(optional_host, host='db1') == (('db1',), {})
    assert passed_to(optional_host, 'db1') == ((None,), {}), 'a positional argument may mean something else'


def test_a_builtin_cleanup_with_an_optional_parameter_is_called_without_arguments():
    engine = make_engine(changing('Collects', Cleanup=staticmethod(gc.collect)))
    engine.set_args('db1')
    engine.checknrun()


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


def test_an_interrupt_on_the_way_to_a_cleanup_with_arguments_is_raised_after_it_was_called():
    def check(interrupt):
        engine = make_engine(changing('Taking', Cleanup=named), cleanup=False)
        engine.set_args('db1')
        engine.checknrun()
        error = interrupt(engine.cleanup)
        assert isinstance(error, (KeyboardInterrupt, type(None)))
        engine.cleanup()
        assert calls == [(('db1', 1), {})]
        calls.clear()

    interrupt_everywhere(check)


def test_a_hook_that_cannot_even_be_read_is_given_up_and_the_others_are_called(capsys):
    class Unreadable(Job):
        def Check(self):
            assert self.storage

        def Run(self):
            self.storage['ran'] = True

        @property
        def Cleanup(self):
            raise KeyboardInterrupt

    log = []
    engine = make_engine(job('Root', [told(log), Unreadable]))
    with pytest.raises(KeyboardInterrupt):
        engine.checknrun()
    assert log == [('Told', False)]
    engine.cleanup()


def test_cleanups_are_called_after_a_job_has_made_imports_impossible():
    program = """
import sys
from dojobber import DoJobber, Job

class Drops(Job):
    def Check(self, user):
        assert self.storage, 'not yet'
    def Run(self, user):
        self.storage['ran'] = True
        sys.meta_path.clear()
    def Cleanup(self, user):
        print('cleaned up by', user)

engine = DoJobber()
engine.configure(Drops)
engine.set_args(user='ada')
engine.checknrun()
"""
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == 'cleaned up by ada\n'


def test_an_engine_forgets_the_arguments_of_a_run_that_has_ended():
    class Argument:
        pass

    engine = make_engine(Keeps)
    argument = Argument()
    engine.set_args(argument)
    engine.checknrun()
    calls.clear()
    engine.set_args()
    engine.configure(Keeps)
    reference = weakref.ref(argument)
    del argument
    gc.collect()
    assert reference() is None


def test_an_engine_can_be_pickled_after_a_run_with_arguments_that_cannot():
    engine = make_engine(Keeps)
    engine.set_args(threading.Lock())
    engine.checknrun()
    calls.clear()
    engine.set_args()
    assert pickle.loads(pickle.dumps(engine)).success()


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
