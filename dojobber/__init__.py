"""Work a graph of small idempotent Jobs: check, run, recheck, retry, clean up, and draw what happened."""

from .__version__ import __version__
from .dojobber import DoJobber
from .errors import (
    CycleError,
    DepsError,
    DoJobberError,
    GraphError,
    NotConfiguredError,
    PlanError,
    RemoteError,
    StorageConflictError,
    UnknownJobError,
)
from .events import Event, EventKind
from .job import DummyJob, Job, RunonlyJob
from .outcome import Outcome, State

__all__ = [
    'CycleError',
    'DepsError',
    'DoJobber',
    'DoJobberError',
    'DummyJob',
    'Event',
    'EventKind',
    'GraphError',
    'Job',
    'NotConfiguredError',
    'Outcome',
    'PlanError',
    'RemoteError',
    'RunonlyJob',
    'State',
    'StorageConflictError',
    'UnknownJobError',
    '__version__',
]
