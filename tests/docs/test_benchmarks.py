"""The benchmarks measure what they claim. These tests do not care how long anything takes."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import bare
import graphs
import pytest
import report
import run
from support.factories import make_engine

RUN = pathlib.Path(graphs.__file__).with_name('run.py')
LIMIT = 120  # seconds


def edges(dependencies):
    return [(index, below) for index, indexes in enumerate(dependencies) for below in indexes]


@pytest.mark.parametrize('shape', graphs.SHAPES)
@pytest.mark.parametrize('jobs', [1, 2, 3, 4, 5, 6, 7, 29, 100, 101, 102])
def test_each_shape_has_the_number_of_jobs_given_under_one_root(shape, jobs):
    dependencies = graphs.SHAPES[shape](jobs)
    assert len(dependencies) == jobs
    assert all(below < index for index, below in edges(dependencies))
    assert set(range(jobs)) - {below for _, below in edges(dependencies)} == {jobs - 1}
    assert len(bare.post_order(graphs.make_jobs(dependencies, 'passing')[-1])) == jobs


def test_each_job_of_a_chain_depends_on_the_one_before():
    assert graphs.chain(4) == [[], [0], [1], [2]]


def test_the_root_of_a_wide_graph_depends_on_all_others():
    assert graphs.wide(4) == [[], [], [], [0, 1, 2]]


def test_a_ladder_is_made_of_diamonds():
    assert graphs.ladder(7) == [[], [0], [0], [2, 1], [3], [3], [4, 5]]


def test_columns_are_chains_of_equal_length():
    assert graphs.columns(8, depth=3) == [[], [0], [1], [], [3], [4], [], [2, 5, 6]]
    *chains, root = graphs.columns(257)
    assert len(root) == chains.count([]) == 32
    assert root == list(range(7, 256, 8))


def test_each_unequal_chain_has_one_job_more_than_the_one_before():
    assert graphs.unequal(7) == [[], [], [1], [], [3], [4], [0, 2, 5]]


def test_the_last_unequal_chain_has_the_jobs_that_are_left_over():
    assert graphs.unequal(9) == [[], [], [1], [], [3], [4], [], [6], [0, 2, 5, 7]]


def test_each_job_of_a_layered_graph_has_fan_in_dependencies_in_the_layer_below():
    dependencies = graphs.layered(1000, depth=10, fan_in=3)
    assert dependencies[:100] == [[]] * 100
    for index, indexes in enumerate(dependencies[100:-1], 100):
        assert len(set(indexes)) == 3
        assert {below // 100 for below in indexes} == {index // 100 - 1}
        assert index - 100 in indexes


def test_a_layered_graph_depends_only_on_its_seed():
    assert graphs.layered(200) == graphs.layered(200)
    assert graphs.layered(200) != graphs.layered(200, seed=2)


def test_of_ten_failing_leaves_one_passes_in_its_last_attempt_and_one_never():
    *leaves, root = graphs.make_jobs(graphs.wide(11), 'failing')
    engine = make_engine(root, default_tries=graphs.TRIES)
    engine.checknrun()
    tries = [(engine.nodestatus[leaf.__name__], engine.outcomes[leaf.__name__].tries) for leaf in leaves]
    assert tries == [(True, 3), *[(True, 1)] * 4, (False, 3), *[(True, 1)] * 4]


@pytest.mark.parametrize('shape', graphs.SHAPES)
@pytest.mark.parametrize('leaves', graphs.LEAVES)
def test_engine_and_bare_loop_call_the_same_hooks_with_the_same_results(shape, leaves, monkeypatch):
    called = []

    def recording(hook):
        def record(job):
            called.append((type(job), hook.__name__))
            return hook(job)

        return record

    kinds = [{name: recording(hook) for name, hook in kind.items()} for kind in graphs.LEAVES[leaves]]
    monkeypatch.setitem(graphs.LEAVES, leaves, kinds)
    jobs = graphs.make_jobs(graphs.SHAPES[shape](120), leaves)

    not_passed = bare.run_graph(jobs[-1], graphs.TRIES)
    by_bare_loop = called[:]
    called.clear()
    engine = make_engine(jobs[-1], default_tries=graphs.TRIES)
    engine.checknrun()

    assert {job for job in jobs if not engine.nodestatus[job.__name__]} == not_passed
    assert sorted(map(repr, called)) == sorted(map(repr, by_bare_loop))
    assert called


def test_columns_and_unequal_chains_are_measured_only_if_they_are_named():
    assert set(graphs.SHAPES) - set(run.parse_options([]).shapes) == {'columns', 'unequal'}
    assert run.parse_options(['--shapes', 'unequal']).shapes == ['unequal']


def test_the_benchmark_document_has_all_promised_fields():
    options = ['--json', '--sizes', '20', '10', '--shapes', 'wide', '--repeats', '1']
    done = subprocess.run(
        [sys.executable, str(RUN), *options], capture_output=True, text=True, check=False, timeout=LIMIT
    )
    assert (done.returncode, done.stderr) == (0, '')
    document = json.loads(done.stdout)

    cases = [(case['shape'], case['leaves'], case['jobs']) for case in document['cases']]
    assert cases == [('wide', leaves, jobs) for leaves in ('passing', 'failing') for jobs in (10, 20)]
    for case in document['cases']:
        assert case['passed'] + case['failed'] + case['blocked'] == case['jobs']
        for figure in (
            'configure_us',
            'run_us',
            'success_us',
            'bare_us',
            'ratio',
            'plan_bytes',
            'kept_bytes',
            'peak_bytes',
        ):
            assert case[figure] > 0
        assert len(case['ratios']) == 1
    assert [(step['from'], step['to']) for step in document['growth']] == [(10, 20)] * 2
    assert document['failed_job']['kept_bytes'] > 0
    assert {'start_ms', 'stdlib_ms', 'dojobber_ms', 'dojobber_over_start_ms', 'ratio'} <= set(document['import'])
    assert {'processor', 'cores', 'python'} <= set(document['machine'])
    assert [aim['met'] for aim in document['aims'][:-1]] == [None] * 4, 'the aims are for larger graphs'

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


def test_growth_is_the_exponent_of_the_total_time():
    (step,) = report.growth(rows((10, 5, 1), (1000, 50_000, 10)))
    assert (step['from'], step['to']) == (10, 1000)
    assert step['engine'] == pytest.approx(2)
    assert step['bare'] == pytest.approx(0.5)


def test_growth_compares_only_graphs_of_the_same_shape_and_leaves():
    assert report.growth(rows((10, 1, 1)) + rows((20, 1, 1), leaves='failing') + rows((30, 1, 1), shape='chain')) == []


def test_the_worst_case_decides_whether_an_aim_is_met():
    cases = [
        {'shape': shape, 'leaves': 'passing', 'jobs': report.AIM_JOBS, 'ratio': ratio, 'kept_bytes': 500}
        for shape, ratio in (('chain', 6.4), ('wide', 6.51), ('ladder', 1.0))
    ]
    failed = {'jobs': report.AIM_JOBS, 'kept_bytes': 3000}
    ratio, growth, passed_job, failed_job, importing = report.aims(
        {'cases': cases, 'growth': [], 'failed_job': failed, 'import': {'ratio': 1.6}}
    )
    assert (ratio['measured'], ratio['where'], ratio['met']) == (6.51, 'wide passing', False)
    assert growth['met'] is None
    assert passed_job['met'] is True
    assert failed_job['met'] is True
    assert importing['met'] is False
