"""The options of the command line."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

from ..__version__ import __version__
from ..job import Job
from ..text import summary


class PrintAndExit(Exception):  # noqa: N818 - not an error
    """``--help`` or ``--version`` was given. The message is the text to print."""


class UsageError(Exception):
    """The options cannot be used. The message consists of the usage and the reason."""


def parse_options(root: type[Job] | None, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options in ``argv``, by default the arguments of the process.

    Raises:
        PrintAndExit: ``--help`` or ``--version`` was given.
        UsageError: An option is unknown, has an invalid value, or would be ignored.
    """
    parser = _parser(root)
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        parser.error(_unknown_error(unknown, parser, root))
    if not options.tries >= 1:
        parser.error(f'--tries must be a number of at least 1, not {options.tries}')
    if not 0 <= options.retry_delay < math.inf:
        parser.error(f'--retry-delay must be a finite number of seconds, at least 0, not {options.retry_delay}')
    if options.rankdir is not None and options.graph is None:
        parser.error('--rankdir can be used only with --graph')
    options.rankdir = options.rankdir or 'TB'
    options.prog = parser.prog
    return options


def _parser(root: type[Job] | None) -> _Parser:
    parser = _Parser(
        prog=None if root else 'dojobber',
        description=summary(root) if root else 'Run a graph of idempotent Jobs.',
        epilog='Exit status: 0 if all Jobs have passed; 1 if some failed or are blocked, a Cleanup failed, or '
        'something could not be written; 2 after a usage error; 3 if --no-act found work to do; 129, 130 or 143 after '
        'SIGHUP, SIGINT or SIGTERM.',
        allow_abbrev=False,
    )
    if root is None:
        parser.add_argument(
            'root',
            metavar='ROOT',
            type=_root,
            help='the Job to run, as FILE.py:JOB or MODULE:JOB; :JOB can be left out if there is only one root',
        )
    parser.add_argument('--version', action=_Version, nargs=0, help='show the version and exit')
    group = parser.add_argument_group('execution')
    add = group.add_argument
    add('--only', metavar='JOB', action=_Once, help='run only this Job and its dependencies')
    add('-j', '--jobs', metavar='N', type=_count, default=1, help='run up to N Jobs at the same time (default: 1)')
    add(
        '--tries',
        metavar='N',
        type=_number,
        default=3,
        help='maximum number of attempts of Jobs that set no TRIES (default: 3)',
    )
    add(
        '--retry-delay',
        metavar='SECONDS',
        type=_number,
        default=1,
        help='seconds between the starts of two attempts, for Jobs that set no RETRY_DELAY (default: 1)',
    )
    add = group.add_mutually_exclusive_group().add_argument
    add('-n', '--no-act', action='store_true', help='call only Check, and print which Jobs would run')
    add('--list', action='store_true', help='print the Jobs, each after its dependencies, and run nothing')
    add('--tree', action='store_true', help='print the Jobs as a tree of dependencies and run nothing')
    add = parser.add_argument_group('arguments of Check and Run').add_argument
    append = partial(add, dest='arguments', action='append', default=[])
    append('--set', metavar='KEY=VALUE', type=_text, help='pass KEY to every Check and Run, with VALUE as a string')
    append('--set-json', metavar='KEY=JSON', type=_json, help='the same, but parse the value as JSON')
    add = parser.add_argument_group('output').add_argument
    add('-v', '--verbose', action='store_true', help='print a line for each check, run and recheck on stderr')
    add('-d', '--debug', action='store_true', help='like -v, with tracebacks')
    add(
        '--graph',
        metavar='FILE',
        action=_Once,
        help='draw the result (with --list or --tree, the plan) to FILE; its suffix is the format',
    )
    add('--rankdir', choices=('TB', 'LR', 'BT', 'RL'), help='direction of the picture (default: TB, top to bottom)')
    add(
        '--no-bar', action='store_true', help='show no progress bar; DOJOBBER_NO_BAR=1 in the environment does the same'
    )
    add('--json', action='store_true', help='print one JSON document on stdout, and everything else on stderr')
    return parser


class _Parser(argparse.ArgumentParser):
    """Raises the text that argparse would print, so that the command can print it to its own streams."""

    def print_help(self, file: Any = None) -> NoReturn:
        raise PrintAndExit(self.format_help().rstrip('\n'))

    def error(self, message: str) -> NoReturn:
        message = re.sub('^argument (.*?): ', r'\1: ', message)
        raise UsageError(f'{self.format_usage()}{self.prog}: {message}')


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        raise PrintAndExit(f'{parser.prog} {__version__}')


class _Once(argparse.Action):
    """Stores a value and refuses a second one, since argparse would ignore the first."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, 'can be given only once')
        setattr(namespace, self.dest, values)


def _unknown_error(unknown: Sequence[str], parser: _Parser, root: type[Job] | None) -> str:
    """Return the error message for unknown arguments. It repeats no values, which may be secret."""
    import difflib

    names = [text.partition('=')[0] if text.startswith('--') else text[:2] for text in unknown if text[:1] == '-']
    if not names:
        return f'unexpected argument{" after ROOT" if root is None else ""}; KEY=VALUE needs --set'
    known = re.findall(r'--[\w-]+', parser.format_help())
    similar = [match for name in names if name[:2] == '--' for match in difflib.get_close_matches(name, known, 1)]
    hint = f'; did you mean {" and ".join(dict.fromkeys(similar))}?' if similar else ''
    return f'unknown option {", ".join(names)}{hint}'


def _root(text: str) -> str:
    if '=' in text and not os.path.exists(text.rpartition(':')[0] or text):
        raise argparse.ArgumentTypeError('expected FILE.py:JOB or MODULE:JOB; KEY=VALUE needs --set')
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 1000 and int(text)):
        raise argparse.ArgumentTypeError('expected an integer of at least 1')
    return int(text)


def _number(text: str) -> float:
    try:
        if text.isascii() and '_' not in text:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError('expected a number')


def _text(text: str) -> tuple[str, str]:
    key, separator, value = text.partition('=')
    if not key or not separator:
        raise argparse.ArgumentTypeError('expected KEY=VALUE')  # the text may be secret
    return key, value


def _json(text: str) -> tuple[str, Any]:
    key, value = _text(text)
    try:
        return key, json.loads(value)
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f'the value of {key} is not valid JSON') from error
