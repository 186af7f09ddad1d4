"""Random graphs of Jobs, for rules that hold for every graph."""

from __future__ import annotations

from hypothesis import strategies as st

from dojobber import DummyJob, Job, RunonlyJob

from .factories import scripted
from .model import Spec

NO_DELAYS = st.just(0)
ALWAYS = st.just(True)


@st.composite
def graphs(draw, delays=NO_DELAYS, most=8, has_run=ALWAYS):
    """Draw specs in an order in which each follows its dependencies; the last one is the root of all.

    Args:
        delays: Draws ``delay`` and ``takes`` of each Job, in seconds.
        most: The largest number of Jobs.
        has_run: Draws whether a Job with a Check has a Run, too.
    """
    count = draw(st.integers(1, most))
    specs = []
    for number in range(count):
        deps = draw(st.permutations([spec.name for spec in specs]))
        deps = deps[: draw(st.integers(0, len(deps)))]
        if number == count - 1:
            depended_on = {dep for spec in specs for dep in spec.deps}
            deps += [spec.name for spec in specs if spec.name not in depended_on and spec.name not in deps]
        base = draw(st.sampled_from([Job, Job, Job, RunonlyJob, DummyJob]))
        specs.append(
            Spec(
                f'J{number}',
                tuple(deps),
                passes_at=draw(st.integers(1, 4)),
                needs_run=base is RunonlyJob or draw(st.booleans()),
                base=base,
                has_run=base is RunonlyJob or (base is Job and draw(has_run)),
                tries=draw(st.integers(1, 3)),
                delay=draw(delays),
                takes=draw(delays),
            )
        )
    return specs


def build_graph(specs, log, clock=None):
    """Return the root class of ``specs``; its Jobs log what they do and advance the clock."""
    classes = {}
    for spec in specs:
        job_class = scripted(
            spec.name,
            [classes[dep] for dep in spec.deps],
            log,
            spec.passes_at,
            spec.needs_run,
            spec.base,
            TRIES=spec.tries,
            RETRY_DELAY=spec.delay,
        )

        def init(self, spec=spec):
            log.append((spec.name, 'attempt', clock.now if clock else 0))
            if clock:
                clock.now += spec.takes

        job_class.__init__ = init
        classes[spec.name] = job_class
    return classes[specs[-1].name]
