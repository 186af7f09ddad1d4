"""Job classes that are created in unusual ways."""

from __future__ import annotations

import abc
import dataclasses
import fractions
import functools
import gc
import importlib.util
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.factories import failing, job, make_engine, run_engine, scripted

from dojobber import CycleError, DepsError, DoJobber, DummyJob, Job, PlanError, RunonlyJob, State

BOTH = pytest.mark.parametrize('options', [{}, {'max_workers': 2}], ids=str)


class OfTheClass:
    """A descriptor that computes its value from the class."""

    def __init__(self, function):
        self.function = function

    def __get__(self, instance, owner):
        return self.function(owner)


def raising(error):
    """Return a descriptor that raises ``error``."""

    def get(owner):
        raise error

    return OfTheClass(get)


@pytest.mark.parametrize('error', [KeyError('region'), StopIteration(), OSError('no network'), ValueError()], ids=repr)
@pytest.mark.parametrize('name', ['DEPS', 'TRIES', 'RETRY_DELAY', 'Check', 'Run', 'Cleanup'])
@pytest.mark.parametrize('is_root', [True, False])
def test_an_error_in_a_descriptor_names_the_job_and_the_attribute(is_root, name, error):
    culprit = job('Culprit', **{name: raising(error)})
    root = culprit if is_root else job('Root', [job('Fine'), culprit])
    with pytest.raises(PlanError, match=f"^{name} of 'Culprit' cannot be read: {type(error).__name__}") as caught:
        DoJobber().configure(root)
    assert caught.value.culprit is culprit
    assert caught.value.__cause__ is error
    assert isinstance(caught.value, DepsError) is (name == 'DEPS')


@pytest.mark.parametrize('name', ['DEPS', 'TRIES', 'RETRY_DELAY'])
def test_an_attribute_error_in_a_descriptor_does_not_count_as_an_unset_attribute(name):
    for culprit in (
        job('Culprit', **{name: raising(AttributeError('region'))}),
        type('Meta', (type,), {name: property(lambda cls: cls.region)})('Culprit', (DummyJob,), {}),
    ):
        with pytest.raises(PlanError, match=f"{name} of 'Culprit' .*region"):
            DoJobber().configure(culprit)


def test_an_error_in_an_iterable_of_deps_names_the_job():
    def deps():
        yield job('Fine')
        raise KeyError('region')

    for found in deps(), OfTheClass(lambda owner: deps()):
        with pytest.raises(DepsError, match=r"DEPS of 'Culprit' .*KeyError: 'region'"):
            DoJobber().configure(job('Culprit', found))


def test_an_interrupt_while_deps_are_read_is_raised_unchanged():
    with pytest.raises(KeyboardInterrupt):
        DoJobber().configure(job('Culprit', raising(KeyboardInterrupt())))


def parted(base):
    """Return the root of a graph whose Jobs look up their DEPS by name, in a generator."""
    parts = {}

    def deps_of(owner):
        return (parts[need] for need in owner.NEEDS)

    if base == 'descriptor':
        common = type('Common', (Job,), {'DEPS': OfTheClass(deps_of), 'Check': lambda self: None})
    else:
        meta = type('Meta', (type,), {'DEPS': property(deps_of)})
        common = meta('Common', (Job,), {'Check': lambda self: None, '__module__': __name__})
    needs = {'Disk': (), 'Network': (), 'Database': ('Disk',), 'Proxy': ('Network',), 'All': ('Database', 'Proxy')}
    for name, needed in needs.items():
        parts[name] = type(common)(name, (common,), {'NEEDS': needed})
    return parts['All']


def test_deps_from_a_descriptor_that_returns_a_generator_are_read_for_each_class():
    root = parted('descriptor')
    for _ in range(2):
        engine = run_engine(root)
        assert list(engine.outcomes) == ['Disk', 'Database', 'Network', 'Proxy', 'All']
        assert {('Proxy', 'Network'), ('Database', 'Disk')} < set(engine.graph.edges())
        assert ('Proxy', 'Disk') not in engine.graph.edges()


def test_configure_does_not_change_base_classes():
    before = Job.DEPS, DummyJob.DEPS, dict(vars(Job))
    for _ in range(2):
        make_engine(parted('metaclass'))
        make_engine(parted('descriptor'))
    assert (Job.DEPS, DummyJob.DEPS, dict(vars(Job))) == before
    make_engine(job('Root', [job('Leaf')]))


def test_an_iterator_as_deps_is_instances_for_subclasses_and_for_the_next_configure():
    leaf = job('Leaf')
    base = job('Base', iter([leaf]))
    root = job('Root', [base, type('Heir', (base,), {})], DummyJob)
    for _ in range(2):
        assert set(make_engine(root).graph.edges()) == {
            ('Base', 'Leaf'),
            ('Heir', 'Leaf'),
            ('Root', 'Base'),
            ('Root', 'Heir'),
        }


METACLASSES = {
    'unhashable': {'__eq__': lambda self, other: self is other, '__hash__': None},
    'equal to all': {'__eq__': lambda self, other: True, '__hash__': lambda self: 1},
    'equal to all and unhashable': {'__eq__': lambda self, other: True, '__hash__': None},
    'false': {'__bool__': lambda self: False, '__len__': lambda self: 0},
    'called': {'__call__': lambda self, *args: type.__call__(self, *args)},
    'called and unhashable': {
        '__call__': lambda self, *args: type.__call__(self, *args),
        '__eq__': lambda self, other: True,
        '__hash__': None,
    },
}


@BOTH
@pytest.mark.parametrize('members', METACLASSES.values(), ids=METACLASSES)
def test_no_metaclass_drops_a_job_or_stops_the_run(members, options):
    meta = type('Meta', (type,), members)
    bodies = {'Check': lambda self: None, '__module__': __name__}
    first, second = (meta(name, (DummyJob,), dict(bodies)) for name in ('First', 'Second'))
    pattern = failing('Broken')  # referenced, since a class that is collected empties its dictionary
    broken = meta('Broken', (Job,), {**vars(pattern), 'TRIES': 1})
    root = meta('Root', (DummyJob,), {'DEPS': [first, second, broken, first]})
    engine = run_engine(root, **options)
    assert engine.nodestatus == {'First': True, 'Second': True, 'Broken': False, 'Root': None}
    engine.checknrun('Second')
    engine.checknrun(second)
    assert engine.nodestatus == {'Second': True}


def test_a_cycle_of_unhashable_classes_is_found():
    meta = type('Meta', (type,), METACLASSES['unhashable'])
    first = meta('First', (DummyJob,), {})
    second = meta('Second', (DummyJob,), {'DEPS': [first]})
    first.DEPS = [second]
    with pytest.raises(CycleError, match=r'First -> Second -> First|Second -> First -> Second'):
        DoJobber().configure(first)


@BOTH
def test_a_job_has_the_attributes_that_its_metaclass_sets_on_instances(options):
    class Injecting(type):
        def __call__(cls, *args, **kwargs):
            made = super().__call__(*args, **kwargs)
            made.connection = 'open'
            return made

    def init(self):
        self.storage['made'] = self.global_storage['made'] = True

    def check(self):
        return self.connection, self.storage, self.global_storage

    made = Injecting('Made', (Job,), {'__init__': init, 'Check': check})
    engine = run_engine(job('Root', [made]), **options)
    assert engine.noderesults['Made'] == ('open', {'made': True}, {'made': True})


@BOTH
@pytest.mark.parametrize('way', ['__new__', '__call__'])
def test_a_singleton_job_starts_afresh_in_each_run(options, way):
    instances = []

    def new(cls):
        if not instances:
            instances.append(Job.__new__(cls))
        return instances[0]

    def call(cls):
        if not instances:
            instances.append(type.__call__(cls))
        return instances[0]

    log = []

    def run(self):
        log.append((dict(self.storage), self.global_storage.get('earlier')))
        self.storage['left'] = self.global_storage['earlier'] = True
        return len(log)

    meta = type('Meta', (type,), {'__call__': call} if way == '__call__' else {})
    single = meta('Single', (RunonlyJob,), {'Run': run, **({'__new__': new} if way == '__new__' else {})})
    engine = make_engine(single, **options)
    for times in 1, 2, 3:
        engine.checknrun()
        assert engine.noderesults == {'Single': times}
        assert engine.outcomes['Single'].state is State.CHANGED
    assert log == [({}, None)] * 3
    engine.configure(single, no_act=True)
    engine.checknrun()
    assert engine.outcomes['Single'].state is State.WOULD_RUN


@BOTH
@pytest.mark.parametrize('more', [{}, {'frozen': True}, {'eq': True, 'unsafe_hash': True}, {'order': True}], ids=str)
def test_a_job_may_be_a_dataclass_of_any_kind(more, options):
    def check(self):
        if 'ran' not in self.storage:
            raise ValueError
        return self.user, self.global_storage is not None

    def run(self):
        self.storage['ran'] = True

    members = {
        '__annotations__': {'user': str},
        'user': 'ada',
        'Check': check,
        'Run': run,
        'Cleanup': lambda self: None,
    }
    made = dataclasses.dataclass(**more)(type('Made', (Job,), members))
    assert run_engine(made, default_tries=1, **options).noderesults == {'Made': ('ada', True)}
    runs = dataclasses.dataclass(**more)(type('Runs', (RunonlyJob,), {'Run': lambda self: 'ran'}))
    assert run_engine(runs, default_tries=1, **options).noderesults == {'Runs': 'ran'}


def test_configure_refuses_an_abstract_job_and_names_the_missing_methods():
    class Template(Job, abc.ABC):
        Check = None

        @abc.abstractmethod
        def Run(self):
            """Do it."""

        @property
        @abc.abstractmethod
        def path(self):
            """Say where."""

    class Half(Template):
        path = 'there'

        def Check(self):
            raise ValueError

    class Whole(Half):
        def Run(self):
            self.storage['ran'] = True

        def Check(self):
            return self.storage['ran']

    with pytest.raises(PlanError, match=r"'Half' is abstract.* Run") as caught:
        DoJobber().configure(job('Root', [Half]))
    assert caught.value.culprit is Half
    assert run_engine(Whole).noderesults == {'Whole': True}


class Whole:
    """An integer type like those of other libraries."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


def test_max_workers_may_be_an_integer_of_another_library():
    assert run_engine(job('Fine'), max_workers=Whole(2)).success()
    for wrong in Whole(0), Whole(-1), 2.0, '2', fractions.Fraction(2), float('inf'):
        with pytest.raises(PlanError, match='max_workers'):
            DoJobber().configure(job('Fine'), max_workers=wrong)
    numpy = pytest.importorskip('numpy')
    assert run_engine(job('Fine'), max_workers=numpy.int64(2)).success()


def test_a_class_created_twice_has_another_error_than_two_classes_of_the_same_name(tmp_path):
    path = tmp_path / 'parts.py'
    path.write_text('from dojobber import DummyJob\n\n\nclass Load(DummyJob):\n    pass\n')
    twins = []
    for name in 'parts', '__main__':
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        twins.append(module.Load)
    sys.modules['parts'] = module
    try:
        twins[1].__module__ = 'parts'
        with pytest.raises(PlanError, match="'Load' was defined twice"):
            DoJobber().configure(job('Root', twins))
    finally:
        del sys.modules['parts']
    one = type('Load', (DummyJob,), {'__module__': 'one', '__qualname__': 'Load'})
    other = type('Load', (DummyJob,), {'__module__': 'other', '__qualname__': 'Load'})
    with pytest.raises(PlanError, match=r"two different Jobs are named 'Load'.*rename"):
        DoJobber().configure(job('Root', [one, other]))


@BOTH
def test_no_job_instance_is_instances_after_the_run(options):
    alive = weakref.WeakSet()

    def check(self):
        alive.add(self)
        return 1

    leaves = [job(f'J{number}', Check=check, __hash__=object.__hash__) for number in range(4)]
    engine = make_engine(job('Root', [*leaves, scripted('Flaky', [], [], passes_at=2)], Check=check), **options)
    engine.checknrun()
    gc.collect()
    assert len(alive) == 0
    with ThreadPoolExecutor(2) as executor:
        engine.configure(job('Root', leaves), executor=executor)
        engine.checknrun()
        gc.collect()
        assert len(alive) == 0


class Stamped:
    """A mixin whose ``__new__`` sets an attribute."""

    def __new__(cls, *args, **kwargs):
        made = super().__new__(cls)
        made.stamp = 'made'
        return made


@BOTH
@pytest.mark.parametrize('base', [dict, list, int, tuple, ValueError, Stamped], ids=lambda base: base.__name__)
@pytest.mark.parametrize('is_job_first', [True, False])
def test_a_job_may_derive_from_a_class_that_defines_new(base, is_job_first, options):
    cleaned = []

    def check(self):
        if 'ran' not in self.storage:
            raise LookupError
        return isinstance(self, base), getattr(self, 'stamp', 'made'), self.global_storage

    def run(self):
        self.storage['ran'] = True

    hooks = {'Check': check, 'Run': run, 'Cleanup': lambda self: cleaned.append(self.storage)}
    mixed = type('Mixed', (Job, base) if is_job_first else (base, Job), hooks)
    engine = run_engine(mixed, default_tries=1, **options)
    assert engine.noderesults == {'Mixed': (True, 'made', {})}, engine.nodeexceptions
    assert cleaned == [{'ran': True}]


@BOTH
@pytest.mark.parametrize('descriptor', [property, functools.cached_property], ids=lambda kind: kind.__name__)
def test_hooks_may_be_properties_that_return_a_callable(descriptor, options):
    log = []

    class Computed(Job):
        @descriptor
        def Check(self):
            return lambda wanted: log.index(wanted)

        @descriptor
        def Run(self):
            return log.append

        @descriptor
        def Cleanup(self):
            return lambda: log.append('cleaned')

    engine = make_engine(Computed, default_tries=1, **options)
    engine.set_args('wanted')
    engine.checknrun()
    assert engine.noderesults == {'Computed': 0}, engine.nodeexceptions
    assert log == ['wanted', 'cleaned']
