"""The programs that draw: which one is used, what can go wrong, and pictures too large for their format."""

from __future__ import annotations

import logging
import os
import select
import signal
import struct
import sys
import sysconfig
import threading

import pytest
from support.factories import job, make_engine
from support.programs import PNG, write_program
from support.rendering import picture

from dojobber import GraphError


def lone_job(**attributes):
    """Return an engine for one Job, which is drawn with these attributes of Graphviz."""
    engine = make_engine(job('Root'))
    for attribute in attributes.items():
        engine.graph.add_node_attribute('Root', attribute)
    return engine


def wide(pixels):
    """Return an engine whose picture has that width, plus a margin."""
    return lone_job(width=pixels / 96, fixedsize=True)


def jpeg_size(data):
    """Return the width and the height in the header of a JPEG."""
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + struct.unpack('>H', data[at + 2 : at + 4])[0]
    return struct.unpack('>HH', data[at + 5 : at + 9])[::-1]


class TestChoice:
    def test_graphviz_is_preferred(self, monkeypatch, tmp_path):
        for name in ('dot', 'graphviz-pure'):
            write_program(tmp_path / name, f'import sys; sys.stdin.read(); print({name!r})')
        monkeypatch.setenv('PATH', str(tmp_path))
        assert picture(lone_job(), 'png') == b'dot\n'

    def test_graphviz_pure_is_also_found_next_to_this_python(self, monkeypatch, tmp_path):
        write_program(tmp_path / 'graphviz-pure', 'import sys; sys.stdin.read(); print("next to it")')
        monkeypatch.setenv('PATH', '')
        monkeypatch.setattr(sysconfig, 'get_path', lambda name: str(tmp_path))
        assert picture(lone_job(), 'png') == b'next to it\n'

    @pytest.mark.parametrize('fmt', ['png', 'svg', 'nonsense'])
    def test_without_a_renderer_the_error_names_both_and_nothing_is_written(self, no_renderer, tmp_path, fmt):
        with pytest.raises(GraphError, match=r'apt install graphviz.*pip install graphviz-pure') as caught:
            lone_job().write_graph(tmp_path / 'graph', fmt)
        assert isinstance(caught.value, RuntimeError)
        assert caught.value.culprit == fmt
        assert list(tmp_path.iterdir()) == []

    def test_in_a_pyinstaller_bundle_the_renderer_gets_the_libraries_of_the_system(self, only_dot, monkeypatch):
        only_dot('import os; print(os.environ.get("LD_LIBRARY_PATH"))')
        monkeypatch.setenv('LD_LIBRARY_PATH', '/bundle')
        assert picture(lone_job(), 'svg') == b'/bundle\n'
        monkeypatch.setattr(sys, '_MEIPASS', '/bundle', raising=False)  # as PyInstaller has it
        assert picture(lone_job(), 'svg') == b'None\n'
        monkeypatch.setenv('LD_LIBRARY_PATH_ORIG', '/system')
        assert picture(lone_job(), 'svg') == b'/system\n'


class TestTooLarge:
    @pytest.mark.parametrize('fmt', ['png', 'jpg', 'jpeg', 'jpe', 'gif', 'png:cairo', 'jpg:cairo'])
    def test_a_bitmap_that_graphviz_would_scale_down_is_refused(self, dot, tmp_path, fmt):
        path = tmp_path / 'graph'
        with pytest.raises(GraphError, match=r'too large .* use svg.* [Ss]caling by 0\.9') as caught:
            wide(34_000).write_graph(path, fmt)
        assert caught.value.culprit == fmt
        assert not path.exists()
        assert picture(wide(32_000), fmt)

    def test_a_bitmap_that_is_too_high_is_refused(self, dot):
        with pytest.raises(GraphError, match=r'too large .* use svg'):
            picture(lone_job(height=400), 'png')

    @pytest.mark.parametrize('fmt', ['webp', 'ps2'])
    def test_a_picture_beyond_the_limits_of_its_format_is_refused(self, dot, fmt):
        try:
            picture(lone_job(), fmt)
        except GraphError as error:
            pytest.skip(f'this Graphviz is built without {fmt}: {error}')
        with pytest.raises(GraphError, match=r'too large .* use svg'):
            picture(wide(20_000), fmt)

    @pytest.mark.parametrize('fmt', ['svg', 'json', 'dot', 'plain'])
    def test_other_formats_have_no_limit(self, renderer, fmt):
        assert picture(wide(200_000), fmt)

    @pytest.mark.parametrize('renderer', ['graphviz-pure'], indirect=True)
    @pytest.mark.parametrize('fmt', ['jpg', 'jpeg', 'jpe'])
    def test_a_jpeg_too_large_for_its_header_is_refused(self, renderer, fmt):
        with pytest.raises(GraphError, match=r'too large .* use svg: it has 66011 x .* at most 65535') as caught:
            picture(wide(66_000), fmt)
        assert caught.value.culprit == fmt
        assert jpeg_size(picture(wide(65_500), fmt))[0] == 65_511
        assert picture(wide(66_000), 'png').startswith(PNG)

    @pytest.mark.parametrize('fmt', ['jpg', 'jpeg', 'jpe'])
    def test_a_jpeg_contains_nothing_else(self, renderer, fmt):
        data = picture(wide(300), fmt)
        assert data.startswith(b'\xff\xd8')
        assert data.endswith(b'\xff\xd9')
        assert jpeg_size(data)[0] == pytest.approx(311, abs=2)

    def test_a_picture_that_takes_too_much_memory_is_refused(self, dot, monkeypatch, tmp_path):
        resource = pytest.importorskip('resource')
        write_program(
            tmp_path / 'dot',
            'import os, resource, sys\n'
            f'resource.setrlimit(resource.RLIMIT_AS, ({3 << 29}, {resource.RLIM_INFINITY}))\n'
            f'os.execv({dot!r}, sys.argv)',
        )
        monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
        engine = wide(32_000)
        engine.graph.add_node_attribute('Root', ('height', 300))
        with pytest.raises(GraphError, match=r'too large .* use svg'):
            picture(engine, 'png')


class TestWarnings:
    def test_warnings_are_logged_and_the_picture_is_drawn(self, renderer, caplog, capfd):
        with caplog.at_level(logging.WARNING, 'DoJobber'):
            assert b'Root' in picture(lone_job(shape='rhubarb'), 'svg')
        (record,) = [record for record in caplog.records if 'rhubarb' in record.getMessage()]
        assert (record.name, record.levelno) == ('DoJobber', logging.WARNING)
        assert renderer in record.getMessage()
        assert capfd.readouterr() == ('', '')

    def test_warnings_are_not_shown_by_default(self, renderer, capfd):
        assert b'Root' in picture(lone_job(shape='rhubarb'), 'svg')
        assert capfd.readouterr() == ('', '')

    def test_a_million_warnings_are_truncated(self, only_dot, caplog):
        only_dot('import sys; sys.stderr.write("Warning: odd\\n" * 1_000_000); sys.stdin.read(); print("picture")')
        with caplog.at_level(logging.WARNING, 'DoJobber'):
            assert picture(lone_job(), 'svg') == b'picture\n'
        (record,) = caplog.records
        assert len(record.getMessage()) < 2000

    def test_a_broken_log_does_not_prevent_the_picture(self, renderer, caplog):
        class Broken(logging.Handler):
            def emit(self, record):
                raise OSError('no log')

        logger, broken = logging.getLogger('DoJobber'), Broken()
        engine = lone_job(shape='rhubarb')
        logger.addHandler(broken)
        try:
            with caplog.at_level(logging.WARNING, 'DoJobber'):
                assert b'Root' in picture(engine, 'svg')
        finally:
            logger.removeHandler(broken)


class TestFailures:
    @pytest.mark.parametrize('fmt', ['nonsense', 'png:nonsense', ' ', '\n', 'a\0b'])
    def test_an_unknown_format_is_refused_in_the_words_of_the_renderer(self, renderer, tmp_path, fmt):
        path = tmp_path / 'graph.png'
        with pytest.raises(GraphError, match=r'(?s)(recognized|unknown|unsupported|null byte|not found|format)'):
            lone_job().write_graph(path, fmt)
        assert not path.exists()

    @pytest.mark.parametrize('body', ['', 'print("half a picture"); sys.exit(3)', 'os.close(0); os.close(1)'])
    def test_a_renderer_without_output_or_with_an_exit_status_has_failed(self, only_dot, body):
        only_dot(f'import os, sys\n{body}')
        with pytest.raises(GraphError, match="cannot write the format 'svg'"):
            picture(lone_job(), 'svg')

    def test_the_message_of_a_failed_renderer_is_in_the_error(self, only_dot):
        only_dot('import sys; sys.exit("out of ink")')
        with pytest.raises(GraphError, match='out of ink'):
            picture(lone_job(), 'png')

    def test_the_exit_status_of_a_renderer_without_a_message_is_in_the_error(self, only_dot):
        only_dot('import os, signal; os.kill(os.getpid(), signal.SIGKILL)')
        with pytest.raises(GraphError, match='no error message, exit status -9'):
            picture(lone_job(), 'png')

    def test_the_message_of_a_renderer_that_does_not_read_a_large_graph_is_in_the_error(self, only_dot):
        only_dot('import sys; sys.stdin.close(); sys.exit("I do not read")')
        with pytest.raises(GraphError, match='I do not read'):
            picture(make_engine(job('Root', [job(f'Leaf{number}') for number in range(2000)])), 'svg')

    def test_a_renderer_that_cannot_be_executed_is_an_error(self, only_dot, tmp_path):
        only_dot('')
        (tmp_path / 'dot').write_bytes(b'\x7fELF nonsense')
        with pytest.raises(GraphError, match='cannot be run'):
            picture(lone_job(), 'png')


class TestStopping:
    @pytest.fixture
    def slow_dot(self, only_dot, tmp_path):
        """A dot whose child does the drawing. The fixture is a FIFO that the child writes to and keeps open."""
        if not hasattr(os, 'mkfifo'):
            pytest.skip('needs POSIX')
        os.mkfifo(tmp_path / 'fifo')
        child = f'import time; file = open({str(tmp_path / "fifo")!r}, "w"); print("here", file=file, flush=True)\n'
        only_dot(f'import subprocess, sys\nsubprocess.run([sys.executable, "-c", {child + "time.sleep(100)"!r}])')
        descriptor = os.open(tmp_path / 'fifo', os.O_RDONLY | os.O_NONBLOCK)
        yield descriptor
        os.close(descriptor)

    @staticmethod
    def read(fifo):
        """Return the next bytes; empty when all processes that could write have ended."""
        assert select.select([fifo], [], [], 60)[0], 'a process has it open and writes nothing'
        return os.read(fifo, 5)

    def test_the_timeout_also_kills_the_children_of_the_renderer(self, slow_dot):
        with pytest.raises(GraphError, match='did not finish within 3 s and was stopped'):
            picture(lone_job(), 'svg', timeout=3)
        assert self.read(slow_dot) == b'here\n'
        assert self.read(slow_dot) == b''

    def test_ctrl_c_also_kills_the_children_of_the_renderer(self, slow_dot):
        def press():
            if select.select([slow_dot], [], [], 60)[0]:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        thread = threading.Thread(target=press)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            picture(lone_job(), 'svg')
        thread.join(60)
        assert self.read(slow_dot) == b'here\n'
        assert self.read(slow_dot) == b''
