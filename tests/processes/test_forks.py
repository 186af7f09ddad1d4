"""A child that a Job forks ends where it leaves the Job's code: it never goes on with the run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs os.fork()')

LIMIT = 50  # seconds, after which a process that should have ended never will

FORKING = """
    import os, sys
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    from multiprocessing import get_context
    from dojobber import DoJobber, EventKind, Job

    def say(*words):
        os.write(1, (' '.join(map(str, words)) + os.linesep).encode())

    def fork_at(place):
        '''Fork where that is asked for, and leave the child in the way that is asked for.'''
        if place != os.environ['PLACE']:
            return False
        pid = os.fork()
        if pid:
            say('status', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            return False
        os.environ['PLACE'] = 'child'
        print('the child is here')  # and flushes nothing
        how = os.environ['HOW']
        if how == 'exec':
            os.execvp('no-such-program', ['no-such-program'])
        elif how != 'return':
            raise {'exit': SystemExit, 'exit 7': SystemExit(7), 'exit text': SystemExit('the child is lost'),
                   'interrupt': KeyboardInterrupt(), 'raise': ValueError('the child is lost')}[how]
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
"""

WAYS = {
    'return': (0, None),
    'exit': (0, None),
    'exit 7': (7, None),
    'exit text': (1, 'the child is lost'),
    'raise': (1, 'ValueError: the child is lost'),
    'interrupt': (1, 'KeyboardInterrupt'),
    'exec': (1, 'FileNotFoundError: '),
}


def outputs(script, *args, **environment):
    """Run a script and return the lines of its stdout, in which none of its children may hold on, and its stderr."""
    command = [sys.executable, '-W', 'ignore::DeprecationWarning', str(script), *args]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    ) as process:
        try:
            out, error = process.communicate(timeout=LIMIT)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # children that go on
    return out.splitlines(), error


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a script and returns its path."""

    def write(text):
        path = tmp_path / 'script.py'
        path.write_text(textwrap.dedent(text))
        return path

    return write


PARENTS = ['Forking.Run', 'Following.Run', 'passed True', 'Following.Cleanup', 'Forking.Cleanup', 'end of the script']


@pytest.mark.parametrize('how', WAYS)
@pytest.mark.parametrize('place', ['run', 'cleanup', 'listener'])
def test_a_child_ends_with_the_status_of_what_leaves_the_hook(write, place, how):
    status, said = WAYS[how]
    lines, error = outputs(write(FORKING), 'one', PLACE=place, HOW=how)
    assert sorted(lines) == sorted([*PARENTS, 'the child is here', f'status {status}'])
    assert (error.rstrip().splitlines() or [None])[-1] == said or (said.endswith(': ') and said in error)


@pytest.mark.parametrize('how', ['return', 'exit 7', 'raise'])
@pytest.mark.parametrize(
    ('workers', 'places'),
    [
        ('one', ['init', 'check', 'recheck']),
        ('own', ['init', 'check', 'run', 'recheck', 'cleanup', 'listener']),
        ('threads', ['init', 'check', 'run', 'recheck', 'cleanup', 'listener']),
        ('fork', ['init', 'check', 'run', 'recheck']),
        ('spawn', ['run']),
    ],
)
def test_so_it_does_in_every_hook_and_wherever_attempts_are_made(write, workers, places, how):
    script = write(FORKING)
    for place in places:
        lines, _ = outputs(script, workers, PLACE=place, HOW=how)
        assert sorted(lines) == sorted([*PARENTS, 'the child is here', f'status {WAYS[how][0]}']), place


def test_a_child_that_forks_again_leaves_nobody_who_goes_on(write):
    script = """
        import os
        from dojobber import DoJobber, RunonlyJob

        class Daemon(RunonlyJob):
            def Run(self):
                reading, writing = os.pipe()
                if os.fork() == 0:
                    if os.fork() == 0:
                        os.write(writing, b'x')
                        raise OSError('a daemon that cannot go on')
                    raise SystemExit
                os.close(writing)
                os.wait()
                self.storage['told'] = os.read(reading, 1), os.read(reading, 1)  # the last when all have ended
                return self.storage['told']

        engine = DoJobber()
        engine.configure(Daemon)
        engine.checknrun()
        print(engine.noderesults['Daemon'])
    """
    lines, error = outputs(write(script))
    assert lines == ["(b'x', b'')"]
    assert error.splitlines()[-1] == 'OSError: a daemon that cannot go on'


@pytest.mark.parametrize('workers', ['None', '2'])
def test_a_child_may_run_a_graph_of_its_own_and_even_fork_there(write, workers):
    script = """
        import os, sys
        from dojobber import DoJobber, RunonlyJob

        class Inner(RunonlyJob):
            def Run(self):
                pid = os.fork()
                if not pid:
                    sys.exit(3)
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

        def status_of_inner():
            engine = DoJobber()
            engine.configure(Inner, max_workers=%s)
            engine.checknrun()
            return engine.noderesults['Inner'] + 10

        class Outer(RunonlyJob):
            def Run(self):
                pid = os.fork()
                if not pid:
                    sys.exit(status_of_inner())
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

        engine = DoJobber()
        engine.configure(Outer)
        engine.checknrun()
        print(engine.noderesults)
    """
    lines, error = outputs(write(script % workers))
    assert (lines, error) == (["{'Outer': 13}"], '')


@pytest.mark.parametrize('workers', ['None', '2'])
@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_helpers_of_multiprocessing_have_the_exit_status_that_they_ended_with(write, method, workers):
    script = """
        import multiprocessing, sys
        from dojobber import DoJobber, Job

        def end(status):
            sys.exit(status)

        class Helpers(Job):
            def Check(self):
                context = multiprocessing.get_context('%s')
                helpers = [context.Process(target=end, args=[status]) for status in (0, 3)]
                for helper in helpers:
                    helper.start()
                for helper in helpers:
                    helper.join()
                return [helper.exitcode for helper in helpers]

        if __name__ == '__main__':
            engine = DoJobber()
            engine.configure(Helpers, max_workers=%s)
            engine.checknrun()
            print(engine.noderesults)
    """
    lines, _ = outputs(write(script % (method, workers)))
    assert lines == ["{'Helpers': [0, 3]}"]


def test_what_cannot_be_told_of_an_odd_exception_makes_its_status_no_success(write):
    script = """
        import os
        from dojobber import DoJobber, RunonlyJob

        class Odd(Exception):
            __class__ = property(lambda self: 1 / 0)
            __str__ = __repr__ = lambda self: 1 / 0

        class Forking(RunonlyJob):
            def Run(self):
                pid = os.fork()
                if not pid:
                    raise Odd
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

        engine = DoJobber()
        engine.configure(Forking)
        engine.checknrun()
        print(engine.noderesults)
    """
    lines, _ = outputs(write(script))
    assert lines == ["{'Forking': 1}"]
