"""The options: which there are, what they cannot be, and what would be ignored beside others."""

from __future__ import annotations

import pytest
from support.factories import job

from dojobber.cli.options import UsageError, parse_options

ROOT = job('Root')


def parsed(*arguments):
    return parse_options(ROOT, arguments)


def complaint(*arguments):
    with pytest.raises(UsageError) as caught:
        parsed(*arguments)
    return str(caught.value).splitlines()[-1].partition(': ')[2]


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['-j', '٣'], '-j/--jobs: expected an integer of at least 1'),
        (['-j', '1_0'], '-j/--jobs: expected an integer of at least 1'),
        (['-j', '9' * 5000], '-j/--jobs: expected an integer of at least 1'),
        (['--tries', '٣'], '--tries: expected a number'),
        (['--tries', '1_0'], '--tries: expected a number'),
        (['--tries', ''], '--tries: expected a number'),
        (['--tries', '0.5'], '--tries must be a number of at least 1, not 0.5'),
        (['--retry-delay', 'inf'], '--retry-delay must be a finite number of seconds of at least 0, not inf'),
        (['--retry-delay', 'soon'], '--retry-delay: expected a number'),
        (['--set-json', 'key=' + '[' * 100_000], '--set-json: the value of key is not valid JSON'),
    ],
)
def test_the_error_of_an_invalid_value_names_its_option(arguments, said):
    assert complaint(*arguments) == said


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--list', '--tree'], '--tree: not allowed with argument --list'),
        (['-n', '--list'], '--list: not allowed with argument -n/--no-act'),
        (['--tree', '--no-act'], '-n/--no-act: not allowed with argument --tree'),
        (['--graph', 'a.svg', '--graph', 'b.svg'], '--graph: can be given only once'),
        (['--graph', '', '--graph', 'b.svg'], '--graph: can be given only once'),
        (['--only', 'A', '--only=B'], '--only: can be given only once'),
        (['--rankdir', 'LR'], '--rankdir needs --graph, whose picture it turns'),
    ],
)
def test_options_that_would_be_ignored_are_refused(arguments, said):
    assert complaint(*arguments) == said


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--job', '3'], 'unknown option --job; did you mean --jobs?'),
        (['--no_act'], 'unknown option --no_act; did you mean --no-act?'),
        (['--verbos', '--retries=4'], 'unknown option --verbos, --retries; did you mean --verbose and --tries?'),
        (['--password=s3cret'], 'unknown option --password'),
        (['-ps3cret'], 'unknown option -p'),
        (['s3cret'], 'unexpected argument after ROOT; KEY=VALUE needs --set'),
    ],
)
def test_the_error_of_an_unknown_option_suggests_one_and_repeats_no_value(arguments, said):
    assert complaint(*arguments) == said


def test_the_last_of_several_values_for_a_key_wins():
    given = ['--set-json', 'a=1', '--set', 'a=2', '--set', 'b=1', '--set-json', 'b=2']
    assert dict(parsed(*given).arguments) == {'a': '2', 'b': 2}
    assert parsed().arguments == []


def test_tries_can_be_infinite_and_retry_delay_zero():
    options = parsed('--tries', 'inf', '--retry-delay', '0')
    assert (options.tries, options.retry_delay) == (float('inf'), 0)
