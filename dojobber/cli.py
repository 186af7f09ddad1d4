"""The command line: runs the graph of a root Job from a file or module, without a script."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any, NoReturn

from .__version__ import __version__
from .console import message
from .document import Raised, document
from .dojobber import DoJobber
from .errors import DoJobberError, GraphError
from .events import Listener
from .find import NotFoundError, find_root
from .job import DummyJob, Job
from .listing import listing, tree
from .outcome import State
from .plan import Plan, make_plan, under
from .progress import Progress
from .signals import SIGNALS, Handler, Terminated, ended_at_once, handled_by
from .terminal import encodable, printable, wants_no_bar

SUCCESS, FAILURE, USAGE, WORK_TO_DO = 0, 1, 2, 3


def main(root: type[Job] | None = None, argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its exit status.

    A script that ends with ``main(WriteGreeting)`` has the options of the command ``dojobber``, which ``--help`` lists.
    It is to be called in the main thread, since it handles SIGINT and SIGTERM while it works the Jobs. A second signal
    ends the process at once.

    Args:
        root: The root Job; None lets the command line name it.
        argv: The arguments, by default those of the process.

    Raises:
        SystemExit: At the end. 0 all passed; 1 some failed or are blocked, a Cleanup failed, or something could not be
            written; 2 usage; 3 ``--no-act`` found work to do and nothing worse; 130 and 143 after SIGINT and SIGTERM.
        ValueError: It is to work Jobs, and not in the main thread. None was tried.
    """
    parser = _parser(root)
    options = _parsed(parser, argv)
    try:
        with _stdout_kept() if options.json else contextlib.nullcontext() as stdout:
            status = _command(root or find_root(options.root), options, stdout)
    except (NotFoundError, DoJobberError) as error:
        if options.debug and error.__cause__ is not None:
            traceback.print_exception(type(error.__cause__), error.__cause__, error.__cause__.__traceback__)
        print(f'{parser.prog}: {printable(str(error))}', file=sys.stderr)
        status = USAGE
    except KeyboardInterrupt:  # while nothing was under way yet
        status = 128 + signal.SIGINT
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:  # nobody shall be told once more when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(status)


def _parser(root: type[Job] | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=None if root else 'dojobber',
        description=(root.__doc__ or '').strip().partition('\n')[0] if root else 'Work a graph of idempotent Jobs.',
        epilog='Exit status: 0 all passed, 1 some failed or are blocked, or a Cleanup has failed, 2 usage, 3 --no-act '
        'found work to do, 130 and 143 after SIGINT and SIGTERM.',
        allow_abbrev=False,
    )
    if root is None:
        parser.add_argument(
            'root', metavar='ROOT', type=_root, help='FILE.py:JOB or MODULE:JOB, to import; without :JOB its only root'
        )
    parser.add_argument('--version', action='version', version=f'%(prog)s {__version__}')
    add = parser.add_argument_group('what to do').add_argument
    add('-n', '--no-act', action='store_true', help='call Check only, and say what would run')
    add('--only', metavar='JOB', help='work only this Job and what it needs')
    add('--list', action='store_true', help='print the Jobs in order, and run nothing')
    add('--tree', action='store_true', help='print what needs what, and run nothing')
    add('-j', '--jobs', metavar='N', type=_count, default=1, help='how many Jobs to try at once (1)')
    add('--tries', metavar='N', type=float, default=3, help='tries of a Job that does not say itself (%(default)s)')
    add('--retry-delay', metavar='SECONDS', type=float, default=1, help='from try to try (%(default)s)')
    add = parser.add_argument_group('arguments of Check and Run').add_argument
    add('--set', metavar='KEY=VALUE', action='append', default=[], type=_text, help='a keyword argument, a string')
    add('--set-json', metavar='KEY=JSON', action='append', default=[], type=_json, help='one that is no string')
    add = parser.add_argument_group('what to show').add_argument
    add('-v', '--verbose', action='store_true', help='a line for each check, run and recheck on stderr')
    add('-d', '--debug', action='store_true', help='their tracebacks, too')
    add('--graph', metavar='FILE', help='draw what happened; the suffix says the format')
    add('--no-bar', action='store_true', help='show no progress bar, as DOJOBBER_NO_BAR=1 in the environment')
    add('--json', action='store_true', help='print what happened as one JSON document, and all else on stderr')
    return parser


def _parsed(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; argparse itself would repeat what it does not know, and that may be a secret."""
    options, unknown = parser.parse_known_args(argv)
    names = [each.partition('=')[0] for each in unknown if each.startswith('-')]
    if unknown:
        parser.error(
            f'there is no option {", ".join(names)}' if names else 'more is given than ROOT; KEY=VALUE needs --set'
        )
    if options.json and sys.stdout is None:
        parser.error('--json needs a stdout')
    return options


def _root(text: str) -> str:
    if '=' in text and not os.path.exists(text.rpartition(':')[0] or text):
        raise argparse.ArgumentTypeError('FILE.py:JOB or MODULE:JOB is expected; KEY=VALUE needs --set')
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError('a number of at least 1 is expected')
    return int(text)


def _text(text: str) -> tuple[str, str]:
    key, is_there, value = text.partition('=')
    if not key or not is_there:
        raise argparse.ArgumentTypeError('KEY=VALUE is expected')  # without the text, which may be secret
    return key, value


def _json(text: str) -> tuple[str, Any]:
    key, value = _text(text)
    try:
        return key, json.loads(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'the value of {key} is no JSON') from error


def _command(root: type[Job], options: argparse.Namespace, stdout: Any) -> int:
    plan = make_plan(root, options.tries, options.retry_delay)
    if options.only is not None:
        plan = under(plan, options.only)
    if options.list or options.tree:
        lines = tree(plan) if options.tree else listing(plan)
        return SUCCESS if _is_said('\n'.join(map(encodable, lines)), stdout) else FAILURE
    if options.graph is not None:
        _check_graph(options.graph)
    return _run(root, plan, options, stdout)


def _check_graph(path: str) -> None:
    """Find out before the work rather than after it that the picture cannot be made."""
    import io

    from .draw import default_format

    folder = os.path.dirname(path) or os.curdir
    if not os.path.isdir(folder):
        raise GraphError(f'there is no folder {folder!r} for the graph', path)
    if os.path.isdir(path):
        raise GraphError(f'{path!r} is a folder, and the graph needs a file', path)
    trial = DoJobber()
    trial.configure(DummyJob)
    trial.write_graph(io.BytesIO(), default_format(path))


def _run(root: type[Job], plan: Plan, options: argparse.Namespace, stdout: Any) -> int:
    tries = {name: 1 if options.no_act else step.tries for name, step in plan.items()}
    delays = {name: step.retry_delay for name, step in plan.items()}
    has_bar = not (options.no_bar or wants_no_bar())
    progress = Progress(tries, delays, message, bar=has_bar, lines=not options.json)
    raised = Raised({name for name, step in plan.items() if getattr(step.job, 'Run', None) is not None})
    engine = _engine(root, options, [raised, progress])
    begun = monotonic()
    with ended_at_once(progress.give_back) as leave:
        with progress.shown():
            interrupt, failure = _worked(engine, options.only, progress, leave)
        seconds = monotonic() - begun
        status = _status(engine, interrupt, failure)
        if options.graph is not None and not _drawn(engine, options.graph):
            status = status or FAILURE
        by = interrupt.name if interrupt else None
        if options.json:
            happened = document(engine.outcomes, options.no_act, seconds, by, raised, status)
            if not _is_said(json.dumps(happened, indent=2), stdout):
                status = status or FAILURE
        else:
            progress.recap(engine.outcomes, raised.by_run, seconds, by)
    return status


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
    engine.set_args(**dict(options.set + options.set_json))
    return engine


def _worked(
    engine: DoJobber, only: str | None, progress: Progress, leave: Handler
) -> tuple[signal.Signals | None, BaseException | None]:
    """Work, and return the signal that ended it, or else what a Cleanup or a Job has raised that ended it, if any."""

    def strike(number: int, _: object) -> NoReturn:
        for each in SIGNALS:
            signal.signal(each, leave)
        progress.ended_by = signal.Signals(number).name
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    try:
        with handled_by(strike):
            engine.checknrun(only)
    except (KeyboardInterrupt, Terminated) as error:
        return signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT, None
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


def _drawn(engine: DoJobber, path: str) -> bool:
    try:
        engine.write_graph(path)
    except (GraphError, OSError) as error:
        print(f'the graph is not drawn: {printable(str(error))}', file=sys.stderr)
        return False
    return True


@contextlib.contextmanager
def _stdout_kept() -> Iterator[Any]:
    """Return a file on what stdout is, and let all that others write there go to stderr, to the end of the process."""
    kept = open(os.dup(1), 'w', encoding='utf-8')  # noqa: SIM115 - closing it may fail, which has been said then
    os.dup2(2, 1)
    try:
        yield kept
    finally:
        with contextlib.suppress(OSError):
            kept.close()


def _is_said(text: str, file: Any) -> bool:
    try:
        print(text, file=file, flush=True)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # whoever read it has had enough
            print(f'stdout: {error}', file=sys.stderr)
        return False
    return True
