#!/usr/bin/env python3
"""Backs up folders: each one named on the command line becomes a Job of its own, made with type().

    mkdir disk
    python examples/backup.py disk benchmarks examples --verbose

The first time, each folder is copied to one of the same name on the disk::

    FindDisk.check: pass
    Back up benchmarks.check: fail
    Back up benchmarks.run: pass
    Back up benchmarks.recheck: pass

and so on. The next time only what has changed since is copied. What is gone from a folder stays in its backup. A folder
that cannot be backed up does not keep the others from it: the script says why and exits with status 1.
"""

import argparse
import filecmp
import os
import pathlib
import shutil
import sys

from dojobber import DoJobber, DummyJob, Job


class FindDisk(Job):
    """Find the disk. A Run that makes the folder would fill up the wrong disk when the right one is not mounted."""

    def Check(self, disk):
        if not disk.is_dir():
            raise NotADirectoryError(f'{disk} is no folder; is the disk mounted?')


class BackUp(Job):
    """Have a copy of all files of a folder. main() derives a Job from this one for each folder."""

    DEPS = (FindDisk,)
    FOLDER = None

    def Check(self, disk):
        missing = self.missing(disk)
        if missing:
            why = self.storage.get('error', f'{missing[0]} has no copy, or an old one')
            raise FileNotFoundError(f'{len(missing)} of {len(files(self.FOLDER))} files are not backed up: {why}')

    def Run(self, disk):
        for file in self.missing(disk):
            copy = disk / self.FOLDER.name / file
            try:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.FOLDER / file, copy)  # with its time, by which it is known to be the same
            except OSError as error:
                self.storage['error'] = error  # for the Check that follows; the other files are copied all the same

    def missing(self, disk):
        """Return the files whose copy is missing or old."""
        copies = disk / self.FOLDER.name
        return [
            file
            for file in files(self.FOLDER)
            if not (copies / file).exists() or not filecmp.cmp(self.FOLDER / file, copies / file)
        ]


def files(folder):
    """Return the files in a folder and below, as paths relative to it. Links to other folders are not followed."""

    def complain(error):
        raise error

    return [
        pathlib.Path(place, name).relative_to(folder)
        for place, _, names in os.walk(folder, onerror=complain)
        for name in names
    ]


def main():
    """Back up the folders, and return the exit status."""
    parser = argparse.ArgumentParser(description='Back up folders to a disk.')
    parser.add_argument('disk', type=pathlib.Path, help='where to keep the copies')
    parser.add_argument('folders', type=pathlib.Path, nargs='+', metavar='folder', help='what to copy')
    parser.add_argument('-v', '--verbose', action='store_true', help='say what is done')
    options = parser.parse_args()
    disk, folders = options.disk.resolve(), [folder.resolve() for folder in options.folders]
    for folder in folders:
        if folder in (disk, *disk.parents):
            parser.error(f'{folder} cannot be copied to {disk}, which is in it')
        if [other.name for other in folders].count(folder.name) > 1:
            parser.error(f'there can be only one backup called {folder.name}')

    # A class made by type() is like one that is written down. Jobs are told apart by their names.
    jobs = [type(f'Back up {folder.name}', (BackUp,), {'FOLDER': folder}) for folder in folders]
    everything = type('Back up everything', (DummyJob,), {'DEPS': jobs})

    engine = DoJobber()
    engine.configure(everything, verbose=options.verbose, default_tries=1)
    engine.set_args(disk=disk)  # what all Jobs have in common: an argument of every Check and Run
    engine.checknrun()
    for name, error in engine.nodeexceptions.items():
        print(f'{name}: {error}', file=sys.stderr)
    return 0 if engine.success() else 1


if __name__ == '__main__':
    sys.exit(main())
