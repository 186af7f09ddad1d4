from __future__ import annotations

import io
import logging
import sys

import pytest
from support.factories import chain, changing, failing, job, make_engine, run_engine, stderr_lines

from dojobber import DoJobber, Event, EventKind, RunonlyJob
from dojobber.text import error_text
from dojobber.verbose import Console


@pytest.fixture
def developer_log():
    """Put the developer log back to how it was."""
    logger = logging.getLogger('DoJobber')
    before = logger.level, logger.propagate, list(logger.handlers)
    yield logger
    logger.setLevel(before[0])
    logger.propagate = before[1]
    logger.handlers[:] = before[2]


def lines_of(root, **options):
    return stderr_lines(run_engine, root, **options)


class TestVerbose:
    def test_there_is_a_line_for_each_phase(self):
        root = job('Root', [changing('Changed'), job('Fine')])
        assert lines_of(root, verbose=True) == [
            'Changed.check: fail',
            'Changed.run: pass',
            'Changed.recheck: pass',
            'Fine.check: pass',
            'Root.check: pass',
        ]

    def test_a_failed_recheck_says_why(self):
        assert lines_of(failing('TurnOnTV'), verbose=True, default_tries=1) == [
            'TurnOnTV.check: fail',
            'TurnOnTV.run: pass',
            'TurnOnTV.recheck: fail "TurnOnTV is not done"',
        ]

    def test_a_message_stays_on_its_line(self):
        def check(self):
            raise ValueError('one\ntwo\r\nthree "four"')

        assert lines_of(job('Broken', Check=check), verbose=True, default_tries=1)[-1] == (
            r'Broken.recheck: fail "one\ntwo\r\nthree "four""'
        )

    def test_a_name_stays_on_its_line(self):
        assert lines_of(job('two\nlines'), verbose=True) == [r'two\nlines.check: pass']

    def test_an_error_that_cannot_say_what_it_is_is_named(self):
        class MuteError(Exception):
            def __str__(self):
                raise ValueError

        def check(self):
            raise MuteError

        assert lines_of(job('Broken', Check=check), verbose=True, default_tries=1)[-1] == (
            'Broken.recheck: fail "<unprintable MuteError>"'
        )

    def test_a_runonly_job_prints_check_run_and_recheck_like_any(self):
        root = type('Runs', (RunonlyJob,), {'Run': lambda self: None})
        assert lines_of(root, verbose=True) == ['Runs.check: fail', 'Runs.run: pass', 'Runs.recheck: pass']

    def test_an_init_that_raises_is_a_failed_check(self):
        def init(self):
            raise ValueError

        assert lines_of(changing('Unmade', __init__=init), verbose=True, default_tries=2) == ['Unmade.check: fail'] * 2

    def test_in_no_act_only_checks_are_shown(self):
        assert lines_of(changing('Changes'), verbose=True, no_act=True) == ['Changes.check: fail']

    def test_a_cleanup_that_passes_is_not_worth_a_line(self):
        assert 'cleanup' not in ' '.join(lines_of(changing('Changed', Cleanup=lambda self: None), verbose=True))

    def test_arguments_and_storage_are_never_printed(self):
        def check(self, *args, **kwargs):
            self.storage['password'] = kwargs['password']
            raise ValueError('no')

        engine = make_engine(failing('Broken', Check=check), debug=True)
        engine.set_args('hunter1', password='hunter2')
        assert 'hunter' not in '\n'.join(stderr_lines(engine.checknrun))


class TestQuiet:
    def test_nothing_is_printed_that_was_not_asked_for(self, capfd):
        run_engine(job('Root', [changing('Changed', Cleanup=lambda self: None), failing('Broken')]))
        assert capfd.readouterr() == ('', '')

    @pytest.mark.parametrize('options', [{}, {'verbose': True}, {'debug': True}])
    def test_a_failing_cleanup_is_said_in_any_mode(self, options):
        def cleanup(self):
            raise ValueError('still mounted')

        def run():
            with pytest.raises(ValueError, match='still mounted'):
                run_engine(changing('Changed', Cleanup=cleanup), **options)

        lines = stderr_lines(run)
        assert lines.count('Changed.cleanup: fail "still mounted"') == 1


class TestDebug:
    def debugged(self, root, **options):
        return '\n'.join(lines_of(root, debug=True, default_tries=1, **options))

    def test_it_implies_verbose(self):
        assert self.debugged(job('Fine')) == 'Fine.check: pass'

    def test_each_failed_phase_shows_its_own_traceback_indented(self):
        def check(self):
            raise KeyError('checked')

        def run(self):
            raise OSError('ran')

        text = self.debugged(job('Broken', Check=check, Run=run))
        first, second, third = text.split('Broken.')[1:]
        for part, line, function, error in (
            (first, 'check: fail', 'check', "KeyError: 'checked'"),
            (second, 'run: fail', 'run', 'OSError: ran'),
            (third, 'recheck: fail "\'checked\'"', 'check', "KeyError: 'checked'"),
        ):
            head, *rest = part.strip().splitlines()
            assert head == line
            assert all(each.startswith('  ') for each in rest)
            assert rest[0] == '  Traceback (most recent call last):'
            assert f', in {function}' in rest[1]
            assert rest[-1] == f'  {error}'
            assert 'another exception' not in part
        assert 'attempt.py' not in text

    def test_the_causes_an_error_has_of_its_own_are_shown(self):
        def check(self):
            try:
                raise KeyError('cause')
            except KeyError as error:
                raise ValueError('effect') from error

        assert "KeyError: 'cause'" in self.debugged(job('Broken', Check=check), no_act=True)

    def test_a_runonly_jobs_traceback_is_that_of_its_run(self):
        def run(self):
            raise ValueError('no')

        text = self.debugged(type('Runs', (RunonlyJob,), {'Run': run}))
        assert text.count(', in run') == 2
        assert 'job.py' not in text

    def test_what_the_script_is_just_handling_is_not_shown(self):
        try:
            raise OSError('trouble of the script')
        except OSError:
            text = self.debugged(failing('Broken'))
        assert 'ValueError: Broken is not done' in text
        assert 'trouble of the script' not in text

    def test_an_error_that_cannot_be_formatted_stops_no_later_line(self):
        def check(self):
            raise SyntaxError('bad', ('file', 1, 'text', 5))

        text = self.debugged(job('Root', [job('Odd', Check=check), job('Fine')]))
        assert 'Odd.check: fail' in text
        assert 'SyntaxError' in text
        assert text.endswith('Fine.check: pass')

    def test_cleanups_are_shown(self):
        text = self.debugged(changing('Changed', Cleanup=lambda self: None))
        assert text.splitlines()[-2:] == ['Changed.cleanup running', 'Changed.cleanup: pass']


class TestStream:
    def test_stderr_is_looked_up_at_each_write(self, monkeypatch):
        later = io.StringIO()

        def check(self):
            monkeypatch.setattr(sys, 'stderr', later)

        lines_of(job('Root', [job('Redirects', Check=check)]), verbose=True)
        assert later.getvalue() == 'Redirects.check: pass\nRoot.check: pass\n'

    def test_a_stderr_that_replaces_a_broken_one_is_printed_to(self, monkeypatch):
        broken, later = io.StringIO(), io.StringIO()
        broken.close()
        monkeypatch.setattr(sys, 'stderr', broken)
        engine = run_engine(job('Fine'), verbose=True)
        monkeypatch.setattr(sys, 'stderr', later)
        engine.checknrun()
        assert later.getvalue() == 'Fine.check: pass\n'

    @pytest.mark.parametrize('verbose', [True, False])
    def test_a_broken_stderr_hides_no_cleanup_error(self, monkeypatch, verbose):
        class Odd(io.StringIO):
            def write(self, text):
                raise RuntimeError('odd stream')

        monkeypatch.setattr(sys, 'stderr', Odd())
        with pytest.raises(ZeroDivisionError) as caught:
            run_engine(changing('Changed', Cleanup=lambda self: 1 / 0), verbose=verbose)
        assert caught.value.__context__ is None

    @pytest.mark.parametrize('broken', ['closed', 'pipe', 'none'])
    def test_a_broken_stderr_stops_the_printing_but_not_the_work(self, monkeypatch, broken):
        class Pipe(io.StringIO):
            writes = 0

            def write(self, text):
                Pipe.writes += 1
                raise BrokenPipeError

        stream = {'closed': io.StringIO(), 'pipe': Pipe(), 'none': None}[broken]
        if broken == 'closed':
            stream.close()
        monkeypatch.setattr(sys, 'stderr', stream)
        engine = run_engine(chain(3, changing('Leaf')), verbose=True)
        assert engine.success()
        if broken == 'pipe':
            assert Pipe.writes == 1

    def test_what_the_stream_cannot_encode_is_escaped(self, monkeypatch):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, 'stderr', io.TextIOWrapper(raw, 'ascii', write_through=True))
        Console()(Event(EventKind.CHECK, 'Käse \ud800'))
        assert raw.getvalue() == b'K\\xe4se \\ud800.check: pass\n'

    def test_other_events_print_nothing(self):
        def tell():
            for kind in EventKind:
                if kind not in (EventKind.CHECK, EventKind.RUN, EventKind.RECHECK):
                    Console()(Event(kind, 'Job'))

        assert stderr_lines(tell) == []


def test_a_message_is_what_the_error_says():
    assert error_text(KeyError('x')) == "'x'"
    assert error_text(ValueError()) == ''


class TestDeveloperLog:
    def test_without_a_level_logger_and_handlers_are_left_alone(self, developer_log):
        before = developer_log.level, developer_log.propagate, list(developer_log.handlers)
        DoJobber()
        assert (developer_log.level, developer_log.propagate, list(developer_log.handlers)) == before

    def test_by_default_only_what_is_critical_is_shown(self):
        assert logging.getLogger('DoJobber').level == logging.CRITICAL

    def test_it_says_how_the_graph_is_built_and_what_is_tried(self, developer_log):
        def run():
            engine = DoJobber(dojobber_loglevel=logging.DEBUG)
            engine.configure(job('Root', [job('Leaf')]))
            engine.set_args(password='hunter2')
            engine.checknrun()

        text = '\n'.join(stderr_lines(run))
        assert text.splitlines()[1].endswith("DEBUG planned 'Root' depending on ('Leaf',), tries 3, retry delay 1.0 s")
        assert 'attempt started, job Leaf, round 1, attempt 1' in text
        assert 'hunter2' not in text

    def test_one_handler_a_process_at_the_level_asked_for_last(self, developer_log):
        def run():
            DoJobber(dojobber_loglevel=logging.INFO)
            DoJobber(dojobber_loglevel='DEBUG')
            developer_log.debug('said once')

        assert sum('said once' in line for line in stderr_lines(run)) == 1
        (handler,) = developer_log.handlers
        assert (handler.level, developer_log.level, developer_log.propagate) == (logging.DEBUG, logging.DEBUG, False)
        DoJobber(dojobber_loglevel=logging.CRITICAL)
        assert handler.level == logging.CRITICAL

    def test_it_goes_to_what_stderr_is_then_and_nowhere_if_that_is_closed(self, developer_log, monkeypatch):
        DoJobber(dojobber_loglevel=logging.DEBUG)
        assert any('first' in line for line in stderr_lines(developer_log.debug, 'first'))
        assert any('second' in line for line in stderr_lines(developer_log.debug, 'second'))
        closed = io.StringIO()
        closed.close()
        monkeypatch.setattr(sys, 'stderr', closed)
        developer_log.critical('nowhere')

    @pytest.mark.parametrize('level', ['LOUD', [], 1.5])
    def test_a_level_the_logging_module_does_not_know_is_refused(self, developer_log, level):
        with pytest.raises((ValueError, TypeError)):
            DoJobber(dojobber_loglevel=level)
