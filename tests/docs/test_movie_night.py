"""The movie night example: the script as users run it, and its Jobs as unit tests use them."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import time

import dojobber_example as example
import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob

SCRIPT = pathlib.Path(__file__).parents[1] / 'dojobber_example.py'
LIMIT = 60  # seconds

RECHECKS = """\
TurnOnTV.recheck: fail "Remote batteries are dead."
SitOnCouch.recheck: fail "No space on couch."
PopcornBowl.recheck: fail "Dishwasher cycle not done yet."
Pizza.recheck: fail "Giordano's did not arrive yet."
TurnOnTV.recheck: fail "Remote batteries are dead."
SitOnCouch.recheck: fail "No space on couch."
PopcornBowl.recheck: fail "Dishwasher cycle not done yet."
Pizza.recheck: fail "Giordano's did not arrive yet."
TurnOnTV.recheck: fail "Remote batteries are dead."
SitOnCouch.recheck: fail "No space on couch."
PopcornBowl.recheck: fail "Dishwasher cycle not done yet."
PopcornBowl.recheck: fail "Dishwasher cycle not done yet."
PopcornBowl.recheck: fail "Dishwasher cycle not done yet."
Popcorn.recheck: fail "Still popping..."
Popcorn.recheck: fail "Still popping..."
"""

DEPS = {
    'CleanCouch': (Job, []),
    'FindTVRemote': (Job, []),
    'FluffPillows': (RunonlyJob, []),
    'PickTimeAndDate': (Job, []),
    'ValidateMovie': (Job, []),
    'InsertDVD': (Job, ['ValidateMovie']),
    'PrepareRoom': (DummyJob, ['CleanCouch', 'FluffPillows']),
    'PopcornBowl': (Job, []),
    'Popcorn': (Job, ['PopcornBowl']),
    'Pizza': (RunonlyJob, []),
    'Food': (DummyJob, ['Popcorn', 'Pizza']),
    'SitOnCouch': (Job, ['PrepareRoom']),
    'DetermineDetails': (DummyJob, ['ValidateMovie', 'PickTimeAndDate']),
    'SendInvite': (Job, ['DetermineDetails']),
    'FriendsArrive': (Job, ['InviteFriends']),
    'TurnOnTV': (Job, ['FindTVRemote']),
    'StartMovie': (Job, ['FriendsArrive', 'PrepareRoom', 'TurnOnTV', 'InsertDVD', 'SitOnCouch', 'Food']),
    'WatchMovie': (Job, ['StartMovie']),
}


@pytest.fixture
def run(tmp_path):
    """Run the script in another folder and without a screen, and return (status, stdout, lines of stderr)."""

    def run(*arguments, **environment):
        done = subprocess.run(
            [sys.executable, '-W', 'error', str(SCRIPT), *arguments],
            cwd=tmp_path,
            env={**{k: v for k, v in os.environ.items() if k != 'DISPLAY'}, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
        assert 'Traceback' not in done.stderr or '-d' in arguments
        return done.returncode, done.stdout, done.stderr.splitlines()

    return run


def rechecks(lines):
    return [line for line in lines if 'recheck: fail' in line]


def test_the_example_fails_by_default_and_shows_how_retries_interleave(run):
    status, out, lines = run('-v')
    assert (status, out) == (1, '')
    assert rechecks(lines) == RECHECKS.splitlines()


def test_the_example_is_an_executable_script():
    if os.name == 'posix':
        assert os.access(SCRIPT, os.X_OK)
    assert SCRIPT.read_text(encoding='utf-8').startswith('#!/usr/bin/env python3\n')


def test_the_example_succeeds_with_power_and_space(run):
    assert run('--battery_state', 'charged', '--couch_space') == (0, '', [])


def test_the_example_fails_without_a_traceback_in_no_act(run):
    assert run('-n') == (1, '', [])
    status, _, lines = run('-n', '-v', '--battery_state', 'charged', '--couch_space')
    assert status == 1
    assert all('.check: ' in line for line in lines)


def test_the_example_shows_tracebacks_with_debug(run):
    _, _, lines = run('-d')
    assert '  RuntimeError: Remote batteries are dead.' in lines
    assert 'CleanCouch.cleanup: pass' in lines


def test_the_example_names_a_movie_that_nobody_wants_to_watch(run):
    status, _, lines = run('-v', '--movie', 'Zardoz')
    assert status == 1
    assert rechecks(lines)[0].startswith('ValidateMovie.recheck: fail "Zardoz ')
    assert not any(line.startswith('InsertDVD') for line in lines)


@pytest.mark.parametrize(
    ('option', 'job', 'first', 'default'),
    [('pop', 'Popcorn', 1, 2), ('bowl', 'PopcornBowl', 2, 5), ('pizza', 'Pizza', 1, 2)],
)
def test_the_example_lets_each_job_pass_in_the_attempt_that_its_option_says(run, option, job, first, default):
    def failures(*arguments):
        return [line.partition('.')[0] for line in rechecks(run('-v', *arguments)[2])].count(job)

    assert failures() == default
    assert failures(f'--{option}_success_try', str(first)) == first - 1


def test_the_examples_picture_shows_each_job_in_the_color_of_its_state(run, dot, tmp_path):
    status, _, lines = run('--png_output', 'movie night.png')
    assert (status, lines) == (1, [])
    assert (tmp_path / 'movie night.png').read_bytes().startswith(b'\x89PNG\r\n\x1a\n')

    example.invite_friends([{'name': 'Wendell Bagg', 'email': 'bagg@example.com'}])
    engine = DoJobber()
    engine.configure(example.WatchMovie, default_retry_delay=0)
    engine.set_args(movie='MST3K')
    engine.checknrun()
    engine.write_graph(tmp_path / 'graph.json')
    fills = {node['name']: node['fillcolor'] for node in json.loads((tmp_path / 'graph.json').read_bytes())['objects']}
    assert fills['FindTVRemote'] == '#90d596'
    assert fills['Invite Wendell Bagg'] == '#0d4a35'
    assert fills['TurnOnTV'] == '#ff571a'
    assert fills['WatchMovie'] == '#ffffff'


def test_both_renderers_draw_the_same_picture_of_the_example(dot, tmp_path, monkeypatch):
    pure = shutil.which('graphviz-pure', path=sysconfig.get_path('scripts'))
    if pure is None:
        assert not os.environ.get('CI'), 'graphviz-pure must be installed in CI'
        pytest.skip('needs graphviz-pure')
    engine = DoJobber()
    engine.configure(example.WatchMovie, default_retry_delay=0)
    engine.set_args(movie='MST3K')
    engine.checknrun()
    drawn = {}
    for name, command in ('dot', dot), ('graphviz-pure', pure):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).symlink_to(command)
        monkeypatch.setenv('PATH', str(folder))
        engine.write_graph(folder / 'graph.json')
        engine.write_graph(folder / 'graph.png')
        picture = json.loads((folder / 'graph.json').read_bytes())
        names = [node['name'] for node in picture['objects']]
        drawn[name] = (
            {
                node['name']: [node[key] for key in ('label', 'fillcolor', 'color', 'style')]
                for node in picture['objects']
            },
            {(names[edge['tail']], names[edge['head']]): edge['color'] for edge in picture['edges']},
            picture['label'],
        )
        assert (folder / 'graph.png').read_bytes().startswith(b'\x89PNG\r\n\x1a\n')
    assert drawn['dot'] == drawn['graphviz-pure']
    assert len(drawn['dot'][0]) == len(engine.nodestatus)
    assert set(drawn['dot'][1]) == set(engine.graph.edges())


def test_the_example_reports_a_picture_that_cannot_be_written_and_fails(run):
    status, _, lines = run('--battery_state', 'charged', '--couch_space', '--png_output', 'no/such/folder.png')
    assert status == 1
    assert 'no/such/folder.png' in lines[-1]


def test_the_example_draws_with_graphviz_pure_where_graphviz_is_missing(run, tmp_path):
    if not shutil.which('graphviz-pure', path=sysconfig.get_path('scripts')):
        assert not os.environ.get('CI'), 'graphviz-pure must be installed in CI'
        pytest.skip('needs graphviz-pure')
    assert run('--png_output', 'graph.png', PATH='') == (1, '', [])
    assert (tmp_path / 'graph.png').read_bytes().startswith(b'\x89PNG\r\n\x1a\n')


@pytest.mark.skipif(os.name != 'posix', reason='the opener is a shell script')
def test_the_example_opens_pictures_only_where_there_is_a_screen(run, dot, tmp_path):
    opener = tmp_path / 'xdg-open'
    opener.write_text('#!/bin/sh\necho "$1" >> "$(dirname "$0")/opened"\n')
    opener.chmod(0o755)
    path = f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'
    run(PATH=path)
    run('--no-x11', PATH=path, DISPLAY=':0')
    assert run('--display_prerungraph', PATH=path, DISPLAY=':0', TMPDIR=str(tmp_path))[0] == 1
    shown, deadline = [], time.monotonic() + LIMIT
    while len(shown) < 2:  # the openers run on
        assert time.monotonic() < deadline, shown
        time.sleep(0.01)
        opened = tmp_path / 'opened'
        shown = opened.read_text(encoding='utf-8').splitlines() if opened.exists() else []
    assert len(set(shown)) == 2
    assert sorted(pathlib.Path(path).name for path in shown) == sorted(path.name for path in tmp_path.glob('*.svg'))


def test_the_example_shows_the_log_messages_of_its_jobs_on_request(run):
    assert run('--app-logs', '--battery_state', 'charged', '--couch_space')[2] == [
        'INFO:movie_night:inviting Wendell Bagg <bagg@example.com>',
        'INFO:movie_night:inviting Lawyer Cat <lawyercat@example.com>',
        'INFO:movie_night:fluffing pillows',
    ]


def test_a_picture_that_cannot_be_drawn_leaves_the_previous_file_unchanged(run, tmp_path):
    (tmp_path / 'graph.png').write_bytes(b'before')
    (tmp_path / 'dot').write_text(f'#!{sys.executable}\nimport sys\nsys.exit("out of ink")\n', encoding='utf-8')
    (tmp_path / 'dot').chmod(0o755)
    status, _, lines = run('--png_output', 'graph.png', PATH=str(tmp_path))
    assert status == 1
    assert 'out of ink' in lines[-1]
    assert (tmp_path / 'graph.png').read_bytes() == b'before'


def test_the_example_takes_an_unknown_movie_for_a_usage_error(run):
    assert run('--movie', 'Alien')[0] == 2


@pytest.mark.parametrize('name', DEPS)
def test_each_job_of_the_example_has_its_base_class_and_deps(name):
    base, deps = DEPS[name]
    job = getattr(example, name)
    assert job.__mro__[1] is base
    assert [dep.__name__ for dep in job.DEPS] == deps
    assert job.__doc__


def test_three_jobs_of_the_example_set_tries():
    assert (example.PopcornBowl.TRIES, example.Popcorn.TRIES, example.Pizza.TRIES) == (6, 3, 3)


def test_each_friend_becomes_one_job_of_the_example(monkeypatch):
    monkeypatch.setattr(example.InviteFriends, 'DEPS', [example.DetermineDetails])
    people = [{'name': 'Wendell Bagg', 'email': 'bagg@example.com'}, {'name': 'Cat', 'email': 'cat@example.com'}]
    example.invite_friends(people)
    example.invite_friends(people)
    details, wendell, cat = example.InviteFriends.DEPS
    assert details is example.DetermineDetails
    assert (wendell.__name__, wendell.NAME, wendell.EMAIL) == (
        'Invite Wendell Bagg',
        'Wendell Bagg',
        'bagg@example.com',
    )
    assert issubclass(cat, example.SendInvite)


def test_the_example_records_the_returned_duster_in_the_dict_of_a_unit_test():
    seen = {}
    engine = DoJobber()
    engine.configure(example.PrepareRoom)
    engine.set_args(unittest_dict=seen)
    engine.checknrun()
    assert seen == {'duster_returned': True}
