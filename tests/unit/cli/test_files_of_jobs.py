"""Files that define their Jobs in unusual ways."""

from __future__ import annotations

import textwrap

import pytest

from dojobber.cli import main


@pytest.fixture
def jobs_of(tmp_path, monkeypatch, capsys):
    """Return a function that writes a file and returns the names that ``--list`` prints for it."""
    monkeypatch.chdir(tmp_path)

    def list_jobs(text):
        (tmp_path / 'jobs_in_a_file.py').write_text(textwrap.dedent(text), encoding='utf-8')
        with pytest.raises(SystemExit) as caught:
            main(argv=['jobs_in_a_file.py', '--list'])
        printed = capsys.readouterr()
        assert (caught.value.code, printed.err) == (0, '')
        return [line.split()[0] for line in printed.out.splitlines()]

    return list_jobs


def test_a_file_can_remove_itself_from_sys_modules(jobs_of):
    text = """
        import sys
        from dojobber import DummyJob

        class Root(DummyJob):
            pass

        del sys.modules[__name__]
    """
    assert jobs_of(text) == ['Root']


def test_deps_can_be_an_iterator_while_the_command_searches_for_the_root(jobs_of):
    text = """
        from dojobber import DummyJob

        class Root(DummyJob):
            DEPS = iter([])
    """
    assert jobs_of(text) == ['Root']
