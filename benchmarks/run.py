#!/usr/bin/env python3
"""Compare the engine with a bare loop over the same Jobs. README.rst explains the figures."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import graphs
import measure
import report

SHAPES = 'chain', 'wide', 'layered', 'ladder'
SIZES = 100, 1_000, 10_000, 20_000, 100_000


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print the table or the JSON document."""
    options = parse_options(argv)
    cases = [
        measure.Case(*values)
        for values in itertools.product(options.shapes, options.leaves, sorted(set(options.sizes)))
    ]
    document = measure_all(cases, options.repeats)
    print(json.dumps(document, indent=2) if options.json else report.table(document))


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog='The default options take about seven minutes on two slow cores.'
    )
    leaves = [name for name in graphs.LEAVES if name != 'bad']
    parser.add_argument(
        '--sizes', type=count, nargs='+', default=SIZES, help=f'numbers of Jobs (default: {" ".join(map(str, SIZES))})'
    )
    parser.add_argument(
        '--shapes', nargs='+', default=SHAPES, choices=graphs.SHAPES, help=f'default: {" ".join(SHAPES)}'
    )
    parser.add_argument('--leaves', nargs='+', default=leaves, choices=leaves, help='how the leaves behave')
    parser.add_argument('--repeats', type=count, default=3, help='processes for each case (default: %(default)s)')
    parser.add_argument('--json', action='store_true', help='print a JSON document instead of the table')
    return parser.parse_args(argv)


def count(text: str) -> int:
    """Parse a number of at least 1 from the command line."""
    number = int(text.replace(',', '').replace('_', ''))
    if number < 1:
        raise ValueError(text)
    return number


def measure_all(cases: Sequence[measure.Case], repeats: int) -> report.Row:
    """Measure all cases in rounds of one process each, so that a slow minute of the machine affects all alike."""
    times: dict[measure.Case, list[measure.Figures]] = {case: [] for case in cases}
    for number in range(repeats):
        for case in cases:
            progress(f'time {number + 1} of {repeats}: {case.shape}, {case.leaves}, {case.jobs:,} Jobs')
            times[case].append(measure.in_fresh_process('times', case))
    progress('memory')
    jobs = min(report.AIM_JOBS, max(case.jobs for case in cases))
    traced = [*cases, measure.Case('wide', 'bad', jobs)]
    with ThreadPoolExecutor(2) as pool:  # memory does not depend on the load
        *memory, failed = pool.map(partial(measure.in_fresh_process, 'memory'), traced)
    rows = [report.row(case, times[case], bytes_) for case, bytes_ in zip(cases, memory)]
    progress('import')
    document = {
        'machine': report.machine(),
        'setting': {'processes': repeats, 'tries': graphs.TRIES},
        'cases': rows,
        'growth': report.growth(rows),
        'failed_job': {'jobs': jobs, 'kept_bytes': failed['kept'] / jobs},
        'import': report.import_times(measure.imports(5 * repeats)),
    }
    progress('')
    return {**document, 'aims': report.aims(document)}


def progress(text: str) -> None:
    """Show on a terminal what is being measured, in place of the previous text."""
    if sys.stderr.isatty():
        print(f'\r\x1b[K{text}', end='', file=sys.stderr, flush=True)


if __name__ == '__main__':
    main()
