"""What a test knows of a value and its type does not say: if it is otherwise, the test fails at this place."""

from pathlib import Path
from typing import TypeVar

from lxml import etree

Thing = TypeVar("Thing")


def require(value: Thing | None) -> Thing:
    """Return what was asked for, which is there."""
    assert value is not None
    return value


def file_of(place: object) -> Path:
    """Return a place that is a file: a log in SQLite, a key that lies in clear."""
    assert isinstance(place, Path), place
    return place


def said_in(element: etree._Element) -> str:
    """Return all the text within an element."""
    return "".join(map(str, element.itertext()))
