"""Calls the listeners of an engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._attempt.process import end_child, forks
from ..errors import PlanError
from ..events import Event, EventKind, Listener
from ..log import log_critical, logger
from ..outcome import is_interrupt


class Listeners:
    """Listeners in the order in which they are notified. It is false if there are none.

    Args:
        cleanup_printer: Called before all others with each event of a Cleanup; it does not count as a listener.
    """

    def __init__(self, listeners: Iterable[Listener], cleanup_printer: Listener | None = None) -> None:
        self._listeners = list(listeners)
        self._cleanup_printer = cleanup_printer

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def notify(self, event: Event) -> None:
        """Call every listener with ``event``. One that raises is logged and dropped.

        Raises:
            BaseException: An interrupt; the remaining listeners are not called.
        """
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

    def emit(self, kind: EventKind, job: str | None = None, **about: Any) -> None:
        """Notify of an event, which is created only if there is a listener."""
        if self._listeners:
            self.notify(Event(kind, job, **about))

    def notify_cleanup(self, event: Event) -> None:
        """Notify of the start or the end of a Cleanup."""
        if self._cleanup_printer is not None:
            self._cleanup_printer(event)
        self.notify(event)


def checked_listeners(listeners: Iterable[Listener]) -> list[Listener]:
    """Return the listeners as a list.

    Raises:
        PlanError: They are not an iterable of callables.
    """
    try:
        checked = list(listeners)
    except Exception as error:
        raise PlanError(f'listeners must be a list of callables, not {listeners!r}', listeners) from error
    for listener in checked:
        if not callable(listener):
            raise PlanError(f'a listener must be callable with an Event, not {listener!r}', listener)
    return checked


def log_event(event: Event) -> None:
    """Write an event to the developer log: a listener. It leaves out values, which may be secret."""
    about = {'job': event.job, 'round': event.round, 'attempt': event.attempt}
    details = [f', {name} {value}' for name, value in about.items() if value is not None]
    logger.debug('%s%s', event.kind.value, ''.join(details))
