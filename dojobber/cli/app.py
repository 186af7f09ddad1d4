"""The command line: runs the graph of a root Job from a file or module, without a script."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import traceback
from collections.abc import Sequence
from time import monotonic
from typing import Any, NoReturn

from .._plan.plan import Plan, make_plan
from ..dojobber import DoJobber
from ..errors import DoJobberError, UnknownJobError
from ..events import Event, EventKind, Listener
from ..job import Job
from ..outcome import State, is_interrupt
from ..text import error_text
from .document import Raised, document, plan_document
from .drawing import check_graph, draw
from .listing import listing, tree
from .options import Answer, UsageError, parse_options
from .root import NotFoundError, find_root, imports_undone
from .screen.progress import Progress
from .screen.streams import Output, complain
from .screen.terminal import Terminal, printable, wants_no_bar
from .signals import INTERRUPTS, Interrupts, signal_of

SUCCESS, FAILURE, USAGE, WORK_TO_DO = 0, 1, 2, 3


def main(root: type[Job] | None = None, argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and raise SystemExit with its exit status.

    A script that ends with ``main(WriteGreeting)`` has the options of the command ``dojobber``, which ``--help`` lists.
    To run Jobs it must be called in the main thread, since it handles SIGINT, SIGTERM and SIGHUP meanwhile. A second
    signal ends the process at once. A program that goes on, such as a test, finds its ``sys.stdout``, signal handlers
    and ``sys.path`` as they were before.

    Args:
        root: The root Job; None lets the command line name it.
        argv: The arguments, by default those of the process.

    Raises:
        SystemExit: At the end. 0 all passed; 1 some failed or are blocked, a Cleanup failed, or something could not be
            written; 2 usage; 3 ``--no-act`` found work to do and nothing worse; 129, 130 and 143 after SIGHUP, SIGINT
            and SIGTERM.
        ValueError: It would run Jobs or draw the graph, and this is not the main thread. No Job was tried.
    """
    with imports_undone():
        status = _main(root, argv, Output())
    sys.exit(status)


def command() -> NoReturn:
    """Be the command ``dojobber``, which does what ``main()`` does in a process that ends with it.

    Where stdout is for a document or a listing alone, what still runs at the end does not get it back.
    """
    output = Output()
    status = _main(None, None, output)
    if output.was_diverted:
        output.divert()
    sys.exit(status)


def _main(root: type[Job] | None, argv: Sequence[str] | None, output: Output) -> int:
    status = 128 + signal.SIGINT
    try:
        with contextlib.suppress(KeyboardInterrupt):
            status = _answered(root, argv, output)
    finally:
        output.put_back()
    try:
        return status if output.finish() else _at_least_failed(status)
    except KeyboardInterrupt:
        output.drop()
        return 128 + signal.SIGINT


def _answered(root: type[Job] | None, argv: Sequence[str] | None, output: Output) -> int:
    try:
        options = parse_options(root, argv)
    except Answer as answer:
        output.write(f'{answer}\n')
        return SUCCESS
    except UsageError as error:
        complain(str(error))
        return USAGE
    if options.json or options.list or options.tree:
        output.divert()
    try:
        return _command(root or find_root(options.root), options, output)
    except (NotFoundError, DoJobberError) as error:
        if options.debug and error.__cause__ is not None:
            cause = error.__cause__
            complain(''.join(traceback.format_exception(type(cause), cause, cause.__traceback__)).rstrip('\n'))
        complain(f'{options.prog}: {printable(str(error))}')
        return USAGE


def _at_least_failed(status: int) -> int:
    """Return the exit status where something has failed besides."""
    return FAILURE if status in (SUCCESS, WORK_TO_DO) else status


def _command(root: type[Job], options: argparse.Namespace, output: Output) -> int:
    plan = make_plan(root, options.tries, options.retry_delay)
    if options.only is not None:
        plan = _part(plan, options.only)
    if options.list or options.tree:
        return _show(root, plan, options, output)
    return _run(root, plan, options, output)


def _part(plan: Plan, only: str) -> Plan:
    try:
        return plan.subplan(only)
    except UnknownJobError as error:
        hint = '' if 'did you mean' in str(error) else '; --list prints the Jobs'
        raise UnknownJobError(f'--only: {error}{hint}', error.culprit) from None


def _show(root: type[Job], plan: Plan, options: argparse.Namespace, output: Output) -> int:
    """Print the plan, and draw it where that is asked for."""
    engine = _engine(root, options, [])
    _check(engine, options)
    output.put_back()
    if options.json:
        output.write(_text(plan_document(root.__name__, plan)))
    else:
        output.write(''.join([f'{line}\n' for line in (tree if options.tree else listing)(plan, output.encoding)]))
    if options.graph is None:
        return SUCCESS
    with Interrupts() as interrupts:
        return _drawn(SUCCESS, engine, options, interrupts)


def _run(root: type[Job], plan: Plan, options: argparse.Namespace, output: Output) -> int:
    """Run the Jobs, report the result, and draw it where that is asked for."""
    tries = {name: 1 if options.no_act else step.tries for name, step in plan.steps.items()}
    delays = {name: step.retry_delay for name, step in plan.steps.items()}
    terminal = Terminal(output, has_bar=not (options.no_bar or wants_no_bar()))
    progress = Progress(tries, delays, error_text, terminal, has_lines=not options.json)
    raised = Raised({name for name, step in plan.steps.items() if getattr(step.job, 'Run', None) is not None})
    interrupts = Interrupts(progress.ending, progress.give_back)
    engine = _engine(root, options, [raised, progress, _resumption(interrupts, options.jobs)])
    _check(engine, options)
    start = monotonic()
    with interrupts:
        with progress.shown():
            interrupt, failure = _outcome(engine, options.only, interrupts)
        seconds = monotonic() - start
        status = _status(engine, interrupt, failure)
        by = interrupt.name if interrupt else None
        if options.json:
            output.put_back()
            result = document(root.__name__, engine.outcomes, options.no_act, seconds, by, raised, status)
            output.write(_text(result))
        else:
            progress.recap(engine.outcomes, raised.by_run, raised.by_cleanup, seconds, by)
        return _drawn(status, engine, options, interrupts)


def _engine(root: type[Job], options: argparse.Namespace, listeners: list[Listener]) -> DoJobber:
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
    return engine


def _check(engine: DoJobber, options: argparse.Namespace) -> None:
    if options.graph is not None:
        check_graph(engine, options.graph, options.rankdir)


def _resumption(interrupts: Interrupts, workers: int) -> Listener:
    """Return a listener that finds out when a Job has caught what a signal raised.

    Jobs on threads cannot: signals raise in the main thread, which waits for them.
    """

    def resume(event: Event) -> None:
        if workers == 1 and event.kind is EventKind.ATTEMPT_FINISHED and not is_interrupt(event.exception):
            interrupts.resume()

    return resume


def _outcome(
    engine: DoJobber, only: str | None, interrupts: Interrupts
) -> tuple[signal.Signals | None, BaseException | None]:
    """Run, and return the signal that ended the run, or else what a Cleanup or a Job raised that ended it, if any."""
    try:
        with interrupts.raised():
            engine.checknrun(only)
    except INTERRUPTS as error:
        return signal_of(error), None
    except BaseException as error:  # which has been said, or is what a Job has failed with
        return None, error
    return None, None


def _status(engine: DoJobber, interrupt: signal.Signals | None, failure: BaseException | None) -> int:
    if interrupt is not None:
        return 128 + interrupt
    states = {outcome.state for outcome in engine.outcomes.values()}
    if engine.success() and failure is None:
        return SUCCESS
    return WORK_TO_DO if State.WOULD_RUN in states and State.FAILED not in states else FAILURE


def _drawn(status: int, engine: DoJobber, options: argparse.Namespace, interrupts: Interrupts) -> int:
    """Draw the graph where that is asked for, and return the exit status, which is ``status`` if that goes well."""
    if options.graph is None:
        return status
    interrupt, is_drawn = draw(engine, options.graph, options.rankdir, interrupts)
    if interrupt is not None and status < 128:
        return 128 + interrupt
    return status if is_drawn else _at_least_failed(status)


def _text(result: dict[str, Any]) -> str:
    return f'{json.dumps(result, indent=2)}\n'
