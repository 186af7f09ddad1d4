"""Loads the root Job that the command line names."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from .._plan.validate import is_job
from ..job import KINDS, Job
from ..text import error_line, escape_unprintable


class RootNotFoundError(Exception):
    """The root Job cannot be loaded. The message is one line."""


def load_root(text: str) -> type[Job]:
    """Return the Job that ``text`` names: ``FILE.py:JOB``, ``MODULE:JOB``, or either without ``:JOB`` for its root.

    Raises:
        RootNotFoundError: The file or module cannot be imported, does not have that Job, or has no single root.
    """
    location, _, name = text.rpartition(':')
    if not location or os.sep in name or name.endswith('.py'):
        location, name = text, ''
    module = _import(location)
    jobs: dict[str, type[Job]] = {key: job for key, job in vars(module).items() if is_job(job) and job not in KINDS}
    if not name:
        return _only_root(module, jobs, location)
    if name in jobs:
        return jobs[name]
    import difflib

    similar = difflib.get_close_matches(name, jobs)
    hint = f'did you mean {" or ".join(map(repr, similar))}?' if similar else f'known Jobs: {", ".join(jobs) or "none"}'
    if name in vars(module):
        raise RootNotFoundError(f'{name!r} in {location} is not a Job class; {hint}')
    raise RootNotFoundError(f'{location} has no Job {name!r}; {hint}')


def _import(location: str) -> ModuleType:
    is_file = location.endswith('.py') or os.path.isfile(location)
    if is_file and not os.path.isfile(location):
        raise RootNotFoundError(f'{location} does not exist')
    if not is_file and not (all(location.split('.')) and set(location).isdisjoint({os.sep, os.altsep, ':'})):
        raise RootNotFoundError(f'{location!r} is neither a file that ends with .py nor the name of a module')
    try:
        sys.path.insert(0, os.path.dirname(os.path.abspath(location)) if is_file else os.getcwd())
    except OSError as error:
        raise RootNotFoundError(f'{location} cannot be imported: the current directory no longer exists') from error
    try:
        return _import_file(location) if is_file else importlib.import_module(location)
    except (Exception, SystemExit) as error:
        reason = f'{error_line(error)}{_location_of(error)}'
        if isinstance(error, SystemExit):
            reason += "; put its script code under if __name__ == '__main__'"
        raise RootNotFoundError(escape_unprintable(f'{location} cannot be imported: {reason}')) from error


def _import_file(path: str) -> ModuleType:
    name = os.path.splitext(os.path.basename(path))[0]
    while name in sys.modules:  # for example, json.py must not replace the module json
        name = f'_{name}'
    spec: Any = importlib.util.spec_from_file_location(name, os.path.abspath(path))
    if spec is None:
        raise ImportError('a file of Jobs must have a name that ends with .py')
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _file_modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _forget(name)
        raise
    return module


_file_modules: dict[str, ModuleType] = {}
"""Modules in ``sys.modules`` that were loaded from a file given by its path, by name."""


@contextlib.contextmanager
def imports_undone() -> Iterator[None]:
    """After the block, restore ``sys.path``, and forget modules that were loaded from a file given by its path.

    Modules that these have imported stay.
    """
    path, before = list(sys.path), set(_file_modules)
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(_file_modules) - before:
            _forget(name)


def _forget(name: str) -> None:
    module = _file_modules.pop(name)
    if sys.modules.get(name) is module:
        del sys.modules[name]


def _location_of(error: BaseException) -> str:
    """Return the file and line where ``error`` was raised; empty for a SyntaxError, whose message has them."""
    location = ''
    traceback = None if isinstance(error, SyntaxError) else error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file not in (__file__, importlib.__file__) and not file.startswith('<frozen importlib'):
            location = f' ({file}, line {traceback.tb_lineno})'
        traceback = traceback.tb_next
    return location


def _only_root(module: ModuleType, jobs: dict[str, type[Job]], location: str) -> type[Job]:
    """Return the only Job of the module that no other Job depends on or derives from."""
    own = {job: None for job in jobs.values() if job.__module__ == module.__name__}
    used: set[Any] = set()
    for job in own:
        used.update(job.__mro__[1:])
        deps: Any = job.DEPS
        if isinstance(deps, (list, tuple, set, frozenset)):
            used.update(deps)
    roots = [job for job in own if job not in used]
    if len(roots) == 1:
        return roots[0]
    if not own:
        raise RootNotFoundError(f'{location} defines no Job')
    if not roots:
        raise RootNotFoundError(f'{location} has no root, a Job that no other Job depends on')
    names = ', '.join(job.__name__ for job in roots)
    choice = f'choose one, as in {location}:{roots[0].__name__}'
    raise RootNotFoundError(f'{location} has {len(roots)} roots: {names}; {choice}')
