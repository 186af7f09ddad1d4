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


def tell(ledger, index, changes):
    """Let a Job be tried and leave these changes; return the conflict, if any."""
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
    def test_a_job_sees_what_those_it_depends_on_wrote_last_in_plan_order(self, jobs):
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

    def test_own_earlier_tries_are_seen_and_add_up(self):
        ledger = Ledger(['A', 'B'], [[], [0]])
        for number in range(3):
            assert ledger.storage_of(0) == {f'try{earlier}': earlier for earlier in range(number)}
            tell(ledger, 0, wrote(**{f'try{number}': number}))
        assert ledger.storage_of(1) == {'try0': 0, 'try1': 1, 'try2': 2}

    def test_a_job_whose_needs_were_never_tried_sees_nothing_of_them(self):
        assert Ledger(['A', 'B'], [[], [0]]).storage_of(1) == {}

    @pytest.mark.parametrize('shape', ['chain', 'leaves', 'pairs'])
    def test_memory_grows_with_the_jobs_and_not_with_their_square(self, shape):
        def needs(index, count):
            if index == count - 1:
                return range(index)
            return {'chain': [index - 1] * bool(index), 'leaves': [], 'pairs': [index - 1] * (index % 2)}[shape]

        def taken(count):
            ledger = Ledger(list(map(str, range(count))), [list(needs(index, count)) for index in range(count)])
            tracemalloc.start()
            try:
                for index in range(count - 1):
                    tell(ledger, index, wrote(**{str(index): index}))
                return tracemalloc.get_traced_memory()[0]
            finally:
                tracemalloc.stop()

        # The last Job of a chain has all others as needs here, so that nothing can be dropped: a bit for each is left.
        assert taken(2000) < 6 * taken(500)


class TestConflict:
    def test_two_who_do_not_depend_on_each_other_may_not_write_one_key_though_it_be_the_same(self):
        ledger = Ledger(['A', 'B', 'Root'], [[], [], [0, 1]])
        assert tell(ledger, 0, wrote(key=1)) is None
        conflict = tell(ledger, 1, wrote(key=1))
        assert isinstance(conflict, StorageConflictError)
        assert str(conflict).startswith(
            "'A' and 'B' both write global_storage['key'], and neither depends on the other: "
        )

    def test_two_in_whose_hands_one_object_filled_in_the_same_do_not_conflict(self):
        ledger = Ledger(['Make', 'A', 'B', 'Root'], [[], [0], [0], [1, 2]])
        tell(ledger, 0, wrote(key='new'))
        assert tell(ledger, 1, used(key='used')) is None
        assert tell(ledger, 2, used(key='used')) is None
        assert ledger.storage_of(3) == {'key': 'used'}

    @pytest.mark.parametrize('second', [used(key='otherwise'), wrote(key='used'), wrote('key')])
    def test_any_other_two_do(self, second):
        ledger = Ledger(['Make', 'A', 'B', 'Root'], [[], [0], [0], [1, 2]])
        tell(ledger, 0, wrote(key='new'))
        assert tell(ledger, 1, used(key='used')) is None
        conflict = tell(ledger, 2, second)
        assert conflict.culprit == 'key'
        assert ('__getstate__' in str(conflict)) == (second == used(key='otherwise'))

    def test_a_key_that_cannot_be_shown_is_no_obstacle(self):
        class Shy:
            def __repr__(self):
                raise ValueError('no')

        key, ledger = Shy(), Ledger(['A', 'B'], [[], []])
        changes = StorageDiff({key: Written(1)}, ())
        tell(ledger, 0, changes)
        assert 'global_storage[<unprintable>]' in str(tell(ledger, 1, changes))
