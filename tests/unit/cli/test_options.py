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
def test_a_value_that_cannot_be_is_said_with_the_name_of_its_option(arguments, said):
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
def test_what_would_be_ignored_is_refused(arguments, said):
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
def test_an_option_that_there_is_not_gets_a_hint_and_what_is_beside_it_is_not_repeated(arguments, said):
    assert complaint(*arguments) == said


def test_of_arguments_with_the_same_key_the_last_one_wins():
    given = ['--set-json', 'a=1', '--set', 'a=2', '--set', 'b=1', '--set-json', 'b=2']
    assert dict(parsed(*given).arguments) == {'a': '2', 'b': 2}
    assert parsed().arguments == []


def test_an_attempt_may_be_repeated_for_ever_and_without_delay():
    options = parsed('--tries', 'inf', '--retry-delay', '0')
    assert (options.tries, options.retry_delay) == (float('inf'), 0)
