#!/usr/bin/env python3
"""Downloads the files of a list, several at the same time, and keeps those whose checksums are right.

    sha256sum LICENSE tox.ini > SHA256SUMS
    python -m http.server 8000
    python examples/download.py http://localhost:8000/ SHA256SUMS downloads --jobs 4

Start the server in another terminal, in the same folder. Each line of the list is a checksum and a name, as sha256sum
writes them. The script says::

    Download LICENSE: changed
    Download tox.ini: changed
    DownloadAll: ok

Done again, it finds that the files are there. Only one that was lost, is damaged, or has got another checksum in the
list is downloaded then. What cannot be had has failed, which is said with the reason, and the exit status is 1.
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
    """Have a file. main() derives a Job from this one for each file.

    None of them needs another, so they can be tried at the same time, on threads. Each writes to a file of its own.
    """

    NAME = SHA256 = None

    def Check(self, folder, **options):
        if 'error' in self.storage:
            raise self.storage['error']
        check_sum(folder / self.NAME, self.SHA256)

    def Run(self, url, folder, **options):
        unfinished = self.storage['unfinished'] = folder / f'{self.NAME}.unfinished'
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fetch(url + urllib.parse.quote(self.NAME), unfinished)
            check_sum(unfinished, self.SHA256)
            unfinished.replace(folder / self.NAME)  # so whoever sees the file sees all of it
        except Exception as error:
            self.storage['error'] = error  # for Check, which would find only that there is no file
            raise

    def Cleanup(self):
        if 'unfinished' in self.storage:
            self.storage['unfinished'].unlink(missing_ok=True)


def fetch(address, path):
    """Write what is at an address to a file."""
    try:
        # The time limit is given here, since DoJobber has none. What S310 warns of, main() has looked at.
        with urllib.request.urlopen(address, timeout=30) as answer, open(path, 'wb') as file:  # noqa: S310
            shutil.copyfileobj(answer, file)
    except urllib.error.HTTPError as error:
        error.close()  # it is the server's answer as well
        raise


def check_sum(path, expected):
    """Raise an error if the file is not there or has another checksum."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while part := file.read(2**20):
            digest.update(part)
    if digest.hexdigest() != expected:
        raise ValueError(f'{path.name} has the checksum {digest.hexdigest()}, and not {expected}')


def main():
    """Download the files, and return the exit status."""
    parser = argparse.ArgumentParser(description='Download the files of a list.')
    parser.add_argument('url', help='of the folder that the files are in')
    parser.add_argument('list', type=pathlib.Path, help='checksums and names')
    parser.add_argument('folder', type=pathlib.Path, help='where to keep the files')
    parser.add_argument('-j', '--jobs', type=int, default=4, metavar='N', help='files at the same time (%(default)s)')
    parser.add_argument('--retry-delay', type=float, default=5, help='seconds from try to try (%(default)s)')
    options = parser.parse_args()
    if not options.url.startswith(('http://', 'https://')):
        parser.error(f'{options.url} does not begin with http:// or https://')
    try:
        lines = options.list.read_text(encoding='utf-8').splitlines()
    except OSError as error:
        parser.error(str(error))
    jobs = []
    for line in lines:
        found = re.fullmatch(r'([0-9a-f]{64}) [ *]([^/\\]+)', line)
        if not found:
            parser.error(f'{options.list}: a checksum and the name of a file are expected, and not {line!r}')
        jobs.append(type(f'Download {found[2]}', (Download,), {'SHA256': found[1], 'NAME': found[2]}))

    engine = DoJobber()
    engine.configure(
        type('DownloadAll', (DummyJob,), {'DEPS': jobs}),
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
