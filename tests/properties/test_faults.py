"""Nothing is lost when things go wrong, wherever they do: each way to fail, at each place of small graphs."""

from __future__ import annotations

import logging
import random
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.faults import CONDITIONS, EXCEPTIONS, assert_nothing_is_lost
from support.model import Model, Spec

from dojobber import DummyJob, Job, RunonlyJob

PLACES = ['init', 'check', 'run', 'recheck', 'cleanup', 'sleep', 'told']


def random_specs(source):
    """Return a handful of specs, each after those it needs; the last one is the root of all."""
    specs = []
    for number in range(source.randint(1, 6)):
        names = [spec.name for spec in specs]
        deps = source.sample(names, source.randint(0, len(names)))
        base = source.choice([Job, Job, Job, RunonlyJob, DummyJob])
        specs.append(
            Spec(
                f'J{number}',
                tuple(deps),
                passes_at=1 if base is DummyJob else source.randint(1, 3),
                needs_run=source.random() < 0.5,
                base=base,
                has_run=base is RunonlyJob or (base is Job and source.random() < 0.8),
                tries=source.randint(1, 3),
                delay=source.choice([0, 0, 1, 5]),
            )
        )
    needed = {dep for spec in specs for dep in spec.deps}
    loose = [spec.name for spec in specs[:-1] if spec.name not in needed]
    return [*specs[:-1], specs[-1]._replace(deps=(*specs[-1].deps, *loose))]


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
    **{f'random{seed}': random_specs(random.Random(seed)) for seed in range(2)},
}


@pytest.fixture(scope='module')
def home(tmp_path_factory):
    return tmp_path_factory.mktemp('faults') / 'home'


@pytest.fixture(autouse=True)
def _ctrl_c():
    """Let Ctrl-C be a KeyboardInterrupt also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope='module', autouse=True)
def _no_log():
    """Do without the tracebacks of thousands of listeners that are dropped."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def positions_of(place, specs):
    """Return where in the log of a run without faults a place comes up."""
    log = Model(specs, {}).run().log
    return [position for position, (name, *_) in enumerate(log) if name.partition(' ')[0] == place]


def there_are(graphs):
    """Return which places come up in which of these graphs."""
    return [(graph, place) for graph in graphs for place in PLACES if positions_of(place, GRAPHS[graph])]


@pytest.mark.parametrize('kind', EXCEPTIONS)
@pytest.mark.parametrize(('graph', 'place'), there_are(GRAPHS))
def test_wherever_something_exits_nothing_is_lost(graph, place, kind, home):
    specs = GRAPHS[graph]
    for position in positions_of(place, specs):
        assert_nothing_is_lost(specs, {position: EXCEPTIONS[kind]}, home)


@pytest.mark.parametrize('kind', EXCEPTIONS)
@pytest.mark.parametrize('graph', GRAPHS)
def test_without_listeners_and_with_cleanups_that_wait_it_is_the_same(graph, kind, home):
    specs = GRAPHS[graph]
    for position in range(len(Model(specs, {}, listening=False).run().log)):
        assert_nothing_is_lost(specs, {position: EXCEPTIONS[kind]}, home, listening=False, cleanup=False)


@pytest.mark.parametrize('kind', EXCEPTIONS)
@pytest.mark.parametrize('graph', GRAPHS)
def test_in_no_act_it_is_the_same(graph, kind, home):
    specs = GRAPHS[graph]
    for position in range(len(Model(specs, {}, no_act=True).run().log)):
        assert_nothing_is_lost(specs, {position: EXCEPTIONS[kind]}, home, no_act=True)


@pytest.mark.parametrize('kind', CONDITIONS)
@pytest.mark.parametrize(('graph', 'place'), there_are(['diamond', 'retries']))
def test_whatever_the_trouble_nothing_is_lost(graph, place, kind, home):
    specs = GRAPHS[graph]
    for position in positions_of(place, specs):
        assert_nothing_is_lost(specs, {position: CONDITIONS[kind]}, home)


@pytest.mark.parametrize('kind', ['Exception', 'KeyboardInterrupt'])
@pytest.mark.parametrize('graph', GRAPHS)
def test_where_cleanups_fail_as_well_every_error_is_told(graph, kind, home):
    specs = GRAPHS[graph]
    for position in range(len(Model(specs, {}).run().log)):
        log = Model(specs, {position: EXCEPTIONS[kind]}).run().log
        failing = {at: EXCEPTIONS['Exception'] for at, (place, *_) in enumerate(log) if place == 'cleanup'}
        assert_nothing_is_lost(specs, {**failing, position: EXCEPTIONS[kind]}, home)


KINDS = {**EXCEPTIONS, **CONDITIONS}


several_faults = given(
    st.randoms(use_true_random=False).map(random_specs),
    st.dictionaries(st.integers(0, 60), st.sampled_from(sorted(KINDS)), max_size=5),
    st.booleans(),
    st.booleans(),
)


def assert_nothing_is_lost_however_much_goes_wrong(home, specs, kinds, listening, cleanup):
    assert_nothing_is_lost(specs, {at: KINDS[kind] for at, kind in kinds.items()}, home, listening, cleanup)


@settings(deadline=None, max_examples=60)
@several_faults
def test_however_much_goes_wrong_nothing_is_lost(home, specs, kinds, listening, cleanup):
    assert_nothing_is_lost_however_much_goes_wrong(home, specs, kinds, listening, cleanup)


@pytest.mark.faults
@settings(deadline=None, max_examples=5000)
@several_faults
def test_however_often_much_goes_wrong_nothing_is_lost(home, specs, kinds, listening, cleanup):
    assert_nothing_is_lost_however_much_goes_wrong(home, specs, kinds, listening, cleanup)
