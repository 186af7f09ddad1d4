from __future__ import annotations

import gc
import os
import shutil
import signal
import sysconfig

import pytest

pytest.register_assert_rewrite('faults')


def pytest_collection_finish():
    """Keep the garbage collector from looking through thousands of collected tests each time that a test calls it."""
    gc.collect()
    gc.freeze()


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


@pytest.fixture(params=['dot', 'graphviz-pure'])
def renderer(request, monkeypatch, tmp_path_factory):
    """Have each renderer in turn as the only program on the PATH."""
    folder = os.pathsep.join([os.environ['PATH'], sysconfig.get_path('scripts')])
    command = shutil.which(request.param, path=folder)
    if command is None:
        assert not os.environ.get('CI'), f'{request.param} has to be installed here'
        pytest.skip(f'needs {request.param}')
    alone = tmp_path_factory.mktemp('renderer')
    os.symlink(command, alone / request.param)
    monkeypatch.setenv('PATH', str(alone))
    return request.param


@pytest.fixture
def no_renderer(monkeypatch, tmp_path):
    """Have none, neither on the PATH nor beside this Python."""
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setattr(sysconfig, 'get_path', lambda name: str(tmp_path))


@pytest.fixture(autouse=True, scope='session')
def _ctrl_c_is_heeded():
    """Let Ctrl-C interrupt the tests' programs also where the tests ignore it, as in the background of a script."""
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _colours_of_nobody(monkeypatch):
    """Let what the person who runs the tests wants in colour be nothing to them."""
    for name in ('FORCE_COLOR', 'NO_COLOR', 'PYTHON_COLORS'):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _same_directory():
    """Let no test leave the directory changed."""
    before = os.getcwd()
    yield
    os.chdir(before)
