"""Build the document that ``--json`` prints from measurements, and the table from the document."""

from __future__ import annotations

import itertools
import math
import os
import pathlib
import platform
from statistics import median
from typing import Any

from measure import Case, Figures

import dojobber

Row = dict[str, Any]

AIM_JOBS = 20_000
AIM_GROWTH = 10_000, 100_000

HEADER = """\
                                 microseconds a Job         engine  growth since last   bytes a Job
shape   leaves    Jobs blocked configure    run succ   bare / bare      engine   bare   plan   kept   peak
"""


def machine() -> dict[str, Any]:
    """Return what the figures depend on, apart from the code."""
    cpuinfo = pathlib.Path('/proc/cpuinfo')
    lines = cpuinfo.read_text(encoding='utf-8').splitlines() if cpuinfo.exists() else []
    models = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return {
        'processor': models[0] if models else platform.processor() or platform.machine(),
        'cores': os.cpu_count(),
        'system': platform.system(),
        'python': f'{platform.python_implementation()} {platform.python_version()}',
        'dojobber': dojobber.__version__,
    }


def machine_line(about: dict[str, Any]) -> str:
    """Return the result of :func:`machine` as text."""
    names = '{processor}, {cores} cores, {system}, {python}, dojobber {dojobber}'
    return names.format_map(about)


def row(case: Case, times: list[Figures], memory: Figures) -> Row:
    """Return the medians over all processes: microseconds and bytes per Job, and the ratio to the bare loop."""
    ratios = [(figures['configure'] + figures['run']) / figures['bare'] for figures in times]
    return {
        **case._asdict(),
        **{name: times[0][name] for name in ('passed', 'failed', 'blocked')},
        **{
            f'{name}_us': median(figures[name] for figures in times) / case.jobs * 1e6
            for name in ('configure', 'run', 'success', 'bare')
        },
        'ratio': median(ratios),
        'ratios': ratios,
        **{f'{name}_bytes': memory[name] / case.jobs for name in ('plan', 'kept', 'peak')},
    }


def growth(rows: list[Row]) -> list[Row]:
    """Return the exponents for each pair of sizes of a graph; 1 means that the time is proportional to the Jobs."""
    steps = []
    for small, large in itertools.combinations(sorted(rows, key=lambda row: int(row['jobs'])), 2):
        kind = {name: small[name] for name in ('shape', 'leaves')}
        if kind.items() <= large.items() and small['jobs'] < large['jobs']:
            jobs = math.log(large['jobs'] / small['jobs'])
            # The times are per Job, hence the 1.
            engine, bare = (1 + math.log(spent(large) / spent(small)) / jobs for spent in (_engine_us, _bare_us))
            steps.append({**kind, 'from': small['jobs'], 'to': large['jobs'], 'engine': engine, 'bare': bare})
    return steps


def _engine_us(row: Row) -> float:
    return float(row['configure_us'] + row['run_us'])


def _bare_us(row: Row) -> float:
    return float(row['bare_us'])


def import_times(rounds: list[dict[str, Figures]]) -> Row:
    """Return medians in milliseconds: a process without import, each import alone, and what it adds to the process."""
    milliseconds = {'start_ms': median(seconds['start']['outside'] for seconds in rounds) * 1e3}
    for name in 'stdlib', 'dojobber':
        milliseconds[f'{name}_ms'] = median(seconds[name]['inside'] for seconds in rounds) * 1e3
        added = median(seconds[name]['outside'] - seconds['start']['outside'] for seconds in rounds)
        milliseconds[f'{name}_over_start_ms'] = added * 1e3
    return {
        'rounds': len(rounds),
        **milliseconds,
        'ratio': median(seconds['dojobber']['inside'] / seconds['stdlib']['inside'] for seconds in rounds),
    }


def aims(document: Row) -> list[Row]:
    """Return each aim with its figure; ``met`` is None if it was not measured."""
    at_size = [row for row in document['cases'] if row['jobs'] == AIM_JOBS]
    steps = [step for step in document['growth'] if (step['from'], step['to']) == AIM_GROWTH]
    above_bare = [{**step, 'added': step['engine'] - step['bare']} for step in steps]
    passed = [row for row in at_size if row['leaves'] == 'passing']
    failed = [document['failed_job']] if document['failed_job']['jobs'] == AIM_JOBS else []
    return [
        judge(f'configure and run at {AIM_JOBS:,} Jobs, times the bare loop', 6.5, at_size, 'ratio'),
        judge('growth from {:,} to {:,} Jobs, above the bare loop'.format(*AIM_GROWTH), 0.1, above_bare, 'added'),
        judge('bytes kept per Job that passed, its plan included', 500, passed, 'kept_bytes'),
        judge('bytes kept per Job that failed, its plan included', 3000, failed, 'kept_bytes'),
        judge('import, times that of the four modules', 1.5, [document['import']], 'ratio'),
    ]


def judge(aim: str, at_most: float, rows: list[Row], key: str) -> Row:
    """Return an aim with the largest value of ``key``; ``met`` is None if there are no rows."""
    worst = max(rows, key=lambda row: float(row[key]), default=None)
    if worst is None:
        return {'aim': aim, 'at_most': at_most, 'measured': None, 'where': '', 'met': None}
    where = ' '.join(worst[name] for name in ('shape', 'leaves') if name in worst)
    return {'aim': aim, 'at_most': at_most, 'measured': worst[key], 'where': where, 'met': worst[key] <= at_most}


def table(document: Row) -> str:
    """Return the document as text: the machine, a line for each case, the import, and the aims."""
    setting, failed, imports = document['setting'], document['failed_job'], document['import']
    lines = [
        machine_line(document['machine']),
        f'medians of {setting["processes"]} processes, of {imports["rounds"]} for the import',
        '',
        *HEADER.splitlines(),
    ]
    for previous, row in zip([None, *document['cases']], document['cases']):
        if previous and previous['shape'] != row['shape']:
            lines.append('')
        lines.append(_line(row, _since(previous, row, document['growth'])))
    return '\n'.join(
        [
            *lines,
            '',
            f'A failed Job keeps {failed["kept_bytes"]:.0f} bytes (wide, {failed["jobs"]:,} Jobs, all leaves fail).',
            f'import dojobber: {imports["dojobber_ms"]:.1f} ms; dataclasses, enum, logging and traceback: '
            f'{imports["stdlib_ms"]:.1f} ms.',
            f'A process: {imports["start_ms"]:.1f} ms without an import, {imports["dojobber_over_start_ms"]:.1f} ms '
            f'more with dojobber, {imports["stdlib_over_start_ms"]:.1f} ms more with the four modules.',
            '',
            *[verdict(aim) for aim in document['aims']],
        ]
    )


def _since(previous: Row | None, row: Row, steps: list[Row]) -> Row | None:
    wanted = {**row, 'from': previous and previous['jobs'], 'to': row['jobs']}
    names = 'shape', 'leaves', 'from', 'to'
    return next((step for step in steps if all(step[name] == wanted[name] for name in names)), None)


def _line(row: Row, step: Row | None) -> str:
    exponents = f'{step["engine"]:10.2f} {step["bare"]:6.2f}' if step else ' ' * 17
    return (
        f'{row["shape"]:7} {row["leaves"]:7} {row["jobs"]:6} {row["blocked"] / row["jobs"]:6.0%} '
        f'{row["configure_us"]:9.2f} {row["run_us"]:6.2f} {row["success_us"]:4.2f} {row["bare_us"]:6.2f} '
        f'{row["ratio"]:6.1f}  {exponents} '
        f'{row["plan_bytes"]:6.0f} {row["kept_bytes"]:6.0f} {row["peak_bytes"]:6.0f}'
    )


def verdict(aim: Row) -> str:
    """Return the line that says whether an aim is met."""
    verdict = {True: 'met', False: 'missed', None: 'not measured'}[aim['met']]
    measured = '' if aim['measured'] is None else f', measured {aim["measured"]:.4g} {aim["where"]}'.rstrip()
    return f'{verdict:12} {aim["aim"]}: at most {aim["at_most"]:g}{measured}'
