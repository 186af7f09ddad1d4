"""Hooks that are defined in unusual ways."""

from __future__ import annotations

import functools

import pytest

from dojobber import DoJobber, Job, PlanError


@pytest.mark.parametrize('hook', ['Run', 'Cleanup'])
def test_a_hook_that_cannot_be_called_is_refused(hook):
    kind = type('Odd', (Job,), {'Check': lambda self: None, hook: 5})
    with pytest.raises(PlanError, match=f"{hook} of 'Odd' must be a method, not 5") as caught:
        DoJobber().configure(kind)
    assert caught.value.culprit is kind


def test_a_generator_behind_a_cache_fails_like_a_generator():
    class Cached(Job):
        @functools.lru_cache(maxsize=None)  # noqa: B019, UP033 - a callable that is no function, on Python 3.9 too
        def Check(self):
            yield

    engine = DoJobber()
    engine.configure(Cached, default_tries=1)
    engine.checknrun()
    assert 'yield' in str(engine.nodeexceptions['Cached'])


def test_hooks_of_an_object_from_new_are_checked_even_if_its_class_is_another():
    class Real(Job):
        def Check(self):
            return self.global_storage

    class Deputy(Job):
        def __new__(cls):
            return Job.__new__(Real)

        def __init__(self):
            raise AssertionError('type.__call__ would not call this either')

        def Check(self):
            raise AssertionError('the other class has its own Check')

    engine = DoJobber()
    engine.configure(Deputy)
    engine.checknrun()
    assert engine.noderesults == {'Deputy': {}}
