"""The classes that users derive their Jobs from."""

from __future__ import annotations

from collections.abc import Iterable
from threading import get_ident
from typing import Any, ClassVar, TypeVar

AnyJob = TypeVar('AnyJob', bound='Job')

_given: dict[tuple[int, int], dict[Any, Any]] = {}
"""By thread and ``id()`` of the class: the global storage of the instance to be made next."""


class Job:
    """One small, idempotent step towards a goal.

    A subclass writes the hooks it needs; ``Check`` and ``Run`` get the arguments of ``DoJobber.set_args()``:

    ``Check(self, *args, **kwargs)``
        Passes unless it raises. It says whether the desired state is reached already; what it returns is the Job's
        result. Required.
    ``Run(self, *args, **kwargs)``
        Called when ``Check`` failed, to reach that state. What it returns or raises decides nothing: ``Check`` is
        called again afterwards and its verdict counts. It may be missing: then that phase fails.
    ``Cleanup(self)``
        Called once after the whole walk for each try whose ``Run`` was started, last started first.

    ``SystemExit`` is an error like any other there, and ``KeyboardInterrupt`` ends the whole run. An error in a
    ``Cleanup`` fails no Job: it is raised when all are done.

    The class says how it is to be tried: ``DEPS`` lists the Job classes that have to pass before it, in the order to
    try them; ``TRIES`` is how often to try it, and ``RETRY_DELAY`` the seconds from the start of one try to the start
    of the next.

    Every try gets an instance of its own, made without arguments. Its hooks find two dicts: ``self.storage``, which is
    theirs alone, and ``self.global_storage``, which all Jobs of a ``checknrun()`` share. An instance made by hand has
    empty ones, so that a unit test can call its hooks.
    """

    DEPS: ClassVar[Iterable[type[Job]]] = ()
    """The Job classes that have to pass before this one is tried, in the order to try them."""

    TRIES: ClassVar[float | None] = None
    """How often to try before giving up, at least 1 and maybe ``math.inf``; None means ``default_tries`` of
    ``configure()``."""

    RETRY_DELAY: ClassVar[float | None] = None
    """Seconds from the start of one try to the start of the next, at least; None means ``default_retry_delay``."""

    storage: dict[Any, Any]
    """Private to one try: shared by its Check, Run, recheck and Cleanup."""

    global_storage: dict[Any, Any]
    """Shared by all Jobs of one ``checknrun()``. In another process it is a copy of what the Jobs that this one needs
    wrote, and what changes in it comes back."""

    _run_verdict: tuple[Any, BaseException | None] | None = None
    """What Run returned and raised; None until it was called."""

    def __new__(cls: type[AnyJob], *args: Any, **kwargs: Any) -> AnyJob:
        """Make a Job with empty storages, here so that a subclass's ``__init__`` need not call this class's."""
        job = super().__new__(cls)
        _set_storages(job, {} if not _given else _given.pop((get_ident(), id(cls)), {}))
        return job


class DummyJob(Job):
    """A Job that does nothing itself: it groups the Jobs in its ``DEPS`` under one name, and passes when they have."""

    def Check(self, *args: Any, **kwargs: Any) -> Any:
        """Pass."""


class RunonlyJob(Job):
    """A Job that cannot tell whether it is needed: its ``Run`` is called every time, and decides.

    An exception from ``Run`` fails that try; what it returns is the Job's result. In ``no_act`` it never passes, since
    ``Run`` is not called. Prefer a Job with a ``Check`` where you can.
    """

    def Check(self, *args: Any, **kwargs: Any) -> Any:
        """Fail before ``Run``; afterwards repeat what ``Run`` returned or raised.

        Raises:
            RuntimeError: ``Run`` was not called yet.
            BaseException: What ``Run`` raised.
        """
        if self._run_verdict is None:
            raise RuntimeError('Runonly node check intentionally fails first time.')
        result, exception = self._run_verdict
        if exception is not None:
            raise exception
        return result


KINDS = (DummyJob, RunonlyJob, Job)
"""What Jobs derive from, the most special first."""


def kind_of(job: type[Job]) -> str:
    """Return the name of what ``job`` derives from."""
    return next(base.__name__ for base in job.__mro__ if base in KINDS)


_new, _init, _set = object.__new__, object.__init__, object.__setattr__
# object's own: a class may allow no attributes to be set, as a frozen dataclass does


def _set_storages(job: Any, global_storage: dict[Any, Any]) -> None:
    _set(job, 'storage', {})
    _set(job, 'global_storage', global_storage)


def instantiate(job_class: Any, global_storage: dict[Any, Any]) -> Any:
    """Return a new instance, whose ``__init__`` has found both storages already."""
    if type(job_class).__call__ is not type.__call__:
        job = _called(job_class, global_storage)
    else:
        if job_class.__new__ is Job.__new__ and job_class.__mro__[-2] is Job:  # which would call object's next
            job = _new(job_class)
        else:
            job = job_class.__new__(job_class)
            if getattr(job, '_run_verdict', None) is not None:  # it was used before
                _set(job, '_run_verdict', None)
        _set_storages(job, global_storage)
        if job_class.__init__ is _init:
            return job
        if isinstance(job, job_class):
            job.__init__()
    _set(job, 'global_storage', global_storage)  # which __init__ may have replaced
    return job


def _called(job_class: Any, global_storage: dict[Any, Any]) -> Any:
    """Call a class whose metaclass has something to add."""
    key = get_ident(), id(job_class)
    _given[key] = global_storage
    is_new = False
    try:
        job = job_class()
        is_new = key not in _given
    finally:
        _given.pop(key, None)
    if not is_new:  # Job.__new__ was not called: it may have been used before
        _set_storages(job, global_storage)
        _set(job, '_run_verdict', None)
    return job
