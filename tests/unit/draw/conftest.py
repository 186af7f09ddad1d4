from __future__ import annotations

import pytest
from support.factories import changing, failing, job, run_engine
from support.programs import write_program


@pytest.fixture
def engine():
    """An engine that has run a Job with each color: Fine, Changed, Broken, and Root, which Broken blocks."""
    return run_engine(job('Root', [job('Fine'), changing('Changed'), failing('Broken')]), default_tries=1)


@pytest.fixture
def only_dot(monkeypatch, tmp_path):
    """A function that makes a Python script, called dot, the only program on the PATH."""

    def write(body):
        write_program(tmp_path / 'dot', body)
        monkeypatch.setenv('PATH', str(tmp_path))

    return write
