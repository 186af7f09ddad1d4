"""Wait an hour for a retry, print how a signal ends the run as JSON, and do the same for a run that passes."""

from __future__ import annotations

import json
import os

from handlers import install_handler

from dojobber import DoJobber, EventKind, Job

cleanups = []
repaired = []


class Done(Job):
    def Check(self):
        assert 'ran' in self.storage

    def Run(self):
        self.storage['ran'] = True

    def Cleanup(self):
        cleanups.append(type(self).__name__)


class Waits(Done):
    RETRY_DELAY = 3600

    def Check(self):
        assert repaired

    def Run(self):
        os.chdir('..')


class Root(Job):
    DEPS = (Done, Waits)

    def Check(self):
        pass


def announce_wait(event):
    if event.kind is EventKind.WAITING:
        print('here', flush=True)


def run():
    raised, before = None, os.getcwd()
    try:
        engine.checknrun()
    except BaseException as error:
        raised = type(error).__name__
    states = {name: outcome.state.name for name, outcome in engine.outcomes.items()}
    print(json.dumps([raised, cleanups, states, os.getcwd() == before]))


install_handler()
engine = DoJobber()
engine.configure(Root, listeners=[announce_wait])
run()
cleanups.clear()
repaired.append(True)
run()
