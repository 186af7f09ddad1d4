"""With several workers, the Jobs with the longest chain of dependents start first; one at a time, the plan decides."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.factories import changing, job, make_engine, run_engine
from support.workers import LIMIT, call_in_time

from dojobber import EventKind


def graph(base=job):
    """Return the root of two single Jobs, listed first, and a chain of three Jobs."""
    top = base('Top', [base('Middle', [base('Bottom')])])
    return job('Root', [base('One'), base('Two'), top])


IN_PLAN_ORDER = ['One', 'Two', 'Bottom', 'Middle', 'Top', 'Root']


def started(root, **options):
    """Return the names of the Jobs in the order in which their attempts start."""
    names = []

    def listen(event):
        if event.kind is EventKind.ATTEMPT_STARTED:
            names.append(event.job)

    engine = make_engine(root, listeners=[listen], **options)
    call_in_time(engine.checknrun)
    assert engine.success() or options.get('no_act')
    return names


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_a_chain_runs_beside_the_single_jobs_that_are_listed_before_it():
    barrier = threading.Barrier(2)

    def meet(self):
        barrier.wait(LIMIT)

    one, two = job('One', Check=meet), job('Two', Check=meet)
    bottom = job('Bottom', Check=meet)  # in plan order, One would meet Two, and the chain would run alone
    top = job('Top', [job('Middle', [bottom])], Check=meet)
    assert run_engine(job('Root', [one, two, top]), max_workers=2).success()


@pytest.mark.parametrize('no_act', [False, True])
def test_on_several_workers_the_critical_path_starts_first(no_act):
    assert started(graph(), no_act=no_act, max_workers=2)[0] == 'Bottom'


def test_on_an_executor_the_critical_path_starts_first(pool):
    assert started(graph(), executor=pool)[:3] == ['Bottom', 'One', 'Two']
    assert started(graph(), executor=pool, max_workers=2)[0] == 'Bottom'


def test_in_processes_the_critical_path_starts_first(processes):
    assert started(graph(), executor=processes)[:3] == ['Bottom', 'One', 'Two']


@pytest.mark.parametrize('max_workers', [None, 1])
def test_one_at_a_time_the_order_of_the_plan_stays(max_workers):
    assert started(graph(), max_workers=max_workers) == IN_PLAN_ORDER


def test_on_one_worker_of_an_executor_the_order_of_the_plan_stays(pool, processes):
    assert started(graph(), executor=pool, max_workers=1) == IN_PLAN_ORDER
    assert started(graph(), executor=processes, max_workers=1) == IN_PLAN_ORDER


def test_outcomes_stay_in_plan_order(way):
    assert list(run_engine(graph(changing), **way).outcomes) == IN_PLAN_ORDER
