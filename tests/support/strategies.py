"""Random graphs of Jobs, for rules that hold for every graph."""

from __future__ import annotations

from hypothesis import strategies as st

from dojobber import DummyJob, GiveUp, Job, RunonlyJob, Skip

from .factories import scripted
from .model import Quit, Spec

NO_DELAYS = st.just(0)
ALWAYS = st.just(True)
NOTHING = st.just(())

SOMETIMES_NO_RUN = st.sampled_from([True, True, False])
UP_TO_4 = st.integers(1, 4)
MOSTLY_EARLY = st.sampled_from([1, 1, 2, 2, 3, 9])
QUIT = st.builds(
    Quit,
    st.sampled_from([Skip, GiveUp]),
    st.sampled_from(['recheck', 'run', 'recheck', 'run', 'check', 'init']),
    st.sampled_from([2, 1, 3]),
)
QUITS = st.one_of(NOTHING, NOTHING, st.lists(QUIT, min_size=1, max_size=2).map(tuple))
SECONDS = st.sampled_from([0, 0, 1, 5])
DELAY_SEQUENCES = st.one_of(SECONDS, st.lists(SECONDS, min_size=1, max_size=3).map(tuple))
LOCKS = st.lists(st.sampled_from(['apt', 'disk', 'port']), unique=True).map(tuple)


@st.composite
def graphs(draw, delays=NO_DELAYS, most=8, has_run=ALWAYS, takes=None, quits=NOTHING, locks=NOTHING, passes_at=UP_TO_4):
    """Draw specs in an order in which each follows its dependencies; the last one is the root of all.

    Args:
        delays: Draws ``delay`` of each Job, in seconds.
        most: The largest number of Jobs.
        has_run: Draws whether a Job with a Check has a Run, too.
        takes: Draws ``takes`` of each Job, in seconds (default: as ``delays``).
        quits: Draws how each Job gives up or skips itself.
        locks: Draws the locks of each Job.
        passes_at: Draws the first attempt of each Job that can pass.
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
                passes_at=draw(passes_at),
                needs_run=base is RunonlyJob or draw(st.booleans()),
                base=base,
                has_run=base is RunonlyJob or (base is Job and draw(has_run)),
                tries=draw(st.integers(1, 3)),
                delay=draw(delays),
                takes=draw(delays if takes is None else takes),
                quits=draw(quits),
                locks=draw(locks),
            )
        )
    return specs


@st.composite
def configured_graphs(draw, **strategies):
    """Draw specs, and options of ``configure()`` that the model knows.

    Args:
        strategies: As for :func:`graphs`, instead of those that draw every feature.
    """
    every_feature = {
        'delays': DELAY_SEQUENCES,
        'has_run': SOMETIMES_NO_RUN,
        'takes': SECONDS,
        'quits': QUITS,
        'locks': LOCKS,
        'passes_at': MOSTLY_EARLY,
    }
    specs = draw(graphs(**{**every_feature, **strategies}))
    no_act = draw(st.sampled_from([False, False, True]))
    skip = st.lists(st.sampled_from([spec.name for spec in specs]), unique=True, max_size=2)
    return specs, {
        'no_act': no_act,
        'assume_changes': no_act and draw(st.sampled_from([True, True, False])),
        'fail_fast': draw(st.booleans()),
        'skip': tuple(draw(st.one_of(NOTHING, skip))),
    }


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
