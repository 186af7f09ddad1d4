"""The directory in which a run started may not exist any more, or the process may not enter it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

LIMIT = 30  # seconds

DIRECTORIES = """
    import os, sys
    import contextvars, queue  # while there are the rights to: Python may lie where only root can read
    from dojobber import DoJobber, RunonlyJob

    log = []

    class Take(RunonlyJob):
        def Run(self):
            what = sys.argv[1]
            if what == 'gone':
                os.rmdir(os.getcwd())
            elif what == 'renamed':
                os.rename('../start', '../other')
            elif what == 'rights given up':
                os.setresuid(65534, 65534, 65534)
            elif what == 'rights given up elsewhere':
                os.chdir('/')
                os.setresuid(65534, 65534, 65534)

        def Cleanup(self):
            log.append('cleaned')

    class Use(RunonlyJob):
        DEPS = [Take]

        def Run(self):
            log.append('used')

    os.makedirs('start')
    os.chmod('.', 0o711)
    os.chdir('start')
    os.chmod('.', 0o700)
    if sys.argv[1] == 'not allowed':
        os.setresuid(65534, 65534, 65534)
    engine = DoJobber()
    engine.configure(Use, default_tries=1, max_workers=eval(sys.argv[2]))
    try:
        engine.checknrun()
    except Exception as error:
        log.append(type(error).__name__)
    print(log, engine.success())
"""


@pytest.mark.skipif(not hasattr(os, 'setresuid') or os.getuid() != 0, reason='needs root, to give up its rights')
@pytest.mark.parametrize('workers', ['None', '2'])
@pytest.mark.parametrize(
    ('what', 'one_by_one', 'on_threads'),
    [
        ('nothing', "['used', 'cleaned'] True", "['used', 'cleaned'] True"),
        ('not allowed', "['used', 'cleaned'] True", "['used', 'cleaned'] True"),
        ('rights given up', "['used', 'cleaned'] True", "['used', 'cleaned'] True"),
        ('rights given up elsewhere', "['cleaned'] False", "['used', 'cleaned'] True"),
        ('gone', "['FileNotFoundError'] False", "['used', 'FileNotFoundError'] True"),
        ('renamed', "['FileNotFoundError'] False", "['used', 'FileNotFoundError'] True"),
    ],
)
def test_cleanups_are_called_even_if_the_directory_of_the_run_may_not_be_entered(
    tmp_path, what, one_by_one, on_threads, workers
):
    script = tmp_path / 'script.py'
    script.write_text(textwrap.dedent(DIRECTORIES))
    command = [sys.executable, str(script), what, workers]
    environment = {**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=LIMIT)
    assert run.stdout.strip() == (one_by_one if workers == 'None' else on_threads), run.stderr
