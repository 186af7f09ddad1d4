from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture
def fake_clock():
    from kit import FakeClock  # here, so that tests which need not import the package can do without it

    return FakeClock()


@pytest.fixture
def dot():
    """Graphviz's dot; without it the test is skipped, except where it has to be there."""
    command = shutil.which('dot')
    if command is None:
        assert not os.environ.get('CI'), 'Graphviz has to be installed here'
        pytest.skip('needs Graphviz')
    return command


@pytest.fixture(autouse=True)
def _same_directory():
    """Let no test leave the directory changed."""
    before = os.getcwd()
    yield
    os.chdir(before)
