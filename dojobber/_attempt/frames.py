"""Leaves in a Job's exception what is the Job's own."""

from __future__ import annotations

from types import TracebackType

from .error_chain import get_context, get_traceback, set_context

PREFIX = __name__.partition('.')[0] + '.'


def strip_engine_frames(
    error: BaseException, callers_exception: BaseException | None, known: TracebackType | None = None
) -> BaseException:
    """Begin the traceback of ``error`` at the Job's own frame and return it.

    An engine's frame would keep all that it refers to alive, and tell nobody anything.

    Args:
        callers_exception: The exception that the caller of the engine was handling, which is no concern of the Job's:
            ``error`` is detached from it.
        known: Where the traceback of an exception of the phase before begins. Python puts new entries before those that
            are there already, so it goes on there if the same object was raised again.
    """
    if callers_exception is not None:
        _detach(error, callers_exception)
    entry = get_traceback(error)
    while entry is not None:
        name = entry.tb_frame.f_globals.get('__name__')
        if not isinstance(name, str) or not name.startswith(PREFIX):
            break
        entry = entry.tb_next
    if entry is not None and entry.tb_next is not None:
        _forget_earlier(entry, known)
    return BaseException.with_traceback(error, entry)


def _detach(error: BaseException, callers_exception: BaseException) -> None:
    seen = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        context = get_context(link)
        if context is callers_exception:
            set_context(link, None)
        link = context


def _forget_earlier(entry: TracebackType, known: TracebackType | None) -> None:
    """Cut off what an exception object that is raised again and again has of earlier phases and attempts.

    The first entry of an earlier attempt is one of the hook, too, but of another instance.
    """
    code, job = entry.tb_frame.f_code, _first_argument(entry)
    while entry.tb_next is not None:
        following = entry.tb_next
        if following is known or (following.tb_frame.f_code is code and _first_argument(following) is not job):
            entry.tb_next = None
            return
        entry = following


def _first_argument(entry: TracebackType) -> object:
    """Return what the function was called with first: the instance, for a hook and for what is wrapped around it."""
    names = entry.tb_frame.f_code.co_varnames
    value = entry.tb_frame.f_locals.get(names[0]) if names else None
    return value[0] if type(value) is tuple and value else value
