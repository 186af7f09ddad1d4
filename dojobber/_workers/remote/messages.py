"""The messages between the process that runs the graph and its workers. Each is sent pickled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..._attempt.attempt import AttemptResult


class Request(NamedTuple):
    """A request to run one attempt."""

    nonce: tuple[bytes, int]
    """Makes each request unique: an executor may reuse the result of a call that it has seen before."""
    job: bytes
    """The pickled class."""
    arguments: bytes
    """The pickled arguments of ``set_args()``."""
    storage: bytes
    """The ``global_storage`` that the Job sees: a pickled dict of encoded values."""
    no_act: bool
    with_reports: bool
    """Whether the response reports the phases."""
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
    """The other exceptions of the chain, each pickled on its own."""
    links: list[Links]
    """The links of the exception itself, which has index 0, and then of each of ``errors``."""


def errors_of(result: AttemptResult) -> Sequence[BaseException | None]:
    """Return the exceptions in a result, in the order of ``Response.tracebacks`` and ``Response.chains``."""
    return [result.outcome.exception, result.outcome.run_exception, *(report.error for report in result.reports)]


class Response(NamedTuple):
    """The result of an attempt. Each part is pickled on its own, so that the rest can be read even if one cannot."""

    result: bytes
    """The outcome, the phase reports, and the name of the worker."""
    tracebacks: list[str]
    """The tracebacks of the outcome's exception and ``run_exception``, and of each report's error; empty for none."""
    chains: list[Chain | None]
    """The chains of the same exceptions; None for an exception that is not chained."""
    changes: bytes
    """The Job's changes of ``global_storage``: a ``StorageDiff``."""
    pending_cleanup: bytes | None
    """The instance whose Cleanup is pending, or a RemoteError; None if no Cleanup is pending.

    The instance is sent as its attributes and slots, or as itself if its class defines its pickling.
    """
