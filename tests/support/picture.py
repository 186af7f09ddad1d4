"""Draw examples/progress.svg, the screen during a run: ``cd tests; python -m support.picture``."""

from __future__ import annotations

import io
import pathlib
import re
import tempfile

from rich.console import Console

from .run_command import ENVIRONMENT, command, write_jobs
from .screen import Screen

PICTURE = pathlib.Path(__file__).parents[2] / 'examples' / 'progress.svg'

JOBS = """
class FetchImage(Changing): pass
class MakeUsers(Changing): pass
class MakeFolders(DummyJob): pass
class InstallPackages(Changing):
    DEPS = [FetchImage]
    def act(self, **settings):
        print('installing from a child process:')
        subprocess.run(['sh', '-c', 'echo 3 packages, 2 upgraded'])
class CopySecrets(Failing):
    DEPS = [MakeUsers]
    TRIES = 1
class StartDatabase(Waiting): DEPS = [InstallPackages]
class LoadBackup(Waiting): DEPS = [MakeFolders]
class JoinCluster(Failing):
    DEPS = [MakeFolders]
    TRIES = 5
    RETRY_DELAY = 30
class Server(DummyJob):
    DEPS = [StartDatabase, LoadBackup, JoinCluster, CopySecrets]
"""


def main():
    """Wait until the screen shows a bit of everything, and draw it."""
    with tempfile.TemporaryDirectory() as folder:
        write_jobs(pathlib.Path(folder), JOBS)
        arguments = ['jobs.py:Server', '-j', '4', '--set', 'host=db1']
        with Screen(command(*arguments), 72, 12, cwd=folder, env=ENVIRONMENT) as screen:
            screen.wait_for('1 failed', 'StartDatabase 3 s', 'JoinCluster: attempt 2/5')
            console = Console(record=True, file=io.StringIO(), width=72, force_terminal=True)
            for text in screen.styled_lines:
                console.print(text)
    svg = console.export_svg(title=f'dojobber {" ".join(arguments)}')
    svg = re.sub(r'@font-face \{.*?\}|<!--.*?-->', '', svg, flags=re.DOTALL)  # the file must not load web fonts
    PICTURE.write_text(re.sub(r'\s+\n', '\n', svg), encoding='utf-8')


if __name__ == '__main__':
    main()
