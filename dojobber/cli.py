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
from typing import Any, Callable, NoReturn

from .__version__ import __version__
from .console import message
from .dojobber import DoJobber
from .errors import DoJobberError, GraphError, UnknownJobError
from .find import NotFoundError, find_root
from .job import DummyJob, Job, RunonlyJob
from .outcome import Outcome, State
from .plan import Plan, make_plan
from .progress import Progress, printable

SCHEMA = 1
"""Of the document that ``--json`` prints: raised when something in it changes its meaning or goes."""

SUCCESS, FAILURE, USAGE, WORK_TO_DO = 0, 1, 2, 3


class Terminated(BaseException):
    """SIGTERM came."""


def main(root: type[Job] | None = None, argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its exit status.

    Args:
        root: The root Job; None lets the command line name it.
        argv: The arguments, by default those of the process.

    Raises:
        SystemExit: Always. 0 all passed, 1 some failed or are blocked, 2 usage, 3 ``--no-act`` found work to do and
            nothing worse, 130 and 143 after SIGINT and SIGTERM.
    """
    parser = _parser(root)
    options = parser.parse_args(argv)
    try:
        status = _command(root or find_root(options.root), options)
        sys.stdout.flush()
    except (NotFoundError, DoJobberError) as error:
        if options.debug and error.__cause__ is not None:
            traceback.print_exception(type(error.__cause__), error.__cause__, error.__cause__.__traceback__)
        print(f'{parser.prog}: {error}', file=sys.stderr)
        status = USAGE
    except BrokenPipeError:  # whoever read stdout has gone; nobody shall be told at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = FAILURE
    sys.exit(status)


def _parser(root: type[Job] | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=None if root else 'dojobber',
        description=(root.__doc__ or '').strip().partition('\n')[0] if root else 'Work a graph of idempotent Jobs.',
        epilog='Exit status: 0 all passed, 1 some failed or are blocked, 2 usage, 3 --no-act found work to do, '
        '130 and 143 after SIGINT and SIGTERM.',
    )
    if root is None:
        parser.add_argument('root', metavar='ROOT', help='FILE.py:JOB or MODULE:JOB; without :JOB the only root in it')
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
    add('--json', action='store_true', help='print what happened as one JSON document')
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError('a number of at least 1 is expected')
    return number


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


def _command(root: type[Job], options: argparse.Namespace) -> int:
    plan = make_plan(root, options.tries, options.retry_delay)
    if options.list or options.tree:
        for line in _tree(plan) if options.tree else _listing(plan):
            print(line)
        return SUCCESS
    return _run(root, plan, options)


def _listing(plan: Plan) -> list[str]:
    kinds = {name: _kind(step.job) for name, step in plan.items()}
    widest = max(map(len, plan))
    lines = [f'{name:{widest}}  {kinds[name]:10}  {_summary(step.job)}' for name, step in plan.items()]
    return [printable(line.rstrip()) for line in lines]


def _tree(plan: Plan) -> list[str]:
    """Return a line for each Job below that which needs it; what was shown before is not shown again."""
    lines: list[str] = []
    shown: set[str] = set()
    stack = [(next(reversed(list(plan))), '', '')]
    while stack:
        name, first, rest = stack.pop()
        needs = plan[name].needs
        lines.append(f'{first}{printable(name)}' + (' (see above)' if name in shown and needs else ''))
        if name in shown:
            continue
        shown.add(name)
        for need in reversed(needs):
            is_last = need == needs[-1]
            stack.append((need, f'{rest}{"`-- " if is_last else "|-- "}', f'{rest}{"    " if is_last else "|   "}'))
    return lines


def _kind(job: type[Job]) -> str:
    return next(base.__name__ for base in (DummyJob, RunonlyJob, Job) if issubclass(job, base))


def _summary(job: type[Job]) -> str:
    return (vars(job).get('__doc__') or '').strip().partition('\n')[0]


def _run(root: type[Job], plan: Plan, options: argparse.Namespace) -> int:
    tries = {name: step.tries for name, step in plan.items()}
    progress = Progress(tries, {name: step.retry_delay for name, step in plan.items()}, message)
    engine = DoJobber()
    engine.configure(
        root,
        options.no_act,
        options.verbose,
        options.debug,
        default_tries=options.tries,
        default_retry_delay=options.retry_delay,
        max_workers=options.jobs,
        listeners=() if options.json else [progress],
    )
    engine.set_args(**dict(options.set + options.set_json))
    begun = monotonic()
    interrupt = failure = None
    with _to_stderr() if options.json else progress.shown(), _signals(progress.give_back):
        try:
            engine.checknrun(options.only)
        except (KeyboardInterrupt, Terminated) as error:
            interrupt = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        except UnknownJobError:
            raise
        except Exception as error:  # what a Cleanup raised, which has been said
            failure = error
    seconds = monotonic() - begun
    status = _status(engine, interrupt, failure)
    if options.graph and not _drawn(engine, options.graph):
        status = status or FAILURE
    if options.json:
        print(json.dumps(_document(root, engine, options, seconds, interrupt, failure, status), indent=2))
        return status
    progress.recap(engine.outcomes, seconds, interrupt.name if interrupt else None)
    if any(outcome.state is State.WOULD_RUN for outcome in engine.outcomes.values()):
        progress.note('What waits on a Job that would run was not checked: after a change the rest can look different.')
    return status


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
        print(f'the graph is not drawn: {error}', file=sys.stderr)
        return False
    return True


def _document(
    root: type[Job],
    engine: DoJobber,
    options: argparse.Namespace,
    seconds: float,
    interrupt: signal.Signals | None,
    failure: BaseException | None,
    status: int,
) -> dict[str, Any]:
    outcomes = engine.outcomes
    return {
        'schema': SCHEMA,
        'version': __version__,
        'root': root.__name__,
        'no_act': options.no_act,
        'exit_status': status,
        'success': engine.success(),
        'interrupted_by': interrupt and interrupt.name,
        'cleanup_error': _error(failure),
        'seconds': seconds,
        'totals': {state.value: sum(each.state is state for each in outcomes.values()) for state in State},
        'jobs': [_entry(name, outcome) for name, outcome in outcomes.items()],
    }


def _entry(name: str, outcome: Outcome) -> dict[str, Any]:
    return {
        'name': name,
        'state': outcome.state.value,
        'tries': outcome.tries,
        'seconds': outcome.seconds,
        'phases': dict(outcome.phases),
        'result': _plain(outcome.result),
        'error': _error(outcome.exception),
        'blocked_by': list(outcome.blocked_by),
    }


def _error(error: BaseException | None) -> dict[str, str] | None:
    return None if error is None else {'type': type(error).__name__, 'message': message(error)}


def _plain(value: Any) -> Any:
    """Return ``value`` if JSON can hold it, else what it looks like in Python."""
    try:
        json.dumps(value, allow_nan=False)
    except Exception:
        try:
            return repr(value)
        except Exception:
            return f'<{type(value).__name__}>'
    return value


@contextlib.contextmanager
def _to_stderr() -> Iterator[None]:
    """Let nothing else get to stdout, whoever writes there: it goes to stderr."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


@contextlib.contextmanager
def _signals(before_leaving: Callable[[], object]) -> Iterator[None]:
    """Raise KeyboardInterrupt at SIGINT and Terminated at SIGTERM; a second signal ends the process at once."""

    def strike(number: int, _: object) -> None:
        for each in before:
            signal.signal(each, leave)
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def leave(number: int, _: object) -> NoReturn:
        before_leaving()
        os._exit(128 + number)

    before = {number: signal.signal(number, strike) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
