"""The public interface is the one in ``public_interface.txt``, so that nothing changes there by mistake.

After an intended change, run ``python tests/unit/test_public_interface.py`` and read what it changes in that file. A
line that goes breaks a promise of the manual; a new one is a promise.
"""

from __future__ import annotations

import contextlib
import difflib
import enum
import inspect
import pathlib
import re
import types

import pytest

import dojobber
import dojobber.cli

REVIEWED = pathlib.Path(__file__).with_name('public_interface.txt')


class Text:
    """An annotation that a signature shows as the source does, on every Python."""

    def __init__(self, annotation):
        self.text = getattr(annotation, '__forward_arg__', annotation)

    def __repr__(self):
        return self.text if isinstance(self.text, str) else inspect.formatannotation(self.text)


def signature_of(function):
    signature = inspect.signature(function)
    parameters = [
        parameter
        if parameter.annotation is parameter.empty
        else parameter.replace(annotation=Text(parameter.annotation))
        for parameter in signature.parameters.values()
    ]
    returned = signature.return_annotation
    return signature.replace(
        parameters=parameters, return_annotation=returned if returned is signature.empty else Text(returned)
    )


def own_annotations(kind):
    read = getattr(inspect, 'get_annotations', lambda kind: vars(kind).get('__annotations__', {}))  # new in 3.10
    return read(kind)


def members_of(kind):
    """Yield a line for each public member, those of our own base classes included."""
    if issubclass(kind, enum.Enum):
        yield from (f'{member.name} = {member.value!r}' for member in kind)
    else:
        with contextlib.suppress(ValueError):  # a warning has the signature of Python's own
            yield f'called with {signature_of(kind)}'
    is_record = hasattr(kind, '_fields')
    found = {}
    for base in kind.__mro__[::-1]:
        if not base.__module__.startswith('dojobber'):
            continue
        if not is_record:
            found.update((name, f'{name}: {text}') for name, text in own_annotations(base).items())
        for name, value in vars(base).items():
            if isinstance(value, types.FunctionType):
                found[name] = f'{name}{signature_of(value)}'
            elif isinstance(value, property):
                found[name] = f'{name}: {inspect.signature(value.fget).return_annotation}  # read-only'
            elif name in found:
                found[name] += f' = {value!r}'
    yield from (line for name, line in sorted(found.items()) if not name.startswith('_'))


def public_interface():
    """Return the names and signatures of everything public, one a line."""
    lines = []
    for name in dojobber.__all__:
        value = getattr(dojobber, name)
        if isinstance(value, type):
            bases = ', '.join(base.__name__ for base in value.__bases__ if base is not object)
            lines += ['', f'class {name}({bases})', *(f'    {line}' for line in members_of(value))]
    lines += ['', f'dojobber.cli.main{signature_of(dojobber.cli.main)}']
    lines += [f'dojobber.Listener = {dojobber.Listener}'.replace('typing.', '')]
    lines += [f'dojobber.{name}: str' for name in dojobber.__all__ if isinstance(getattr(dojobber, name), str)]
    return '\n'.join(lines[1:]) + '\n'


def test_the_public_interface_is_the_reviewed_one():
    reviewed, now = REVIEWED.read_text(encoding='utf-8').splitlines(), public_interface().splitlines()
    diff = '\n'.join(difflib.unified_diff(reviewed, now, 'reviewed', 'now', lineterm=''))
    if diff:
        pytest.fail(f'{diff}\n\nIf this is on purpose: python tests/unit/test_public_interface.py', pytrace=False)


def test_nothing_public_is_missing_from_the_reviewed_interface():
    named = re.findall(r'^(?:class |dojobber\.)(\w+)', REVIEWED.read_text(encoding='utf-8'), re.MULTILINE)
    assert sorted(named) == sorted([*dojobber.__all__, 'cli'])


if __name__ == '__main__':
    REVIEWED.write_text(public_interface(), encoding='utf-8')
