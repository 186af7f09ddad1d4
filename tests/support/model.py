"""A second, independent statement of DESIGN's rules: it predicts a run without knowing the engine.

Everything that happens goes into one log as (place, Job, attempt): a call of a hook, an event sent to a listener, a
sleep. A fault is injected at a position in that log.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from dojobber import DummyJob, Job, RunonlyJob, State

RUNONLY_TEXT = 'Runonly node check intentionally fails first time.'


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
    delay: float = 0
    takes: float = 0
    """Seconds that each attempt takes; the Model ignores it."""

    @property
    def passing_attempt(self):
        """The number of the attempt that passes, or infinity."""
        if self.base is DummyJob:
            return 1
        never = self.base is Job and self.needs_run and not self.has_run
        return float('inf') if never or self.passes_at > self.tries else self.passes_at

    def own_error(self, number, ran):
        """Return the error message of its Check, or of a RunonlyJob's Run, in attempt ``number``; None if it passes."""
        done = number >= self.passes_at and (ran or not self.needs_run)
        return None if done else f'{self.name} is not done in attempt {number}'


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
    """DESIGN's sections 3 to 6 and 13, for Jobs that take no time.

    An error is represented by the position of the fault that raised it, by its message or by its class.
    """

    def __init__(self, specs, faults, listening=True, no_act=False, cleanup=True):
        self.specs = {spec.name: spec for spec in specs}
        self.root = specs[-1].name
        self.faults = faults
        self.listening = listening
        self.no_act = no_act
        self.cleanup = cleanup
        self.log: list[tuple[Any, ...]] = []
        self.pending: list[tuple[Spec, int]] = []
        """The stack of pending Cleanups, as (spec, attempt)."""
        self.home_exists = True
        self.now = 0.0
        self.tries: dict[str, int] = {}
        self.states: dict[str, State] = {}
        self.errors: dict[str, Any] = {}
        self.results: dict[str, Any] = {}
        self.ending: list[Any] = []
        """The errors that the caller must receive, in the order in which they are raised."""

    def run(self):
        try:
            self._notify('run started')
            self._run_graph()
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
            of_dependencies = [states[dep] for dep in self.specs[name].deps]
            blocking = {State.FAILED, State.WOULD_RUN, State.BLOCKED}.intersection(of_dependencies)
            states[name] = self.states.get(name) or (State.BLOCKED if blocking else State.NOT_RUN)
        return states

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

    def _run_graph(self):
        """Section 4: attempt the Job with the smallest (round, index) of those ready and due, or sleep."""
        plan = self.plan()
        passed_in, failed_in, due = {}, {}, dict.fromkeys(plan, 0.0)
        while True:
            ready = []
            for index, name in enumerate(plan):
                spec = self.specs[name]
                most = 1 if self.no_act else spec.tries
                if name in passed_in or self.tries.get(name, 0) >= most or not passed_in.keys() >= set(spec.deps):
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
            due[name] = self.now + self.specs[name].delay
            (passed_in if self._passes(self.specs[name]) else failed_in)[name] = round_

    def _passes(self, spec):
        """Section 5: an interrupt in a phase, or in a listener during an attempt, ends the run and fails the Job."""
        number = self.tries[spec.name] = self.tries.get(spec.name, 0) + 1
        try:
            self._notify('attempt started', spec.name, number)
            self.states[spec.name], error = self._attempt(spec, number)
        except Interrupted as interrupt:
            self.states[spec.name], error = State.FAILED, interrupt.position
        if error is None:
            self.errors.pop(spec.name, None)
            self.results[spec.name] = None if spec.base is DummyJob else number
        else:
            self.errors[spec.name] = error
        self._notify('attempt finished', spec.name, number)
        if self._interrupts(error):
            raise Interrupted(error)
        return error is None

    def _attempt(self, spec, number):
        """Sections 3 and 5: check, run, recheck."""
        error = self._hook('init', spec, number)
        was_instantiated = error is None
        if was_instantiated and spec.base is RunonlyJob:
            error = RUNONLY_TEXT
        elif was_instantiated and spec.base is Job:
            error = self._hook('check', spec, number, spec.own_error(number, False))
        self._notify('check', spec.name, number)
        if error is None:
            return State.OK, None
        if not was_instantiated or self._interrupts(error):
            return State.FAILED, error
        if self.no_act:
            return State.WOULD_RUN if spec.has_run else State.FAILED, error
        ran = False
        if spec.has_run:
            if self.home_exists:
                self.pending.append((spec, number))
            error = self._hook('run', spec, number, spec.own_error(number, True) if spec.base is RunonlyJob else None)
            ran = error is None
        self._notify('run', spec.name, number)
        if self._interrupts(error):
            return State.FAILED, error
        if spec.base is not RunonlyJob:
            error = self._hook('recheck', spec, number, spec.own_error(number, ran))
        elif not self.home_exists:
            error = FileNotFoundError
        self._notify('recheck', spec.name, number)
        return State.CHANGED if error is None else State.FAILED, error

    def _hook(self, place, spec, number, own_error=None):
        if not self.home_exists:
            return FileNotFoundError
        fault = self._reach(place, spec.name, number)
        return own_error if fault is None else fault

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
