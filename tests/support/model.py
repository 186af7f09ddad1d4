"""A second, independent statement of DESIGN's rules: it predicts a run without knowing the engine.

Everything that happens goes into one log as (place, Job, attempt): a call of a hook, an event sent to a listener, a
sleep. A fault is injected at a position in that log.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from dojobber import DummyJob, GiveUp, Job, RunonlyJob, Skip, State


class Raised(NamedTuple):
    """An error that a Job raises by itself."""

    kind: type
    text: str


RUNONLY_ERROR = Raised(RuntimeError, 'Runonly node check intentionally fails first time.')


class Quit(NamedTuple):
    """A way of a Job to give up or to skip itself."""

    kind: type
    """GiveUp or Skip."""
    place: str
    """Where it raises that: ``'init'``, ``'check'``, ``'run'`` or ``'recheck'``."""
    since: int = 1
    """The first attempt in which it does so."""


class Spec(NamedTuple):
    """How one Job behaves as long as no fault is injected."""

    name: str
    deps: tuple = ()
    passes_at: float = 1
    """The first attempt that can pass."""
    needs_run: bool = False
    """It passes only after its Run."""
    base: type = Job
    has_run: bool = True
    tries: int = 2
    delay: Any = 0
    """Seconds from attempt to attempt, or a tuple with the delays after the first attempt, the second, and so on."""
    takes: float = 0
    """Seconds that each attempt takes."""
    quits: tuple = ()
    """Each Quit of it; the first that applies counts."""
    locks: tuple = ()

    @property
    def passing_attempt(self):
        """The number of the attempt that passes, or infinity."""
        if self.base is DummyJob:
            return 1
        never = self.base is Job and self.needs_run and not self.has_run
        return float('inf') if never or self.passes_at > self.tries else self.passes_at

    def own_error(self, number, ran):
        """Return the error of its Check, or of a RunonlyJob's Run, in attempt ``number``; None if it passes."""
        done = number >= self.passes_at and (ran or not self.needs_run)
        return None if done else Raised(LookupError, f'{self.name} is not done in attempt {number}')

    def quit_at(self, place, number):
        """Return the error with which it gives up or skips itself at this place of attempt ``number``, or None."""
        for kind, where, since in self.quits:
            if where == place and number >= since:
                return Raised(kind, f'{self.name} quits in {place} of attempt {number}')
        return None

    def delay_after(self, number):
        """Return the seconds from the start of attempt ``number`` to the start of the next one."""
        delays = self.delay if isinstance(self.delay, tuple) else (self.delay,)
        return (delays + delays[-1:] * number)[number - 1]


class Fault(NamedTuple):
    """A way for things to go wrong."""

    inject: Callable[[str], object]
    """Called with the path of the directory that the run was started in."""
    error: type | None
    """The class of what it raises; None if it removes the directory instead."""

    @property
    def interrupts(self):
        return self.error is not None and not issubclass(self.error, (Exception, SystemExit))


class Interrupted(Exception):  # noqa: N818 - it is not one of the errors under test
    """The fault at ``position`` ends the model's run."""

    def __init__(self, position):
        super().__init__(position)
        self.position = position


class Model:
    """DESIGN's sections 3 to 6 and 13, for Jobs that take the time that their Spec says.

    An error is represented by the position of the fault that raised it, by a Raised or by its class. The options are
    those of ``configure()``; ``skip`` holds names.
    """

    def __init__(
        self,
        specs,
        faults=None,
        listening=True,
        no_act=False,
        cleanup=True,
        *,
        assume_changes=False,
        fail_fast=False,
        skip=(),
    ):
        self.specs = {spec.name: spec for spec in specs}
        self.root = specs[-1].name
        self.faults = faults or {}
        self.listening = listening
        self.no_act = no_act
        self.cleanup = cleanup
        self.assume_changes = assume_changes
        self.fail_fast = fail_fast
        self.skip = frozenset(skip)
        self.log: list[tuple[Any, ...]] = []
        self.pending: list[tuple[Spec, int]] = []
        """The stack of pending Cleanups, as (spec, attempt)."""
        self.home_exists = True
        self.now = 0.0
        self.starts: list[tuple[str, float]] = []
        """Each instance that was made, as (Job, time)."""
        self.tries: dict[str, int] = {}
        self.states: dict[str, State] = dict.fromkeys(self.skip, State.SKIPPED)
        self.errors: dict[str, Any] = {}
        """The error of the last attempt, also of a Job that skipped itself."""
        self.run_errors: dict[str, Any] = {}
        """The error of the last attempt's Run, whatever came after it."""
        self.results: dict[str, Any] = dict.fromkeys(self.skip)
        self.failed_for_good: set[str] = set()
        """The Jobs whose last attempt has failed."""
        self.run_succeeded = False
        self.ending: list[Any] = []
        """The errors that the caller must receive, in the order in which they are raised."""

    def run(self):
        try:
            self._notify('run started')
            self._run_graph()
            self.run_succeeded = all(state.passed for state in self.all_states().values())
        except Interrupted as interrupt:
            self.ending.append(interrupt.position)
        if self.cleanup:
            self.clean_up()
        self._notify_and_go_on('run finished')
        return self

    def clean_up(self):
        """Section 6: call each pending Cleanup once, in reverse order, whatever the others raise."""
        while self.pending:
            spec, number = self.pending.pop()
            self._notify_and_go_on('cleanup started', spec.name)
            error = self._hook('cleanup', spec, number)
            if error is not None:
                self.ending.append(error)
            self._notify_and_go_on('cleanup', spec.name)

    def raised(self):
        """Section 6: the error that is raised, with the others in its context. An interrupt wins."""
        interrupts = [error for error in self.ending if self._interrupts(error)]
        return (interrupts or self.ending or [None])[-1]

    def all_states(self):
        """Section 13: the states of all Jobs, including those that were never attempted."""
        states = {}
        for name in self.plan():
            states[name] = self.states.get(name) or (State.BLOCKED if self._blockers(name, states) else State.NOT_RUN)
        return states

    def blocked_by(self, name):
        """Section 13: what kept a Job from being attempted, or what would run before it."""
        if name in self.tries:
            assumes = self.assume_changes and self.states[name] in (State.WOULD_RUN, State.BLOCKED)
            return self._assumed(name) if assumes else ()
        return () if name in self.skip else self._blockers(name, self.all_states())

    def plan(self):
        """Section 4: depth first along DEPS, each Job after its dependencies."""
        order = []

        def visit(name):
            if name not in order:
                for dep in self.specs[name].deps:
                    visit(dep)
                order.append(name)

        visit(self.root)
        return order

    def _blockers(self, name, states):
        """Return the direct dependencies that a Job cannot get past; in a dry run it gets past what it may assume."""
        return tuple(
            dep
            for dep in self.specs[name].deps
            if states[dep] is State.FAILED
            or (states[dep] in (State.WOULD_RUN, State.BLOCKED) and not (self.assume_changes and dep in self.tries))
        )

    def _assumed(self, name):
        """Section 13: return the direct dependencies that a dry run assumes to pass, or else those that rest on such.

        A Job of ``skip`` is done, whatever its dependencies do.
        """
        deps = self.specs[name].deps
        assumed = [dep for dep in deps if self.states[dep] in (State.WOULD_RUN, State.BLOCKED)]
        return tuple(assumed or [dep for dep in deps if dep not in self.skip and self._assumed(dep)])

    def _run_graph(self):
        """Section 4: attempt the Job with the smallest (round, index) of those ready and due, or sleep."""
        plan = self.plan()
        passed_in, failed_in, due = dict.fromkeys(self.skip, 1), {}, dict.fromkeys(plan, 0.0)
        while not (self.fail_fast and self.failed_for_good):
            ready = []
            for index, name in enumerate(plan):
                spec = self.specs[name]
                if name in passed_in or self._has_no_attempt_left(name) or not passed_in.keys() >= set(spec.deps):
                    continue
                unblocked_in = max([passed_in[dep] for dep in spec.deps], default=1)
                ready.append((failed_in[name] + 1 if name in failed_in else unblocked_in, index))
            if not ready:
                return
            if not any(due[plan[index]] <= self.now for _, index in ready):
                until, _, index = min((due[plan[index]], round_, index) for round_, index in ready)
                self._notify('waiting', plan[index], self.tries[plan[index]] + 1)
                fault = self._reach('sleep')
                if fault is not None:
                    raise Interrupted(fault)
                self.now = until
                continue
            round_, index = min((round_, index) for round_, index in ready if due[plan[index]] <= self.now)
            name = plan[index]
            spec = self.specs[name]
            due[name] = self.now + spec.delay_after(self.tries.get(name, 0) + 1)
            (passed_in if self._unblocks(spec) else failed_in)[name] = round_

    def _has_no_attempt_left(self, name):
        """Sections 4 and 5: a Job that gave up has none left, whatever its TRIES."""
        most = 1 if self.no_act else self.specs[name].tries
        return self.tries.get(name, 0) >= most or is_kind(self.errors.get(name), GiveUp)

    def _unblocks(self, spec):
        """Attempt a Job, and return whether its dependents may be attempted.

        Section 5: an interrupt in a phase, or in a listener during an attempt, ends the run and fails the Job.
        """
        name = spec.name
        number = self.tries[name] = self.tries.get(name, 0) + 1
        self.run_errors[name] = None
        try:
            self._notify('attempt started', name, number)
            state, error = self._attempt(spec, number)
        except Interrupted as interrupt:
            state, error = State.FAILED, interrupt.position
            self.run_errors[name] = None
        if state is State.FAILED and not (self._interrupts(error) or is_kind(error, GiveUp)):
            state = State.BLOCKED if self.assume_changes and self._assumed(name) else state
        self.states[name] = state
        self.errors[name] = error
        if state.passed:
            self.results[name] = number if error is None and spec.base is not DummyJob else None
        if state is State.FAILED and self._has_no_attempt_left(name):
            self.failed_for_good.add(name)
        self._notify('attempt finished', name, number)
        if self._interrupts(error):
            raise Interrupted(error)
        return state.passed or (self.assume_changes and state in (State.WOULD_RUN, State.BLOCKED))

    def _attempt(self, spec, number):
        """Sections 3 and 5: check, run, recheck."""
        if self.home_exists:
            self.starts.append((spec.name, self.now))
            self.now += spec.takes
        error = self._hook('init', spec, number)
        was_instantiated = error is None
        if was_instantiated and spec.base is RunonlyJob:
            error = RUNONLY_ERROR
        elif was_instantiated and spec.base is Job:
            error = self._hook('check', spec, number, spec.own_error(number, False))
        self._notify('check', spec.name, number)
        if error is None:
            return State.OK, None
        if not was_instantiated or self._ends_attempt(error):
            return self._state_after(error), error
        if self.no_act:
            return State.WOULD_RUN if spec.has_run else State.FAILED, error
        ran = False
        if spec.has_run:
            is_called = self.home_exists
            if is_called:
                self.pending.append((spec, number))
            error = self._hook('run', spec, number, spec.own_error(number, True) if spec.base is RunonlyJob else None)
            self.run_errors[spec.name] = error if is_called else None
            ran = error is None
        self._notify('run', spec.name, number)
        if self._ends_attempt(error):
            return self._state_after(error), error
        if spec.base is not RunonlyJob:
            error = self._hook('recheck', spec, number, spec.own_error(number, ran))
        elif not self.home_exists:
            error = FileNotFoundError
        self._notify('recheck', spec.name, number)
        return State.CHANGED if error is None else self._state_after(error), error

    def _ends_attempt(self, error):
        return self._interrupts(error) or is_kind(error, (GiveUp, Skip))

    def _state_after(self, error):
        return State.SKIPPED if is_kind(error, Skip) else State.FAILED

    def _hook(self, place, spec, number, own_error=None):
        if not self.home_exists:
            return FileNotFoundError
        fault = self._reach(place, spec.name, number)
        return fault if fault is not None else spec.quit_at(place, number) or own_error

    def _notify(self, kind, name=None, number=None):
        """Section 13: drop a listener that raises, but let an interrupt in it end the run."""
        fault = self._reach(f'event {kind}', name, number) if self.listening else None
        if fault is not None and self._interrupts(fault):
            raise Interrupted(fault)
        self.listening = self.listening and fault is None

    def _notify_and_go_on(self, kind, name=None):
        try:
            self._notify(kind, name)
        except Interrupted as interrupt:
            self.ending.append(interrupt.position)

    def _reach(self, place, name=None, number=None):
        """Log this place, and return its position if the fault there raises."""
        position = len(self.log)
        self.log.append((place, name, number))
        fault = self.faults.get(position)
        if fault is not None and fault.error is None:
            self.home_exists = False
        return position if fault is not None and fault.error is not None else None

    def _interrupts(self, error):
        return isinstance(error, int) and self.faults[error].interrupts


def is_kind(error, kinds):
    """Tell whether a Job raised ``error`` by itself and it is of one of these classes."""
    return isinstance(error, Raised) and issubclass(error.kind, kinds)
