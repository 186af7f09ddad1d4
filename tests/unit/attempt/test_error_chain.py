"""Errors are captured, and chained so that none is lost."""

from __future__ import annotations

import dataclasses

import pytest

from dojobber._attempt.error_chain import capture_error, chain_errors


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    why: str


class TestChainErrors:
    def test_the_later_of_two_errors_is_raised_with_the_earlier_as_its_context(self):
        one, two = ValueError(1), ValueError(2)
        assert chain_errors([one, two]) is two
        assert two.__context__ is one

    def test_an_interrupt_is_raised_rather_than_an_error(self):
        interrupt, error = KeyboardInterrupt(), ValueError()
        assert chain_errors([interrupt, error]) is interrupt
        assert interrupt.__context__ is error

    def test_the_later_of_two_interrupts_is_raised(self):
        one, two = KeyboardInterrupt(1), KeyboardInterrupt(2)
        assert chain_errors([one, two]) is two
        assert two.__context__ is one

    def test_an_error_keeps_the_context_that_it_has_already(self):
        one, root, cause, two = ValueError('one'), ValueError('root'), ValueError('cause'), ValueError('two')
        two.__context__, cause.__context__ = cause, root
        assert chain_errors([one, two]) is two
        assert two.__context__ is cause
        assert cause.__context__ is root
        assert root.__context__ is one

    @pytest.mark.parametrize('is_one_first', [False, True])
    def test_a_cycle_of_contexts_is_followed_once(self, is_one_first):
        one, two, other = ValueError(1), ValueError(2), ValueError('other')
        one.__context__, two.__context__ = two, one
        earlier, later = (one, other) if is_one_first else (other, one)
        assert chain_errors([earlier, later]) is later
        assert later.__context__ is (one if is_one_first else two)

    def test_the_same_error_twice_does_not_make_a_cycle(self):
        one, two = ValueError(1), ValueError(2)
        assert chain_errors([one, one]) is one
        assert one.__context__ is None
        assert chain_errors([chain_errors([one, two]), one]) is one
        assert (one.__context__, two.__context__) == (two, None), 'none is lost'
        assert chain_errors([one, two, two, one, two]) is two
        assert (two.__context__, one.__context__) == (one, None)

    def test_an_interrupt_in_the_context_of_an_error_is_raised_rather_than_the_error(self):
        interrupt, before, error = KeyboardInterrupt(), ValueError('before'), ValueError('error')
        error.__context__, interrupt.__context__ = interrupt, before
        assert chain_errors([error, interrupt]) is interrupt
        assert (interrupt.__context__, before.__context__, error.__context__) == (before, error, None)

    def test_errors_of_a_frozen_class_are_chained_like_others(self):
        one, two = FrozenError('one'), FrozenError('two')
        assert chain_errors([one, two]) is two
        assert two.__context__ is one

    def test_a_context_that_both_errors_share_stays_at_the_end(self):
        outer, one, two = ValueError('outer'), ValueError(1), ValueError(2)
        one.__context__ = two.__context__ = outer
        assert chain_errors([one, two]) is two
        assert two.__context__ is one
        assert one.__context__ is outer

    def test_none_is_ignored(self):
        error = ValueError()
        assert chain_errors([None, None]) is None
        assert chain_errors([None, error]) is error
        assert chain_errors([error, None]) is error

    @pytest.mark.parametrize('in_one', [True, False])
    def test_many_errors_are_chained_to_the_last_interrupt_and_none_is_lost(self, in_one):
        errors = [ValueError(1), KeyboardInterrupt(2), None, ValueError(3), KeyboardInterrupt(4), ValueError(5)]
        if in_one:
            raised = chain_errors(errors)
        else:
            raised = None
            for error in errors:
                raised = chain_errors([raised, error])
        chain = [raised]
        while chain[-1].__context__ is not None:
            chain.append(chain[-1].__context__)
        assert chain[0] is errors[4]
        assert sorted(error.args for error in chain) == [(1,), (2,), (3,), (4,), (5,)]


def test_capture_error_returns_what_the_function_raises_or_none():
    error = KeyboardInterrupt()

    def fail(one, *, two):
        raise error

    assert capture_error(fail, 1, two=2) is error
    assert capture_error(lambda function: 5, function=1) is None
