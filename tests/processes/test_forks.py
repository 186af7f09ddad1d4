"""A child that a Job forks exits where it leaves the Job's code: it never goes on with the run."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs os.fork()')

FORKING = pathlib.Path(__file__).with_name('scripts') / 'forking.py'
LIMIT = 50  # seconds

WAYS = {
    'return': (0, None),
    'exit': (0, None),
    'exit 7': (7, None),
    'exit text': (1, 'the child is lost'),
    'raise': (1, 'ValueError: the child is lost'),
    'interrupt': (1, 'KeyboardInterrupt'),
    'exec': (1, 'FileNotFoundError: '),
}
"""For each way to leave a hook: the child's exit status, and the last line of its stderr."""


def outputs(script, *args, **environment):
    """Run a script, kill children that still run at its end, and return the lines of its stdout, and its stderr."""
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
            out, error = process.communicate(timeout=LIMIT)  # until no child has these pipes open, either
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return out.splitlines(), error


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a script and returns its path."""

    def write(text):
        path = tmp_path / 'script.py'
        path.write_text(textwrap.dedent(text))
        return path

    return write


OF_PARENT = ['Forking.Run', 'Following.Run', 'passed True', 'Following.Cleanup', 'Forking.Cleanup', 'end of the script']


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('place', ['run', 'cleanup', 'listener'])
def test_a_forked_child_exits_with_the_status_of_what_leaves_the_hook(place, way):
    status, message = WAYS[way]
    lines, error = outputs(FORKING, 'one', PLACE=place, WAY=way)
    assert sorted(lines) == sorted([*OF_PARENT, 'the child is here', f'status {status}'])
    assert (error.rstrip().splitlines() or [None])[-1] == message or (message.endswith(': ') and message in error)


@pytest.mark.parametrize('way', ['return', 'exit 7', 'raise'])
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
def test_a_forked_child_exits_in_every_hook_and_with_every_kind_of_workers(workers, places, way):
    for place in places:
        lines, _ = outputs(FORKING, workers, PLACE=place, WAY=way)
        assert sorted(lines) == sorted([*OF_PARENT, 'the child is here', f'status {WAYS[way][0]}']), place


def test_a_forked_child_that_forks_again_leaves_no_process_that_goes_on(write):
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
                return os.read(reading, 1), os.read(reading, 1)  # the second read ends when all children have ended

        engine = DoJobber()
        engine.configure(Daemon)
        engine.checknrun()
        print(engine.noderesults['Daemon'])
    """
    lines, error = outputs(write(script))
    assert lines == ["(b'x', b'')"]
    assert error.splitlines()[-1] == 'OSError: a daemon that cannot go on'


@pytest.mark.parametrize('workers', ['None', '2'])
def test_a_forked_child_may_run_a_graph_of_its_own_and_fork_there(write, workers):
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
def test_multiprocessing_children_keep_their_exit_status(write, method, workers):
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
                    helper.join(30)
                return [helper.exitcode for helper in helpers]

        if __name__ == '__main__':
            engine = DoJobber()
            engine.configure(Helpers, max_workers=%s)
            engine.checknrun()
            print(engine.noderesults)
    """
    lines, _ = outputs(write(script % (method, workers)))
    assert lines == ["{'Helpers': [0, 3]}"]


def test_a_forked_child_that_raises_an_unprintable_exception_exits_with_status_1(write):
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
