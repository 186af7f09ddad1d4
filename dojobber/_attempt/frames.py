"""Strips the engine's frames and the caller's exception from a Job's exception."""

from __future__ import annotations

import functools
from types import TracebackType

from .error_chain import get_context, get_traceback, new_links, set_context

_PACKAGE = __name__.partition('.')[0]


@functools.lru_cache(maxsize=1024)
def _is_engine(module: str) -> bool:
    """Tell whether frames of that module are the engine's. Those of the ready-made Jobs are a Job's own."""
    return f'{module}.'.startswith(f'{_PACKAGE}.') and not f'{module}.'.startswith(f'{_PACKAGE}.jobs.')


def strip_engine_frames(
    error: BaseException, callers_exception: BaseException | None, earlier: TracebackType | None = None
) -> BaseException:
    """Begin the traceback of ``error`` at the Job's own frame, and return ``error``.

    A frame of the engine tells the user nothing, and would keep alive everything that it refers to.

    Args:
        callers_exception: The exception that the caller of the engine was handling. The Job has nothing to do with it,
            so ``error`` is detached from it.
        earlier: The traceback of the previous phase's exception. If the Job raises the same object again, Python
            adds the new entries in front of it, and it is cut off.
    """
    if callers_exception is not None:
        for link in new_links(error, set()):
            if get_context(link) is callers_exception:
                set_context(link, None)
    entry = get_traceback(error)
    while entry is not None:
        module = entry.tb_frame.f_globals.get('__name__')
        if type(module) is not str or not _is_engine(module):
            break
        entry = entry.tb_next
    if entry is not None and entry.tb_next is not None:
        _cut_off_earlier(entry, earlier)
    return BaseException.with_traceback(error, entry)


def _cut_off_earlier(entry: TracebackType, earlier: TracebackType | None) -> None:
    """If an exception object is raised repeatedly, cut off the entries of earlier phases and attempts.

    The first entry of an earlier attempt belongs to the same hook, but to another instance.
    """
    code, job = entry.tb_frame.f_code, _first_argument(entry)
    while entry.tb_next is not None:
        following = entry.tb_next
        if following is earlier or (following.tb_frame.f_code is code and _first_argument(following) is not job):
            entry.tb_next = None
            return
        entry = following


def _first_argument(entry: TracebackType) -> object:
    """Return the first argument, or the first item of ``*args``: in a hook or its wrapper, the instance."""
    names = entry.tb_frame.f_code.co_varnames
    value = entry.tb_frame.f_locals.get(names[0]) if names else None
    return value[0] if type(value) is tuple and value else value
