"""What many Jobs in other processes write, and what their Cleanups find."""

from __future__ import annotations

import itertools
from concurrent.futures import ProcessPoolExecutor

import pytest

from dojobber import DoJobber, Job

pytestmark = pytest.mark.filterwarnings('ignore:This process .* is multi-threaded, use of fork:DeprecationWarning')

WRITERS = 80  # more than are kept as a list of numbers


class Writer(Job):
    def Check(self):
        return self.global_storage.setdefault(type(self).__name__, True)


class Reader(Job):
    DEPS = [type(f'Writer{number}', (Writer,), {'__module__': __name__}) for number in range(WRITERS)]

    def Check(self):
        return sorted(self.global_storage)


globals().update({writer.__name__: writer for writer in Reader.DEPS})  # so that workers can import them


class Root(Job):
    DEPS = [Reader]

    def Check(self):
        return sorted(self.global_storage)


class Forgetful(Job):
    """Is unpickled, for its Cleanup, without any attributes."""

    seen = []

    def Check(self):
        assert self.global_storage.get('has run')

    def Run(self):
        self.global_storage['has run'] = True

    def Cleanup(self):
        self.seen.append(dict(self.global_storage))

    def __reduce__(self):
        return object.__new__, (Forgetful,)


class Trap:
    """Raises an interrupt when it is pickled for the time that ``left`` counts down to. Each of its pickles differs."""

    left = -1
    numbers = itertools.count()

    def __init__(self, number=0):
        pass

    def __reduce__(self):
        Trap.left -= 1
        if Trap.left == 0:
            raise KeyboardInterrupt('pickled')
        return Trap, (next(Trap.numbers),)


class Setter(Job):
    def Check(self, **arguments):
        Trap.left = -1
        self.global_storage['trap'] = [Trap()]


class Getter(Job):
    DEPS = [Setter]

    def Check(self, number):
        Trap.left = number
        return len(self.global_storage['trap'])


@pytest.fixture
def pool():
    with ProcessPoolExecutor(1) as pool:
        yield pool


def test_a_job_finds_what_all_that_it_depends_on_wrote_directly_or_not(pool):
    engine = DoJobber()
    engine.configure(Root, executor=pool)
    engine.checknrun()
    assert engine.success()
    names = sorted(writer.__name__ for writer in Reader.DEPS)
    assert engine.noderesults['Reader'] == names
    assert engine.noderesults['Root'] == names


def test_a_cleanup_finds_the_global_storage_even_if_its_job_sends_no_attributes(pool):
    Forgetful.seen.clear()
    engine = DoJobber()
    engine.configure(Forgetful, executor=pool)
    engine.checknrun()
    assert engine.success()
    assert Forgetful.seen == [{'has run': True}]


def test_an_interrupt_whenever_a_value_is_pickled_that_a_job_has_read_ends_the_run(pool):
    engine = DoJobber()
    engine.configure(Getter, executor=pool)
    for number in itertools.count(1):
        engine.set_args(number=number)
        error = None
        try:
            engine.checknrun()
        except KeyboardInterrupt as raised:
            error = raised
        if error is None:
            break
        assert str(error).endswith('pickled')
        assert engine.nodestatus == {'Setter': True, 'Getter': False}
    assert number > 1
    assert engine.success()
