"""What a test waits for has to come: whether it did is never thrown away."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
THROWN_AWAY = re.compile(r"^\s*await wait_until\(", re.MULTILINE)


def test_no_test_goes_on_as_if_what_it_waited_for_had_come() -> None:
    found = [
        str(file.relative_to(TESTS))
        for file in TESTS.rglob("*.py")
        if not file.is_relative_to(TESTS / "bench")  # which measures how much came in its time
        and THROWN_AWAY.search(file.read_text("utf-8"))
    ]
    assert found == []
