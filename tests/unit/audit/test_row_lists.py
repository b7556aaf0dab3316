"""No table is forgotten when rows of some records are put behind those of earlier ones."""

import pytest

from components.audit.index.context import Context
from components.audit.index.logs import IndexedLog
from components.audit.index.marks import MarkRows
from components.audit.index.rows import Rows


@pytest.mark.parametrize("make", [MarkRows, Context, lambda: Rows(IndexedLog.GATE, None)])
def test_each_list_goes_behind_the_one_of_its_name(make: type[MarkRows]) -> None:
    first, second = make(), make()
    lists = [name for name, value in vars(first).items() if isinstance(value, list)]
    assert len(lists) >= 4
    for number, name in enumerate(lists):
        getattr(first, name).append(f"first {number}")
        getattr(second, name).append(f"second {number}")
    first.extend(second)
    for number, name in enumerate(lists):
        assert getattr(first, name) == [f"first {number}", f"second {number}"]
        assert getattr(second, name) == [f"second {number}"]


def test_what_is_within_goes_behind_as_well() -> None:
    first, second = Rows(IndexedLog.GATE, None), Rows(IndexedLog.GATE, None)
    first._context._marks.hashes.append("first")
    second._context._marks.hashes.append("second")
    first.extend(second)
    assert first._context._marks.hashes == ["first", "second"]
