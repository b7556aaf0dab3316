"""The console's own file: used links stay used, and a damaged one is named, with what to do."""

from pathlib import Path

import pytest

from components.audit.console.state import ConsoleState
from tests.unit.access.test_memory import DAMAGED


def test_a_link_is_used_once_also_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "run" / "console.json"
    state = ConsoleState.open(file)
    assert state.use_link("n1", 100, 50.0)
    assert not state.use_link("n1", 100, 50.0)
    assert not ConsoleState.open(file).use_link("n1", 100, 60.0)


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_one_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "console.json"
    file.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"console\.json is not what a console keeps: put it back from a backup, or"
    ):
        ConsoleState.open(file)
    assert file.read_bytes() == content
