"""What must happen when things go wrong, predicted from DESIGN's rules alone: it knows nothing of the engine.

All that happens goes into one log, as (place, Job, number of the try): a hook that is called, an event that a listener
is told, a sleep. A fault is of a kind and strikes at a position in that log.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from dojobber import DummyJob, Job, RunonlyJob, State

RUNONLY_TEXT = 'Runonly node check intentionally fails first time.'


class Spec(NamedTuple):
    """How one Job behaves when nothing strikes."""

    name: str
    deps: tuple = ()
    passes_at: float = 1
    """The first try that can pass."""
    needs_run: bool = False
    """It passes only after its Run."""
    base: type = Job
    has_run: bool = True
    tries: int = 2
    delay: float = 0

    def own_error(self, number, ran):
        """What its Check says in that try, or a RunonlyJob's Run."""
        done = number >= self.passes_at and (ran or not self.needs_run)
        return None if done else f'{self.name} is not done in try {number}'


class Fault(NamedTuple):
    """A way for things to go wrong."""

    strike: Callable[[str], object]
    """Called with the path of the directory that the run was started in."""
    error: type | None
    """What it raises; None if it removes the directory."""

    @property
    def interrupts(self):
        return self.error is not None and not issubclass(self.error, (Exception, SystemExit))


class Interrupted(Exception):  # noqa: N818 - it is none of the errors under test
    """The model's run ends here, because of the fault at that position."""

    def __init__(self, position):
        super().__init__(position)
        self.position = position


class Model:
    """DESIGN's sections 3 to 6 and 13, for Jobs that take no time.

    An error is told by the position of the fault that raised it, or by what it says, or by its class.
    """

    def __init__(self, specs, faults, listening=True, no_act=False, cleanup=True):
        self.specs = {spec.name: spec for spec in specs}
        self.root = specs[-1].name
        self.faults = faults
        self.listening = listening
        self.no_act = no_act
        self.cleanup = cleanup
        self.log: list[tuple[Any, ...]] = []
        self.owed: list[tuple[Spec, int]] = []
        self.home_is_there = True
        self.now = 0.0
        self.tries: dict[str, int] = {}
        self.states: dict[str, State] = {}
        self.errors: dict[str, Any] = {}
        self.results: dict[str, Any] = {}
        self.ending: list[Any] = []
        """The errors that the caller is to get, in the order in which they were raised."""

    def run(self):
        try:
            self._tell('run started')
            self._walk()
        except Interrupted as interrupt:
            self.ending.append(interrupt.position)
        if self.cleanup:
            self.clean_up()
        self._tell_whatever_happens('run finished')
        return self

    def clean_up(self):
        """Section 6: each once, last started first, whatever they raise."""
        while self.owed:
            spec, number = self.owed.pop()
            self._tell_whatever_happens('cleanup started', spec.name)
            error = self._hook('cleanup', spec, number)
            if error is not None:
                self.ending.append(error)
            self._tell_whatever_happens('cleanup', spec.name)

    def raised(self):
        """Section 6: the error to be raised, and those in its context. An interrupt wins."""
        interrupts = [error for error in self.ending if self._interrupts(error)]
        return (interrupts or self.ending or [None])[-1]

    def all_states(self):
        """Section 13: also of those that were never tried."""
        states = {}
        for name in self.plan():
            held = [states[dep] for dep in self.specs[name].deps]
            blocked = {State.FAILED, State.WOULD_RUN, State.BLOCKED}.intersection(held)
            states[name] = self.states.get(name) or (State.BLOCKED if blocked else State.NOT_RUN)
        return states

    def plan(self):
        """Section 4: depth first, each after its needs, following DEPS."""
        order = []

        def visit(name):
            if name not in order:
                for dep in self.specs[name].deps:
                    visit(dep)
                order.append(name)

        visit(self.root)
        return order

    def _walk(self):
        """Section 4: of the Jobs that are ready and due the smallest (round, index), else sleep."""
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
                self._tell('waiting', plan[index], self.tries[plan[index]] + 1)
                struck = self._reach('sleep')
                if struck is not None:
                    raise Interrupted(struck)
                self.now = until
                continue
            round_, index = min((round_, index) for round_, index in ready if due[plan[index]] <= self.now)
            name = plan[index]
            due[name] = self.now + self.specs[name].delay
            (passed_in if self._try(self.specs[name]) else failed_in)[name] = round_

    def _try(self, spec):
        """Section 5: an interrupt in a phase, or in a listener meanwhile, ends the run and fails the Job."""
        number = self.tries[spec.name] = self.tries.get(spec.name, 0) + 1
        try:
            self._tell('attempt started', spec.name, number)
            self.states[spec.name], error = self._attempt(spec, number)
        except Interrupted as interrupt:
            self.states[spec.name], error = State.FAILED, interrupt.position
        if error is None:
            self.errors.pop(spec.name, None)
            self.results[spec.name] = None if spec.base is DummyJob else number
        else:
            self.errors[spec.name] = error
        self._tell('attempt finished', spec.name, number)
        if self._interrupts(error):
            raise Interrupted(error)
        return error is None

    def _attempt(self, spec, number):
        """Sections 3 and 5: check, run, recheck."""
        error = self._hook('init', spec, number)
        was_made = error is None
        if was_made and spec.base is RunonlyJob:
            error = RUNONLY_TEXT
        elif was_made and spec.base is Job:
            error = self._hook('check', spec, number, spec.own_error(number, False))
        self._tell('check', spec.name, number)
        if error is None:
            return State.OK, None
        if not was_made or self._interrupts(error):
            return State.FAILED, error
        if self.no_act:
            return State.WOULD_RUN if spec.has_run else State.FAILED, error
        ran = False
        if spec.has_run:
            if self.home_is_there:
                self.owed.append((spec, number))
            error = self._hook('run', spec, number, spec.own_error(number, True) if spec.base is RunonlyJob else None)
            ran = error is None
        self._tell('run', spec.name, number)
        if self._interrupts(error):
            return State.FAILED, error
        if spec.base is not RunonlyJob:
            error = self._hook('recheck', spec, number, spec.own_error(number, ran))
        elif not self.home_is_there:
            error = FileNotFoundError
        self._tell('recheck', spec.name, number)
        return State.CHANGED if error is None else State.FAILED, error

    def _hook(self, place, spec, number, own_error=None):
        if not self.home_is_there:
            return FileNotFoundError
        struck = self._reach(place, spec.name, number)
        return own_error if struck is None else struck

    def _tell(self, kind, name=None, number=None):
        """Section 13: a listener that raises is dropped, but an interrupt from it is one."""
        struck = self._reach(f'told {kind}', name, number) if self.listening else None
        if struck is not None and self._interrupts(struck):
            raise Interrupted(struck)
        self.listening = self.listening and struck is None

    def _tell_whatever_happens(self, kind, name=None):
        try:
            self._tell(kind, name)
        except Interrupted as interrupt:
            self.ending.append(interrupt.position)

    def _reach(self, place, name=None, number=None):
        """Return the fault that strikes there, as its position."""
        position = len(self.log)
        self.log.append((place, name, number))
        kind = self.faults.get(position)
        if kind is not None and kind.error is None:
            self.home_is_there = False
        return position if kind is not None and kind.error is not None else None

    def _interrupts(self, error):
        return isinstance(error, int) and self.faults[error].interrupts
