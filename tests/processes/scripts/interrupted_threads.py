"""Runs an engine on threads with an interrupt at each line of the package, and once more after each."""

from __future__ import annotations

from support.interrupts import interrupt_everywhere

from dojobber import DoJobber, DummyJob, Job


class Root(DummyJob):
    DEPS = [type(f'J{number}', (Job,), {'Check': lambda self: None}) for number in range(3)]


def check(interrupt):
    engine = DoJobber()
    engine.configure(Root, max_workers=2)
    assert isinstance(interrupt(engine.checknrun), (KeyboardInterrupt, type(None)))
    engine.checknrun()
    assert engine.success()


interrupt_everywhere(check)
print('end')
