"""What crosses between the process that runs the graph and the workers. Every message is pickled."""

from __future__ import annotations

from typing import NamedTuple


class Request(NamedTuple):
    """An attempt to make."""

    nonce: tuple[bytes, int]
    """Unique: an executor may reuse the result of a call that it has seen before."""
    job: bytes
    """The class, pickled."""
    arguments: bytes
    """Those of ``set_args()``, pickled."""
    storage: bytes
    """What the Job finds in ``global_storage``: a dict of encoded values, pickled."""
    no_act: bool
    is_reported: bool
    """Whether the phases are reported."""
    has_directory: bool
    """Whether the worker has a current directory of its own; the interpreters of one process share theirs."""


class Links(NamedTuple):
    """The exceptions that one exception refers to, as indexes into a list of exceptions."""

    cause: int | None
    context: int | None
    suppress_context: bool


class Chain(NamedTuple):
    """The exceptions that an exception is chained to, which pickling would lose."""

    errors: list[bytes]
    """All but the exception itself, each pickled on its own."""
    links: list[Links]
    """Those of the exception itself, then those of each of ``errors``. Index 0 is the exception itself."""


class Response(NamedTuple):
    """The result of an attempt. Each part is pickled on its own, so that the rest can be read even if one cannot."""

    result: bytes
    """The outcome and the phase reports."""
    tracebacks: list[str]
    """Of the exception of the outcome, then of those of the reports; empty if there is none."""
    chains: list[Chain | None]
    """Of the same exceptions; None if they are chained to nothing."""
    changes: bytes
    """What the Job changed in ``global_storage``: a ``StorageDiff``."""
    pending_cleanup: bytes | None
    """The attributes of the instance whose Cleanup is pending, or the instance if its class defines its pickling."""
