"""From what was measured to the document that ``--json`` prints, and from that to the table and the aims."""

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
shape   leaves    Jobs blocked configure    run  ask   bare / bare      engine   bare   plan   kept   peak
"""


def machine() -> dict[str, Any]:
    """Return what the figures depend on, beside the code."""
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
    """Return what :func:`machine` found as text."""
    names = '{processor}, {cores} cores, {system}, {python}, dojobber {dojobber}'
    return names.format_map(about)


def row(case: Case, times: list[Figures], memory: Figures) -> Row:
    """Return the medians over all processes: microseconds and bytes a Job, and the ratio to the bare loop."""
    ratios = [(each['configure'] + each['run']) / each['bare'] for each in times]
    return {
        **case._asdict(),
        **{name: times[0][name] for name in ('passed', 'failed', 'blocked')},
        **{
            f'{name}_us': median(each[name] for each in times) / case.jobs * 1e6
            for name in ('configure', 'run', 'ask', 'bare')
        },
        'ratio': median(ratios),
        'ratios': ratios,
        **{f'{name}_bytes': memory[name] / case.jobs for name in ('plan', 'kept', 'peak')},
    }


def growth(rows: list[Row]) -> list[Row]:
    """Return, for each two sizes of a graph, the exponents: 1 where all the time grows as the number of Jobs does."""
    found = []
    for one, two in itertools.combinations(sorted(rows, key=lambda each: int(each['jobs'])), 2):
        kind = {name: one[name] for name in ('shape', 'leaves')}
        if kind.items() <= two.items() and one['jobs'] < two['jobs']:
            jobs = math.log(two['jobs'] / one['jobs'])
            # Times are by the Job, hence the 1.
            engine, bare = (1 + math.log(spent(two) / spent(one)) / jobs for spent in (_engine_us, _bare_us))
            found.append({**kind, 'from': one['jobs'], 'to': two['jobs'], 'engine': engine, 'bare': bare})
    return found


def _engine_us(one: Row) -> float:
    return float(one['configure_us'] + one['run_us'])


def _bare_us(one: Row) -> float:
    return float(one['bare_us'])


def importing(rounds: list[dict[str, Figures]]) -> Row:
    """Return medians in milliseconds: the interpreter's start, what each import takes and what it adds to the start."""
    milliseconds = {'start_ms': median(each['start']['outside'] for each in rounds) * 1e3}
    for name in 'stdlib', 'dojobber':
        milliseconds[f'{name}_ms'] = median(each[name]['inside'] for each in rounds) * 1e3
        added = median(each[name]['outside'] - each['start']['outside'] for each in rounds)
        milliseconds[f'{name}_over_start_ms'] = added * 1e3
    return {
        'rounds': len(rounds),
        **milliseconds,
        'ratio': median(each['dojobber']['inside'] / each['stdlib']['inside'] for each in rounds),
    }


def aims(document: Row) -> list[Row]:
    """Return each aim with what was seen; ``met`` is None where it was not measured."""
    at_size = [each for each in document['cases'] if each['jobs'] == AIM_JOBS]
    steps = [each for each in document['growth'] if (each['from'], each['to']) == AIM_GROWTH]
    steep = [{**each, 'added': each['engine'] - each['bare']} for each in steps]
    kept = [each for each in at_size if each['leaves'] == 'passing']
    failed = [each for each in [document['failed_job']] if each['jobs'] == AIM_JOBS]
    return [
        judged(f'configure and run at {AIM_JOBS:,} Jobs, times the bare loop', 8, at_size, 'ratio'),
        judged('growth from {:,} to {:,} Jobs, above the bare loop'.format(*AIM_GROWTH), 0.1, steep, 'added'),
        judged('bytes kept per Job that passed, its plan included', 1000, kept, 'kept_bytes'),
        judged('bytes kept per Job that failed, its plan included', 3000, failed, 'kept_bytes'),
        judged('import, times that of those four modules', 1.5, [document['import']], 'ratio'),
    ]


def judged(what: str, at_most: float, rows: list[Row], key: str) -> Row:
    """Return an aim with the worst that was seen of ``key``; ``met`` is None if there are no rows."""
    worst = max(rows, key=lambda each: float(each[key]), default=None)
    if worst is None:
        return {'aim': what, 'at_most': at_most, 'seen': None, 'where': '', 'met': None}
    where = ' '.join(worst[name] for name in ('shape', 'leaves') if name in worst)
    return {'aim': what, 'at_most': at_most, 'seen': worst[key], 'where': where, 'met': worst[key] <= at_most}


def table(document: Row) -> str:
    """Return the document as text: the machine, a line for each case, the import, and the aims."""
    setting, failed, spent = document['setting'], document['failed_job'], document['import']
    lines = [
        machine_line(document['machine']),
        f'medians of {setting["processes"]} processes, of {spent["rounds"]} for the import',
        '',
        *HEADER.splitlines(),
    ]
    for before, one in zip([None, *document['cases']], document['cases']):
        if before and before['shape'] != one['shape']:
            lines.append('')
        lines.append(_line(one, _since(before, one, document['growth'])))
    return '\n'.join(
        [
            *lines,
            '',
            f'A failed Job keeps {failed["kept_bytes"]:.0f} bytes (wide, {failed["jobs"]:,} Jobs, all leaves fail).',
            f'import dojobber: {spent["dojobber_ms"]:.1f} ms; dataclasses, enum, logging and traceback: '
            f'{spent["stdlib_ms"]:.1f} ms.',
            f'A process: {spent["start_ms"]:.1f} ms without an import, {spent["dojobber_over_start_ms"]:.1f} ms '
            f'more with that of dojobber, {spent["stdlib_over_start_ms"]:.1f} ms more with that of those four.',
            '',
            *[verdict(aim) for aim in document['aims']],
        ]
    )


def _since(before: Row | None, one: Row, steps: list[Row]) -> Row | None:
    wanted = {**one, 'from': before and before['jobs'], 'to': one['jobs']}
    names = 'shape', 'leaves', 'from', 'to'
    return next((step for step in steps if all(step[name] == wanted[name] for name in names)), None)


def _line(one: Row, step: Row | None) -> str:
    exponents = f'{step["engine"]:10.2f} {step["bare"]:6.2f}' if step else ' ' * 17
    return (
        f'{one["shape"]:7} {one["leaves"]:7} {one["jobs"]:6} {one["blocked"] / one["jobs"]:6.0%} '
        f'{one["configure_us"]:9.2f} {one["run_us"]:6.2f} {one["ask_us"]:4.2f} {one["bare_us"]:6.2f} '
        f'{one["ratio"]:6.1f}  {exponents} '
        f'{one["plan_bytes"]:6.0f} {one["kept_bytes"]:6.0f} {one["peak_bytes"]:6.0f}'
    )


def verdict(aim: Row) -> str:
    """Return the line that says what became of an aim."""
    verdict = {True: 'met', False: 'missed', None: 'not measured'}[aim['met']]
    seen = '' if aim['seen'] is None else f', seen {aim["seen"]:.4g} {aim["where"]}'.rstrip()
    return f'{verdict:12} {aim["aim"]}: at most {aim["at_most"]:g}{seen}'
