"""Names of Jobs that DOT, Mermaid, SVG or a renderer could misread."""

from __future__ import annotations

import re
import string

from dojobber import DummyJob

WORDS = r"""
node Graph EDGE edge graph strict subgraph digraph
db:migrate a:n a:n:s colon: : :colon a;b a,b {a|b} [a=b] #hash // /*x*/ = +
back\slash back\ \ \\ \N \G \L \E \T \l \n \x01 \" \\x01
"quoted" " "" a"b" it's ` <b> <<b>> < > <b>bold</b>
& &lt; &amp; &#37;d &#x41; &nbsp; % %d %% 100%
1a 12 -3.4 .5 1e5 a-b b-c a c a->b a--b -> _ $ @ ! ? * ( )
é ß Ω Привет 日本語 한국어 ไทย हिन्दी עברית العربية ქართული 🍕 👩‍🚀 𐏿
"""

NAMES = [
    *WORDS.split(),
    *[' before', 'after ', ' ', 'in between', '\ttab', 'a\tb', 'two\nlines', '\n', 'carriage\rreturn', '%s %d'],
    *['\x01', '\x1b[31m', '\x7f', '\x85', '\x9f', '\u202ertl', '\u2028', 'x' * 300, ''],
    *[f'a{char}b' for char in string.punctuation],
    *[char * 2 for char in string.punctuation],
    *['\ufffe', 'a\uffffb'],  # not in XML
    *['lone \ud800 surrogate', '\udfff', 'nul\0byte'],  # only a metaclass can give these to a class
]


def escaped(text):
    """Return ``text`` as pictures show it: with escapes for what XML forbids."""
    return re.sub(
        '[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]', lambda match: f'\\x{ord(match.group()):02x}', text
    )


def job_named(name):
    """Return a Job class with that name, even one that ``type()`` refuses."""
    metaclass = type('Named', (type,), {'__name__': property(lambda cls: name)})
    return metaclass('Job', (DummyJob,), {})
