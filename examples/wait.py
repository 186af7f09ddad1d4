#!/usr/bin/env python3
"""Check a web server after its start: wait until it answers, and do other things meanwhile.

    python examples/wait.py --set host=localhost --set port=8000
    python -m http.server 8000

Start the server in another terminal a few seconds after the script. While WaitForServer waits for its next attempt,
CheckSpace runs; the Jobs that depend on the server follow::

    ✓ CheckSpace     ok         0.0s
    ✓ WaitForServer  ok         9 attempts, 0.0s
    ✓ FetchPage      ok         0.0s
    ✓ CheckServer    ok         0.0s
    4 jobs: 4 ok in 4.0 s; nothing was changed

``--set path=/PATH`` requests another page, and ``--set gigabytes=NUMBER`` sets the space needed.
``dojobber examples/wait.py`` does the same as the script.
"""

import contextlib
import http.client
import shutil
import socket

from dojobber import DummyJob, Job
from dojobber.cli import main


class WaitForServer(Job):
    """Wait until the server accepts connections.

    Check itself does not wait: it fails at once, other Jobs run, and RETRY_DELAY seconds later it is called again, up
    to TRIES times. There is no Run, because all one can do is check again.
    """

    TRIES = 120
    RETRY_DELAY = 0.5  # seconds: with 120 attempts, it gives up after a minute

    def Check(self, host='localhost', port='8000', **settings):
        socket.create_connection((host, int(port)), timeout=5).close()


class FetchPage(Job):
    """Fetch a page.

    This Job sets no TRIES, so it gets three attempts, the first one after WaitForServer has passed.
    """

    DEPS = (WaitForServer,)

    def Check(self, host='localhost', port='8000', path='/', **settings):
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=5)) as connection:
            connection.request('GET', path)
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                raise http.client.HTTPException(f'{path}: {response.status} {response.reason}')


class CheckSpace(Job):
    """Check that there is space for the server's files. This does not depend on the server."""

    def Check(self, folder='.', gigabytes='0.1', **settings):
        free = shutil.disk_usage(folder).free / 1e9
        if free < float(gigabytes):
            raise OSError(f'only {free:.1f} GB are free, but {gigabytes} are needed')


class CheckServer(DummyJob):
    """Group the checks of the server."""

    DEPS = (WaitForServer, FetchPage, CheckSpace)


if __name__ == '__main__':
    main(CheckServer)
