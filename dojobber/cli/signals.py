"""Handles the signals that interrupt the command: SIGINT, SIGTERM and SIGHUP."""

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

REDELIVERY = 0.01  # seconds after which a signal is sent again if it arrived where nothing may be raised


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
    """Return the signal that has raised ``error``, one of ``INTERRUPTS``."""
    return signal.Signals[error.by] if isinstance(error, Interrupted) else signal.SIGINT


def leave_signals_to_main_thread() -> None:
    """Block all signals in the calling thread: if they arrived here, the main thread would not wake up."""
    if hasattr(signal, 'pthread_sigmask'):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


class Interrupts:
    """Handles the signals for the duration of a ``with`` block, in this process but not in processes forked from it.

    In ``raised()``, the first signal raises an exception. Other signals end the process at once, except that a SIGHUP
    after another signal does nothing: it often arrives twice when a terminal is closed, or right after SIGTERM. A
    signal that was ignored before stays ignored. Jobs may set handlers of their own and restore this one.

    Args:
        announce: Called with the name of a signal before its exception is raised.
        restore_terminal: Called before a signal ends the process at once.
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
            ValueError: This is not the main thread.
        """
        _prepare_forks()
        self._terminals = [number for number in range(3) if os.isatty(number)]
        for number in SIGNALS:
            earlier = signal.getsignal(number)
            if earlier is not signal.SIG_IGN and earlier is not None:  # None: a handler that Python cannot restore
                self._earlier[number] = earlier
                signal.signal(number, self)
        _entered.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self in _entered:
            _entered.remove(self)
        for number, earlier in self._earlier.items():
            signal.signal(number, earlier)

    @contextlib.contextmanager
    def raised(self, for_sigint: type[BaseException] = KeyboardInterrupt) -> Iterator[None]:
        """For the duration of the block, let the first signal raise an exception; ``for_sigint`` is that of SIGINT."""
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
        elif _is_in_fork_hook(frame):  # Python would print the exception and go on
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

        A Job may catch KeyboardInterrupt, to let the user end a part of it. The next signal then counts as the first.
        Any other exception is raised again.
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
        """Redirect terminals that have gone to /dev/null, so that no Cleanup fails because it prints."""
        gone = [number for number in self._terminals if not os.isatty(number)]
        if gone:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for number in gone:
                os.dup2(nowhere, number)
            os.close(nowhere)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        """In a forked process, do what the signal would have done without this handler."""
        earlier = self._earlier.get(signal.Signals(number), signal.SIG_DFL)
        signal.signal(number, earlier)
        if callable(earlier):
            earlier(number, frame)
        else:
            os.kill(os.getpid(), number)

    def disown(self) -> None:
        """In a forked process, restore the earlier handlers, except where a Job has set its own."""
        for number, earlier in self._earlier.items():
            if signal.getsignal(number) is self:
                signal.signal(number, earlier)


_entered: list[Interrupts] = []
"""The objects whose handler is installed, the innermost last."""

_held = threading.local()
"""The signal mask of a thread before it forked."""


@functools.cache
def _prepare_forks() -> None:
    """Make forked processes start without the handler. This cannot be undone; without a handler it does nothing."""
    if hasattr(os, 'register_at_fork'):
        os.register_at_fork(before=_hold_signals, after_in_parent=_release_signals, after_in_child=_disown_all)


def _hold_signals() -> None:
    """Block the signals: the new process would lose one that arrives before its handlers are restored."""
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


_FORK_HOOKS = {hook.__code__ for hook in (_hold_signals, _release_signals)}


def _is_in_fork_hook(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code not in _FORK_HOOKS:
        frame = frame.f_back
    return frame is not None
