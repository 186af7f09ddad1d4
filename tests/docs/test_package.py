"""What is built, and what becomes of it on each Python with old, new and no setuptools. Run by ``tox -e package``."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

pytestmark = pytest.mark.network

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / 'README.rst').read_text(encoding='utf-8')
PYPROJECT = (ROOT / 'pyproject.toml').read_text(encoding='utf-8')
PYTHONS = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PYPROJECT)
SETUPTOOLS = ['65.5.0', '80.9.0', '82.0.0', 'newest']

EXAMPLE = ['--battery_state', 'charged', '--couch_space', '--png_output']
PNG = b'\x89PNG\r\n\x1a\n'


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f'{command}\n{done.stdout}\n{done.stderr}'
    return done


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """Build from the files that a checkout has, and return the folder with sdist and wheel."""
    tree, dist = tmp_path_factory.mktemp('tree'), tmp_path_factory.mktemp('dist')
    for name in run('git', 'ls-files', cwd=ROOT).stdout.splitlines():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    run(sys.executable, '-m', 'build', '--outdir', dist, tree)
    return dist


@pytest.fixture(scope='module')
def wheel(built):
    (wheel,) = built.glob('*.whl')
    return wheel


@pytest.fixture(scope='module', params=PYTHONS)
def python(request):
    """An interpreter of each version, skipped where it is missing unless it has to be there."""
    for folder in os.environ['PATH'].split(os.pathsep):
        command = shutil.which(f'python{request.param}', path=folder)
        if command and not subprocess.run([command, '-c', ''], capture_output=True, check=False).returncode:
            return command
    assert os.environ.get('TOX_SKIP_MISSING_INTERPRETERS') != 'false', (
        f'Python {request.param} has to be installed here'
    )
    return pytest.skip(f'needs Python {request.param}')


def test_the_metadata_would_show_well_on_an_index(built):
    run(sys.executable, '-m', 'twine', 'check', '--strict', *built.iterdir())


def test_the_wheel_holds_the_package_and_its_types_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / 'dojobber').rglob('*.py')}
    assert {name for name in names if not name.startswith('dojobber-')} == modules | {'dojobber/py.typed'}


def metadata_of(wheel):
    """Return the fields of a wheel's metadata, without those that only the version of setuptools decides."""
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith('METADATA')]
    lines = archive.read(name).decode().partition('\n\n')[0].splitlines()
    return [line for line in lines if not line.startswith(('Metadata-Version: ', 'Platform: ', 'Dynamic: '))]


def test_the_wheel_needs_the_two_graph_libraries_only(wheel):
    lines = metadata_of(wheel)
    needed = [line.partition(': ')[2] for line in lines if line.startswith('Requires-Dist') and 'extra ==' not in line]
    assert needed == ['python-graph-core', 'python-graph-dot']
    assert 'Name: dojobber' in lines
    assert 'Requires-Python: >=3.9' in lines


def test_the_sdist_holds_every_file_of_a_checkout(built):
    (sdist,) = built.glob('*.tar.gz')
    with tarfile.open(sdist) as archive:
        names = {name.partition('/')[2] for name in archive.getnames()}
    assert set(run('git', 'ls-files', cwd=ROOT).stdout.splitlines()) - {'.gitignore'} <= names


def environment(python, folder):
    """Make a virtual environment with pip, also for a Python without the ensurepip that venv needs."""
    run(sys.executable, '-m', 'virtualenv', '--python', python, folder)
    return next(path for path in (folder / 'bin' / 'python', folder / 'Scripts' / 'python.exe') if path.exists())


@pytest.mark.parametrize('python', PYTHONS[:1], indirect=True)
def test_the_oldest_setuptools_that_can_build_it_builds_the_same(python, wheel, tmp_path):
    """As where a distribution builds packages with its own setuptools."""
    oldest = re.search(r'^requires = \["setuptools>=(.*?)"\]', PYPROJECT, re.MULTILINE)[1]
    installed = environment(python, tmp_path / 'venv')
    pip = [installed, '-m', 'pip', '--disable-pip-version-check']
    run(*pip, 'install', '--quiet', f'setuptools=={oldest}', 'wheel')
    tree = tmp_path / 'tree'
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns('.*', '*.egg-info', 'build', '__pycache__'))
    run(*pip, 'wheel', '--quiet', '--no-build-isolation', '--no-deps', '--wheel-dir', tmp_path, tree)
    (built,) = tmp_path.glob('*.whl')
    assert sorted(metadata_of(built)) == sorted(metadata_of(wheel))


@pytest.mark.parametrize('setuptools', ['none', 'newest'])
def test_pip_installs_it_from_a_checkout_and_the_example_draws(python, setuptools, tmp_path, dot):
    installed = environment(python, tmp_path / 'venv')
    pip = [installed, '-m', 'pip', '--disable-pip-version-check', 'install', '--quiet']
    run(*pip, '--upgrade', 'pip')  # today's, which needs no setuptools
    if setuptools == 'none':
        subprocess.run(
            [str(installed), '-m', 'pip', 'uninstall', '--yes', 'setuptools'], capture_output=True, check=False
        )
    else:
        run(*pip, '--upgrade', 'setuptools')
    tree = tmp_path / 'tree'
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns('.*', '*.egg-info', 'build', '__pycache__'))
    run(*pip, tree)
    check_installed(installed, tmp_path)


def test_the_first_command_of_the_manual_installs_it_and_draws(tmp_path):
    (command,) = re.findall(r'^    \$ (python3 -m venv .*dojobber_example.*)$', README, re.MULTILINE)
    tree = tmp_path / 'tree'
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns('.*', '*.egg-info', 'build', '__pycache__', '*.png'))
    run('bash', '-c', command, cwd=tree, env={name: value for name, value in os.environ.items() if name != 'DISPLAY'})
    assert (tree / 'movie_night.png').read_bytes().startswith(PNG)


def test_the_command_of_the_wheel_works_with_and_without_its_extra(python, wheel, tmp_path):
    installed = environment(python, tmp_path / 'venv')
    shutil.copy(ROOT / 'examples' / 'provision.py', tmp_path)
    command = [installed.with_name('dojobber'), 'provision.py', '--set', 'folder=shop']
    for what, colours, said in (wheel, False, '5 changed'), (f'{wheel}[cli]', True, 'nothing was changed'):
        run(installed, '-m', 'pip', '--disable-pip-version-check', 'install', '--quiet', what)
        done = run(*command, cwd=tmp_path, env={**os.environ, 'FORCE_COLOR': '1', 'TERM': 'xterm'})
        assert done.stderr == ''
        assert said in done.stdout
        assert ('\x1b[' in done.stdout) == colours


def check_installed(python, folder, **environment):
    """Check that the package imports silently under ``-W error`` and that the example draws its picture."""
    env = {**{name: value for name, value in os.environ.items() if name != 'DISPLAY'}, **environment}
    done = run(python, '-W', 'error', '-c', 'import dojobber', cwd=folder, env=env)
    assert (done.stdout, done.stderr) == ('', '')
    picture = folder / 'picture.png'
    done = run(python, '-W', 'error', ROOT / 'tests' / 'dojobber_example.py', *EXAMPLE, picture, cwd=folder, env=env)
    assert (done.stdout, done.stderr) == ('', '')
    assert picture.read_bytes().startswith(PNG)
    picture.unlink()


def test_any_setuptools_and_any_layout_of_python_graph_will_do(python, wheel, tmp_path, dot):
    """One environment a Python; setuptools and python-graph are put before it by folder."""
    installed = environment(python, tmp_path / 'venv')
    pip = [installed, '-m', 'pip', '--disable-pip-version-check', 'install', '--quiet']
    run(*pip, '--upgrade', 'pip')
    subprocess.run([str(installed), '-m', 'pip', 'uninstall', '--yes', 'setuptools'], capture_output=True, check=False)
    version = run(installed, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])').stdout.strip()
    folders = {
        'ours': ['--no-deps', wheel],
        'pydot': ['pydot'],
        'core': ['--no-deps', 'python-graph-core'],
        'dot': ['--no-deps', 'python-graph-dot'],
        'both': ['--no-deps', 'python-graph-core', 'python-graph-dot'],
        **({} if version == '3.9' else {'successor': ['--no-deps', 'python-graph>=2']}),  # which needs 3.10
        **{each: ['setuptools' if each == 'newest' else f'setuptools=={each}'] for each in SETUPTOOLS},
    }
    for folder, what in folders.items():
        run(*pip, '--target', tmp_path / folder, *what)
    for setuptools in ['none', *SETUPTOOLS]:
        for graph in ['both'], ['core', 'dot'], ['dot', 'core'], ['successor']:
            if graph[0] not in folders:
                continue
            names = ['ours', 'pydot', *graph, *([] if setuptools == 'none' else [setuptools])]
            path = os.pathsep.join(str(tmp_path / name) for name in names)
            check_installed(installed, tmp_path, PYTHONPATH=path)
