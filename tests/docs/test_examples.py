"""The examples provision.py and migrate.py, and the page of examples, as users run them."""

from __future__ import annotations

import pathlib
import re
import runpy
import shlex
import shutil
import sqlite3
import subprocess
import sys

import pytest
from support.run_command import ENVIRONMENT, TIMEOUT, command, copy_folder, run_command, run_script
from support.screen import Screen

from dojobber import DoJobber, Job

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLES = ROOT / 'examples'
PROVISION = EXAMPLES / 'provision.py'

JOBS = ['MakeFolders', 'WriteSettings', 'CreateTables', 'AddProducts', 'CountStock', 'OpenShop']


def provision(folder, *arguments):
    """Provision a shop and return (status, state of each Job, last line)."""
    status, out, err = run_command(folder, PROVISION, '--retry-delay', '0', *arguments)
    assert 'Traceback' not in err
    *lines, last = out.splitlines()
    return status, dict(line.split()[1:3] for line in lines), re.sub(r' in [\d.]+ m?s', '', last)


def test_provision_creates_what_is_missing_and_then_changes_nothing(tmp_path):
    status, states, last = provision(tmp_path, '--set', 'folder=shop')
    assert (status, last) == (0, '6 jobs: 1 ok, 5 changed')
    assert list(states) == JOBS
    with sqlite3.connect(tmp_path / 'shop' / 'data' / 'shop.db') as rows:
        stock = rows.execute('SELECT name, pence, number FROM product JOIN stock USING (name)').fetchall()
    rows.close()
    assert stock == [('apple', 45, 0), ('bread', 180, 0), ('coffee', 620, 0)]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*')}
    assert provision(tmp_path, '--set', 'folder=shop')[::2] == (0, '6 jobs: 6 ok; nothing was changed')
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*')} == before


def test_provision_restores_only_what_was_lost(tmp_path):
    provision(tmp_path, '--set', 'folder=shop')
    rows = sqlite3.connect(tmp_path / 'shop' / 'data' / 'shop.db')
    with rows:
        rows.execute("DELETE FROM product WHERE name = 'bread'")
    rows.close()
    (tmp_path / 'shop' / 'logs').rmdir()
    status, states, _ = provision(tmp_path, '--set', 'folder=shop')
    assert status == 0
    assert [name for name, state in states.items() if state == 'changed'] == ['MakeFolders', 'AddProducts']


def test_provision_changes_nothing_in_no_act(tmp_path):
    assert provision(tmp_path, '--set', 'folder=shop', '-n')[0] == 3
    assert not list(tmp_path.iterdir())


def test_provision_names_the_file_that_is_in_the_way(tmp_path):
    (tmp_path / 'shop').write_text('')
    status, out, _ = run_command(tmp_path, PROVISION, '--set', 'folder=shop', '--retry-delay', '0')
    assert status == 1
    line, run_error, _ = out.splitlines()[-3:]
    assert line.startswith('✗ MakeFolders    failed     3 attempts, ')
    assert line.endswith(': shop is a file, not a folder')
    assert run_error.strip().startswith('its Run: ')


def test_provision_waits_while_another_program_uses_the_database(tmp_path):
    provision(tmp_path, '--set', 'folder=shop', '--only', 'CreateTables')
    rows = sqlite3.connect(tmp_path / 'shop' / 'data' / 'shop.db', isolation_level=None)
    rows.execute('BEGIN EXCLUSIVE')
    with Screen(command(PROVISION, '--set', 'folder=shop'), cwd=tmp_path, env=ENVIRONMENT) as screen:
        screen.wait_for('CreateTables: attempt 2/5 in ')
        rows.execute('ROLLBACK')
        rows.close()
        assert screen.wait_for_exit() == 0


def test_provision_works_as_a_script(tmp_path):
    status, out, err = run_script(tmp_path, PROVISION, '--set', 'folder=shop', '-j2')
    assert (status, err) == (0, '')
    assert '6 jobs: 1 ok, 5 changed' in out


@pytest.mark.skipif(shutil.which('dojobber') is None, reason='the command is not installed')
def test_provision_works_with_the_installed_command(tmp_path):
    done = subprocess.run(
        ['dojobber', str(PROVISION), '--set', 'folder=shop'],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        encoding='utf-8',
        check=False,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stderr) == (0, '')


class TestMigrate:
    @pytest.fixture
    def database(self, tmp_path):
        assert provision(tmp_path, '--set', 'folder=shop')[0] == 0
        return tmp_path / 'shop' / 'data' / 'shop.db'

    @staticmethod
    def migrate(database, *arguments):
        return run_script(database.parent, EXAMPLES / 'migrate.py', 'shop.db', '--supplier', 'Green Farm', *arguments)

    @staticmethod
    def execute(database, statement):
        rows = sqlite3.connect(database)
        with rows:
            result = rows.execute(statement).fetchall()
        rows.close()
        return result

    def test_migrate_makes_all_changes_and_then_none(self, database):
        assert self.migrate(database) == (
            0,
            'OpenDatabase: changed\nAddColumn: changed\nAssignSupplier: changed\nCheckPrices: ok\nCommit: changed\n',
            '',
        )
        rows = self.execute(database, 'SELECT name, supplier FROM product')
        assert rows == [('apple', 'Green Farm'), ('bread', 'Green Farm'), ('coffee', 'Green Farm')]
        before = database.read_bytes(), database.stat().st_mtime_ns
        assert self.migrate(database) == (
            0,
            'OpenDatabase: changed\nAddColumn: ok\nAssignSupplier: ok\nCheckPrices: ok\nCommit: changed\n',
            '',
        )
        assert (database.read_bytes(), database.stat().st_mtime_ns) == before

    def test_migrate_changes_nothing_when_a_job_fails(self, database):
        self.execute(database, "UPDATE product SET pence = 0 WHERE name = 'bread'")
        before = list(self.execute(database, 'SELECT sql FROM sqlite_master'))
        status, out, err = self.migrate(database)
        assert (status, err) == (1, '')
        assert out.splitlines()[2:] == [
            'AssignSupplier: changed',
            'CheckPrices: failed: no price for bread',
            'Commit: blocked',
        ]
        assert self.execute(database, 'SELECT sql FROM sqlite_master') == before

    def test_migrate_closes_its_connection(self, database):
        migrate = runpy.run_path(str(EXAMPLES / 'migrate.py'))
        connections = []

        class Last(Job):
            DEPS = (migrate['Commit'],)

            def Check(self, **options):
                connections.append(self.global_storage['database'])

        engine = DoJobber()
        engine.configure(Last)
        engine.set_args(file=database, supplier='Green Farm', wait=1)
        engine.checknrun()
        assert engine.success()
        with pytest.raises(sqlite3.ProgrammingError, match='closed'):
            connections[0].execute('SELECT 1')

    def test_migrate_blocks_all_jobs_when_the_database_is_locked_or_missing(self, database):
        blocked = 'AddColumn: blocked\nAssignSupplier: blocked\nCheckPrices: blocked\nCommit: blocked\n'
        rows = sqlite3.connect(database, isolation_level=None)
        rows.execute('BEGIN EXCLUSIVE')
        locked = self.migrate(database, '--wait', '0')
        rows.close()
        assert locked == (1, f'OpenDatabase: failed: database is locked\n{blocked}', '')
        database.unlink()
        assert self.migrate(database) == (1, f'OpenDatabase: failed: unable to open database file\n{blocked}', '')
        assert not database.exists()


PAGE = (EXAMPLES / 'README.rst').read_text(encoding='utf-8')
BLOCKS = [re.findall('    (.+)\n', block) for block in re.findall(r'::\n\n((?:    .+\n)+)', PAGE)]
WITHOUT_SERVER, WITH_SERVER, WITH_DASK = ([line for line in block if 'python ' in line] for block in BLOCKS)


class TestPage:
    def test_each_example_is_in_the_table_and_has_a_command(self):
        scripts = {'tests/dojobber_example.py', *(f'examples/{path.name}' for path in EXAMPLES.glob('*.py'))}
        assert set(re.findall(r'`(\w+\.py)`_', PAGE)) == {pathlib.Path(script).name for script in scripts}
        assert {line.split()[1] for line in WITHOUT_SERVER + WITH_SERVER + WITH_DASK} == scripts

    @pytest.mark.parametrize('target', re.findall(r'^\.\. _[^:]+: (\S+)$', PAGE, re.MULTILINE))
    def test_the_table_of_examples_links_to_existing_files(self, target):
        assert (EXAMPLES / target).is_file()

    @pytest.mark.parametrize('line', WITHOUT_SERVER + WITH_SERVER + WITH_DASK)
    def test_each_command_is_in_the_docstring_of_its_script(self, line):
        _, command = line.split(maxsplit=1)
        assert f'{command}\n' in (ROOT / command.split()[0]).read_text(encoding='utf-8')

    def test_the_commands_without_a_server_work_in_the_order_shown(self, tmp_path):
        for folder in 'benchmarks', 'examples', 'tests':
            copy_folder(ROOT / folder, tmp_path / folder)
        for line in BLOCKS[0]:
            shell = line.replace('python ', f'{shlex.quote(sys.executable)} -W error ')
            done = subprocess.run(
                shell, shell=True, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False, timeout=TIMEOUT
            )
            assert done.returncode == (3 if '--dry-run' in line else 0), (line, done.stderr)

    @pytest.mark.parametrize(
        'line', [*WITH_SERVER, *(pytest.param(line, marks=pytest.mark.parallel) for line in WITH_DASK)]
    )
    def test_the_commands_with_a_server_use_options_that_exist(self, tmp_path, line):
        _, script, *options = line.split()
        status, out, err = run_script(tmp_path, ROOT / script, '--help')
        assert (status, err) == (0, '')
        assert {option for option in options if option.startswith('--')} <= set(re.findall(r'--\w+', out))
