"""Wait for a signal at every place of a small graph, and compare what happens with the model."""

from __future__ import annotations

import contextlib
import os
import pathlib
import select
import signal
import sys

from handlers import install_handler

sys.path.append(str(pathlib.Path(__file__).parents[2]))  # for support

from support.faults import assert_nothing_is_lost
from support.model import Fault, Model, Spec

SPECS = [
    Spec('Bottom', needs_run=True),
    Spec('Late', ('Bottom',), passes_at=2, needs_run=True, delay=5),
    Spec('Top', ('Late',), needs_run=True),
]

woken, wake = os.pipe()
for end in woken, wake:
    os.set_blocking(end, False)
signal.set_wakeup_fd(wake)  # lets a signal that arrives just before the wait end it as well


def wait_for_signal(_):
    with contextlib.suppress(BlockingIOError):
        os.read(woken, 9)
    print('here', flush=True)
    while True:  # the handler ends the loop
        select.select([woken], [], [])


fault = Fault(wait_for_signal, install_handler())
for position in range(len(Model(SPECS, {}).run().log)):
    assert_nothing_is_lost(SPECS, {position: fault}, pathlib.Path('home').absolute())
    os.chdir('..')
print('done')
