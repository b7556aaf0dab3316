"""Files of tests are tried in an order in which none that takes long is left at the end."""

from dataclasses import dataclass
from pathlib import Path

from tests.support.order import UNIT, Collected, in_order


@dataclass(frozen=True)
class Test:
    __test__ = False
    path: Path
    name: str
    is_slow: bool = False

    def get_closest_marker(self, name: str) -> object | None:
        return self.is_slow if name == "slow" and self.is_slow else None


def order(*tests: Collected) -> str:
    return " ".join(test.name for test in in_order(tests) if isinstance(test, Test))


def test_units_in_files_without_slow_ones_come_last() -> None:
    quick, slow, server = (
        UNIT / "a/test_quick.py",
        UNIT / "b/test_slow.py",
        UNIT.parent / "e2e/test_server.py",
    )
    assert order(Test(server, "s"), Test(quick, "q"), Test(slow, "x", is_slow=True)) == "s x q"


def test_each_file_stays_as_it_is() -> None:
    first, second = UNIT / "test_first.py", UNIT / "test_second.py"
    tests = (
        Test(first, "a"),
        Test(first, "b"),
        Test(second, "c"),
        Test(second, "d", is_slow=True),
        Test(second, "e"),
    )
    assert order(*tests) == "c d e a b"


def test_files_with_servers_keep_their_order_slow_or_not() -> None:
    tests = (Test(UNIT.parent / f"e2e/test_{name}.py", name, is_slow=name == "b") for name in "abc")
    assert order(*tests) == "a b c"
