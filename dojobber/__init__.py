"""Run a graph of small idempotent Jobs: check, run, recheck, retry, clean up, and draw the result.

A Job is a class. Its ``Check`` raises an exception while there is something to do. Then its ``Run`` does it, and
``Check`` is called again: only this recheck decides. ``DEPS`` lists the Jobs that it depends on. ``DoJobber`` runs a
root Job and everything it depends on, dependencies first. It retries Jobs that fail, and skips those whose dependencies
do not pass. Since each Job checks before it acts, a script can be run again and again, and need not store any state::

    from pathlib import Path
    from dojobber import DoJobber, Job

    class MakeFolder(Job):
        def Check(self, folder):
            assert Path(folder).is_dir(), f'there is no {folder}'
        def Run(self, folder):
            Path(folder).mkdir()

    class WriteGreeting(Job):
        DEPS = [MakeFolder]
        def Check(self, folder):
            assert Path(folder, 'hello.txt').read_text() == 'Hello!'
        def Run(self, folder):
            Path(folder, 'hello.txt').write_text('Hello!')

    engine = DoJobber()
    engine.configure(WriteGreeting)
    engine.set_args(folder='greetings')
    engine.checknrun()
    print(engine.nodestatus)  # {'MakeFolder': True, 'WriteGreeting': True}
    print(engine.outcomes['WriteGreeting'].state)  # State.CHANGED

On the second run, the state is ``State.OK``, since everything was already done. For more, see the help on:

``Job``, ``RunonlyJob``, ``DummyJob``
    the base classes of your Jobs, with their hooks and attributes;
``GiveUp``, ``Skip``
    exceptions that a Job raises to fail for good, or to pass as not applicable;
``DoJobber``
    the engine: configure it, run the graph, query the results, draw them;
``Outcome``, ``State``
    the record of a Job's result;
``Event``, ``EventKind``
    the records that listeners receive during a run (``Listener`` is the type of a listener);
``DoJobberError``
    the base of all errors; each carries the offending object as ``culprit``;
``DoJobberWarning``
    the category of warnings about probable mistakes in Job classes;
``dojobber.cli.main``
    the command line, which a script can call, too; ``dojobber --help`` lists its options.

The README is the manual.
"""

from .__version__ import __version__
from .dojobber import DoJobber
from .errors import (
    ArgumentsError,
    CycleError,
    DepsError,
    DoJobberError,
    DoJobberWarning,
    GraphError,
    JobsFailedError,
    NotConfiguredError,
    PlanError,
    RemoteError,
    StorageConflictError,
    UnknownJobError,
)
from .events import Event, EventKind, Listener
from .job import DummyJob, GiveUp, Job, RunonlyJob, Skip
from .outcome import Outcome, State

__all__ = [
    'ArgumentsError',
    'CycleError',
    'DepsError',
    'DoJobber',
    'DoJobberError',
    'DoJobberWarning',
    'DummyJob',
    'Event',
    'EventKind',
    'GiveUp',
    'GraphError',
    'Job',
    'JobsFailedError',
    'Listener',
    'NotConfiguredError',
    'Outcome',
    'PlanError',
    'RemoteError',
    'RunonlyJob',
    'Skip',
    'State',
    'StorageConflictError',
    'UnknownJobError',
    '__version__',
]
