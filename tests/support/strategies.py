"""Random graphs, for rules that speak of all graphs."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from dojobber import DummyJob, Job, RunonlyJob

from .factories import scripted


class Spec(NamedTuple):
    """How one Job of a random graph behaves."""

    name: str
    base: type
    deps: list
    passes_at: int
    runs: bool
    tries: int
    delay: float
    takes: float
    """Seconds that each of its tries takes."""

    @property
    def first_pass(self):
        """The try that passes, or infinity."""
        if self.base is DummyJob:
            return 1
        return self.passes_at if self.passes_at <= self.tries else float('inf')


NO_DELAYS = st.just(0)


@st.composite
def graphs(draw, delays=NO_DELAYS, most=8):
    """Specs in an order in which each comes after its needs; the last one is the root of all."""
    count = draw(st.integers(1, most))
    specs = []
    for number in range(count):
        deps = draw(st.permutations([spec.name for spec in specs]))
        deps = deps[: draw(st.integers(0, len(deps)))]
        if number == count - 1:
            needed = {dep for spec in specs for dep in spec.deps}
            deps += [spec.name for spec in specs if spec.name not in needed and spec.name not in deps]
        base = draw(st.sampled_from([Job, Job, Job, RunonlyJob, DummyJob]))
        specs.append(
            Spec(
                f'J{number}',
                base,
                deps,
                draw(st.integers(1, 4)),
                base is RunonlyJob or draw(st.booleans()),
                draw(st.integers(1, 3)),
                draw(delays),
                draw(delays),
            )
        )
    return specs


def build_graph(specs, log, clock=None):
    """Return the root class of ``specs``; its Jobs log what they do and let the clock run."""
    classes = {}
    for spec in specs:
        made = scripted(
            spec.name,
            [classes[dep] for dep in spec.deps],
            log,
            spec.passes_at,
            spec.runs,
            spec.base,
            TRIES=spec.tries,
            RETRY_DELAY=spec.delay,
        )

        def init(self, spec=spec):
            log.append((spec.name, 'try', clock.now if clock else 0))
            if clock:
                clock.now += spec.takes

        made.__init__ = init
        classes[spec.name] = made
    return classes[specs[-1].name]
