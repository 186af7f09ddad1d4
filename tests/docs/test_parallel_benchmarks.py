"""The parallel benchmarks measure what they claim. These tests do not care how long anything takes."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import graphs
import parallel
import pools
import pytest
from support.factories import make_engine

RUN = pathlib.Path(parallel.__file__)
LIMIT = 240  # seconds

DIAMOND = [[], [0], [0], [1, 2]]


@pytest.mark.parametrize(
    ('dependencies', 'seconds', 'workers', 'bound'),
    [
        ([[]], [3.0], 16, 3.0),
        ([[], [0], [1]], [1.0, 2.0, 4.0], 16, 7.0),  # a chain is as long as all its Jobs
        ([[], [], [], []], [1.0, 2.0, 3.0, 4.0], 2, 5.0),  # the total work over the workers
        ([[], [], [], []], [1.0, 2.0, 3.0, 4.0], 4, 4.0),  # but two workers cannot share a Job
        (DIAMOND, [1.0, 5.0, 2.0, 1.0], 2, 7.0),  # through the longer side
        (DIAMOND, [1.0, 5.0, 2.0, 1.0], 1, 9.0),
        ([[], [], [0], [1], [2, 3]], [1.0, 4.0, 5.0, 1.0, 0.0], 2, 6.0),  # the longest leaf is not on the longest path
    ],
)
def test_the_ideal_is_the_longest_path_or_the_total_work_over_the_workers(dependencies, seconds, workers, bound):
    assert pools.ideal(dependencies, seconds, workers) == bound


@pytest.mark.parametrize(
    ('name', 'jobs', 'bound'),
    [
        ('sleeping', 256, 0.32),  # 256 / 16 = 16 times 20 ms
        ('sleeping-columns', 32 * 8, 0.32),  # the same work; a chain takes 8 times 20 ms
        ('sleeping-unequal', 31 * 32 // 2, 0.62),  # the longest chain and all the work on 16 workers: 31 times 20 ms
    ],
)
def test_the_ideal_of_the_cases_that_sleep_20_ms_is_as_computed_by_hand(name, jobs, bound):
    case = parallel.CASES[name]
    dependencies, seconds = case.make()
    assert seconds == [*[0.02] * jobs, 0.0]
    assert pools.ideal(dependencies, seconds, case.workers) == pytest.approx(bound)


def rounds(dependencies, workers, key):
    """Return how many rounds the Jobs below the root take if each takes one; the ready ones go by their ``key``."""
    waiting, done, number = set(range(len(dependencies) - 1)), set(), 0
    while waiting:
        ready = [index for index in waiting if done.issuperset(dependencies[index])]
        done.update(sorted(ready, key=key)[:workers])
        waiting -= done
        number += 1
    return number


@pytest.mark.parametrize(
    ('name', 'in_plan_order', 'longest_first'), [('sleeping-columns', 16, 16), ('sleeping-unequal', 46, 31)]
)
def test_chains_take_their_ideal_time_longest_first_and_unequal_ones_more_in_plan_order(
    name, in_plan_order, longest_first
):
    case = parallel.CASES[name]
    dependencies, seconds = case.make()
    above = [0] * case.jobs  # the number of Jobs that each one holds up, one after the other
    for index in reversed(range(case.jobs)):
        for below in dependencies[index]:
            above[below] = above[index] + 1
    assert rounds(dependencies, case.workers, int) == in_plan_order
    assert rounds(dependencies, case.workers, lambda index: -above[index]) == longest_first
    assert longest_first * 0.02 == pytest.approx(pools.ideal(dependencies, seconds, case.workers))


@pytest.mark.parametrize('name', parallel.CASES)
def test_each_case_is_reproducible_and_its_root_never_sleeps(name):
    case = parallel.CASES[name]
    dependencies, seconds = case.make()
    assert (dependencies, seconds) == case.make()
    assert len(dependencies) == len(seconds) == case.jobs
    assert all(case.shortest <= each <= case.longest for each in seconds[:-1])
    assert seconds[-1] == 0
    assert case.sleeps == any(seconds)


@pytest.mark.parametrize('shape', graphs.SHAPES)
def test_plain_loop_and_engine_run_each_job_once_after_its_dependencies(shape, monkeypatch):
    dependencies = graphs.SHAPES[shape](60)
    numbers = [float(index) for index in range(60)]  # instead of seconds, to tell the Jobs apart
    napped = []
    monkeypatch.setattr(pools, 'nap', napped.append)

    def check_order(called):
        place = {index: at for at, index in enumerate(called)}
        assert sorted(called) == list(range(60))
        assert all(place[below] < place[index] for index, indexes in enumerate(dependencies) for below in indexes)

    jobs = pools.make_jobs(dependencies, numbers)
    for remote in (False, True):
        with ThreadPoolExecutor(4) as threads:
            ended = pools.run_graph(threads, jobs, remote)
        check_order([jobs.index(job) for job in ended])
        check_order(napped)
        napped.clear()

    engine = make_engine(jobs[-1], max_workers=4)
    engine.checknrun()
    assert engine.success()
    check_order(napped)


def test_an_exception_ends_the_plain_loop(monkeypatch):
    def fails(seconds):
        raise ValueError(seconds)

    monkeypatch.setattr(pools, 'nap', fails)
    with ThreadPoolExecutor(2) as threads, pytest.raises(ValueError, match=r'7\.0'):
        pools.run_graph(threads, pools.make_jobs([[], [0]], [7.0, 8.0]))


def document(*options):
    done = subprocess.run(
        [sys.executable, str(RUN), '--json', *options], capture_output=True, text=True, check=False, timeout=LIMIT
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_document(found, names, turns):
    assert [row['case'] for row in found['cases']] == names
    for row in found['cases']:
        case = parallel.CASES[row['case']]
        assert (row['executor'], row['workers'], row['shape']) == (case.executor, case.workers, case.shape)
        assert row['jobs'] == 4
        assert row['engine_ms'] > 0
        assert row['plain_ms'] > 0
        assert row['ratio'] > 0
        assert len(row['ratios']) == turns
        if case.sleeps:
            for side in 'engine', 'plain':
                assert row[f'{side}_of_ideal'] == pytest.approx(row[f'{side}_ms'] / row['ideal_ms'])
        else:
            assert row['engine_of_ideal'] is row['plain_of_ideal'] is None
            assert row['engine_overhead_us'] == pytest.approx(row['engine_ms'] * 1e3 / 4)
    assert [aim['met'] for aim in found['aims']] == [None] * 2, 'the aims are for larger graphs'
    assert {'processor', 'cores', 'python'} <= set(found['machine'])
    lines = parallel.table(found).splitlines()
    for row in found['cases']:
        about = [str(row[name]) for name in ('case', 'executor', 'workers', 'shape', 'jobs')]
        assert [line.split()[:5] for line in lines].count(about) == 1
    assert len([line for line in lines if line.startswith('not measured')]) == 2


def test_the_parallel_document_has_all_promised_fields():
    names = [name for name, case in parallel.CASES.items() if case.executor == 'threads']
    found = document('--jobs', '4', '--repeats', '1', '--turns', '2', '--cases', *names)
    assert found['setting'] == {'processes': 1, 'turns': 2}
    assert found['left_out'] == []
    check_document(found, names, turns=2)


@pytest.mark.parallel
def test_the_parallel_document_covers_processes_and_a_cluster():
    names = ['processes', 'dask']
    found = document('--jobs', '4', '--repeats', '2', '--turns', '1', '--cases', *names)
    check_document(found, names, turns=2)


def test_cases_whose_package_is_not_installed_are_reported_as_left_out(monkeypatch):
    monkeypatch.setattr(parallel.importlib.util, 'find_spec', lambda name: None)
    cases = {name: parallel.CASES[name] for name in ('processes', 'dask')}
    found = parallel.measure(cases, repeats=1, turns=1)
    assert found['cases'] == []
    assert found['left_out'] == [
        {'case': 'processes', 'requires': 'cloudpickle'},
        {'case': 'dask', 'requires': 'distributed'},
    ]
    assert 'left out: dask (pip install distributed)' in parallel.table(found).splitlines()


def test_a_row_has_the_medians_over_all_turns():
    case = pools.Case('threads', 2, 'wide', 5, 1.0, 1.0)
    row = parallel.row('sleeping', case, [(2.5, 2.0), (5.0, 2.5), (3.0, 3.0)])
    assert row['ideal_ms'] == 2000
    assert (row['engine_ms'], row['plain_ms']) == (3000, 2500)
    assert (row['engine_of_ideal'], row['plain_of_ideal']) == (1.5, 1.25)
    assert (row['engine_overhead_us'], row['plain_overhead_us']) == (200_000, 100_000)
    assert row['ratios'] == [1.25, 2.0, 1.0]
    assert row['ratio'] == 1.25


def test_all_cases_on_threads_have_the_16_threads_that_the_aims_name():
    assert {case.workers for case in parallel.CASES.values() if case.executor == 'threads'} == {16}


def test_the_aims_judge_the_worst_sleeping_case_and_the_worst_overhead_on_threads():
    rows = [
        {**parallel.CASES[name]._asdict(), 'case': name, 'engine_of_ideal': of_ideal, 'ratio': ratio}
        for name, of_ideal, ratio in [
            ('sleeping', 1.02, 9),
            ('sleeping-layered', 1.05, 9),
            ('sleeping-columns', 1.04, 9),
            ('sleeping-unequal', 1.06, 9),
            ('threads', None, 1.2),
            ('threads-layered', None, 1.3),
            ('processes', None, 9),
        ]
    ]
    sleeping, overhead = parallel.aims(rows)
    assert (sleeping['measured'], sleeping['where'], sleeping['met']) == (1.06, 'unequal', False)
    assert (overhead['measured'], overhead['where'], overhead['met']) == (1.3, 'layered', True)

    sleeping, overhead = parallel.aims([row for row in rows if row['case'] in ('sleeping-layered', 'processes')])
    assert (sleeping['measured'], sleeping['where'], sleeping['met']) == (1.05, 'layered', True)
    assert overhead['met'] is None
