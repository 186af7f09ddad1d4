#!/usr/bin/env python3
"""Back up folders: each folder on the command line becomes a Job of its own, created with named().

    mkdir disk
    python examples/backup.py disk benchmarks examples --verbose

The first run copies each folder to one of the same name on the disk::

    FindDisk.check: pass
    Back up benchmarks.check: fail
    Back up benchmarks.run: pass
    Back up benchmarks.recheck: pass

and so on. Later runs copy only what has changed. Files deleted from a folder stay in its backup. If a folder cannot be
backed up, the others still are; the script then prints the reason and exits with status 1.
"""

import argparse
import filecmp
import os
import pathlib
import shutil
import sys

from dojobber import DoJobber, DummyJob, Job


class FindDisk(Job):
    """Find the disk. There is no Run: if the disk is not mounted, a new folder would fill the wrong disk."""

    def Check(self, disk):
        if not disk.is_dir():
            raise NotADirectoryError(f'{disk} is not a folder; is the disk mounted?')


class BackUp(Job):
    """Copy all files of a folder. main() derives a Job from this class for each folder."""

    DEPS = (FindDisk,)
    FOLDER = None

    def Check(self, disk):
        missing = self.missing(disk)
        if missing:
            reason = self.storage.get('error', f'{missing[0]} has no copy, or an old one')
            raise FileNotFoundError(f'{len(missing)} of {len(files(self.FOLDER))} files are not backed up: {reason}')

    def Run(self, disk):
        for file in self.missing(disk):
            copy = disk / self.FOLDER.name / file
            try:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.FOLDER / file, copy)  # copies the modification time, too, which Check compares
            except OSError as error:
                self.storage['error'] = error  # for the recheck to report; go on with the other files

    def missing(self, disk):
        """Return the files whose copies are missing or old."""
        copies = disk / self.FOLDER.name
        return [
            file
            for file in files(self.FOLDER)
            if not (copies / file).exists() or not filecmp.cmp(self.FOLDER / file, copies / file)
        ]


def files(folder):
    """Return the paths of all files below a folder, relative to it. Links to folders are not followed."""

    def fail(error):
        raise error

    return [
        pathlib.Path(place, name).relative_to(folder)
        for place, _, names in os.walk(folder, onerror=fail)
        for name in names
    ]


def main():
    """Back up the folders and return the exit status."""
    parser = argparse.ArgumentParser(description='Back up folders to a disk.')
    parser.add_argument('disk', type=pathlib.Path, help='folder for the copies')
    parser.add_argument('folders', type=pathlib.Path, nargs='+', metavar='folder', help='folder to copy')
    parser.add_argument('-v', '--verbose', action='store_true', help='print a line for each check, run and recheck')
    options = parser.parse_args()
    disk, folders = options.disk.resolve(), [folder.resolve() for folder in options.folders]
    for folder in folders:
        if folder in (disk, *disk.parents):
            parser.error(f'cannot copy {folder} into itself: {disk} is inside it')
        if [other.name for other in folders].count(folder.name) > 1:
            parser.error(f'two folders are called {folder.name}')

    # Jobs are identified by their names, so these must differ.
    jobs = [BackUp.named(f'Back up {folder.name}', FOLDER=folder) for folder in folders]
    everything = DummyJob.named('Back up everything', DEPS=jobs)

    engine = DoJobber()
    engine.configure(everything, verbose=options.verbose, default_tries=1)
    engine.set_args(disk=disk)  # passed to every Check and Run
    engine.checknrun()
    for name, error in engine.nodeexceptions.items():
        print(f'{name}: {error}', file=sys.stderr)
    return 0 if engine.success() else 1


if __name__ == '__main__':
    sys.exit(main())
