"""What a test knows of a value is said at the place where it is not so."""

from pathlib import Path

import pytest
from lxml import etree

from tests.support.typed import file_of, require, said_in


@pytest.mark.parametrize("value", [0, "", (), False, "there"])
def test_what_is_there_is_returned_however_empty(value: object) -> None:
    assert require(value) is value


def test_what_is_not_there_fails_the_test() -> None:
    with pytest.raises(AssertionError):
        require(None)


def test_only_a_file_is_one() -> None:
    assert file_of(Path("gate.db")) == Path("gate.db")
    with pytest.raises(AssertionError, match="postgresql://"):
        file_of("postgresql://db.example/archive#gate")


def test_all_texts_of_an_element_are_said_in_order() -> None:
    assert said_in(etree.fromstring("<a>one<b> two<c/> three</b> four</a>")) == "one two three four"
