"""The options: invalid values, options that would be ignored, and unknown options."""

from __future__ import annotations

import pytest
from support.factories import job

from dojobber.cli.options import UsageError, parse_options

ROOT = job('Root')


def parse(*arguments):
    return parse_options(ROOT, arguments)


def error_of(*arguments):
    with pytest.raises(UsageError) as caught:
        parse(*arguments)
    return str(caught.value).splitlines()[-1].partition(': ')[2]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['-j', '٣'], '-j/--jobs: expected an integer of at least 1'),
        (['-j', '1_0'], '-j/--jobs: expected an integer of at least 1'),
        (['-j', '9' * 5000], '-j/--jobs: expected an integer of at least 1'),
        (['--tries', '٣'], '--tries: expected a number'),
        (['--tries', '1_0'], '--tries: expected a number'),
        (['--tries', ''], '--tries: expected a number'),
        (['--tries', '0.5'], '--tries must be a number of at least 1, not 0.5'),
        (['--retry-delay', 'inf'], '--retry-delay must be a finite number of seconds, at least 0, not inf'),
        (['--retry-delay', 'soon'], '--retry-delay: expected a number'),
        (['--set-json', 'key=' + '[' * 100_000], '--set-json: the value of key is not valid JSON'),
    ],
)
def test_the_error_of_an_invalid_value_names_its_option(arguments, message):
    assert error_of(*arguments) == message


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--list', '--tree'], '--tree: not allowed with argument --list'),
        (['-n', '--list'], '--list: not allowed with argument -n/--no-act'),
        (['--tree', '--no-act'], '-n/--no-act: not allowed with argument --tree'),
        (['--graph', 'a.svg', '--graph', 'b.svg'], '--graph: can be given only once'),
        (['--graph', '', '--graph', 'b.svg'], '--graph: can be given only once'),
        (['--only', 'A', '--only=B'], '--only: can be given only once'),
        (['--rankdir', 'LR'], '--rankdir can be used only with --graph'),
    ],
)
def test_options_that_would_be_ignored_are_refused(arguments, message):
    assert error_of(*arguments) == message


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--job', '3'], 'unknown option --job; did you mean --jobs?'),
        (['--no_act'], 'unknown option --no_act; did you mean --no-act?'),
        (['--verbos', '--retries=4'], 'unknown option --verbos, --retries; did you mean --verbose and --tries?'),
        (['--password=s3cret'], 'unknown option --password'),
        (['-ps3cret'], 'unknown option -p'),
        (['s3cret'], 'unexpected argument; KEY=VALUE needs --set'),
    ],
)
def test_the_error_of_an_unknown_option_suggests_a_known_one_and_repeats_no_value(arguments, message):
    assert error_of(*arguments) == message


def test_the_error_of_a_second_argument_of_the_command_mentions_the_root():
    with pytest.raises(UsageError, match=r'unexpected argument after ROOT; KEY=VALUE needs --set$'):
        parse_options(None, ['jobs.py', 's3cret'])


def test_the_last_of_several_values_for_a_key_wins():
    given = ['--set-json', 'a=1', '--set', 'a=2', '--set', 'b=1', '--set-json', 'b=2']
    assert dict(parse(*given).arguments) == {'a': '2', 'b': 2}
    assert parse().arguments == []


def test_tries_can_be_infinite_and_retry_delay_zero():
    options = parse('--tries', 'inf', '--retry-delay', '0')
    assert (options.tries, options.retry_delay) == (float('inf'), 0)
