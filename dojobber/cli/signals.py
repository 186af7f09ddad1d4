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

REDELIVERY_DELAY = 0.01  # seconds after which a signal is sent again if its exception would have been lost


class Interrupted(BaseException):
    """A signal arrived. While Jobs run, SIGINT raises KeyboardInterrupt instead."""

    signal_name: ClassVar[str]


class UserInterrupt(Interrupted):
    """SIGINT arrived."""

    signal_name = 'SIGINT'


class Terminated(Interrupted):
    """SIGTERM arrived."""

    signal_name = 'SIGTERM'


class HungUp(Interrupted):
    """SIGHUP arrived: the terminal was closed, or the connection was lost."""

    signal_name = 'SIGHUP'


INTERRUPTS = (KeyboardInterrupt, Interrupted)


def signal_of(error: BaseException) -> signal.Signals:
    """Return the signal that raised ``error``, an instance of one of ``INTERRUPTS``."""
    return signal.Signals[error.signal_name] if isinstance(error, Interrupted) else signal.SIGINT


def leave_signals_to_main_thread() -> None:
    """Block all signals in the calling thread: if they arrived here, the main thread would not wake up."""
    if hasattr(signal, 'pthread_sigmask'):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


class Interrupts:
    """Handles the signals for the duration of a ``with`` block, in this process but not in processes forked from it.

    In ``raising()``, the first signal raises an exception. Other signals end the process at once, except SIGHUP, which
    then does nothing: it often arrives twice when a terminal is closed, or right after SIGTERM. A signal that was
    ignored before stays ignored. Jobs may set handlers of their own and restore this one.

    Args:
        announce: Called with the name of a signal before its exception is raised.
        restore_terminal: Called before a signal ends the process at once.
    """

    def __init__(
        self, announce: Callable[[str], object] = lambda _: None, restore_terminal: Callable[[], object] = lambda: None
    ) -> None:
        self._announce, self._restore_terminal = announce, restore_terminal
        self._is_raising = False
        self._raised: type[BaseException] | None = None  # in the current raising() block
        self._was_signaled = False
        self._sigint_error: type[BaseException] = KeyboardInterrupt
        self._owner = os.getpid()
        self._previous: dict[signal.Signals, Any] = {}
        self._terminal_descriptors: list[int] = []

    def __enter__(self) -> Interrupts:
        """Install the handler.

        Raises:
            ValueError: This is not the main thread.
        """
        _prepare_forks()
        self._terminal_descriptors = [descriptor for descriptor in range(3) if os.isatty(descriptor)]
        for number in SIGNALS:
            previous = signal.getsignal(number)
            if previous is not signal.SIG_IGN and previous is not None:  # None: a handler that Python cannot restore
                self._previous[number] = previous
                signal.signal(number, self)
        _active.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self in _active:
            _active.remove(self)
        for number, previous in self._previous.items():
            signal.signal(number, previous)

    @contextlib.contextmanager
    def raising(self, sigint_error: type[BaseException] = KeyboardInterrupt) -> Iterator[None]:
        """For the duration of the block, let the first signal raise an exception, SIGINT ``sigint_error``."""
        self._sigint_error = sigint_error
        self._raised = None
        self._is_raising = True
        try:
            yield
        finally:
            self._is_raising = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if os.getpid() != self._owner:
            self._handle_in_child(number, frame)
        elif _is_in_fork_hook(frame):  # Python would print the exception and go on
            timer = threading.Timer(REDELIVERY_DELAY, os.kill, (self._owner, number))
            timer.daemon = True
            timer.start()
        elif signal.Signals(number).name == 'SIGHUP':
            self._replace_closed_terminals()
            if self._is_raising and not self._was_signaled:
                self._raise(HungUp)
            self._was_signaled = True
        elif self._is_raising and self._raised is None:
            self._raise(Terminated if number == signal.SIGTERM else self._sigint_error)
        else:
            with contextlib.suppress(Exception):  # the terminal may be closed
                self._restore_terminal()
            os._exit(128 + number)

    def resume(self) -> None:
        """Note that the run continues: if a signal has raised an exception, a Job has caught it.

        A Job may catch KeyboardInterrupt, to let the user end a part of it. The next signal then counts as the first.
        Any other exception is raised again.
        """
        raised, self._raised = self._raised, None
        if raised is KeyboardInterrupt:
            self._was_signaled = False
        elif raised is not None:
            self._raise(raised)

    def _raise(self, error: type[BaseException]) -> NoReturn:
        self._raised, self._was_signaled = error, True
        self._announce(error.signal_name if issubclass(error, Interrupted) else 'SIGINT')
        raise error

    def _replace_closed_terminals(self) -> None:
        """Redirect closed terminals to /dev/null, so that no Cleanup fails because it prints."""
        closed = [descriptor for descriptor in self._terminal_descriptors if not os.isatty(descriptor)]
        if closed:
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in closed:
                os.dup2(null, descriptor)
            os.close(null)

    def _handle_in_child(self, number: int, frame: FrameType | None) -> None:
        """In a forked process, do what the signal would have done without this handler."""
        previous = self._previous.get(signal.Signals(number), signal.SIG_DFL)
        signal.signal(number, previous)
        if callable(previous):
            previous(number, frame)
        else:
            os.kill(os.getpid(), number)

    def restore_in_child(self) -> None:
        """In a forked process, restore the previous handlers, but keep those that a Job has set."""
        for number, previous in self._previous.items():
            if signal.getsignal(number) is self:
                signal.signal(number, previous)


_active: list[Interrupts] = []
"""The objects whose handler is installed, the innermost last."""

_saved = threading.local()
"""Its ``mask`` is the signal mask of the thread before the fork."""


@functools.cache
def _prepare_forks() -> None:
    """Make forked processes start without the handler. The hooks stay, but do nothing without a handler."""
    if hasattr(os, 'register_at_fork'):
        os.register_at_fork(
            before=_block_signals, after_in_parent=_unblock_signals, after_in_child=_restore_all_in_child
        )


def _block_signals() -> None:
    """Block the signals: the new process would lose one that arrives before its handlers are restored."""
    if _active:
        _saved.mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _unblock_signals() -> None:
    mask = vars(_saved).pop('mask', None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _restore_all_in_child() -> None:
    while _active:
        _active.pop().restore_in_child()
    _unblock_signals()


_FORK_HOOKS = {hook.__code__ for hook in (_block_signals, _unblock_signals)}


def _is_in_fork_hook(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code not in _FORK_HOOKS:
        frame = frame.f_back
    return frame is not None
