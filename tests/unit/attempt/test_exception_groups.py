"""An exception group ends the run if one of its exceptions would, and otherwise fails one attempt."""

from __future__ import annotations

import asyncio
import builtins

import pytest

from dojobber import DoJobber, Job, State

ExceptionGroup = getattr(builtins, 'BaseExceptionGroup', None)
pytestmark = pytest.mark.skipif(ExceptionGroup is None, reason='needs the exception groups of Python 3.11')


def engine_of_a_job_that_raises(error):
    class Grouped(Job):
        def Check(self):
            raise error

        def Run(self):
            pass

    engine = DoJobber()
    engine.configure(Grouped, default_tries=1)
    return engine


def test_a_group_with_an_interrupt_at_any_depth_ends_the_run():
    error = ExceptionGroup('outer', [ValueError(), ExceptionGroup('inner', [KeyboardInterrupt()])])
    with pytest.raises(ExceptionGroup) as caught:
        engine_of_a_job_that_raises(error).checknrun()
    assert caught.value is error


@pytest.mark.parametrize('member', [SystemExit(1), asyncio.CancelledError()], ids=repr)
def test_a_group_without_an_interrupt_fails_its_attempt_only(member):
    error = ExceptionGroup('group', [ValueError(), member])
    engine = engine_of_a_job_that_raises(error)
    engine.checknrun()
    assert engine.outcomes['Grouped'].state is State.FAILED
    assert engine.nodeexceptions == {'Grouped': error}
