"""Where a picture is written, and how it is shown."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import pathlib
import re
import sys
import tempfile

import pytest
from support.factories import mark_reached, wait_until_reached
from support.programs import PNG, write_program
from support.rendering import picture

from dojobber import GraphError
from dojobber._draw import output, write


@contextlib.contextmanager
def unprivileged(folder):
    """Give the files in a folder to an ordinary user, and become that user."""
    if not hasattr(os, 'geteuid'):
        pytest.skip('needs POSIX')
    before = os.geteuid(), os.getegid()
    if before[0] == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, 1234, 1234)
        os.setegid(1234)
        os.seteuid(1234)
    try:
        yield
    finally:
        os.seteuid(before[0])
        os.setegid(before[1])


class TestFormat:
    @pytest.mark.parametrize('path_type', [str, pathlib.Path])
    @pytest.mark.parametrize(
        ('name', 'start'),
        [('graph.SVG', '<?xml'), ('graph.dot', 'digraph'), ('graph.gv', 'digraph'), ('graph.mmd', 'flowchart')],
    )
    def test_the_suffix_of_a_path_is_the_format(self, engine, renderer, tmp_path, path_type, name, start):
        engine.write_graph(path_type(tmp_path / name))
        assert (tmp_path / name).read_text(encoding='utf-8').startswith(start)

    def test_a_path_without_a_suffix_gets_a_png(self, engine, renderer, tmp_path):
        engine.write_graph(tmp_path / 'graph')
        assert (tmp_path / 'graph').read_bytes().startswith(PNG)


class TestFileObjects:
    def test_a_text_mode_file_is_written_through_its_buffer(self, engine, renderer, tmp_path):
        with open(tmp_path / 'graph.png', 'w', encoding='utf-8') as file:
            engine.write_graph(file)
        assert (tmp_path / 'graph.png').read_bytes().startswith(PNG)

    def test_a_text_mode_temporary_file_is_written_through_its_buffer(self, engine, renderer):
        with tempfile.NamedTemporaryFile('w') as file:
            engine.write_graph(file)
            file.flush()
            assert pathlib.Path(file.name).read_bytes().startswith(PNG)

    @pytest.mark.parametrize('fmt', ['dot', 'mermaid', 'svg', 'json'])
    def test_a_text_buffer_accepts_text_formats(self, engine, renderer, fmt):
        file = io.StringIO()
        engine.write_graph(file, fmt)
        assert 'Changed' in file.getvalue()

    def test_a_text_buffer_rejects_a_binary_format_with_a_hint_at_wb(self, engine, renderer):
        file = io.StringIO()
        with pytest.raises(GraphError, match="mode 'wb'") as caught:
            engine.write_graph(file)
        assert caught.value.culprit is file
        assert file.getvalue() == ''

    @pytest.mark.parametrize('fmt', ['dot', 'mermaid'])
    def test_a_codecs_writer_accepts_text_formats(self, engine, fmt):
        encoded = io.BytesIO()
        engine.write_graph(codecs.getwriter('utf-16')(encoded), fmt)
        assert encoded.getvalue().decode('utf-16') == picture(engine, fmt).decode()

    @pytest.mark.parametrize('filed', [None, 5, b'path', [], object()])
    def test_an_object_that_is_neither_a_path_nor_a_file_is_refused(self, engine, filed):
        with pytest.raises(GraphError, match="mode 'wb'"):
            engine.write_graph(filed, 'dot')

    def test_a_file_that_accepts_a_part_at_a_time_gets_the_whole_picture(self, engine):
        class Narrow(io.RawIOBase):
            written = b''

            def writable(self):
                return True

            def write(self, data):
                self.written += bytes(data[:100])
                return min(len(data), 100)

        narrow = Narrow()
        engine.write_graph(narrow, 'dot')
        assert narrow.written == picture(engine, 'dot')

    def test_a_full_nonblocking_pipe_is_an_error(self, engine):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with open(reading, 'rb', buffering=0), open(writing, 'wb', buffering=0) as file:
            while file.write(b'x' * 65536):
                pass
            with pytest.raises(BlockingIOError):
                engine.write_graph(file, 'dot')


class TestPaths:
    @pytest.fixture
    def path(self, tmp_path):
        """An existing file."""
        path = tmp_path / 'graph.dot'
        path.write_text('before')
        return path

    def test_a_regular_file_is_replaced_as_a_whole_and_keeps_its_mode(self, engine, path):
        path.chmod(0o640)
        with open(path, encoding='utf-8') as before:
            engine.write_graph(path)
            assert before.read() == 'before', 'the old file was not touched'
        assert path.read_text(encoding='utf-8').startswith('digraph')
        assert path.stat().st_mode & 0o777 == 0o640
        assert list(path.parent.iterdir()) == [path]

    def test_a_full_disk_leaves_the_old_file_unchanged(self, engine, path):
        resource = pytest.importorskip('resource')
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
        try:
            with pytest.raises(OSError, match=re.escape(str(path))):
                engine.write_graph(path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.read_text(encoding='utf-8') == 'before'
        assert list(path.parent.iterdir()) == [path]

    def test_any_error_while_writing_leaves_the_old_file_unchanged(self, path):
        with pytest.raises(TypeError):
            write(path, None)
        assert path.read_text(encoding='utf-8') == 'before'
        assert list(path.parent.iterdir()) == [path]

    def test_a_missing_folder_is_an_error_with_the_path_in_it(self, engine, tmp_path):
        path = tmp_path / 'no' / 'graph.dot'
        with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
            engine.write_graph(path)

    def test_a_file_with_two_names_keeps_both(self, engine, path):
        other = path.with_name('other.dot')
        os.link(path, other)
        engine.write_graph(path)
        assert other.read_text(encoding='utf-8').startswith('digraph')

    @pytest.mark.skipif(getattr(os, 'geteuid', lambda: 1)() != 0, reason='only root can give a file to another user')
    def test_a_file_of_another_user_keeps_its_owner(self, engine, path):
        os.chown(path, 1234, 1234)
        engine.write_graph(path)
        assert path.read_text(encoding='utf-8').startswith('digraph')
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1234)

    def test_a_file_in_a_read_only_folder_is_written(self, path, monkeypatch):
        path.parent.chmod(0o500)
        monkeypatch.chdir(path.parent)
        with unprivileged(path.parent):
            write(path.name, b'digraph {}')
        assert path.read_text() == 'digraph {}'
        path.parent.chmod(0o700)

    def test_a_read_only_file_is_not_replaced(self, path, monkeypatch):
        path.chmod(0o400)
        monkeypatch.chdir(path.parent)
        with unprivileged(path.parent), pytest.raises(PermissionError, match=r'graph\.dot'):
            write(path.name, b'digraph {}')
        assert path.read_text() == 'before'

    @pytest.mark.parametrize('path', ['graph\0.dot', 'graph\ud800.dot\0'])
    def test_a_string_that_cannot_be_a_path_is_refused(self, engine, path):
        with pytest.raises(GraphError, match='is not a valid path') as caught:
            engine.write_graph(path, 'dot')
        assert caught.value.culprit == path

    def test_a_link_is_written_through(self, engine, tmp_path):
        (tmp_path / 'link.dot').symlink_to(tmp_path / 'target')
        engine.write_graph(tmp_path / 'link.dot')
        assert (tmp_path / 'link.dot').is_symlink()
        assert (tmp_path / 'target').read_text(encoding='utf-8').startswith('digraph')

    def test_a_device_is_written_through(self, engine):
        engine.write_graph(os.devnull, 'dot')
        assert not os.path.isfile(os.devnull)

    def test_a_fifo_is_written_through(self, engine, tmp_path):
        os.mkfifo(tmp_path / 'fifo')
        with open(os.open(tmp_path / 'fifo', os.O_RDONLY | os.O_NONBLOCK), 'rb') as reader:
            engine.write_graph(tmp_path / 'fifo', 'dot')
            assert reader.read() == picture(engine, 'dot')


class TestDisplay:
    COPY = 'import shutil, sys; shutil.copy(sys.argv[1], {!r})'

    @pytest.fixture
    def screenless(self, dot, monkeypatch, tmp_path):
        """No screen, and Graphviz as the only program."""
        for name in ('DISPLAY', 'WAYLAND_DISPLAY'):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv('TMPDIR', str(tmp_path))
        monkeypatch.setattr('tempfile.tempdir', None)
        monkeypatch.setattr(sys, 'platform', 'linux')
        os.symlink(dot, tmp_path / 'dot')
        monkeypatch.setenv('PATH', str(tmp_path))

    @pytest.fixture
    def screen(self, screenless, monkeypatch):
        """A screen, without any viewer."""
        monkeypatch.setenv('DISPLAY', ':0')

    @staticmethod
    def printed_path(engine, capsys):
        engine.display_graph()
        return pathlib.Path(capsys.readouterr().out.rstrip('\n'))

    def test_without_a_screen_the_path_of_an_svg_is_printed(self, engine, screenless, capsys):
        path = self.printed_path(engine, capsys)
        assert path.suffix == '.svg'
        assert '<svg' in path.read_text(encoding='utf-8')

    def test_without_a_viewer_the_path_is_printed(self, engine, screen, capsys):
        assert self.printed_path(engine, capsys).suffix == '.svg'

    @pytest.mark.parametrize('viewer', ['xdg-open', 'display'])
    def test_a_viewer_opens_the_picture(self, engine, screen, tmp_path, capsys, viewer):
        write_program(tmp_path / viewer, self.COPY.format(str(tmp_path / 'seen')))
        engine.display_graph()
        assert '<svg' in (tmp_path / 'seen').read_text(encoding='utf-8')
        assert capsys.readouterr().out == ''

    def test_a_viewer_may_stay_open(self, engine, screen, monkeypatch, tmp_path, capsys):
        folder = str(tmp_path)
        write_program(
            tmp_path / 'xdg-open',
            f'import os, time\nfor _ in range(6000):\n    if os.path.exists({folder + "/closing"!r}): break\n'
            f'    time.sleep(0.01)\nopen({folder + "/closed"!r}, "w")',
        )
        monkeypatch.setattr(output, 'VIEWER_START_SECONDS', 0.01)
        engine.display_graph()
        assert capsys.readouterr().out == ''
        assert not (tmp_path / 'closed').exists()
        mark_reached(tmp_path, 'closing')
        wait_until_reached(tmp_path, 'closed')

    @pytest.mark.parametrize('is_executable', [True, False])
    def test_display_is_used_if_xdg_open_fails(self, engine, screen, tmp_path, capsys, is_executable):
        write_program(tmp_path / 'xdg-open', 'import sys; sys.exit(3)')
        if not is_executable:
            (tmp_path / 'xdg-open').write_bytes(b'\x7fELF nonsense')
        write_program(tmp_path / 'display', self.COPY.format(str(tmp_path / 'seen')))
        engine.display_graph()
        assert '<svg' in (tmp_path / 'seen').read_text(encoding='utf-8')
        assert capsys.readouterr().out == ''

    def test_the_path_is_printed_if_all_viewers_fail(self, engine, screen, tmp_path, capsys):
        for viewer in ('xdg-open', 'display'):
            write_program(tmp_path / viewer, 'import sys; sys.exit(1)')
        assert self.printed_path(engine, capsys).suffix == '.svg'

    def test_on_windows_the_system_opens_the_picture(self, engine, screenless, monkeypatch):
        opened = []
        monkeypatch.setattr(os, 'startfile', opened.append, raising=False)  # exists on Windows only
        engine.display_graph()
        (path,) = opened
        assert path.endswith('.svg')
