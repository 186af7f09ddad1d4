#!/usr/bin/env python3
"""Publish a release once it has passed its test. Temporary files are removed at the end, whatever happens.

    mkdir releases
    python examples/release.py --set source=benchmarks --set target=releases/1.0 --set test='python -m compileall -q .'

The script copies the source to a temporary folder, runs the test there and, if it passes, moves the copy into place::

    ✓ TakeLock    changed    0.0s
    ✓ MakeFolder  changed    0.0s
    ✓ CopyFiles   changed    0.0s
    ✓ TestCopy    changed    0.3s
    ✓ Release     changed    0.0s
    5 jobs: 5 changed in 0.4 s

A lock keeps a second process from making the same release meanwhile. The lock and the temporary folder are removed at
the end, even after a failure, Ctrl-C or SIGTERM. Try another target with ``test=false``, or with ``test='sleep 60'``
and Ctrl-C, then look into the folder ``releases``. An existing release is left alone.
"""

import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile

from dojobber import RunonlyJob
from dojobber.cli import main


class Step(RunonlyJob):
    """A step toward the release. It passes if the release exists already, or if its Run raises nothing."""

    TRIES = 1

    def Check(self, target, **settings):
        if not pathlib.Path(target).exists():
            super().Check()


class TakeLock(Step):
    """Keep other processes from making the same release."""

    def Run(self, target, **settings):
        path = pathlib.Path(f'{target}.lock')
        try:
            with path.open('x') as file:  # fails if the file exists
                self.storage['lock'] = path
                file.write(str(os.getpid()))
        except FileExistsError:
            raise RuntimeError(
                f'{path} exists: process {path.read_text()} is making this release, or was killed'
            ) from None

    def Cleanup(self):
        if 'lock' in self.storage:  # Cleanup is called after a failed Run, too; then the lock is not ours
            self.storage['lock'].unlink()


class MakeFolder(Step):
    """Create a temporary folder beside the release, on the same file system, so that the move is atomic."""

    DEPS = (TakeLock,)

    def Run(self, target, **settings):
        self.storage['folder'] = tempfile.mkdtemp(prefix='unfinished-', dir=pathlib.Path(target).parent)
        self.global_storage['copy'] = pathlib.Path(self.storage['folder'], 'copy')

    def Cleanup(self):
        if 'folder' in self.storage:
            shutil.rmtree(self.storage['folder'])


class CopyFiles(Step):
    """Copy the files."""

    DEPS = (MakeFolder,)

    def Run(self, source, **settings):
        shutil.copytree(source, self.global_storage['copy'], symlinks=True)


class TestCopy(Step):
    """Run the test in the copy."""

    DEPS = (CopyFiles,)

    def Run(self, test, **settings):
        subprocess.run(shlex.split(test), cwd=self.global_storage['copy'], check=True)


class Release(Step):
    """Move the copy into place."""

    DEPS = (TestCopy,)

    def Run(self, target, **settings):
        self.global_storage['copy'].rename(target)


if __name__ == '__main__':
    main(Release)
