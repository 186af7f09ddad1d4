"""Finds the root Job that the command line names."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ..job import KINDS, Job
from ..text import error_line, escape_unprintable


class RootNotFoundError(Exception):
    """There is no such Job; the message says why in a line."""


def load_root(text: str) -> type[Job]:
    """Return the Job that ``text`` names: ``FILE.py:JOB``, ``MODULE:JOB``, or either without a Job for its only root.

    Raises:
        RootNotFoundError: The file or module cannot be imported, has no such Job, or not exactly one root.
    """
    where, _, name = text.rpartition(':')
    if not where or os.sep in name or name.endswith('.py'):
        where, name = text, ''
    module = _imported(where)
    jobs: dict[str, type[Job]] = {key: value for key, value in vars(module).items() if _is_job(value)}
    if not name:
        return _only_root(module, jobs, where)
    if name in jobs:
        return jobs[name]
    import difflib

    near = difflib.get_close_matches(name, jobs)
    hint = f'; did you mean {" or ".join(near)}?' if near else f'; it has {", ".join(jobs) or "no Job"}'
    what = 'not a Job' if name in vars(module) else 'not there'
    raise RootNotFoundError(f'{name} of {where} is {what}{hint}')


def _imported(where: str) -> ModuleType:
    is_file = where.endswith('.py') or os.path.isfile(where)
    if is_file and not os.path.isfile(where):
        raise RootNotFoundError(f'{where}: there is no such file')
    if not is_file and not (all(where.split('.')) and set(where).isdisjoint({os.sep, os.altsep, ':'})):
        raise RootNotFoundError(f'{where!r} is neither a file that ends with .py nor the name of a module')
    try:
        sys.path.insert(0, os.path.dirname(os.path.abspath(where)) if is_file else os.getcwd())
    except OSError as error:
        raise RootNotFoundError(f'{where} cannot be imported: the current directory does not exist any more') from error
    try:
        return _imported_file(where) if is_file else importlib.import_module(where)
    except (Exception, SystemExit) as error:
        why = f'{error_line(error)}{_place(error)}'
        if isinstance(error, SystemExit):
            why += "; put what it does as a script under if __name__ == '__main__'"
        raise RootNotFoundError(escape_unprintable(f'{where} cannot be imported: {why}')) from error


def _imported_file(path: str) -> ModuleType:
    name = os.path.splitext(os.path.basename(path))[0]
    while name in sys.modules:  # json.py, say, must not become what all others import as json
        name = f'_{name}'
    spec: Any = importlib.util.spec_from_file_location(name, os.path.abspath(path))
    if spec is None:
        raise ImportError('a file with Jobs ends with .py')
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _of_files[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _forget(name)
        raise
    return module


_of_files: dict[str, ModuleType] = {}
"""The modules in ``sys.modules`` that were made of files."""


@contextlib.contextmanager
def imports_undone() -> Iterator[None]:
    """At the end, leave ``sys.path`` as it was, and forget what was imported here from a file rather than by its name.

    Other modules that it has imported stay, as they always do.
    """
    path, before = list(sys.path), set(_of_files)
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(_of_files) - before:
            _forget(name)


def _forget(name: str) -> None:
    module = _of_files.pop(name)
    if sys.modules.get(name) is module:
        del sys.modules[name]


def _place(error: BaseException) -> str:
    """Return where ``error`` was raised, in the files being imported; a SyntaxError says it itself."""
    place = ''
    traceback = None if isinstance(error, SyntaxError) else error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file not in (__file__, importlib.__file__) and not file.startswith('<frozen importlib'):
            place = f' ({file}, line {traceback.tb_lineno})'
        traceback = traceback.tb_next
    return place


def _is_job(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Job) and thing not in KINDS


def _only_root(module: ModuleType, jobs: dict[str, type[Job]], where: str) -> type[Job]:
    """Return the one Job of the module that no other needs, nor derives from."""
    own = {job: None for job in jobs.values() if job.__module__ == module.__name__}
    needed: set[Any] = set()
    for job in own:
        needed.update(job.__mro__[1:])
        deps: Any = job.DEPS
        if isinstance(deps, (list, tuple, set, frozenset)):
            needed.update(deps)
    roots = [job for job in own if job not in needed]
    if len(roots) == 1:
        return roots[0]
    if not roots:
        raise RootNotFoundError(f'{where} has no Job that no other needs')
    names = ', '.join(job.__name__ for job in roots)
    raise RootNotFoundError(f'{where} has {len(roots)} Jobs that no other needs: {names}; name one, as in {where}:JOB')
