"""Jobs see the context variables (``contextvars``) of the caller, also on threads."""

from __future__ import annotations

import contextvars
import decimal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.factories import changing, job, make_engine

from dojobber import DummyJob, RunonlyJob

LIMIT = 20  # seconds

request = contextvars.ContextVar('request', default='none')


@pytest.fixture(params=['serial', 'own threads', 'pool', 'pool of a subclass'])
def options(request):
    class Derived(ThreadPoolExecutor):
        """A subclass of the application."""

    if not request.param.startswith('pool'):
        yield {'max_workers': 2 if request.param == 'own threads' else None}
        return
    kind = Derived if 'subclass' in request.param else ThreadPoolExecutor
    with kind(2) as executor:
        executor.submit(threading.get_ident).result(LIMIT)  # a thread that was there before
        yield {'executor': executor}


def test_every_hook_runs_in_the_context_in_which_checknrun_was_called(options):
    seen = []

    def see(self):
        seen.append((request.get(), str(decimal.Decimal(1) / 3)))

    def check(self):
        see(self)
        if not self.storage:
            raise ValueError

    def run(self):
        self.storage['ran'] = True
        see(self)

    engine = make_engine(job('Seeing', Check=check, Run=run, Cleanup=see, __init__=see), **options)
    for digits in (4, 7):
        token = request.set(f'request {digits}')
        seen.clear()
        with decimal.localcontext() as context:
            context.prec = digits
            engine.checknrun()
        request.reset(token)
        assert seen == [(f'request {digits}', '0.' + digits * '3')] * 5


def test_jobs_run_in_the_context_that_runs_the_engine(options):
    engine = make_engine(job('Seeing', Check=lambda self: request.get()), **options)
    context = contextvars.copy_context()
    context.run(request.set, 'of a task')
    context.run(engine.checknrun)
    assert engine.noderesults == {'Seeing': 'of a task'}
    engine.checknrun()
    assert engine.noderesults == {'Seeing': 'none'}


def test_jobs_on_two_threads_do_not_see_each_others_context_variables():
    barrier = threading.Barrier(2, timeout=LIMIT)

    def check(self):
        barrier.wait()
        request.set(type(self).__name__)
        barrier.wait()
        return request.get()

    root = job('Root', [job('A', Check=check), job('B', Check=check)], DummyJob)
    engine = make_engine(root, max_workers=2)
    engine.checknrun()
    assert engine.noderesults == {'A': 'A', 'B': 'B', 'Root': None}
    assert request.get() == 'none'


def test_on_threads_neither_later_attempts_nor_the_caller_see_the_context_variables_of_a_job():
    found = []

    def check(self):
        found.append(request.get())
        request.set(type(self).__name__)
        if len(found) < 3:
            raise ValueError

    leaf = job('Leaf', Check=check, Run=lambda self: None)
    make_engine(job('Root', [leaf], Check=check), max_workers=2).checknrun()
    assert found == ['none', 'Leaf', 'none', 'none'], 'of two attempts at the Leaf, the first rechecks'
    assert request.get() == 'none'


def test_context_variables_set_in_an_attempt_hold_until_it_ends(options):
    class Passing(RunonlyJob):
        def __init__(self):
            request.set('of this attempt')

        def Run(self):
            return request.get()

    token = request.set('of the caller')
    engine = make_engine(job('Root', [Passing, changing('Other')]), **options)
    engine.checknrun()
    request.reset(token)
    assert engine.noderesults['Passing'] == 'of this attempt'
