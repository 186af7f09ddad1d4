"""The views ``nodestatus``, ``noderesults``, ``nodeexceptions`` and ``outcomes``: dicts that follow their run."""

from __future__ import annotations

import copy
import json
import pickle
import pprint
import sys

import pytest
from support.factories import changing, failing, job, make_engine, run_engine, scripted

from dojobber import EventKind

VIEWS = ('nodestatus', 'noderesults', 'nodeexceptions', 'outcomes')


def mixed(**options):
    """Return an engine whose Jobs passed in another order than that of the plan, or failed."""
    late = scripted('Late', [], [], passes_at=2)
    return run_engine(job('Root', [late, failing('Lost'), changing('Changed'), job('Fine')]), **options)


@pytest.mark.parametrize('name', VIEWS)
def test_a_view_is_a_dict_for_every_reader(name):
    view = getattr(mixed(), name)
    plain = {key: view[key] for key in view}
    assert isinstance(view, dict)
    assert view == plain
    assert plain == view
    assert view != {}
    assert repr(view) == repr(plain)
    assert str(view) == str(plain)
    assert f'{view}' == str(plain)
    assert len(view) == len(plain) == len(list(view))
    assert {**view} == dict(view) == dict(view.items()) == dict(zip(view.keys(), view.values())) == view.copy() == plain
    assert view | {'More': 1} == {**plain, 'More': 1}
    assert {'More': 1} | view == {'More': 1, **plain}
    assert sorted(view) == sorted(plain)
    assert list(reversed(view)) == list(plain)[::-1]
    assert view.get('Nowhere', 'nothing') == 'nothing'
    assert 'Nowhere' not in view
    with pytest.raises(KeyError, match='Nowhere'):
        view['Nowhere']
    with pytest.raises(TypeError):
        hash(view)
    for copied in copy.copy(view), copy.deepcopy(view), pickle.loads(pickle.dumps(view)):
        assert type(copied) is dict
        assert list(copied) == list(plain)
        assert repr(copied) == repr(plain)
    assert json.loads(json.dumps(view, default=repr)) == json.loads(json.dumps(plain, default=repr))
    assert json.dumps(view, default=repr, indent=1) == json.dumps(plain, default=repr, indent=1)


def test_views_list_jobs_in_plan_order_in_every_way():
    engine = mixed()
    orders = {
        'nodestatus': ['Late', 'Lost', 'Changed', 'Fine', 'Root'],
        'outcomes': ['Late', 'Lost', 'Changed', 'Fine', 'Root'],
        'noderesults': ['Late', 'Changed', 'Fine'],
        'nodeexceptions': ['Lost'],
    }
    for name, order in orders.items():
        view = getattr(engine, name)
        for listed in (
            list(view),
            list(dict(view)),
            list({**view}),
            [key for key, _ in view.items()],
            list(json.loads(json.dumps(view, default=repr))),
            list(copy.deepcopy(view)),
            list(reversed(view))[::-1],
            list(view.keys()),
        ):
            assert listed == order


CHANGES = {
    'item': lambda view: view.__setitem__('Fine', False),
    'del': lambda view: view.__delitem__('Fine'),
    'pop': lambda view: view.pop('Fine'),
    'pop with a default': lambda view: view.pop('Fine', None),
    'popitem': lambda view: view.popitem(),
    'clear': lambda view: view.clear(),
    'update': lambda view: view.update(Fine=False),
    'update with nothing': lambda view: view.update(),
    'setdefault': lambda view: view.setdefault('Fine', False),
    'or': lambda view: view.__ior__({'Fine': False}),
}


@pytest.mark.parametrize('name', VIEWS)
@pytest.mark.parametrize('change', CHANGES)
def test_a_view_cannot_be_changed_and_does_not_affect_success(name, change):
    engine = run_engine(job('Fine'))
    before = dict(getattr(engine, name))
    with pytest.raises(TypeError):
        CHANGES[change](getattr(engine, name))
    assert getattr(engine, name) == before
    assert engine.success()


def test_a_view_follows_its_run_but_not_later_ones():
    looks = []

    def look(event):
        if event.kind is EventKind.ATTEMPT_FINISHED:
            looks.append((event.job, *(dict(view) for view in views())))

    def views():
        return engine.nodestatus, engine.noderesults, {name: str(e) for name, e in engine.nodeexceptions.items()}

    engine = make_engine(job('Root', [scripted('Flaky', [], [], passes_at=2), job('Fine')]), listeners=[look])
    unused = engine.nodestatus
    engine.checknrun()
    assert looks == [
        ('Flaky', {'Flaky': False, 'Fine': None, 'Root': None}, {}, {'Flaky': 'Flaky attempt 1'}),
        ('Fine', {'Flaky': False, 'Fine': True, 'Root': None}, {'Fine': None}, {'Flaky': 'Flaky attempt 1'}),
        ('Flaky', {'Flaky': True, 'Fine': True, 'Root': None}, {'Flaky': 2, 'Fine': None}, {}),
        ('Root', {'Flaky': True, 'Fine': True, 'Root': True}, {'Flaky': 2, 'Fine': None, 'Root': None}, {}),
    ]
    kept = engine.nodestatus, engine.noderesults, engine.nodeexceptions, engine.outcomes
    copies = [dict(view) for view in kept]
    engine.checknrun('Fine')
    assert engine.nodestatus == {'Fine': True}
    engine.configure(failing('Other'), default_tries=1)
    assert engine.nodestatus == {}
    engine.checknrun()
    assert [dict(view) for view in kept] == copies
    assert unused == {}


def test_the_error_of_a_job_that_passes_later_is_removed():
    found = []

    def look(event):
        if event.kind is EventKind.ATTEMPT_FINISHED:
            errors = engine.nodeexceptions
            try:
                error = errors['Flaky']
            except KeyError:
                error = 'gone'
            found.append(('Flaky' in errors, len(errors), str(errors.get('Flaky')), str(error)))

    engine = make_engine(scripted('Flaky', [], [], passes_at=2), listeners=[look])
    engine.checknrun()
    assert found == [(True, 1, 'Flaky attempt 1', 'Flaky attempt 1'), (False, 0, 'None', 'gone')]


def calls_of(function):
    """Return how many calls and returns of functions happen during ``function()``."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += 1

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize('name', VIEWS)
def test_a_lookup_after_each_attempt_takes_constant_time(name):
    def work(count):
        def look(event):
            if event.kind is EventKind.ATTEMPT_FINISHED:
                view = getattr(engine, name)
                view.get(event.job), event.job in view, len(view), bool(view), engine.success()

        leaves = [failing(f'J{number}', TRIES=1) if number % 2 else job(f'J{number}') for number in range(count)]
        engine = make_engine(job('Root', leaves), listeners=[look])
        return calls_of(engine.checknrun)

    few, many = work(200), work(400)
    assert many < 2.2 * few


@pytest.mark.parametrize('options', [{}, {'max_workers': 2}], ids=str)
def test_success_is_exact_at_every_event(options):
    seen = []

    def look(event):
        if event.kind is not EventKind.RUN_STARTED:
            seen.append((event.kind, event.job, engine.success(), engine.partial_success(), engine.failure()))

    engine = make_engine(job('Root', [job('Leaf')]), listeners=[look], **options)
    for _ in range(2):
        seen.clear()
        engine.checknrun()
        ends = [verdict[1:] for verdict in seen if verdict[0] in (EventKind.ATTEMPT_FINISHED, EventKind.RUN_FINISHED)]
        assert ends == [
            ('Leaf', False, True, True),
            ('Root', True, True, False),
            (None, True, True, False),
        ]
        assert not any(success for kind, job, success, *_ in seen if job == 'Leaf')


@pytest.mark.parametrize('is_asked_early', [True, False])
@pytest.mark.parametrize('name', VIEWS)
def test_after_the_run_pprint_shows_a_view_as_it_shows_a_dict(name, is_asked_early):
    late = scripted('Late', [], [], passes_at=2)
    root = job('Root', [late, *(failing(f'Lost{number}') for number in range(9)), *map(job, 'ABCDEFGHI')])
    engine = make_engine(root, listeners=[lambda event: getattr(engine, name) if is_asked_early else None])
    engine.checknrun()
    view = getattr(engine, name)
    assert len(pprint.pformat(view).splitlines()) >= 9
    assert pprint.pformat(view) == pprint.pformat(dict(view))
    assert repr(view) == repr(dict(view))
