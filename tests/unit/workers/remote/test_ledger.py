"""Which Jobs see the writes of others to ``global_storage``, and which conflict with them."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dojobber import StorageConflictError
from dojobber._workers.remote.ledger import Ledger
from dojobber._workers.remote.storage import StorageDiff, Written


def wrote(*deleted, **values):
    """Return the changes of a Job that set ``values`` and deleted the keys ``deleted``."""
    return StorageDiff({key: Written(value) for key, value in values.items()}, deleted)


def filled(**values):
    """Return the changes of a Job that only read ``values``, which filled their caches."""
    return StorageDiff({key: Written(value, True) for key, value in values.items()}, ())


def record_attempt(ledger, index, changes):
    """Record an attempt of a Job with these changes; return the conflict, if any."""
    ledger.storage_of(index)
    conflict = ledger.conflict(index, changes)
    if conflict is None:
        ledger.record(index, changes)
    return conflict


@st.composite
def histories(draw):
    """For each Job: its dependencies, which all come before it, the keys it sets and those it deletes."""
    keys = st.sampled_from('abc')
    jobs = []
    for index in range(draw(st.integers(1, 60))):
        dependencies = draw(st.sets(st.integers(0, index - 1), max_size=4)) if index else set()
        jobs.append((sorted(dependencies), draw(st.sets(keys, max_size=2)), draw(st.sets(keys, max_size=1))))
    return jobs


class TestStorageOf:
    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(histories())
    def test_a_job_sees_the_last_writes_of_its_dependencies_in_plan_order(self, jobs):
        ledger = Ledger([str(index) for index in range(len(jobs))], [dependencies for dependencies, _, _ in jobs])
        ancestors, accepted = [], {}
        for index, (dependencies, assigned, deleted) in enumerate(jobs):
            ancestors.append(set(dependencies).union(*map(ancestors.__getitem__, dependencies)))
            expected = {}
            for ancestor in sorted(ancestors[index]):
                expected.update(accepted[ancestor])
            assert ledger.storage_of(index) == {key: value for key, value in expected.items() if value is not None}

            deleted = deleted - assigned
            changes = wrote(*deleted, **{key: f'{key} by {index}' for key in assigned})
            last = {
                key: max((job for job in accepted if key in accepted[job]), default=None) for key in assigned | deleted
            }
            conflicts = any(job is not None and job not in ancestors[index] for job in last.values())
            conflict = ledger.conflict(index, changes)
            assert (conflict is not None) == conflicts
            accepted[index] = {}
            if conflict is None:
                ledger.record(index, changes)
                accepted[index] = {**{key: f'{key} by {index}' for key in assigned}, **dict.fromkeys(deleted)}

    def test_a_job_sees_the_writes_of_its_earlier_attempts(self):
        ledger = Ledger(['A', 'B'], [[], [0]])
        for number in range(3):
            assert ledger.storage_of(0) == {f'attempt {earlier}': earlier for earlier in range(number)}
            record_attempt(ledger, 0, wrote(**{f'attempt {number}': number}))
        assert ledger.storage_of(1) == {'attempt 0': 0, 'attempt 1': 1, 'attempt 2': 2}

    def test_dependencies_that_were_not_attempted_have_written_nothing(self):
        assert Ledger(['A', 'B'], [[], [0]]).storage_of(1) == {}

    @pytest.mark.parametrize('shape', ['chain', 'leaves', 'pairs'])
    def test_memory_of_the_ledger_is_linear(self, shape):
        def dependencies_of(index, count):
            if index == count - 1:
                return range(index)
            return {'chain': [index - 1] * bool(index), 'leaves': [], 'pairs': [index - 1] * (index % 2)}[shape]

        def memory_of(count):
            ledger = Ledger(
                list(map(str, range(count))), [list(dependencies_of(index, count)) for index in range(count)]
            )
            tracemalloc.start()
            try:
                for index in range(count - 1):
                    record_attempt(ledger, index, wrote(**{str(index): index}))
                return tracemalloc.get_traced_memory()[0]
            finally:
                tracemalloc.stop()

        # The last Job depends on all others, so the ledger cannot drop anything. It keeps a bit for each pair.
        assert memory_of(2000) < 6 * memory_of(500)


class TestConflict:
    def test_independent_jobs_that_write_one_key_conflict_even_with_equal_values(self):
        ledger = Ledger(['A', 'B', 'Root'], [[], [], [0, 1]])
        assert record_attempt(ledger, 0, wrote(key=1)) is None
        conflict = record_attempt(ledger, 1, wrote(key=1))
        assert isinstance(conflict, StorageConflictError)
        assert str(conflict).startswith(
            "'A' and 'B' both write global_storage['key'], and neither depends on the other: "
        )

    def test_independent_jobs_that_fill_the_same_caches_do_not_conflict(self):
        ledger = Ledger(['Make', 'A', 'B', 'Root'], [[], [0], [0], [1, 2]])
        record_attempt(ledger, 0, wrote(key='new'))
        assert record_attempt(ledger, 1, filled(key='filled')) is None
        assert record_attempt(ledger, 2, filled(key='filled')) is None
        assert ledger.storage_of(3) == {'key': 'filled'}

    @pytest.mark.parametrize('second', [filled(key='filled differently'), wrote(key='filled'), wrote('key')])
    def test_a_job_that_fills_a_cache_conflicts_with_any_other_write(self, second):
        ledger = Ledger(['Make', 'A', 'B', 'Root'], [[], [0], [0], [1, 2]])
        record_attempt(ledger, 0, wrote(key='new'))
        assert record_attempt(ledger, 1, filled(key='filled')) is None
        conflict = record_attempt(ledger, 2, second)
        assert conflict.culprit == 'key'
        assert ('__getstate__' in str(conflict)) == (second == filled(key='filled differently'))

    def test_a_key_whose_repr_raises_can_conflict(self):
        class UnprintableKey:
            def __repr__(self):
                raise ValueError('no')

        key, ledger = UnprintableKey(), Ledger(['A', 'B'], [[], []])
        changes = StorageDiff({key: Written(1)}, ())
        record_attempt(ledger, 0, changes)
        assert 'global_storage[<unprintable>]' in str(record_attempt(ledger, 1, changes))
