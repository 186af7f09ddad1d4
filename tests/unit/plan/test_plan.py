from __future__ import annotations

import array
import functools
import math
from collections import deque
from decimal import Decimal
from fractions import Fraction

import pytest
from support.factories import chain, job

from dojobber import CycleError, DepsError, DoJobberError, DummyJob, Job, PlanError, RunonlyJob, UnknownJobError
from dojobber._plan.plan import make_plan


def planned(root, default_tries=3, default_retry_delay=1):
    return make_plan(root, default_tries, default_retry_delay)


def test_the_plan_is_the_depth_first_post_order_following_deps():
    a, b = job('A'), job('B')
    c = job('C', [b, a])
    d = job('D', [a])
    root = job('Root', [c, d, b])
    assert list(planned(root).names) == ['B', 'A', 'C', 'D', 'Root']


def test_a_subplan_is_ordered_from_its_own_root():
    a, b = job('A'), job('B')
    x = job('X', [b])
    n = job('N', [a, b])
    plan = planned(job('Root', [x, n]))
    assert list(plan.names) == ['B', 'X', 'A', 'N', 'Root']
    assert list(plan.subplan('N').names) == ['A', 'B', 'N']


@pytest.mark.parametrize(
    'made_of',
    [list, tuple, dict.fromkeys, iter, lambda deps: (dep for dep in deps), lambda deps: filter(None, deps)],
)
def test_deps_may_be_any_iterable(made_of):
    root = job('Root', made_of([job('A'), job('B')]))
    assert planned(root).dependency_names()['Root'] == ('A', 'B')
    assert planned(root).dependency_names()['Root'] == ('A', 'B'), 'the second configure() finds them as well'


def test_an_iterator_in_deps_that_is_refused_is_refused_again():
    root = job('Root', iter([job('A'), 'B']))
    for _ in range(2):
        with pytest.raises(DepsError, match=r"it contains 'B'$"):
            planned(root)


def test_an_iterator_in_deps_is_replaced_on_the_class_that_defines_it():
    base = job('Base', iter([job('A')]))
    derived = type('Derived', (base,), {})
    assert planned(derived).dependency_names()['Derived'] == ('A',)
    assert planned(base).dependency_names()['Base'] == ('A',)


def test_deps_may_grow_after_the_class_was_made():
    root = job('Root', [])
    root.DEPS.append(job('Late'))
    assert list(planned(root).names) == ['Late', 'Root']


def test_a_dependency_listed_twice_counts_once():
    a = job('A')
    assert planned(job('Root', [a, a])).dependency_names()['Root'] == ('A',)


def test_deps_are_inherited_and_empty_by_default():
    base = job('Base', [job('A')])
    assert list(planned(type('Derived', (base,), {})).names) == ['A', 'Derived']
    assert list(planned(type('Alone', (DummyJob,), {})).names) == ['Alone']


def test_a_cycle_is_refused_with_its_whole_path_and_nothing_else():
    a, b, c = job('A', [job('Aside')]), job('B', []), job('C', [])
    a.DEPS.append(b)
    b.DEPS.append(c)
    c.DEPS.append(a)
    with pytest.raises(CycleError, match=r'^Jobs depend on each other in a cycle: A -> B -> C -> A$') as caught:
        planned(job('Root', [job('Fine'), a]))
    assert caught.value.cycle == [a, b, c, a]
    assert isinstance(caught.value, (PlanError, RuntimeError))


def test_a_job_that_depends_on_itself_is_a_cycle():
    a = job('A', [])
    a.DEPS.append(a)
    with pytest.raises(CycleError) as caught:
        planned(a)
    assert caught.value.cycle == [a, a]


def broken_deps():
    yield job('Fine')
    raise OSError('the list of servers cannot be read')


@pytest.mark.parametrize(
    ('deps', 'message'),
    [
        (job('Bare'), r'DEPS of .Culprit. .* not a bare class: write DEPS = \(Bare,\)'),
        ('abc', "DEPS of 'Culprit' .* not 'abc'"),
        ('', "DEPS of 'Culprit' .* not ''"),
        (b'abc', "DEPS of 'Culprit' .* not b'abc'$"),
        (b'', "DEPS of 'Culprit' .* not b''$"),
        (None, "DEPS of 'Culprit' .* not None"),
        (Decimal(5), r"DEPS of 'Culprit' .* not Decimal\('5'\) \(TypeError: .*\)$"),
        ([5], "DEPS of 'Culprit' must be a list or tuple of Job classes, but it contains 5$"),
        ([job('Fine'), 'Fine'], "DEPS of 'Culprit' .*, but it contains 'Fine'$"),
        ([int], "DEPS of 'Culprit' .*, but it contains <class 'int'>$"),
        ([job('Fine')()], "DEPS of 'Culprit' .*, but it contains <.*Fine object at .*>$"),
        ([[job('Fine')]], r"DEPS of 'Culprit' .*, but it contains \[<class '.*Fine'>\]$"),
        (broken_deps(), "DEPS of 'Culprit' .* the list of servers cannot be read"),
    ],
)
def test_deps_that_are_not_an_iterable_of_job_classes_are_refused(deps, message):
    culprit = job('Culprit', deps)
    with pytest.raises(DepsError, match=message) as caught:
        planned(job('Root', [culprit]))
    assert caught.value.culprit is culprit
    assert isinstance(caught.value, PlanError)
    assert isinstance(caught.value, TypeError)


def test_an_error_while_reading_deps_is_the_cause():
    with pytest.raises(DepsError, match=r'\(OSError: the list of servers cannot be read\)$') as caught:
        planned(job('Culprit', broken_deps()))
    assert isinstance(caught.value.__cause__, OSError)


def test_an_interrupt_while_reading_deps_is_raised():
    def interrupted():
        yield job('Fine')
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        planned(job('Job', interrupted()))


@pytest.mark.parametrize('root', [None, 'WatchMovie', 5, int, job('Fine')(), [job('Fine')]])
def test_a_root_that_is_not_a_job_class_is_refused(root):
    with pytest.raises(DepsError, match='root must be a Job class') as caught:
        planned(root)
    assert caught.value.culprit is root


def test_the_error_of_a_wrong_root_names_it():
    with pytest.raises(DepsError, match=r"^the root must be a Job class, not 'WatchMovie'$"):
        planned('WatchMovie')


class Delayed:
    async def coroutine(self):
        raise AssertionError

    def generator(self):
        yield

    async def asynchronous_generator(self):
        yield


@pytest.mark.parametrize(('base', 'hook'), [(Job, 'Check'), (DummyJob, 'Check'), (RunonlyJob, 'Run')])
@pytest.mark.parametrize('function', [Delayed.coroutine, Delayed.generator, Delayed.asynchronous_generator])
def test_a_lazy_hook_is_refused(base, hook, function):
    culprit = job('Culprit', base=base, **{hook: function})
    with pytest.raises(PlanError, match=f"^{hook} of 'Culprit' is async or contains a yield") as caught:
        planned(job('Root', [culprit]))
    assert caught.value.culprit is culprit


def test_a_hook_can_be_any_callable():
    assert planned(job('Partial', Check=functools.partial(print)))
    assert planned(job('Builtin', base=RunonlyJob, Run=print))


def test_the_error_of_a_missing_check_points_out_a_method_named_check():
    with pytest.raises(PlanError, match=r"^'Culprit' has no Check method; rename its method check to Check$"):
        planned(type('Culprit', (Job,), {'check': lambda self: None}))


@pytest.mark.parametrize('members', [{}, {'Check': None}, {'Check': 'yes'}])
def test_a_job_without_check_is_refused(members):
    culprit = type('Culprit', (Job,), {'Run': lambda self: None, **members})
    with pytest.raises(PlanError, match="'Culprit' has no Check") as caught:
        planned(culprit)
    assert caught.value.culprit is culprit


def test_a_runonly_job_with_neither_run_nor_check_is_refused():
    culprit = type('Culprit', (RunonlyJob,), {})
    with pytest.raises(PlanError, match=r"'Culprit' .* without a Run") as caught:
        planned(culprit)
    assert caught.value.culprit is culprit


def test_a_runonly_job_with_its_own_check_can_do_without_run():
    assert list(planned(type('Fine', (RunonlyJob,), {'Check': lambda self: None})).names) == ['Fine']


class AtLeastAnything:
    def __ge__(self, other):
        return True


@pytest.mark.parametrize(
    'tries', [0, 0.999, -1, -math.inf, math.nan, '3', [3], 1j, Decimal('nan'), object(), AtLeastAnything()]
)
def test_tries_that_are_not_a_number_of_at_least_1_are_refused(tries):
    culprit = job('Culprit', TRIES=tries)
    with pytest.raises(PlanError, match="TRIES of 'Culprit' must be a number of at least 1") as caught:
        planned(culprit)
    assert caught.value.culprit is culprit
    with pytest.raises(PlanError, match='default_tries must be a number of at least 1') as caught:
        planned(job('Fine'), default_tries=tries)
    assert caught.value.culprit == 'default_tries'


@pytest.mark.parametrize('tries', [1, 2.5, math.inf, Fraction(7, 2), Decimal('1.5'), 10**400])
def test_tries_may_be_any_number_of_at_least_1(tries):
    assert planned(job('Fine', TRIES=tries)).settings[0].tries == tries
    assert planned(job('Fine'), default_tries=tries).settings[0].tries == tries


BAD_DELAYS = [-0.1, -1, math.inf, math.nan, '1', 1j, Decimal('nan'), 10**400, AtLeastAnything()]


@pytest.mark.parametrize('delay', [*BAD_DELAYS, [], *[[1, delay] for delay in BAD_DELAYS], {0: 1}, {1}, iter([1])])
def test_a_retry_delay_that_is_not_a_finite_number_of_at_least_0_is_refused(delay):
    culprit = job('Culprit', RETRY_DELAY=delay)
    with pytest.raises(PlanError, match="RETRY_DELAY of 'Culprit' must be a finite number") as caught:
        planned(culprit)
    assert caught.value.culprit is culprit
    with pytest.raises(PlanError, match='default_retry_delay must be a finite number') as caught:
        planned(job('Fine'), default_retry_delay=delay)
    assert caught.value.culprit == 'default_retry_delay'


@pytest.mark.parametrize('delay', [0, 0.02, 10.5, Fraction(1, 4), Decimal(2), 1e300])
def test_a_retry_delay_may_be_any_finite_number_of_at_least_0(delay):
    assert planned(job('Fine', RETRY_DELAY=delay)).settings[0].retry_delays == (delay,)


SEQUENCES = [[1, 2.5], (1, 2.5), deque([1, 2.5]), array.array('d', [1, 2.5]), [Fraction(1), Decimal('2.5')]]


@pytest.mark.parametrize('delays', SEQUENCES)
def test_a_retry_delay_may_be_a_sequence_of_delays(delays):
    assert planned(job('Fine', RETRY_DELAY=delays)).settings[0].retry_delays == (1.0, 2.5)
    assert planned(job('Fine'), default_retry_delay=delays).settings[0].retry_delays == (1.0, 2.5)


def test_a_retry_delay_may_be_a_range():
    assert planned(job('Fine', RETRY_DELAY=range(3))).settings[0].retry_delays == (0.0, 1.0, 2.0)


def test_a_retry_delay_may_be_an_array_or_a_number_of_numpy():
    numpy = pytest.importorskip('numpy')
    for delay in numpy.array([1, 2]), numpy.array([1.0, 2.0], 'float32'):
        assert planned(job('Fine', RETRY_DELAY=delay)).settings[0].retry_delays == (1.0, 2.0)
    for delay in numpy.float64(2), numpy.float32(2), numpy.int64(2):
        assert planned(job('Fine', RETRY_DELAY=delay)).settings[0].retry_delays == (2.0,)
    for delay in numpy.array([[1, 2]]), numpy.array([]), numpy.array([1, numpy.nan]), numpy.array(['1']):
        with pytest.raises(PlanError, match='RETRY_DELAY'):
            planned(job('Culprit', RETRY_DELAY=delay))


class Unreadable(list):
    """A list that cannot be read, as one that loads its items from a file may be."""

    def __iter__(self):
        raise OSError('the file is gone')


@pytest.mark.parametrize('delay', [[None], [[1]], (1, (2,)), [[]], ['12'], '12', b'12', Unreadable([1])])
def test_a_sequence_of_something_else_than_delays_is_refused(delay):
    culprit = job('Culprit', RETRY_DELAY=delay)
    with pytest.raises(PlanError, match="RETRY_DELAY of 'Culprit' must be a finite number") as caught:
        planned(culprit)
    assert caught.value.culprit is culprit


@pytest.mark.parametrize('name', ['TRIES', 'RETRY_DELAY'])
def test_the_error_of_a_wrong_number_shows_it(name):
    with pytest.raises(PlanError, match=r", not '3'$"):
        planned(job('Culprit', **{name: '3'}))


def test_tries_and_retry_delay_of_none_mean_the_defaults():
    plan = planned(job('Root', TRIES=None, RETRY_DELAY=None), default_tries=7, default_retry_delay=0.5)
    assert plan.settings == ((7, (0.5,), frozenset()),)


@pytest.mark.parametrize('default', [{'default_tries': None}, {'default_retry_delay': None}])
def test_a_default_of_none_is_refused(default):
    with pytest.raises(PlanError, match='not None'):
        planned(job('Root'), **default)


def test_two_classes_with_one_name_are_refused():
    one, other = job('Same'), job('Same')
    other.__module__ = 'elsewhere'
    with pytest.raises(
        PlanError, match=r"named 'Same': support\.factories\.Same and elsewhere\.Same; rename one$"
    ) as caught:
        planned(job('Root', [one, other]))
    assert caught.value.culprit is other


def test_one_class_reached_twice_is_one_job():
    a = job('A')
    assert list(planned(job('Root', [a, job('B', [a])])).names) == ['A', 'B', 'Root']


def test_shared_dependencies_are_read_once():
    level = [job('A0'), job('B0')]
    for number in range(1, 100):  # 2 ** 100 ways lead to the first level
        level = [job(f'{letter}{number}', level) for letter in 'AB']
    plan = planned(job('Root', level))
    assert len(plan.names) == len(plan.subplan('Root').names) == 201


def test_the_error_of_an_unknown_name_suggests_similar_names():
    plan = planned(job('Root', [job('StartServer'), job('StartServers')]))
    with pytest.raises(UnknownJobError) as caught:
        plan.subplan('StartSever')
    assert str(caught.value) == (
        "'StartSever' is not in the graph of 'Root'; did you mean 'StartServer' or 'StartServers'?"
    )
    assert caught.value.culprit == 'StartSever'


def test_the_error_of_a_name_unlike_all_others_suggests_nothing():
    with pytest.raises(UnknownJobError, match=r"^'xyz' is not in the graph of 'Root'$"):
        planned(job('Root')).subplan('xyz')


def test_another_class_with_the_same_name_is_not_in_the_plan():
    one, other = job('Same'), job('Same')
    other.__module__ = 'elsewhere'
    with pytest.raises(UnknownJobError) as caught:
        planned(one).subplan(other)
    assert str(caught.value) == (
        "<class 'elsewhere.Same'> is not in the graph, whose 'Same' is <class 'support.factories.Same'>"
    )
    assert caught.value.culprit is other


def test_plan_errors_are_dojobber_errors_and_runtime_errors():
    assert issubclass(PlanError, DoJobberError)
    assert issubclass(PlanError, RuntimeError)


def test_a_long_chain_is_planned_without_recursion():
    plan = planned(chain(20_000, job('Leaf')))
    assert len(plan.names) == 20_000
    assert plan.names[0] == 'Leaf'
    assert plan.subplan('Chain19997').root == 'Chain19997'


def test_a_long_cycle_is_found_without_recursion():
    leaf = job('Leaf', [])
    leaf.DEPS.append(chain(20_000, leaf))
    with pytest.raises(CycleError) as caught:
        planned(leaf)
    assert len(caught.value.cycle) == 20_001


@pytest.mark.parametrize('options', [{}, {'default_retry_delay': '1'}])
def test_the_message_about_a_bad_delay_reads_as_a_sentence(options):
    members = {} if options else {'RETRY_DELAY': '1'}
    with pytest.raises(PlanError, match=r"at least 0, or a sequence of such, not '1'$"):
        planned(job('Culprit', **members), **options)


def test_a_dry_run_has_one_attempt_of_each_job_whatever_number_its_tries_are():
    class Unhashable(Fraction):
        __hash__ = None

    plan = planned(job('Root', [job('Odd', TRIES=Unhashable(5, 2)), job('Other')]), default_tries=4)
    assert [settings.tries for settings in plan.with_one_attempt().settings] == [1, 1, 1]
