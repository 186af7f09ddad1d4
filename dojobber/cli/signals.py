"""The signals that interrupt a run of the command line: who handles them, and for how long."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Callable, ClassVar, NoReturn

SIGNALS = tuple(getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGHUP') if hasattr(signal, name))

REDELIVERY = 0.01  # seconds after which a signal is sent again that arrived where nothing may be raised


class Interrupted(BaseException):
    """A signal arrived. While Jobs run, SIGINT raises KeyboardInterrupt."""

    by: ClassVar[str]


class Stopped(Interrupted):
    """SIGINT arrived."""

    by = 'SIGINT'


class Terminated(Interrupted):
    """SIGTERM arrived."""

    by = 'SIGTERM'


class HungUp(Interrupted):
    """SIGHUP arrived: the terminal was closed, or the connection was lost."""

    by = 'SIGHUP'


INTERRUPTS = (KeyboardInterrupt, Interrupted)


def signal_of(error: BaseException) -> signal.Signals:
    """Return the signal for which one of ``INTERRUPTS`` was raised."""
    return signal.Signals[error.by] if isinstance(error, Interrupted) else signal.SIGINT


def leave_signals_to_main_thread() -> None:
    """Block all signals in the calling thread: the one that handles them would not wake up if they arrived here."""
    if hasattr(signal, 'pthread_sigmask'):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


class Interrupts:
    """Handles the signals as long as its ``with`` block lasts, in this process and in none that is forked from it.

    In ``raised()`` the first signal raises an exception. Any other signal ends the process at once, but a SIGHUP that
    is not the first signal does nothing: one often arrives twice when a terminal is closed, or right after SIGTERM. A
    signal that was ignored before stays ignored. Jobs may set handlers of their own and put this one back.

    Args:
        announce: Called with the name of a signal before it is raised.
        restore_terminal: Called before the process is ended at once.
    """

    def __init__(
        self, announce: Callable[[str], object] = lambda _: None, restore_terminal: Callable[[], object] = lambda: None
    ) -> None:
        self._announce, self._restore_terminal = announce, restore_terminal
        self._is_raising = False
        self._raised: type[BaseException] | None = None  # in this raised()
        self._is_ending = False
        self._for_sigint: type[BaseException] = KeyboardInterrupt
        self._process = os.getpid()
        self._earlier: dict[signal.Signals, Any] = {}
        self._terminals: list[int] = []

    def __enter__(self) -> Interrupts:
        """Install the handler.

        Raises:
            ValueError: This is not the main thread, the only one that can.
        """
        _prepare_forks()
        self._terminals = [number for number in range(3) if os.isatty(number)]
        for each in SIGNALS:
            earlier = signal.getsignal(each)
            if earlier is not signal.SIG_IGN and earlier is not None:  # None: a handler that Python cannot put back
                self._earlier[each] = earlier
                signal.signal(each, self)
        _entered.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self in _entered:
            _entered.remove(self)
        for each, earlier in self._earlier.items():
            signal.signal(each, earlier)

    @contextlib.contextmanager
    def raised(self, for_sigint: type[BaseException] = KeyboardInterrupt) -> Iterator[None]:
        """Let the first signal that arrives in this block raise an exception, SIGINT that of ``for_sigint``."""
        self._for_sigint = for_sigint
        self._raised = None
        self._is_raising = True
        try:
            yield
        finally:
            self._is_raising = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if os.getpid() != self._process:
            self._pass_on(number, frame)
        elif _is_in_fork_hook(frame):  # where Python would print the exception and go on
            again = threading.Timer(REDELIVERY, os.kill, (self._process, number))
            again.daemon = True
            again.start()
        elif signal.Signals(number).name == 'SIGHUP':
            self._forget_terminal()
            is_first, self._is_ending = not self._is_ending, True
            if self._is_raising and is_first:
                self._raise(HungUp)
        elif self._is_raising and self._raised is None:
            self._raise(Terminated if number == signal.SIGTERM else self._for_sigint)
        else:
            with contextlib.suppress(Exception):  # the terminal may be gone
                self._restore_terminal()
            os._exit(128 + number)

    def resume(self) -> None:
        """Note that the run goes on: if a signal has raised an exception, a Job has caught it.

        A Job may do so with KeyboardInterrupt, to let the user end a part of it. The next signal then counts as the
        first. Any other exception is raised again, since no Job knows what it means.
        """
        raised, self._raised = self._raised, None
        if raised is KeyboardInterrupt:
            self._is_ending = False
        elif raised is not None:
            self._raise(raised)

    def _raise(self, error: type[BaseException]) -> NoReturn:
        self._raised, self._is_ending = error, True
        self._announce(error.by if issubclass(error, Interrupted) else 'SIGINT')
        raise error

    def _forget_terminal(self) -> None:
        """Let what is written to a terminal that has gone vanish, so that no Cleanup fails because it prints."""
        gone = [number for number in self._terminals if not os.isatty(number)]
        if gone:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for number in gone:
                os.dup2(nowhere, number)
            os.close(nowhere)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        """Do in a forked process what the signal would have done without this handler."""
        earlier = self._earlier.get(signal.Signals(number), signal.SIG_DFL)
        signal.signal(number, earlier)
        if callable(earlier):
            earlier(number, frame)
        else:
            os.kill(os.getpid(), number)

    def disown(self) -> None:
        """Put back the earlier handlers in a forked process, but for those that a Job has replaced."""
        for each, earlier in self._earlier.items():
            if signal.getsignal(each) is self:
                signal.signal(each, earlier)


_entered: list[Interrupts] = []
"""Those whose handler is installed, the innermost last."""

_held = threading.local()
"""The signal mask that a thread had before it forked."""


@functools.cache
def _prepare_forks() -> None:
    """Have forked processes start without the handler. This cannot be undone, and does nothing while none is there."""
    if hasattr(os, 'register_at_fork'):
        os.register_at_fork(before=_hold_signals, after_in_parent=_release_signals, after_in_child=_disown_all)


def _hold_signals() -> None:
    """Block the signals: one sent to the new process before its handlers are reset would be lost."""
    if _entered:
        _held.mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _release_signals() -> None:
    mask = vars(_held).pop('mask', None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _disown_all() -> None:
    while _entered:
        _entered.pop().disown()
    _release_signals()


_FORK_HOOKS = {each.__code__ for each in (_hold_signals, _release_signals)}


def _is_in_fork_hook(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code not in _FORK_HOOKS:
        frame = frame.f_back
    return frame is not None
