"""Libraries that read annotations at run time can read those of the public interface, on every Python."""

from __future__ import annotations

import inspect
import typing

import pytest

import dojobber
from dojobber.cli import main

CLASSES = {name: value for name, value in vars(dojobber).items() if name in dojobber.__all__ and inspect.isclass(value)}


def functions_of(kind):
    """Yield the public functions of a class, and those of its properties, with their names."""
    for name, value in vars(kind).items():
        function = value.fget if isinstance(value, property) else getattr(value, '__func__', value)
        if inspect.isfunction(function) and (name == '__init__' or not name.startswith('_')):
            yield name, function


FUNCTIONS = {f'{name}.{method}': function for name, kind in CLASSES.items() for method, function in functions_of(kind)}


@pytest.mark.parametrize('name', CLASSES)
def test_the_type_hints_of_a_public_class_can_be_evaluated(name):
    hints = typing.get_type_hints(CLASSES[name])
    assert hints.keys() >= vars(CLASSES[name]).get('__annotations__', {}).keys()


@pytest.mark.parametrize('name', FUNCTIONS)
def test_the_type_hints_of_a_public_method_can_be_evaluated(name):
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    assert typing.get_type_hints(FUNCTIONS[name]).keys() >= {*parameters} - {'self', 'cls'}


def test_the_type_hints_of_the_command_can_be_evaluated():
    assert typing.get_type_hints(main).keys() == {'root', 'argv', 'return'}
