"""The classes that users derive their Jobs from."""

from __future__ import annotations

import copyreg
import functools
from collections.abc import Collection, Iterable, Sequence
from threading import get_ident
from typing import Any, Callable, ClassVar, Optional, TypeVar, Union, cast

AnyJob = TypeVar('AnyJob', bound='Job')

_next_storage: dict[tuple[int, int], dict[Any, Any]] = {}
"""The global storage of the instance about to be created, by thread id and ``id()`` of the class."""


class GiveUp(Exception):  # noqa: N818 - the name says what it does
    """Raised by a Job that cannot pass. The Job has failed and is not attempted again.

    If ``__init__`` or the first Check raises it, Run is not called; if Run raises it, there is no recheck. With
    ``no_act`` the Job is ``FAILED``, not ``WOULD_RUN``. The exception is the error of the Job. Other Jobs go on.
    """


class Skip(Exception):  # noqa: N818 - likewise
    """Raised by a Job that does not apply here. The Job counts as passed; its state is ``State.SKIPPED``.

    If ``__init__`` or the first Check raises it, Run is not called; if Run raises it, there is no recheck. Dependents
    go on. ``Outcome.exception`` holds the exception.
    """


class Job:
    """One small, idempotent step toward a goal.

    A subclass defines these hooks. ``Check`` and ``Run`` are called with the arguments of ``DoJobber.set_args()``.

    ``Check(self, *args, **kwargs)``
        Required. It raises an exception unless the desired state is already reached. Its return value is the Job's
        result.
    ``Run(self, *args, **kwargs)``
        Optional. Called if ``Check`` failed, to reach the desired state. Then ``Check`` is called again, whether or not
        ``Run`` succeeded, and only this recheck decides.
    ``Cleanup(self)`` or ``Cleanup(self, *args, **kwargs)``
        Optional. Called at the end of the run, once for each attempt whose ``Run`` was started, in reverse order.
        ``self.run_succeeded`` then tells whether every Job of the run has passed. If it takes arguments, it receives
        those of ``Check`` and ``Run``.

    In ``Check`` and ``Run``, ``SystemExit`` fails the Job like any other error, ``GiveUp`` fails it for good, ``Skip``
    passes it as not applicable, and ``KeyboardInterrupt`` ends the run.
    An error in a ``Cleanup`` does not fail the Job; it is raised after all Cleanups have been called.

    ``DEPS`` lists the Job classes that it depends on. ``TRIES`` is the maximum number of attempts, ``RETRY_DELAY`` the
    minimum number of seconds between the starts of two attempts, and ``LOCKS`` names what no two Jobs may use at once.

    Each attempt creates a new instance, without arguments. Its hooks share two dicts: ``self.storage`` belongs to the
    attempt, ``self.global_storage`` to all Jobs of a ``checknrun()``. If you create an instance yourself, for example
    to test its hooks, both are empty.
    """

    DEPS: ClassVar[Iterable[type[Job]]] = ()
    """The Job classes that must pass before this one is attempted, in the order in which to attempt them."""

    TRIES: ClassVar[Optional[float]] = None
    """Maximum number of attempts, at least 1; ``math.inf`` is allowed. None means ``default_tries`` of
    ``configure()``."""

    RETRY_DELAY: ClassVar[Union[float, Sequence[float], None]] = None
    """Minimum number of seconds between the starts of two attempts. None means ``default_retry_delay``.

    A sequence gives the delays after the first attempt, the second, and so on; its last item repeats.
    """

    LOCKS: ClassVar[Optional[Collection[str]]] = ()
    """Names of things of which there is only one, such as the package manager. When several Jobs run at the same time,
    at most one of those that share a name does. The others wait without occupying a worker."""

    storage: dict[Any, Any]
    """Private to one attempt. Its Check, Run, recheck and Cleanup share it."""

    global_storage: dict[Any, Any]
    """Shared by all Jobs of one ``checknrun()``. In another process it is a copy that contains what the dependencies of
    this Job wrote, and changes to it are sent back."""

    run_succeeded: Optional[bool] = None
    """In Cleanup: whether every Job of the run has passed. False after an interrupt, and before the run has ended; None
    in Check and Run, and for an instance that you create yourself."""

    _run_verdict: Optional[tuple[Any, Optional[BaseException]]] = None
    """Return value and error of Run; None before Run was called."""

    def __new__(cls: type[AnyJob], *args: Any, **kwargs: Any) -> AnyJob:
        """Create a Job with empty storages, so that the ``__init__`` of a subclass need not call ``super()``."""
        job = super().__new__(cls)
        _set_storages(job, _next_storage.pop((get_ident(), id(cls)), {}))
        return job

    @classmethod
    def named(cls: type[AnyJob], name: str, /, **attributes: Any) -> type[AnyJob]:
        """Return a subclass called ``name`` with these class attributes, for Jobs that differ only in their data.

        For example, ``DEPS = [MakeFolder.named(f'Make {path}', PATH=path) for path in PATHS]``. The subclass keeps the
        docstring of this class, unless ``__doc__`` is given. It can be pickled if this class can.

        Raises:
            TypeError: ``name`` is not a string.
        """
        members = {'__module__': cls.__module__, '__doc__': vars(cls).get('__doc__'), **attributes}
        metaclass: Any = type(cls)
        return cast('type[AnyJob]', _named_type(metaclass)(name, (cls,), {**members, _GIVEN: tuple(attributes)}))


class DummyJob(Job):
    """A Job that does nothing itself. It groups the Jobs in its ``DEPS`` under one name, and passes once they pass."""

    def Check(self, *args: Any, **kwargs: Any) -> Any:
        """Always pass."""


_NOT_RUN_YET = 'Runonly node check intentionally fails first time.'


class RunonlyJob(Job):
    """A Job without a ``Check`` of its own: each attempt calls its ``Run``, which decides.

    The return value of ``Run`` is the Job's result; an exception fails the attempt. With ``no_act`` it never passes,
    since ``Run`` is not called. Prefer a Job with a ``Check`` where possible.
    """

    def Check(self, *args: Any, **kwargs: Any) -> Any:
        """Fail if ``Run`` was not called yet; otherwise return its result or raise its error.

        Raises:
            RuntimeError: ``Run`` was not called yet.
            BaseException: ``Run`` raised it.
        """
        if self._run_verdict is None:
            raise RuntimeError(_NOT_RUN_YET)
        result, exception = self._run_verdict
        if exception is not None:
            raise exception
        return result


_GIVEN = '_given_to_named'
"""The class attribute with the names of the attributes that ``Job.named()`` was given."""


@functools.cache
def _named_type(metaclass: Any) -> Any:
    """Return a subclass of a metaclass, whose instances are pickled by :func:`_reduce_named`."""
    named = NamedJobType if metaclass is type else type(f'Named{metaclass.__name__}', (metaclass,), {})
    copyreg.pickle(named, _reduce_named)
    return named


class NamedJobType(type):
    """The metaclass of what ``Job.named()`` returns: pickle finds other classes only by their name in a module."""


def _reduce_named(job: type[Job]) -> Any:
    own = vars(job)
    if _GIVEN not in own:
        return job.__qualname__  # a class statement has derived it, so it is found by name
    return _make_named, (job.__bases__[0], job.__name__, {name: own[name] for name in own[_GIVEN] if name in own})


def _make_named(base: type[Job], name: str, attributes: dict[str, Any]) -> type[Job]:
    return base.named(name, **attributes)


def is_not_run_yet(error: BaseException) -> bool:
    """Tell whether ``error`` only says that a RunonlyJob has not called its Run yet."""
    return type(error) is RuntimeError and error.args == (_NOT_RUN_YET,)


def gives_up(error: Optional[BaseException]) -> bool:
    """Tell whether ``error`` is a GiveUp, so that its Job is not attempted again."""
    return issubclass(type(error), GiveUp)  # isinstance() would read a property named __class__, which may raise


def skips(error: Optional[BaseException]) -> bool:
    """Tell whether ``error`` is a Skip."""
    return issubclass(type(error), Skip)  # likewise


KINDS = (DummyJob, RunonlyJob, Job)
"""The base classes of Jobs."""


def kind_of(job: type[Job]) -> str:
    """Return the name of the base class of this package from which ``job`` derives."""
    return next(base.__name__ for base in job.__mro__ if base in KINDS)


set_attribute: Callable[[Any, str, Any], None] = object.__setattr__  # frozen dataclasses refuse their own


def _set_storages(job: Any, global_storage: dict[Any, Any]) -> None:
    set_attribute(job, 'storage', {})
    set_attribute(job, 'global_storage', global_storage)


def instantiate(job_class: Any, global_storage: dict[Any, Any]) -> Any:
    """Return a new instance. Both storages are set before its ``__init__`` is called."""
    if type(job_class).__call__ is not type.__call__:
        job = _call_class(job_class, global_storage)
    else:
        if job_class.__new__ is Job.__new__ and job_class.__mro__[-2] is Job:
            job = object.__new__(job_class)  # as Job.__new__ would
        else:
            job = job_class.__new__(job_class)
            if getattr(job, '_run_verdict', None) is not None:  # its __new__ returned an instance that was used before
                set_attribute(job, '_run_verdict', None)
        set_attribute(job, 'storage', {})  # _set_storages(), inline for speed
        set_attribute(job, 'global_storage', global_storage)
        if job_class.__init__ is object.__init__:
            return job
        if isinstance(job, job_class):
            job.__init__()
    set_attribute(job, 'global_storage', global_storage)  # __init__ may have replaced it
    return job


def _call_class(job_class: Any, global_storage: dict[Any, Any]) -> Any:
    """Return a new instance of a class whose metaclass defines ``__call__``."""
    key = get_ident(), id(job_class)
    _next_storage[key] = global_storage
    is_new = False
    try:
        job = job_class()
        is_new = key not in _next_storage
    finally:
        _next_storage.pop(key, None)
    if not is_new:  # Job.__new__ was not called, so the instance may have been used before
        _set_storages(job, global_storage)
        set_attribute(job, '_run_verdict', None)
    return job
