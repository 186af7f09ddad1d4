"""The examples that work on files, as people run them."""

from __future__ import annotations

import os
import pathlib

import pytest
from command import run_script

EXAMPLES = pathlib.Path(__file__).parents[1] / 'examples'

CHANGED = 'check: fail', 'run: pass', 'recheck: pass'


def write(folder, **texts):
    """Make a folder with files of these names and texts in it."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding='utf-8')


def texts(folder):
    """Return the text of each file in a folder and below it, by its path there."""
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

    def test_each_folder_of_the_command_line_is_a_job_and_the_second_time_nothing_is_copied(self, folder):
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

    def test_only_what_has_changed_is_copied_and_nothing_is_lost(self, folder):
        self.back_up(folder, 'letters')
        mother = stamps(folder)[folder / 'disk' / 'letters' / 'mother']
        write(folder / 'letters', bank='Dear Sirs')
        assert self.back_up(folder, 'letters') == (0, '', '')
        (folder / 'letters' / 'bank').unlink()
        assert self.back_up(folder, 'letters') == (0, '', '')
        assert texts(folder / 'disk') == {'letters/bank': 'Dear Sirs', 'letters/mother': 'Dear mother'}
        assert stamps(folder)[folder / 'disk' / 'letters' / 'mother'] == mother

    def test_what_cannot_be_copied_is_named_and_does_not_keep_the_rest_from_it(self, folder):
        os.symlink('nowhere', folder / 'letters' / 'aunt')
        status, out, err = self.back_up(folder, 'letters', 'nothing', 'photos')
        assert (status, out) == (1, '')
        assert err.splitlines() == [
            'Back up letters: 1 of 3 files are not backed up: '
            f"[Errno 2] No such file or directory: '{folder}/letters/aunt'",
            f"Back up nothing: [Errno 2] No such file or directory: '{folder}/nothing'",
        ]
        assert set(texts(folder / 'disk')) == {'letters/bank', 'letters/mother', 'photos/old/dog'}

    def test_where_no_disk_is_mounted_nothing_is_made(self, folder):
        (folder / 'disk').rmdir()
        assert self.back_up(folder, 'letters') == (
            1,
            '',
            f'FindDisk: {folder}/disk is no folder; is the disk mounted?\n',
        )
        assert not (folder / 'disk').exists()

    @pytest.mark.parametrize(
        ('folders', 'problem'),
        [(['.'], 'which is in it'), (['letters', 'photos/../letters'], 'only one backup called letters')],
    )
    def test_what_makes_no_sense_is_refused(self, folder, folders, problem):
        status, _, err = self.back_up(folder, *folders)
        assert status == 2
        assert problem in err
        assert not texts(folder / 'disk')
