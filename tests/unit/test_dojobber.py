from __future__ import annotations

import copy
import dataclasses
import gc
import os
import pickle
import signal
import threading
import time
import warnings
import weakref

import pytest
from support.factories import chain, changing, failing, job, make_engine, run_engine, scripted, stderr_lines
from support.interrupts import interrupt_everywhere
from support.workers import LIMIT

import dojobber
from dojobber import (
    CycleError,
    DoJobber,
    DoJobberError,
    DoJobberWarning,
    DummyJob,
    JobsFailedError,
    NotConfiguredError,
    Outcome,
    PlanError,
    RunonlyJob,
    State,
    UnknownJobError,
)
from dojobber.__version__ import VERSION
from dojobber._attempt import clock


def test_the_published_names_can_be_imported_from_both_places():
    import dojobber.dojobber as module

    for name in ('DoJobber', 'Job', 'DummyJob', 'RunonlyJob'):
        assert getattr(module, name) is getattr(dojobber, name)
    everything = {}
    exec('from dojobber.dojobber import *', everything)
    assert everything.keys() - {'__builtins__'} == {'DoJobber', 'Job', 'DummyJob', 'RunonlyJob'}
    assert dojobber.__version__ == '1.0.0'
    assert VERSION == (1, 0, 0), 'as 0.6.3 has it'
    assert sorted(dojobber.__all__) == dojobber.__all__


class TestConfigure:
    def test_the_published_positional_arguments_are_accepted_in_their_order(self):
        engine = DoJobber()
        engine.configure(failing('Broken'), True, True, False, False, 2, 0)
        assert stderr_lines(engine.checknrun) == ['Broken.check: fail']

    @pytest.mark.parametrize(
        'bad',
        [
            {'root': None},
            {'default_tries': 0},
            {'default_retry_delay': -1},
            {'listeners': 5},
            {'listeners': [5]},
            {'root': type('NoCheck', (dojobber.Job,), {}), 'verbose': True},
        ],
    )
    def test_a_configure_that_raises_changes_nothing(self, bad):
        engine = run_engine(job('Fine', Check=lambda self: 'result'))
        with pytest.raises(PlanError):
            engine.configure(**{'root': job('Other'), 'verbose': True, **bad})
        assert engine.nodestatus == {'Fine': True}
        assert engine.noderesults == {'Fine': 'result'}
        assert stderr_lines(engine.checknrun) == []
        assert engine.success()

    def test_listeners_that_are_not_iterable_are_refused(self):
        odd = type('Odd', (), {'__str__': lambda self: ''})()
        with pytest.raises(PlanError, match=r'^listeners must be a list of callables, not .*Odd') as caught:
            make_engine(job('Fine'), listeners=odd)
        assert caught.value.culprit is odd
        assert isinstance(caught.value.__cause__, TypeError)

    def test_a_listener_that_cannot_be_called_is_refused(self):
        with pytest.raises(PlanError, match=r"^a listener must be callable with an Event, not 'print'$") as caught:
            make_engine(job('Fine'), listeners=[print, 'print'])
        assert caught.value.culprit == 'print'

    def test_configure_clears_earlier_results_and_keeps_the_arguments(self):
        engine = run_engine(failing('Broken'), default_tries=1)
        engine.set_args(keyword='kept')
        engine.configure(job('Reads', Check=lambda self, keyword: keyword))
        assert (engine.nodestatus, engine.noderesults, engine.nodeexceptions, engine.outcomes) == ({}, {}, {}, {})
        assert (engine.success(), engine.partial_success(), engine.failure()) == (False, False, True)
        engine.checknrun()
        assert engine.noderesults == {'Reads': 'kept'}

    def test_configure_replaces_the_graph(self):
        engine = make_engine(job('One', [job('Two')]))
        engine.configure(job('Three'))
        engine.checknrun()
        assert list(engine.nodestatus) == ['Three']

    def test_a_running_job_cannot_replace_the_graph(self):
        other = job('Other')
        engine = make_engine(job('Replaces', Check=lambda self: engine.configure(other)), default_tries=1)
        engine.checknrun()
        error = engine.nodeexceptions['Replaces']
        assert isinstance(error, PlanError)
        assert str(error).startswith('configure() cannot replace the graph')
        assert error.culprit is other
        assert engine.nodestatus == {'Replaces': False}

    def test_changes_of_deps_after_configure_have_no_effect(self):
        root = job('Root', [job('Leaf')])
        engine = make_engine(root)
        root.DEPS.append(job('Late'))
        engine.checknrun()
        assert list(engine.nodestatus) == ['Leaf', 'Root']

    def test_a_cycle_is_refused(self):
        a = job('A', [])
        a.DEPS.append(job('B', [a]))
        with pytest.raises(CycleError, match='A -> B -> A'):
            DoJobber().configure(a)


class TestSetArgs:
    def test_every_check_and_run_gets_the_latest_arguments(self):
        seen = []

        def note(self, *args, **kwargs):
            seen.append((args, kwargs))
            assert len(seen) >= 3

        engine = make_engine(job('Root', [job('Seen', Check=note, Run=note)], Check=note))
        engine.set_args('early', early=True)
        engine.set_args(1, self='even this name', two=2)
        engine.set_args(1, two=2)
        engine.checknrun()
        assert seen == [((1,), {'two': 2})] * 4

    def test_set_args_accepts_any_keyword(self):
        engine = make_engine(job('Seen', Check=lambda job_, **kwargs: kwargs))
        engine.set_args(self=1, function=2, node=3, call=4)
        engine.checknrun()
        assert engine.noderesults['Seen'] == {'self': 1, 'function': 2, 'node': 3, 'call': 4}

    def test_a_job_that_changes_its_kwargs_changes_them_for_no_other(self):
        def change(self, **kwargs):
            kwargs['value'] = 'changed'

        engine = make_engine(job('Root', [job('Changes', Check=change)], Check=lambda self, **kwargs: kwargs['value']))
        engine.set_args(value='set')
        engine.checknrun()
        assert engine.noderesults['Root'] == 'set'


class TestStatus:
    def test_status_before_any_run(self):
        for engine in (DoJobber(), make_engine(job('Fine'))):
            assert engine.success() is False
            assert engine.partial_success() is False
            assert engine.failure() is True
            assert engine.nodestatus == engine.noderesults == engine.nodeexceptions == engine.outcomes == {}

    def test_status_when_all_jobs_passed(self):
        engine = run_engine(job('Root', [job('Leaf')]))
        assert (engine.success(), engine.partial_success(), engine.failure()) == (True, True, False)

    def test_status_when_some_jobs_passed(self):
        engine = run_engine(job('Root', [job('Leaf'), failing('Broken')]), default_tries=1)
        assert (engine.success(), engine.partial_success(), engine.failure()) == (False, True, True)

    def test_status_when_no_job_passed(self):
        engine = run_engine(job('Root', [failing('Broken')]), default_tries=1)
        assert (engine.success(), engine.partial_success(), engine.failure()) == (False, False, True)

    def test_nodestatus_is_true_false_or_none(self):
        engine = run_engine(job('Root', [job('Leaf'), failing('Broken')]), default_tries=1)
        assert engine.nodestatus == {'Leaf': True, 'Broken': False, 'Root': None}

    def test_noderesults_hold_return_values_of_passing_checks(self):
        leaf = job('Leaf', Check=lambda self: self.storage['made'], Run=lambda self: self.storage.update(made='result'))
        assert run_engine(job('Root', [leaf, failing('Broken')])).noderesults == {'Leaf': 'result'}

    def test_nodeexceptions_hold_the_last_attempts_recheck_error(self):
        broken = scripted('Broken', (), [], passes_at=9)
        engine = run_engine(broken, default_tries=3)
        assert str(engine.nodeexceptions['Broken']) == 'Broken attempt 3'

    def test_nodeexceptions_hold_only_jobs_that_failed_in_the_end(self):
        engine = run_engine(scripted('Late', (), [], passes_at=3))
        assert engine.nodeexceptions == {}
        assert engine.success()

    def test_nodeexceptions_hold_the_error_of_check_with_no_act(self):
        engine = run_engine(changing('Changes'), no_act=True)
        assert str(engine.nodeexceptions['Changes']) == 'Changes is not done'

    def test_stored_exceptions_keep_nothing_alive_but_the_jobs_own_frames(self):
        class Thing:
            pass

        def script():
            thing = Thing()
            return weakref.ref(thing), run_engine(job('Root', [failing('Broken'), changing('Fine')]))

        thing, engine = script()
        gc.collect()
        frame = engine.nodeexceptions['Broken'].__traceback__.tb_frame
        assert (frame.f_code.co_name, frame.f_back.f_back) == ('check', None)
        assert thing() is None

    def test_the_status_can_be_read_during_a_run(self):
        seen = []
        leaf = job('Leaf', Check=lambda self: seen.append(dict(engine.nodestatus)))
        root = job('Root', [leaf], Check=lambda self: seen.append(dict(engine.nodestatus)))
        engine = make_engine(root)
        engine.checknrun()
        assert seen == [{'Leaf': None, 'Root': None}, {'Leaf': True, 'Root': None}]

    def test_views_follow_their_run_and_later_runs_do_not_change_them(self):
        views = []

        def ask(self):
            views.append((engine.nodestatus, engine.noderesults, engine.nodeexceptions, engine.outcomes))
            return len(views)

        engine = make_engine(job('Root', [job('Asks', Check=ask), failing('Broken')]), default_tries=1)
        engine.checknrun()
        status, results, exceptions, outcomes = views[0]
        engine.checknrun()
        assert status == {'Asks': True, 'Broken': False, 'Root': None}
        assert results == {'Asks': 1}
        assert [str(error) for error in exceptions.values()] == ['Broken is not done']
        assert exceptions['Broken'] is not engine.nodeexceptions['Broken']
        assert {name: outcome.state for name, outcome in outcomes.items()} == {
            'Asks': State.OK,
            'Broken': State.FAILED,
            'Root': State.BLOCKED,
        }
        assert engine.noderesults == {'Asks': 2}


class TestOutcomes:
    def outcomes(self, root, **options):
        return run_engine(root, **options).outcomes

    def test_a_run_can_leave_every_state(self):
        broken = failing('Broken')
        root = job('Root', [job('Fine'), changing('Changed'), broken, job('Held', [broken])])
        outcomes = self.outcomes(root, default_tries=2)
        assert {name: outcome.state for name, outcome in outcomes.items()} == {
            'Fine': State.OK,
            'Changed': State.CHANGED,
            'Broken': State.FAILED,
            'Held': State.BLOCKED,
            'Root': State.BLOCKED,
        }
        assert outcomes['Root'].blocked_by == ('Broken', 'Held')
        assert (outcomes['Broken'].tries, outcomes['Fine'].tries, outcomes['Root'].tries) == (2, 1, 0)

    def test_no_act_distinguishes_jobs_that_would_run_from_failed_ones(self):
        changes, check_only = changing('Changes'), job('CheckOnly', Check=lambda self: 1 / 0)
        engine = run_engine(job('Root', [changes, check_only]), no_act=True)
        states = {name: outcome.state for name, outcome in engine.outcomes.items()}
        assert states == {'Changes': State.WOULD_RUN, 'CheckOnly': State.FAILED, 'Root': State.BLOCKED}
        assert engine.outcomes['Root'].blocked_by == ('Changes', 'CheckOnly')
        assert engine.nodestatus == {'Changes': False, 'CheckOnly': False, 'Root': None}

    def test_an_interrupted_job_has_failed_and_later_jobs_are_not_run(self):
        def interrupt(self):
            raise KeyboardInterrupt

        hit = job('Hit', Check=interrupt)
        engine = make_engine(job('Root', [hit, job('Later')]))
        with pytest.raises(KeyboardInterrupt):
            engine.checknrun()
        assert engine.outcomes['Hit'].state is State.FAILED
        assert engine.outcomes['Later'].state is State.NOT_RUN
        assert engine.outcomes['Root'] == Outcome(State.BLOCKED, blocked_by=('Hit',))

    @pytest.mark.parametrize('no_act', [False, True])
    def test_an_interrupt_while_run_is_looked_up_is_raised(self, no_act):
        def interrupt(self):
            raise KeyboardInterrupt

        engine = make_engine(failing('Hit', Run=property(interrupt)), no_act=no_act)
        with pytest.raises(KeyboardInterrupt):
            engine.checknrun()
        assert engine.outcomes['Hit'].state is State.FAILED

    def test_seconds_are_summed_by_phase_over_all_attempts(self):
        outcome = self.outcomes(failing('Broken'), default_tries=2)['Broken']
        assert set(outcome.phases) == {'check', 'run', 'recheck'}
        assert outcome.seconds == sum(outcome.phases.values()) > 0


class TestRaiseForFailure:
    def test_it_raises_nothing_if_every_job_has_passed(self):
        run_engine(job('Root', [changing('Leaf')])).raise_for_failure()

    def test_it_needs_a_run(self):
        engine = DoJobber()
        with pytest.raises(NotConfiguredError, match='call checknrun'):
            engine.raise_for_failure()
        engine.configure(job('Root'))
        with pytest.raises(NotConfiguredError, match='call checknrun'):
            engine.raise_for_failure()

    def test_its_message_lists_the_failed_jobs_with_their_errors_and_counts_the_others(self):
        def run(self):
            raise OSError('no space left\non the disk')

        engine = run_engine(
            job('Root', [failing('Full', Run=run), job('Fine'), failing('Old'), job('Next', [failing('Old2')])])
        )
        with pytest.raises(JobsFailedError) as caught:
            engine.raise_for_failure()
        assert str(caught.value).splitlines() == [
            '3 failed, 2 blocked, of 6 Jobs',
            'Full: Full is not done',
            '    its Run: no space left',
            '        on the disk',
            'Old: Old is not done',
            'Old2: Old2 is not done',
        ]
        assert isinstance(caught.value, RuntimeError)
        assert caught.value.culprit == ('Full', 'Old', 'Old2')
        assert caught.value.outcomes is engine.outcomes
        assert pickle.loads(pickle.dumps(caught.value)).culprit == ('Full', 'Old', 'Old2')

    def test_a_long_list_of_failed_jobs_is_cut_short(self):
        engine = run_engine(job('Root', [failing(f'J{number}') for number in range(30)]), default_tries=1)
        with pytest.raises(JobsFailedError) as caught:
            engine.raise_for_failure()
        assert str(caught.value).splitlines()[-2:] == ['J19: J19 is not done', 'and 10 more']
        assert len(caught.value.culprit) == 30

    def test_jobs_that_would_run_and_jobs_not_run_have_not_passed(self):
        with pytest.raises(JobsFailedError, match=r'^1 would run, of 1 Job\nRoot: Root is not done$'):
            run_engine(failing('Root'), no_act=True).raise_for_failure()

        def interrupt(self):
            raise KeyboardInterrupt

        engine = make_engine(job('Root', [job('Leaf', Check=interrupt), job('Later')]))
        with pytest.raises(KeyboardInterrupt):
            engine.checknrun()
        with pytest.raises(
            JobsFailedError, match=r'^1 failed, 1 blocked, 1 not run, of 3 Jobs\nLeaf: KeyboardInterrupt$'
        ):
            engine.raise_for_failure()


class TestChecknrun:
    def test_checknrun_returns_none(self):
        assert make_engine(job('Fine')).checknrun() is None

    def test_checknrun_before_configure_is_an_error(self):
        with pytest.raises(NotConfiguredError, match=r'checknrun\(\) .* call configure\(\) first') as caught:
            DoJobber().checknrun()
        assert isinstance(caught.value, RuntimeError)
        assert caught.value.culprit == 'checknrun()'

    @pytest.mark.parametrize('by', ['class', 'name'])
    def test_a_subgraph_runs_alone_and_only_its_jobs_have_a_status(self, by):
        middle = job('Middle', [job('Leaf')])
        engine = make_engine(job('Root', [middle, failing('Broken')]))
        engine.checknrun(middle if by == 'class' else 'Middle')
        assert engine.nodestatus == {'Leaf': True, 'Middle': True}
        assert list(engine.outcomes) == ['Leaf', 'Middle']
        assert engine.success()

    def test_a_subgraph_can_fail(self):
        middle = job('Middle', [failing('Broken')])
        engine = make_engine(job('Root', [job('Fine'), middle]), default_tries=2)
        engine.checknrun('Middle')
        assert engine.nodestatus == {'Broken': False, 'Middle': None}

    @pytest.mark.parametrize('nodes', [['Middle', 'Other'], ('Other', 'Middle'), {'Middle': 1, 'Other': 2}])
    def test_a_list_of_jobs_is_run_with_everything_they_depend_on(self, nodes):
        middle, other = job('Middle', [job('Leaf')]), job('Other', [job('Deep')])
        engine = make_engine(job('Root', [middle, job('Unasked'), other]))
        engine.checknrun(nodes)
        assert set(engine.outcomes) == {'Leaf', 'Middle', 'Deep', 'Other'}
        assert list(engine.outcomes)[-1] == list(nodes)[-1]
        assert engine.success()
        engine.checknrun([middle, 'Leaf', middle])
        assert list(engine.outcomes) == ['Leaf', 'Middle']

    def test_an_empty_list_of_jobs_and_a_list_with_a_stranger_are_refused(self):
        engine = make_engine(job('Root', [job('Leaf')]))
        with pytest.raises(UnknownJobError, match='must not be empty'):
            engine.checknrun([])
        with pytest.raises(UnknownJobError, match=r"'Lefa' is not in the graph.*did you mean 'Leaf'") as caught:
            engine.checknrun(['Root', 'Lefa'])
        assert caught.value.culprit == 'Lefa'
        assert not engine.outcomes

    @pytest.mark.parametrize('node', ['Lefa', 'root', '', 5, object(), failing('Leaf'), int])
    def test_a_job_that_is_not_in_the_graph_is_refused_and_nothing_changes(self, node):
        engine = run_engine(job('Root', [job('Leaf')]))
        with pytest.raises(UnknownJobError, match=r'not in the graph|not the .* of the graph') as caught:
            engine.checknrun(node)
        assert isinstance(caught.value, LookupError)
        assert caught.value.culprit is node
        assert engine.success()

    def test_a_misspelled_name_gets_a_suggestion(self):
        with pytest.raises(UnknownJobError, match="did you mean 'WatchMovie'"):
            make_engine(job('WatchMovie')).checknrun('WatchMovies')

    def test_every_run_starts_afresh(self):
        log = []
        engine = make_engine(job('Root', [scripted('Late', (), log, passes_at=2, runs=True)]))
        engine.checknrun()
        first, first_outcomes = list(log), engine.outcomes
        log.clear()
        engine.checknrun()
        assert log == first
        assert [outcome.tries for outcome in engine.outcomes.values()] == [
            outcome.tries for outcome in first_outcomes.values()
        ]

    def test_checknrun_of_a_running_engine_is_an_error(self):
        def again(self):
            engine.checknrun('Again')

        engine = make_engine(job('Again', Check=again), default_tries=1)
        engine.checknrun()
        error = engine.nodeexceptions['Again']
        assert isinstance(error, DoJobberError)
        assert str(error).startswith('checknrun() is already running')
        assert error.culprit == 'Again'

    def test_an_interrupt_is_raised_in_the_context_of_what_the_script_is_handling(self):
        interrupt, handled = KeyboardInterrupt(), OSError('of the script')

        def check(self):
            raise interrupt

        engine = make_engine(job('Hit', Check=check))
        try:
            raise handled
        except OSError:
            with pytest.raises(KeyboardInterrupt):
                engine.checknrun()
        assert interrupt.__context__ is handled

    def test_after_an_interrupt_the_engine_can_be_used_again(self):
        interrupts = [KeyboardInterrupt()]

        def check(self):
            if interrupts:
                raise interrupts.pop()

        engine = make_engine(job('Hit', Check=check))
        with pytest.raises(KeyboardInterrupt):
            engine.checknrun()
        engine.checknrun()
        assert engine.success()

    def test_a_job_can_run_its_own_engine(self):
        inner_root = job('Inner', [failing('Broken')])

        def check(self):
            return run_engine(inner_root, default_tries=1).nodestatus

        assert run_engine(job('Outer', Check=check)).noderesults == {'Outer': {'Broken': False, 'Inner': None}}

    def test_two_engines_can_run_in_two_threads(self):
        engines = [make_engine(chain(50, changing('Leaf'))) for _ in range(2)]
        threads = [threading.Thread(target=engine.checknrun) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
            assert not thread.is_alive()
        assert all(engine.success() for engine in engines)


class TestTries:
    def tries(self, root, **options):
        return {name: outcome.tries for name, outcome in run_engine(root, **options).outcomes.items()}

    def test_default_tries_is_3_and_can_be_changed(self):
        assert self.tries(failing('Broken')) == {'Broken': 3}
        assert self.tries(failing('Broken'), default_tries=5) == {'Broken': 5}

    def test_tries_of_a_job_override_the_default(self):
        assert self.tries(failing('Broken', TRIES=2), default_tries=5) == {'Broken': 2}

    def test_tries_can_be_fractional_or_infinite(self):
        assert self.tries(failing('Broken', TRIES=1.5)) == {'Broken': 2}
        assert self.tries(scripted('Late', (), [], passes_at=50, TRIES=float('inf'))) == {'Late': 50}

    def test_no_act_makes_one_attempt(self):
        assert self.tries(failing('Broken', TRIES=5), no_act=True) == {'Broken': 1}

    def test_changes_of_tries_during_a_run_have_no_effect(self):
        def check(self):
            type(self).TRIES = 9
            raise ValueError

        assert self.tries(job('Broken', Check=check, TRIES=2)) == {'Broken': 2}


class TestStorage:
    def test_the_global_storage_is_shared_by_the_jobs_of_a_run_and_survives_retries(self):
        log = []
        first = job('First', Check=lambda self: self.global_storage.update(first='set'))
        engine = run_engine(
            job('Root', [first, scripted('Late', (), log, 2)], Check=lambda self: self.global_storage['first'])
        )
        assert engine.noderesults['Root'] == 'set'
        assert engine.noderesults['Late'] == 2

    def test_each_run_has_its_own_global_storage(self):
        seen = []
        engine = make_engine(job('Job', Check=lambda self: seen.append(self.global_storage)))
        engine.checknrun()
        engine.checknrun()
        assert seen[0] is not seen[1]


class TestRetryDelay:
    def test_the_default_retry_delay_is_a_second_of_the_monotonic_clock(self, fake_clock):
        engine = DoJobber()
        before = time.monotonic()
        assert before <= engine._clock.monotonic() <= time.monotonic()
        assert engine._clock.sleep is clock.sleep
        engine._clock = fake_clock
        engine.configure(failing('Broken'))
        engine.checknrun()
        assert fake_clock.sleeps == [1.0, 1.0]

    def test_a_stopped_clock_does_not_stop_the_engine(self, monkeypatch):
        for name in 'monotonic', 'perf_counter', 'time':
            monkeypatch.setattr(time, name, lambda: 0.0)
        monkeypatch.setattr(time, 'sleep', lambda seconds: pytest.fail('slept on the stopped clock'))
        engine = DoJobber()
        engine.configure(failing('Broken', TRIES=3, RETRY_DELAY=0.001))
        engine.checknrun()
        assert engine.outcomes['Broken'].tries == 3

    def test_the_retry_delay_runs_from_start_to_start(self, fake_clock):
        starts = []

        def check(self):
            starts.append(fake_clock.now)
            fake_clock.now += 0.5
            raise ValueError

        run_engine(job('Slow', Check=check, RETRY_DELAY=2, TRIES=3), clock=fake_clock, no_act=False)
        assert starts[::2] == [1000.0, 1002.0, 1004.0]

    def test_the_default_retry_delay_can_be_changed(self, fake_clock):
        run_engine(failing('Broken'), clock=fake_clock, default_tries=2, default_retry_delay=7)
        assert fake_clock.now == 1007.0

    def test_the_engine_does_not_sleep_while_a_job_is_ready(self, fake_clock):
        log = []
        waits = scripted('Waits', (), log, passes_at=2, RETRY_DELAY=60)
        root = job('Root', [waits, scripted('Quick', (), log), scripted('Late', (), log, passes_at=3, RETRY_DELAY=1)])
        run_engine(root, clock=fake_clock)
        names = [name for name, phase in log if phase == 'check']
        assert names == ['Waits', 'Quick', 'Late', 'Late', 'Late', 'Waits']
        assert fake_clock.now == 1060.0

    def test_a_huge_retry_delay_is_split_into_sleeps(self, fake_clock):
        run_engine(failing('Broken', RETRY_DELAY=1_000_000), clock=fake_clock, default_tries=2)
        assert fake_clock.now == 1_001_000.0
        assert max(fake_clock.sleeps) <= 86_400

    def test_no_act_does_not_wait(self, fake_clock):
        run_engine(failing('Broken', RETRY_DELAY=60), clock=fake_clock, no_act=True)
        assert fake_clock.sleeps == []


class TestDirectory:
    def test_every_phase_and_the_caller_find_the_directory_of_checknrun(self, tmp_path):
        os.chdir(tmp_path)
        seen = []

        def step(self):
            seen.append(os.getcwd())
            os.chdir('/')

        def cleanup(self):
            seen.append(os.getcwd())
            os.chdir('/')

        run_engine(
            job('Root', [changing('Changed', Run=step, Cleanup=cleanup), job('Leaf', Check=step)]), default_tries=1
        )
        assert seen == [str(tmp_path)] * 3
        assert os.getcwd() == str(tmp_path)

    def test_the_directory_is_restored_after_an_interrupt(self, tmp_path):
        os.chdir(tmp_path)

        def check(self):
            os.chdir('/')
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_engine(job('Hit', Check=check))
        assert os.getcwd() == str(tmp_path)

    def test_a_directory_that_a_job_removes_fails_the_later_jobs(self, tmp_path, caplog):
        (tmp_path / 'home').mkdir()
        os.chdir(tmp_path / 'home')
        removes = job('Removes', Check=lambda self: os.rmdir(tmp_path / 'home'))
        engine = run_engine(job('Root', [removes, job('After')]), default_tries=1)
        os.chdir(tmp_path)
        assert engine.nodestatus == {'Removes': True, 'After': False, 'Root': None}
        assert isinstance(engine.nodeexceptions['After'], FileNotFoundError)
        (record,) = caplog.records
        assert record.getMessage() == f'cannot return to the directory {str(tmp_path / "home")!r}'

    def test_a_directory_that_is_gone_before_the_run_fails_every_job(self, tmp_path, caplog):
        (tmp_path / 'home').mkdir()
        os.chdir(tmp_path / 'home')
        os.rmdir(tmp_path / 'home')
        engine = run_engine(job('Fine'), default_tries=1)
        os.chdir(tmp_path)
        assert engine.nodestatus == {'Fine': False}
        assert caplog.text == '', 'there is nothing to return to'


class TestCleanup:
    def cleaning(self, log, name, deps=(), error=None, **members):
        def cleanup(self):
            log.append(name)
            if error is not None:
                raise error

        return changing(name, deps, Cleanup=cleanup, **members)

    def test_cleanups_are_called_in_reverse_for_each_attempt_that_called_run(self):
        log = []
        late = scripted('Late', [self.cleaning(log, 'First')], log, passes_at=2, runs=True)
        run_engine(job('Root', [late, self.cleaning(log, 'Last')], Cleanup=lambda self: log.append('Root')))
        assert [entry for entry in log if entry[1] == 'cleanup' or isinstance(entry, str)] == [
            ('Late', 'cleanup'),
            'Last',
            ('Late', 'cleanup'),
            'First',
        ]

    def test_cleanups_are_called_when_jobs_failed(self):
        log = []
        run_engine(
            job('Root', [self.cleaning(log, 'Done'), failing('Broken', Cleanup=lambda self: log.append('Broken'))])
        )
        assert log == ['Broken', 'Broken', 'Broken', 'Done']

    def test_a_cleanup_shares_the_storage_of_its_attempt(self):
        seen = []

        def check(self):
            raise ValueError

        def run(self):
            self.storage['try'] = self.global_storage['try'] = self.global_storage.get('try', 0) + 1

        run_engine(job('Tries', Check=check, Run=run, Cleanup=lambda self: seen.append(self.storage['try'])))
        assert seen == [3, 2, 1]

    def test_no_act_calls_no_cleanup(self):
        log = []
        run_engine(self.cleaning(log, 'Done'), no_act=True)
        assert log == []

    @pytest.mark.parametrize('engine_option', [True, False])
    def test_with_cleanup_false_cleanups_wait_for_cleanup(self, engine_option):
        log = []
        engine = DoJobber(cleanup=not engine_option)
        engine.configure(self.cleaning(log, 'Done'), **({'cleanup': False} if not engine_option else {}))
        engine.checknrun()
        assert log == []
        engine.cleanup()
        assert log == ['Done']
        engine.cleanup()
        assert log == ['Done']

    def test_cleanup_of_configure_overrides_that_of_the_constructor(self):
        log = []
        engine = DoJobber(cleanup=False)
        engine.configure(self.cleaning(log, 'Done'), cleanup=True)
        engine.checknrun()
        assert log == ['Done']

    def test_pending_cleanups_survive_further_runs_and_configurations(self):
        log = []
        engine = make_engine(self.cleaning(log, 'One'), cleanup=False)
        engine.checknrun()
        engine.checknrun()
        engine.configure(self.cleaning(log, 'Two'), cleanup=False)
        engine.checknrun()
        assert log == []
        engine.cleanup()
        assert log == ['Two', 'One', 'One']

    @pytest.mark.parametrize('options', [{}, {'no_act': True}])
    def test_a_later_run_with_cleanup_calls_only_its_own(self, options):
        log = []
        engine = make_engine(self.cleaning(log, 'One'), cleanup=False)
        engine.checknrun()
        engine.configure(self.cleaning(log, 'Two'), **options)
        engine.checknrun()
        assert log == ([] if options else ['Two'])
        engine.cleanup()
        assert log == ([] if options else ['Two']) + ['One']

    def test_errors_of_cleanups_are_kept_while_the_script_handles_an_error(self):
        log = []
        first, second = ValueError('first'), ValueError('second')
        engine = make_engine(job('Root', [self.cleaning(log, 'A', error=second), self.cleaning(log, 'B', error=first)]))
        handled = OSError('of the script')
        try:
            raise handled
        except OSError:
            with pytest.raises(ValueError, match='second') as caught:
                engine.checknrun()
        assert caught.value is second
        assert second.__context__ is first
        assert first.__context__ is handled

    def test_immutable_errors_of_cleanups_are_raised(self):
        @dataclasses.dataclass(frozen=True)
        class FrozenError(Exception):
            why: str

        first, second = FrozenError('first'), FrozenError('second')
        engine = make_engine(job('Root', [self.cleaning([], 'A', error=second), self.cleaning([], 'B', error=first)]))
        try:
            raise OSError('of the script')
        except OSError:
            with pytest.raises(FrozenError) as caught:
                engine.checknrun()
        assert caught.value is second
        assert second.__context__ is first

    @pytest.mark.parametrize('event', ['line', 'call'])
    def test_an_interrupt_between_two_cleanups_loses_none(self, event):
        """Interrupt at each line, or call, of this package while three Cleanups are called."""

        def attempt(interrupted):
            log = []
            engine = make_engine(job('Root', [self.cleaning(log, name) for name in 'ABC']), cleanup=False)
            engine.checknrun()
            raised = interrupted(engine.cleanup)
            engine.cleanup()
            assert log == ['C', 'B', 'A'], raised

        interrupt_everywhere(attempt, event)

    def test_an_error_of_a_cleanup_is_raised_after_all_others_were_called(self):
        log = []
        first, second = ValueError('first'), SystemExit('second')
        root = job(
            'Root',
            [self.cleaning(log, 'A', error=second), self.cleaning(log, 'B'), self.cleaning(log, 'C', error=first)],
        )
        engine = make_engine(root)
        with pytest.raises(SystemExit) as caught:
            engine.checknrun()
        assert log == ['C', 'B', 'A']
        assert caught.value is second
        assert caught.value.__context__ is first
        assert engine.success()

    def test_an_error_of_a_pending_cleanup_is_raised_by_cleanup(self):
        log = []
        error = ValueError('still mounted')
        engine = make_engine(
            job('Root', [self.cleaning(log, 'A'), self.cleaning(log, 'B', error=error)]), cleanup=False
        )
        engine.checknrun()
        with pytest.raises(ValueError, match='still mounted') as caught:
            engine.cleanup()
        assert caught.value is error
        assert log == ['B', 'A']

    def test_an_interrupt_is_raised_before_errors_of_cleanups(self):
        log = []
        error, interrupt = ValueError(), KeyboardInterrupt()

        def check(self):
            raise interrupt

        root = job('Root', [self.cleaning(log, 'Done', error=error)], Check=check)
        with pytest.raises(KeyboardInterrupt) as caught:
            run_engine(root)
        assert caught.value is interrupt
        assert caught.value.__context__ is error
        assert log == ['Done']

    def test_an_interrupt_in_a_cleanup_does_not_stop_the_others(self):
        log = []
        interrupt = KeyboardInterrupt()
        root = job('Root', [self.cleaning(log, 'A', error=ValueError()), self.cleaning(log, 'B', error=interrupt)])
        with pytest.raises(KeyboardInterrupt) as caught:
            run_engine(root)
        assert log == ['B', 'A']
        assert caught.value is interrupt

    @pytest.mark.parametrize('where', ['check', 'run', 'recheck'])
    @pytest.mark.parametrize('interrupt', [KeyboardInterrupt(), type('Stop', (BaseException,), {})()])
    def test_cleanups_are_called_after_an_interrupt(self, where, interrupt):
        log = []

        def check(self):
            if where == ('recheck' if self.storage else 'check'):
                raise interrupt
            raise ValueError

        def run(self):
            self.storage['ran'] = True
            if where == 'run':
                raise interrupt

        hit = job('Hit', [self.cleaning(log, 'Before')], Check=check, Run=run, Cleanup=lambda self: log.append('Hit'))
        engine = make_engine(job('Root', [hit]))
        with pytest.raises(type(interrupt)):
            engine.checknrun()
        assert log == (['Before'] if where == 'check' else ['Hit', 'Before'])
        assert engine.nodestatus == {'Before': True, 'Hit': False, 'Root': None}
        assert engine.nodeexceptions['Hit'] is interrupt

    def test_with_cleanup_false_cleanups_stay_pending_after_an_interrupt(self):
        log = []

        def check(self):
            raise KeyboardInterrupt

        engine = make_engine(job('Root', [self.cleaning(log, 'Done')], Check=check), cleanup=False)
        with pytest.raises(KeyboardInterrupt):
            engine.checknrun()
        assert log == []
        engine.cleanup()
        assert log == ['Done']

    def test_cleanups_are_called_after_a_signal(self):
        log = []

        def check(self):
            signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            run_engine(job('Root', [self.cleaning(log, 'Done')], Check=check))
        assert log == ['Done']

    def test_cleanups_are_called_after_an_interrupt_during_a_wait(self, fake_clock):
        log = []

        def sleep(seconds):
            raise KeyboardInterrupt

        fake_clock.sleep = sleep
        root = job('Root', [self.cleaning(log, 'Done'), failing('Broken', RETRY_DELAY=5)])
        with pytest.raises(KeyboardInterrupt):
            run_engine(root, clock=fake_clock)
        assert log == ['Done']

    def test_the_directory_is_restored_before_and_after_each_cleanup(self, tmp_path):
        seen = []
        (tmp_path / 'elsewhere').mkdir()
        os.chdir(tmp_path)

        def cleanup(self):
            seen.append(os.getcwd())
            os.chdir('/')

        one, two = changing('One', Cleanup=cleanup), changing('Two', Cleanup=cleanup)
        engine = make_engine(job('Root', [one, two]), cleanup=False)
        engine.checknrun()
        os.chdir('elsewhere')
        engine.cleanup()
        assert seen == [str(tmp_path)] * 2
        assert os.getcwd() == str(tmp_path / 'elsewhere')

    def test_a_cleanup_fails_if_its_directory_is_gone(self, tmp_path, caplog):
        log = []
        (tmp_path / 'home').mkdir()
        os.chdir(tmp_path / 'home')
        removes = job('Root', [self.cleaning(log, 'Done')], Check=lambda self: os.rmdir(tmp_path / 'home'))
        with pytest.raises(FileNotFoundError):
            run_engine(removes)
        os.chdir(tmp_path)
        assert log == []

    def test_cleanup_without_pending_cleanups_does_nothing(self):
        assert DoJobber().cleanup() is None

    def test_runonly_jobs_and_dummy_jobs_with_a_run_have_cleanups(self):
        log = []
        runs = type('Runs', (RunonlyJob,), {'Run': lambda self: None, 'Cleanup': lambda self: log.append('Runs')})
        group = type('Group', (DummyJob,), {'DEPS': [runs], 'Cleanup': lambda self: log.append('Group')})
        with pytest.warns(DoJobberWarning, match='its Cleanup is never called'):
            run_engine(group)
        assert log == ['Runs']


class TestJobsMadeByHand:
    def test_a_job_made_by_hand_has_empty_storages(self):
        made = changing('Made')()
        assert (made.storage, made.global_storage) == ({}, {})
        with pytest.raises(ValueError, match='Made is not done'):
            made.Check(name='x')
        made.Run()
        made.Check()

    def test_a_job_made_by_hand_has_storages_whatever_its_init_does(self):
        def init(self, name):
            self.name = name

        made = job('Made', __init__=init)('x')
        assert (made.name, made.storage, made.global_storage) == ('x', {}, {})

    def test_two_jobs_made_by_hand_share_nothing(self):
        made = changing('Made')
        made().storage['x'] = 1
        assert made().storage == {}


COUNT = 100_000


@pytest.fixture(scope='module')
def long_chain():
    def check(self, *broken):
        if broken:
            raise ValueError('broken')

    return chain(COUNT, job('Leaf', Check=check))


class TestLargeGraphs:
    """Run a hundred thousand Jobs in seconds and without recursion."""

    def test_a_long_chain_runs(self, long_chain):
        assert run_engine(long_chain).success()

    def test_a_failing_leaf_blocks_a_long_chain(self, long_chain):
        engine = run_engine(long_chain, 'broken')
        assert engine.nodestatus['Leaf'] is False
        assert sum(status is None for status in engine.nodestatus.values()) == COUNT - 1
        assert engine.outcomes['Chain0'].blocked_by == ('Leaf',)

    def test_many_jobs_run_under_one_root(self):
        leaves = [job(f'Leaf{number}') for number in range(COUNT)]
        assert run_engine(job('Root', leaves)).success()

    def test_many_failing_jobs_run_under_one_root(self):
        leaves = [failing(f'Leaf{number}') for number in range(COUNT // 10)]
        engine = run_engine(job('Root', leaves))
        assert len(engine.nodeexceptions) == COUNT // 10
        assert len(engine.outcomes['Root'].blocked_by) == COUNT // 10


@pytest.mark.parametrize('copied', [copy.deepcopy, lambda engine: pickle.loads(pickle.dumps(engine))])
def test_a_copy_of_an_engine_has_the_pending_cleanups_and_adds_its_own_to_them(copied):
    CopiedJob.log.clear()
    engine = make_engine(CopiedJob, cleanup=False)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert not copied(engine).success()
        engine.checknrun()
        other = copied(engine)
    assert other.success()
    other.checknrun()
    other.cleanup()
    assert CopiedJob.log == ['run', 'run', 'cleanup', 'cleanup']
    engine.cleanup()
    assert CopiedJob.log[4:] == ['cleanup']


class CopiedJob(RunonlyJob):
    """Logs the calls of its hooks. It is defined at module level so that it can be pickled."""

    log = []

    def Run(self):
        """Log the call."""
        self.log.append('run')

    def Cleanup(self):
        """Log the call."""
        self.log.append('cleanup')
