"""What every public function does with what it cannot take: the error that DESIGN names, and nothing has changed."""

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
    """One that has worked a graph, and still owes a Cleanup."""
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


def shown(engine):
    """Return all that an engine says about itself, its picture included."""
    picture = io.BytesIO()
    engine.write_graph(picture, 'dot')
    told = (engine.success(), engine.partial_success(), engine.failure(), engine.outcomes)
    return *told, engine.nodestatus, engine.noderesults, engine.nodeexceptions, engine.graph.edges(), picture.getvalue()


def assert_refused(engine, log, call, error):
    """It raises just that, tells nobody, and the engine says and does afterwards what it would have done before."""
    before = shown(engine)
    with pytest.raises(DoJobberError) as caught:
        call()
    assert type(caught.value) is error
    assert 'culprit' in vars(caught.value)
    assert shown(engine) == before
    assert log == []
    assert stderr_lines(engine.checknrun) == []
    assert engine.noderesults['Reads'] == (('kept',), {'kept': True})
    assert engine.outcomes['Broken'].tries == 2
    assert (log[0], log[-1], 'cleaned up' in log) == ('run started', 'run finished', False)
    engine.cleanup()
    assert log.count('cleaned up') == 2


def circle():
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
    def test_a_root_that_is_no_job_class(self, engine, log, root):
        assert_refused(engine, log, lambda: engine.configure(root), DepsError)

    @pytest.mark.parametrize('root', [Job, RunonlyJob, type('NoCheck', (Job,), {}), type('No', (RunonlyJob,), {})])
    def test_a_job_that_cannot_work(self, engine, log, root):
        assert_refused(engine, log, lambda: engine.configure(job('Root', [root])), PlanError)

    @pytest.mark.parametrize('deps', NO_DEPS)
    def test_deps_that_are_none(self, engine, log, deps):
        root = job('Root', [job('Fine'), job('Culprit', deps)])
        assert_refused(engine, log, lambda: engine.configure(root), DepsError)

    def test_a_circle(self, engine, log):
        assert_refused(engine, log, lambda: engine.configure(job('Root', [circle()])), CycleError)

    def test_two_jobs_of_one_name(self, engine, log):
        root = job('Root', [job('Same'), job('Other', [job('Same')])])
        assert_refused(engine, log, lambda: engine.configure(root), PlanError)

    @pytest.mark.parametrize('number', NO_NUMBERS)
    @pytest.mark.parametrize('where', ['TRIES', 'default_tries'])
    def test_tries_that_are_none(self, engine, log, number, where):
        self.refuse(engine, log, where, number)

    @pytest.mark.parametrize('number', NO_DELAYS)
    @pytest.mark.parametrize('where', ['RETRY_DELAY', 'default_retry_delay'])
    def test_a_retry_delay_that_is_none(self, engine, log, number, where):
        self.refuse(engine, log, where, number)

    def refuse(self, engine, log, where, number):
        if where.isupper() and number is None:
            number = '1'  # None means the default
        root = job('Root', [job('Leaf', **({where: number} if where.isupper() else {}))])
        options = {} if where.isupper() else {where: number}
        assert_refused(engine, log, lambda: engine.configure(root, **options), PlanError)

    @pytest.mark.parametrize('listeners', [None, 5, print, 'ab', b'ab', [None], [print, 5], {'a': 1}, [[]]])
    def test_listeners_that_are_none(self, engine, log, listeners):
        assert_refused(engine, log, lambda: engine.configure(job('Root'), listeners=listeners), PlanError)

    def test_listeners_that_cannot_be_read(self, engine, log):
        assert_refused(engine, log, lambda: engine.configure(job('Root'), listeners=stopping_midway()), PlanError)

    def test_an_engine_without_a_graph_still_has_none(self):
        engine = DoJobber()
        for root in (None, circle(), Job):
            with pytest.raises(PlanError):
                engine.configure(root)
        with pytest.raises(NotConfiguredError):
            engine.checknrun()
        assert (engine.outcomes, engine.success(), engine.failure()) == ({}, False, True)


class TestChecknrun:
    @pytest.mark.parametrize(
        'node',
        [
            *['', 'root', 'Root ', b'Root', 5, 0, False, math.nan, [], ['Root'], {}, set(), object(), print],
            *[int, type, Job, DummyJob, job('Root'), job('Root')()],
        ],
    )
    def test_what_is_no_job_of_the_graph(self, engine, log, node):
        assert_refused(engine, log, lambda: engine.checknrun(node), UnknownJobError)


def asked(engine):
    """Return all the ways to ask an engine for what it has only with a graph."""
    return [
        engine.checknrun,
        lambda: engine.checknrun('Root'),
        lambda: engine.graph,
        engine.display_graph,
        lambda: engine.write_graph(io.BytesIO()),
        lambda: engine.write_graph('there/is/no/such/folder.svg'),
    ]


@pytest.mark.parametrize('number', range(len(asked(DoJobber()))))
def test_before_configure_there_is_no_graph(number):
    engine = DoJobber()
    with pytest.raises(NotConfiguredError, match='call configure') as caught:
        asked(engine)[number]()
    assert isinstance(caught.value, RuntimeError)
    assert engine.outcomes == engine.nodestatus == {}
    engine.configure(job('Fine'))
    engine.checknrun()
    assert engine.success()


class TestWriteGraph:
    @pytest.mark.parametrize('filed', [None, 5, 0, True, b'graph.dot', [], {}, object(), print, pathlib.Path])
    def test_a_target_that_is_none(self, engine, log, filed):
        assert_refused(engine, log, lambda: engine.write_graph(filed, 'dot'), GraphError)

    @pytest.mark.parametrize('fmt', ['nonsense', ' ', 'DOT ', 'a\0b', 5, 0, False, b'svg', b'', [], ['svg'], {}])
    def test_a_format_that_is_none(self, engine, log, renderer, fmt):
        filed = io.BytesIO()
        assert_refused(engine, log, lambda: engine.write_graph(filed, fmt), GraphError)
        assert filed.getvalue() == b''

    @pytest.mark.parametrize('rankdir', ['', 'tb', 'TB ', None, 5, [], {}, b'TB', object()])
    def test_a_direction_that_is_none(self, engine, log, rankdir):
        filed = io.BytesIO()
        assert_refused(engine, log, lambda: engine.write_graph(filed, 'dot', rankdir=rankdir), GraphError)
        assert filed.getvalue() == b''

    @pytest.mark.parametrize('timeout', [-1, math.nan, 'x', b'1', [], {}, 1j, object()])
    def test_a_time_limit_that_is_none(self, engine, log, dot, timeout):
        filed = io.BytesIO()
        assert_refused(engine, log, lambda: engine.write_graph(filed, 'svg', timeout=timeout), GraphError)
        assert filed.getvalue() == b''

    @pytest.mark.parametrize('timeout', [math.inf, 1e9])
    def test_a_time_limit_may_be_as_long_as_one_likes(self, engine, dot, timeout):
        filed = io.BytesIO()
        engine.write_graph(filed, 'svg', timeout=timeout)
        assert b'<svg' in filed.getvalue()

    def test_a_file_that_is_closed_or_read_only_is_the_systems_error(self, engine, tmp_path):
        (tmp_path / 'graph').write_bytes(b'before')
        before = shown(engine)
        with open(tmp_path / 'graph', 'rb') as filed, pytest.raises(OSError, match='write'):
            engine.write_graph(filed, 'dot')
        closed = io.BytesIO()
        closed.close()
        with pytest.raises(ValueError, match='closed'):
            engine.write_graph(closed, 'dot')
        assert (tmp_path / 'graph').read_bytes() == b'before'
        assert shown(engine) == before

    @pytest.mark.parametrize('path', ['', '.', 'no/such/folder/graph.dot'])
    def test_a_path_that_cannot_be_written_is_the_systems_error(self, engine, tmp_path, monkeypatch, path):
        monkeypatch.chdir(tmp_path)
        before = shown(engine)
        with pytest.raises(OSError, match=r'(?i)director'):
            engine.write_graph(path, 'dot')
        assert list(tmp_path.iterdir()) == []
        assert shown(engine) == before


@pytest.mark.parametrize('level', ['LOUD', '', b'DEBUG', 1.5, [], {}, object(), print])
def test_a_log_level_that_is_none_leaves_the_log_alone(level):
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
def test_wrong_arguments_are_pythons_own_error_and_change_nothing(engine, log, call):
    before = shown(engine)
    with pytest.raises(TypeError, match='argument'):
        call(engine)
    assert shown(engine) == before
    assert log == []
    engine.cleanup()
    assert log.count('cleaned up') == 1


@pytest.mark.parametrize('name', ['outcomes', 'nodestatus', 'noderesults', 'nodeexceptions', 'graph'])
def test_what_an_engine_says_cannot_be_set(engine, name):
    before = shown(engine)
    with pytest.raises(AttributeError):
        setattr(engine, name, {})
    assert shown(engine) == before
