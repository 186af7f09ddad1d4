"""Troubles of particular kinds: Jobs that meddle, engines inside and beside each other, a stderr or disk that fails."""

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


def cleaning(log, name, deps=(), **members):
    """Return a Job class that passes after its Run and logs its Cleanup."""
    return changing(name, deps, Cleanup=lambda self: log.append(name), **members)


def raising(error):
    """Return a hook that raises it."""

    def hook(self, *args, **kwargs):
        raise error

    return hook


class TestJobsThatMeddle:
    def test_what_a_job_does_to_the_classes_counts_from_the_next_configure_on(self):
        log, late = [], job('Late')

        def meddle(self):
            for each in (broken, root):
                each.TRIES, each.RETRY_DELAY = 5, 3600
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

    def test_what_a_hook_does_to_the_arguments_no_other_hook_sees(self):
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
    def test_a_job_that_calls_cleanup_itself_is_refused_and_nothing_is_cleaned_up_twice(self, options):
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

    def test_a_job_that_calls_cleanup_for_earlier_runs_is_refused_and_loses_no_cleanup_of_any(self):
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

    def test_a_cleanup_that_calls_cleanup_has_nothing_cleaned_up_twice(self):
        log = []

        def cleanup(self):
            log.append('Two')
            engine.cleanup()

        root = job('Root', [cleaning(log, 'One'), changing('Two', Cleanup=cleanup), cleaning(log, 'Three')])
        engine = make_engine(root, cleanup=False)
        engine.checknrun()
        engine.cleanup()
        assert log == ['Three', 'Two', 'One']

    def test_a_cleanup_that_starts_a_run_is_refused_and_stops_no_other(self):
        log = []
        again = changing('Again', Cleanup=lambda self: engine.checknrun())
        engine = make_engine(job('Root', [cleaning(log, 'One'), again, cleaning(log, 'Three')]))
        with pytest.raises(DoJobberError, match=r'^checknrun\(\) is already running'):
            engine.checknrun()
        assert log == ['Three', 'One']
        assert engine.success()


class TestErrorsThatCannotBeShown:
    @pytest.mark.parametrize('kind', ['RecursionError', 'MemoryError', 'an error without words'])
    @pytest.mark.parametrize('options', [{'verbose': True}, {'debug': True}])
    def test_they_spoil_no_line(self, kind, options):
        def strike(self):
            CONDITIONS[kind].strike('')

        odd = changing('Odd', Run=strike, Cleanup=strike)
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

    def test_a_listener_that_raises_one_is_logged_all_the_same(self, caplog):
        engine = run_engine(job('Fine'), listeners=[lambda event: CONDITIONS['an error without words'].strike('')])
        assert engine.success()
        assert [record.levelno for record in caplog.records] == [logging.CRITICAL]

    def test_a_picture_of_one_is_drawn(self, tmp_path):
        engine = run_engine(job('Odd', Check=raising(UnprintableError())), default_tries=1)
        for name in ('graph.dot', 'graph.mmd'):
            engine.write_graph(tmp_path / name)
            assert 'UnprintableError' in (tmp_path / name).read_text(encoding='utf-8')


class TestAnEngineInsideAnother:
    """A Job of the outer one works the inner one."""

    def nested(self, log, inner_check, **options):
        inner = make_engine(job('InnerRoot', [cleaning(log, 'Inner')], Check=inner_check), **options)

        def check(job):
            inner.checknrun()
            log.append('inner is done')

        middle = job('Middle', Check=check)
        outer = make_engine(job('Root', [cleaning(log, 'Outer'), middle, job('Other')]), default_tries=1)
        return outer, inner

    @pytest.mark.parametrize('error', [KeyboardInterrupt(), CustomInterrupt()])
    def test_an_interrupt_inside_ends_both_and_each_cleans_up(self, error):
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
    def test_a_job_that_fails_inside_fails_nothing_outside(self, error):
        log = []
        outer, inner = self.nested(log, raising(error), default_tries=1)
        outer.checknrun()
        assert log == ['Inner', 'inner is done', 'Outer']
        assert inner.nodeexceptions == {'InnerRoot': error}
        assert outer.success()

    def test_a_cleanup_error_inside_fails_the_job_outside(self):
        error = ValueError()
        inner = make_engine(changing('Inner', Cleanup=raising(error)))
        outer = run_engine(
            job('Root', [job('Works', Check=lambda self: inner.checknrun()), job('Other')]), default_tries=1
        )
        assert outer.nodestatus == {'Works': False, 'Other': True, 'Root': None}
        assert outer.nodeexceptions == {'Works': error}
        assert inner.success()


class Busy:
    """An engine at work in another thread: in the middle of its graph, until it is told to finish."""

    def __init__(self, log):
        self.errors = []
        self._at_work, self._go_on = threading.Event(), threading.Event()
        self.engine = make_engine(job('Root', [cleaning(log, 'Busy'), job('Waits', Check=lambda job: self._wait())]))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._at_work.wait(60)

    def _wait(self):
        self._at_work.set()
        assert self._go_on.wait(60)

    def _run(self):
        try:
            self.engine.checknrun()
        except BaseException as error:
            self.errors.append(error)

    def finish(self):
        self._go_on.set()
        self._thread.join()


class TestTwoThreads:
    @pytest.fixture
    def log(self):
        return []

    @pytest.fixture
    def busy(self, log):
        busy = Busy(log)
        yield busy
        busy.finish()

    def test_an_interrupt_in_one_engine_is_none_of_the_other(self, busy, log):
        hit = make_engine(job('Root', [cleaning(log, 'Hit')], Check=raising(CustomInterrupt())))
        with pytest.raises(CustomInterrupt):
            hit.checknrun()
        assert log == ['Hit']
        assert busy.engine.nodestatus == {'Busy': True, 'Waits': None, 'Root': None}
        busy.finish()
        assert (busy.errors, log) == ([], ['Hit', 'Busy'])
        assert busy.engine.success()
        assert hit.nodestatus == {'Hit': True, 'Root': False}

    def test_one_engine_works_for_one_thread_at_a_time(self, busy, log):
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
os._exit(0)  # Python itself has something to say about a stderr that it cannot flush
"""


class TestStderr:
    def work(self, stderr, run='pass', level=None, **options):
        code = NOISY.format(run=run, level=level)
        done = subprocess.run([sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=stderr, text=True, **options)
        assert done.returncode == 0
        assert json.loads(done.stdout) == [
            {'Leaf': True, 'Broken': False, 'Root': None},
            ['Broken', 'Broken', 'Leaf'],
        ]

    @pytest.mark.parametrize('level', [None, 10])
    def test_a_pipe_that_nobody_reads_stops_no_work(self, level):
        reader, writer = os.pipe()
        os.close(reader)
        try:
            self.work(writer, level=level)
        finally:
            os.close(writer)

    @pytest.mark.parametrize('level', [None, 10])
    def test_a_full_disk_behind_it_stops_no_work(self, level):
        if not os.path.exists('/dev/full'):
            pytest.skip('needs /dev/full')
        with open('/dev/full', 'wb') as full:
            self.work(full, level=level)

    @pytest.mark.parametrize('level', [None, 10])
    @pytest.mark.parametrize('run', ['os.close(2)', 'sys.stderr.close()', 'sys.stderr = None', 'del sys.stderr'])
    def test_a_job_that_closes_it_stops_no_work(self, run, level):
        self.work(subprocess.PIPE, run, level)

    @pytest.mark.parametrize('level', [None, 10])
    def test_one_that_is_closed_from_the_start_stops_no_work(self, level):
        self.work(None, level=level, preexec_fn=lambda: os.close(2))


class TestFullDisk:
    @pytest.fixture
    def limited(self):
        """Have no file grow beyond some bytes."""
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
    def test_a_new_picture_is_there_wholly_or_not_at_all(self, engine, renderer, limited, tmp_path, fmt, size):
        path = tmp_path / 'pictures' / 'graph'
        path.parent.mkdir()
        with limited(size), pytest.raises(OSError, match='graph'):
            engine.write_graph(path, fmt)
        assert list(path.parent.iterdir()) == []
        engine.write_graph(path, fmt)
        assert path.stat().st_size > 100
        assert engine.nodestatus == {'Changed': True, 'Broken': False, 'Root': None}

    def test_a_file_object_says_so_too(self, engine):
        if not os.path.exists('/dev/full'):
            pytest.skip('needs /dev/full')
        with open('/dev/full', 'wb', buffering=0) as full, pytest.raises(OSError, match='No space left'):
            engine.write_graph(full, 'dot')
        assert engine.nodestatus == {'Changed': True, 'Broken': False, 'Root': None}

    def test_a_picture_for_the_screen_is_not_left_half_written(self, engine, dot, limited, tmp_path, monkeypatch):
        monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
        with limited(100), pytest.raises(OSError, match='too large'):
            engine.display_graph()
        assert list(tmp_path.iterdir()) == []


class TestAfterAFailedConfigure:
    def circle(self):
        one = job('One', [])
        one.DEPS.append(job('Two', [one]))
        return one

    def test_an_engine_that_never_had_a_graph_can_still_get_one(self):
        engine = DoJobber()
        with pytest.raises(DoJobberError):
            engine.configure(self.circle())
        with pytest.raises(DoJobberError, match='call configure'):
            engine.checknrun()
        engine.configure(job('Fine'))
        engine.checknrun()
        assert engine.success()

    def test_everything_is_as_it_was_also_what_is_owed(self):
        log, told = [], []
        done = cleaning(log, 'Done')
        broken = job('Broken', Check=lambda self, *args: log.append(args) or 1 / 0)
        engine = make_engine(
            job('Root', [done, broken]), cleanup=False, default_tries=1, listeners=[lambda event: told.append(event)]
        )
        engine.set_args('kept')
        done.Check, done.Run = changing('Done').Check, changing('Done').Run
        engine.checknrun()
        outcomes = engine.outcomes
        with pytest.raises(DoJobberError):
            engine.configure(self.circle(), no_act=True, cleanup=True, default_tries=7, listeners=[])
        assert engine.outcomes == outcomes
        before = len(told)
        engine.checknrun()
        assert len(told) == 2 * before
        assert log == [('kept',), ('kept',)] * 2
        assert [outcome.state for outcome in engine.outcomes.values()] == [State.CHANGED, State.FAILED, State.BLOCKED]
        log.clear()
        engine.cleanup()
        assert log == ['Done', 'Done']

    def test_so_is_what_an_interrupt_left(self):
        log = []
        engine = make_engine(
            type('Root', (DummyJob,), {'DEPS': [cleaning(log, 'Done', Check=raising(CustomInterrupt()))]})
        )
        with pytest.raises(CustomInterrupt):
            engine.checknrun()
        with pytest.raises(DoJobberError):
            engine.configure(self.circle())
        assert engine.nodestatus == {'Done': False, 'Root': None}
        engine.configure(cleaning(log, 'Other'))
        engine.checknrun()
        assert (log, engine.nodestatus) == (['Other'], {'Other': True})
