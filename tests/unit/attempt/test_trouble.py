"""Jobs that meddle with the engine, nested and parallel engines, a stderr or disk that fails."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading

import pytest
from support.factories import changing, failing, job, make_engine, run_engine, stderr_lines
from support.faults import CONDITIONS, CustomInterrupt, UnprintableError

from dojobber import DoJobber, DoJobberError, DummyJob, State

LIMIT = 60  # seconds after which the test fails instead of waiting on


def cleaning(log, name, deps=(), **members):
    """Return a Job class that passes after Run and logs its Cleanup."""
    return changing(name, deps, Cleanup=lambda self: log.append(name), **members)


def raising(error):
    """Return a hook that raises ``error``."""

    def hook(self, *args, **kwargs):
        raise error

    return hook


class TestJobsThatMeddle:
    def test_changes_to_job_classes_during_a_run_take_effect_with_the_next_configure(self):
        log, late = [], job('Late')

        def meddle(self):
            for job_class in (broken, root):
                job_class.TRIES, job_class.RETRY_DELAY = 5, 3600
            root.DEPS.append(late)
            broken.DEPS = [root]
            raise ValueError

        broken = job('Broken', Check=meddle, Run=meddle, TRIES=2, RETRY_DELAY=0)
        root = job('Root', [cleaning(log, 'Done'), broken])
        engine = run_engine(root)
        assert engine.nodestatus == {'Done': True, 'Broken': False, 'Root': None}
        assert engine.outcomes['Broken'].tries == 2
        engine.checknrun()
        assert engine.outcomes['Broken'].tries == 2, 'the graph is that of configure()'
        assert log == ['Done', 'Done']
        broken.DEPS, broken.TRIES = [], 1
        engine.configure(root, default_retry_delay=0)
        engine.checknrun()
        assert engine.nodestatus == {'Done': True, 'Broken': False, 'Late': True, 'Root': None}

    def test_a_hook_that_changes_its_arguments_changes_them_for_no_other_hook(self):
        seen = []

        def meddle(self, *args, **kwargs):
            seen.append((args, dict(kwargs)))
            kwargs.clear()
            kwargs['other'] = True
            raise ValueError

        engine = make_engine(job('Root', [job('Meddles', Check=meddle, Run=meddle)]), default_tries=2)
        engine.set_args(1, name='x')
        engine.checknrun()
        engine.checknrun()
        assert seen == [((1,), {'name': 'x'})] * 12

    @pytest.mark.parametrize('options', [{}, {'max_workers': 2}])
    def test_a_job_that_calls_cleanup_fails_and_no_cleanup_is_called_twice(self, options):
        log = []
        calls = job('Calls', [cleaning(log, 'One')], Check=lambda self: engine.cleanup())
        engine = make_engine(job('Root', [calls, cleaning(log, 'Two')]), default_tries=1, **options)
        engine.checknrun()
        assert sorted(log) == ['One', 'Two']
        assert engine.nodestatus == {'One': True, 'Calls': False, 'Two': True, 'Root': None}
        error = engine.nodeexceptions['Calls']
        assert isinstance(error, DoJobberError)
        assert str(error).startswith('cleanup() cannot be called while checknrun() runs Jobs')
        engine.cleanup()
        assert sorted(log) == ['One', 'Two']

    def test_a_job_that_calls_cleanup_for_an_earlier_run_fails_and_no_cleanup_is_lost(self):
        log = []
        engine = make_engine(cleaning(log, 'Earlier'), cleanup=False)
        engine.checknrun()
        calls = job('Calls', Check=lambda self: engine.cleanup())
        engine.configure(job('Root', [calls, cleaning(log, 'Later')]), default_tries=1)
        engine.checknrun()
        assert isinstance(engine.nodeexceptions['Calls'], DoJobberError)
        assert log == ['Later']
        engine.cleanup()
        assert log == ['Later', 'Earlier']

    def test_a_cleanup_that_calls_cleanup_repeats_no_cleanup(self):
        log = []

        def cleanup(self):
            log.append('Two')
            engine.cleanup()

        root = job('Root', [cleaning(log, 'One'), changing('Two', Cleanup=cleanup), cleaning(log, 'Three')])
        engine = make_engine(root, cleanup=False)
        engine.checknrun()
        engine.cleanup()
        assert log == ['Three', 'Two', 'One']

    def test_a_cleanup_that_starts_a_run_fails_and_stops_no_other_cleanup(self):
        log = []
        again = changing('Again', Cleanup=lambda self: engine.checknrun())
        engine = make_engine(job('Root', [cleaning(log, 'One'), again, cleaning(log, 'Three')]))
        with pytest.raises(DoJobberError, match=r'^checknrun\(\) is already running'):
            engine.checknrun()
        assert log == ['Three', 'One']
        assert engine.success()


class TestUnprintableErrors:
    @pytest.mark.parametrize('kind', ['RecursionError', 'MemoryError', 'unprintable error'])
    @pytest.mark.parametrize('options', [{'verbose': True}, {'debug': True}])
    def test_an_unprintable_error_leaves_every_printed_line_complete(self, kind, options):
        def fail(self):
            CONDITIONS[kind].inject('')

        odd = changing('Odd', Run=fail, Cleanup=fail)
        root = job('Root', [changing('Done'), odd, job('Fine')])
        engine = make_engine(root, default_tries=1, **options)

        def run():
            with pytest.raises(CONDITIONS[kind].error):
                engine.checknrun()

        lines = [line for line in stderr_lines(run) if not line.startswith(' ')]
        assert [line.partition(' "')[0] for line in lines if not line.endswith('.cleanup running')] == [
            'Done.check: fail',
            'Done.run: pass',
            'Done.recheck: pass',
            'Odd.check: fail',
            'Odd.run: fail',
            'Odd.recheck: fail',
            'Fine.check: pass',
            'Odd.cleanup: fail',
        ]

    def test_a_listener_that_raises_an_unprintable_error_is_logged(self, caplog):
        engine = run_engine(job('Fine'), listeners=[lambda event: CONDITIONS['unprintable error'].inject('')])
        assert engine.success()
        assert [record.levelno for record in caplog.records] == [logging.CRITICAL]

    def test_an_unprintable_error_can_be_drawn(self, tmp_path):
        engine = run_engine(job('Odd', Check=raising(UnprintableError())), default_tries=1)
        for name in ('graph.dot', 'graph.mmd'):
            engine.write_graph(tmp_path / name)
            assert 'UnprintableError' in (tmp_path / name).read_text(encoding='utf-8')


class TestNestedEngines:
    """A Job of the outer engine runs the inner one."""

    def nested(self, log, inner_check, **options):
        inner = make_engine(job('InnerRoot', [cleaning(log, 'Inner')], Check=inner_check), **options)

        def check(job):
            inner.checknrun()
            log.append('inner is done')

        middle = job('Middle', Check=check)
        outer = make_engine(job('Root', [cleaning(log, 'Outer'), middle, job('Other')]), default_tries=1)
        return outer, inner

    @pytest.mark.parametrize('error', [KeyboardInterrupt(), CustomInterrupt()])
    def test_an_interrupt_in_an_inner_engine_ends_both_runs_and_both_clean_up(self, error):
        log, before = [], os.getcwd()

        def check(self):
            os.chdir(os.sep)
            raise error

        outer, inner = self.nested(log, check)
        with pytest.raises(type(error)) as caught:
            outer.checknrun()
        assert caught.value is error
        assert log == ['Inner', 'Outer']
        assert inner.nodestatus == {'Inner': True, 'InnerRoot': False}
        assert outer.nodestatus == {'Outer': True, 'Middle': False, 'Other': None, 'Root': None}
        assert os.getcwd() == before

    @pytest.mark.parametrize('error', [ValueError(), SystemExit(3)])
    def test_a_failed_job_of_an_inner_engine_fails_no_job_of_the_outer_one(self, error):
        log = []
        outer, inner = self.nested(log, raising(error), default_tries=1)
        outer.checknrun()
        assert log == ['Inner', 'inner is done', 'Outer']
        assert inner.nodeexceptions == {'InnerRoot': error}
        assert outer.success()

    def test_a_cleanup_error_of_an_inner_engine_fails_the_job_that_runs_it(self):
        error = ValueError()
        inner = make_engine(changing('Inner', Cleanup=raising(error)))
        outer = run_engine(
            job('Root', [job('Works', Check=lambda self: inner.checknrun()), job('Other')]), default_tries=1
        )
        assert outer.nodestatus == {'Works': False, 'Other': True, 'Root': None}
        assert outer.nodeexceptions == {'Works': error}
        assert inner.success()


class RunningEngine:
    """An engine that runs in another thread. One of its Jobs waits until ``finish()`` is called."""

    def __init__(self, log):
        self.errors = []
        self._waits, self._go_on = threading.Event(), threading.Event()
        self.engine = make_engine(job('Root', [cleaning(log, 'Busy'), job('Waits', Check=lambda job: self._wait())]))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._waits.wait(LIMIT)

    def _wait(self):
        self._waits.set()
        assert self._go_on.wait(LIMIT)

    def _run(self):
        try:
            self.engine.checknrun()
        except BaseException as error:
            self.errors.append(error)

    def finish(self):
        self._go_on.set()
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()


class TestTwoThreads:
    @pytest.fixture
    def log(self):
        return []

    @pytest.fixture
    def busy(self, log):
        busy = RunningEngine(log)
        yield busy
        busy.finish()

    def test_an_interrupt_in_one_engine_does_not_reach_another_in_a_second_thread(self, busy, log):
        hit = make_engine(job('Root', [cleaning(log, 'Hit')], Check=raising(CustomInterrupt())))
        with pytest.raises(CustomInterrupt):
            hit.checknrun()
        assert log == ['Hit']
        assert busy.engine.nodestatus == {'Busy': True, 'Waits': None, 'Root': None}
        busy.finish()
        assert (busy.errors, log) == ([], ['Hit', 'Busy'])
        assert busy.engine.success()
        assert hit.nodestatus == {'Hit': True, 'Root': False}

    def test_during_a_run_another_thread_can_neither_run_nor_configure_nor_clean_up(self, busy, log):
        with pytest.raises(DoJobberError, match=r'^checknrun\(\) is already running'):
            busy.engine.checknrun()
        with pytest.raises(DoJobberError, match=r'^configure\(\) cannot replace the graph'):
            busy.engine.configure(job('Other'))
        with pytest.raises(DoJobberError, match=r'^cleanup\(\) cannot be called while checknrun\(\) runs Jobs'):
            busy.engine.cleanup()
        assert log == []
        busy.finish()
        assert (busy.errors, log) == ([], ['Busy'])
        assert busy.engine.nodestatus == {'Busy': True, 'Waits': True, 'Root': True}


NOISY = """
import json, os, sys
from dojobber import DoJobber, Job

log = []

class Leaf(Job):
    def Check(self):
        assert 'ran' in self.storage, 'not yet'

    def Run(self):
        self.storage['ran'] = True
        {run}

    def Cleanup(self):
        log.append(type(self).__name__)

class Broken(Leaf):
    TRIES = 2
    RETRY_DELAY = 0

    def Run(self):
        pass

class Root(Job):
    DEPS = Leaf, Broken

    def Check(self):
        pass

engine = DoJobber(dojobber_loglevel={level})
engine.configure(Root, debug=True)
engine.checknrun()
print(json.dumps([engine.nodestatus, log]), flush=True)
os._exit(0)  # Python itself complains about a stderr that it cannot flush
"""


class TestStderr:
    def run(self, stderr, run='pass', level=None, **options):
        code = NOISY.format(run=run, level=level)
        done = subprocess.run(
            [sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=LIMIT, **options
        )
        assert done.returncode == 0
        assert json.loads(done.stdout) == [
            {'Leaf': True, 'Broken': False, 'Root': None},
            ['Broken', 'Broken', 'Leaf'],
        ]

    @pytest.mark.parametrize('level', [None, 10])
    def test_a_broken_pipe_as_stderr_does_not_stop_the_run(self, level):
        reader, writer = os.pipe()
        os.close(reader)
        try:
            self.run(writer, level=level)
        finally:
            os.close(writer)

    @pytest.mark.parametrize('level', [None, 10])
    def test_a_full_disk_behind_stderr_does_not_stop_the_run(self, level):
        if not os.path.exists('/dev/full'):
            pytest.skip('needs /dev/full')
        with open('/dev/full', 'wb') as full:
            self.run(full, level=level)

    @pytest.mark.parametrize('level', [None, 10])
    @pytest.mark.parametrize('run', ['os.close(2)', 'sys.stderr.close()', 'sys.stderr = None', 'del sys.stderr'])
    def test_a_job_that_closes_stderr_does_not_stop_the_run(self, run, level):
        self.run(subprocess.PIPE, run, level)

    @pytest.mark.parametrize('level', [None, 10])
    def test_a_stderr_that_was_never_open_does_not_stop_the_run(self, level):
        self.run(None, level=level, preexec_fn=lambda: os.close(2))


class TestFullDisk:
    @pytest.fixture
    def limited(self):
        """Limit the size of the files that are written, in bytes."""
        resource = pytest.importorskip('resource')

        @contextlib.contextmanager
        def limit(size):
            limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
            try:
                yield
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)

        return limit

    @pytest.fixture
    def engine(self):
        return run_engine(job('Root', [changing('Changed'), failing('Broken')]), default_tries=1)

    @pytest.mark.parametrize('fmt', ['dot', 'mermaid', 'svg', 'png'])
    @pytest.mark.parametrize('size', [0, 100])
    def test_a_picture_on_a_full_disk_is_complete_or_missing(self, engine, renderer, limited, tmp_path, fmt, size):
        path = tmp_path / 'pictures' / 'graph'
        path.parent.mkdir()
        with limited(size), pytest.raises(OSError, match='graph'):
            engine.write_graph(path, fmt)
        assert list(path.parent.iterdir()) == []
        engine.write_graph(path, fmt)
        assert path.stat().st_size > 100
        assert engine.nodestatus == {'Changed': True, 'Broken': False, 'Root': None}

    def test_a_picture_into_a_file_object_on_a_full_disk_is_an_error(self, engine):
        if not os.path.exists('/dev/full'):
            pytest.skip('needs /dev/full')
        with open('/dev/full', 'wb', buffering=0) as full, pytest.raises(OSError, match='No space left'):
            engine.write_graph(full, 'dot')
        assert engine.nodestatus == {'Changed': True, 'Broken': False, 'Root': None}

    def test_an_incomplete_picture_for_the_screen_is_removed(self, engine, dot, limited, tmp_path, monkeypatch):
        monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
        with limited(100), pytest.raises(OSError, match='too large'):
            engine.display_graph()
        assert list(tmp_path.iterdir()) == []


class TestAfterAFailedConfigure:
    def cycle(self):
        one = job('One', [])
        one.DEPS.append(job('Two', [one]))
        return one

    def test_an_engine_without_a_graph_can_be_configured_after_a_failed_configure(self):
        engine = DoJobber()
        with pytest.raises(DoJobberError):
            engine.configure(self.cycle())
        with pytest.raises(DoJobberError, match='call configure'):
            engine.checknrun()
        engine.configure(job('Fine'))
        engine.checknrun()
        assert engine.success()

    def test_a_failed_configure_keeps_the_results_the_settings_and_the_pending_cleanups(self):
        log, events = [], []
        done = cleaning(log, 'Done')
        broken = job('Broken', Check=lambda self, *args: log.append(args) or 1 / 0)
        engine = make_engine(job('Root', [done, broken]), cleanup=False, default_tries=1, listeners=[events.append])
        engine.set_args('kept')
        done.Check, done.Run = changing('Done').Check, changing('Done').Run
        engine.checknrun()
        outcomes = engine.outcomes
        with pytest.raises(DoJobberError):
            engine.configure(self.cycle(), no_act=True, cleanup=True, default_tries=7, listeners=[])
        assert engine.outcomes == outcomes
        before = len(events)
        engine.checknrun()
        assert len(events) == 2 * before
        assert log == [('kept',), ('kept',)] * 2
        assert [outcome.state for outcome in engine.outcomes.values()] == [State.CHANGED, State.FAILED, State.BLOCKED]
        log.clear()
        engine.cleanup()
        assert log == ['Done', 'Done']

    def test_a_failed_configure_keeps_the_results_of_an_interrupted_run(self):
        log = []
        engine = make_engine(
            type('Root', (DummyJob,), {'DEPS': [cleaning(log, 'Done', Check=raising(CustomInterrupt()))]})
        )
        with pytest.raises(CustomInterrupt):
            engine.checknrun()
        with pytest.raises(DoJobberError):
            engine.configure(self.cycle())
        assert engine.nodestatus == {'Done': False, 'Root': None}
        engine.configure(cleaning(log, 'Other'))
        engine.checknrun()
        assert (log, engine.nodestatus) == (['Other'], {'Other': True})
