"""``--graph`` with a named pipe in place of a file."""

from __future__ import annotations

import os

import pytest

from dojobber import DummyJob
from dojobber.cli import main


class Root(DummyJob):
    """Has nothing to do."""


@pytest.mark.skipif(not hasattr(os, 'setresuid'), reason='needs to give up the rights of root temporarily')
def test_a_named_pipe_without_write_permission_is_refused(tmp_path, capsys):
    path = tmp_path / 'pipe.dot'
    os.mkfifo(path, 0o444)
    users = os.getresuid()
    if users[0] == 0:  # root may write everywhere; access() checks the first of the three users
        os.setresuid(65534, 0, 0)
    try:
        with pytest.raises(SystemExit) as caught:
            main(Root, ['--graph', str(path)])
    finally:
        os.setresuid(*users)
    assert caught.value.code == 2
    assert f'--graph: {str(path)!r} cannot be written: Permission denied' in capsys.readouterr().err
