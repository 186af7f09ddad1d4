"""Captures errors, and chains several into the one that is raised in the end."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Callable

from ..outcome import is_interrupt

MAX_SHOWN = 100
"""The number of chained errors that a traceback shows. CPython 3.11 and 3.12 print no chain of a thousand."""

# The descriptors of BaseException: an exception class may be a frozen dataclass, or have properties of these names.
_exception: Any = BaseException
get_traceback: Callable[[BaseException], TracebackType | None] = _exception.__traceback__.__get__
get_context: Callable[[BaseException], BaseException | None] = _exception.__context__.__get__
set_context: Callable[[BaseException, BaseException | None], None] = _exception.__context__.__set__


def capture_error(function: Callable[..., object], /, *args: Any, **kwargs: Any) -> BaseException | None:
    """Call ``function`` and return the exception that it raises, or None."""
    try:
        function(*args, **kwargs)
    except BaseException as error:
        return error
    return None


def chain_errors(errors: Iterable[BaseException | None]) -> BaseException | None:
    """Return the error to raise, with all others in its context; None if there are no errors.

    It is the last interrupt, or else the last error, as with ``contextlib.ExitStack``. The others follow it from the
    latest to the earliest, and each keeps its existing context. This takes linear time.
    """
    given = [error for error in errors if error is not None]
    if not given:
        return None
    first = next((error for error in reversed(given) if is_interrupt(error)), given[-1])
    known: set[int] = set()
    segments = [new_links(error, known) for error in given]
    own, position = next(
        (links, position) for links in segments for position, link in enumerate(links) if link is first
    )
    others = [own[:position] if segment is own else segment for segment in reversed(segments)]
    chain = [*own[position:], *[link for segment in others for link in segment]]
    for number, (error, context) in enumerate(zip(chain, chain[1:]), 1):
        if get_context(error) is not context:
            set_context(error, context)
        if number == MAX_SHOWN:
            _exception.__suppress_context__.__set__(error, True)
    if len(given) > 1 and id(get_context(chain[-1])) in known:
        set_context(chain[-1], None)  # it would close a cycle
    return first


def new_links(error: BaseException, known: set[int]) -> list[BaseException]:
    """Return ``error`` and its chain of contexts up to the first whose id is in ``known``, and add their ids."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and id(link) not in known:
        known.add(id(link))
        links.append(link)
        link = get_context(link)
    return links
