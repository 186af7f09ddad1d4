#!/usr/bin/env python3
"""Looks whether a web server is well after its start: waits until it answers, and does other things meanwhile.

    python examples/wait.py --set host=localhost --set port=8000
    python -m http.server 8000

Start the second one in another terminal, some seconds later. While WaitForServer waits for its next try, CheckSpace has
its turn; what needs the server comes after both::

    ✓ CheckSpace     ok         0.0s
    ✓ WaitForServer  ok         9 tries, 0.0s
    ✓ FetchPage      ok         0.0s
    ✓ CheckServer    ok         0.0s
    4 jobs: 4 ok in 4.0 s; nothing was changed

``--set path=/PATH`` asks for another page, ``--set gigabytes=NUMBER`` for more space. ``dojobber examples/wait.py``
does the same as the script.
"""

import contextlib
import http.client
import shutil
import socket

from dojobber import DummyJob, Job
from dojobber.cli import main


class WaitForServer(Job):
    """Wait until somebody listens.

    Check does not wait itself. It fails at once and is tried again when others have had their turn, though not before
    RETRY_DELAY is over, and not more often than TRIES says. There is no Run, as all there is to do is to look again.
    """

    TRIES = 120
    RETRY_DELAY = 0.5  # seconds, so that it gives up after a minute

    def Check(self, host='localhost', port='8000', **settings):
        socket.create_connection((host, int(port)), timeout=5).close()


class FetchPage(Job):
    """Get a page.

    This Job does not say how often to try: it is tried up to three times, and no sooner than WaitForServer has passed.
    """

    DEPS = (WaitForServer,)

    def Check(self, host='localhost', port='8000', path='/', **settings):
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=5)) as connection:
            connection.request('GET', path)
            answer = connection.getresponse()
            if answer.status != http.HTTPStatus.OK:
                raise http.client.HTTPException(f'{path}: {answer.status} {answer.reason}')


class CheckSpace(Job):
    """Look whether there is space for what the server will write, which can be done without it."""

    def Check(self, folder='.', gigabytes='0.1', **settings):
        free = shutil.disk_usage(folder).free / 1e9
        if free < float(gigabytes):
            raise OSError(f'only {free:.1f} GB are free, and {gigabytes} are needed')


class CheckServer(DummyJob):
    """Look whether the server is well."""

    DEPS = (WaitForServer, FetchPage, CheckSpace)


if __name__ == '__main__':
    main(CheckServer)
