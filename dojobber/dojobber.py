"""The engine: configures a graph of Jobs, runs it, and keeps the outcomes."""

from __future__ import annotations

import logging
import reprlib
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from ._attempt import clock
from ._attempt.claim import Claim
from ._attempt.cleanup import CleanupStack
from ._attempt.directory import current_directory
from ._plan.plan import JobSelection, Plan, make_plan
from ._run.listeners import Listeners, checked_listeners, log_event
from ._run.results import Results, failure_error
from ._run.run import Run, RunOptions, raise_unchanged, restore_directory
from ._workers.executors import check_workers
from ._workers.loop import Clock
from .errors import DoJobberError, NotConfiguredError, PlanError
from .events import Listener
from .job import DummyJob, Job, RunonlyJob
from .log import logger, show_developer_log
from .outcome import Outcome, State
from .verbose import VerbosePrinter

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ._draw import JobGraph, Node
else:  # for typing.get_type_hints(); these modules are imported only where they are used
    Executor = JobGraph = Node = Any

__all__ = ['DoJobber', 'DummyJob', 'Job', 'RunonlyJob']


class DoJobber:
    """Runs a graph of Jobs, dependencies first.

    Call ``configure()`` with the root Job, ``set_args()`` if the Jobs take arguments, and ``checknrun()``. Then
    ``success()``, ``partial_success()`` and ``failure()`` summarize the run, ``outcomes`` holds the full record, and
    ``nodestatus``, ``noderesults`` and ``nodeexceptions`` hold one aspect each. ``write_graph()``, ``display_graph()``
    and notebooks draw it. All of these describe the last ``checknrun()``, even while it is running. For example, with
    the Jobs from the help on the package::

        engine = DoJobber()
        engine.configure(WriteGreeting, verbose=True, max_workers=8)
        engine.set_args(folder='greetings')
        engine.checknrun()
        if not engine.success():
            print(engine.nodeexceptions)
        engine.write_graph('greetings.dot')

    Args:
        dojobber_loglevel: Print the developer log of this process on stderr, from this level of the logging module on.
            None leaves the log as it is.
        cleanup: Whether ``checknrun()`` calls the Cleanups. ``configure()`` can override it.

    Raises:
        TypeError, ValueError: ``dojobber_loglevel`` is not a level of the logging module.
    """

    _clock: Clock = clock

    def __init__(self, dojobber_loglevel: Union[int, str, None] = None, cleanup: bool = True) -> None:
        if dojobber_loglevel is not None:
            show_developer_log(dojobber_loglevel)
        self._default_cleanup = cleanup
        self._args: tuple[Any, ...] = ()
        self._kwargs: dict[str, Any] = {}
        self._plan: Optional[Plan] = None
        self._options = RunOptions(cleanup)
        self._claim = Claim()
        """Held by checknrun()."""
        self._jobs_claim = Claim()
        """Held while Jobs run, but not while Cleanups are called."""
        self._results = Results()
        """The results of the last checknrun(); empty after configure()."""
        self._cleanups = CleanupStack()
        self._graph: Optional[tuple[Plan, JobGraph]] = None
        """The object that ``graph`` returned, which the caller may have changed, and the plan it belongs to."""

    def configure(
        self,
        root: type[Job],
        no_act: bool = False,
        verbose: bool = False,
        debug: bool = False,
        cleanup: Optional[bool] = None,
        default_tries: float = 3,
        default_retry_delay: Union[float, Sequence[float]] = 1,
        *,
        max_workers: Optional[int] = None,
        executor: Optional[Executor] = None,
        listeners: Iterable[Listener] = (),
        assume_changes: bool = False,
        fail_fast: bool = False,
        skip: Optional[JobSelection] = None,
    ) -> None:
        """Set the root Job and the options. The graph consists of the root and everything it depends on.

        If this raises, the engine is unchanged. Otherwise the results of earlier runs are discarded, and pending
        Cleanups are kept.

        Args:
            root: The Job you want done.
            no_act: Call only Check, and only once for each Job. A Job that would run counts as failed, so its
                dependents are not checked.
            verbose: Print a line for each phase on stderr. Failed Cleanups are always printed.
            debug: Print the lines of ``verbose``, the traceback of each failed phase, and a line for each Cleanup.
            cleanup: Call the Cleanups at the end of ``checknrun()``; if false, call ``cleanup()`` yourself. The default
                is that of ``DoJobber()``.
            default_tries: Attempts of Jobs that set no ``TRIES``, at least 1; ``math.inf`` is allowed.
            default_retry_delay: Seconds between the starts of two attempts, for Jobs that set no ``RETRY_DELAY``, or a
                sequence of such delays, whose last item repeats. Other Jobs run meanwhile.
            max_workers: Run up to this many Jobs at the same time, on threads. With None or 1, Jobs run one at a time
                in the caller's thread.
            executor: Run Jobs on this executor of ``concurrent.futures`` instead: on the threads of a
                ``ThreadPoolExecutor``, or on any other executor as copies in other processes and on other machines,
                pickled by cloudpickle. It is not shut down. ``max_workers`` limits how many Jobs it runs at once.
            listeners: Called with each ``Event``, in the thread of ``checknrun()`` or ``cleanup()``. A listener that
                raises is logged and dropped.
            assume_changes: With ``no_act``, also check the dependents of Jobs that would run, as if these had passed. A
                dependent whose check fails would run, too, or is ``BLOCKED`` if it has no Run. Its
                ``Outcome.blocked_by`` names the Jobs that would run first.
            fail_fast: Once a Job has failed its last attempt, start no other attempt. Those that are running, or were
                submitted to an executor of other processes, end normally, and Cleanups are called.
            skip: Jobs, given as classes or names, that are assumed to be done: they are not attempted, their state is
                ``SKIPPED``, and their dependents go on. Their own dependencies still run, unless they are skipped, too,
                but a skipped Job does not wait for them.

        Raises:
            CycleError: Jobs depend on each other in a cycle.
            DepsError: The root, or something in a ``DEPS``, is not a Job class.
            PlanError: Another mistake: a Job without Check, two Jobs with the same name, an invalid number, an executor
                that needs cloudpickle, which is missing, ``assume_changes`` without ``no_act``; or ``checknrun()`` is
                running.
            UnknownJobError: A Job in ``skip`` is not in the graph.

        Warns:
            DoJobberWarning: Something in a Job class is probably a mistake. Each class is warned of once.
        """
        if self._claim.is_held:
            raise PlanError('configure() cannot replace the graph that checknrun() is running', root)
        if assume_changes and not no_act:
            raise PlanError('assume_changes can be used only with no_act', 'assume_changes')
        plan = make_plan(root, default_tries, default_retry_delay).with_skipped(skip)
        if no_act:
            plan = plan.with_one_attempt()
        is_verbose = verbose or debug
        all_listeners: list[Listener] = [VerbosePrinter(debug)] if is_verbose else []
        if logger.isEnabledFor(logging.DEBUG):
            all_listeners.append(log_event)
        all_listeners += checked_listeners(listeners)
        max_workers = check_workers(max_workers, executor)
        self._options = RunOptions(
            cleanup=self._default_cleanup if cleanup is None else cleanup,
            no_act=no_act,
            listeners=Listeners(all_listeners, None if is_verbose else VerbosePrinter().print_cleanup),
            max_workers=max_workers,
            executor=executor,
            fail_fast=fail_fast,
            assume_changes=assume_changes,
        )
        self._plan = plan
        self._results = Results()

    def set_args(self, /, *args: Any, **kwargs: Any) -> None:
        """Set the arguments of every Check and Run, replacing those set before. ``configure()`` keeps them.

        A Cleanup that takes arguments receives those that were set when the run started.
        """
        self._args, self._kwargs = args, kwargs

    def check_args(self, node: Optional[JobSelection] = None) -> None:
        """Make sure that every hook accepts the arguments of ``set_args()``, without calling any.

        This applies to every Check and Run, and to each Cleanup that requires arguments, of Jobs that are not skipped.

        ``checknrun()`` does not do this: there, a Job whose arguments do not fit fails when it is attempted.

        Args:
            node: Check only the Jobs that ``checknrun(node)`` would run.

        Raises:
            ArgumentsError: They do not fit. The message lists each hook with its missing and unexpected arguments.
            NotConfiguredError: ``configure()`` was not called.
            UnknownJobError: ``node`` is not in the graph, or is an empty list.
        """
        from ._plan.arguments import check_arguments

        plan = self._configured('check_args()')
        check_arguments(plan if node is None else plan.subplan(node), self._args, self._kwargs)

    def checknrun(self, node: Optional[JobSelection] = None) -> None:
        """Run the Jobs, dependencies first, and then the pending Cleanups. Each call runs all Jobs anew.

        The current directory is restored at the end and, when Jobs run one at a time, before each phase.

        Args:
            node: Run only this Job, given as class or name, or each Job of a list, and what these depend on.

        Raises:
            NotConfiguredError: ``configure()`` was not called.
            UnknownJobError: ``node`` is not in the graph, or is an empty list.
            DoJobberError: ``checknrun()`` of this engine is already running; a Job or a listener may have
                called it again.
            RemoteError: The arguments of ``set_args()`` cannot be sent to the processes of the executor.
            BaseException: An interrupt, the error of a Cleanup, or the error of a broken executor. It is raised after
                the Cleanups. A Job that fails raises nothing.
        """
        plan = self._configured('checknrun()')
        frame = sys._getframe()
        try:
            if self._claim.take(frame) is not frame:
                raise DoJobberError(
                    'checknrun() is already running; a Job that needs an engine must create its own', node
                )
            if node is not None:
                plan = plan.subplan(node)
            self._results = Results()  # hide the earlier run while the results of a large plan are created
            self._results = results = Results(plan, self._options.assume_changes)
            run = Run(plan, self._options, results, self._cleanups, self._clock)
            run.run(self._args, self._kwargs, self._jobs_claim)
        finally:
            self._claim.release(frame)

    def cleanup(self) -> None:
        """Call the pending Cleanups, in reverse order of their attempts. Needed only with ``cleanup=False``.

        If another thread is calling them, this waits until it has finished.

        Raises:
            DoJobberError: Jobs of this engine are running.
            BaseException: The last interrupt that Cleanups raised, or else the last error, with the others as its
                context. It is raised after all Cleanups.
        """
        end = self._cleanups.next_sequence()  # before the test: Jobs that another thread starts now are not included
        if self._jobs_claim.is_held:
            raise DoJobberError('cleanup() cannot be called while checknrun() runs Jobs; call it afterward')
        directory = current_directory()
        failure = self._cleanups.run(self._options.listeners.notify_cleanup, end=end)
        restore_directory(directory)
        raise_unchanged(failure)

    def success(self) -> bool:
        """Tell whether every Job passed in the last ``checknrun()``. False if there was none since ``configure()``."""
        return self._results.all_passed

    def partial_success(self) -> bool:
        """Tell whether at least one Job passed in the last ``checknrun()``."""
        return self._results.passed_count > 0

    def failure(self) -> bool:
        """Tell whether a Job did not pass in the last ``checknrun()``. True if there was none since ``configure()``."""
        return not self.success()

    def raise_for_failure(self) -> None:
        """Raise an error unless every Job passed in the last ``checknrun()``.

        Raises:
            JobsFailedError: Some did not pass. The message lists those that failed, with their errors.
            NotConfiguredError: There was no ``checknrun()`` since ``configure()``.
        """
        outcomes = self.outcomes
        if not outcomes:
            raise NotConfiguredError('raise_for_failure() needs a run: call checknrun() first', 'raise_for_failure()')
        if not self.success():
            raise failure_error(outcomes)

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """The outcome of each Job of the last ``checknrun()``, by name; empty after ``configure()``.

        Each Job comes after its dependencies, here and in ``nodestatus``, ``noderesults`` and ``nodeexceptions``. All
        of these are read-only, are updated during the run, and can be read by any thread. Later runs do not change
        them.
        """
        return self._results.outcomes

    @property
    def nodestatus(self) -> dict[str, Optional[bool]]:
        """By Job name: True if it passed, False if not, None if that is not known; empty after ``configure()``."""
        return self._results.status

    @property
    def noderesults(self) -> dict[str, Any]:
        """By Job name: return value of the passing Check, for Jobs that passed; None for skipped Jobs."""
        return self._results.values

    @property
    def nodeexceptions(self) -> dict[str, BaseException]:
        """By Job name: error of the last attempt's recheck, or with ``no_act`` of the check, for Jobs that failed.

        If that check was not reached, it is the error that ended the attempt: a ``GiveUp``, an error of ``__init__``,
        an interrupt, or the loss of a worker.
        """
        return self._results.errors

    @property
    def graph(self) -> Any:
        """A python-graph ``digraph`` of the Job names, with an edge from each Job to each of its dependencies.

        After a run, Jobs that passed, failed or would run have the attributes ``style`` (filled) and ``color``: green
        (passed at the first check, or skipped), darkgreen (passed after Run) or red (failed, or would run). Until the
        next ``configure()`` this is the same object. You can change its nodes, edges, edge labels, and attributes.
        Pictures, except Mermaid, show the changes; your attributes take precedence over theirs.

        Raises:
            NotConfiguredError: ``configure()`` was not called.
            GraphError: python-graph cannot be imported.
        """
        from ._draw import JobGraph, graph_lock

        plan = self._configured('graph')
        with graph_lock:
            graph = self._graph_of(plan)
            if graph is None:
                graph = JobGraph(plan.dependency_names())
                self._graph = plan, graph
        return graph.update_colors(self.outcomes)

    def write_graph(self, filed: Any, fmt: Optional[str] = None, *, rankdir: str = 'TB', timeout: float = 60) -> None:
        """Write a picture of the graph: the Jobs, their dependencies, and after a run their outcomes.

        Args:
            filed: A path or a binary file object. A text-mode file works, too; a text buffer only with text formats.
            fmt: ``'dot'`` and ``'mermaid'`` need no renderer; all other formats need Graphviz or graphviz-pure. The
                default for a path is its suffix, where ``.gv`` means dot and ``.mmd`` means mermaid, or else png.
            rankdir: ``'TB'`` draws a Job above its dependencies; ``'LR'``, ``'BT'`` and ``'RL'`` turn the picture.
            timeout: Seconds after which the renderer is stopped; ``math.inf`` is allowed.

        Raises:
            NotConfiguredError: ``configure()`` was not called.
            GraphError: The picture cannot be drawn; nothing has been written.
            OSError: The file cannot be written.
        """
        from ._draw import default_format, write

        if fmt is None or fmt == '':
            fmt = default_format(filed)
        write(filed, self._picture('write_graph()', fmt, rankdir, timeout))

    def display_graph(self) -> None:
        """Show the picture of the graph on the screen or, without a screen, print its path.

        The picture is an SVG file in the temporary directory. It is kept, since a viewer may open it later.

        Raises:
            NotConfiguredError: ``configure()`` was not called.
            GraphError: The picture cannot be drawn.
            OSError: The file cannot be written.
        """
        from ._draw import display

        display(self._picture('display_graph()', 'svg'))

    def __repr__(self) -> str:
        try:
            return f'<{type(self).__name__}{self._describe()}>'
        except Exception:  # from a metaclass of a Job, or from a subclass that is not initialized
            return object.__repr__(self)

    def _describe(self) -> str:
        plan, outcomes = self._plan, self.outcomes
        if plan is None:
            return ', not configured'
        count = len(plan.names)
        counts = Counter(outcome.state for outcome in outcomes.values())
        counts[State.NOT_RUN] += count - len(outcomes)
        root = plan.root
        name = root if root and root.isprintable() and len(root) <= 80 else reprlib.repr(root)
        states = ', '.join(f'{counts[state]} {state.value}' for state in State if counts[state])
        return f' {name}: {count} {"job" if count == 1 else "jobs"}: {states}'

    def _repr_mimebundle_(
        self, include: Optional[Collection[str]] = None, exclude: Optional[Collection[str]] = None
    ) -> dict[str, str]:
        """Return the content for a notebook: the picture, if it can be drawn in 5 seconds, and the text of ``repr()``.

        Args:
            include: MIME types to return; the default is all.
            exclude: MIME types not to return.
        """
        from ._draw import mime_bundle

        return mime_bundle(repr(self), lambda: self._nodes('the picture'), include, exclude)

    def _picture(self, caller: str, fmt: str, rankdir: str = 'TB', timeout: float = 60) -> bytes:
        from ._draw import render

        nodes, graph = self._nodes(caller)
        return render(nodes, fmt, rankdir, timeout, graph)

    def _nodes(self, caller: str) -> tuple[list[Node], Optional[JobGraph]]:
        """Return the Jobs as pictures show them, and the graph that a script may have changed."""
        from ._draw import nodes_of

        plan = self._configured(caller)
        return nodes_of(plan, self.outcomes), self._graph_of(plan)

    def _graph_of(self, plan: Plan) -> Optional[JobGraph]:
        return self._graph[1] if self._graph is not None and self._graph[0] is plan else None

    def _configured(self, caller: str) -> Plan:
        if self._plan is None:
            raise NotConfiguredError(f'{caller} needs a configured engine: call configure() first', caller)
        return self._plan
