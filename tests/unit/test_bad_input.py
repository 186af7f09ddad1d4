"""Every public function raises its documented error for invalid arguments, and changes nothing."""

from __future__ import annotations

import io
import logging
import math
import pathlib

import pytest
from support.factories import changing, failing, job, make_engine, stderr_lines

from dojobber import (
    CycleError,
    DepsError,
    DoJobber,
    DoJobberError,
    DummyJob,
    GraphError,
    Job,
    NotConfiguredError,
    PlanError,
    RunonlyJob,
    UnknownJobError,
)


@pytest.fixture
def log():
    return []


@pytest.fixture
def engine(log):
    """Return an engine after a run, with a pending Cleanup."""
    root = job(
        'Root',
        [
            changing('Changed', Cleanup=lambda self: log.append('cleaned up')),
            job('Reads', Check=lambda self, *args, **kwargs: (args, kwargs)),
            failing('Broken'),
        ],
    )
    engine = make_engine(root, cleanup=False, default_tries=2, listeners=[lambda event: log.append(event.kind.value)])
    engine.set_args('kept', kept=True)
    engine.checknrun()
    log.clear()
    return engine


def state_of(engine):
    """Return everything that an engine returns about its run, and its picture."""
    picture = io.BytesIO()
    engine.write_graph(picture, 'dot')
    verdicts = (engine.success(), engine.partial_success(), engine.failure(), engine.outcomes)
    return (
        *verdicts,
        engine.nodestatus,
        engine.noderesults,
        engine.nodeexceptions,
        engine.graph.edges(),
        picture.getvalue(),
    )


def assert_refused(engine, log, call, error):
    """Assert that ``call`` raises ``error``, notifies nobody, and leaves the engine as it was."""
    before = state_of(engine)
    with pytest.raises(DoJobberError) as caught:
        call()
    assert type(caught.value) is error
    assert 'culprit' in vars(caught.value)
    assert state_of(engine) == before
    assert log == []
    assert stderr_lines(engine.checknrun) == []
    assert engine.noderesults['Reads'] == (('kept',), {'kept': True})
    assert engine.outcomes['Broken'].tries == 2
    assert (log[0], log[-1], 'cleaned up' in log) == ('run started', 'run finished', False)
    engine.cleanup()
    assert log.count('cleaned up') == 2


def cycle():
    one = job('One', [])
    one.DEPS.append(job('Two', [one]))
    return one


def stopping_midway():
    yield print
    raise OSError('the list of listeners cannot be read')


NO_NUMBERS = [0, -1, 0.5, math.nan, -math.inf, None, '3', b'3', [], {}, 1j, object(), int, print]
NO_DELAYS = [-1, math.inf, math.nan, 10**400, None, '3', b'3', [], {}, 1j, object(), int, print]
NO_DEPS = [None, 5, 'abc', b'abc', Job, [None], ['Job'], [int], [[]], {'Fine': 1}, [job('Fine')()], print, object()]


class TestConfigure:
    @pytest.mark.parametrize(
        'root', [None, '', 'Root', 5, True, [], (job('Fine'),), int, type, job('Fine')(), object(), print]
    )
    def test_configure_refuses_a_root_that_is_not_a_job_class(self, engine, log, root):
        assert_refused(engine, log, lambda: engine.configure(root), DepsError)

    @pytest.mark.parametrize('root', [Job, RunonlyJob, type('NoCheck', (Job,), {}), type('No', (RunonlyJob,), {})])
    def test_configure_refuses_jobs_without_the_required_hooks(self, engine, log, root):
        assert_refused(engine, log, lambda: engine.configure(job('Root', [root])), PlanError)

    @pytest.mark.parametrize('deps', NO_DEPS)
    def test_configure_refuses_deps_that_are_not_job_classes(self, engine, log, deps):
        root = job('Root', [job('Fine'), job('Culprit', deps)])
        assert_refused(engine, log, lambda: engine.configure(root), DepsError)

    def test_configure_refuses_a_cycle(self, engine, log):
        assert_refused(engine, log, lambda: engine.configure(job('Root', [cycle()])), CycleError)

    def test_configure_refuses_two_jobs_of_the_same_name(self, engine, log):
        root = job('Root', [job('Same'), job('Other', [job('Same')])])
        assert_refused(engine, log, lambda: engine.configure(root), PlanError)

    @pytest.mark.parametrize('number', NO_NUMBERS)
    @pytest.mark.parametrize('where', ['TRIES', 'default_tries'])
    def test_configure_refuses_invalid_tries(self, engine, log, number, where):
        self.refuse(engine, log, where, number)

    @pytest.mark.parametrize('number', NO_DELAYS)
    @pytest.mark.parametrize('where', ['RETRY_DELAY', 'default_retry_delay'])
    def test_configure_refuses_an_invalid_retry_delay(self, engine, log, number, where):
        self.refuse(engine, log, where, number)

    def refuse(self, engine, log, where, number):
        if where.isupper() and number is None:
            number = '1'  # None means the default
        root = job('Root', [job('Leaf', **({where: number} if where.isupper() else {}))])
        options = {} if where.isupper() else {where: number}
        assert_refused(engine, log, lambda: engine.configure(root, **options), PlanError)

    @pytest.mark.parametrize('listeners', [None, 5, print, 'ab', b'ab', [None], [print, 5], {'a': 1}, [[]]])
    def test_configure_refuses_listeners_that_are_not_callables(self, engine, log, listeners):
        assert_refused(engine, log, lambda: engine.configure(job('Root'), listeners=listeners), PlanError)

    def test_configure_refuses_listeners_that_cannot_be_iterated(self, engine, log):
        assert_refused(engine, log, lambda: engine.configure(job('Root'), listeners=stopping_midway()), PlanError)

    def test_a_refused_configure_leaves_an_unconfigured_engine_unconfigured(self):
        engine = DoJobber()
        for root in (None, cycle(), Job):
            with pytest.raises(PlanError):
                engine.configure(root)
        with pytest.raises(NotConfiguredError):
            engine.checknrun()
        assert (engine.outcomes, engine.success(), engine.failure()) == ({}, False, True)


class TestChecknrun:
    @pytest.mark.parametrize(
        'node',
        [
            *[
                '',
                'root',
                'Root ',
                b'Root',
                5,
                0,
                False,
                math.nan,
                [],
                ['Other'],
                ['Root', 5],
                {},
                set(),
                object(),
                print,
            ],
            *[int, type, Job, DummyJob, job('Root'), job('Root')()],
        ],
    )
    def test_checknrun_refuses_a_node_that_is_not_a_job_of_the_graph(self, engine, log, node):
        assert_refused(engine, log, lambda: engine.checknrun(node), UnknownJobError)


def calls_that_need_a_graph(engine):
    """Return every way to use an engine that requires a graph."""
    return [
        engine.checknrun,
        lambda: engine.checknrun('Root'),
        lambda: engine.graph,
        engine.display_graph,
        lambda: engine.write_graph(io.BytesIO()),
        lambda: engine.write_graph('there/is/no/such/folder.svg'),
    ]


@pytest.mark.parametrize('number', range(len(calls_that_need_a_graph(DoJobber()))))
def test_an_engine_must_be_configured_first(number):
    engine = DoJobber()
    with pytest.raises(NotConfiguredError, match='call configure') as caught:
        calls_that_need_a_graph(engine)[number]()
    assert isinstance(caught.value, RuntimeError)
    assert engine.outcomes == engine.nodestatus == {}
    engine.configure(job('Fine'))
    engine.checknrun()
    assert engine.success()


class TestWriteGraph:
    @pytest.mark.parametrize('filed', [None, 5, 0, True, b'graph.dot', [], {}, object(), print, pathlib.Path])
    def test_write_graph_refuses_an_invalid_target(self, engine, log, filed):
        assert_refused(engine, log, lambda: engine.write_graph(filed, 'dot'), GraphError)

    @pytest.mark.parametrize('fmt', ['nonsense', ' ', 'DOT ', 'a\0b', 5, 0, False, b'svg', b'', [], ['svg'], {}])
    def test_write_graph_refuses_an_invalid_format(self, engine, log, renderer, fmt):
        filed = io.BytesIO()
        assert_refused(engine, log, lambda: engine.write_graph(filed, fmt), GraphError)
        assert filed.getvalue() == b''

    @pytest.mark.parametrize('rankdir', ['', 'tb', 'TB ', None, 5, [], {}, b'TB', object()])
    def test_write_graph_refuses_an_invalid_direction(self, engine, log, rankdir):
        filed = io.BytesIO()
        assert_refused(engine, log, lambda: engine.write_graph(filed, 'dot', rankdir=rankdir), GraphError)
        assert filed.getvalue() == b''

    @pytest.mark.parametrize('timeout', [-1, math.nan, 'x', b'1', [], {}, 1j, object()])
    def test_write_graph_refuses_an_invalid_timeout(self, engine, log, dot, timeout):
        filed = io.BytesIO()
        assert_refused(engine, log, lambda: engine.write_graph(filed, 'svg', timeout=timeout), GraphError)
        assert filed.getvalue() == b''

    @pytest.mark.parametrize('timeout', [math.inf, 1e9])
    def test_write_graph_accepts_a_timeout_of_any_length(self, engine, dot, timeout):
        filed = io.BytesIO()
        engine.write_graph(filed, 'svg', timeout=timeout)
        assert b'<svg' in filed.getvalue()

    def test_write_graph_to_a_closed_or_read_only_file_raises_the_error_of_the_system(self, engine, tmp_path):
        (tmp_path / 'graph').write_bytes(b'before')
        before = state_of(engine)
        with open(tmp_path / 'graph', 'rb') as filed, pytest.raises(OSError, match='write'):
            engine.write_graph(filed, 'dot')
        closed = io.BytesIO()
        closed.close()
        with pytest.raises(ValueError, match='closed'):
            engine.write_graph(closed, 'dot')
        assert (tmp_path / 'graph').read_bytes() == b'before'
        assert state_of(engine) == before

    @pytest.mark.parametrize('path', ['', '.', 'no/such/folder/graph.dot'])
    def test_write_graph_to_an_unwritable_path_raises_the_error_of_the_system(
        self, engine, tmp_path, monkeypatch, path
    ):
        monkeypatch.chdir(tmp_path)
        before = state_of(engine)
        with pytest.raises(OSError, match=r'(?i)director'):
            engine.write_graph(path, 'dot')
        assert list(tmp_path.iterdir()) == []
        assert state_of(engine) == before


@pytest.mark.parametrize('level', ['LOUD', '', b'DEBUG', 1.5, [], {}, object(), print])
def test_an_invalid_log_level_leaves_the_log_unchanged(level):
    logger = logging.getLogger('DoJobber')
    before = logger.level, logger.propagate, list(logger.handlers)
    with pytest.raises((TypeError, ValueError)):
        DoJobber(dojobber_loglevel=level)
    assert (logger.level, logger.propagate, list(logger.handlers)) == before


@pytest.mark.parametrize(
    'call',
    [
        lambda engine: engine.configure(),
        lambda engine: engine.configure(job('Root'), no_such_option=1),
        lambda engine: engine.configure(job('Root'), False, False, False, True, 3, 1, [print]),
        lambda engine: engine.configure(root=job('Root'), tries=3),
        lambda engine: engine.checknrun('Root', 'Changed'),
        lambda engine: engine.cleanup('Root'),
        lambda engine: engine.write_graph(),
        lambda engine: engine.write_graph(io.BytesIO(), 'dot', 'LR'),
        lambda engine: engine.display_graph('svg'),
        lambda engine: engine.success('Root'),
    ],
)
def test_a_wrong_number_of_arguments_is_a_type_error_and_changes_nothing(engine, log, call):
    before = state_of(engine)
    with pytest.raises(TypeError, match='argument'):
        call(engine)
    assert state_of(engine) == before
    assert log == []
    engine.cleanup()
    assert log.count('cleaned up') == 1


@pytest.mark.parametrize('name', ['outcomes', 'nodestatus', 'noderesults', 'nodeexceptions', 'graph'])
def test_the_properties_of_an_engine_cannot_be_set(engine, name):
    before = state_of(engine)
    with pytest.raises(AttributeError):
        setattr(engine, name, {})
    assert state_of(engine) == before
