"""Random graphs run with dojobber 0.6.3 and with this package give the same lines, statuses and results.

Run by ``tox -e published``, where 0.6.3 is installed and DOJOBBER_CHECKOUT is this checkout. The factories in
tests/support need this package, so the driver builds its own Jobs.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import pathlib
import random
import subprocess
import sys

import pytest

DRIVER = pathlib.Path(__file__).parents[1] / 'support' / 'published_driver.py'
GRAPHS = 1500
LIMIT = 600  # seconds

pytestmark = pytest.mark.published


def random_spec(rng):
    spec = []
    for number in range(rng.randint(1, 9)):
        names = [job['name'] for job in spec]
        rng.shuffle(names)
        base = rng.choice(['Job', 'Job', 'Job', 'RunonlyJob', 'DummyJob'])
        spec.append(
            {
                'name': f'J{number}',
                'base': base,
                'deps': names[: rng.randint(0, len(names))],
                'passes_at': rng.choice([1, 1, 1, 2, 3, 9]),
                'needs_run': rng.random() < 0.5,
                'tries': rng.choice([None, 1, 2, 3, 4]),
            }
        )
    return spec


def reports(requests, environment):
    done = subprocess.run(
        [sys.executable, str(DRIVER)],
        input='\n'.join(map(json.dumps, requests)),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    return list(map(json.loads, done.stdout.splitlines()))


def test_random_graphs_give_the_same_lines_statuses_and_results_as_dojobber_0_6_3():
    assert importlib.metadata.version('dojobber') == '0.6.3'
    rng = random.Random(20180428)
    requests = [{'spec': random_spec(rng), 'no_act': rng.random() < 0.1} for _ in range(GRAPHS)]
    plain = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    published = reports(requests, plain)
    ours = reports(requests, {**plain, 'PYTHONPATH': os.environ['DOJOBBER_CHECKOUT']})
    assert len(published) == len(ours) == GRAPHS
    for request, theirs, mine in zip(requests, published, ours):
        assert mine == theirs, request
    assert sum(any(status is None for status in report['status'].values()) for report in ours) > GRAPHS / 10
    assert sum(len(report['lines']) > 10 for report in ours) > GRAPHS / 10
