#!/usr/bin/env python3
"""Puts a release in place when it has passed its test. What it takes to get there is gone afterwards in every case.

    mkdir releases
    python examples/release.py --set source=benchmarks --set target=releases/1.0 --set test='python -m compileall -q .'

The source is copied to a temporary folder, the test is run in there, and when it succeeds the copy is moved in place::

    ✓ TakeLock    changed    0.0s
    ✓ MakeFolder  changed    0.0s
    ✓ CopyFiles   changed    0.0s
    ✓ TestCopy    changed    0.3s
    ✓ Release     changed    0.0s
    5 jobs: 5 changed in 0.4 s

The lock, which keeps a second one from doing the same meanwhile, and the temporary folder are removed at the end, also
after a failure, Ctrl-C or SIGTERM. Try another target with ``test=false``, or with ``test='sleep 60'`` and Ctrl-C, and
look what is in the folder ``releases``. A release that is there already is left alone.
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
    """A step on the way to a release. It has passed when the release is there, or else when its Run raises nothing."""

    TRIES = 1

    def Check(self, target, **settings):
        if not pathlib.Path(target).exists():
            super().Check()


class TakeLock(Step):
    """Keep others from making the same release."""

    def Run(self, target, **settings):
        path = pathlib.Path(f'{target}.lock')
        try:
            with path.open('x') as file:  # which fails if the file is there already
                self.storage['lock'] = path
                file.write(str(os.getpid()))
        except FileExistsError:
            raise RuntimeError(f'{path} is there: process {path.read_text()} is at it, or was killed') from None

    def Cleanup(self):
        if 'lock' in self.storage:  # else it was taken by somebody else: Cleanup is called after a failing Run too
            self.storage['lock'].unlink()


class MakeFolder(Step):
    """Have a temporary folder beside the release, so that what is in it can be moved there at one stroke."""

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
    """Put the copy in place."""

    DEPS = (TestCopy,)

    def Run(self, target, **settings):
        self.global_storage['copy'].rename(target)


if __name__ == '__main__':
    main(Release)
