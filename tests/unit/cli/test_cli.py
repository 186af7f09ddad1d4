"""The command: its arguments, its output through pipes, and its exit statuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from support.children import time_limit
from support.factories import changing, failing, job
from support.run_command import BASE_JOBS, ENVIRONMENT, TIMEOUT, command, connect_gate, run_command, write_jobs

from dojobber import DummyJob, RunonlyJob, cli
from dojobber.cli.signals import SIGNALS

RETRIED = """\
Broken: attempt 1 of 3 failed: Broken is broken; trying again
Broken: attempt 2 of 3 failed: Broken is broken; trying again
"""

GRAPH = """
class First(Changing):
    \"\"\"Come first.

    Nobody reads this.
    \"\"\"

class Broken(Failing): pass
class Second(Changing): DEPS = [First]
class All(DummyJob):
    \"\"\"All of it.\"\"\"
    DEPS = [Second, Broken, First]
"""


def call_main(capsys, root, *arguments):
    """Call main() in this process and return (status, stdout, stderr)."""
    with pytest.raises(SystemExit) as caught:
        cli.main(root, arguments)
    captured = capsys.readouterr()
    return caught.value.code, captured.out, captured.err


@pytest.mark.parametrize(
    ('root', 'arguments', 'status'),
    [
        (job('Fine'), [], 0),
        (changing('Change'), [], 0),
        (failing('Broken', TRIES=1), [], 1),
        (job('All', [failing('Broken', TRIES=1), changing('Change')]), [], 1),
        (job('Fine'), ['-n'], 0),
        (changing('Change'), ['-n'], 3),
        (job('Fine', [changing('Change')]), ['--no-act'], 3),
        (job('All', [job('Stuck', Check=lambda self: 1 / 0), changing('Change')]), ['-n'], 1),
        (job('All', [job('Fine'), failing('Broken', TRIES=1)]), ['--only', 'Fine'], 0),
        (changing('Messy', Cleanup=lambda self: 1 / 0), [], 1),
    ],
)
def test_the_exit_status_shows_how_the_run_ended(capsys, root, arguments, status):
    assert call_main(capsys, root, *arguments)[0] == status


def test_a_failing_cleanup_is_reported_at_once_and_in_the_recap(capsys):
    status, out, err = call_main(capsys, changing('Messy', Cleanup=lambda self: 1 / 0))
    assert (status, err) == (1, 'Messy.cleanup: fail "division by zero"\n')
    assert out.splitlines()[1] == '✗ Messy.cleanup  failed: division by zero'


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--only', 'Fin'], "--only: 'Fin' is not in the graph of 'Fine'; did you mean 'Fine'?"),
        (['--only', ''], "--only: '' is not in the graph of 'Fine'; --list prints the Jobs"),
        (['--tries', '0'], '--tries must be a number of at least 1, not 0.0'),
        (['--tries', 'nan'], '--tries must be a number of at least 1, not nan'),
        (['--retry-delay', '-1'], '--retry-delay must be a finite number of seconds, at least 0, not -1.0'),
        (['--retry-delay', 'nan'], '--retry-delay must be a finite number of seconds, at least 0, not nan'),
        (['--graph', 'no/graph.dot'], "--graph: the folder 'no' does not exist"),
        (['--graph', '.'], "--graph: '.' is a folder, not a file"),
    ],
)
def test_a_value_that_an_option_cannot_use_is_a_usage_error(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    ran = []
    status, out, err = call_main(capsys, job('Fine', Check=lambda self: ran.append(1)), *arguments)
    assert (status, out, ran) == (2, '', [])
    assert err.splitlines()[-1].partition(': ')[2] == message


def test_jobs_that_cannot_be_planned_are_a_usage_error_of_one_line(capsys):
    status, out, err = call_main(capsys, job('Odd', TRIES='many'))
    assert (status, out, err.count('\n')) == (2, '', 1)
    assert "TRIES of 'Odd' must be a number" in err
    assert call_main(capsys, int)[0] == 2


def test_a_format_that_no_renderer_writes_ends_the_command_before_the_run(capsys, tmp_path, renderer):
    ran = []
    root = job('Fine', Check=lambda self: ran.append(1))
    status, _, err = call_main(capsys, root, '--graph', str(tmp_path / 'graph.nosuch'))
    assert (status, ran, err.count('\n')) == (2, [], 1)
    assert 'nosuch' in err


SECRET = 'key=s3cret'


@pytest.mark.parametrize(
    'arguments',
    [
        ['--set', 's3cret'],
        ['--set', '=s3cret'],
        ['--set-json', 'key=s3cret'],
        ['--set-json', 's3cret'],
        ['--set', SECRET, 'other=s3cret'],
        ['--set', SECRET, '--password=s3cret'],
        ['--set', SECRET, '--sett', SECRET],
        ['--set', SECRET, '--only', 'Nobody'],
        ['--set', SECRET, '--tries', '0'],
        ['--set', SECRET],
        ['--set', SECRET, '-d'],
        ['--set', SECRET, '--list'],
    ],
)
def test_the_command_never_prints_values_of_options(capsys, arguments):
    picky = job('Picky', Check=lambda self: None, TRIES=1)
    status, out, err = call_main(capsys, picky, *arguments)
    assert status == (0 if '--list' in arguments else 2)
    assert 's3cret' not in out + err
    status, out, err = call_main(capsys, None, *arguments)
    assert status == 2
    assert 's3cret' not in out + err


def test_the_command_never_prints_a_value_given_in_place_of_the_root(tmp_path):
    status, out, err = run_command(tmp_path, 'password=s3cret')
    assert (status, out) == (2, '')
    assert 'KEY=VALUE needs --set' in err
    assert 's3cret' not in err


def test_set_and_set_json_pass_arguments_to_check(capsys):
    seen = []

    def check(self, **settings):
        seen.append(settings)

    settings = {'a': '1', 'b': 'x=y', 'c': [1, None], 'd': ''}
    arguments = ['--set', 'a=0', '--set', 'a=1', '--set', 'b=x=y', '--set-json', 'c=[1, null]', '--set', 'd=']
    assert call_main(capsys, job('Fine', Check=check), *arguments)[0] == 0
    assert seen == [settings]


@pytest.mark.parametrize('number', ['0', '-1', 'x', '1.5', ''])
def test_an_invalid_number_of_workers_is_a_usage_error(capsys, number):
    status, _, err = call_main(capsys, job('Fine'), f'-j{number}' if number else '-j=')
    assert status == 2
    assert 'expected an integer of at least 1' in err


def test_tries_and_retry_delay_apply_to_jobs_that_set_none(capsys):
    broken, own = failing('Broken'), failing('Own', TRIES=2)
    _, out, _ = call_main(capsys, job('All', [broken, own]), '--tries', '4', '--retry-delay', '0')
    assert 'Broken  failed     4 attempts' in out
    assert 'Own     failed     2 attempts' in out


def test_list_shows_the_plan_with_kinds_and_summaries(capsys):
    first = job('First', __doc__='Come first.\n\nNobody reads this.')
    runs = job('Runs', base=RunonlyJob, Run=lambda self: None)
    root = job('All', [job('Second', [first]), runs, first], DummyJob, __doc__='\n    All of it.\n    ')
    assert call_main(capsys, root, '--list') == (
        0,
        'First   Job         Come first.\nSecond  Job\nRuns    RunonlyJob\nAll     DummyJob    All of it.\n',
        '',
    )


def test_tree_shows_the_dependencies_of_each_job_once(capsys):
    leaf = job('Leaf')
    shared = job('Shared', [leaf])
    root = job('Root', [job('Left', [shared]), job('Right', [shared, leaf])], DummyJob)
    assert call_main(capsys, root, '--tree') == (
        0,
        'Root\n|-- Left\n|   `-- Shared\n|       `-- Leaf\n`-- Right\n    |-- Shared (see above)\n    `-- Leaf\n',
        '',
    )


def test_list_and_tree_run_nothing_and_show_only_what_only_selects(capsys):
    def never(self):
        raise AssertionError

    part = job('Part', [job('Leaf', Check=never)], Check=never)
    root = job('Root', [part, job('Other', Check=never)], Check=never)
    assert call_main(capsys, root, '--list', '--only', 'Part')[1] == 'Leaf  Job\nPart  Job\n'
    assert call_main(capsys, root, '--tree', '--only', 'Part')[1] == 'Part\n`-- Leaf\n'


def test_tree_shows_a_graph_of_3000_levels(capsys):
    root = job('J0')
    for number in range(1, 3000):
        root = job(f'J{number}', [root])
    assert call_main(capsys, root, '--tree')[1].count('\n') == 3000


def test_a_pipe_gets_neither_bar_nor_color(tmp_path):
    write_jobs(tmp_path, GRAPH)
    status, out, err = run_command(tmp_path, 'jobs.py', '-v')
    assert status == 1
    assert '\x1b' not in out + err
    assert [line.split()[1:3] for line in out.splitlines()] == [
        ['First', 'changed'],
        ['Second', 'changed'],
        ['Broken', 'failed'],
        ['All', 'blocked'],
        ['Broken', 'failed'],
        ['jobs:', '2'],
    ]
    assert out.splitlines()[3] == '» All     blocked by Broken'
    assert err.splitlines()[:3] == ['First.check: fail', 'First.run: pass', 'First.recheck: pass']


def test_force_color_gives_a_pipe_colors_but_no_bar(tmp_path):
    write_jobs(tmp_path, GRAPH)
    _, out, _ = run_command(tmp_path, 'jobs.py', FORCE_COLOR='1')
    assert '\x1b[1;31m✗ Broken' in out
    assert '━' not in out


def test_the_command_works_without_rich(tmp_path):
    write_jobs(tmp_path, GRAPH)
    (tmp_path / 'rich.py').write_text('raise ImportError', encoding='utf-8')
    status, out, err = run_command(
        tmp_path, 'jobs.py', FORCE_COLOR='1', PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path])
    )
    assert (status, err) == (1, RETRIED)
    assert '\x1b' not in out
    assert '» All     blocked by Broken' in out


def test_the_command_works_without_posix_modules(tmp_path):
    write_jobs(tmp_path, GRAPH)
    hidden = "import sys; sys.modules.update(dict.fromkeys(['curses', 'fcntl', 'termios', 'tty']))"
    code = f'{hidden}; from dojobber.cli import main; main()'
    done = subprocess.run(
        [sys.executable, '-c', code, 'jobs.py'],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stderr.decode()) == (1, RETRIED)
    assert done.stdout.count(b'\n') == 6


DOCUMENT = {
    'schema': 1,
    'version': str,
    'root': 'All',
    'no_act': False,
    'exit_status': 1,
    'interrupted_by': None,
    'cleanup_error': {'type': 'OSError', 'message': 'in use', 'details': 'in use'},
    'seconds': float,
    'totals': {'ok': 1, 'changed': 1, 'skipped': 0, 'failed': 1, 'blocked': 1, 'would run': 0, 'not run': 0},
    'jobs': [
        {
            'name': 'Talks',
            'state': 'changed',
            'tries': 1,
            'seconds': float,
            'phases': {'check': float, 'run': float, 'recheck': float},
            'result': None,
            'error': None,
            'run_error': None,
            'skip_reason': None,
            'cleanup_error': {'type': 'OSError', 'message': 'in use', 'details': 'in use'},
            'blocked_by': [],
        },
        {
            'name': 'Gives',
            'state': 'ok',
            'tries': 1,
            'seconds': float,
            'phases': {'check': float},
            'result': {'a': [1, None, 'ü']},
            'error': None,
            'run_error': None,
            'skip_reason': None,
            'cleanup_error': None,
            'blocked_by': [],
        },
        {
            'name': 'Broken',
            'state': 'failed',
            'tries': 3,
            'seconds': float,
            'phases': {'check': float, 'run': float, 'recheck': float},
            'result': None,
            'error': {'type': 'ValueError', 'message': 'Broken is broken', 'details': 'Broken is broken'},
            'run_error': None,
            'skip_reason': None,
            'cleanup_error': None,
            'blocked_by': [],
        },
        {
            'name': 'All',
            'state': 'blocked',
            'tries': 0,
            'seconds': 0,
            'phases': {},
            'result': None,
            'error': None,
            'run_error': None,
            'skip_reason': None,
            'cleanup_error': None,
            'blocked_by': ['Broken'],
        },
    ],
}


def with_types(value, pattern):
    """Return ``value`` with each part replaced by its type where ``pattern`` has a type."""
    if isinstance(pattern, type):
        return type(value)
    if isinstance(pattern, dict):
        return {key: with_types(part, pattern.get(key)) for key, part in value.items()}
    if isinstance(pattern, list):
        return [with_types(*parts) for parts in zip(value, pattern)] + value[len(pattern) :]
    return value


def test_json_prints_the_document_and_nothing_else_on_stdout(tmp_path):
    write_jobs(
        tmp_path,
        """
print('imported')
class Talks(Changing):
    def act(self, **settings):
        print('printed')
        subprocess.run(['echo', 'by a child'])
    def Cleanup(self):
        print('cleaned')
        raise OSError('in use')
class Gives(Job):
    def Check(self): return {'a': [1, None, 'ü']}
class Broken(Failing): pass
class All(DummyJob): DEPS = [Talks, Gives, Broken]
import atexit
atexit.register(print, 'at exit')
""",
    )
    status, out, err = run_command(tmp_path, 'jobs.py', '--json')
    assert with_types(json.loads(out), DOCUMENT) == DOCUMENT
    assert status == 1
    for text in 'imported', 'printed', 'by a child', 'cleaned', 'at exit':
        assert text in err


def test_results_that_json_cannot_represent_are_shown_by_repr(tmp_path):
    write_jobs(
        tmp_path,
        """
class Mute:
    def __repr__(self): raise ValueError
results = {'A': {1, }, 'B': float('nan'), 'C': Mute(), 'D': {(1, 2): 3}, 'E': 1.5}
jobs = [type(name, (Job,), {'Check': lambda self: results[type(self).__name__]}) for name in results]
class All(DummyJob): DEPS = jobs
""",
    )
    status, out, _ = run_command(tmp_path, 'jobs.py', '--json')
    results = [document['result'] for document in json.loads(out, parse_constant=pytest.fail)['jobs']]
    assert (status, results) == (0, ['{1}', 'nan', '<Mute>', '{(1, 2): 3}', 1.5, None])


def test_a_usage_error_prints_nothing_on_stdout(tmp_path):
    write_jobs(tmp_path, GRAPH)
    assert run_command(tmp_path, 'jobs.py:Nobody', '--json')[:2] == (2, '')


@pytest.mark.parametrize('status', [0, 1])
def test_the_graph_is_drawn_after_successful_and_failed_runs(capsys, tmp_path, status):
    root = job('Root', [failing('Broken', TRIES=1)] if status else [])
    path = tmp_path / 'graph.mmd'
    assert call_main(capsys, root, '--graph', str(path))[0] == status
    assert 'Root' in path.read_text(encoding='utf-8')


def test_a_graph_that_cannot_be_written_after_the_run_is_a_failure(capsys, tmp_path):
    folder = tmp_path / 'folder'
    folder.mkdir()
    status, _, err = call_main(
        capsys, job('Removes', Check=lambda self: folder.rmdir()), '--graph', str(folder / 'g.dot')
    )
    assert status == 1
    assert err.startswith('the graph was not drawn: ')


ENDINGS = [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)]


def run_and_signal(tmp_path, number, *arguments):
    """Run a Job, send a signal while it waits, and return (status, stdout, stderr)."""
    code = """
class Waits(Waiting):
    def Cleanup(self):
        print('tidied', flush=True)
"""
    write_jobs(tmp_path, code)
    process = subprocess.Popen(
        command('jobs.py', *arguments),
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding='utf-8',
    )
    with process as child, time_limit(child):
        gate = connect_gate(tmp_path)
        child.send_signal(number)
        out, err = child.communicate()
        os.close(gate)
    return child.returncode, out, err


@pytest.mark.parametrize(('number', 'status'), ENDINGS)
def test_a_signal_ends_the_command_after_the_cleanups(tmp_path, number, status):
    code, out, err = run_and_signal(tmp_path, number)
    assert (code, err) == (status, '')
    lines = out.splitlines()
    assert 'tidied' in lines
    assert lines[-1].endswith(f'; interrupted by {number.name}')


@pytest.mark.parametrize(('number', 'status'), ENDINGS)
def test_the_json_document_names_the_signal_that_ended_the_run(tmp_path, number, status):
    code, out, err = run_and_signal(tmp_path, number, '--json', '--graph', 'graph.dot')
    document = json.loads(out)
    assert (code, document['exit_status'], document['interrupted_by']) == (status, status, number.name)
    assert document['totals']['failed'] == 1
    assert err == 'tidied\n'
    assert (tmp_path / 'graph.dot').exists()


@pytest.mark.parametrize('status', [0, 5])
def test_a_cleanup_that_calls_sys_exit_has_failed(tmp_path, status):
    write_jobs(tmp_path, f'class Exits(Changing):\n    def Cleanup(self): sys.exit({status})')
    code, out, err = run_command(tmp_path, 'jobs.py')
    assert (code, err) == (1, f'Exits.cleanup: fail "{status}"\n')
    assert out.splitlines()[-1].startswith('1 job: 1 changed')
    document = json.loads(run_command(tmp_path, 'jobs.py', '--json')[1])
    assert document['cleanup_error'] == {'type': 'SystemExit', 'message': str(status), 'details': str(status)}


RUN_ERRORS = """
class Denied(Failing):
    def Run(self, **settings): raise PermissionError('only root may do this')
class Curt(Job):
    TRIES = 1
    def Check(self, **settings): raise LookupError('there is no such user')
    def Run(self, **settings): raise OSError('no')
class Explains(Job):
    TRIES = 1
    def Check(self, **settings): raise LookupError(f'there is no such user: {self.storage.get("why")}')
    def Run(self, **settings):
        self.storage['why'] = 'only root may do this'
        raise PermissionError(self.storage['why'])
class Calls(RunonlyJob):
    TRIES = 1
    def Run(self, **settings): raise ConnectionError('nobody answers')
class Looks(Job):
    TRIES = 1
    def Check(self, **settings): raise ValueError('it is not there')
class Recovers(Failing):
    TRIES = 2
    def Run(self, **settings):
        if self.global_storage.setdefault('recovers', []):
            return
        self.global_storage['recovers'].append(True)
        raise OSError('only the first time')
class Manages(Changing):
    def Run(self, **settings):
        self.storage['ran'] = True
        raise OSError('a trifle')
class All(DummyJob): DEPS = [Denied, Curt, Explains, Calls, Looks, Recovers, Manages]
"""


def test_the_recap_shows_what_the_last_run_of_a_failed_job_raised(tmp_path):
    write_jobs(tmp_path, RUN_ERRORS)
    _, out, err = run_command(tmp_path, 'jobs.py')
    assert 'only root' not in err
    lines = out.splitlines()
    *failures, _ = lines[next(number for number, line in enumerate(lines) if line.startswith('»')) + 1 :]
    assert [re.sub(r'^✗ |  +failed .*s: |   +', '|', line) for line in failures] == [
        '|Denied|Denied is broken',
        '|its Run: only root may do this',
        '|Curt|there is no such user',
        '|its Run: no',
        '|Explains|there is no such user: only root may do this',
        '|Calls|nobody answers',
        '|Looks|it is not there',
        '|Recovers|Recovers is broken',
    ]


def test_the_json_document_has_the_error_of_the_last_run_of_each_job(tmp_path):
    write_jobs(tmp_path, RUN_ERRORS)
    jobs = json.loads(run_command(tmp_path, 'jobs.py', '--json')[1])['jobs']
    assert {job['name']: job['run_error'] and job['run_error']['message'] for job in jobs} == {
        'Denied': 'only root may do this',
        'Curt': 'no',
        'Explains': 'only root may do this',
        'Calls': 'nobody answers',
        'Looks': None,
        'Recovers': None,
        'Manages': 'a trifle',
        'All': None,
    }


def test_a_job_that_raises_generator_exit_has_failed(tmp_path):
    write_jobs(tmp_path, 'class Leaves(Changing):\n    def act(self): raise GeneratorExit')
    code, out, err = run_command(tmp_path, 'jobs.py')
    assert (code, err) == (1, '')
    assert out.splitlines()[0].endswith(': GeneratorExit')
    document = json.loads(run_command(tmp_path, 'jobs.py', '--json')[1])
    assert (document['exit_status'], document['cleanup_error']) == (1, None)


def test_the_json_document_has_the_error_of_a_cleanup_after_a_signal(tmp_path):
    code = 'def act(self): os.kill(os.getpid(), 2)\n    def Cleanup(self): raise OSError("in use")'
    write_jobs(tmp_path, f'class Stops(Changing):\n    {code}')
    code, out, _ = run_command(tmp_path, 'jobs.py', '--json')
    document = json.loads(out)
    assert (code, document['interrupted_by']) == (130, 'SIGINT')
    assert document['cleanup_error'] == {'type': 'OSError', 'message': 'in use', 'details': 'in use'}


def test_signal_handlers_are_restored_after_the_run(capsys):
    before = [signal.getsignal(number) for number in SIGNALS]
    seen = []
    root = job('Looks', Check=lambda self: seen.extend(signal.getsignal(number) for number in SIGNALS))
    call_main(capsys, root)
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert not set(seen) & set(before)


def test_a_signal_ignored_before_the_run_stays_ignored(capsys):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        root = job('Asks', Check=lambda self: signal.raise_signal(signal.SIGINT))
        assert call_main(capsys, root)[0] == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_help_of_a_script_shows_the_summary_of_its_root(tmp_path):
    (tmp_path / 'script.py').write_text(
        f'{BASE_JOBS}\nclass Root(DummyJob):\n    """Do all of it."""\nfrom dojobber.cli import main\nmain(Root)\n',
        encoding='utf-8',
    )

    def script(*arguments):
        done = subprocess.run(
            [sys.executable, 'script.py', *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )
        assert done.stderr == ''
        return done.returncode, done.stdout

    status, out = script('--help')
    assert status == 0
    assert out.startswith('usage: script.py [-h]')
    assert 'Do all of it.' in out
    assert 'ROOT' not in out
    assert script('--list') == (0, 'Root  DummyJob    Do all of it.\n')


def test_a_dry_run_mentions_unchecked_dependents_only_if_there_are_any(capsys):
    status, out, _ = call_main(capsys, changing('Change'), '-n')
    assert status == 3
    assert out.splitlines()[-1].startswith('1 job: 1 would run in ')


def test_an_error_without_a_message_is_shown_by_its_type(capsys):
    def run(self):
        raise KeyError

    _, out, _ = call_main(capsys, job('Runs', base=RunonlyJob, Run=run, TRIES=1))
    assert out.splitlines()[0].endswith('KeyError')


def test_the_line_of_a_job_shows_the_type_of_a_key_error(capsys):
    _, out, _ = call_main(capsys, job('Looks', Check=lambda self: self.global_storage['folder'], TRIES=1))
    assert out.splitlines()[0].endswith("s: KeyError: 'folder'")


def test_help_imports_neither_rich_nor_the_renderer():
    code = (
        'import sys\nfrom dojobber.cli import main\n'
        'try: main(None, ["--help"])\n'
        'except SystemExit: print({"rich", "pydot", "dojobber._draw", "subprocess"} & set(sys.modules))'
    )
    out = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True, timeout=TIMEOUT
    ).stdout
    assert out.splitlines()[-1] == 'set()'


def test_the_json_document_says_why_a_job_was_skipped_and_names_no_error(tmp_path):
    write_jobs(tmp_path, 'class Skips(Job):\n    def Check(self): raise __import__("dojobber").Skip("not here")')
    (skipped,) = json.loads(run_command(tmp_path, 'jobs.py:Skips', '--json')[1])['jobs']
    assert (skipped['state'], skipped['skip_reason']) == ('skipped', 'not here')
    assert (skipped['error'], skipped['run_error']) == (None, None)
