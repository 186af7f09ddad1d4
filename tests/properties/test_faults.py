"""Every kind of fault, injected at every place of small graphs: no error, Cleanup or result is lost."""

from __future__ import annotations

import logging
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.faults import CONDITIONS, EXCEPTIONS, assert_nothing_is_lost
from support.model import Model, Quit, Spec
from support.strategies import configured_graphs

from dojobber import DummyJob, GiveUp, RunonlyJob, Skip

PLACES = ['init', 'check', 'run', 'recheck', 'cleanup', 'sleep', 'event']

GRAPHS = {
    'chain': [Spec('A'), Spec('B', ('A',), needs_run=True), Spec('C', ('B',), needs_run=True)],
    'diamond': [
        Spec('Bottom', needs_run=True),
        Spec('Left', ('Bottom',)),
        Spec('Right', ('Bottom',), needs_run=True),
        Spec('Top', ('Left', 'Right'), needs_run=True),
    ],
    'wide': [
        Spec('Fine'),
        Spec('Changes', needs_run=True),
        Spec('Broken', passes_at=9),
        Spec('CheckOnly', passes_at=9, has_run=False, tries=1),
        Spec('Alone', ('Changes',), needs_run=True),
        Spec('Root', ('Fine', 'Changes', 'Broken', 'CheckOnly', 'Alone')),
    ],
    'retries': [
        Spec('Runs', base=RunonlyJob, passes_at=2, tries=3),
        Spec('Late', ('Runs',), passes_at=2, needs_run=True, delay=5),
        Spec('Waits', passes_at=3, tries=3, delay=2),
        Spec('Group', ('Waits', 'Runs'), base=DummyJob, has_run=False),
        Spec('Root', ('Late', 'Group'), needs_run=True),
    ],
    'mixed': [
        Spec('Late', passes_at=2, delay=5),
        Spec('Group', ('Late',), base=DummyJob, has_run=False, tries=1),
        Spec('CheckOnly', ('Group', 'Late'), has_run=False, tries=3, delay=1),
        Spec('Runs', ('CheckOnly', 'Late', 'Group'), base=RunonlyJob, passes_at=2, tries=1, delay=5),
    ],
    'stuck': [
        Spec('Changes', needs_run=True, tries=3, delay=5),
        Spec('CheckOnly', ('Changes',), passes_at=2, needs_run=True, has_run=False),
    ],
    'quits': [
        Spec('SkipsLate', passes_at=9, tries=3, delay=(1, 5), quits=(Quit(Skip, 'recheck', 3),)),
        Spec('SkipsRun', ('SkipsLate',), needs_run=True, quits=(Quit(Skip, 'run'),)),
        Spec('GivesUpLate', passes_at=9, tries=3, delay=(5, 2), quits=(Quit(GiveUp, 'run', 2),)),
        Spec('SkipsInit', quits=(Quit(Skip, 'init'),), base=DummyJob, has_run=False),
        Spec('GivesUp', ('SkipsInit',), quits=(Quit(GiveUp, 'check'),)),
        Spec('Root', ('SkipsRun', 'GivesUpLate', 'GivesUp'), needs_run=True),
    ],
}


@pytest.fixture(scope='module')
def home(tmp_path_factory):
    return tmp_path_factory.mktemp('faults') / 'home'


@pytest.fixture(autouse=True)
def _ctrl_c():
    """Make Ctrl-C a KeyboardInterrupt, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope='module', autouse=True)
def _no_log():
    """Suppress the tracebacks of thousands of listeners that are dropped."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def positions_of(place, specs):
    """Return the positions of ``place`` in the log of a run without faults."""
    log = Model(specs, {}).run().log
    return [position for position, (name, *_) in enumerate(log) if name.partition(' ')[0] == place]


def places_in(names):
    """Return (graph, place) for each place that a run of each of these graphs reaches."""
    return [(graph, place) for graph in names for place in PLACES if positions_of(place, GRAPHS[graph])]


@pytest.mark.parametrize('kind', EXCEPTIONS)
@pytest.mark.parametrize(('graph', 'place'), places_in(GRAPHS))
def test_an_exception_anywhere_loses_nothing(graph, place, kind, home):
    specs = GRAPHS[graph]
    for position in positions_of(place, specs):
        assert_nothing_is_lost(specs, {position: EXCEPTIONS[kind]}, home)


@pytest.mark.parametrize('kind', EXCEPTIONS)
@pytest.mark.parametrize('graph', GRAPHS)
def test_an_exception_loses_nothing_without_listeners_and_with_a_later_cleanup(graph, kind, home):
    specs = GRAPHS[graph]
    for position in range(len(Model(specs, {}, listening=False).run().log)):
        assert_nothing_is_lost(specs, {position: EXCEPTIONS[kind]}, home, listening=False, cleanup=False)


@pytest.mark.parametrize('kind', EXCEPTIONS)
@pytest.mark.parametrize('graph', GRAPHS)
def test_an_exception_loses_nothing_in_no_act(graph, kind, home):
    specs = GRAPHS[graph]
    for position in range(len(Model(specs, {}, no_act=True).run().log)):
        assert_nothing_is_lost(specs, {position: EXCEPTIONS[kind]}, home, no_act=True)


@pytest.mark.parametrize('kind', CONDITIONS)
@pytest.mark.parametrize(('graph', 'place'), places_in(['diamond', 'retries']))
def test_a_hostile_condition_anywhere_loses_nothing(graph, place, kind, home):
    specs = GRAPHS[graph]
    for position in positions_of(place, specs):
        assert_nothing_is_lost(specs, {position: CONDITIONS[kind]}, home)


@pytest.mark.parametrize('kind', ['Exception', 'KeyboardInterrupt'])
@pytest.mark.parametrize('graph', GRAPHS)
def test_an_exception_loses_nothing_where_every_cleanup_fails_too(graph, kind, home):
    specs = GRAPHS[graph]
    for position in range(len(Model(specs, {}).run().log)):
        log = Model(specs, {position: EXCEPTIONS[kind]}).run().log
        cleanups = {at: EXCEPTIONS['Exception'] for at, (place, *_) in enumerate(log) if place == 'cleanup'}
        assert_nothing_is_lost(specs, {**cleanups, position: EXCEPTIONS[kind]}, home)


FAULTS = {**EXCEPTIONS, **CONDITIONS}

several_faults = given(
    configured_graphs(most=6),
    st.dictionaries(st.integers(0, 60), st.sampled_from(sorted(FAULTS)), max_size=5),
    st.booleans(),
    st.booleans(),
)


def check_several_faults(home, case, kinds, listening, cleanup):
    specs, options = case
    assert_nothing_is_lost(specs, {at: FAULTS[kind] for at, kind in kinds.items()}, home, listening, cleanup, **options)


@settings(max_examples=60)
@several_faults
def test_several_faults_in_a_random_graph_lose_nothing(home, case, kinds, listening, cleanup):
    check_several_faults(home, case, kinds, listening, cleanup)


@pytest.mark.faults
@settings(max_examples=5000)
@several_faults
def test_several_faults_in_thousands_of_random_graphs_lose_nothing(home, case, kinds, listening, cleanup):
    check_several_faults(home, case, kinds, listening, cleanup)
