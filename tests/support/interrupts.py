"""Interrupts at one place of the package after the other, as a signal handler that raises can come at each."""

from __future__ import annotations

import gc
import os
import sys

import dojobber

PACKAGE = os.path.dirname(dojobber.__file__)


def call_interrupted(function, number, event='line'):
    """Call ``function`` with an interrupt at one place; return whether it came to that, and what it raised.

    Args:
        number: Which of the places it is, counted from 1: lines of this package that this thread is about to run.
        event: ``'line'``, or ``'call'`` to count the calls of functions instead.
    """
    count, error = 0, None

    def trace(frame, what, _):
        nonlocal count
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if what == event:
            count += 1
            if count == number:
                raise KeyboardInterrupt(f'{frame.f_code.co_filename}:{frame.f_lineno}')  # which ends the tracing
        return trace

    before = sys.gettrace()
    gc.disable()  # what is raised while garbage is collected is lost, with any function
    sys.settrace(trace)
    try:
        function()
    except BaseException as raised:
        error = raised
    finally:
        sys.settrace(before)
        gc.enable()
    return count >= number, error


def interrupt_everywhere(attempt, event='line'):
    """Call ``attempt`` again and again, each time with a function that lets an interrupt strike at the next place.

    That function calls what it is given and returns what was raised. All is over when no place was left.
    """
    number = 0
    is_struck = True
    while is_struck:
        number += 1
        calls = []

        def strike(function, number=number, calls=calls):
            has_come, error = call_interrupted(function, number, event)
            calls.append(has_come)
            return error

        attempt(strike)
        (is_struck,) = calls
    assert number > 1, 'there was no place'
