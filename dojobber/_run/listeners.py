"""Calls the listeners of a run."""

from __future__ import annotations

from collections.abc import Iterable

from .._attempt.process import end_child, forks
from ..events import Event, Listener
from ..log import log_critical, logger
from ..outcome import is_interrupt


class Listeners:
    """The callables to notify of events, in order. It is false when there are none.

    Args:
        cleanup_printer: Called with the events of Cleanups before all others.
    """

    def __init__(self, listeners: Iterable[Listener], cleanup_printer: Listener | None = None) -> None:
        self._listeners = list(listeners)
        self._cleanup_printer = cleanup_printer

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def notify(self, event: Event) -> None:
        """Call every listener with ``event``; one that raises is logged and dropped."""
        fork = forks[0]
        for listener in self._listeners:
            error = None
            try:
                listener(event)
            except BaseException as raised:
                error = raised
                if is_interrupt(raised) and forks[0] == fork:
                    raise
                if forks[0] == fork:
                    log_critical('listener %r raised and is dropped', listener)
                    self._listeners = [other for other in self._listeners if other is not listener]
            if forks[0] != fork:
                end_child(error)

    def notify_cleanup(self, event: Event) -> None:
        """Notify of a Cleanup."""
        if self._cleanup_printer is not None:
            self._cleanup_printer(event)
        self.notify(event)


def log_event(event: Event) -> None:
    """Say in the developer log what is being tried: a listener. Values are left out, they may be secret."""
    about = {'job': event.job, 'round': event.round, 'attempt': event.attempt}
    details = [f', {name} {value}' for name, value in about.items() if value is not None]
    logger.debug('%s%s', event.kind.value, ''.join(details))
