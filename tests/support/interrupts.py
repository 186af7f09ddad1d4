"""Interrupts at one line of the package after the other, as a signal handler may raise one at each."""

from __future__ import annotations

import gc
import os
import sys

import dojobber

PACKAGE = os.path.dirname(dojobber.__file__)


def raise_interrupt():
    raise KeyboardInterrupt


def call_interrupted(function, number, event='line', handler=raise_interrupt):
    """Call ``function``, and ``handler`` at one place; return whether that was reached, and what was raised.

    Args:
        handler: By default it raises a KeyboardInterrupt.
        number: The place, counted from 1, among the lines of this package that the current thread runs.
        event: ``'line'``, or ``'call'`` to count calls of functions instead.
    """
    count, error = 0, None

    def trace(frame, traced_event, _):
        nonlocal count
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if traced_event == event:
            count += 1
            if count == number:
                handler()  # an exception also ends the tracing
        return trace

    before = sys.gettrace()
    gc.disable()  # the interpreter drops what a trace function raises during garbage collection
    sys.settrace(trace)
    try:
        function()
    except BaseException as raised:
        error = raised
    finally:
        sys.settrace(before)
        gc.enable()
    return count >= number, error


def interrupt_everywhere(check, event='line'):
    """Call ``check(interrupt)`` for one place after the other, until none is left.

    ``interrupt(function)`` calls ``function``, interrupts it at that place and returns what it raised.
    """
    number = 0
    was_reached = True
    while was_reached:
        number += 1
        reached = []

        def interrupt(function, number=number, reached=reached):
            is_reached, error = call_interrupted(function, number, event)
            reached.append(is_reached)
            return error

        check(interrupt)
        (was_reached,) = reached
    assert number > 1, 'the function runs no line of the package'
