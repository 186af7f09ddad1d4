"""Lines on stderr while no bar is shown."""

from __future__ import annotations

import sys
import threading

import pytest

from dojobber.cli.notices import Notices


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_long_job_is_reported_each_minute(capsys, clock):
    running = {'Backup': clock.now, 'Quick': clock.now + 30}
    notices = Notices(running, clock)

    def lines_after(seconds):
        clock.now = 1000.0 + seconds
        notices.report_running()
        return capsys.readouterr().err.splitlines()

    assert lines_after(59.9) == []
    assert lines_after(60) == ['Backup: still running after 1m 00s']
    assert lines_after(61) == []
    assert lines_after(95) == ['Quick: still running after 1m 00s']
    del running['Quick']
    assert lines_after(250) == ['Backup: still running after 4m 00s']  # one line for all minutes since the last look
    assert lines_after(299) == []


def test_minutes_are_counted_from_the_start_of_each_attempt(capsys, clock):
    running = {'Copy': clock.now}
    notices = Notices(running, clock, interval=10)
    clock.now += 10
    notices.report_running()
    running['Copy'] = clock.now
    clock.now += 9
    notices.report_running()
    assert capsys.readouterr().err == 'Copy: still running after 10 s\n'
    clock.now += 1
    notices.report_running()
    assert capsys.readouterr().err == 'Copy: still running after 10 s\n'


def test_the_thread_that_reports_long_jobs_ends_with_the_run(capsys):
    reads = threading.Semaphore(0)

    def clock():
        reads.release()
        return 1061.0

    before = set(threading.enumerate())  # the thread of an earlier test may not have ended yet
    with Notices({'Copy': 1000.0}, clock).watching(poll_seconds=0.001):
        (thread,) = set(threading.enumerate()) - before
        assert thread.name == 'dojobber-notices'
        assert thread.daemon
        for _ in range(3):
            assert reads.acquire(timeout=20)
    thread.join(20)
    assert not thread.is_alive()
    assert capsys.readouterr().err == 'Copy: still running after 1m 00s\n'


@pytest.mark.parametrize(
    ('tries', 'seconds', 'line'),
    [
        (4, 2.0, 'Wait: attempt 2 of 4 failed: refused; next in 2 s'),
        (3.5, 0.1, 'Wait: attempt 2 of 4 failed: refused; trying again'),
        (float('inf'), 90, 'Wait: attempt 2 failed: refused; next in 1m 30s'),
        (3, -5, 'Wait: attempt 2 of 3 failed: refused; trying again'),
    ],
)
def test_a_failed_attempt_is_reported_with_the_next_one(capsys, tries, seconds, line):
    Notices({}).report_retry('Wait', 2, tries, 'refused', seconds)
    assert capsys.readouterr() == ('', f'{line}\n')


@pytest.mark.parametrize('stream', [None, 'closed'])
def test_a_failed_attempt_can_be_reported_while_stderr_is_closed(monkeypatch, tmp_path, stream):
    if stream is not None:
        stream = open(tmp_path / 'errors', 'w', encoding='utf-8')  # noqa: SIM115 - it is closed at once
        stream.close()
    monkeypatch.setattr(sys, 'stderr', stream)
    Notices({}).report_retry('Wait', 1, 2, 'refused', 0)
