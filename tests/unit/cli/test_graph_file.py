"""``--graph``: the checks before the run, and the drawing after it."""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading

import pytest
from support.children import time_limit
from support.factories import failing, job
from support.run_command import ENVIRONMENT, TIMEOUT, command, connect_gate, run_command, write_jobs
from support.screen import Screen

from dojobber import DoJobber, DummyJob, GraphError, cli
from dojobber.cli.graph_file import check_graph

needs_proc = pytest.mark.skipif(
    not os.path.isdir('/proc/self'), reason='needs a folder in which nobody can create files'
)


def call_main(capsys, root, *arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(root, arguments)
    captured = capsys.readouterr()
    return caught.value.code, captured.out, captured.err


def wide(edges):
    return job('Wide', [job(f'Leaf{number}') for number in range(edges)], DummyJob)


@pytest.fixture
def ran():
    return []


@pytest.fixture
def root(ran):
    return job('Fine', Check=lambda self: ran.append(1))


@pytest.mark.parametrize('others', [[], ['--list'], ['--tree', '--json'], ['--json']])
@pytest.mark.parametrize(
    ('path', 'message'),
    [
        ('', 'expected the path of a file'),
        ('a\0b.dot', 'expected the path of a file'),
        ('folder', "'folder' is a folder, not a file"),
        ('folder/', "'folder/' is a folder, not a file"),
        ('no/graph.dot', "the folder 'no' does not exist"),
        ('file/graph.dot', "the folder 'file' does not exist"),
        ('dangling', "nowhere' does not exist"),
        ('no/../graph.dot', "the folder 'no/..' does not exist"),
        pytest.param('/proc/graph.dot', "'/proc/graph.dot' cannot be written", marks=needs_proc),
        ('x' * 300 + '.dot', 'cannot be written: File name too long'),
    ],
)
def test_a_graph_file_that_cannot_be_written_ends_the_command_before_the_run(
    capsys, tmp_path, monkeypatch, root, ran, path, message, others
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'file').touch()
    (tmp_path / 'dangling').symlink_to('nowhere/graph.dot')
    before = sorted(os.listdir())
    status, out, err = call_main(capsys, root, '--graph', path, *others)
    assert (status, out, ran, err.count('\n')) == (2, '', [], 1)
    assert '--graph: ' in err
    assert message in err
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize('exists', [False, True])
def test_a_graph_file_without_write_permission_is_refused(exists):
    engine = DoJobber()
    engine.configure(DummyJob)
    with tempfile.TemporaryDirectory() as folder:  # other users cannot enter pytest's own folders
        path = os.path.join(folder, 'graph.dot')
        if exists:
            pathlib.Path(path).touch(0o444)
        os.chmod(folder, 0o555)
        user = os.geteuid()
        if user == 0:  # root may write everywhere
            os.seteuid(65534)
        try:
            with pytest.raises(GraphError, match=f'--graph: {path!r} cannot be written: Permission denied'):
                check_graph(engine, path, 'TB')
        finally:
            os.seteuid(user)
            os.chmod(folder, 0o755)


@pytest.mark.skipif(not os.path.exists('/dev/fd'), reason='needs /dev/fd')
def test_the_graph_can_be_drawn_to_a_pipe_in_dev_fd(capsys, root):
    reader, writer = os.pipe()
    with open(reader, 'rb') as file:
        status, _, err = call_main(capsys, root, '--graph', f'/dev/fd/{writer}', '--list')
        os.close(writer)
        assert (status, err) == (0, '')
        assert file.read().startswith(b'\x89PNG')  # the default for a path without a suffix


def test_the_graph_can_be_drawn_to_a_dangling_link(capsys, tmp_path, monkeypatch, root):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'link.dot').symlink_to('folder/graph.dot')
    assert call_main(capsys, root, '--graph', 'link.dot', '--list')[0] == 0
    assert (tmp_path / 'folder' / 'graph.dot').is_file()


def test_checking_the_graph_file_does_not_change_it(capsys, tmp_path, ran):
    path = tmp_path / 'graph.dot'
    path.write_text('earlier', encoding='utf-8')
    looks = job('Looks', Check=lambda self: ran.append(path.read_text(encoding='utf-8')))
    assert call_main(capsys, looks, '--graph', str(path))[0] == 0
    assert ran == ['earlier']
    assert 'Looks' in path.read_text(encoding='utf-8')


def test_a_graph_too_big_for_its_format_ends_the_command_before_the_run(capsys, tmp_path):
    status, out, err = call_main(capsys, wide(501), '--graph', str(tmp_path / 'graph.mmd'))
    assert (status, out) == (2, '')
    assert re.search('--graph: Mermaid draws at most 500 edges; this graph has 501', err)
    assert call_main(capsys, wide(500), '--graph', str(tmp_path / 'graph.mmd'))[0] == 0


@pytest.mark.parametrize('arguments', [['--list'], ['--tree'], ['--list', '--json']])
def test_graph_with_list_or_tree_draws_the_plan_and_runs_nothing(capsys, tmp_path, root, ran, arguments):
    path = tmp_path / 'graph.mmd'
    expected = call_main(capsys, root, *arguments)
    assert call_main(capsys, root, *arguments, '--graph', str(path), '--rankdir', 'LR') == expected
    assert (expected[0], ran) == (0, [])
    assert path.read_text(encoding='utf-8').startswith('flowchart LR\n')
    assert 'not_run' in path.read_text(encoding='utf-8')


@pytest.mark.parametrize('arguments', [['-n'], [], ['--only', 'Fine']])
def test_rankdir_sets_the_direction_of_the_picture(capsys, tmp_path, root, arguments):
    path = tmp_path / 'graph.mmd'
    call_main(capsys, root, *arguments, '--graph', str(path), '--rankdir', 'BT')
    assert path.read_text(encoding='utf-8').startswith('flowchart BT\n')


def test_a_dry_run_whose_graph_cannot_be_drawn_is_a_failure(capsys, tmp_path):
    folder = tmp_path / 'folder'
    folder.mkdir()
    removes = failing('Removes', Check=lambda self: [folder.rmdir(), 1 / 0])
    status, out, err = call_main(capsys, removes, '-n', '--graph', str(folder / 'graph.dot'))
    assert status == 1
    assert 'would run' in out
    assert err.startswith('the graph was not drawn: ')


SLOW_RENDERER = """#!/bin/sh
if grep -q Last; then
    echo $$ > renderer
    exec cat gate
fi
echo picture
"""

JOBS = """
class First(Changing):
    def act(self): {first}
class Last(Failing):
    DEPS = [First]
    TRIES = 1
"""


def interrupt_drawing(folder, number, *arguments, first='pass'):
    """Send a signal while the graph is drawn, and return (status, stdout, stderr, whether the renderer still runs)."""
    write_jobs(folder, JOBS.format(first=first))
    process = subprocess.Popen(
        command('jobs.py', '--graph', 'graph.svg', *arguments),
        cwd=folder,
        env=write_slow_renderer(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding='utf-8',
    )
    with process as child, time_limit(child):
        gate = connect_gate(folder)
        child.send_signal(number)
        out, err = child.communicate()
        os.close(gate)
    renderer = int((folder / 'renderer').read_text(encoding='utf-8'))
    return child.returncode, out, err, os.path.exists(f'/proc/{renderer}')


SIGNALS = pytest.mark.parametrize(
    ('number', 'status'), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)


@SIGNALS
def test_a_signal_ends_the_drawing_after_the_recap(tmp_path, number, status):
    code, out, err, is_running = interrupt_drawing(tmp_path, number)
    assert (code, is_running) == (status, False)
    assert [line.split()[1] for line in out.splitlines()] == ['First', 'Last', 'Last', 'jobs:']
    assert err == f'the graph was not drawn: interrupted by {number.name}\n'
    assert not (tmp_path / 'graph.svg').exists()


@SIGNALS
def test_a_signal_ends_the_drawing_after_the_document(tmp_path, number, status):
    code, out, err, _ = interrupt_drawing(tmp_path, number, '--json')
    document = json.loads(out)
    assert (code, document['exit_status'], document['interrupted_by']) == (status, 1, None)
    assert err == f'the graph was not drawn: interrupted by {number.name}\n'


def test_a_signal_ends_the_drawing_after_the_listing(tmp_path):
    code, out, err, _ = interrupt_drawing(tmp_path, signal.SIGINT, '--list')
    assert (code, out) == (130, 'First  Job\nLast   Job\n')
    assert err == 'the graph was not drawn: interrupted by SIGINT\n'


def test_the_signal_that_ended_the_run_sets_the_exit_status_even_if_another_ends_the_drawing(tmp_path):
    code, out, err, _ = interrupt_drawing(tmp_path, signal.SIGTERM, first='os.kill(os.getpid(), 2)')
    assert code == 130
    assert out.splitlines()[-1].endswith('interrupted by SIGINT')
    assert err == 'the graph was not drawn: interrupted by SIGTERM\n'


def write_slow_renderer(folder):
    (folder / 'dot').write_text(SLOW_RENDERER, encoding='utf-8')
    (folder / 'dot').chmod(0o755)
    return {**ENVIRONMENT, 'PATH': os.pathsep.join([str(folder), ENVIRONMENT['PATH']])}


def test_the_terminal_shows_a_message_if_drawing_takes_long(tmp_path):
    write_jobs(tmp_path, JOBS.format(first='pass'))
    arguments = command('jobs.py', '--list', '--graph', 'graph.svg')
    with Screen(arguments, cwd=tmp_path, env=write_slow_renderer(tmp_path)) as screen:
        assert screen.wait_for('drawing graph.svg ...') == ['First  Job', 'Last   Job', 'drawing graph.svg ...']
        screen.press('\x03')
        assert screen.wait_for_exit() == 130


def test_no_message_is_shown_if_drawing_is_fast(tmp_path):
    write_jobs(tmp_path, JOBS.format(first='pass'))
    assert run_command(tmp_path, 'jobs.py', '--list', '--graph', 'graph.dot') == (0, 'First  Job\nLast   Job\n', '')


@pytest.mark.skipif(sys.platform == 'win32', reason='needs the named pipes of POSIX')
def test_the_graph_is_drawn_to_a_named_pipe_that_is_opened_only_once(capsys, tmp_path, root):
    path = tmp_path / 'graph.dot'
    os.mkfifo(path)
    read = []

    def read_all():
        with open(path, encoding='utf-8') as file:
            read.append(file.read())

    reader = threading.Thread(target=read_all, daemon=True)
    reader.start()
    assert call_main(capsys, root, '--graph', str(path))[0] == 0
    reader.join(TIMEOUT)
    assert 'Fine' in read[0]
