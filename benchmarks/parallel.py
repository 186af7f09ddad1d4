#!/usr/bin/env python3
"""Measure many Jobs at once, beside a plain loop over the same executor. README.rst says what the figures mean."""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Sequence
from statistics import median

import pools
from report import Row, judged, machine, machine_line, verdict
from run import progress, size

CASES = {
    'sleeping': pools.Case('threads', 16, 'wide', 257, 0.02, 0.02),
    'sleeping-layered': pools.Case('threads', 16, 'layered', 257, 0.01, 0.03),
    'threads': pools.Case('threads', 16, 'wide', 2001),
    'threads-layered': pools.Case('threads', 16, 'layered', 2001),
    'processes': pools.Case('processes', 2, 'layered', 257),
    'dask': pools.Case('dask', 2, 'layered', 257),
}

NEEDED = {'processes': 'cloudpickle', 'dask': 'distributed'}
"""What has to be installed for an executor, by its kind."""

HEADER = """\
                                                       milliseconds   times the ideal  overhead a Job, us   engine
case             executor  workers shape   Jobs   ideal  engine   plain  engine   plain    engine   plain  / plain
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print the table or the document."""
    options = parsed(argv)
    cases = {name: CASES[name]._replace(jobs=options.jobs or CASES[name].jobs) for name in options.cases}
    document = measured(cases, options.repeats, options.turns)
    print(json.dumps(document, indent=2) if options.json else table(document))


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog='With the default options it takes about two minutes on two slow cores.'
    )
    parser.add_argument('--cases', nargs='+', default=list(CASES), choices=CASES)
    parser.add_argument('--jobs', type=size, help='number of Jobs, the root included, in place of that of each case')
    parser.add_argument('--repeats', type=size, default=3, help='processes for each case (%(default)s)')
    parser.add_argument('--turns', type=size, default=5, help='turns to take in each process (%(default)s)')
    parser.add_argument('--json', action='store_true', help='print one JSON document instead of the table')
    return parser.parse_args(argv)


def missing(case: pools.Case) -> str | None:
    """Return what is not installed and has to be."""
    needed = NEEDED.get(case.executor)
    return needed if needed and importlib.util.find_spec(needed) is None else None


def measured(cases: dict[str, pools.Case], repeats: int, turns: int) -> Row:
    """Measure all cases, a round of processes after the other so that a slow minute of the machine hits all alike."""
    times: dict[str, pools.Turns] = {name: [] for name, case in cases.items() if not missing(case)}
    for number in range(repeats):
        for name, taken in times.items():
            progress(f'{number + 1} of {repeats}: {name}')
            taken += pools.in_fresh_process(cases[name], turns)
    progress('')
    rows = [row(name, cases[name], taken) for name, taken in times.items()]
    return {
        'machine': machine(),
        'setting': {'processes': repeats, 'turns': turns},
        'cases': rows,
        'left_out': [{'case': name, 'needs': missing(case)} for name, case in cases.items() if missing(case)],
        'aims': aims(rows),
    }


def row(name: str, case: pools.Case, turns: pools.Turns) -> Row:
    """Return the medians over all turns of all processes. ``ratio`` is that of the two in one turn."""
    bound = pools.ideal(*case.make(), case.workers)
    engine, plain = (median(seconds) for seconds in zip(*turns))
    ratios = [by_engine / by_loop for by_engine, by_loop in turns]
    return {
        'case': name,
        **{
            field: value for field, value in case._asdict().items() if field in ('executor', 'workers', 'shape', 'jobs')
        },
        'ideal_ms': bound * 1e3,
        'engine_ms': engine * 1e3,
        'plain_ms': plain * 1e3,
        'engine_of_ideal': engine / bound if bound else None,
        'plain_of_ideal': plain / bound if bound else None,
        'engine_overhead_us': (engine - bound) / case.jobs * 1e6,
        'plain_overhead_us': (plain - bound) / case.jobs * 1e6,
        'ratio': median(ratios),
        'ratios': ratios,
    }


def aims(rows: Sequence[Row]) -> list[Row]:
    """Return each aim with what was seen; ``met`` is None where it was not measured, or not in the size it is about."""
    named = {each['case']: each for each in rows if each['jobs'] == CASES[each['case']].jobs}
    sleeping = [each for name, each in named.items() if name == 'sleeping']
    idle = [each for name, each in named.items() if CASES[name].executor == 'threads' and not CASES[name].sleeps]
    return [
        judged('256 sleeping Jobs of 20 ms on 16 threads, times the ideal', 1.15, sleeping, 'engine_of_ideal'),
        judged("overhead a Job on threads, times the plain loop's", 1.5, idle, 'ratio'),
    ]


def table(document: Row) -> str:
    """Return the document as text: the machine, a line for each case, what was left out, and the aims."""
    setting = document['setting']
    left_out = [f'left out: {each["case"]} (pip install {each["needs"]})' for each in document['left_out']]
    return '\n'.join(
        [
            machine_line(document['machine']),
            f'medians of {setting["turns"]} turns in each of {setting["processes"]} processes',
            '',
            *HEADER.splitlines(),
            *(_line(each) for each in document['cases']),
            *left_out,
            '',
            *(verdict(each) for each in document['aims']),
        ]
    )


def _line(one: Row) -> str:
    engine, plain = (f'{one[name]:8.2f}' if one[name] else ' ' * 8 for name in ('engine_of_ideal', 'plain_of_ideal'))
    return (
        f'{one["case"]:16} {one["executor"]:9} {one["workers"]:7} {one["shape"]:7} {one["jobs"]:4} '
        f'{one["ideal_ms"]:7.1f} {one["engine_ms"]:7.1f} {one["plain_ms"]:7.1f}{engine}{plain}'
        f'{one["engine_overhead_us"]:10.1f}{one["plain_overhead_us"]:8.1f} {one["ratio"]:8.2f}'
    )


if __name__ == '__main__':
    main()
