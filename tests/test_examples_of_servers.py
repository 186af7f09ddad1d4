"""The examples that talk to a server, as people run them."""

from __future__ import annotations

import contextlib
import http.server
import pathlib
import re
import threading

import pytest
from command import read_until, run_script, running_script

EXAMPLES = pathlib.Path(__file__).parents[1] / 'examples'


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def listening(server):
    """Let a server answer."""
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


class TestWait:
    @pytest.fixture
    def server(self):
        """A server that has its port already, but does not listen there yet."""
        with http.server.ThreadingHTTPServer(('localhost', 0), Handler, bind_and_activate=False) as server:
            server.server_bind()
            yield server

    @staticmethod
    def arguments(server, *more):
        settings = [f'port={server.server_port}', *more]
        return [EXAMPLES / 'wait.py', '-v', '--retry-delay', '0', *(f'--set={setting}' for setting in settings)]

    def test_a_server_that_comes_late_is_waited_for_and_other_jobs_have_their_turn_meanwhile(self, server, tmp_path):
        with running_script(tmp_path, *self.arguments(server)) as child:
            before = read_until(child.stderr, 'CheckSpace.check: pass')
            with listening(server):
                after = child.stderr.read().splitlines()
                out = child.stdout.read()
                assert child.wait() == 0
        assert before[0] == 'WaitForServer.check: fail'
        assert 'WaitForServer.check: pass' not in before
        assert after[-3:] == ['WaitForServer.check: pass', 'FetchPage.check: pass', 'CheckServer.check: pass']
        jobs = [line.split()[1] for line in out.splitlines()[:-1]]
        assert jobs == ['CheckSpace', 'WaitForServer', 'FetchPage', 'CheckServer']

    def test_a_server_that_is_there_is_not_waited_for_and_nothing_is_changed(self, server, tmp_path):
        with listening(server):
            status, out, err = run_script(tmp_path, *self.arguments(server))
        assert status == 0
        assert re.fullmatch(r'4 jobs: 4 ok in [\d.]+ s; nothing was changed', out.splitlines()[-1])
        names = 'WaitForServer', 'FetchPage', 'CheckSpace', 'CheckServer'
        assert err.splitlines() == [f'{name}.check: pass' for name in names]
        assert not list(tmp_path.iterdir())

    def test_a_page_that_is_not_there_and_a_disk_that_is_full_are_said(self, server, tmp_path):
        with listening(server):
            status, out, _ = run_script(tmp_path, *self.arguments(server, 'path=/shop', 'gigabytes=1e9'))
        assert status == 1
        space, fetch = sorted(line for line in out.splitlines() if line.startswith('✗'))
        assert fetch.startswith('✗ FetchPage')
        assert fetch.endswith(': /shop: 404 File not found')
        assert space.startswith('✗ CheckSpace')
        assert space.endswith(' GB are free, and 1e9 are needed')
