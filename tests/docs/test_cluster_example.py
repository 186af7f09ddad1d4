"""The example on a cluster, as users run it."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / 'examples'


def run(name, *options):
    command = [sys.executable, str(EXAMPLES / name), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


def primes(low, high):
    """Count primes in another way than the example: by division."""
    return sum(all(number % factor for factor in range(2, int(number**0.5) + 1)) for number in range(max(low, 2), high))


@pytest.mark.parallel
def test_cluster_counts_the_same_with_and_without_a_cluster_and_then_changes_nothing(tmp_path):
    options = '--jobs', 200, '--workers', 2, '--below', 30_000, '--folder', tmp_path
    first = run('cluster.py', *options)
    assert first.returncode == 0, first.stderr
    printed = re.findall(
        r'^(.*): (\d+) Jobs, (\d+) changed, .* s: (\d+) primes below 30000$', first.stdout, re.MULTILINE
    )
    known = str(primes(0, 30_000))
    assert printed == [('in this process', '214', '214', known), ('on the cluster', '214', '214', known)]

    for folder in 'serial', 'cluster':
        ranges = {path: map(int, path.stem.split('-')[1:]) for path in (tmp_path / folder).iterdir()}
        assert len(ranges) == 214
        for path, (low, high) in ranges.items():
            assert int(path.read_text()) == primes(low, high), path.name

    def stamps():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*')}

    before = stamps()
    second = run('cluster.py', *options)
    assert second.returncode == 0, second.stderr
    assert re.findall(r'(\d+) changed, .* s: (\d+)', second.stdout) == [('0', known)] * 2
    assert stamps() == before


@pytest.mark.parallel
def test_cluster_refuses_more_jobs_than_numbers():
    done = run('cluster.py', '--jobs', 3, '--below', 2)
    assert done.returncode == 2
    assert '--jobs must be at least 1' in done.stderr
