"""Run Jobs whose annotations cannot be evaluated. Python 3.14 and later do not do so when they define a function.

There is no ``from __future__ import annotations`` here, since it would turn them into strings.
"""
# ruff: noqa: F821 - the annotations use names that do not exist

from functools import wraps
from typing import TYPE_CHECKING

from pool_results import print_results

from dojobber import DummyJob, Job

if TYPE_CHECKING:
    from decimal import Decimal


def twice(number: Decimal, *, factor: Decimal = 2) -> Nowhere:
    "Return the double."
    return number * factor


def noted(hook):
    @wraps(hook)
    def wrapper(self, *args: Decimal):
        return hook(self, *args)

    wrapper.note = 'kept'
    return wrapper


def countdown(number: Decimal):
    return [number, *countdown(number - 1)] if number else []


class Fields(Job):
    field: Decimal

    def Check(self, number):
        return number


class Method(Job):
    DEPS: list[Nowhere] = [Fields]

    def Check(self, number: Decimal, other: Nowhere = 3) -> Nowhere:
        return number, other, sorted(type(self).Check.__annotations__.items())


class Decorated(Job):
    @noted
    def Check(self, number: Decimal):
        return twice(number), twice.__doc__, twice.__module__, type(self).Check.note


class Recursive(Job):
    def Check(self, number):
        return countdown(3)


class Closure(Job):
    def Check(self, number):
        def inner(summand: Nowhere) -> Decimal:
            return number + summand

        return inner(4)


class All(DummyJob):
    DEPS = (Method, Decorated, Recursive, Closure)


if __name__ == '__main__':
    print_results(All)
