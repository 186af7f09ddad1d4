"""The ``global_storage`` of an attempt in another process: a dict whose values are unpickled when they are read."""

from __future__ import annotations

import collections
import copy
import functools
import json
import operator
import pickle
import pprint
import string
import threading
import types

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.pickling import Caching, Unloadable

from dojobber import RemoteError
from dojobber._workers.remote.storage import LazyStorage, decode, encode, only_filled

PLAIN = {'text': 'a', 'list': [1, {'two': 2}], 'none': None, 'bytes': b'raw', 'number': 1.5, 3: (4, 5)}


def storage_with(values):
    """Return a storage that a worker has just received with these values."""
    return LazyStorage.received({key: encode(value) for key, value in values.items()})


def changes_of(storage):
    """Return the changes of a storage: the written values by key, and the deleted keys."""
    changes, failure = storage.diff('Job')
    assert failure is None
    return {key: decode(written.value) for key, written in changes.written.items()}, set(changes.deleted)


class Counted:
    """Counts how often instances are loaded."""

    count = 0

    def __setstate__(self, state):
        Counted.count += 1
        self.__dict__.update(state)

    def __init__(self):
        self.word = 'hello'


@pytest.fixture(autouse=True)
def _count_from_zero():
    Counted.count = 0


class PickledOnce:
    """Can be loaded, but not pickled again."""

    def __init__(self, is_new=True):
        self.is_new = is_new

    def __reduce__(self):
        if not self.is_new:
            raise TypeError('not twice')
        return PickledOnce, (False,)


READS = [
    pytest.param(lambda d: {**d}, id='unpacked'),
    pytest.param(lambda d: dict(d), id='dict'),
    pytest.param(lambda d: d.copy(), id='copied'),
    pytest.param(copy.copy, id='copy.copy'),
    pytest.param(copy.deepcopy, id='copy.deepcopy'),
    pytest.param(lambda d: pickle.loads(pickle.dumps(d)), id='pickled'),
    pytest.param(lambda d: pickle.loads(pickle.dumps(d, 0)), id='pickled by protocol 0'),
    pytest.param(lambda d: dict(d.items()), id='items'),
    pytest.param(lambda d: dict(zip(d, d.values())), id='values'),
    pytest.param(lambda d: {key: d[key] for key in list(d.keys())}, id='one by one'),
    pytest.param(lambda d: {key: d.get(key) for key in d}, id='get'),
    pytest.param(lambda d: {key: d.setdefault(key, 0) for key in list(d)}, id='setdefault'),
    pytest.param(lambda d: {key: d.pop(key) for key in list(d)}, id='pop'),
    pytest.param(lambda d: dict(reversed([d.popitem() for _ in range(len(d))])), id='popitem'),
    pytest.param(lambda d: [other := {}, other.update(d)][0], id='update of another'),
    pytest.param(lambda d: dict(collections.OrderedDict(d)), id='OrderedDict'),
    pytest.param(lambda d: dict(collections.defaultdict(list, d)), id='defaultdict'),
    pytest.param(lambda d: dict(collections.ChainMap({}, d)), id='ChainMap'),
    pytest.param(lambda d: dict(types.MappingProxyType(d)), id='mappingproxy'),
    pytest.param(lambda d: eval(repr(d)), id='repr'),
    pytest.param(lambda d: eval(pprint.pformat(d)), id='pprint'),
    pytest.param(lambda d: type(d)(d), id='its type'),
    pytest.param(lambda d: [items := d.items(), dict(reversed(list(reversed(items))))][1], id='items backwards'),
    pytest.param(lambda d: {key: value for key in d for value in [eval('d[key]', {'d': d, 'key': key})]}, id='eval'),
]


KEYS = st.sampled_from(['a', 'b', 'c', 1, None])
VALUES = st.one_of(st.none(), st.sampled_from(['', 'text', b'', b'bytes']), st.lists(st.integers(), max_size=2))


class TestLikeADict:
    @pytest.mark.parametrize('read', READS)
    def test_every_way_to_read_a_storage_returns_the_values(self, read):
        assert read(storage_with(PLAIN)) == PLAIN

    @pytest.mark.parametrize('read', [READS[0], *READS[2:7]])
    def test_a_copy_of_a_storage_is_a_plain_dict(self, read):
        assert type(read(storage_with(PLAIN))) is dict

    def test_a_storage_equals_a_dict_from_both_sides(self):
        other = {**PLAIN, 'list': []}
        assert isinstance(storage_with(PLAIN), dict)
        for equal in (PLAIN, storage_with(PLAIN)):
            for left, right in (
                (storage_with(PLAIN), equal),
                (equal, storage_with(PLAIN)),
                ([equal], [storage_with(PLAIN)]),
            ):
                assert operator.eq(left, right)
                assert not operator.ne(left, right)
        assert operator.ne(storage_with(PLAIN), other)
        assert operator.ne(other, storage_with(PLAIN))
        assert storage_with(PLAIN) != 5

    def test_the_union_of_a_storage_is_a_plain_dict_with_all_values(self):
        more = {'text': 'b', 'more': [6]}
        for union, right in [
            (storage_with(PLAIN) | more, {**PLAIN, **more}),
            (more | storage_with(PLAIN), {**more, **PLAIN}),
            (storage_with(PLAIN) | storage_with(more), {**PLAIN, **more}),
        ]:
            assert (type(union), union) == (dict, right)
        storage = same = storage_with(PLAIN)
        storage |= storage_with(more)
        assert storage is same
        assert storage == {**PLAIN, **more}
        with pytest.raises(TypeError):
            storage | 5

    @pytest.mark.parametrize('indent', [None, 2])
    @pytest.mark.parametrize('sort', [True, False])
    def test_json_writes_the_values_of_a_nested_storage(self, indent, sort):
        plain = {'a': [1, 2], 'b': {'c': [None, 1.5]}, 'd': 'e'}
        assert json.dumps({'x': storage_with(plain)}, indent=indent, sort_keys=sort) == json.dumps(
            {'x': plain}, indent=indent, sort_keys=sort
        )

    def test_string_formatting_finds_the_values(self):
        storage = storage_with({'a': [1]})
        assert (
            operator.mod('%(a)s', storage),
            '{a}'.format_map(storage),
            string.Template('$a').substitute(storage),
        ) == (
            '[1]',
            '[1]',
            '[1]',
        )

    def test_a_storage_can_be_passed_as_keyword_arguments(self):
        assert (lambda **keywords: keywords)(**storage_with({'a': [1], 'b': 2.5})) == {'a': [1], 'b': 2.5}

    def test_a_value_read_twice_is_the_same_object(self):
        storage = storage_with(PLAIN)
        assert storage['list'] is storage['list'] is storage.get('list') is dict(storage)['list']

    def test_length_order_truth_and_membership_are_those_of_a_dict(self):
        storage = storage_with(PLAIN)
        assert (len(storage), list(storage), list(reversed(storage)), bool(storage), bool(storage_with({}))) == (
            len(PLAIN),
            list(PLAIN),
            list(reversed(PLAIN)),
            True,
            False,
        )
        assert 'list' in storage
        assert 'other' not in storage
        assert 'list' in storage.keys()  # noqa: SIM118 - the test is about the view

    def test_missing_keys_raise_errors_or_return_defaults(self):
        storage = storage_with(PLAIN)
        for read in (
            lambda: storage['x'],
            lambda: storage.pop('x'),
            lambda: storage.__delitem__('x'),
            storage_with({}).popitem,
        ):
            with pytest.raises(KeyError):
                read()
        assert (storage.get('x'), storage.get('x', 7), storage.pop('x', 8)) == (None, 7, 8)
        with pytest.raises(TypeError):
            hash(storage)

    def test_a_storage_that_contains_itself_can_be_copied(self):
        storage = storage_with({'a': [1]})
        storage['self'] = storage
        copied = copy.deepcopy(storage)
        assert copied['self'] is copied
        assert copied['a'] == [1]

    def test_the_type_of_a_storage_creates_plain_dicts(self):
        plain = type(storage_with(PLAIN))({'a': b'raw'}, b=b'bytes')
        assert (type(plain), plain) == (dict, {'a': b'raw', 'b': b'bytes'})
        assert type(storage_with(PLAIN)).fromkeys('ab', b'x') == {'a': b'x', 'b': b'x'}

    def test_placeholders_explain_themselves_and_are_copied_as_the_value(self):
        inside = dict.get(storage_with({'a': [1]}), 'a')
        assert 'pass dict(self.global_storage) instead' in repr(inside)
        assert copy.deepcopy(inside) == pickle.loads(pickle.dumps(inside)) == [1]

    def test_threads_of_a_job_read_the_same_object(self):
        storage, found, start = storage_with({'a': Counted()}), [], threading.Barrier(8)

        def read():
            start.wait(10)
            found.append(storage['a'])

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert [value is found[0] for value in found] == [True] * 8

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.dictionaries(KEYS, VALUES), st.lists(st.tuples(KEYS, VALUES, st.integers(0, 15)), max_size=6))
    def test_a_storage_behaves_like_a_dict_under_random_operations(self, plain, steps):
        before, storage = copy.deepcopy(plain), storage_with(plain)
        for key, value, number in steps:
            assert result_of(number, storage, key, value) == result_of(number, plain, key, copy.deepcopy(value))
            assert list(storage) == list(plain)
        written, deleted = changes_of(storage)
        assert {key: before[key] for key in before if key not in deleted} | written == plain
        assert deleted == set(before) - set(plain)
        assert all(key not in before or written[key] != before[key] for key in written)
        assert storage == plain


OPERATIONS = [
    lambda d, key, value: d[key],
    lambda d, key, value: d.get(key, value),
    lambda d, key, value: d.pop(key),
    lambda d, key, value: d.pop(key, value),
    lambda d, key, value: d.popitem(),
    lambda d, key, value: d.setdefault(key, value),
    lambda d, key, value: d.__setitem__(key, value),
    lambda d, key, value: d.__delitem__(key),
    lambda d, key, value: d.update({key: value}),
    lambda d, key, value: d.clear(),
    lambda d, key, value: list(d.items()),
    lambda d, key, value: dict(d),
    lambda d, key, value: key in d,
    lambda d, key, value: d[key].append(5),
    lambda d, key, value: dict.__setitem__(d, key, value),
    lambda d, key, value: exec('x = 1', {}, d) or d.pop('x'),
]


def result_of(number, *args):
    try:
        return OPERATIONS[number](*args)
    except (KeyError, AttributeError) as error:
        return type(error)


class TestReading:
    def test_values_that_are_not_read_are_not_unpickled(self):
        storage = storage_with({f'key {number}': Counted() for number in range(5)})
        assert len(storage) == len(list(storage)) == 5
        assert 'key 1' in storage
        storage['new'] = 1
        del storage['key 0']
        assert storage.diff('Job')[0].deleted == ('key 0',)
        assert Counted.count == 0
        assert storage['key 3'].word == 'hello'
        assert Counted.count == 1

    def test_a_value_that_cannot_be_unpickled_fails_only_its_readers(self):
        storage = storage_with({'good': [1], 'bad': Unloadable()})
        assert storage['good'] == [1]
        for read in (lambda: storage['bad'], lambda: storage.get('bad'), storage.items, lambda: {**storage}):
            with pytest.raises(RemoteError, match=r"global_storage\['bad'\] cannot be read in a worker: ValueError"):
                read()
        assert changes_of(storage) == ({}, set())
        del storage['bad']
        assert storage == {'good': [1]}

    def test_an_interrupt_while_a_value_is_unpickled_is_raised(self):
        with pytest.raises(KeyboardInterrupt):
            storage_with({'bad': Interrupts()})['bad']

    def test_a_value_that_can_be_pickled_only_once_can_be_read(self):
        storage = storage_with({'once': PickledOnce()})
        assert storage['once'].is_new is False
        assert changes_of(storage) == ({}, set())


class Interrupts:
    def __reduce__(self):
        return interrupt, ()


def interrupt():
    raise KeyboardInterrupt


class TestChanges:
    def test_reading_a_value_is_not_a_change(self):
        storage = storage_with(PLAIN)
        assert dict(storage) == PLAIN
        assert changes_of(storage) == ({}, set())

    def test_setting_the_same_value_is_not_a_change(self):
        storage = storage_with(PLAIN)
        storage.update({key: copy.deepcopy(value) for key, value in PLAIN.items()})
        assert changes_of(storage) == ({}, set())

    @pytest.mark.parametrize('new', [True, 1.0, '1', b'1', [1], None])
    def test_an_equal_value_of_another_type_is_a_change(self, new):
        storage = storage_with({'one': 1})
        storage['one'] = new
        written, _ = changes_of(storage)
        assert (type(written['one']), written['one']) == (type(new), new)

    def test_a_value_changed_in_place_is_a_change(self):
        storage = storage_with(PLAIN)
        storage['list'][1]['two'] = 3
        assert changes_of(storage) == ({'list': [1, {'two': 3}]}, set())

    def test_deleting_and_setting_a_key_is_a_change_of_its_value(self):
        storage = storage_with(PLAIN)
        del storage['text'], storage['none']
        storage['none'] = 'some'
        assert changes_of(storage) == ({'none': 'some'}, {'text'})

    def test_none_in_a_storage_is_a_value(self):
        storage = storage_with({'a': [1], 'b': 2})
        storage['a']
        storage.update(a=None, b=None, c=None)
        assert changes_of(storage) == ({'a': None, 'b': None, 'c': None}, set())

    def test_a_value_that_cannot_be_pickled_is_named_and_the_others_are_sent(self):
        storage = storage_with({})
        storage.update(good=1, bad=threading.Lock(), also=2)
        changes, failure = storage.diff('Puts')
        assert set(changes.written) == {'good', 'also'}
        assert str(failure).startswith(
            "'Puts' wrote a value to global_storage['bad'] that cannot be sent: TypeError: cannot"
        )

    def test_an_object_that_caches_is_marked_as_filled(self):
        def kinds(use):
            storage = storage_with({'a': Caching('x=1 y=2')})
            use(storage)
            return [written.is_filled for written in storage.diff('Job')[0].written.values()]

        assert kinds(lambda storage: storage['a'].get('x')) == [True]
        assert kinds(lambda storage: setattr(storage['a'], 'text', 'z=3')) == [False]
        assert kinds(lambda storage: storage.update(a=Caching('x=1'))) == [False]
        assert kinds(lambda storage: storage['a']) == []


class Lazy:
    def __init__(self, number=3):
        self.number = number
        self.seen = []

    @functools.cached_property
    def square(self):
        return self.number**2


class Slotted:
    __slots__ = ('first', 'second')

    def __init__(self, **values):
        for name, value in values.items():
            setattr(self, name, value)


class TestOnlyFilled:
    @pytest.mark.parametrize('around', [lambda lazy: lazy, lambda lazy: [1, lazy], lambda lazy: {'a': (lazy,)}])
    def test_caches_of_nested_objects_count_as_filled(self, around):
        used = Lazy()
        assert used.square == 9
        assert only_filled(around(Lazy()), around(used))

    @pytest.mark.parametrize(
        ('old', 'new'),
        [
            ([], [1]),
            ({}, {'a': 1}),
            ({'a': None}, {'a': 1}),
            ({1}, {1, 2}),
            (1, 2),
            (None, 1),
            (bytearray(b'a'), bytearray(b'b')),
            (collections.deque(), collections.deque([1])),
            (Lazy(3), Lazy(4)),
            (types.SimpleNamespace(hits=0), types.SimpleNamespace(hits=1)),
            (types.SimpleNamespace(done=[]), types.SimpleNamespace(done=['a'])),
            (types.SimpleNamespace(a=1), types.SimpleNamespace()),
            (Slotted(first=1), Slotted(first=2, second=3)),
        ],
    )
    def test_other_differences_do_not_count_as_filled(self, old, new):
        assert not only_filled(old, new)

    def test_slots_and_attributes_of_none_can_be_filled(self):
        assert only_filled(Slotted(first=1), Slotted(first=1, second=2))
        assert only_filled(types.SimpleNamespace(a=None, b=[1]), types.SimpleNamespace(a=5, b=[1]))

    def test_an_object_that_contains_itself_counts_as_changed(self):
        old, new = types.SimpleNamespace(a=None), types.SimpleNamespace(a=1)
        old.me, new.me = old, new
        assert not only_filled(old, new)
