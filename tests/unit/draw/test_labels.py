from __future__ import annotations

import re

from support.factories import job, make_engine
from support.rendering import picture

from dojobber import Outcome, State
from dojobber._draw import Node
from dojobber._draw.labels import ERROR_WIDTH, MAX_ERROR_LINES, label_lines, tooltip

FAILED = Outcome(State.FAILED, 1)


def node(outcome=None, kind='Job', summary='', error=''):
    return Node('Job', (), kind, summary, outcome, error)


def test_a_label_shows_the_number_of_attempts_if_there_were_several():
    assert label_lines(node(Outcome(State.OK, 1))) == []
    assert label_lines(node(Outcome(State.OK, 2))) == ['(2 tries)']
    assert label_lines(node()) == []


def test_the_label_of_a_failed_job_shows_its_error_on_one_line_if_it_fits():
    assert label_lines(node(FAILED, error='Remote batteries\nare dead.')) == ['Remote batteries are dead.']
    assert label_lines(node(Outcome(State.WOULD_RUN, 1), error='not done')) == []


def test_a_long_error_is_wrapped_and_truncated():
    lines = label_lines(node(FAILED, error='word ' * 1000))
    assert len(lines) == MAX_ERROR_LINES
    assert all(len(line) <= ERROR_WIDTH for line in lines)
    assert lines[-1].endswith(' …')


def test_a_tooltip_shows_everything_about_a_job():
    failed = node(Outcome(State.FAILED, 3), 'RunonlyJob', 'Order it.', 'no\nanswer')
    assert tooltip(failed) == 'RunonlyJob\nOrder it.\nfailed, after 3 tries\nno\nanswer'
    assert tooltip(node()) == 'Job'
    assert tooltip(node(Outcome(State.BLOCKED, blocked_by=('A', 'B')))) == 'Job\nblocked\nby A, B'
    assert tooltip(node(Outcome(State.NOT_RUN))) == 'Job\nnot run'


def test_a_huge_error_is_truncated_in_the_tooltip():
    assert len(tooltip(node(FAILED, error='x' * 1_000_000))) < 3000


def test_tooltips_in_a_picture_show_docstring_status_and_error():
    def check(self):
        raise ValueError

    jobs = [job('Fine', __doc__='One line.\n\nMore lines.'), job('Bare'), job('Mute', Check=check)]
    engine = make_engine(job('Root', jobs), default_tries=1)

    def tooltips():
        return dict(re.findall(r'^"(\w+)" \[.*tooltip="(.*?)"', picture(engine, 'dot').decode(), re.MULTILINE))

    assert tooltips() == {'Fine': r'Job\nOne line.', 'Bare': 'Job', 'Mute': 'Job', 'Root': 'Job'}
    engine.checknrun()
    assert tooltips() == {
        'Fine': r'Job\nOne line.\npassed at the first check, after 1 try',
        'Bare': r'Job\npassed at the first check, after 1 try',
        'Mute': r'Job\nfailed, after 1 try\nValueError',
        'Root': r'Job\nblocked\nby Mute',
    }


def test_a_tooltip_names_the_jobs_that_would_run_first():
    outcome = Outcome(State.WOULD_RUN, 1, blocked_by=('A', 'B'))
    assert tooltip(node(outcome)) == 'Job\nwould run, after 1 try\ndepends on changes by A, B'
