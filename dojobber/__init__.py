"""Work a graph of small idempotent Jobs: check, run, recheck, retry, clean up, and draw what happened.

A Job is a class. Its ``Check`` raises as long as there is something to do, its ``Run`` does it, and then ``Check`` is
called again: that verdict counts. ``DEPS`` names the Jobs that have to pass before it. ``DoJobber`` works all that a
root Job needs, from the leaves up, tries again what failed, and leaves out what needs a Job that cannot pass. Since
Jobs look before they act, a script can be run again and again, and nothing has to be remembered in between::

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

The second time it is ``State.OK``: all was done already. From here, read about

``Job``, ``RunonlyJob``, ``DummyJob``
    what a Job can say and do;
``DoJobber``
    the engine: how to configure it, work the graph, ask what happened, and draw it;
``Outcome``, ``State``
    what became of a Job;
``Event``, ``EventKind``
    what listeners are told while it happens;
``DoJobberError``
    the base of all errors, each of which carries its ``culprit``;
``dojobber.cli.main``
    the command line, also for a script of one's own; ``dojobber --help`` lists its options.

The README is the manual.
"""

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
