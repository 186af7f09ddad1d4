"""The dicts in which an engine shows what happened, used as dicts."""

from __future__ import annotations

import pytest

from dojobber import DoJobber, DummyJob

VIEWS = ['nodestatus', 'noderesults', 'nodeexceptions', 'outcomes']


@pytest.fixture
def engine():
    class Leaf(DummyJob):
        pass

    class Root(DummyJob):
        DEPS = [Leaf]

    engine = DoJobber()
    engine.configure(Root)
    engine.checknrun()
    return engine


@pytest.mark.parametrize('view', ['nodestatus', 'outcomes', 'noderesults'])
def test_calling_init_again_changes_nothing(engine, view):
    before = dict(getattr(engine, view))
    with pytest.raises(TypeError, match='cannot be changed'):
        getattr(engine, view).__init__({'Leaf': None})
    assert getattr(engine, view) == before


@pytest.mark.parametrize('view', ['nodestatus', 'outcomes', 'noderesults'])
def test_it_can_be_reversed_and_merged_in_plan_order(engine, view):
    results = getattr(engine, view)
    assert list(results) == ['Leaf', 'Root']
    assert list(reversed(results)) == ['Root', 'Leaf']
    assert [*(results | {'More': 1})] == ['Leaf', 'Root', 'More']
    assert [*({'More': 1} | results)] == ['More', 'Leaf', 'Root']


@pytest.mark.parametrize('view', VIEWS)
def test_a_job_that_is_not_there_is_a_key_error(engine, view):
    with pytest.raises(KeyError, match='Nobody'):
        getattr(engine, view)['Nobody']
