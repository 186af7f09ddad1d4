"""Jobs on executors whose workers are other processes: the same graphs on each kind of executor.

Tests that need Dask or loky, or take more than about two seconds, are marked ``parallel``.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import multiprocessing
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from concurrent import futures
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import pytest
from hypothesis import HealthCheck, example, given, settings
from support.factories import (
    changing,
    job,
    make_engine,
    mark_reached,
    run_engine,
    scripted,
    stderr_lines,
    wait_until_reached,
)
from support.model import Spec
from support.pickling import CustomInterrupt, FrozenError, NeedsTwoError
from support.strategies import graphs

from dojobber import (
    DummyJob,
    EventKind,
    GiveUp,
    Job,
    PlanError,
    RemoteError,
    RunonlyJob,
    Skip,
    State,
    StorageConflictError,
)
from dojobber._run.runner import Place, place_of

LIMIT = 120  # seconds after which a test counts as hanging

HERE = pathlib.Path(__file__).parent

SCRIPTS = HERE / 'scripts'

pytestmark = [
    # Python 3.12 and up, when a pool forks while another test's pool, or Dask, has threads.
    pytest.mark.filterwarnings('ignore:This process .* is multi-threaded, use of fork:DeprecationWarning'),
    # Threads of Dask, which draw random numbers while Hypothesis does.
    pytest.mark.filterwarnings('ignore:Do not use the `random` module inside strategies'),
]


@pytest.fixture(autouse=True)
def _time_limit():
    """End a test that hangs. The signal repeats, since the engine takes the first one for a Ctrl-C and waits."""

    def fail(signum, frame):
        raise TimeoutError(f'this takes more than {LIMIT} seconds')

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, LIMIT, 5)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def library(name):
    """Return the module ``name``. Skip the test if it is not installed, except in continuous integration."""
    try:
        return importlib.import_module(name)
    except ImportError:
        assert not os.environ.get('CI'), f'{name} must be installed here'
        pytest.skip(f'needs {name}')


def process_pool(method, workers=2):
    return ProcessPoolExecutor(workers, multiprocessing.get_context(method))


@contextlib.contextmanager
def interpreter_pool(workers=2):
    """Yield a pool of interpreters of this process. They cannot import this module, nor some modules it imports."""
    if sys.version_info < (3, 14):
        pytest.skip('needs Python 3.14')
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        code = f'import sys; sys.path[:] = {sys.path}'
        with futures.InterpreterPoolExecutor(workers, initializer=exec, initargs=(code,)) as pool:
            yield pool
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def loky_pool(workers=2):
    return library('loky').ProcessPoolExecutor(workers)


@contextlib.contextmanager
def dask_cluster():
    """Yield a Dask client of two worker processes, which are started again when they die."""
    distributed = library('distributed')
    home = '127.0.0.1'
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, host=home, dashboard_address=f'{home}:0')
    with cluster, distributed.Client(cluster) as client:
        yield client


@contextlib.contextmanager
def dask_pool():
    with dask_cluster() as client:
        yield client.get_executor(pure=False)


def environment():
    """Return the environment of processes that import the package, ``support`` and this module."""
    paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get('PYTHONPATH', '')])
    return {**os.environ, 'PYTHONPATH': paths}


def stop(process):
    """End a process, and kill it if it does not end soon."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(LIMIT)


@contextlib.contextmanager
def dask_commands(folder):
    """Yield an executor of a scheduler and two workers that are started by commands, as on several machines."""
    distributed = library('distributed')
    contact = str(folder / 'scheduler.json')
    scheduler = ['scheduler', '--host', '127.0.0.1', '--port', '0', '--no-dashboard', '--scheduler-file', contact]
    worker = ['worker', '--host', '127.0.0.1', '--nthreads', '1', '--no-dashboard', '--no-nanny']
    worker += ['--scheduler-file', contact, '--local-directory', str(folder)]
    with contextlib.ExitStack() as started:
        for command in (scheduler, worker, worker):
            process = subprocess.Popen(
                [sys.executable, '-m', 'dask', *command],
                env=environment(),
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            started.callback(stop, process)
        wait_until_reached(folder, 'scheduler.json')
        client = started.enter_context(distributed.Client(scheduler_file=contact, timeout=60))
        client.wait_for_workers(2, timeout=60)
        yield client.get_executor(pure=False)


PARALLEL = [pytest.param(kind, marks=pytest.mark.parallel) for kind in ('forkserver', 'loky', 'dask', 'dask commands')]


@pytest.fixture
def pool(shared):
    """Each kind of executor in turn, with two workers."""
    if shared is not None:
        yield shared
    else:
        with interpreter_pool() as executor:  # while it is there, processes cannot be forked
            yield executor


@pytest.fixture(scope='module', params=['fork', 'spawn', 'interpreters', *PARALLEL])
def shared(request, tmp_path_factory):
    """Each kind of executor in turn, or None for a pool of interpreters."""
    if request.param == 'loky':
        manager = loky_pool()
    elif request.param == 'interpreters':
        manager = contextlib.nullcontext()
    elif request.param == 'dask':
        manager = dask_pool()
    elif request.param == 'dask commands':
        manager = dask_commands(tmp_path_factory.mktemp('dask'))
    else:
        manager = process_pool(request.param)
    with manager as executor:
        yield executor


@pytest.fixture
def process_executor(pool):
    """Each kind of executor whose workers are other processes."""
    if place_of(pool) is not Place.ELSEWHERE:
        pytest.skip('tests workers in other processes')
    return pool


def results_of(engine):
    """Return the outcome of each Job without the seconds."""
    return {
        name: (outcome.state, outcome.tries, outcome.result, repr(outcome.exception), outcome.blocked_by)
        for name, outcome in engine.outcomes.items()
    }


def lines_by_job(lines):
    """Return the lines by Job. The lines of each attempt must follow each other."""
    blocks = {}
    for before, line in zip(['', *lines], lines):
        name, phase = line.split(':')[0].split('.')
        blocks.setdefault(name, []).append(line)
        after = {'check': '', 'run': f'{name}.check: fail', 'recheck': f'{name}.run: '}[phase]
        assert before.startswith(after), lines
    return blocks


def make_jobs(specs, log):
    """Return the root class of a random graph; its Jobs count their attempts in the global storage."""
    classes = {}
    for spec in specs:
        classes[spec.name] = scripted(
            spec.name,
            [classes[dep] for dep in spec.deps],
            log,
            spec.passes_at,
            spec.needs_run,
            spec.base,
            TRIES=spec.tries,
        )
    return classes[specs[-1].name]


def spec(name, deps=(), base=Job, passes_at=1, runs=False, tries=3):
    return Spec(name, tuple(deps), passes_at, runs, base, tries=tries)


ALL_KINDS = [
    spec('Fine'),
    spec('Late', passes_at=3, runs=True),
    spec('Never', passes_at=9, runs=True),
    spec('Only', ['Fine'], RunonlyJob, passes_at=2, runs=True),
    spec('Group', ['Late', 'Only'], DummyJob),
    spec('Changes', ['Group'], runs=True),
    spec('Blocked', ['Never', 'Changes']),
]


class TestLikeSerial:
    @example(ALL_KINDS)
    @settings(max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(graphs())
    def test_random_graphs_end_on_executors_as_in_serial_runs(self, pool, specs):
        log, events = [], []
        root = make_jobs(specs, log)
        serial = make_engine(root, verbose=True)
        expected = lines_by_job(stderr_lines(serial.checknrun))
        log.clear()
        engine = make_engine(root, verbose=True, executor=pool, listeners=[events.append])
        lines = stderr_lines(engine.checknrun)
        assert results_of(engine) == results_of(serial)
        assert lines_by_job(lines) == expected
        starts = [(event.job, event.attempt) for event in events if event.kind is EventKind.ATTEMPT_STARTED]
        runs = {(event.job, event.attempt) for event in events if event.kind is EventKind.RUN}
        bases = {spec.name: spec.base for spec in specs}
        pending = [job for job, attempt in starts if (job, attempt) in runs and bases[job] is not DummyJob]
        assert log == [(job, 'cleanup') for job in pending[::-1]], 'once each, the last started first'

    def test_no_act_on_executors_equals_no_act_in_serial_runs(self, pool):
        root = make_jobs(ALL_KINDS, [])
        assert results_of(run_engine(root, no_act=True, executor=pool)) == results_of(run_engine(root, no_act=True))

    def test_a_subgraph_runs_on_executors(self, pool):
        engine = run_engine(make_jobs(ALL_KINDS, []), node='Group', executor=pool)
        assert engine.nodestatus == dict.fromkeys(['Late', 'Fine', 'Only', 'Group'], True)
        assert engine.success()

    def test_arguments_reach_check_and_run_in_workers(self, pool):
        def check(self, *args, **kwargs):
            if 'run' not in self.storage:
                raise ValueError
            return self.storage['run'], args, kwargs

        def run(self, *args, **kwargs):
            self.storage['run'] = args, kwargs

        engine = make_engine(changing('Seen', Check=check, Run=run), executor=pool)
        engine.set_args(1, key={'two': 2})
        engine.checknrun()
        assert engine.noderesults == {'Seen': ((((1,), {'key': {'two': 2}}), (1,), {'key': {'two': 2}}))}

    def test_a_class_that_is_not_a_job_keeps_its_deps(self, pool):
        other = type('Other', (), {'DEPS': ['its own']})
        assert run_engine(job('Asks', Check=lambda self: other.DEPS), executor=pool).noderesults == {
            'Asks': ['its own']
        }

    def test_debug_shows_the_traceback_of_the_worker(self, pool):
        def check(self):
            local = threading.current_thread().name
            raise ValueError(f'worn out {bool(local)}')

        lines = stderr_lines(
            make_engine(job('Broken', Check=check), debug=True, default_tries=1, executor=pool).checknrun
        )
        assert lines[0] == 'Broken.check: fail'
        recheck = lines.index('Broken.recheck: fail "worn out True"')
        for part in (lines[1 : lines.index('Broken.run: fail')], lines[recheck + 1 :]):
            assert [line.startswith('  ') for line in part if line] == [True] * len([line for line in part if line])
            assert any(line.strip() == "raise ValueError(f'worn out {bool(local)}')" for line in part)
            assert not [line for line in part if 'attempt.py' in line or 'During handling' in line]


class TestSeveralAtOnce:
    def test_two_jobs_run_at_the_same_time_on_executors(self, process_executor, tmp_path):
        def meet(me, other):
            def check(self, folder):
                mark_reached(folder, me)
                wait_until_reached(folder, other)
                return os.getpid()

            return job(me, Check=check)

        engine = run_engine(
            job('Root', [meet('One', 'Two'), meet('Two', 'One')], DummyJob), str(tmp_path), executor=process_executor
        )
        assert engine.success(), engine.nodeexceptions
        assert len({os.getpid(), engine.noderesults['One'], engine.noderesults['Two']}) == 3

    def test_max_workers_limits_the_number_of_futures(self, pool, tmp_path):
        def check(self, folder):
            os.mkdir(os.path.join(folder, 'alone'))
            os.rmdir(os.path.join(folder, 'alone'))

        in_flight, most = set(), []

        def listen(event):
            if event.kind is EventKind.ATTEMPT_STARTED:
                in_flight.add(event.job)
            elif event.kind is EventKind.ATTEMPT_FINISHED:
                in_flight.remove(event.job)
            most.append(len(in_flight))

        root = job('Root', [job(f'Leaf{number}', Check=check) for number in range(6)], DummyJob)
        engine = run_engine(root, str(tmp_path), executor=pool, max_workers=1, listeners=[listen])
        assert engine.success(), engine.nodeexceptions
        assert max(most) == 1
        run_engine(
            job('Root', [job(f'Leaf{number}') for number in range(6)]), executor=pool, max_workers=3, listeners=[listen]
        )
        assert max(most) == 3

    def test_listeners_are_not_pickled(self, pool):
        lock, kinds = threading.Lock(), []

        def listen(event):
            with lock:  # which cannot be pickled
                kinds.append(event.kind)

        assert run_engine(job('Leaf'), executor=pool, listeners=[listen]).success()
        assert EventKind.CHECK in kinds

    def test_a_second_run_does_not_reuse_the_results_of_the_first(self, pool):
        random = job('Random', Check=lambda self: os.urandom(8))
        results = set()
        for engine in (make_engine(random, executor=pool), make_engine(random, executor=pool)):
            for _ in range(2):
                engine.checknrun()
                results.add(engine.noderesults['Random'])
        assert len(results) == 4

    def test_the_directory_of_workers_is_restored(self, process_executor, tmp_path):
        def check(self, away):
            self.storage.setdefault('seen', []).append((os.getpid(), os.getcwd()))
            os.chdir(away)
            if len(self.storage['seen']) == 1:
                raise ValueError
            return self.storage['seen']

        def run(self, away):
            self.storage['seen'].append((os.getpid(), os.getcwd()))
            os.chdir(away)

        home = os.getcwd()
        root = job('Root', [job(f'Moves{number}', Check=check, Run=run) for number in range(8)], DummyJob)
        engine = run_engine(root, str(tmp_path), executor=process_executor)
        seen = [place for name, result in engine.noderesults.items() if name != 'Root' for place in result]
        assert len(seen) == 24
        assert len(set(seen)) == len({pid for pid, _ in seen}), 'each worker has one directory'
        assert str(tmp_path) not in {directory for _, directory in seen}
        assert os.getcwd() == home


class TestStorages:
    def test_a_cleanup_is_called_here_with_the_storage_of_the_worker(self, process_executor):
        log = []

        def run(self):
            self.storage['ran'] = os.getpid()
            self.global_storage[type(self).__name__] = 'there'

        def cleanup(self):
            log.append((type(self).__name__, self.storage['ran'] != os.getpid(), dict(self.global_storage)))

        cleans = {'Run': run, 'Cleanup': cleanup}
        first = changing('First', **cleans)
        root = changing('Third', [changing('Second', [first], **cleans)], **cleans)
        engine = run_engine(root, executor=process_executor, cleanup=False)
        assert engine.success()
        assert log == []
        engine.cleanup()
        engine.cleanup()
        shared = dict.fromkeys(['First', 'Second', 'Third'], 'there')
        assert log == [('Third', True, shared), ('Second', True, shared), ('First', True, shared)]

    def test_a_storage_that_cannot_be_pickled_fails_only_its_cleanup(self, pool):
        log = []

        def run(self):
            self.storage['ran'] = threading.Lock()

        first = changing('First', Cleanup=lambda self: log.append('First'))
        locks = changing('Locks', [first], Run=run, Cleanup=lambda self: log.append('Locks'))
        last = changing('Last', [locks], Cleanup=lambda self: log.append('Last'))
        engine = make_engine(last, executor=pool)
        with pytest.raises(RemoteError, match='Locks cannot be cleaned up'):
            engine.checknrun()
        assert log == ['Last', 'First']
        assert engine.success()

    def test_writes_of_dependencies_reach_workers_and_changes_come_back(self, pool):
        base = job('Base', Check=lambda self: self.global_storage.update(grows=[1], goes=1, stays=1))

        def change(self):
            self.global_storage['grows'].append(2)
            del self.global_storage['goes']

        reads = [job(f'Reads{n}', [base], Check=lambda self: {**self.global_storage}) for n in range(3)]
        changes = job('Changes', [base], Check=change)
        stranger = job('Stranger', [], Check=lambda self: {**self.global_storage})
        after = job('After', [changes, *reads], Check=lambda self: {**self.global_storage})
        engine = run_engine(job('Root', [after, stranger], DummyJob), executor=pool)
        assert engine.success(), engine.nodeexceptions
        results = engine.noderesults
        assert results['Reads0'] == results['Reads2'] == {'grows': [1], 'goes': 1, 'stays': 1}
        assert results['After'] == {'grows': [1, 2], 'stays': 1}
        assert results['Stranger'] == {}

    def test_unordered_writers_of_one_key_conflict(self, pool):
        def write(self):
            self.global_storage['key'] = type(self).__name__

        root = job('Root', [job('One', Check=write), job('Two', Check=write)])
        engine = run_engine(root, executor=pool, default_tries=1)
        failed, passed = sorted(['One', 'Two'], key=engine.nodestatus.get)
        assert engine.nodestatus == {failed: False, passed: True, 'Root': None}
        error = engine.nodeexceptions[failed]
        assert isinstance(error, StorageConflictError)
        assert error.culprit == 'key'
        assert all(repr(word) in str(error) for word in ('One', 'Two', 'key'))

    def test_ordered_writers_of_one_key_do_not_conflict(self, pool):
        def count(self):
            self.global_storage['count'] = self.global_storage.get('count', 0) + 1
            if self.global_storage['count'] % 4:
                raise ValueError
            return self.global_storage['count']

        engine = run_engine(job('Second', [job('First', Check=count)], Check=count), executor=pool)
        assert engine.noderesults == {'First': 4, 'Second': 8}

    def test_each_run_on_executors_starts_with_an_empty_global_storage(self, pool):
        def check(self):
            return self.global_storage.setdefault('runs', os.urandom(8))

        engine = run_engine(job('Root', [job('Leaf', Check=check)], Check=check), executor=pool)
        first = dict(engine.noderesults)
        engine.checknrun()
        assert first['Leaf'] == first['Root'] != engine.noderesults['Root'] == engine.noderesults['Leaf']


class TestRaising:
    @pytest.mark.parametrize('error', [KeyboardInterrupt, CustomInterrupt, type('Dynamic', (BaseException,), {})])
    @pytest.mark.parametrize('phase', ['check', 'run', 'recheck'])
    def test_an_interrupt_in_a_worker_ends_the_run_after_the_cleanups(self, pool, error, phase):
        log = []

        def step(self, now):
            if now == phase:
                raise error('enough')
            if now == 'check':
                raise ValueError

        def check(self):
            step(self, 'recheck' if self.storage else 'check')

        def run(self):
            self.storage['ran'] = True
            step(self, 'run')

        first = changing('First', Cleanup=lambda self: log.append('First'))
        stops = changing('Stops', [first], Check=check, Run=run, Cleanup=lambda self: log.append('Stops'))
        engine = make_engine(job('Root', [stops, job('Other', [stops])]), executor=pool)
        with pytest.raises(error, match='enough'):
            engine.checknrun()
        assert log == (['First'] if phase == 'check' else ['Stops', 'First'])
        assert engine.nodestatus == {'First': True, 'Stops': False, 'Other': None, 'Root': None}
        assert run_engine(job('Again'), executor=pool).success(), 'the executor still works'

    def test_system_exit_in_a_worker_fails_only_its_job(self, pool):
        def leave(self):
            raise SystemExit(3)

        engine = run_engine(job('Root', [job('Leaves', Check=leave), job('Fine')]), executor=pool, default_tries=1)
        assert engine.nodestatus == {'Leaves': False, 'Fine': True, 'Root': None}
        assert engine.nodeexceptions['Leaves'].code == 3

    def test_objects_that_do_not_survive_pickling_are_replaced_by_errors(self, pool):
        def fail(self):
            raise NeedsTwoError('/bin/false', 1)

        root = job('Root', [job('Fails', Check=fail), job('Locks', Check=lambda self: threading.Lock())], DummyJob)
        engine = run_engine(root, executor=pool, default_tries=1)
        assert isinstance(engine.nodeexceptions['Fails'], RemoteError)
        assert 'NeedsTwoError: /bin/false ended with 1 (which cannot be sent' in str(engine.nodeexceptions['Fails'])
        assert 'raise NeedsTwoError' in str(engine.nodeexceptions['Fails'].__cause__)
        assert isinstance(engine.noderesults['Locks'], RemoteError)
        assert 'a lock (which cannot be sent' in str(engine.noderesults['Locks'])

    def test_a_value_that_cannot_be_pickled_fails_the_job_that_wrote_it(self, pool):
        puts = job('Puts', Check=lambda self: self.global_storage.update(bad=threading.Lock()))
        engine = run_engine(job('Root', [puts, job('Fine')]), executor=pool, default_tries=1)
        assert engine.nodestatus == {'Puts': False, 'Fine': True, 'Root': None}
        assert "'Puts' wrote a value to global_storage['bad'] that cannot be sent" in str(engine.nodeexceptions['Puts'])

    def test_arguments_that_cannot_be_pickled_end_the_run_before_any_job(self, pool):
        events = []
        engine = make_engine(job('Root', [job('Leaf')]), executor=pool, listeners=[events.append])
        engine.set_args(threading.Lock())
        with pytest.raises(RemoteError, match=r'arguments of set_args\(\) cannot be sent'):
            engine.checknrun()
        assert engine.nodestatus == {'Leaf': None, 'Root': None}
        assert [event.kind for event in events] == [EventKind.RUN_STARTED, EventKind.RUN_FINISHED]

    def test_a_class_that_cannot_be_pickled_fails_and_the_others_run(self, pool):
        engine = make_engine(
            job('Root', [job('Holds', lock=threading.Lock()), job('Fine')]),
            executor=pool,
            default_tries=2,
            verbose=True,
        )
        assert sorted(stderr_lines(engine.checknrun)) == ['Fine.check: pass', 'Holds.check: fail', 'Holds.check: fail']
        assert engine.nodestatus == {'Holds': False, 'Fine': True, 'Root': None}
        assert "'Holds' cannot be sent to a worker process" in str(engine.nodeexceptions['Holds'])

    def test_a_job_class_that_is_returned_stays_unchanged(self, pool):
        leaf = job('Leaf')
        root = job('Root', [leaf], Check=lambda self: self)
        engine = run_engine(root, executor=pool)
        assert type(engine.noderesults['Root']) is root
        assert list(root.DEPS) == [leaf]
        engine.configure(root, executor=pool)
        engine.checknrun()
        assert list(engine.nodestatus) == ['Leaf', 'Root']


class TestUnusable:
    def test_a_new_executor_works_after_one_that_was_shut_down(self):
        root = job('Root', [job('Leaf')])
        with process_pool('fork') as pool:
            engine = run_engine(root, executor=pool)
        with pytest.raises(RuntimeError, match='shutdown'):
            engine.checknrun()
        assert engine.nodestatus == {'Leaf': None, 'Root': None}
        with process_pool('fork') as pool:
            engine.configure(root, executor=pool)
            engine.checknrun()
        assert engine.success()

    def test_an_interrupt_during_submit_loses_no_job(self, capsys):
        class Interrupted:
            """The pool, with a Ctrl-C that arrives during its second call."""

            def __init__(self):
                self.calls = 0

            def submit(self, *call):
                future = pool.submit(*call)
                self.calls += 1
                if self.calls == 2:
                    raise KeyboardInterrupt
                return future

        log = []
        first = changing('First', Cleanup=lambda self: log.append('First'))
        second = changing('Second', Cleanup=lambda self: log.append('Second'))
        with process_pool('fork') as pool:
            engine = make_engine(job('Root', [first, second]), executor=Interrupted())
            with pytest.raises(KeyboardInterrupt) as caught:
                engine.checknrun()
            lines = capsys.readouterr().err.splitlines()
        assert log == ['First']
        assert engine.nodestatus == {'First': True, 'Second': False, 'Root': None}
        assert engine.nodeexceptions == {'Second': caught.value}
        assert lines == [
            'Second.cleanup: fail "not called: the wait for this Job was interrupted, and it is still running"',
        ]

    def test_a_process_pool_without_cloudpickle_is_refused(self, monkeypatch):
        with process_pool('fork') as pool:
            engine = make_engine(job('Before'))
            monkeypatch.setitem(sys.modules, 'cloudpickle', None)
            with pytest.raises(PlanError, match='pip install cloudpickle') as caught:
                engine.configure(job('Root'), executor=pool)
        assert caught.value.culprit is pool
        engine.checknrun()
        assert engine.nodestatus == {'Before': True}, 'nothing has changed'


class TestOddErrors:
    def test_an_immutable_exception_fails_its_job_and_loses_no_cleanup(self, pool):
        def fail(self):
            raise FrozenError

        def run(self):
            self.storage['ran'] = True

        log = []
        members = {'Check': lambda self: 1 / len(self.storage), 'Run': run}
        cleans = changing('Cleans', **members, Cleanup=lambda self: log.append(self.storage))
        root = job('Root', [job('Fails', Check=fail), cleans], DummyJob)
        engine = run_engine(root, executor=pool, default_tries=1)
        assert engine.nodestatus == {'Fails': False, 'Cleans': True, 'Root': None}
        assert type(engine.nodeexceptions['Fails']) is FrozenError
        assert log == [{'ran': True}]

    def test_exceptions_with_sets_and_objects_always_arrive(self, pool):
        class Thing:
            pass

        def fail(self):
            raise KeyError({'a', 'bb', 'ccc', 'dddd', 'eeeee'}, Thing())

        root = job('Root', [job(f'Fails{number}', Check=fail) for number in range(10)], DummyJob)
        engine = run_engine(root, executor=pool, default_tries=1)
        errors = list(engine.nodeexceptions.values())
        assert [(type(error), error.args[0]) for error in errors] == [
            (KeyError, {'a', 'bb', 'ccc', 'dddd', 'eeeee'})
        ] * 10

    def test_readers_of_an_object_that_caches_do_not_conflict(self, pool):
        class Lazy:
            @functools.cached_property
            def words(self):
                return ['a', 'b']

        base = job('Base', Check=lambda self: self.global_storage.update(lazy=Lazy()))
        readers = [job(f'Reads{n}', [base], Check=lambda self: self.global_storage['lazy'].words) for n in range(4)]
        engine = run_engine(job('Root', readers, DummyJob), executor=pool)
        assert engine.success(), engine.nodeexceptions


def test_changes_of_a_class_between_runs_reach_the_workers(pool):
    counts = job('Counts', Check=lambda self: (self.number, os.getpid()), number=1)
    engine = make_engine(job('Root', [counts]), executor=pool)
    seen = []
    for number in range(4):
        counts.number = number
        engine.checknrun()
        seen.append(engine.noderesults['Counts'][0])
    assert seen == [0, 1, 2, 3]


class InterpreterPoolExecutor(ThreadPoolExecutor):
    """Calls a pickled copy of each function, like the executor of that name in Python 3.14."""

    def submit(self, function, /, *args):
        packed = pickle.dumps((function, args))

        def call():
            unpacked, values = pickle.loads(packed)
            return unpacked(*values)

        return super().submit(call)


class TestInterpreters:
    def test_a_pool_that_behaves_like_interpreters_works(self):
        def run(self):
            self.storage['lock free'] = True

        log = []
        cleans = changing('Cleans', Run=run, Check=lambda self: 1 / len(self.storage))
        cleans.Cleanup = lambda self: log.append(self.storage)
        with InterpreterPoolExecutor(2) as pool:
            engine = run_engine(job('Root', [cleans]), executor=pool)
        assert engine.success(), engine.nodeexceptions
        assert log == [{'lock free': True}]

    def test_derived_interpreter_pools_differ_from_thread_pools(self):
        derived = type('Derived', (InterpreterPoolExecutor,), {})
        plain = type('Plain', (ThreadPoolExecutor,), {'submit': lambda self, *call: super(plain, self).submit(*call)})
        places = []
        for kind in (InterpreterPoolExecutor, derived, ThreadPoolExecutor, plain):
            with kind(1) as pool:
                places.append(place_of(pool))
        assert places == [Place.INTERPRETERS, Place.INTERPRETERS, Place.THREADS, Place.THREADS]

    def test_an_interpreter_pool_without_cloudpickle_is_refused(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'cloudpickle', None)
        with InterpreterPoolExecutor(1) as pool, pytest.raises(PlanError, match='pip install cloudpickle'):
            make_engine(job('Root'), executor=pool)

    @pytest.mark.parametrize('make_pool', [interpreter_pool, partial(InterpreterPoolExecutor, 2)])
    def test_interpreters_share_the_directory_which_is_restored_at_the_end(self, make_pool, tmp_path):
        home = os.getcwd()

        def move(self, folder):
            os.chdir(folder)
            mark_reached(folder, 'moved')
            wait_until_reached(folder, 'seen')
            return os.getcwd()

        def stay(self, folder):
            wait_until_reached(folder, 'moved')
            seen = os.getcwd()
            mark_reached(folder, 'seen')
            return seen

        later = job('Later', [job('Moves', Check=move), job('Stays', Check=stay)])
        later.Check = lambda self, folder: os.getcwd()
        with make_pool() as pool:
            engine = make_engine(later, executor=pool, default_tries=1)
            engine.set_args(str(tmp_path))
            engine.checknrun()
        assert engine.noderesults == dict.fromkeys(['Moves', 'Stays', 'Later'], str(tmp_path))
        assert os.getcwd() == home

    def test_an_interpreter_that_cannot_start_ends_the_run(self):
        if sys.version_info < (3, 14):
            pytest.skip('needs Python 3.14')
        with futures.InterpreterPoolExecutor(1, initializer=exec, initargs=('1 / 0',)) as pool:
            engine = make_engine(job('Root', [job('Leaf')]), executor=pool)
            with pytest.raises(BrokenExecutor):
                engine.checknrun()
        assert engine.nodestatus == {'Leaf': False, 'Root': None}


def dying(name, deps=(), **members):
    """Return a Job class whose worker is killed in its Run, once 'Waits' runs beside it; without a folder it passes."""

    def check(self, folder=None, times=0):
        if folder is not None and not self.storage:
            raise ValueError

    def run(self, folder, times):
        wait_until_reached(folder, 'Waits')
        deaths = len([entry for entry in os.listdir(folder) if entry.startswith('death')])
        if deaths < times:
            mark_reached(folder, f'death{deaths}')
            os.kill(os.getpid(), signal.SIGKILL)
        self.storage['survived'] = True

    return changing(name, deps, **{'Check': check, 'Run': run, **members})


def half_done(log):
    """Return the root of a graph in which one worker dies while another works."""

    def wait(self, folder=None, times=0):
        if folder is not None:
            mark_reached(folder, 'Waits')
            wait_until_reached(folder, 'the end')

    first = changing('First', Cleanup=lambda self: log.append('First'))
    dies = dying('Dies', [first], Cleanup=lambda self: log.append('Dies'))
    return job('Root', [dies, job('Waits', [first], Check=wait)], DummyJob)


@pytest.mark.parallel
class TestLostWorkers:
    @pytest.mark.parametrize('kind', ['fork', 'spawn', 'forkserver', 'loky'])
    def test_a_pool_that_breaks_ends_the_run_after_the_cleanups(self, kind, tmp_path):
        log, events = [], []
        make_pool = loky_pool if kind == 'loky' else partial(process_pool, kind)
        root = half_done(log)
        with make_pool() as pool:
            engine = make_engine(root, executor=pool, default_tries=1, listeners=[events.append])
            engine.set_args(str(tmp_path), times=1)
            with pytest.raises(BrokenExecutor) as caught:
                engine.checknrun()
        assert log == ['First']
        assert engine.nodestatus == {'First': True, 'Dies': False, 'Waits': False, 'Root': None}
        assert all(isinstance(engine.nodeexceptions[name], BrokenExecutor) for name in ('Dies', 'Waits'))
        assert engine.outcomes['Root'].state is State.BLOCKED
        assert events[-1].kind is EventKind.RUN_FINISHED
        assert events[-1].exception is caught.value
        with make_pool() as pool:
            engine.configure(root, executor=pool)
            engine.set_args()
            engine.checknrun()
        assert engine.success(), engine.nodeexceptions
        assert log == ['First', 'First']

    def test_a_broken_pool_ends_the_run_at_once(self):
        with process_pool('fork') as pool:
            assert isinstance(pool.submit(os._exit, 1).exception(LIMIT), BrokenExecutor)
            engine = make_engine(job('Root', [job('Leaf')]), executor=pool)
            with pytest.raises(BrokenExecutor):
                engine.checknrun()
        assert engine.nodestatus == {'Leaf': None, 'Root': None}

    def test_dask_repeats_the_attempt_of_a_lost_worker(self, tmp_path):
        log = []
        mark_reached(tmp_path, 'the end')
        with dask_cluster() as client:
            engine = run_on_dask(half_done(log), client, str(tmp_path), times=1)
        assert engine.success(), engine.nodeexceptions
        assert (tmp_path / 'death0').exists()
        assert log == ['Dies', 'First'], 'the caller has seen one attempt'

    def test_dask_does_not_repeat_attempts_that_were_read(self, tmp_path):
        def meet(me, other):
            def check(self, folder, times):
                mark_reached(folder, me)
                mark_reached(folder, f'attempt of {me} {os.urandom(8).hex()}')
                wait_until_reached(folder, other)
                return os.getpid()

            return job(me, Check=check)

        mark_reached(tmp_path, 'Waits')
        root = dying('Dies', [meet('One', 'Two'), meet('Two', 'One')])
        with dask_cluster() as client:
            engine = run_on_dask(root, client, str(tmp_path), times=1)
        assert engine.success(), engine.nodeexceptions
        assert (tmp_path / 'death0').exists()
        assert engine.noderesults['One'] != engine.noderesults['Two'], 'the worker that died had run one of them'
        assert len(list(tmp_path.glob('attempt of *'))) == 2

    def test_dask_gives_up_a_job_that_kills_its_workers_and_the_others_go_on(self, tmp_path):
        log = []
        mark_reached(tmp_path, 'the end')
        dask = library('dask')
        with dask.config.set({'distributed.scheduler.allowed-failures': 1}), dask_cluster() as client:
            engine = run_on_dask(half_done(log), client, str(tmp_path), times=9)
            assert engine.nodestatus == {'First': True, 'Dies': False, 'Waits': True, 'Root': None}
            assert type(engine.nodeexceptions['Dies']).__name__ == 'KilledWorker'
            assert log == ['First']
            engine.set_args()
            engine.checknrun()
            assert engine.success(), engine.nodeexceptions

    def test_a_closed_dask_client_ends_the_run(self):
        with dask_cluster() as client:
            engine = make_engine(job('Root', [job('Leaf')]), executor=client.get_executor(pure=False))
        with pytest.raises(Exception, match=r'closed|not running'):
            engine.checknrun()
        assert engine.nodestatus == {'Leaf': None, 'Root': None}


def run_on_dask(root, client, *args, **kwargs):
    engine = make_engine(root, executor=client.get_executor(pure=False), default_tries=1)
    engine.set_args(*args, **kwargs)
    engine.checknrun()
    return engine


@pytest.mark.parallel
def test_an_executor_that_caches_results_runs_every_attempt():
    class Keeping:
        """Keeps all futures, so that Dask does not compute their calls again."""

        def __init__(self, executor):
            self.executor, self.kept = executor, []

        def submit(self, *call):
            self.kept.append(self.executor.submit(*call))
            return self.kept[-1]

    def check(self):
        raise ValueError(os.urandom(8))

    seen = []
    with dask_cluster() as client:
        executor = Keeping(client.get_executor(pure=True))
        assert len({executor.submit(os.urandom, 8).result(LIMIT) for _ in range(2)}) == 1, 'results are not cached'
        engine = make_engine(job('Random', Check=check), executor=executor, listeners=[seen.append])
        for _ in range(2):
            engine.checknrun()
    errors = [event.exception.args for event in seen if event.kind in (EventKind.CHECK, EventKind.RECHECK)]
    assert len(set(errors)) == len(errors) == 12, 'two runs of three attempts'


@contextlib.contextmanager
def running_script(folder, method, action='pass', on_sigint='ignore'):
    """Start the script in a process group of its own, as a terminal does, and kill that group at the end."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS / 'interrupted_pool.py'), method, str(folder), action, on_sigint],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def output_of(process):
    """Wait for the end of the script and return the lines of its stdout, and its stderr."""
    out, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, errors
    return out.splitlines(), errors


def wait_for_slow(folder):
    """Wait until the Job Slow runs and the engine has added its callback to the future."""
    wait_until_reached(folder, 'slow')
    wait_until_reached(folder, 'submitted 2')


PASSED_SLOW = ["{'First': True, 'Slow': True, 'Root': None}", '[False]']
INTERRUPTED = ['KeyboardInterrupt', "{'First': True, 'Slow': False, 'Root': None}", '[False]']


@pytest.mark.parallel
@pytest.mark.parametrize('method', ['fork', 'spawn', 'forkserver'])
class TestScripts:
    def test_classes_of_a_script_can_be_sent(self, method, tmp_path):
        with running_script(tmp_path, method) as process:
            lines, errors = output_of(process)
        passed = "{'First': True, 'Slow': True, 'Root': True}"
        assert lines == ['cleaned Slow True', 'cleaned First True', passed, "['Noises Off']"]
        assert errors == ''

    def test_an_interrupt_class_of_a_script_can_be_sent(self, method, tmp_path):
        with running_script(tmp_path, method, 'raise') as process:
            lines, errors = output_of(process)
        assert lines == ['cleaned Slow True', 'cleaned First True', 'CustomInterrupt', *INTERRUPTED[1:]]
        assert errors == ''

    def test_ctrl_c_waits_for_running_jobs_and_calls_their_cleanups(self, method, tmp_path):
        with running_script(tmp_path, method, 'wait') as process:
            wait_for_slow(tmp_path)
            os.kill(process.pid, signal.SIGINT)
            mark_reached(tmp_path, 'go')
            lines, errors = output_of(process)
        assert lines == ['cleaned Slow True', 'cleaned First True', *INTERRUPTED[:1], *PASSED_SLOW]
        assert errors == ''

    def test_workers_can_ignore_ctrl_c_on_a_terminal(self, method, tmp_path):
        with running_script(tmp_path, method, 'wait') as process:
            wait_for_slow(tmp_path)
            os.killpg(process.pid, signal.SIGINT)
            mark_reached(tmp_path, 'go')
            lines, _ = output_of(process)
        assert lines == ['cleaned Slow True', 'cleaned First True', *INTERRUPTED[:1], *PASSED_SLOW]

    def test_the_run_ends_even_if_ctrl_c_on_a_terminal_kills_workers(self, method, tmp_path):
        with running_script(tmp_path, method, 'wait', on_sigint='heed') as process:
            wait_for_slow(tmp_path)
            os.killpg(process.pid, signal.SIGINT)
            lines, _ = output_of(process)
        assert [line for line in lines if line != 'cleaned Slow True'] == ['cleaned First True', *INTERRUPTED]

    def test_a_second_ctrl_c_ends_the_wait_and_reports_skipped_cleanups(self, method, tmp_path):
        with running_script(tmp_path, method, 'wait') as process:
            wait_for_slow(tmp_path)
            os.kill(process.pid, signal.SIGINT)
            wait_until_reached(tmp_path, 'waiting')
            os.kill(process.pid, signal.SIGINT)
            wait_until_reached(tmp_path, 'end')
            mark_reached(tmp_path, 'go')
            lines, errors = output_of(process)
        assert lines == ['cleaned First True', *INTERRUPTED]
        assert errors.startswith('Slow.cleanup: fail "not called: the wait for this Job was interrupted')
        assert errors.count('\n') == 1


@pytest.mark.parallel
def test_jobs_run_on_mpi_workers(tmp_path):
    pytest.importorskip('mpi4py', reason='needs mpi4py and an MPI runtime')
    command = shutil.which('mpiexec', path=os.pathsep.join([os.environ['PATH'], os.path.dirname(sys.executable)]))
    if command is None:
        pytest.skip('needs the mpiexec of an MPI runtime')
    done = subprocess.run(
        [command, '-n', '3', sys.executable, '-m', 'mpi4py.futures', str(SCRIPTS / 'mpi_jobs.py')],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    passed = "{'Leaf': True, 'Late': True, 'Root': True, 'Interrupts': False} (True, 4)"
    assert done.stdout.splitlines() == ['cleaned True', passed]


def graph_of_verdicts():
    """Return the root of a graph of Jobs that give up, skip themselves, share a lock and know how the run has ended."""

    def give_up(self):
        raise GiveUp('no disk')

    def skip(self):
        raise Skip('not here')

    def fail(self):
        raise ValueError('not ready')

    locked = [changing(f'Locked{number}', LOCKS=('apt', f'host {number}')) for number in range(4)]
    skips = job('Skips', [locked[0]], Check=skip)
    late = scripted('Late', [skips], [], 3, True, TRIES=3, RETRY_DELAY=(0, 0.01))
    only_checks = job('OnlyChecks', [locked[1]], Check=fail, TRIES=2)
    gives_up = job('GivesUp', [late], Check=fail, Run=give_up, TRIES=5)
    return type('Root', (DummyJob,), {'DEPS': [*locked, job('Above', [only_checks]), gives_up]})


@pytest.mark.parametrize(
    'options',
    [{}, {'no_act': True}, {'no_act': True, 'assume_changes': True}, {'skip': ['GivesUp', 'OnlyChecks']}],
    ids=['run', 'dry run', 'dry run that assumes changes', 'skip'],
)
def test_jobs_that_give_up_skip_themselves_and_share_locks_end_as_in_serial_runs(pool, options):
    serial = run_engine(graph_of_verdicts(), **options)
    engine = run_engine(graph_of_verdicts(), executor=pool, **options)
    assert results_of(engine) == results_of(serial)
    assert engine.nodestatus == serial.nodestatus
    assert {name: repr(error) for name, error in engine.nodeexceptions.items()} == {
        name: repr(error) for name, error in serial.nodeexceptions.items()
    }


def test_a_run_that_fails_fast_ends_its_running_attempts_and_tells_the_cleanups(pool):
    seen = []

    def clean_up(self, host):
        seen.append((host, self.run_succeeded))

    changed = job(
        'Changed',
        Check=lambda self, host: self.storage['ran'],
        Run=lambda self, host: self.storage.update(ran=True),
        Cleanup=clean_up,
    )

    def give_up(self, host):
        raise GiveUp('no disk')

    hopeless = job('Hopeless', [changed], Check=give_up)
    engine = make_engine(job('Root', [hopeless, job('Late', [hopeless])]), executor=pool, fail_fast=True, max_workers=2)
    engine.set_args(host='db1')
    engine.checknrun()
    assert seen == [('db1', False)]
    assert [outcome.state for outcome in engine.outcomes.values()] == [
        State.CHANGED,
        State.FAILED,
        State.BLOCKED,
        State.BLOCKED,
    ]
