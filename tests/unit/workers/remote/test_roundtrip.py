"""Which exceptions survive pickling. The verdict must be the same each time and in every process."""

from __future__ import annotations

import builtins
import math
import os
import pathlib
import pickle
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.pickling import (
    DroppingError,
    FrozenError,
    ListingError,
    PlainError,
    PrefixingError,
    RefusingError,
    Thing,
)
from support.run_command import run_script

from dojobber import RemoteError
from dojobber._workers.remote.pickling import dumps, links_of
from dojobber._workers.remote.roundtrip import alike, picklable_or_error


class Uncomparable:
    """Cannot be compared, like an array."""

    def __eq__(self, other):
        raise ValueError('the truth value is ambiguous')

    __hash__ = object.__hash__


class NeverEqual:
    def __eq__(self, other):
        return False

    def __hash__(self):
        return 1


class UncomparableText(str):
    """A str that cannot be compared."""

    def __eq__(self, other):
        raise ValueError('not even a string')

    __hash__ = str.__hash__


class LoadsAsTextError(Exception):
    """Loads as a str."""

    def __reduce__(self):
        return str, ('not an exception',)


class WrongReductionError(Exception):
    """Returns a wrong reduction."""

    def __reduce__(self):
        return 5


class ExitsWhenLoadedError(Exception):
    """Exits while it is loaded."""

    def __reduce__(self):
        return sys.exit, (3,)


class SlottedError(Exception):
    __slots__ = ('__hidden', 'code')

    def hide(self, value):
        self.__hidden = value

    def hidden(self):
        return self.__hidden


ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(allow_nan=True),
    st.sampled_from(['', 'text', 'tëxt']),
    st.binary(max_size=3),
    st.builds(Thing),
    st.builds(Uncomparable),
    st.builds(NeverEqual),
    st.sampled_from([UncomparableText('a'), Thing, math.nan, len]),
)
WORDS = st.sets(st.sampled_from(['alpha', 'beta', 'gamma', 'delta', 'epsilon']))
ARGUMENTS = st.recursive(
    st.one_of(ATOMS, WORDS, st.builds(frozenset, WORDS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.sampled_from(['a', 'b', 3, None]), inner, max_size=3),
        st.builds(lambda members: {(len(members), each) for each in members}, WORDS),
        st.builds(lambda: {Thing(), math.nan, (1, Thing()), frozenset({'x', 'y'})}),
        st.builds(lambda value: ValueError('inner', value), inner),
    ),
    max_leaves=8,
)


NO_DEADLINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class TestProperties:
    @given(
        st.lists(ARGUMENTS, max_size=3), st.sampled_from([PlainError, KeyError, OSError, SystemExit, KeyboardInterrupt])
    )
    def test_an_exception_that_stores_its_arguments_survives_pickling(self, args, kind):
        error = kind(*args)
        for _ in range(5):
            assert picklable_or_error(error) is error

    @NO_DEADLINE
    @given(st.lists(st.text('ab', max_size=3), max_size=3), st.sampled_from([PrefixingError, ListingError]))
    def test_an_exception_that_changes_its_arguments_does_not_survive_pickling(self, words, kind):
        error = kind(words)
        for _ in range(5):
            assert isinstance(picklable_or_error(error), RemoteError)

    @NO_DEADLINE
    @given(ARGUMENTS, ARGUMENTS)
    def test_alike_is_symmetric(self, first, second):
        assert alike(first, second) == alike(second, first)
        assert alike(first, first)


SCRIPT = pathlib.Path(__file__).parents[3] / 'processes' / 'scripts' / 'pickled_sets.py'


@pytest.mark.parametrize('seed', range(6))
def test_alike_does_not_depend_on_the_order_of_sets(seed, tmp_path):
    folders = [SCRIPT.parents[2], os.environ.get('PYTHONPATH')]
    paths = os.pathsep.join(map(str, filter(None, folders)))
    status, out, err = run_script(tmp_path, SCRIPT, PYTHONHASHSEED=str(seed), PYTHONPATH=paths)
    assert (status, err) == (0, '')
    assert out.splitlines() == [
        'KeyError survives',
        'KeyError survives',
        'ValueError survives',
        'ValueError survives',
        'ValueError survives',
        'ValueError survives',
        'ListingError is replaced',
        'PrefixingError is replaced',
        'DroppingError is replaced',
        'ValueError survives',
    ]


class TestError:
    @pytest.mark.parametrize(
        ('error', 'reason'),
        [
            (PrefixingError('a'), 'it would arrive as PrefixingError: error: error: a'),
            (DroppingError(2), 'it would arrive as DroppingError: '),
            (LoadsAsTextError(), 'it would arrive as str: not an exception'),
            (WrongReductionError(), 'must return a string or tuple'),
            (ExitsWhenLoadedError(), 'SystemExit: 3'),
        ],
    )
    def test_an_exception_that_does_not_survive_pickling_is_replaced(self, error, reason):
        replaced = picklable_or_error(error)
        assert isinstance(replaced, RemoteError)
        assert str(replaced).startswith(f'{type(error).__name__}: ')
        assert reason in str(replaced)

    def test_an_immutable_exception_survives_pickling(self):
        frozen = FrozenError(5)
        arrived = pickle.loads(dumps(frozen))
        assert (type(arrived), arrived.code, arrived.args) == (FrozenError, 5, (5,))
        assert picklable_or_error(frozen) is frozen
        refusing = RefusingError('why')
        assert picklable_or_error(refusing) is refusing

    def test_public_and_private_slots_survive_pickling(self):
        error = SlottedError('why')
        error.code = 5
        error.hide([6])
        arrived = pickle.loads(dumps(error))
        assert (arrived.args, arrived.code, arrived.hidden()) == (('why',), 5, [6])

    def test_notes_survive_pickling(self):
        error = ValueError('why')
        error.__notes__ = ['a note']  # as add_note() does, from Python 3.11 on
        assert pickle.loads(dumps(error)).__notes__ == ['a note']

    def test_exceptions_whose_state_python_loses_survive_pickling(self):
        with pytest.raises(AttributeError) as caught:
            Thing().missing  # noqa: B018 - the error holds the instance
        assert picklable_or_error(caught.value) is caught.value

    @pytest.mark.skipif(sys.version_info < (3, 11), reason='needs exception groups')
    def test_exception_groups_survive_pickling_if_their_members_do(self):
        group = builtins.ExceptionGroup(
            'several', [PlainError({'a', 'b'}), builtins.ExceptionGroup('inner', [FrozenError(1), KeyError(Thing())])]
        )
        assert picklable_or_error(group) is group
        assert isinstance(picklable_or_error(builtins.ExceptionGroup('several', [PrefixingError('a')])), RemoteError)

    def test_an_exception_that_contains_itself_survives_pickling(self):
        error = PlainError([])
        error.args[0].append(error)
        error.me = error
        assert picklable_or_error(error) is error


class TestAlike:
    @pytest.mark.parametrize(
        ('first', 'second'),
        [
            (1, True),
            (1, 1.0),
            (1, 2),
            (0.5, math.nan),
            ('a', 'b'),
            (b'a', bytearray(b'a')),
            ([1], [1, 1]),
            ([1, 2], [2, 1]),
            ({'a': 1}, {'a': 2}),
            ({'a': 1}, {'b': 1}),
            ({1, 2}, {1, 3}),
            ({1}, {True}),
            ({(1, 'a')}, {(1, 'b')}),
            ({1.5, 'a'}, {2.5, 'a'}),
            (Thing(), NeverEqual()),
            (ValueError(1), ValueError(2)),
            (ValueError(1), KeyError(1)),
            (OSError(2, 'gone', 'a'), OSError(2, 'gone', 'b')),
        ],
    )
    def test_objects_that_differ_as_data_are_not_alike(self, first, second):
        assert not alike(first, second)
        assert not alike([{'deep': (first,)}], [{'deep': (second,)}])

    def test_a_big_set_is_compared_fast(self):
        def members(start):
            return {(number, str(number)) for number in range(start, start + 20_000)}

        assert alike(members(0), members(0))


def test_links_can_be_read_even_if_a_class_redefines_them():
    def chained():
        try:
            raise KeyError('first')
        except KeyError:
            raise RefusingError  # noqa: B904 - without a cause, only a context

    with pytest.raises(RefusingError) as caught:
        chained()
    cause, context, suppress = links_of(caught.value)
    assert (cause, type(context), suppress) == (None, KeyError, False)
