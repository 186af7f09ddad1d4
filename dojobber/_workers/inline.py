"""Runs attempts in the caller's thread, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from .._attempt.attempt import Attempter, PhaseCallback
from ..outcome import Outcome, State, is_interrupt


class InlineRecorder(Protocol):
    """Records attempts in the caller's thread."""

    is_listening: bool

    def started_inline(self, index: int) -> None:
        """Record that an attempt is about to start."""

    def phase_callback(self, index: int) -> PhaseCallback:
        """Return the callback for the phases of the attempt."""

    def finished_inline(self, index: int, outcome: Outcome) -> bool:
        """Record the outcome of the attempt. Return whether the Job's dependents may be attempted."""


class InlineWorkers:
    """Runs each attempt in :meth:`start`.

    Args:
        jobs: The Job classes of the plan, in order.
    """

    max_running = 1
    has_results = False

    def __init__(self, recorder: InlineRecorder, jobs: Sequence[Any], attempter: Attempter) -> None:
        self._recorder, self._jobs, self._attempter = recorder, jobs, attempter

    def start(self, index: int) -> bool:
        """Run an attempt and return whether the Job's dependents may be attempted.

        Raises:
            BaseException: An interrupt, after the attempt is recorded.
        """
        recorder = self._recorder
        try:
            recorder.started_inline(index)
            callback = recorder.phase_callback(index) if recorder.is_listening else None
            outcome = self._attempter.send((self._jobs[index], callback))
        except BaseException as error:  # from a listener, or from a signal handler between two phases
            outcome = Outcome(State.FAILED, 1, None, error)
            self._attempter.renew()
        unblocks = recorder.finished_inline(index, outcome)
        if outcome.exception is not None and is_interrupt(outcome.exception):
            raise outcome.exception
        return unblocks

    def wait_for_one(self, timeout: float) -> None:
        """Return None: each attempt ends before :meth:`start` returns."""

    def withdraw(self) -> int:
        """Return 0: no attempt waits for its start."""
        return 0

    def drain(self) -> None:
        """Do nothing: no attempt runs."""
