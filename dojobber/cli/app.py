"""The command: runs the graph of a root Job from a file or module, without a script."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from enum import IntEnum
from time import monotonic
from typing import NoReturn, Optional

from .._plan.plan import Plan, make_plan
from ..dojobber import DoJobber
from ..errors import ArgumentsError, DoJobberError, DoJobberWarning, UnknownJobError
from ..events import Event, EventKind, Listener
from ..job import Job
from ..outcome import State, is_interrupt
from ..text import escape_unprintable
from .graph_file import check_graph, draw
from .json_reporter import JsonReporter, plan_document, write_document
from .listing import listing, tree
from .options import PrintAndExit, UsageError, parse_options
from .reporter import Reporter, RunResult
from .root import RootNotFoundError, imports_undone, load_root
from .screen.reporter import ScreenReporter
from .screen.terminal import Terminal, wants_no_bar
from .signals import INTERRUPTS, Interrupts, signal_of
from .streams import Output, discard, print_to_stderr


class ExitStatus(IntEnum):
    """Exit statuses of the command. After a signal, the status is 128 plus the number of the signal."""

    SUCCESS = 0
    """All Jobs have passed."""
    FAILURE = 1
    """Some Jobs failed or are blocked, a Cleanup failed, or something could not be written."""
    USAGE_ERROR = 2
    """The command line or the Jobs cannot be used; nothing was run."""
    WORK_TO_DO = 3
    """``--no-act`` found Jobs that would run, and nothing worse."""


def main(root: Optional[type[Job]] = None, argv: Optional[Sequence[str]] = None) -> NoReturn:
    """Run the command and raise SystemExit with its exit status.

    A script that ends with ``main(WriteGreeting)`` has the options of the command ``dojobber``, which ``--help`` lists.
    To run Jobs it must be called in the main thread, because it handles SIGINT, SIGTERM and SIGHUP. A second signal
    ends the process at once. Afterwards ``sys.stdout``, signal handlers and ``sys.path`` are what they were before,
    for programs that go on, such as tests.

    Args:
        root: The root Job; with None, the command line names it.
        argv: The arguments; the default is those of the process.

    Raises:
        SystemExit: Always, with the exit status: 0 if all Jobs have passed; 1 if some failed or are blocked, a Cleanup
            failed, or something could not be written; 2 after a usage error; 3 if ``--no-act`` found work to do and
            nothing worse; 129, 130 or 143 after SIGHUP, SIGINT or SIGTERM.
        ValueError: Called outside the main thread to run Jobs or draw the graph. Nothing was run.
    """
    with imports_undone():
        status = _main(root, argv, Output())
    sys.exit(int(status))


def command() -> NoReturn:
    """Run the command as the program ``dojobber``.

    If stdout was reserved for a document or a listing, threads that still run at the end cannot write to it.
    """
    output = Output()
    status = _main(None, None, output)
    if output.was_reserved:
        output.reserve()
    sys.exit(int(status))


def _main(root: type[Job] | None, argv: Sequence[str] | None, output: Output) -> int:
    status = 128 + signal.SIGINT
    try:
        with contextlib.suppress(KeyboardInterrupt):
            status = _parse_and_run(root, argv, output)
    finally:
        output.restore()
    try:
        return status if output.finish() else _at_least_failure(status)
    except KeyboardInterrupt:
        discard(output.stream)
        return 128 + signal.SIGINT


def _parse_and_run(root: type[Job] | None, argv: Sequence[str] | None, output: Output) -> int:
    try:
        options = parse_options(root, argv)
    except PrintAndExit as info:
        output.write(f'{info}\n')
        return ExitStatus.SUCCESS
    except UsageError as error:
        print_to_stderr(str(error))
        return ExitStatus.USAGE_ERROR
    if options.json or options.list or options.tree:
        output.reserve()
    try:
        root = root or load_root(options.root)
        plan = _make_plan(root, options)
        if options.only is not None:
            plan = _subplan(plan, options.only)
        return (_show_plan if options.list or options.tree else _run)(root, plan, options, output)
    except (RootNotFoundError, DoJobberError) as error:
        if options.debug and error.__cause__ is not None:
            cause = error.__cause__
            print_to_stderr(''.join(traceback.format_exception(type(cause), cause, cause.__traceback__)).rstrip('\n'))
        lines = map(escape_unprintable, str(error).split('\n') if isinstance(error, ArgumentsError) else [str(error)])
        print_to_stderr(f'{options.prog}: ' + '\n'.join(lines))
        return ExitStatus.USAGE_ERROR


def _make_plan(root: type[Job], options: argparse.Namespace) -> Plan:
    """Return the plan of all Jobs, and print warnings about them. ``configure()`` does not repeat these."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always', DoJobberWarning)
        plan = make_plan(root, options.tries, options.retry_delay)
    for warning in caught:
        print_to_stderr(f'{options.prog}: warning: {escape_unprintable(str(warning.message))}')
    return plan.with_one_attempt() if options.no_act else plan


def _at_least_failure(status: int) -> int:
    """Return ``status``, or FAILURE if it reports no failure yet."""
    return ExitStatus.FAILURE if status in (ExitStatus.SUCCESS, ExitStatus.WORK_TO_DO) else status


def _subplan(plan: Plan, only: str) -> Plan:
    try:
        return plan.subplan(only)
    except UnknownJobError as error:
        hint = '' if 'did you mean' in str(error) else '; --list prints the Jobs'
        raise UnknownJobError(f'--only: {error}{hint}', error.culprit) from None


def _show_plan(root: type[Job], plan: Plan, options: argparse.Namespace, output: Output) -> int:
    """Print the plan, draw it if ``--graph`` is given, and return the exit status."""
    engine = _make_engine(root, options, [])
    if options.json:
        write_document(output, plan_document(root.__name__, plan))
    else:
        output.restore()
        output.write(''.join([f'{line}\n' for line in (tree if options.tree else listing)(plan, output.encoding)]))
    if options.graph is None:
        return ExitStatus.SUCCESS
    with Interrupts() as interrupts:
        return _draw(ExitStatus.SUCCESS, engine, options, interrupts)


def _run(root: type[Job], plan: Plan, options: argparse.Namespace, output: Output) -> int:
    """Run the Jobs, report the result, draw it if ``--graph`` is given, and return the exit status."""
    reporter = _make_reporter(plan, options, output)
    interrupts = Interrupts(reporter.on_signal, reporter.restore_terminal)
    engine = _make_engine(root, options, [reporter, _resume_listener(interrupts, options.jobs)])
    start = monotonic()
    with interrupts:
        with reporter.live():
            interrupt, failure = _run_engine(engine, options.only, interrupts)
        status = _status(engine, interrupt, failure)
        name = interrupt.name if interrupt else None
        seconds = monotonic() - start
        reporter.report(RunResult(root.__name__, options.no_act, engine.outcomes, seconds, name, status))
        return _draw(status, engine, options, interrupts)


def _make_reporter(plan: Plan, options: argparse.Namespace, output: Output) -> Reporter:
    if options.json:
        return JsonReporter(plan, output)
    return ScreenReporter(plan, Terminal(output, has_bar=not (options.no_bar or wants_no_bar())))


def _make_engine(root: type[Job], options: argparse.Namespace, listeners: list[Listener]) -> DoJobber:
    engine = DoJobber()
    engine.configure(
        root,
        options.no_act,
        options.verbose,
        options.debug,
        default_tries=options.tries,
        default_retry_delay=options.retry_delay,
        max_workers=options.jobs,
        listeners=listeners,
    )
    engine.set_args(**dict(options.arguments))
    if not (options.list or options.tree):
        engine.check_args(options.only)
    if options.graph is not None:
        check_graph(engine, options.graph, options.rankdir)
    return engine


def _resume_listener(interrupts: Interrupts, workers: int) -> Listener:
    """Return a listener that notices when a Job has caught the exception that a signal raised.

    Jobs on threads cannot catch it: it is raised in the main thread, which waits for them.
    """

    def resume(event: Event) -> None:
        if workers == 1 and event.kind is EventKind.ATTEMPT_FINISHED and not is_interrupt(event.exception):
            interrupts.resume()

    return resume


def _run_engine(
    engine: DoJobber, only: str | None, interrupts: Interrupts
) -> tuple[signal.Signals | None, BaseException | None]:
    """Run the Jobs and return the signal that ended the run, or else the error that it raised, if any."""
    try:
        with interrupts.raising():
            engine.checknrun(only)
    except INTERRUPTS as error:
        return signal_of(error), None
    except BaseException as error:  # already reported, as the error of a Cleanup or of a Job
        return None, error
    return None, None


def _status(engine: DoJobber, interrupt: signal.Signals | None, failure: BaseException | None) -> int:
    if interrupt is not None:
        return 128 + interrupt
    states = {outcome.state for outcome in engine.outcomes.values()}
    if engine.success() and failure is None:
        return ExitStatus.SUCCESS
    has_work = State.WOULD_RUN in states and State.FAILED not in states
    return ExitStatus.WORK_TO_DO if has_work else ExitStatus.FAILURE


def _draw(status: int, engine: DoJobber, options: argparse.Namespace, interrupts: Interrupts) -> int:
    """Draw the graph if ``--graph`` is given, and return the exit status: ``status`` if that succeeds."""
    if options.graph is None:
        return status
    interrupt, is_drawn = draw(engine, options.graph, options.rankdir, interrupts)
    if interrupt is not None and status < 128:
        return 128 + interrupt
    return status if is_drawn else _at_least_failure(status)
