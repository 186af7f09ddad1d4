"""Fork a child in one place of a run, and let it leave that place in one way.

The argument says which workers run the Jobs; PLACE and WAY in the environment say the rest.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

from dojobber import DoJobber, EventKind, Job

ERRORS = {
    'exit': SystemExit,
    'exit 7': SystemExit(7),
    'exit text': SystemExit('the child is lost'),
    'interrupt': KeyboardInterrupt(),
    'raise': ValueError('the child is lost'),
}


def say(*words):
    os.write(1, (' '.join(map(str, words)) + os.linesep).encode())


def fork_at(place):
    """Fork if this is the place to do so. Return whether this is the child, unless that leaves in another way."""
    if place != os.environ['PLACE']:
        return False
    pid = os.fork()
    if pid:
        say('status', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        return False
    os.environ['PLACE'] = 'child'
    print('the child is here')  # without flush, for the exit of the child to do it
    way = os.environ['WAY']
    if way == 'exec':
        os.execvp('no-such-program', ['no-such-program'])
    elif way != 'return':
        raise ERRORS[way]
    return True


class Forking(Job):
    TRIES = 1

    def __init__(self):
        fork_at('init')

    def Check(self):
        is_ready = 'ran' in self.storage
        if not fork_at('recheck' if is_ready else 'check') and not is_ready:
            raise LookupError('not yet')

    def Run(self):
        if not fork_at('run'):
            self.storage['ran'] = True
            say('Forking.Run')

    def Cleanup(self):
        if not fork_at('cleanup'):
            say('Forking.Cleanup')


class Following(Forking):
    DEPS = [Forking]

    def Check(self):
        if 'ran' not in self.storage:
            raise LookupError('not yet')

    def Run(self):
        self.storage['ran'] = True
        say('Following.Run')

    def Cleanup(self):
        say('Following.Cleanup')

    __init__ = object.__init__


def listen(event):
    if event.job == 'Forking' and event.kind is EventKind.ATTEMPT_FINISHED:
        fork_at('listener')


def main(workers):
    engine = DoJobber()
    options = {'max_workers': 2} if workers == 'own' else {}
    if workers == 'threads':
        options['executor'] = ThreadPoolExecutor(2)
    elif workers in ('fork', 'spawn'):
        options['executor'] = ProcessPoolExecutor(2, mp_context=get_context(workers))
    engine.configure(Following, listeners=[listen], **options)
    engine.checknrun()
    say('passed', engine.success())
    if options.get('executor'):
        options['executor'].shutdown()


if __name__ == '__main__':
    main(sys.argv[1])
    say('end of the script')
