"""Threads that read views during a run get no error and leave no stale view."""

from __future__ import annotations

import copy
import json
import pickle
import sys
import threading

import pytest
from support.factories import failing, job, make_engine, run_engine, scripted
from support.interrupts import PACKAGE
from support.workers import LIMIT

from dojobber import DoJobber, State

VIEWS = ('nodestatus', 'noderesults', 'nodeexceptions', 'outcomes')


@pytest.fixture
def _switching():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


READS = {
    'iterate': lambda view: [view.get(name) for name in view],
    'dict': dict,
    'unpack': lambda view: {**view},
    'items': lambda view: list(view.items()),
    'values': lambda view: list(view.values()),
    'repr': repr,
    'json': lambda view: json.dumps(view, default=repr),
    'equal': lambda view: view == {},
    'copy': copy.copy,
    'pickle': pickle.dumps,
}


@pytest.mark.usefixtures('_switching')
@pytest.mark.parametrize('options', [{}, {'max_workers': 3}], ids=str)
def test_threads_that_read_views_during_a_run_see_no_error_and_leave_no_stale_view(options):
    leaves = [scripted(f'J{number}', [], [], passes_at=1 + number % 3) for number in range(60)]
    root = job('Root', [*leaves, failing('Lost')])
    names = [*(leaf.__name__ for leaf in leaves), 'Lost', 'Root']
    engine = make_engine(root, **options)
    errors, is_over = [], threading.Event()

    def watch():
        while not is_over.is_set():
            for name in VIEWS:
                for how, read in READS.items():
                    try:
                        read(getattr(engine, name))
                    except Exception as error:
                        errors.append((name, how, repr(error)))
            if engine.success():
                errors.append('success')

    watchers = [threading.Thread(target=watch) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(12):
            engine.checknrun()
            passed = {name: name not in ('Lost', 'Root') for name in names}
            assert engine.nodestatus == {**passed, 'Root': None}
            assert list(engine.noderesults) == names[:-2]
            assert list(engine.nodeexceptions) == ['Lost']
            assert [o.state for o in engine.outcomes.values()] == [State.OK] * 60 + [State.FAILED, State.BLOCKED]
            assert engine.partial_success()
            assert engine.failure()
    finally:
        is_over.set()
        for watcher in watchers:
            watcher.join(LIMIT)
    assert errors == []


class PausedLook(threading.Thread):
    """A thread that calls ``look`` and pauses before line ``number`` of the package that it runs, counted from 1."""

    def __init__(self, look, number):
        super().__init__(daemon=True)
        self._look, self._number = look, number
        self.is_paused = False
        self.has_come, self.go_on = threading.Event(), threading.Event()
        self.found = None

    def run(self):
        sys.settrace(self._trace)
        try:
            self.found = self._look()
        except BaseException as error:
            self.found = error
        finally:
            sys.settrace(None)
            self.has_come.set()

    def _trace(self, frame, event, _):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        self._number -= event == 'line'
        if not self._number and not self.is_paused:
            self.is_paused = True
            self.has_come.set()
            self.go_on.wait(LIMIT)
        return self._trace


LOOKS = {**{name: lambda engine, name=name: dict(getattr(engine, name)) for name in VIEWS}, 'success': DoJobber.success}


@pytest.mark.parametrize('how', LOOKS)
def test_a_view_read_across_the_end_of_a_run_is_complete(how):
    def check(self):
        looks.append(PausedLook(lambda: LOOKS[how](engine), number))
        looks[-1].start()
        looks[-1].has_come.wait(LIMIT)

    flaky = scripted('Flaky', [], [], passes_at=2)
    looks, number = [], 1
    while True:
        engine = make_engine(job('Last', [flaky], Check=check))
        engine.checknrun()
        look = looks[-1]
        look.go_on.set()
        look.join(LIMIT)
        assert not isinstance(look.found, Exception), look.found
        assert engine.success()
        assert engine.nodestatus == {'Flaky': True, 'Last': True}
        assert engine.noderesults == {'Flaky': 2, 'Last': None}
        assert engine.nodeexceptions == {}
        assert [outcome.state for outcome in engine.outcomes.values()] == [State.OK, State.OK]
        if not look.is_paused:
            break
        number += 1
    assert number > 1


@pytest.mark.parametrize('how', LOOKS)
def test_threads_that_create_a_view_at_the_same_time_get_complete_ones(how):
    root = job('Root', [scripted('Flaky', [], [], passes_at=2), failing('Lost')])
    expected = LOOKS[how](run_engine(root))
    number = 1
    while True:
        engine = run_engine(root)
        look = PausedLook(lambda engine=engine: LOOKS[how](engine), number)
        look.start()
        look.has_come.wait(LIMIT)
        found = LOOKS[how](engine)
        look.go_on.set()
        look.join(LIMIT)
        for view in found, look.found:
            assert repr(view).count('True') == repr(expected).count('True')
            assert str(view)[:30] == str(expected)[:30]
        if not look.is_paused:
            break
        number += 1
    assert number > 1
