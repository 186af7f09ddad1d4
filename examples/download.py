#!/usr/bin/env python3
"""Download a list of files, several at the same time, and keep those whose checksums are right.

    sha256sum LICENSE tox.ini > SHA256SUMS
    python -m http.server 8000
    python examples/download.py http://localhost:8000/ SHA256SUMS downloads --jobs 4

Start the server in another terminal, in the same folder. Each line of the list is a checksum and a name, as written by
sha256sum. The script prints::

    Download LICENSE: changed
    Download tox.ini: changed
    DownloadAll: ok

A second run finds the files in place. It downloads only those that are missing, damaged, or listed with a new checksum.
If a download fails, the script prints the reason and exits with status 1.
"""

import argparse
import hashlib
import pathlib
import re
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request

from dojobber import DoJobber, DummyJob, Job


class Download(Job):
    """Download a file. main() derives a Job from this class for each file.

    None of these Jobs depends on another, and each writes to its own file, so they can run on threads at the same time.
    """

    NAME = SHA256 = None

    def Check(self, folder, **options):
        if 'error' in self.storage:
            raise self.storage['error']
        verify(folder / self.NAME, self.SHA256)

    def Run(self, url, folder, **options):
        unfinished = self.storage['unfinished'] = folder / f'{self.NAME}.unfinished'
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fetch(url + urllib.parse.quote(self.NAME), unfinished)
            verify(unfinished, self.SHA256)
            unfinished.replace(folder / self.NAME)  # atomic: nobody sees a partial file
        except Exception as error:
            self.storage['error'] = error  # for the recheck, which could otherwise report only a missing file
            raise

    def Cleanup(self):
        if 'unfinished' in self.storage:
            self.storage['unfinished'].unlink(missing_ok=True)


def fetch(address, path):
    """Download an address to a file."""
    try:
        # DoJobber has no time limit, so set one here. S310 warns of other schemes; main() refuses them.
        with urllib.request.urlopen(address, timeout=30) as response, open(path, 'wb') as file:  # noqa: S310
            shutil.copyfileobj(response, file)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection to the server
        raise


def verify(path, expected):
    """Raise OSError if there is no such file, and ValueError if it has another checksum."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(2**20):
            digest.update(block)
    if digest.hexdigest() != expected:
        raise ValueError(f'{path.name} has the checksum {digest.hexdigest()}, not {expected}')


def main():
    """Download the files and return the exit status."""
    parser = argparse.ArgumentParser(description='Download a list of files.')
    parser.add_argument('url', help='address of the folder with the files')
    parser.add_argument('list', type=pathlib.Path, help='file with a checksum and a name per line')
    parser.add_argument('folder', type=pathlib.Path, help='folder for the downloads')
    parser.add_argument(
        '-j', '--jobs', type=int, default=4, metavar='N', help='downloads at the same time (default: %(default)s)'
    )
    parser.add_argument(
        '--retry-delay', type=float, default=5, help='seconds between two attempts (default: %(default)g)'
    )
    options = parser.parse_args()
    if not options.url.startswith(('http://', 'https://')):
        parser.error(f'{options.url} does not start with http:// or https://')
    try:
        lines = options.list.read_text(encoding='utf-8').splitlines()
    except OSError as error:
        parser.error(str(error))
    jobs = []
    for line in lines:
        match = re.fullmatch(r'([0-9a-f]{64}) [ *]([^/\\]+)', line)
        if not match:
            parser.error(f'{options.list}: expected a checksum and the name of a file, not {line!r}')
        jobs.append(Download.named(f'Download {match[2]}', SHA256=match[1], NAME=match[2]))

    engine = DoJobber()
    engine.configure(
        DummyJob.named('DownloadAll', DEPS=jobs),
        default_retry_delay=options.retry_delay,
        max_workers=options.jobs,
    )
    engine.set_args(url=options.url.rstrip('/') + '/', folder=options.folder)
    engine.checknrun()
    for name, outcome in engine.outcomes.items():
        print(f'{name}: {outcome.state.value}' + (f': {outcome.exception}' if outcome.exception else ''))
    return 0 if engine.success() else 1


if __name__ == '__main__':
    sys.exit(main())
