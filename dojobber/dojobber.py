"""The engine: configure a graph of Jobs, work it, remember what became of each."""

from __future__ import annotations

import logging
import reprlib
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from ._attempt import clock
from ._attempt.attempt import AttemptSettings
from ._attempt.claim import Claim
from ._attempt.cleanup import CleanupStack
from ._attempt.directory import current_directory, directory_restorer, enter_directory
from ._attempt.error_chain import capture_error, chain_errors, get_context, set_context
from ._plan.plan import Plan, make_plan, under
from ._run.listeners import Listeners, log_event
from ._run.recorder import Recorder
from ._run.results import Results
from ._run.runner import Walk, check_workers, schedule_of
from .errors import DoJobberError, NotConfiguredError, PlanError
from .events import Event, EventKind, Listener
from .job import DummyJob, Job, RunonlyJob, kind_of
from .log import log_critical, logger, show_developer_log
from .outcome import Outcome, State
from .text import error_text
from .verbose import Console

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ._draw import JobGraph, Node

__all__ = ['DoJobber', 'DummyJob', 'Job', 'RunonlyJob']


class DoJobber:
    """Works a graph of Jobs from the leaves up to its root.

    ``configure()`` it with the root Job, ``set_args()`` if the Jobs take any, ``checknrun()``, and ask what happened.
    ``success()``, ``partial_success()`` and ``failure()`` say it in a word, and ``outcomes`` in full; ``nodestatus``,
    ``noderesults`` and ``nodeexceptions`` say a part of it each, and ``write_graph()``, ``display_graph()`` and a
    notebook show it. All of them speak of the last ``checknrun()``, also while it is at work. With the Jobs of the
    package's own example::

        engine = DoJobber()
        engine.configure(WriteGreeting, verbose=True, max_workers=8)
        engine.set_args(folder='greetings')
        engine.checknrun()
        if not engine.success():
            print(engine.nodeexceptions)
        engine.write_graph('greetings.dot')

    Args:
        dojobber_loglevel: Print the developer log on stderr, from this level of the logging module on. None leaves the
            log, which belongs to the process, as it is.
        cleanup: Whether ``checknrun()`` calls the Cleanups where ``configure()`` does not say.

    Raises:
        TypeError, ValueError: ``dojobber_loglevel`` is no level of the logging module.
    """

    _clock: Any = staticmethod(clock.monotonic)
    _sleep: Any = staticmethod(clock.sleep)

    def __init__(self, dojobber_loglevel: int | str | None = None, cleanup: bool = True) -> None:
        if dojobber_loglevel is not None:
            show_developer_log(dojobber_loglevel)
        self._default_cleanup = cleanup
        self._args: tuple[Any, ...] = ()
        self._kwargs: dict[str, Any] = {}
        self._plan: Plan | None = None
        self._no_act = False
        self._cleanup = cleanup
        self._listeners = Listeners((), Console().cleanup)
        self._max_workers: int | None = None
        self._executor: Executor | None = None
        self._claim = Claim()
        """Held by checknrun()."""
        self._jobs_claim = Claim()
        """Held while Jobs run, as opposed to Cleanups."""
        self._results = Results({})
        """Of the last checknrun(); empty after configure()."""
        self._cleanups = CleanupStack()
        self._graph: tuple[Plan, JobGraph] | None = None  # what a script may have changed, and which plan it is of

    def configure(
        self,
        root: type[Job],
        no_act: bool = False,
        verbose: bool = False,
        debug: bool = False,
        cleanup: bool | None = None,
        default_tries: float = 3,
        default_retry_delay: float = 1,
        *,
        max_workers: int | None = None,
        executor: Executor | None = None,
        listeners: Iterable[Listener] = (),
    ) -> None:
        """Build the graph of everything that ``root`` needs, in place of the one before.

        If this raises, nothing has changed; otherwise what an earlier run left is forgotten, but for Cleanups owed.

        Args:
            no_act: Call Check only, once a Job. A Job that would run has failed, and what needs it is not checked.
            verbose: Print a line for each phase on stderr.
            debug: Print those, the traceback of each failed phase, and a line for each Cleanup.
            cleanup: Call the Cleanups at the end of ``checknrun()``; if false, ``cleanup()`` does. None leaves it to
                what ``DoJobber()`` was given.
            default_tries: Tries of a Job whose ``TRIES`` is None, at least 1; ``math.inf`` is one.
            default_retry_delay: Seconds from the start of one try to the start of the next, for a Job whose
                ``RETRY_DELAY`` is None. Other Jobs are tried meanwhile.
            max_workers: How many Jobs to try at once, on threads. None and 1: one by one, in the caller's thread.
            executor: Any of ``concurrent.futures``, by which to try Jobs instead: on the threads of a
                ``ThreadPoolExecutor``; with any other as copies in other processes and on other machines, for which
                they travel by cloudpickle. It is not shut down. ``max_workers`` caps what it has at once.
            listeners: Called with each ``Event``, in the thread of ``checknrun()`` or
                ``cleanup()``. One that raises is logged and dropped.

        Raises:
            CycleError: Jobs depend on each other in a cycle.
            DepsError: The root, or something in a ``DEPS``, is no Job class.
            PlanError: Anything else that cannot work: a Job without Check, two Jobs of one name, a bad number, an
                executor that cloudpickle is missing for; or ``checknrun()`` is at work.
        """
        if self._claim.is_held:
            raise PlanError('configure() cannot replace the graph that checknrun() is running', root)
        plan = make_plan(root, default_tries, default_retry_delay)
        told: list[Listener] = [Console(debug)] if verbose or debug else []
        if logger.isEnabledFor(logging.DEBUG):
            told.append(log_event)
        told += _checked_listeners(listeners)
        max_workers = check_workers(max_workers, executor)
        self._plan = plan
        self._no_act = no_act
        self._cleanup = self._default_cleanup if cleanup is None else cleanup
        self._listeners = Listeners(told, None if verbose or debug else Console().cleanup)
        self._max_workers, self._executor = max_workers, executor
        self._results = Results({})

    def set_args(self, /, *args: Any, **kwargs: Any) -> None:
        """Set what every Check and Run is called with, in place of what was set before. ``configure()`` keeps it."""
        self._args, self._kwargs = args, kwargs

    def checknrun(self, node: type[Job] | str | None = None) -> None:
        """Try every Job whose needs are met, up to the root, and call the Cleanups owed. It starts afresh each time.

        The current directory is put back at the end, and where Jobs are tried one by one before each phase too.

        Args:
            node: Work only what this Job, given as class or name, needs, and itself.

        Raises:
            NotConfiguredError: ``configure()`` was not called.
            UnknownJobError: ``node`` is not in the graph.
            DoJobberError: It is at work already, as when a Job or a listener calls it.
            RemoteError: The arguments of ``set_args()`` cannot travel to the processes of the executor.
            BaseException: After the Cleanups: an interrupt, what a Cleanup raised, or that the executor does not work
                any more. A Job that fails raises nothing here.
        """
        plan = self._configured('checknrun()')
        me = sys._getframe()
        try:
            if self._claim.take(me) is not me:
                raise DoJobberError(
                    'checknrun() is already running; a Job that needs an engine must create its own', node
                )
            if node is not None:
                plan = under(plan, node)
            self._run(plan)
        finally:
            self._claim.release(me)

    def cleanup(self) -> None:
        """Call the pending Cleanups, last started first. Needed only with ``cleanup=False``.

        If another thread is calling them, wait until it has finished.

        Raises:
            DoJobberError: Jobs are running: which of them have ended is not known yet.
            BaseException: What a Cleanup raised, when all are done: the last such error, or an interrupt before any
                other, with the rest as its context.
        """
        if self._jobs_claim.is_held:
            raise DoJobberError('cleanup() cannot be called while checknrun() runs Jobs: call it afterwards')
        directory = current_directory()
        failure = self._cleanups.run(self._listeners.notify_cleanup)
        _return_to(directory)
        _raise(failure)

    def success(self) -> bool:
        """Tell whether every Job passed in the last ``checknrun()``. After ``configure()``, none has."""
        return self._results.all_passed

    def partial_success(self) -> bool:
        """Tell whether any Job passed in the last ``checknrun()``."""
        return self._results.passed_count > 0

    def failure(self) -> bool:
        """Tell whether some Job did not pass in the last ``checknrun()``, or there was none since ``configure()``."""
        return not self.success()

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """The outcome of each Job of the last ``checknrun()``, by name; empty after ``configure()``.

        Jobs come in the order of the plan, each after all it depends on, here as in ``nodestatus`` and the like. All of
        these are read-only, follow their run while it lasts, and can be read by any thread. A later run leaves them as
        they are.
        """
        return self._results.outcomes

    @property
    def nodestatus(self) -> dict[str, bool | None]:
        """By Job name: True passed, False failed, None never tried; empty after ``configure()``."""
        return self._results.status

    @property
    def noderesults(self) -> dict[str, Any]:
        """What the passing Check of each Job that passed returned, by name."""
        return self._results.values

    @property
    def nodeexceptions(self) -> dict[str, BaseException]:
        """Why each Job that failed did, by name: its last attempt's recheck error; in ``no_act`` its check's.

        Where it did not get so far, what ended it: its ``__init__``, an interrupt, a worker that was lost.
        """
        return self._results.errors

    @property
    def graph(self) -> Any:
        """A python-graph ``digraph`` of the Jobs' names, each with an edge to every Job it needs.

        After a run, Jobs that were tried carry the attributes ``style`` (filled) and ``color``: green (the first check
        passed), darkgreen (passed after Run) or red (failed). Until the next ``configure()`` it is the same object,
        and the pictures, but for Mermaid's, show what a script has changed in it: attributes, which come before those
        that a picture has by itself, labels of edges, and nodes and edges.

        Raises:
            NotConfiguredError: ``configure()`` was not called.
            GraphError: python-graph cannot be imported.
        """
        from ._draw import JobGraph, graph_lock

        plan = self._configured('graph')
        with graph_lock:
            graph = self._graph_of(plan)
            if graph is None:
                graph = JobGraph(_needs(plan))
                self._graph = plan, graph
        return graph.paint(self.outcomes)

    def write_graph(self, filed: Any, fmt: str | None = None, *, rankdir: str = 'TB', timeout: float = 60) -> None:
        """Write a picture of the graph: the Jobs, what needs what, and after a run what became of each.

        Args:
            filed: A binary file object, or a path. A text-mode file takes the picture too, a text buffer only if it is
                text.
            fmt: ``'dot'`` and ``'mermaid'`` are made without any renderer, all others by Graphviz or graphviz-pure. By
                default png, for a path what its suffix says, where ``.gv`` is dot and ``.mmd`` is mermaid.
            rankdir: ``'TB'`` draws a Job above what it needs; ``'LR'``, ``'BT'`` and ``'RL'`` turn that.
            timeout: Seconds after which the renderer is stopped; infinity lets it take its time.

        Raises:
            NotConfiguredError: ``configure()`` was not called.
            GraphError: The picture cannot be made. Nothing has been written then.
            OSError: The file cannot be written.
        """
        from ._draw import default_format, write

        if fmt is None or fmt == '':
            fmt = default_format(filed)
        write(filed, self._picture('write_graph()', fmt, rankdir, timeout))

    def display_graph(self) -> None:
        """Show the graph on the screen, or where there is none print the path of the picture.

        The picture, an SVG in the folder for temporary files, stays there: its viewer may open it later.

        Raises:
            NotConfiguredError: ``configure()`` was not called.
            GraphError: The picture cannot be made.
            OSError: There is no place for it.
        """
        from ._draw import display

        display(self._picture('display_graph()', 'svg'))

    def __repr__(self) -> str:
        try:
            return f'<{type(self).__name__}{self._in_short()}>'
        except Exception:  # of what a Job's metaclass or an unfinished subclass has done
            return object.__repr__(self)

    def _in_short(self) -> str:
        plan, outcomes = self._plan, self.outcomes
        if plan is None:
            return ', not configured'
        counts = Counter(outcome.state for outcome in outcomes.values())
        counts[State.NOT_RUN] += len(plan) - len(outcomes)
        root = next(reversed(plan))
        name = root if root and root.isprintable() and len(root) <= 80 else reprlib.repr(root)
        states = ', '.join(f'{counts[state]} {state.value}' for state in State if counts[state])
        return f' {name}: {len(plan)} {"job" if len(plan) == 1 else "jobs"}: {states}'

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        """Return what a notebook shows: the picture, as far as it can be made in 5 seconds, and the text of ``repr()``.

        Args:
            include: The MIME types to return, instead of all.
            exclude: Those not to return.
        """
        from ._draw import mime_bundle

        return mime_bundle(repr(self), lambda: self._drawn('the picture'), include, exclude)

    def _picture(self, what: str, fmt: str, rankdir: str = 'TB', timeout: float = 60) -> bytes:
        from ._draw import picture

        nodes, graph = self._drawn(what)
        return picture(nodes, fmt, rankdir, timeout, graph)

    def _drawn(self, what: str) -> tuple[list[Node], JobGraph | None]:
        """Return the Jobs as pictures show them, and the graph if a script has had it in hand."""
        from ._draw import Node

        plan, outcomes = self._configured(what), self.outcomes
        nodes = []
        for name, step in plan.items():
            outcome = outcomes.get(name)
            error = outcome.exception if outcome else None
            said = '' if error is None else error_text(error) or type(error).__name__
            summary = (step.job.__doc__ or '').strip().partition('\n')[0]
            nodes.append(Node(name, step.needs, kind_of(step.job), summary, outcome, said))
        return nodes, self._graph_of(plan)

    def _graph_of(self, plan: Plan) -> JobGraph | None:
        return self._graph[1] if self._graph is not None and self._graph[0] is plan else None

    def _configured(self, what: str) -> Plan:
        if self._plan is None:
            raise NotConfiguredError(f'{what} needs a graph of Jobs: call configure() first', what)
        return self._plan

    def _run(self, plan: Plan) -> None:
        started = self._clock()
        directory = current_directory()
        self._results = Results({})  # from here on, nothing of an earlier run is shown
        self._results = results = Results(_needs(plan))
        self._cleanups.directory = directory
        first = self._cleanups.next_sequence()  # Cleanups of earlier runs, with cleanup=False, are left to cleanup()
        failure = None
        try:
            try:
                self._run_jobs(plan, results, directory)
            except BaseException as error:
                failure = error
            failure = self._clean_up(failure, first)
        except BaseException as error:  # an interrupt between two statements above
            failure = self._clean_up(chain_errors([failure, error]), first)
        interrupt = capture_error(_return_to, directory)
        if interrupt is not None:
            failure = chain_errors([failure, interrupt])
            _return_to(directory)
        if self._listeners:
            about = {'seconds': self._clock() - started, 'value': self.outcomes, 'exception': failure}
            failure = chain_errors([failure, capture_error(self._notify, EventKind.RUN_FINISHED, **about)])
        _raise(failure)

    def _run_jobs(self, plan: Plan, results: Results, directory: str | None) -> None:
        schedule = schedule_of(plan, self._no_act)
        recorder = Recorder(plan, schedule, results, self._listeners, self._cleanups)
        setting = AttemptSettings(self._args, self._kwargs, {}, self._no_act, directory_restorer(directory))
        failure = None
        try:
            self._jobs_claim.take(sys._getframe())
            self._notify(EventKind.RUN_STARTED, value=results.names)
            walk = Walk(plan, schedule, setting, recorder, (self._clock, self._sleep))
            walk.walk(self._max_workers, self._executor)
        except BaseException as error:
            failure = error
            raise
        finally:
            self._jobs_claim.release(sys._getframe())
            recorder.close(failure)

    def _clean_up(self, failure: BaseException | None, first: int) -> BaseException | None:
        """Call the Cleanups of this run, unless they are left to cleanup(), and return what is to be raised."""
        if self._cleanup:
            failure = chain_errors([failure, self._cleanups.run(self._listeners.notify_cleanup, first)])
        return failure

    def _notify(self, kind: EventKind, **about: Any) -> None:
        if self._listeners:
            self._listeners.notify(Event(kind, **about))


def _checked_listeners(listeners: Iterable[Listener]) -> list[Listener]:
    try:
        checked = list(listeners)
    except Exception as error:
        raise PlanError(f'listeners must be a list of callables, not {listeners!r}', listeners) from error
    for listener in checked:
        if not callable(listener):
            raise PlanError(f'a listener must be callable with an Event, not {listener!r}', listener)
    return checked


def _needs(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {name: step.needs for name, step in plan.items()}


def _return_to(directory: str | None) -> None:
    try:
        if directory is not None:
            enter_directory(directory)
    except OSError:
        log_critical('cannot return to the directory %r', directory)


def _raise(failure: BaseException | None) -> None:
    if failure is not None:
        context = get_context(failure)
        try:
            raise failure
        finally:
            set_context(failure, context)  # other errors, which an exception being handled by the caller would replace
