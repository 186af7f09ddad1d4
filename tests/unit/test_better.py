"""Everything that dojobber 0.6.3 does not do as it documents works here."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys

import pytest
from support.factories import FakeClock, chain, changing, failing, job, make_engine, run_engine, scripted, stderr_lines

from dojobber import DepsError, DoJobber, GraphError, PlanError

LIMIT = 60  # seconds


def test_the_package_can_be_imported_and_draws_without_setuptools_or_distutils(tmp_path):
    code = (
        'import io, sys\n'
        'for gone in "setuptools", "pkg_resources", "distutils", "_distutils_hack": sys.modules[gone] = None\n'
        'from dojobber import DoJobber, DummyJob\n'
        'engine = DoJobber()\n'
        'engine.configure(type("Root", (DummyJob,), {}))\n'
        'engine.write_graph(io.BytesIO(), "dot")\n'
    )
    done = subprocess.run([sys.executable, '-W', 'error', '-c', code], capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')


def test_the_import_prints_nothing_without_dot_and_display(tmp_path):
    done = subprocess.run(
        [sys.executable, '-c', 'import dojobber'],
        env={**os.environ, 'PATH': str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')


def test_write_graph_without_a_renderer_is_an_error(no_renderer, tmp_path):
    with pytest.raises(GraphError), open(tmp_path / 'graph.png', 'wb') as filed:
        make_engine(job('Root')).write_graph(filed)


def test_a_second_checknrun_starts_afresh():
    engine = run_engine(job('Root', [job('Leaf')]))
    engine.checknrun()
    assert engine.nodestatus == {'Leaf': True, 'Root': True}


def test_checknrun_of_a_subgraph_with_a_failing_job_does_not_raise():
    engine = run_engine(job('Root', [job('Middle', [failing('Broken')])]), node='Middle')
    assert engine.nodestatus == {'Broken': False, 'Middle': None}


def test_sys_exit_in_a_job_fails_the_job_only():
    engine = run_engine(job('Root', [job('Leaves', Check=lambda self: sys.exit(1)), job('Stays')]))
    assert engine.nodestatus == {'Leaves': False, 'Stays': True, 'Root': None}
    assert isinstance(engine.nodeexceptions['Leaves'], SystemExit)


class TestCleanup:
    def test_cleanup_is_not_called_for_jobs_whose_run_was_not(self):
        log = []
        run_engine(job('Fine', Cleanup=lambda self: log.append('Fine')))
        run_engine(changing('Changes', Cleanup=lambda self: log.append('Changes')), no_act=True)
        assert log == []

    def test_a_second_call_of_cleanup_repeats_nothing(self):
        log = []
        engine = run_engine(changing('Done', Cleanup=lambda self: log.append('Done')), cleanup=False)
        engine.cleanup()
        engine.cleanup()
        assert log == ['Done']

    def test_an_error_in_a_cleanup_does_not_skip_the_others(self):
        log = []
        root = job(
            'Root',
            [
                changing('First', Cleanup=lambda self: log.append('First')),
                changing('Broken', Cleanup=lambda self: 1 / 0),
            ],
        )
        with pytest.raises(ZeroDivisionError):
            run_engine(root)
        assert log == ['First']

    def test_ctrl_c_does_not_skip_the_cleanups(self):
        def interrupt(self):
            raise KeyboardInterrupt

        log = []
        root = job('Root', [changing('Done', Cleanup=lambda self: log.append('Done'))], Check=interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_engine(root)
        assert log == ['Done']


def test_a_failing_leaf_under_a_long_chain_costs_no_more_than_its_attempts():
    log = []
    engine = run_engine(chain(1000, scripted('Leaf', (), log, passes_at=99, TRIES=3)))
    assert [phase for _, phase in log] == ['check', 'run', 'recheck'] * 3 + ['cleanup'] * 3
    assert list(engine.nodestatus.values()) == [False] + [None] * 999


def test_a_job_that_waits_for_its_retry_delays_no_other():
    log = []
    root = job(
        'Root', [scripted('Waits', (), log, passes_at=2, RETRY_DELAY=9), scripted('Quick', (), log, passes_at=2)]
    )
    run_engine(root, clock=FakeClock())
    assert [name for name, phase in log if phase == 'check'] == ['Waits', 'Quick', 'Quick', 'Waits']


def test_two_classes_of_one_name_are_refused():
    with pytest.raises(PlanError, match="'Same' was defined twice"):
        make_engine(job('Root', [job('Same'), job('Same')]))


def test_a_dependency_may_be_listed_twice_and_an_engine_configured_twice():
    leaf = job('Leaf')
    engine = run_engine(job('Root', [leaf, leaf]))
    engine.configure(job('Root', [leaf, leaf]))
    engine.checknrun()
    assert engine.success()
    assert engine.graph.edges() == [('Root', 'Leaf')]


def test_deps_that_are_a_string_are_refused():
    with pytest.raises(DepsError):
        make_engine(job('Root', 'abc'))


def test_success_before_a_run_is_false_and_nodeexceptions_omit_jobs_that_passed_later():
    engine = make_engine(scripted('Late', (), [], passes_at=2))
    assert engine.success() is False
    engine.checknrun()
    assert (engine.success(), engine.nodeexceptions) == (True, {})


def test_each_developer_log_record_is_printed_once_however_many_engines_exist():
    logger = logging.getLogger('DoJobber')
    before = logger.level, logger.propagate, list(logger.handlers)
    try:
        engines = [DoJobber(dojobber_loglevel=logging.DEBUG) for _ in range(3)]
        lines = stderr_lines(engines[-1].configure, job('Root'))
    finally:
        logger.level, logger.propagate, logger.handlers[:] = before[0], before[1], before[2]
        logger.setLevel(before[0])
    assert len([line for line in lines if "planned 'Root'" in line]) == 1


def test_names_with_special_meaning_in_dot_are_drawn_unchanged(dot):
    picture = io.BytesIO()
    names = ['db:migrate', 'back\\slash', 'a "quote"']
    make_engine(job('Root', [job(name) for name in names])).write_graph(picture, 'json')
    assert {node['label'] for node in json.loads(picture.getvalue())['objects']} == {
        'Root',
        'db:migrate',
        'back\\\\slash',  # a label is DOT text, where backslashes are doubled
        'a "quote"',
    }


def test_debug_prints_the_traceback_of_a_failed_first_check_without_chaining_others():
    lines = stderr_lines(run_engine, failing('Broken'), debug=True, default_tries=1)
    first_check = lines[: lines.index('Broken.run: pass')]
    assert '  ValueError: Broken is not done' in first_check
    assert not [line for line in lines if 'During handling' in line]
