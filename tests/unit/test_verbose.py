from __future__ import annotations

import io
import sys

import pytest
from support.factories import chain, changing, failing, job, make_engine, run_engine, stderr_lines

from dojobber import Event, EventKind, RunonlyJob
from dojobber.verbose import PHASES, VerbosePrinter


def lines_of(root, **options):
    """Return the lines on stderr of a run of ``root``."""
    return stderr_lines(run_engine, root, **options)


class TestVerbose:
    def test_verbose_prints_a_line_for_each_phase(self):
        root = job('Root', [changing('Changed'), job('Fine')])
        assert lines_of(root, verbose=True) == [
            'Changed.check: fail',
            'Changed.run: pass',
            'Changed.recheck: pass',
            'Fine.check: pass',
            'Root.check: pass',
        ]

    def test_the_line_of_a_failed_recheck_has_its_error_message(self):
        assert lines_of(failing('TurnOnTV'), verbose=True, default_tries=1) == [
            'TurnOnTV.check: fail',
            'TurnOnTV.run: pass',
            'TurnOnTV.recheck: fail "TurnOnTV is not done"',
        ]

    def test_newlines_in_an_error_message_are_escaped(self):
        def check(self):
            raise ValueError('one\ntwo\r\nthree "four"')

        assert lines_of(job('Broken', Check=check), verbose=True, default_tries=1)[-1] == (
            r'Broken.recheck: fail "one\ntwo\r\nthree "four""'
        )

    def test_newlines_in_a_name_are_escaped(self):
        assert lines_of(job('two\nlines'), verbose=True) == [r'two\nlines.check: pass']

    def test_an_error_whose_str_fails_is_named(self):
        class UnprintableError(Exception):
            def __str__(self):
                raise ValueError

        def check(self):
            raise UnprintableError

        assert lines_of(job('Broken', Check=check), verbose=True, default_tries=1)[-1] == (
            'Broken.recheck: fail "<unprintable UnprintableError>"'
        )

    def test_a_runonly_job_has_lines_for_check_run_and_recheck(self):
        root = type('Runs', (RunonlyJob,), {'Run': lambda self: None})
        assert lines_of(root, verbose=True) == ['Runs.check: fail', 'Runs.run: pass', 'Runs.recheck: pass']

    def test_a_failing_init_is_printed_as_a_failed_check(self):
        def init(self):
            raise ValueError

        assert lines_of(changing('Unmade', __init__=init), verbose=True, default_tries=2) == ['Unmade.check: fail'] * 2

    def test_a_dry_run_has_lines_for_checks_only(self):
        assert lines_of(changing('Changes'), verbose=True, no_act=True) == ['Changes.check: fail']

    def test_verbose_prints_nothing_about_a_cleanup_that_passes(self):
        assert 'cleanup' not in ' '.join(lines_of(changing('Changed', Cleanup=lambda self: None), verbose=True))

    def test_arguments_and_storage_are_never_printed(self):
        def check(self, *args, **kwargs):
            self.storage['password'] = kwargs['password']
            raise ValueError('no')

        engine = make_engine(failing('Broken', Check=check), debug=True)
        engine.set_args('hunter1', password='hunter2')
        assert 'hunter' not in '\n'.join(stderr_lines(engine.checknrun))


class TestQuiet:
    def test_without_verbose_nothing_is_printed(self, capfd):
        run_engine(job('Root', [changing('Changed', Cleanup=lambda self: None), failing('Broken')]))
        assert capfd.readouterr() == ('', '')

    @pytest.mark.parametrize('options', [{}, {'verbose': True}, {'debug': True}])
    def test_a_failing_cleanup_is_printed_in_every_mode(self, options):
        def cleanup(self):
            raise ValueError('still mounted')

        def run():
            with pytest.raises(ValueError, match='still mounted'):
                run_engine(changing('Changed', Cleanup=cleanup), **options)

        lines = stderr_lines(run)
        assert lines.count('Changed.cleanup: fail "still mounted"') == 1


class TestDebug:
    @staticmethod
    def debug_text(root, **options):
        return '\n'.join(lines_of(root, debug=True, default_tries=1, **options))

    def test_debug_implies_verbose(self):
        assert self.debug_text(job('Fine')) == 'Fine.check: pass'

    def test_debug_prints_the_traceback_of_each_failed_phase_indented(self):
        def check(self):
            raise KeyError('checked')

        def run(self):
            raise OSError('ran')

        text = self.debug_text(job('Broken', Check=check, Run=run))
        phases = [
            ('check: fail', 'check', "KeyError: 'checked'"),
            ('run: fail', 'run', 'OSError: ran'),
            ('recheck: fail "\'checked\'"', 'check', "KeyError: 'checked'"),
        ]
        for part, (line, function, error) in zip(text.split('Broken.')[1:], phases):
            head, *rest = part.strip().splitlines()
            assert head == line
            assert all(line.startswith('  ') for line in rest)
            assert rest[0] == '  Traceback (most recent call last):'
            assert f', in {function}' in rest[1]
            assert rest[-1] == f'  {error}'
            assert 'another exception' not in part
        assert 'attempt.py' not in text

    def test_debug_prints_the_causes_of_an_error(self):
        def check(self):
            try:
                raise KeyError('cause')
            except KeyError as error:
                raise ValueError('effect') from error

        assert "KeyError: 'cause'" in self.debug_text(job('Broken', Check=check), no_act=True)

    def test_the_traceback_of_a_runonly_job_is_that_of_its_run(self):
        def run(self):
            raise ValueError('no')

        text = self.debug_text(type('Runs', (RunonlyJob,), {'Run': run}))
        assert text.count(', in run') == 2
        assert 'job.py' not in text

    def test_an_exception_that_the_script_is_handling_is_not_printed(self):
        try:
            raise OSError('trouble of the script')
        except OSError:
            text = self.debug_text(failing('Broken'))
        assert 'ValueError: Broken is not done' in text
        assert 'trouble of the script' not in text

    def test_an_error_that_cannot_be_formatted_does_not_stop_later_lines(self):
        def check(self):
            raise SyntaxError('bad', ('file', 1, 'text', 5))

        text = self.debug_text(job('Root', [job('Odd', Check=check), job('Fine')]))
        assert 'Odd.check: fail' in text
        assert 'SyntaxError' in text
        assert text.endswith('Fine.check: pass')

    def test_debug_prints_the_start_and_the_end_of_a_cleanup(self):
        text = self.debug_text(changing('Changed', Cleanup=lambda self: None))
        assert text.splitlines()[-2:] == ['Changed.cleanup running', 'Changed.cleanup: pass']


class TestStream:
    def test_lines_go_to_the_current_stderr(self, monkeypatch):
        later = io.StringIO()

        def check(self):
            monkeypatch.setattr(sys, 'stderr', later)

        lines_of(job('Root', [job('Redirects', Check=check)]), verbose=True)
        assert later.getvalue() == 'Redirects.check: pass\nRoot.check: pass\n'

    def test_after_a_broken_stderr_is_replaced_lines_go_to_the_new_one(self, monkeypatch):
        broken, later = io.StringIO(), io.StringIO()
        broken.close()
        monkeypatch.setattr(sys, 'stderr', broken)
        engine = run_engine(job('Fine'), verbose=True)
        monkeypatch.setattr(sys, 'stderr', later)
        engine.checknrun()
        assert later.getvalue() == 'Fine.check: pass\n'

    @pytest.mark.parametrize('verbose', [True, False])
    def test_a_broken_stderr_does_not_hide_the_error_of_a_cleanup(self, monkeypatch, verbose):
        class Broken(io.StringIO):
            def write(self, text):
                raise RuntimeError('broken stream')

        monkeypatch.setattr(sys, 'stderr', Broken())
        with pytest.raises(ZeroDivisionError) as caught:
            run_engine(changing('Changed', Cleanup=lambda self: 1 / 0), verbose=verbose)
        assert caught.value.__context__ is None

    @pytest.mark.parametrize('broken', ['closed', 'pipe', 'none'])
    def test_a_broken_stderr_stops_the_printing_but_not_the_run(self, monkeypatch, broken):
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

    def test_characters_that_stderr_cannot_encode_are_escaped(self, monkeypatch):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, 'stderr', io.TextIOWrapper(raw, 'ascii', write_through=True))
        VerbosePrinter()(Event(EventKind.CHECK, 'Käse \ud800'))
        assert raw.getvalue() == b'K\\xe4se \\ud800.check: pass\n'

    def test_verbose_prints_nothing_about_other_events(self):
        def emit():
            for kind in set(EventKind) - set(PHASES):
                VerbosePrinter()(Event(kind, 'Job'))

        assert stderr_lines(emit) == []
