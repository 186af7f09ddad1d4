#!/usr/bin/env python3
"""Compare the engine with a plain loop when many Jobs run at once. README.rst explains the figures."""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Sequence
from statistics import median

import pools
from report import Row, judge, machine, machine_line, verdict
from run import count, progress

CASES = {
    'sleeping': pools.Case('threads', 16, 'wide', 257, 0.02, 0.02),
    'sleeping-layered': pools.Case('threads', 16, 'layered', 257, 0.01, 0.03),
    'sleeping-columns': pools.Case('threads', 16, 'columns', 257, 0.02, 0.02),
    'sleeping-unequal': pools.Case('threads', 16, 'unequal', 497, 0.02, 0.02),
    'threads': pools.Case('threads', 16, 'wide', 2001),
    'threads-layered': pools.Case('threads', 16, 'layered', 2001),
    'processes': pools.Case('processes', 2, 'layered', 257),
    'dask': pools.Case('dask', 2, 'layered', 257),
}

REQUIRED = {'processes': 'cloudpickle', 'dask': 'distributed'}
"""The package that each kind of executor requires."""

HEADER = """\
                                                       milliseconds   times the ideal  overhead a Job, us   engine
case             executor  workers shape   Jobs   ideal  engine   plain  engine   plain    engine   plain  / plain
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print the table or the JSON document."""
    options = parse_options(argv)
    cases = {name: CASES[name]._replace(jobs=options.jobs or CASES[name].jobs) for name in options.cases}
    document = measure(cases, options.repeats, options.turns)
    print(json.dumps(document, indent=2) if options.json else table(document))


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog='The default options take up to three minutes on two slow cores.'
    )
    parser.add_argument('--cases', nargs='+', default=list(CASES), choices=CASES)
    parser.add_argument('--jobs', type=count, help='number of Jobs in each case, including the root')
    parser.add_argument('--repeats', type=count, default=3, help='processes per case (default: %(default)s)')
    parser.add_argument('--turns', type=count, default=5, help='turns in each process (default: %(default)s)')
    parser.add_argument('--json', action='store_true', help='print a JSON document instead of the table')
    return parser.parse_args(argv)


def missing(case: pools.Case) -> str | None:
    """Return the package that a case requires, if it is not installed; else None."""
    package = REQUIRED.get(case.executor)
    return package if package and importlib.util.find_spec(package) is None else None


def measure(cases: dict[str, pools.Case], repeats: int, turns: int) -> Row:
    """Measure all cases in rounds of one process each, so that a slow minute of the machine affects all alike."""
    times: dict[str, pools.Turns] = {name: [] for name, case in cases.items() if not missing(case)}
    for number in range(repeats):
        for name, turns_so_far in times.items():
            progress(f'{number + 1} of {repeats}: {name}')
            turns_so_far += pools.in_fresh_process(cases[name], turns)
    progress('')
    rows = [row(name, cases[name], all_turns) for name, all_turns in times.items()]
    return {
        'machine': machine(),
        'setting': {'processes': repeats, 'turns': turns},
        'cases': rows,
        'left_out': [{'case': name, 'requires': missing(case)} for name, case in cases.items() if missing(case)],
        'aims': aims(rows),
    }


def row(name: str, case: pools.Case, turns: pools.Turns) -> Row:
    """Return the medians over all turns of all processes. ``ratio`` is the median of the ratios within a turn."""
    ideal = pools.ideal(*case.make(), case.workers)
    engine, plain = (median(seconds) for seconds in zip(*turns))
    ratios = [engine_seconds / loop_seconds for engine_seconds, loop_seconds in turns]
    return {
        'case': name,
        **{field: getattr(case, field) for field in ('executor', 'workers', 'shape', 'jobs')},
        'ideal_ms': ideal * 1e3,
        'engine_ms': engine * 1e3,
        'plain_ms': plain * 1e3,
        'engine_of_ideal': engine / ideal if ideal else None,
        'plain_of_ideal': plain / ideal if ideal else None,
        'engine_overhead_us': (engine - ideal) / case.jobs * 1e6,
        'plain_overhead_us': (plain - ideal) / case.jobs * 1e6,
        'ratio': median(ratios),
        'ratios': ratios,
    }


def aims(rows: Sequence[Row]) -> list[Row]:
    """Return each aim with its worst figure; ``met`` is None if none of its cases was measured at its own size."""
    by_case = {row['case']: row for row in rows if row['jobs'] == CASES[row['case']].jobs}
    on_threads = {name: row for name, row in by_case.items() if CASES[name].executor == 'threads'}
    sleeping = [row for name, row in on_threads.items() if CASES[name].sleeps]
    idle = [row for name, row in on_threads.items() if not CASES[name].sleeps]
    return [
        judge('sleeping Jobs on 16 threads, times the ideal', 1.05, sleeping, 'engine_of_ideal'),
        judge("overhead a Job on threads, times the plain loop's", 1.3, idle, 'ratio'),
    ]


def table(document: Row) -> str:
    """Return the document as text: the machine, a line for each case, the cases left out, and the aims."""
    setting = document['setting']
    left_out = [f'left out: {case["case"]} (pip install {case["requires"]})' for case in document['left_out']]
    return '\n'.join(
        [
            machine_line(document['machine']),
            f'medians of {setting["turns"]} turns in each of {setting["processes"]} processes',
            '',
            *HEADER.splitlines(),
            *(_line(row) for row in document['cases']),
            *left_out,
            '',
            *(verdict(aim) for aim in document['aims']),
        ]
    )


def _line(row: Row) -> str:
    engine, plain = (f'{row[name]:8.2f}' if row[name] else ' ' * 8 for name in ('engine_of_ideal', 'plain_of_ideal'))
    return (
        f'{row["case"]:16} {row["executor"]:9} {row["workers"]:7} {row["shape"]:7} {row["jobs"]:4} '
        f'{row["ideal_ms"]:7.1f} {row["engine_ms"]:7.1f} {row["plain_ms"]:7.1f}{engine}{plain}'
        f'{row["engine_overhead_us"]:10.1f}{row["plain_overhead_us"]:8.1f} {row["ratio"]:8.2f}'
    )


if __name__ == '__main__':
    main()
