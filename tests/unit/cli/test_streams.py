"""The stdout and stderr of the command: full, closed, without a reader, or replaced by Jobs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import threading

import pytest
from support.children import time_limit
from support.factories import changing, failing, job
from support.run_command import (
    BASE_JOBS,
    ENVIRONMENT,
    TIMEOUT,
    command,
    connect_gate,
    run_command,
    run_in_shell,
    write_jobs,
)

from dojobber import cli
from dojobber.cli.streams import Output

needs_full = pytest.mark.skipif(not os.path.exists('/dev/full'), reason='needs /dev/full')

FINE = """
class Leaf(Changing):
    \"\"\"Comes first.\"\"\"
class Root(DummyJob):
    DEPS = [Leaf]
"""

WRITING = [[], ['--list'], ['--tree'], ['--json'], ['--list', '--json'], ['-n'], ['--help'], ['--version']]


@pytest.mark.parametrize(
    ('arguments', 'unbuffered'),
    [*[(arguments, '') for arguments in WRITING], ([], '1'), (['--json'], '1'), (['--help'], '1')],
)
@pytest.mark.parametrize(
    ('redirection', 'message'),
    [
        pytest.param('>/dev/full', 'cannot write to stdout: [Errno 28] No space left on device\n', marks=needs_full),
        ('>&-', 'cannot write to stdout: it is closed\n'),
    ],
)
def test_the_command_fails_if_it_cannot_write_its_output(tmp_path, redirection, message, arguments, unbuffered):
    write_jobs(tmp_path, FINE)
    done = run_in_shell(tmp_path, redirection, 'jobs.py', *arguments, PYTHONUNBUFFERED=unbuffered)
    assert done == (1, '', message)


@needs_full
def test_the_command_fails_if_it_cannot_write_what_a_job_left_in_the_buffer(tmp_path):
    write_jobs(tmp_path, 'class Root(Changing):\n    def act(self): print("x" * 5000, end="")')
    status, _, err = run_in_shell(tmp_path, '>/dev/full', 'jobs.py', PYTHONUNBUFFERED='')
    assert (status, err) == (1, 'cannot write to stdout: [Errno 28] No space left on device\n')


@needs_full
def test_a_usage_error_keeps_its_status_if_stdout_is_full(tmp_path):
    write_jobs(tmp_path, FINE)
    status, _, err = run_in_shell(tmp_path, '>/dev/full', 'jobs.py:Nobody')
    assert (status, err.count('\n')) == (2, 1)
    assert 'Nobody' in err


@pytest.mark.parametrize('unbuffered', ['', '1'])
@pytest.mark.parametrize('arguments', WRITING)
def test_the_command_succeeds_if_the_reader_of_its_output_has_closed_the_pipe(tmp_path, arguments, unbuffered):
    write_jobs(tmp_path, FINE)
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        command('jobs.py', *arguments),
        cwd=tmp_path,
        env={**ENVIRONMENT, 'PYTHONUNBUFFERED': unbuffered},
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    with process as child, time_limit(child):
        os.close(writing)
        _, err = child.communicate()
    assert (child.returncode, err) == (3 if '-n' in arguments else 0, b'')


@pytest.mark.parametrize('redirection', ['2>&-', pytest.param('2>/dev/full', marks=needs_full)])
@pytest.mark.parametrize('arguments', [['-v'], ['-d', '--json'], ['--list'], ['--nope'], ['--only', 'Nobody'], ['-n']])
def test_an_unwritable_stderr_changes_neither_status_nor_stdout(tmp_path, redirection, arguments):
    code = """
import sys
print('imported')
class Root(Changing):
    def act(self):
        sys.stdout.write('printed\n')
        subprocess.run(['true'], check=True)
    def Cleanup(self): raise OSError('in use')
"""
    write_jobs(tmp_path, code)
    expected = run_command(tmp_path, 'jobs.py', *arguments)
    status, out, _ = run_in_shell(tmp_path, redirection, 'jobs.py', *arguments)
    assert status == expected[0]
    assert len(out.splitlines()) == len(expected[1].splitlines())


STDOUT_CHANGES = {
    'closes a replacement': 'with open(os.devnull, "w") as sys.stdout: print("quiet")',
    'replaces it': 'import io; sys.stdout = io.StringIO()',
    'closes it': 'sys.stdout.close()',
    'sets None': 'sys.stdout = None',
    'deletes it': 'del sys.stdout',
    'breaks it': 'sys.stdout = object()',
}


@pytest.mark.parametrize('line', STDOUT_CHANGES.values(), ids=STDOUT_CHANGES)
@pytest.mark.parametrize('has_rich', [True, False])
def test_lines_and_recap_are_printed_after_a_job_removes_stdout(tmp_path, line, has_rich):
    write_jobs(
        tmp_path, f'class First(Changing):\n    def act(self):\n        {line}\nclass Root(Changing): DEPS = [First]'
    )
    if not has_rich:
        (tmp_path / 'rich.py').write_text('raise ImportError', encoding='utf-8')
    status, out, err = run_command(tmp_path, 'jobs.py', PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    assert (status, err) == (0, '')
    assert [text.split()[1] for text in out.splitlines()] == ['First', 'Root', 'jobs:']


@pytest.mark.parametrize('line', [line.replace('stdout', 'stderr') for line in list(STDOUT_CHANGES.values())[1:]])
@pytest.mark.parametrize('arguments', [[], ['-v', '--graph', 'graph.dot'], ['--json']])
def test_a_job_that_removes_stderr_changes_nothing_on_stdout(tmp_path, line, arguments):
    code = f"""
class First(Changing):
    def act(self):
        {line}
class Second(Failing):
    DEPS = [First]
    TRIES = 2
    def Cleanup(self): raise OSError('in use')
class Root(DummyJob): DEPS = [Second]
"""
    write_jobs(tmp_path, code)
    status, out, _ = run_command(tmp_path, 'jobs.py', *arguments)
    assert status == 1
    if '--json' in arguments:
        assert [outcome['state'] for outcome in json.loads(out)['jobs']] == ['changed', 'failed', 'blocked']
    else:
        names = [text.split()[1] for text in out.splitlines()]
        assert names == ['First', 'Second', 'Root', 'Second', 'Second.cleanup', 'jobs:']


@pytest.mark.parametrize('line', STDOUT_CHANGES.values(), ids=STDOUT_CHANGES)
def test_the_json_document_is_printed_after_a_job_removes_stdout(tmp_path, line):
    write_jobs(
        tmp_path, f'class First(Changing):\n    def act(self):\n        {line}\nclass Root(Changing): DEPS = [First]'
    )
    status, out, err = run_command(tmp_path, 'jobs.py', '--json')
    assert (status, json.loads(out)['exit_status'], err) == (0, 0, '')


def test_a_job_that_closes_the_descriptor_of_stdout_makes_the_command_fail(tmp_path):
    write_jobs(tmp_path, 'class Root(Changing):\n    def act(self): os.close(1)')
    status, out, err = run_command(tmp_path, 'jobs.py')
    assert (status, out, err) == (1, '', 'cannot write to stdout: [Errno 9] Bad file descriptor\n')


def test_a_thread_that_redirects_stdout_does_not_get_the_lines_of_jobs(tmp_path):
    code = """
import contextlib, io, threading
redirected, printed = threading.Event(), threading.Event()
class Catches(Changing):
    def act(self):
        with contextlib.redirect_stdout(io.StringIO()):
            redirected.set()
            assert printed.wait(20)
class Prompt(Changing):
    def act(self): assert redirected.wait(20)
class After(Changing):
    DEPS = [Prompt]
    def act(self): printed.set()  # the line of Prompt has been written
class Root(DummyJob): DEPS = [Catches, After]
"""
    write_jobs(tmp_path, code)
    status, out, err = run_command(tmp_path, 'jobs.py', '-j2')
    assert (status, err) == (0, '')
    assert sorted(line.split()[1] for line in out.splitlines()) == ['After', 'Catches', 'Prompt', 'Root', 'jobs:']


@pytest.mark.parametrize('arguments', [['--list'], ['--tree'], ['--list', '--json'], ['--json']])
def test_output_of_an_import_goes_to_stderr_with_list_tree_and_json(tmp_path, arguments):
    write_jobs(tmp_path, f'print("imported")\nsubprocess.run(["echo", "by a child"])\n{FINE}')
    status, out, err = run_command(tmp_path, 'jobs.py', *arguments)
    assert (status, err) == (0, 'imported\nby a child\n')
    assert 'imported' not in out
    assert 'by a child' not in out
    assert 'Leaf' in out


def test_threads_and_children_that_outlive_the_run_cannot_write_after_the_json_document(tmp_path):
    code = """
import atexit, threading
def wait():
    threading.main_thread().join()
    print('by a thread', flush=True)
class Root(Changing):
    def act(self):
        threading.Thread(target=wait).start()
        self.global_storage['child'] = subprocess.Popen(['sh', '-c', 'cat gate; echo by a child'])
        self.global_storage['child'].returncode = 0  # so that Python does not warn that it still runs
atexit.register(print, 'at exit')
"""
    write_jobs(tmp_path, code)
    process = subprocess.Popen(
        command('jobs.py', '--json'), cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process as child, time_limit(child):
        gate = connect_gate(tmp_path)
        status = child.wait()
        os.close(gate)
        out, err = child.communicate(timeout=TIMEOUT)  # its own child may hold the pipes open
    assert (status, json.loads(out)['exit_status']) == (0, 0)
    assert sorted(err.decode().splitlines()) == ['at exit', 'by a child', 'by a thread']


def descriptors():
    """Return what each open descriptor refers to, and whether children inherit it."""
    found = {}
    for number in range(64):
        with contextlib.suppress(OSError):
            found[number] = os.fstat(number)[:3], os.get_inheritable(number)
    return found


def noisy():
    """Return a Job that prints, and whose child prints as well."""

    def run(self):
        sys.stdout.write('printed\n')
        subprocess.run(['echo', 'by a child'], check=True)
        self.storage['ran'] = True

    return changing('Noisy', Run=run)


def status_of(root, *arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(root, arguments)
    return caught.value.code


@pytest.mark.parametrize('arguments', [[], ['--json'], ['--list'], ['--list', '--json'], ['--help'], ['--nope']])
def test_streams_and_descriptors_are_restored_after_the_command(capfd, arguments):
    before = sys.stdout, sys.stderr, descriptors()
    status_of(noisy(), *arguments)
    status_of(noisy(), *arguments)
    assert (sys.stdout, sys.stderr, descriptors()) == before
    capfd.readouterr()
    sys.stdout.write('after\n')
    subprocess.run(['echo', 'child after'], check=True)
    sys.stdout.flush()
    assert sorted(capfd.readouterr().out.splitlines()) == ['after', 'child after']


def test_a_program_that_captures_descriptors_gets_only_the_json_document_on_stdout(capfd):
    for _ in range(2):
        assert status_of(noisy(), '--json') == 0
        captured = capfd.readouterr()
        assert json.loads(captured.out)['exit_status'] == 0
        assert sorted(captured.err.splitlines()) == ['by a child', 'printed']


def test_a_program_that_captures_streams_gets_only_the_json_document_on_stdout(capsys):
    assert status_of(noisy(), '--json') == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)['jobs'][0]['state'] == 'changed'
    assert captured.err == 'printed\n'


@pytest.mark.parametrize('arguments', [['--json'], ['--tree', '--json'], ['--list'], ['--help'], []])
def test_the_command_writes_to_a_redirected_stdout(capfd, arguments):
    redirected = io.StringIO()
    with contextlib.redirect_stdout(redirected):
        assert status_of(noisy(), *arguments) == 0
    assert redirected.getvalue()
    if '--json' in arguments:
        assert json.loads(redirected.getvalue())['root'] == 'Noisy'
    assert capfd.readouterr().out == ('by a child\n' if arguments == [] else '')


@pytest.mark.parametrize('arguments', [[], ['--json'], ['--list'], ['--help']])
def test_a_redirected_stdout_can_be_any_object_with_write(capfd, arguments):
    class Lines(list):
        def write(self, text):
            self.append(text)

    lines = Lines()
    with contextlib.redirect_stdout(lines):
        assert status_of(job('Fine'), *arguments) == 0
    assert 'Fine' in ''.join(lines) or '--help' in arguments
    assert capfd.readouterr() == ('', '')


def test_the_command_fails_if_it_cannot_write_to_a_redirected_stdout(capfd):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, 'No space left on device')

    with contextlib.redirect_stdout(Full()):
        assert status_of(job('Fine')) == 1
        assert status_of(failing('Broken', TRIES=1)) == 1
        assert status_of(changing('Change'), '-n') == 1
    assert capfd.readouterr().err == 'cannot write to stdout: [Errno 28] No space left on device\n' * 3


def test_main_in_another_thread_raises_value_error_and_changes_nothing(capfd):
    before, raised = (sys.stdout, descriptors()), []

    def call():
        try:
            cli.main(noisy(), ['--json'])
        except ValueError as error:
            raised.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(TIMEOUT)
    assert 'main thread' in raised[0]
    assert (sys.stdout, descriptors()) == before
    assert capfd.readouterr() == ('', '')


def test_characters_that_stdout_cannot_encode_are_escaped():
    raw = io.BytesIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(raw, encoding='ascii')):
        output = Output()
        output.write('Zoë\n')
        assert raw.getvalue() == b'Zo\\xeb\n'
        assert output.failure is None


def test_help_can_be_printed_in_any_encoding(tmp_path):
    (tmp_path / 'script.py').write_text(
        f'{BASE_JOBS}\nclass Root(DummyJob):\n    """Grüße."""\nfrom dojobber.cli import main\nmain(Root)\n',
        encoding='utf-8',
    )
    done = subprocess.run(
        [sys.executable, 'script.py', '--help'],
        cwd=tmp_path,
        env={**ENVIRONMENT, 'PYTHONIOENCODING': 'ascii'},
        capture_output=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stderr) == (0, b'')
    assert b'Gr\\xfc\\xdfe.' in done.stdout
