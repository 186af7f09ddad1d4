#!/usr/bin/env python3
"""Brings configuration files up to date; a dry run shows what would change in them, and changes nothing.

    mkdir templates etc
    echo 'port = $port' > templates/server.conf
    python examples/configs.py templates etc --value port=8080 --dry-run

A template is a file with names like ``$port`` in it; for each there is a file below ``etc``, or will be. It prints::

    Update server.conf: would run
    --- etc/server.conf
    +++ etc/server.conf, as it should be
    @@ -0,0 +1 @@
    +port = 8080
    1 would run

and exits with status 3. Without ``--dry-run`` the file is written, and the status is 0, as it is from then on for a dry
run too. It is 1 when something is wrong, such as a name without a value.
"""

import argparse
import collections
import difflib
import pathlib
import string
import sys

from dojobber import DoJobber, DummyJob, Job, State


class FillTemplates(Job):
    """Know what each file should be.

    This changes nothing, so it is all done in Check, in a dry run too. Having no Run, it fails there when it fails.
    """

    def Check(self, templates, values, **options):
        self.global_storage['texts'] = {}
        for path in files(templates):
            try:
                text = string.Template(read(path)).substitute(values)
            except KeyError as name:
                raise LookupError(f'{path} needs a value of {name}') from None
            except ValueError as error:  # also a file that is no text
                raise ValueError(f'{path}: {error}') from None
            self.global_storage['texts'][path.relative_to(templates)] = text


class UpdateFile(Job):
    """Have a file as it should be. main() derives a Job from this one for each file."""

    DEPS = (FillTemplates,)
    FILE = None

    def Check(self, target, **options):
        path, wanted = target / self.FILE, self.global_storage['texts'][self.FILE]
        text = read(path) if path.exists() else None
        if text != wanted:
            lines = [each.splitlines(keepends=True) for each in (text or '', wanted)]
            diff = difflib.unified_diff(*lines, str(path), f'{path}, as it should be', lineterm='')
            raise ValueError('\n'.join(line.rstrip('\n') for line in diff))

    def Run(self, target, **options):
        path = target / self.FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, 'w', encoding='utf-8', newline='') as file:  # one that exists keeps its owner and its mode
            file.write(self.global_storage['texts'][self.FILE])


def files(folder):
    """Return the files in a folder and below."""
    return sorted(path for path in folder.rglob('*') if path.is_file())


def read(path):
    """Return the text of a file, with line ends as they are."""
    with open(path, encoding='utf-8', newline='') as file:
        return file.read()


def value(text):
    """Return what is before and after a = as a pair."""
    name, is_there, after = text.partition('=')
    if not is_there:
        raise argparse.ArgumentTypeError('NAME=VALUE is expected')
    return name, after


def main():
    """Update the files, or say how they would be, and return the exit status."""
    parser = argparse.ArgumentParser(description='Bring configuration files up to date.')
    parser.add_argument('templates', type=pathlib.Path, help='a folder of templates')
    parser.add_argument('target', type=pathlib.Path, help='the folder for the files made from them')
    parser.add_argument('--value', type=value, action='append', default=[], metavar='NAME=VALUE', help='what $NAME is')
    parser.add_argument('-n', '--dry-run', action='store_true', help='change nothing, and show what would change')
    options = parser.parse_args()
    names = [path.relative_to(options.templates) for path in files(options.templates)]
    if not names:
        parser.error(f'there are no templates in {options.templates}')
    jobs = [type(f'Update {name}', (UpdateFile,), {'FILE': name}) for name in names]

    engine = DoJobber()
    engine.configure(type('UpdateAll', (DummyJob,), {'DEPS': jobs}), no_act=options.dry_run, default_tries=1)
    engine.set_args(templates=options.templates, target=options.target, values=dict(options.value))
    engine.checknrun()

    for name, outcome in engine.outcomes.items():
        if outcome.state in (State.CHANGED, State.WOULD_RUN, State.FAILED):
            print(f'{name}: {outcome.state.value}')
        if outcome.exception is not None:  # why it failed, or would run: in most cases the difference
            print(outcome.exception)
    numbers = collections.Counter(engine.outcomes[job.__name__].state.value for job in jobs)
    print(', '.join(f'{number} {state}' for state, number in numbers.items()))
    if engine.success():
        return 0
    return 1 if any(outcome.state is State.FAILED for outcome in engine.outcomes.values()) else 3


if __name__ == '__main__':
    sys.exit(main())
