"""The examples that work on files, as users run them."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess

import pytest
from support.run_command import TIMEOUT, read_until, run_script, running_script

EXAMPLES = pathlib.Path(__file__).parents[2] / 'examples'

CHANGED = 'check: fail', 'run: pass', 'recheck: pass'


def write(folder, **texts):
    """Create a folder with files of these names and texts."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding='utf-8')


def texts(folder):
    """Return the text of each file below a folder, by its relative path."""
    return {
        str(path.relative_to(folder)): path.read_text(encoding='utf-8')
        for path in folder.rglob('*')
        if not path.is_dir()
    }


def stamps(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob('*')}


class TestBackup:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in 'disk', 'photos/old':
            (tmp_path / name).mkdir(parents=True)
        write(tmp_path / 'letters', bank='Dear bank', mother='Dear mother')
        write(tmp_path / 'photos' / 'old', dog='a dog')
        return tmp_path

    @staticmethod
    def back_up(folder, *arguments):
        return run_script(folder, EXAMPLES / 'backup.py', 'disk', *arguments)

    def test_backup_copies_each_folder_with_a_job_and_then_nothing(self, folder):
        status, out, err = self.back_up(folder, 'letters', folder / 'photos', '--verbose')
        assert (status, out) == (0, '')
        assert err.splitlines() == [
            'FindDisk.check: pass',
            *(f'Back up {name}.{phase}' for name in ('letters', 'photos') for phase in CHANGED),
            'Back up everything.check: pass',
        ]
        assert texts(folder / 'disk') == {
            'letters/bank': 'Dear bank',
            'letters/mother': 'Dear mother',
            'photos/old/dog': 'a dog',
        }
        before = stamps(folder)
        assert self.back_up(folder, 'letters', 'photos') == (0, '', '')
        assert stamps(folder) == before

    def test_backup_copies_only_changed_files_and_keeps_deleted_ones(self, folder):
        self.back_up(folder, 'letters')
        mother = stamps(folder)[folder / 'disk' / 'letters' / 'mother']
        write(folder / 'letters', bank='Dear Sirs')
        assert self.back_up(folder, 'letters') == (0, '', '')
        (folder / 'letters' / 'bank').unlink()
        assert self.back_up(folder, 'letters') == (0, '', '')
        assert texts(folder / 'disk') == {'letters/bank': 'Dear Sirs', 'letters/mother': 'Dear mother'}
        assert stamps(folder)[folder / 'disk' / 'letters' / 'mother'] == mother

    def test_backup_names_what_it_cannot_copy_and_copies_the_rest(self, folder):
        os.symlink('nowhere', folder / 'letters' / 'aunt')
        status, out, err = self.back_up(folder, 'letters', 'nothing', 'photos')
        assert (status, out) == (1, '')
        assert err.splitlines() == [
            'Back up letters: 1 of 3 files are not backed up: '
            f"[Errno 2] No such file or directory: '{folder}/letters/aunt'",
            f"Back up nothing: [Errno 2] No such file or directory: '{folder}/nothing'",
        ]
        assert set(texts(folder / 'disk')) == {'letters/bank', 'letters/mother', 'photos/old/dog'}

    def test_backup_creates_nothing_where_no_disk_is_mounted(self, folder):
        (folder / 'disk').rmdir()
        assert self.back_up(folder, 'letters') == (
            1,
            '',
            f'FindDisk: {folder}/disk is not a folder; is the disk mounted?\n',
        )
        assert not (folder / 'disk').exists()

    @pytest.mark.parametrize(
        ('folders', 'problem'),
        [(['.'], 'into itself'), (['letters', 'photos/../letters'], 'two folders are called letters')],
    )
    def test_backup_refuses_folders_that_it_cannot_keep_apart(self, folder, folders, problem):
        status, _, err = self.back_up(folder, *folders)
        assert status == 2
        assert problem in err
        assert not texts(folder / 'disk')


class TestRelease:
    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / 'releases').mkdir()
        write(tmp_path / 'site', page='<h1>Welcome</h1>')
        return tmp_path

    @staticmethod
    def arguments(test):
        settings = 'source=site', 'target=releases/1.0', f'test={test}'
        return [EXAMPLES / 'release.py', *(f'--set={setting}' for setting in settings)]

    @staticmethod
    def last(out):
        """Return the last line without the time in it."""
        return re.sub(r' in [\d.]+ m?s', '', out.splitlines()[-1])

    def test_release_publishes_what_passes_its_test_and_then_leaves_it_alone(self, folder):
        status, out, err = run_script(folder, *self.arguments('grep Welcome page'))
        assert (status, err) == (0, '')
        assert self.last(out) == '5 jobs: 5 changed'
        assert texts(folder / 'releases') == {'1.0/page': '<h1>Welcome</h1>'}
        before = stamps(folder / 'releases')
        write(folder / 'site', page='<h1>Goodbye</h1>')
        status, out, err = run_script(folder, *self.arguments('false'))
        assert (status, err) == (0, '')
        assert self.last(out) == '5 jobs: 5 ok; nothing was changed'
        assert stamps(folder / 'releases') == before

    def test_release_leaves_nothing_behind_when_the_test_fails(self, folder):
        status, out, _ = run_script(folder, *self.arguments('grep Goodbye page'))
        assert status == 1
        error = subprocess.CalledProcessError(1, ['grep', 'Goodbye', 'page'])  # its message differs in Python 3.15
        assert out.splitlines()[-2].endswith(f': {error}')
        assert not list((folder / 'releases').iterdir())

    @pytest.mark.parametrize(('number', 'status'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_release_leaves_nothing_behind_after_a_signal(self, folder, number, status):
        arguments = self.arguments("sh -c 'echo here; exec sleep 60'")
        with running_script(folder, *arguments) as child:
            read_until(child.stdout, 'here')
            during = sorted(path.name.partition('-')[0] for path in (folder / 'releases').iterdir())
            os.killpg(child.pid, number)  # like Ctrl-C, to all its processes
            out, err = child.communicate(timeout=TIMEOUT)
            code = child.returncode
        assert during == ['1.0.lock', 'unfinished']
        assert (code, err) == (status, '')
        assert self.last(out).endswith(f'interrupted by {number.name}')
        assert not list((folder / 'releases').iterdir())

    def test_release_respects_and_keeps_the_lock_of_another_process(self, folder):
        write(folder / 'releases', **{'1.0.lock': '17'})
        status, out, _ = run_script(folder, *self.arguments('true'))
        assert status == 1
        assert 'releases/1.0.lock exists: process 17 is making this release, or was killed\n' in out
        assert texts(folder / 'releases') == {'1.0.lock': '17'}


class TestConfigs:
    @pytest.fixture
    def folder(self, tmp_path):
        write(tmp_path / 'templates', motd='Welcome to $host\n', server='port = $port\nname = $host\n')
        write(tmp_path / 'etc', motd='Welcome to db1\n', server='port = 80\nname = db1\n')
        return tmp_path

    @staticmethod
    def configure(folder, *options):
        values = '--value', 'host=db1', '--value', 'port=8080'
        return run_script(folder, EXAMPLES / 'configs.py', 'templates', 'etc', *values, *options)

    def test_configs_shows_differences_in_a_dry_run_and_changes_nothing(self, folder):
        before = stamps(folder)
        status, out, err = self.configure(folder, '--dry-run')
        assert (status, err) == (3, '')
        assert out.splitlines() == [
            'Update server: would run',
            '--- etc/server',
            '+++ etc/server (new)',
            '@@ -1,2 +1,2 @@',
            '-port = 80',
            '+port = 8080',
            ' name = db1',
            '1 ok, 1 would run',
        ]
        assert stamps(folder) == before

    def test_configs_updates_files_and_then_leaves_them_alone(self, folder):
        unchanged = stamps(folder)[folder / 'etc' / 'motd']
        assert self.configure(folder) == (0, 'Update server: changed\n1 ok, 1 changed\n', '')
        assert texts(folder / 'etc') == {'motd': 'Welcome to db1\n', 'server': 'port = 8080\nname = db1\n'}
        assert stamps(folder)[folder / 'etc' / 'motd'] == unchanged
        before = stamps(folder)
        assert self.configure(folder) == (0, '2 ok\n', '')
        assert self.configure(folder, '--dry-run') == (0, '2 ok\n', '')
        assert stamps(folder) == before

    def test_configs_creates_a_missing_file_with_its_folder(self, folder):
        (folder / 'templates' / 'cron').mkdir()
        write(folder / 'templates' / 'cron', daily='', hourly='backup\r\n')
        assert self.configure(folder, '--dry-run')[0] == 3
        assert self.configure(folder)[0] == 0
        assert (folder / 'etc' / 'cron' / 'daily').read_bytes() == b''
        assert (folder / 'etc' / 'cron' / 'hourly').read_bytes() == (folder / 'templates/cron/hourly').read_bytes()
        assert self.configure(folder, '--dry-run') == (0, '4 ok\n', '')

    @pytest.mark.parametrize('options', [(), ('--dry-run',)])
    def test_configs_changes_no_file_when_a_template_cannot_be_filled(self, folder, options):
        write(folder / 'templates', motd='Call $admin')
        assert self.configure(folder, *options) == (
            1,
            "FillTemplates: failed\ntemplates/motd needs a value for 'admin'\n2 blocked\n",
            '',
        )
        assert texts(folder / 'etc') == {'motd': 'Welcome to db1\n', 'server': 'port = 80\nname = db1\n'}
