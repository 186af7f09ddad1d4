"""The examples that talk to a server, as users run them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import pathlib
import re
import threading
import urllib.parse

import pytest
from support.run_command import TIMEOUT, read_until, run_script, running_script

EXAMPLES = pathlib.Path(__file__).parents[2] / 'examples'

FILES = 'Download one', 'Download two', 'Download number three'


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def listening(server):
    """Let a server answer requests within the context."""
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(TIMEOUT)
        assert not thread.is_alive()


class TestWait:
    @pytest.fixture
    def server(self):
        """A server that has its port but does not listen yet."""
        with http.server.ThreadingHTTPServer(('localhost', 0), Handler, bind_and_activate=False) as server:
            server.server_bind()
            yield server

    @staticmethod
    def arguments(server, *more):
        settings = [f'port={server.server_port}', *more]
        return [EXAMPLES / 'wait.py', '-v', '--retry-delay', '0', *(f'--set={setting}' for setting in settings)]

    def test_wait_runs_other_jobs_until_a_late_server_answers(self, server, tmp_path):
        with running_script(tmp_path, *self.arguments(server)) as child:
            before = read_until(child.stderr, 'CheckSpace.check: pass')
            with listening(server):
                after = child.stderr.read().splitlines()
                out = child.stdout.read()
                assert child.wait(TIMEOUT) == 0
        assert before[0] == 'WaitForServer.check: fail'
        assert 'WaitForServer.check: pass' not in before
        assert after[-3:] == ['WaitForServer.check: pass', 'FetchPage.check: pass', 'CheckServer.check: pass']
        jobs = [line.split()[1] for line in out.splitlines()[:-1]]
        assert jobs == ['CheckSpace', 'WaitForServer', 'FetchPage', 'CheckServer']

    def test_wait_does_not_wait_for_a_running_server_and_changes_nothing(self, server, tmp_path):
        with listening(server):
            status, out, err = run_script(tmp_path, *self.arguments(server))
        assert status == 0
        assert re.fullmatch(r'4 jobs: 4 ok in [\d.]+ m?s; nothing was changed', out.splitlines()[-1])
        names = 'WaitForServer', 'FetchPage', 'CheckSpace', 'CheckServer'
        assert err.splitlines() == [f'{name}.check: pass' for name in names]
        assert not list(tmp_path.iterdir())

    def test_wait_reports_a_missing_page_and_a_full_disk(self, server, tmp_path):
        with listening(server):
            status, out, _ = run_script(tmp_path, *self.arguments(server, 'path=/shop', 'gigabytes=1e9'))
        assert status == 1
        space, fetch = sorted(
            {line for line in out.splitlines() if line.startswith('✗')}
        )  # printed at once and in the recap
        assert fetch.startswith('✗ FetchPage')
        assert fetch.endswith(': /shop: 404 File not found')
        assert space.startswith('✗ CheckSpace')
        assert space.endswith(' GB are free, but 1e9 are needed')


class TestDownload:
    @pytest.fixture
    def served(self, tmp_path):
        """A folder with files, beside a list of their checksums."""
        folder = tmp_path / 'served'
        folder.mkdir()
        for name in 'one', 'two', 'number three':
            (folder / name).write_bytes(name.encode() * 50_000)
        lines = [f'{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n' for path in folder.iterdir()]
        (tmp_path / 'list').write_text(''.join(lines))
        return folder

    @staticmethod
    def download(served, together=None):
        """Download all files and return (status, stdout, stderr) and the names of the requested files.

        If ``together`` is given, the server answers no request until it has received that many.
        """
        requested = []
        barrier = threading.Barrier(together or 1, timeout=TIMEOUT)

        class RecordingHandler(Handler):
            def do_GET(self):
                requested.append(urllib.parse.unquote(self.path.lstrip('/')))
                barrier.wait()
                super().do_GET()

        handler = functools.partial(RecordingHandler, directory=str(served))
        with http.server.ThreadingHTTPServer(('localhost', 0), handler, bind_and_activate=False) as server:
            server.server_bind()
            with listening(server):
                url = f'http://localhost:{server.server_port}'
                script = EXAMPLES / 'download.py', url, 'list', 'downloads', '--retry-delay', '0', '--jobs', '3'
                return run_script(served.parent, *script, no_proxy='*'), sorted(requested)

    @staticmethod
    def states(out):
        return dict(line.split(': ', 1) for line in out.splitlines())

    @staticmethod
    def contents(folder):
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    def test_download_fetches_files_at_the_same_time_and_then_leaves_them_alone(self, served):
        (status, out, err), requested = self.download(served, together=3)
        assert (status, err) == (0, '')
        assert self.states(out) == {**dict.fromkeys(FILES, 'changed'), 'DownloadAll': 'ok'}
        assert requested == ['number three', 'one', 'two']
        downloads = served.parent / 'downloads'
        assert self.contents(downloads) == self.contents(served)
        before = {path: path.stat().st_mtime_ns for path in downloads.iterdir()}
        (status, out, err), requested = self.download(served)
        assert (status, set(self.states(out).values()), err) == (0, {'ok'}, '')
        assert requested == []
        assert {path: path.stat().st_mtime_ns for path in downloads.iterdir()} == before

    def test_download_fetches_only_missing_or_damaged_files_again(self, served):
        self.download(served)
        downloads = served.parent / 'downloads'
        (downloads / 'one').unlink()
        (downloads / 'two').write_bytes(b'damaged')
        (_, out, _), requested = self.download(served)
        assert self.states(out) == {
            'Download one': 'changed',
            'Download two': 'changed',
            'Download number three': 'ok',
            'DownloadAll': 'ok',
        }
        assert requested == ['one', 'two']
        assert self.contents(downloads) == self.contents(served)

    def test_download_names_failed_files_and_leaves_no_unfinished_ones(self, served):
        (served / 'one').unlink()
        (served / 'two').write_bytes(b'of other contents')
        (status, out, err), requested = self.download(served)
        assert (status, err) == (1, '')
        states = self.states(out)
        assert states['Download number three'] == 'changed'
        assert states['Download one'] == 'failed: HTTP Error 404: File not found'
        assert re.fullmatch('failed: two.unfinished has the checksum [0-9a-f]{64}, not .*', states['Download two'])
        assert requested == ['number three', *3 * ['one'], *3 * ['two']]
        assert set(self.contents(served.parent / 'downloads')) == {'number three'}

    @pytest.mark.parametrize(
        ('url', 'name', 'problem'),
        [
            ('file:///etc', 'list', 'file:///etc does not start with http'),
            ('http://localhost', 'list', 'expected a checksum and the name of a file'),
            ('http://localhost', 'nothing', 'No such file'),
        ],
    )
    def test_download_refuses_bad_addresses_and_lists(self, tmp_path, url, name, problem):
        (tmp_path / 'list').write_text('e' * 64 + '  ../passwd')
        status, _, err = run_script(tmp_path, EXAMPLES / 'download.py', url, name, 'downloads')
        assert status == 2
        assert problem in err
