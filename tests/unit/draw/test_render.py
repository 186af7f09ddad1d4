"""What can be wrong with a picture that the renderer makes, and what it says besides."""

from __future__ import annotations

import io
import logging
import os
import select
import signal
import struct
import sys
import threading

import pytest
from support.factories import job, make_engine
from support.programs import PNG, write_program

from dojobber import GraphError


def wide(pixels):
    """Return an engine whose picture is that wide, but for a margin."""
    engine = make_engine(job('Root'))
    for attribute in ('width', pixels / 96), ('fixedsize', True):
        engine.graph.add_node_attribute('Root', attribute)
    return engine


def drawn(engine, fmt, **options):
    filed = io.BytesIO()
    engine.write_graph(filed, fmt, **options)
    return filed.getvalue()


def jpeg_size(data):
    """Return width and height as the header of a JPEG has them."""
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + struct.unpack('>H', data[at + 2 : at + 4])[0]
    return struct.unpack('>HH', data[at + 5 : at + 9])[::-1]


class TestTooLarge:
    @pytest.mark.parametrize('fmt', ['png', 'jpg', 'jpeg', 'jpe', 'gif', 'png:cairo', 'jpg:cairo'])
    def test_what_graphviz_would_scale_down_is_refused_in_its_words(self, dot, tmp_path, fmt):
        path = tmp_path / 'graph'
        with pytest.raises(GraphError, match=r'too large .* use svg.* [Ss]caling by 0\.9') as caught:
            wide(34_000).write_graph(path, fmt)
        assert caught.value.culprit == fmt
        assert not path.exists()
        assert drawn(wide(32_000), fmt)

    def test_so_is_what_is_too_high(self, dot):
        engine = make_engine(job('Root'))
        engine.graph.add_node_attribute('Root', ('height', 400))
        with pytest.raises(GraphError, match=r'too large .* use svg'):
            drawn(engine, 'png')

    @pytest.mark.parametrize('fmt', ['webp', 'ps2'])
    def test_so_is_what_the_format_has_no_room_for(self, dot, fmt):
        engine = wide(20_000)
        try:
            drawn(make_engine(job('Root')), fmt)
        except GraphError as error:
            pytest.skip(f'this Graphviz is built without {fmt}: {error}')
        with pytest.raises(GraphError, match=r'too large .* use svg'):
            drawn(engine, fmt)

    @pytest.mark.parametrize('fmt', ['svg', 'json', 'dot', 'plain'])
    def test_other_formats_have_no_such_limit(self, renderer, fmt):
        assert drawn(wide(200_000), fmt)

    @pytest.mark.parametrize('renderer', ['graphviz-pure'], indirect=True)
    @pytest.mark.parametrize('fmt', ['jpg', 'jpeg', 'jpe'])
    def test_what_does_not_fit_the_header_of_a_jpeg_is_refused(self, renderer, fmt):
        with pytest.raises(GraphError, match=r'too large .* use svg: it has 66011 x .* at most 65535') as caught:
            drawn(wide(66_000), fmt)
        assert caught.value.culprit == fmt
        assert jpeg_size(drawn(wide(65_500), fmt))[0] == 65_511
        assert drawn(wide(66_000), 'png').startswith(PNG)

    @pytest.mark.parametrize('fmt', ['jpg', 'jpeg', 'jpe'])
    def test_a_jpeg_is_nothing_but_a_jpeg(self, renderer, fmt):
        data = drawn(wide(300), fmt)
        assert data.startswith(b'\xff\xd8')
        assert data.endswith(b'\xff\xd9')
        assert jpeg_size(data)[0] == pytest.approx(311, abs=2)

    def test_what_there_is_no_memory_for_is_an_error(self, dot, monkeypatch, tmp_path):
        resource = pytest.importorskip('resource')
        write_program(
            tmp_path,
            'dot',
            'import os, resource, sys\n'
            f'resource.setrlimit(resource.RLIMIT_AS, ({3 << 29}, {resource.RLIM_INFINITY}))\n'
            f'os.execv({dot!r}, sys.argv)',
        )
        monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
        engine = wide(32_000)
        engine.graph.add_node_attribute('Root', ('height', 300))
        with pytest.raises(GraphError, match=r'too large .* use svg'):
            drawn(engine, 'png')


class TestWarnings:
    def test_they_are_logged_and_the_picture_is_made(self, renderer, caplog, capfd):
        engine = make_engine(job('Root'))
        engine.graph.add_node_attribute('Root', ('shape', 'rhubarb'))
        with caplog.at_level(logging.WARNING, 'DoJobber'):
            assert b'Root' in drawn(engine, 'svg')
        (record,) = [each for each in caplog.records if 'rhubarb' in each.getMessage()]
        assert (record.name, record.levelno) == ('DoJobber', logging.WARNING)
        assert renderer in record.getMessage()
        assert capfd.readouterr() == ('', '')

    def test_by_default_nobody_sees_them(self, renderer, capfd):
        engine = make_engine(job('Root'))
        engine.graph.add_node_attribute('Root', ('shape', 'rhubarb'))
        assert b'Root' in drawn(engine, 'svg')
        assert capfd.readouterr() == ('', '')

    def test_any_number_of_them_does_no_harm(self, monkeypatch, tmp_path, caplog):
        body = 'import sys; sys.stderr.write("Warning: odd\\n" * 1_000_000); sys.stdin.read(); print("picture")'
        write_program(tmp_path, 'dot', body)
        monkeypatch.setenv('PATH', str(tmp_path))
        with caplog.at_level(logging.WARNING, 'DoJobber'):
            assert drawn(make_engine(job('Root')), 'svg') == b'picture\n'
        (record,) = caplog.records
        assert len(record.getMessage()) < 2000

    def test_a_log_that_cannot_be_written_does_no_harm(self, renderer, caplog):
        class Broken(logging.Handler):
            def emit(self, record):
                raise OSError('no log')

        engine, logger, broken = make_engine(job('Root')), logging.getLogger('DoJobber'), Broken()
        engine.graph.add_node_attribute('Root', ('shape', 'rhubarb'))
        logger.addHandler(broken)
        try:
            with caplog.at_level(logging.WARNING, 'DoJobber'):
                assert b'Root' in drawn(engine, 'svg')
        finally:
            logger.removeHandler(broken)


class TestFailures:
    @pytest.mark.parametrize('body', ['', 'print("half a picture"); sys.exit(3)', 'os.close(0); os.close(1)'])
    def test_no_picture_or_a_status_is_an_error(self, monkeypatch, tmp_path, body):
        write_program(tmp_path, 'dot', f'import os, sys\n{body}')
        monkeypatch.setenv('PATH', str(tmp_path))
        with pytest.raises(GraphError, match="cannot draw the format 'svg'"):
            drawn(make_engine(job('Root')), 'svg')

    def test_one_that_reads_nothing_of_a_large_graph_is_heard_out(self, monkeypatch, tmp_path):
        write_program(tmp_path, 'dot', 'import sys; sys.stdin.close(); sys.exit("I do not read")')
        monkeypatch.setenv('PATH', str(tmp_path))
        with pytest.raises(GraphError, match='I do not read'):
            drawn(make_engine(job('Root', [job(f'Leaf{number}') for number in range(2000)])), 'svg')

    @pytest.fixture
    def slow(self, monkeypatch, tmp_path):
        """Have a dot whose work is done by a child of it, which says so by a fifo and keeps that open."""
        if not hasattr(os, 'mkfifo'):
            pytest.skip('needs POSIX')
        os.mkfifo(tmp_path / 'fifo')
        child = f'import time; file = open({str(tmp_path / "fifo")!r}, "w"); print("here", file=file, flush=True)\n'
        body = f'import subprocess, sys\nsubprocess.run([sys.executable, "-c", {child + "time.sleep(100)"!r}])'
        write_program(tmp_path, 'dot', body)
        monkeypatch.setenv('PATH', str(tmp_path))
        descriptor = os.open(tmp_path / 'fifo', os.O_RDONLY | os.O_NONBLOCK)
        yield descriptor
        os.close(descriptor)

    @staticmethod
    def next_word(fifo):
        """Return what comes next; empty when all who had it open for writing have ended."""
        assert select.select([fifo], [], [], 60)[0], 'somebody has it open and says nothing'
        return os.read(fifo, 5)

    def test_the_time_limit_ends_all_that_the_renderer_has_started(self, slow):
        with pytest.raises(GraphError, match='did not finish within 3 s and was stopped'):
            drawn(make_engine(job('Root')), 'svg', timeout=3)
        assert self.next_word(slow) == b'here\n'
        assert self.next_word(slow) == b''

    def test_so_does_ctrl_c(self, slow):
        def press():
            if select.select([slow], [], [], 60)[0]:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        thread = threading.Thread(target=press)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            drawn(make_engine(job('Root')), 'svg')
        thread.join()
        assert self.next_word(slow) == b'here\n'
        assert self.next_word(slow) == b''

    def test_in_a_bundle_of_pyinstaller_it_gets_the_libraries_of_the_system(self, monkeypatch, tmp_path):
        write_program(tmp_path, 'dot', 'import os; print(os.environ.get("LD_LIBRARY_PATH"))')
        monkeypatch.setenv('PATH', str(tmp_path))
        monkeypatch.setenv('LD_LIBRARY_PATH', '/bundle')
        assert drawn(make_engine(job('Root')), 'svg') == b'/bundle\n'
        monkeypatch.setattr(sys, '_MEIPASS', '/bundle', raising=False)  # as PyInstaller has it
        assert drawn(make_engine(job('Root')), 'svg') == b'None\n'
        monkeypatch.setenv('LD_LIBRARY_PATH_ORIG', '/system')
        assert drawn(make_engine(job('Root')), 'svg') == b'/system\n'
