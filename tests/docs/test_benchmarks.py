"""The benchmarks measure what they say. How long anything takes is no matter of the tests."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import bare
import graphs
import pytest
import report
from support.factories import make_engine

RUN = pathlib.Path(graphs.__file__).with_name('run.py')


def edges(needs):
    return [(index, need) for index, indexes in enumerate(needs) for need in indexes]


@pytest.mark.parametrize('shape', graphs.SHAPES)
@pytest.mark.parametrize('jobs', [1, 2, 3, 4, 5, 6, 7, 29, 100, 101, 102])
def test_a_shape_has_as_many_jobs_as_asked_for_all_under_one_root(shape, jobs):
    needs = graphs.SHAPES[shape](jobs)
    assert len(needs) == jobs
    assert all(need < index for index, need in edges(needs))
    assert set(range(jobs)) - {need for _, need in edges(needs)} == {jobs - 1}
    assert len(bare.post_order(graphs.make_jobs(needs, 'passing')[-1])) == jobs


def test_in_a_chain_each_job_needs_the_one_before():
    assert graphs.chain(4) == [[], [0], [1], [2]]


def test_in_a_wide_graph_the_root_needs_all_others():
    assert graphs.wide(4) == [[], [], [], [0, 1, 2]]


def test_in_a_ladder_two_jobs_need_the_one_below_and_the_next_needs_both():
    assert graphs.ladder(7) == [[], [0], [0], [2, 1], [3], [3], [4, 5]]


def test_in_a_layered_graph_each_job_needs_as_many_of_the_layer_below():
    needs = graphs.layered(1000, depth=10, fan_in=3)
    assert needs[:100] == [[]] * 100
    for index, indexes in enumerate(needs[100:-1], 100):
        assert len(set(indexes)) == 3
        assert {need // 100 for need in indexes} == {index // 100 - 1}
        assert index - 100 in indexes


def test_a_layered_graph_is_the_same_each_time_and_another_with_another_seed():
    assert graphs.layered(200) == graphs.layered(200)
    assert graphs.layered(200) != graphs.layered(200, seed=2)


def test_of_ten_failing_leaves_one_passes_at_its_last_try_and_one_never():
    *leaves, root = graphs.make_jobs(graphs.wide(11), 'failing')
    engine = make_engine(root, default_tries=graphs.TRIES)
    engine.checknrun()
    tries = [(engine.nodestatus[leaf.__name__], engine.outcomes[leaf.__name__].tries) for leaf in leaves]
    assert tries == [(True, 3), *[(True, 1)] * 4, (False, 3), *[(True, 1)] * 4]


@pytest.mark.parametrize('shape', graphs.SHAPES)
@pytest.mark.parametrize('leaves', graphs.LEAVES)
def test_engine_and_bare_loop_agree_about_what_passes_and_call_the_same_hooks(shape, leaves, monkeypatch):
    called = []

    def noting(hook):
        def noted(job):
            called.append((type(job), hook.__name__))
            return hook(job)

        return noted

    kinds = [{name: noting(hook) for name, hook in kind.items()} for kind in graphs.LEAVES[leaves]]
    monkeypatch.setitem(graphs.LEAVES, leaves, kinds)
    jobs = graphs.make_jobs(graphs.SHAPES[shape](120), leaves)

    without = bare.work(jobs[-1], graphs.TRIES)
    by_bare_loop = called[:]
    called.clear()
    engine = make_engine(jobs[-1], default_tries=graphs.TRIES)
    engine.checknrun()

    assert {job for job in jobs if not engine.nodestatus[job.__name__]} == without
    assert sorted(map(repr, called)) == sorted(map(repr, by_bare_loop))
    assert called


def test_the_document_has_all_that_is_promised():
    options = ['--json', '--sizes', '20', '10', '--shapes', 'wide', '--repeats', '1']
    done = subprocess.run([sys.executable, str(RUN), *options], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')
    document = json.loads(done.stdout)

    cases = [(case['shape'], case['leaves'], case['jobs']) for case in document['cases']]
    assert cases == [('wide', leaves, jobs) for leaves in ('passing', 'failing') for jobs in (10, 20)]
    for case in document['cases']:
        assert case['passed'] + case['failed'] + case['blocked'] == case['jobs']
        for figure in 'configure_us', 'run_us', 'ask_us', 'bare_us', 'ratio', 'plan_bytes', 'kept_bytes', 'peak_bytes':
            assert case[figure] > 0
        assert len(case['ratios']) == 1
    assert [(each['from'], each['to']) for each in document['growth']] == [(10, 20)] * 2
    assert document['failed_job']['kept_bytes'] > 0
    assert {'start_ms', 'stdlib_ms', 'dojobber_ms', 'dojobber_over_start_ms', 'ratio'} <= set(document['import'])
    assert {'processor', 'cores', 'python'} <= set(document['machine'])
    assert [aim['met'] for aim in document['aims'][:-1]] == [None] * 4, 'they are about larger graphs'

    table = report.table(document).splitlines()
    assert len([line for line in table if line.startswith('wide ')]) == len(cases)
    assert len([line for line in table if line.startswith('not measured')]) == 4


def rows(*totals, shape='wide', leaves='passing'):
    """Return rows with (Jobs, seconds of the engine, seconds of the bare loop)."""
    return [
        {
            'shape': shape,
            'leaves': leaves,
            'jobs': jobs,
            'configure_us': engine / jobs / 2,
            'run_us': engine / jobs / 2,
            'bare_us': bare / jobs,
        }
        for jobs, engine, bare in totals
    ]


def test_growth_is_the_exponent_of_the_time_in_all():
    (step,) = report.growth(rows((10, 5, 1), (1000, 50_000, 10)))
    assert (step['from'], step['to']) == (10, 1000)
    assert step['engine'] == pytest.approx(2)
    assert step['bare'] == pytest.approx(0.5)


def test_growth_compares_a_graph_with_its_own_kind_only():
    assert report.growth(rows((10, 1, 1)) + rows((20, 1, 1), leaves='failing') + rows((30, 1, 1), shape='chain')) == []


def test_an_aim_is_judged_by_the_worst_case_and_missed_above_it():
    cases = [
        {'shape': shape, 'leaves': 'passing', 'jobs': report.AIM_JOBS, 'ratio': ratio, 'kept_bytes': 1000}
        for shape, ratio in (('chain', 7.9), ('wide', 8.01), ('ladder', 1.0))
    ]
    failed = {'jobs': report.AIM_JOBS, 'kept_bytes': 3000}
    ratio, growth, passed_job, failed_job, importing = report.aims(
        {'cases': cases, 'growth': [], 'failed_job': failed, 'import': {'ratio': 1.6}}
    )
    assert (ratio['seen'], ratio['where'], ratio['met']) == (8.01, 'wide passing', False)
    assert growth['met'] is None
    assert passed_job['met'] is True
    assert failed_job['met'] is True
    assert importing['met'] is False
