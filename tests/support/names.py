"""Names that a Job may have and that DOT, SVG or a renderer could misread."""

from __future__ import annotations

import re
import string

from dojobber import DummyJob

NAMES = [
    *['node', 'Graph', 'EDGE', 'edge', 'graph', 'strict', 'subgraph', 'digraph'],  # keywords of DOT
    *[' before', 'after ', ' ', 'in between', '\ttab', 'a\tb', 'two\nlines', '\n', 'carriage\rreturn'],
    *[
        'db:migrate',
        'a:n',
        'a:n:s',
        'colon:',
        ':',
        ':colon',
        'a;b',
        'a,b',
        '{a|b}',
        '[a=b]',
        '#hash',
        '//',
        '/*x*/',
        '=',
        '+',
    ],
    *[
        'back\\slash',
        'back\\',
        '\\',
        '\\\\',
        '\\N',
        '\\G',
        '\\L',
        '\\E',
        '\\T',
        '\\l',
        '\\n',
        '\\x01',
        '\\"',
        '\\\\x01',
    ],
    *['"quoted"', '"', '""', 'a"b"', "it's", '`', '<b>', '<<b>>', '<', '>', '<b>bold</b>'],
    *['&', '&lt;', '&amp;', '&#37;d', '&#x41;', '&nbsp;', '%', '%d', '%%', '100%', '%s %d'],
    *[
        '1a',
        '12',
        '-3.4',
        '.5',
        '1e5',
        'a-b',
        'b-c',
        'a',
        'c',
        'a->b',
        'a--b',
        '->',
        '_',
        '$',
        '@',
        '!',
        '?',
        '*',
        '(',
        ')',
    ],
    *['\x01', '\x1b[31m', '\x7f', '\x85', '\x9f'],  # control characters
    *[
        'é',
        'ß',
        'Ω',
        'Привет',
        '日本語',
        '한국어',
        'ไทย',
        'हिन्दी',
        'עברית',
        'العربية',
        'ქართული',
        '🍕',
        '👩‍🚀',
        '𐏿',
        '\u202ertl',
        '\u2028',
    ],
    *[f'a{char}b' for char in string.punctuation],
    *[char * 2 for char in string.punctuation],
    *['x' * 300, ''],
    *['\ufffe', 'a\uffffb'],  # XML forbids them
    *['lone \ud800 surrogate', '\udfff', 'nul\0byte'],  # only a metaclass can set these
]


def escaped(name):
    """Return a name as pictures show it, with the characters that XML forbids escaped."""
    return re.sub(
        '[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]', lambda found: f'\\x{ord(found.group()):02x}', name
    )


def job_named(name):
    """Return a Job class of that name, even if ``type()`` would refuse it."""
    metaclass = type('Named', (type,), {'__name__': property(lambda cls: name)})
    return metaclass('Job', (DummyJob,), {})
