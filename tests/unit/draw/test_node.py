from __future__ import annotations

from dojobber import Outcome, State
from dojobber._draw import Node


def test_only_an_outcome_names_the_dependencies_that_block_a_job():
    node = Node('Job', ('A', 'B'), 'Job', '', None, '')
    assert not node.is_blocked_by('A')
    blocked = node._replace(outcome=Outcome(State.BLOCKED, blocked_by=('A',)))
    assert [blocked.is_blocked_by(name) for name in blocked.dependencies] == [True, False]


def test_only_a_blocked_job_is_shown_as_blocked():
    node = Node('B', ('A',), 'Job', '', Outcome(State.WOULD_RUN, 1, blocked_by=('A',)), '')
    assert not node.is_blocked_by('A')
