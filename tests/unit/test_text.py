"""The words for people."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.asserts import mount
from support.factories import job, run_engine

from dojobber.text import error_details, error_text

FAILS = [
    sys.executable,
    '-c',
    'import sys; print("partial"); sys.stderr.write("\\n".join(map(str, range(12)))); exit(3)',
]


def error_of(function):
    """Return the exception that a Job's Check raises when it calls ``function``."""
    return run_engine(job('Root', Check=lambda self: function()), default_tries=1).nodeexceptions['Root']


def run(**options):
    return subprocess.run(FAILS, check=True, **options)


def test_the_text_of_an_error_is_its_message():
    assert error_text(KeyError('x')) == "'x'"
    assert error_text(ValueError()) == ''


@pytest.mark.parametrize('text', [True, False])
def test_the_details_of_a_failed_command_end_with_the_last_lines_of_its_stderr(text):
    error = error_of(lambda: run(capture_output=True, text=text))
    assert error_details(error).splitlines() == [str(error), *map(str, range(2, 12))]


def test_the_details_of_a_failed_command_without_stderr_end_with_its_output():
    error = error_of(lambda: run(stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
    assert error_details(error).splitlines() == [str(error), 'partial']


def test_the_details_of_a_failed_command_whose_output_was_not_captured_are_its_message():
    error = error_of(lambda: run(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    assert error_details(error) == str(error)


def test_the_details_of_a_command_that_took_too_long_end_with_its_output():
    error = subprocess.TimeoutExpired(['make'], 60, b'compiling\nlinking\n')
    assert error_details(error).splitlines() == [str(error), 'compiling', 'linking']


def test_the_details_of_a_bare_assert_are_its_source_line():
    assert error_details(error_of(mount)) == 'assert disk_is_mounted  # shown, too'
    assert error_details(AssertionError('there is no disk')) == 'there is no disk'


def test_the_details_of_an_assert_without_source_code_are_its_type():
    namespace = {}
    exec(compile('def check(): assert 0', '<nowhere>', 'exec'), namespace)
    assert error_details(error_of(namespace['check'])) == 'AssertionError'
    assert error_details(AssertionError()) == 'AssertionError'


@pytest.mark.parametrize(
    ('error', 'details'),
    [
        (KeyError('user'), "KeyError: 'user'"),
        (KeyError(), 'KeyError'),
        (ValueError(), 'ValueError'),
        (ValueError('two\nlines'), 'two\nlines'),
    ],
)
def test_the_details_of_other_errors_are_their_message_or_their_type(error, details):
    assert error_details(error) == details


def test_the_details_of_an_error_whose_str_fails_say_so():
    class OddError(Exception):
        __class__ = __traceback__ = property(lambda self: 1 / 0)

        def __str__(self):
            raise RuntimeError

    assert error_details(OddError()) == '<unprintable OddError>'
