from __future__ import annotations

import os
import shutil
import signal
import sysconfig

import pytest
from hypothesis import settings

pytest.register_assert_rewrite('support')
settings.register_profile('default', deadline=None)  # how long something takes is not what these tests are about
settings.load_profile('default')


@pytest.fixture
def fake_clock():
    from support.factories import FakeClock  # here, so that tests which need not import the package can do without it

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
def _signals_are_heeded():
    """Let signals end the tests' programs also where the tests ignore them, as after nohup or in the background."""
    ends = {signal.SIGINT: signal.default_int_handler}
    if hasattr(signal, 'SIGHUP'):
        ends[signal.SIGHUP] = signal.SIG_DFL
    before = {number: signal.getsignal(number) for number in ends}
    for number, handler in ends.items():
        if before[number] == signal.SIG_IGN:
            signal.signal(number, handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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
