from __future__ import annotations

from dojobber.text import error_text


def test_the_text_of_an_error_is_its_message():
    assert error_text(KeyError('x')) == "'x'"
    assert error_text(ValueError()) == ''
