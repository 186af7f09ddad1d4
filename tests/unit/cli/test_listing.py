"""``--list``: its lines, and the plan as JSON."""

from __future__ import annotations

import json

import pytest
from support.factories import job

from dojobber import DummyJob, RunonlyJob, __version__, cli
from dojobber._plan.plan import make_plan
from dojobber.cli.listing import listing
from dojobber.cli.screen.terminal import cell_width


def lines_of(*names, encoding='utf-8'):
    root = job('Root', [job(name) for name in names], DummyJob)
    return listing(make_plan(root, 1, 0), encoding)


def test_list_aligns_the_kinds_of_jobs_for_names_in_any_script():
    starts = [cell_width(line[: line.index('Job')]) for line in lines_of('服务器', 'Zoe\u0308', 'InstallPackages')[:-1]]
    assert starts == [17, 17, 17]


def test_list_aligns_other_lines_if_one_name_is_long():
    short, long, _ = lines_of('Short', 'x' * 41)
    assert short == 'Short  Job'
    assert long == f'{"x" * 41}  Job'


def test_list_aligns_names_by_their_width_with_escapes():
    first, second, _ = lines_of('Zoë', 'Install', encoding='ascii')
    assert first == 'Zo\\xeb   Job'
    assert second == 'Install  Job'


def document_of(capsys, *arguments):
    leaf = job('Leaf', __doc__='  Comes first.\n\nNobody reads this.')
    runs = job('Runs', [leaf], RunonlyJob, Run=lambda self: None)
    root = job('Root', [runs, leaf], DummyJob, __doc__=None)
    with pytest.raises(SystemExit) as caught:
        cli.main(root, arguments)
    assert caught.value.code == 0
    return json.loads(capsys.readouterr().out)


JOBS = [
    {'name': 'Leaf', 'kind': 'Job', 'summary': 'Comes first.', 'deps': []},
    {'name': 'Runs', 'kind': 'RunonlyJob', 'summary': '', 'deps': ['Leaf']},
    {'name': 'Root', 'kind': 'DummyJob', 'summary': '', 'deps': ['Runs', 'Leaf']},
]


@pytest.mark.parametrize('option', ['--list', '--tree'])
def test_list_with_json_prints_the_plan(capsys, option):
    document = document_of(capsys, option, '--json')
    assert document.pop('version') == __version__
    assert document == {'schema': 1, 'root': 'Root', 'jobs': JOBS}


def test_only_with_json_keeps_the_name_of_the_root(capsys):
    document = document_of(capsys, '--list', '--json', '--only', 'Runs')
    assert (document['root'], document['jobs']) == ('Root', JOBS[:2])
    assert document_of(capsys, '--json', '--only', 'Leaf')['root'] == 'Root'
