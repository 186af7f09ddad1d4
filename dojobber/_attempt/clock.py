"""The system's clocks and sleep, even where a test has replaced those of the ``time`` module, as freezegun does.

If the clock stood still, a Job that waits for its next attempt would wait forever. So these functions come from a
second copy of the built-in module, which no other module uses. time-machine patches that copy, too, but leaves
``clock_gettime(CLOCK_MONOTONIC)`` alone, which is used on Linux.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from importlib.machinery import BuiltinImporter
from typing import Any

from ..events import Event, EventKind

_time: Any = time
_spec: Any = BuiltinImporter.find_spec('time')
if _spec is not None:
    _time = BuiltinImporter.create_module(_spec)
    BuiltinImporter.exec_module(_time)

monotonic, perf_counter, sleep, time_of_day = _time.monotonic, _time.perf_counter, _time.sleep, _time.time
if sys.platform == 'linux':
    monotonic = partial(_time.clock_gettime, _time.CLOCK_MONOTONIC)


def event_now(kind: EventKind, **fields: Any) -> Event:
    """Return an event that happens now, unless ``fields`` contains its time."""
    return Event(kind, **{'time': time_of_day(), **fields})
