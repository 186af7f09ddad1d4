"""Runs the Jobs of a plan: picks the workers and starts the loop."""

from __future__ import annotations

import math
from typing import Any

from .._attempt.attempt import Attempter, AttempterPool, AttemptResult, AttemptSettings
from .._plan.plan import Plan
from .._workers.base import Workers
from .._workers.executors import Place, place_of
from .._workers.inline import InlineWorkers
from .._workers.loop import Clock, execute
from .._workers.threads import ExecutorThreads, OwnThreads
from .recorder import Recorder


class Runner:
    """Runs the Jobs of a plan once, on the workers that ``max_workers`` and ``executor`` select."""

    def __init__(self, plan: Plan, settings: AttemptSettings, recorder: Recorder, clock: Clock) -> None:
        self._plan, self._settings, self._recorder, self._clock = plan, settings, recorder, clock

    def run(self, max_workers: int | None, executor: Any) -> None:
        """Run the Jobs one at a time in this thread, on up to ``max_workers`` new threads, or on an executor.

        Raises:
            RemoteError: The arguments of ``set_args()`` cannot be sent to the workers of the executor.
            BaseException: An interrupt, or the error of a broken executor.
        """
        if executor is not None:
            max_running = math.inf if max_workers is None else max_workers
            if place_of(executor) is Place.THREADS:
                self._run_on_threads(executor, max_running)
            else:
                self._run_remotely(executor, max_running)
        elif max_workers is None or max_workers == 1:
            self._run_inline()
        else:
            self._run_on_threads(None, max_workers)

    def _run_inline(self) -> None:
        recorder = self._recorder
        attempter = recorder.results.attempter = Attempter(self._settings, recorder.cleanups.push)
        self._execute(InlineWorkers(recorder, self._plan.jobs, attempter))

    def _run_on_threads(self, executor: Any, max_running: float) -> None:
        """Run the Jobs on threads. Threads share one current directory, so it is not restored before each phase."""
        recorder = self._recorder
        pool = recorder.results.attempter = AttempterPool(self._settings._replace(restore_directory=lambda: None))

        def attempt(index: int) -> AttemptResult:
            return pool(self._plan.jobs[index], recorder.is_listening)

        threads: OwnThreads | ExecutorThreads
        if executor is None:
            threads = OwnThreads(recorder, max_running, attempt)
        else:
            threads = ExecutorThreads(recorder, max_running, attempt, executor)
        try:
            self._execute(threads)
        finally:
            threads.close()

    def _run_remotely(self, executor: Any, max_running: float) -> None:
        """Run copies of the Jobs in other processes."""
        from .._workers.futures import FutureWorkers
        from .._workers.remote.client import RemoteClient

        has_directory = place_of(executor) is not Place.INTERPRETERS
        client = RemoteClient(self._plan, self._settings, self._recorder.is_listening, has_directory)
        self._execute(FutureWorkers(self._recorder, max_running, client, executor))

    def _execute(self, workers: Workers) -> None:
        execute(self._recorder.schedule, workers, self._clock, self._recorder.waiting)
