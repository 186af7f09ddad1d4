from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sysconfig
from concurrent.futures import ProcessPoolExecutor

import pytest
from hypothesis import settings

pytest.register_assert_rewrite('support')
settings.register_profile('default', deadline=None)  # these tests are not about how long an example takes
settings.load_profile('default')

LIMIT = 330  # seconds; faulthandler_timeout has printed all threads before
LONG_LIMIT = 1800  # seconds, for tests that run only when they are selected by their mark

os.environ.pop('PYTHONDONTWRITEBYTECODE', None)  # or every program that the tests start compiles the package anew
if 'PYTHONPATH' in os.environ:  # these programs run in other folders
    os.environ['PYTHONPATH'] = os.pathsep.join(map(os.path.abspath, os.environ['PYTHONPATH'].split(os.pathsep)))


@pytest.fixture
def fake_clock():
    from support.factories import FakeClock  # imports the package, which some tests run without

    return FakeClock()


@pytest.fixture
def dot():
    """Graphviz's dot. Without it the test is skipped, but in CI it fails."""
    command = shutil.which('dot')
    if command is None:
        assert not os.environ.get('CI'), 'Graphviz must be installed in CI'
        pytest.skip('needs Graphviz')
    return command


@pytest.fixture(params=['dot', 'graphviz-pure'])
def renderer(request, monkeypatch, tmp_path_factory):
    """Make each renderer in turn the only program on the PATH."""
    folder = os.pathsep.join([os.environ['PATH'], sysconfig.get_path('scripts')])
    command = shutil.which(request.param, path=folder)
    if command is None:
        assert not os.environ.get('CI'), f'{request.param} must be installed in CI'
        pytest.skip(f'needs {request.param}')
    alone = tmp_path_factory.mktemp('renderer')
    os.symlink(command, alone / request.param)
    monkeypatch.setenv('PATH', str(alone))
    return request.param


@pytest.fixture
def no_renderer(monkeypatch, tmp_path):
    """Hide all renderers, on the PATH and beside this Python."""
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setattr(sysconfig, 'get_path', lambda name: str(tmp_path))


@pytest.fixture(scope='session')
def processes():
    """A pool of two worker processes."""
    pool = ProcessPoolExecutor(2, multiprocessing.get_context('spawn'))
    yield pool
    pool.shutdown()


@pytest.fixture(params=['serially', 'threads', 'processes'])
def way(request):
    """Options of ``configure()`` for each way of running Jobs."""
    if request.param == 'processes':
        return {'executor': request.getfixturevalue('processes')}
    return {'max_workers': 3} if request.param == 'threads' else {}


@pytest.fixture(autouse=True)
def _time_limit(request):
    """Fail a test that hangs, so that the others still run.

    The signal repeats, because an engine takes the first one for a Ctrl-C and waits for its Jobs.
    """
    if not hasattr(signal, 'setitimer'):
        yield
        return
    names = {mark.name for mark in request.node.iter_markers()}
    limit = LONG_LIMIT if names & {'faults', 'network', 'npm', 'parallel', 'published'} else LIMIT

    def fail(*_):
        pytest.fail(f'takes more than {limit} seconds')

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, limit, 5)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True, scope='session')
def _default_signals():
    """Let signals end the programs that tests start, even if the caller ignores them (nohup, background)."""
    defaults = {signal.SIGINT: signal.default_int_handler}
    if hasattr(signal, 'SIGHUP'):
        defaults[signal.SIGHUP] = signal.SIG_DFL
    before = {number: signal.getsignal(number) for number in defaults}
    for number, handler in defaults.items():
        if before[number] == signal.SIG_IGN:
            signal.signal(number, handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _default_colors(monkeypatch):
    """Ignore the color settings of whoever runs the tests."""
    for name in ('FORCE_COLOR', 'NO_COLOR', 'PYTHON_COLORS'):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _restored_directory():
    """Restore the current directory after each test."""
    before = os.getcwd()
    yield
    os.chdir(before)
