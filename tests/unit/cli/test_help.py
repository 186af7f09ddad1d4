"""What ``help(dojobber)`` says: something about everything public, and what it shows works."""

from __future__ import annotations

import ast
import builtins
import enum
import inspect
import re
import textwrap

import pytest

import dojobber
from dojobber.cli import app as cli

PUBLIC = [getattr(dojobber, name) for name in dojobber.__all__ if name not in ('__version__', 'Listener')]
CLASSES = [thing for thing in PUBLIC if inspect.isclass(thing)]
SELF_EVIDENT = {'self', 'message'}


def members(owner):
    """Return the public functions and properties that a class defines itself, by name."""
    kinds = property, type(lambda: None)
    return {name: each for name, each in vars(owner).items() if isinstance(each, kinds) and not name.startswith('_')}


DOCUMENTED = {
    'dojobber': dojobber,
    'dojobber.cli.main': cli.main,
    **{each.__name__: each for each in PUBLIC},
    **{f'{owner.__name__}.{name}': each for owner in CLASSES for name, each in members(owner).items()},
}


@pytest.mark.parametrize('name', DOCUMENTED)
def test_every_public_docstring_starts_with_one_line(name):
    first, *rest = DOCUMENTED[name].__doc__.splitlines()
    assert first.rstrip('.') != first
    assert not rest or rest[0] == ''


def fields(owner):
    """Return what is named in the body of a class, each with the statement that follows it."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    for statement, following in zip(body.body, [*body.body[1:], None]):
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
            if not target.id.startswith('_'):
                yield target.id, following


@pytest.mark.parametrize(
    ('owner', 'field', 'following'), [(owner, *each) for owner in CLASSES for each in fields(owner)]
)
def test_every_field_is_documented_beneath_itself_and_named_in_help(owner, field, following):
    assert isinstance(following, ast.Expr)
    assert isinstance(ast.literal_eval(following.value), str)
    assert re.search(rf'``(self\.)?{field}``', owner.__doc__)


@pytest.mark.parametrize('name', [name for name, each in DOCUMENTED.items() if callable(each)])
def test_docstrings_explain_their_parameters(name):
    thing = DOCUMENTED[name]
    if inspect.isclass(thing) and issubclass(thing, enum.Enum):
        return  # it is called for a member that exists
    if inspect.isclass(thing) and thing.__init__ is thing.__mro__[1].__init__ and issubclass(thing, Exception):
        return  # it has the parameters of its base, such as a message
    parameters = inspect.signature(thing).parameters.values()
    named = {each.name for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)}
    said = inspect.getdoc(thing)
    assert [
        each for each in named - SELF_EVIDENT if not re.search(rf'``{each}``|^ +{each}: ', said, re.MULTILINE)
    ] == []


def section(title, text):
    """Return the names that a docstring lists below ``Args:`` or ``Raises:``."""
    found = re.search(rf'^{title}:\n((?:    .*\n?)+)', text, re.MULTILINE)
    listed = re.findall(r'^    (\w.*?): ', found.group(1), re.MULTILINE) if found else []
    return [name for names in listed for name in names.split(', ')]


@pytest.mark.parametrize('name', [name for name, each in DOCUMENTED.items() if callable(each)])
def test_docstrings_list_only_parameters(name):
    arguments = section('Args', inspect.getdoc(DOCUMENTED[name]))
    assert set(arguments) <= set(inspect.signature(DOCUMENTED[name]).parameters if arguments else [])


@pytest.mark.parametrize('name', DOCUMENTED)
def test_docstrings_list_errors_that_can_be_caught(name):
    for error in section('Raises', inspect.getdoc(DOCUMENTED[name])):
        assert issubclass(getattr(dojobber, error, None) or getattr(builtins, error), BaseException)


def examples(text):
    """Return the blocks of Python in a docstring."""
    found = re.findall(r'::\n\n((?:    .*\n|\n)+)', inspect.cleandoc(text) + '\n')
    return [textwrap.dedent(block).strip() + '\n' for block in found]


def test_the_examples_print_what_their_comments_say(tmp_path, monkeypatch, capsys):
    """Each goes on where the one before has ended."""
    monkeypatch.chdir(tmp_path)
    shown = {}
    blocks = [block for thing in (dojobber, dojobber.DoJobber, dojobber.Event) for block in examples(thing.__doc__)]
    assert blocks == [block for each in DOCUMENTED.values() for block in examples(each.__doc__)]
    assert len(blocks) == 3
    for block in blocks:
        exec(block, shown)
        assert capsys.readouterr().out.splitlines() == re.findall('  # (.*)$', block, re.MULTILINE)


def test_the_package_names_everything_public():
    """Errors by their base, which ``help()`` shows them under."""
    public = {each.__name__ for each in PUBLIC if not (each in CLASSES and issubclass(each, Exception))}
    named = set(re.findall(r'``([\w.]+)``', dojobber.__doc__))
    assert public | {'DoJobberError', 'dojobber.cli.main'} <= named
