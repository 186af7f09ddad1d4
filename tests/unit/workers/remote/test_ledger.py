"""Who sees what of ``global_storage``, and who may not write it."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dojobber import StorageConflictError
from dojobber._workers.remote.ledger import Ledger
from dojobber._workers.remote.storage import StorageDiff, Written


def wrote(*deleted, **values):
    """Return the changes of a Job that assigned and deleted these."""
    return StorageDiff({key: Written(value) for key, value in values.items()}, deleted)


def used(**values):
    """Return those of a Job in whose hands an object filled in what was missing."""
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
    """For each Job: those it needs, all of them before it, and what it assigns and deletes."""
    keys = st.sampled_from('abc')
    jobs = []
    for index in range(draw(st.integers(1, 60))):
        needs = draw(st.sets(st.integers(0, index - 1), max_size=4)) if index else set()
        jobs.append((sorted(needs), draw(st.sets(keys, max_size=2)), draw(st.sets(keys, max_size=1))))
    return jobs


class TestStorageOf:
    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(histories())
    def test_a_job_sees_the_last_writes_of_its_dependencies_in_plan_order(self, jobs):
        ledger = Ledger([str(index) for index in range(len(jobs))], [needs for needs, _, _ in jobs])
        ancestors, accepted = [], {}
        for index, (needs, assigned, deleted) in enumerate(jobs):
            ancestors.append(set(needs).union(*(ancestors[need] for need in needs)))
            expected = {}
            for one in sorted(ancestors[index]):
                expected.update(accepted[one])
            assert ledger.storage_of(index) == {key: value for key, value in expected.items() if value is not None}

            deleted = deleted - assigned
            changes = wrote(*deleted, **{key: f'{key} by {index}' for key in assigned})
            last = {key: max((o for o in accepted if key in accepted[o]), default=None) for key in assigned | deleted}
            conflicts = any(one is not None and one not in ancestors[index] for one in last.values())
            found = ledger.conflict(index, changes)
            assert (found is not None) == conflicts
            accepted[index] = {}
            if found is None:
                ledger.record(index, changes)
                accepted[index] = {**{key: f'{key} by {index}' for key in assigned}, **dict.fromkeys(deleted)}

    def test_a_job_sees_the_writes_of_its_earlier_attempts(self):
        ledger = Ledger(['A', 'B'], [[], [0]])
        for number in range(3):
            assert ledger.storage_of(0) == {f'try{earlier}': earlier for earlier in range(number)}
            record_attempt(ledger, 0, wrote(**{f'try{number}': number}))
        assert ledger.storage_of(1) == {'try0': 0, 'try1': 1, 'try2': 2}

    def test_dependencies_that_were_not_attempted_have_written_nothing(self):
        assert Ledger(['A', 'B'], [[], [0]]).storage_of(1) == {}

    @pytest.mark.parametrize('shape', ['chain', 'leaves', 'pairs'])
    def test_memory_of_the_ledger_is_linear(self, shape):
        def needs(index, count):
            if index == count - 1:
                return range(index)
            return {'chain': [index - 1] * bool(index), 'leaves': [], 'pairs': [index - 1] * (index % 2)}[shape]

        def taken(count):
            ledger = Ledger(list(map(str, range(count))), [list(needs(index, count)) for index in range(count)])
            tracemalloc.start()
            try:
                for index in range(count - 1):
                    record_attempt(ledger, index, wrote(**{str(index): index}))
                return tracemalloc.get_traced_memory()[0]
            finally:
                tracemalloc.stop()

        # The last Job of a chain has all others as needs here, so that nothing can be dropped: a bit for each is left.
        assert taken(2000) < 6 * taken(500)


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
        assert record_attempt(ledger, 1, used(key='used')) is None
        assert record_attempt(ledger, 2, used(key='used')) is None
        assert ledger.storage_of(3) == {'key': 'used'}

    @pytest.mark.parametrize('second', [used(key='otherwise'), wrote(key='used'), wrote('key')])
    def test_independent_jobs_that_fill_different_caches_conflict(self, second):
        ledger = Ledger(['Make', 'A', 'B', 'Root'], [[], [0], [0], [1, 2]])
        record_attempt(ledger, 0, wrote(key='new'))
        assert record_attempt(ledger, 1, used(key='used')) is None
        conflict = record_attempt(ledger, 2, second)
        assert conflict.culprit == 'key'
        assert ('__getstate__' in str(conflict)) == (second == used(key='otherwise'))

    def test_a_key_without_a_repr_can_conflict(self):
        class Shy:
            def __repr__(self):
                raise ValueError('no')

        key, ledger = Shy(), Ledger(['A', 'B'], [[], []])
        changes = StorageDiff({key: Written(1)}, ())
        record_attempt(ledger, 0, changes)
        assert 'global_storage[<unprintable>]' in str(record_attempt(ledger, 1, changes))
