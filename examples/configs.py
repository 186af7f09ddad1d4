#!/usr/bin/env python3
"""Update configuration files from templates; a dry run shows the differences and changes nothing.

    mkdir templates etc
    echo 'port = $port' > templates/server.conf
    python examples/configs.py templates etc --value port=8080 --dry-run

A template is a file with placeholders like ``$port``. Each template has a file of the same name below ``etc``, or will
get one. The script prints::

    Update server.conf: would run
    --- etc/server.conf
    +++ etc/server.conf (new)
    @@ -0,0 +1 @@
    +port = 8080
    1 would run

and exits with status 3. Without ``--dry-run`` it writes the file and exits with status 0. So does a later dry run,
since nothing would change. The status is 1 after an error, such as a placeholder without a value.
"""

import argparse
import collections
import difflib
import pathlib
import string
import sys

from dojobber import DoJobber, DummyJob, Job, State


class FillTemplates(Job):
    """Compute what each file should contain.

    Check does all the work, because it changes nothing and a dry run needs its result, too.
    """

    def Check(self, templates, values, **options):
        self.global_storage['texts'] = {}
        for path in files(templates):
            try:
                text = string.Template(read(path)).substitute(values)
            except KeyError as name:
                raise LookupError(f'{path} needs a value for {name}') from None
            except ValueError as error:  # a malformed placeholder, or a file that is not text
                raise ValueError(f'{path}: {error}') from None
            self.global_storage['texts'][path.relative_to(templates)] = text


class UpdateFile(Job):
    """Update a file. main() derives a Job from this class for each file."""

    DEPS = (FillTemplates,)
    FILE = None

    def Check(self, target, **options):
        path, wanted = target / self.FILE, self.global_storage['texts'][self.FILE]
        text = read(path) if path.exists() else None
        if text != wanted:
            lines = [version.splitlines(keepends=True) for version in (text or '', wanted)]
            diff = difflib.unified_diff(*lines, str(path), f'{path} (new)', lineterm='')
            raise ValueError('\n'.join(line.rstrip('\n') for line in diff))

    def Run(self, target, **options):
        path = target / self.FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, 'w', encoding='utf-8', newline='') as file:  # an existing file keeps its owner and mode
            file.write(self.global_storage['texts'][self.FILE])


def files(folder):
    """Return all files below a folder."""
    return sorted(path for path in folder.rglob('*') if path.is_file())


def read(path):
    """Return the text of a file with its line ends unchanged."""
    with open(path, encoding='utf-8', newline='') as file:
        return file.read()


def assignment(text):
    """Return ``NAME=VALUE`` as a pair."""
    name, separator, value = text.partition('=')
    if not separator:
        raise argparse.ArgumentTypeError(f'expected NAME=VALUE, not {text!r}')
    return name, value


def main():
    """Update the files, or show the differences, and return the exit status."""
    parser = argparse.ArgumentParser(description='Bring configuration files up to date.')
    parser.add_argument('templates', type=pathlib.Path, help='folder with the templates')
    parser.add_argument('target', type=pathlib.Path, help='folder with the files to update')
    parser.add_argument(
        '--value', type=assignment, action='append', default=[], metavar='NAME=VALUE', help='replace $NAME by VALUE'
    )
    parser.add_argument('-n', '--dry-run', action='store_true', help='show the differences and change nothing')
    options = parser.parse_args()
    names = [path.relative_to(options.templates) for path in files(options.templates)]
    if not names:
        parser.error(f'no templates in {options.templates}')
    jobs = [UpdateFile.named(f'Update {name}', FILE=name) for name in names]

    engine = DoJobber()
    engine.configure(DummyJob.named('UpdateAll', DEPS=jobs), no_act=options.dry_run, default_tries=1)
    engine.set_args(templates=options.templates, target=options.target, values=dict(options.value))
    engine.checknrun()

    for name, outcome in engine.outcomes.items():
        if outcome.state in (State.CHANGED, State.WOULD_RUN, State.FAILED):
            print(f'{name}: {outcome.state.value}')
        if outcome.exception is not None:  # why it failed or would run; usually the differences
            print(outcome.exception)
    totals = collections.Counter(engine.outcomes[job.__name__].state.value for job in jobs)
    print(', '.join(f'{number} {state}' for state, number in totals.items()))
    if engine.success():
        return 0
    return 1 if any(outcome.state is State.FAILED for outcome in engine.outcomes.values()) else 3


if __name__ == '__main__':
    sys.exit(main())
