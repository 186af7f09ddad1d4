from __future__ import annotations

import io
import logging
import sys

import pytest
from support.factories import job, stderr_lines

from dojobber import DoJobber


@pytest.fixture
def developer_log():
    """The developer log. Its level and handlers are restored after the test."""
    logger = logging.getLogger('DoJobber')
    before = logger.level, logger.propagate, list(logger.handlers)
    yield logger
    logger.setLevel(before[0])
    logger.propagate = before[1]
    logger.handlers[:] = before[2]


def test_without_a_level_the_developer_log_stays_unchanged(developer_log):
    before = developer_log.level, developer_log.propagate, list(developer_log.handlers)
    DoJobber()
    assert (developer_log.level, developer_log.propagate, list(developer_log.handlers)) == before


def test_the_developer_log_shows_only_critical_messages_by_default():
    assert logging.getLogger('DoJobber').level == logging.CRITICAL


def test_the_developer_log_has_the_plan_and_the_attempts_but_no_arguments(developer_log):
    def run():
        engine = DoJobber(dojobber_loglevel=logging.DEBUG)
        engine.configure(job('Root', [job('Leaf')]))
        engine.set_args(password='hunter2')
        engine.checknrun()

    text = '\n'.join(stderr_lines(run))
    planned = "DEBUG planned 'Root' depending on ('Leaf',), tries 3, retry delays (1.0,) s, locks []"
    assert text.splitlines()[1].endswith(planned)
    assert 'attempt started, job Leaf, round 1, attempt 1' in text
    assert 'hunter2' not in text


def test_the_developer_log_has_one_handler_with_the_last_level(developer_log):
    def run():
        DoJobber(dojobber_loglevel=logging.INFO)
        DoJobber(dojobber_loglevel='DEBUG')
        developer_log.debug('logged once')

    assert sum('logged once' in line for line in stderr_lines(run)) == 1
    (handler,) = developer_log.handlers
    assert (handler.level, developer_log.level, developer_log.propagate) == (logging.DEBUG, logging.DEBUG, False)
    DoJobber(dojobber_loglevel=logging.CRITICAL)
    assert handler.level == logging.CRITICAL


def test_the_developer_log_goes_to_the_current_stderr_unless_that_is_closed(developer_log, monkeypatch):
    DoJobber(dojobber_loglevel=logging.DEBUG)
    assert any('first' in line for line in stderr_lines(developer_log.debug, 'first'))
    assert any('second' in line for line in stderr_lines(developer_log.debug, 'second'))
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, 'stderr', closed)
    developer_log.critical('nowhere')


@pytest.mark.parametrize('level', ['LOUD', [], 1.5])
def test_a_level_unknown_to_the_logging_module_is_refused(developer_log, level):
    with pytest.raises((ValueError, TypeError)):
        DoJobber(dojobber_loglevel=level)
