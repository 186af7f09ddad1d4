"""Print whether exceptions that contain sets survive pickling, for tests that run this with several hash seeds."""

from __future__ import annotations

from support.pickling import DroppingError, ListingError, PrefixingError, Thing

from dojobber._workers.remote.roundtrip import picklable_or_error

WORDS = {'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta'}

ERRORS = [
    KeyError(WORDS),
    KeyError({word: {word, 'x'} for word in sorted(WORDS)}),
    ValueError([{(word, 1) for word in WORDS}]),
    ValueError('bad', Thing()),
    ValueError({Thing(), Thing()}),
    ValueError(frozenset({frozenset(WORDS)})),
    ListingError(WORDS),
    PrefixingError(sorted(WORDS)),
    DroppingError(2),
    ValueError(float('nan'), {float('nan')}),
]

for error in ERRORS:
    print(type(error).__name__, 'survives' if picklable_or_error(error) is error else 'is replaced')
