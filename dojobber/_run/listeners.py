"""Notifies the listeners of an engine."""

from __future__ import annotations

from collections.abc import Iterable

from .._attempt.process import end_child, forks
from ..errors import PlanError
from ..events import Event, Listener
from ..log import log_critical, logger
from ..outcome import is_interrupt


class Listeners:
    """The listeners, in the order in which they are notified. ``bool()`` tells whether there are any.

    Args:
        cleanup_printer: Called first with each event of a Cleanup; ``bool()`` ignores it.
    """

    def __init__(self, listeners: Iterable[Listener], cleanup_printer: Listener | None = None) -> None:
        self._listeners = list(listeners)
        self._cleanup_printer = cleanup_printer

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def notify(self, event: Event) -> None:
        """Call every listener with ``event``. A listener that raises is logged and dropped.

        Raises:
            BaseException: An interrupt; the remaining listeners are not called.
        """
        fork_count = forks[0]
        for listener in self._listeners:
            try:
                listener(event)
            except BaseException as error:
                if forks[0] != fork_count:
                    end_child(error)
                if is_interrupt(error):
                    raise
                log_critical('listener %r raised and is dropped', listener)
                self._listeners = [other for other in self._listeners if other is not listener]
            if forks[0] != fork_count:
                end_child(None)

    def notify_cleanup(self, event: Event) -> None:
        """Call the printer and the listeners with an event of a Cleanup."""
        if self._cleanup_printer is not None:
            self._cleanup_printer(event)
        self.notify(event)


def checked_listeners(listeners: Iterable[Listener]) -> list[Listener]:
    """Check the ``listeners`` of ``configure()``, and return them as a list.

    Raises:
        PlanError: It is not an iterable of callables.
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
    """Write an event to the developer log, without ``value``, which may be secret. This function is a listener."""
    fields = {'job': event.job, 'round': event.round, 'attempt': event.attempt}
    details = [f', {name} {value}' for name, value in fields.items() if value is not None]
    logger.debug('%s%s', event.kind.value, ''.join(details))
