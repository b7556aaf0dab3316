"""What the component remembers of what it did: lost or damaged in whatever way, it begins anew and goes on."""

from pathlib import Path

import pytest

from components.access.memory import AccountState, Memory

ALICE = "alice@metals.example"
DAMAGED = (
    b"", b"{", b"0", b"[]", b"null", b'"x"', b"{}", bytes(40), b"\xff\xfe", b'{"accounts": 1, "recorded": {}}',
    b'{"accounts": {"a": "gone"}, "recorded": {}}', b'{"accounts": {}, "recorded": []}', b'{"accounts": null}',
)  # fmt: skip


def test_it_is_there_again(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "access" / "done.json")
    memory.set_account(ALICE, AccountState.SUSPENDED)
    memory.set_recorded("a.note", "gate/7")
    memory.store()
    again = Memory(tmp_path / "access" / "done.json")
    assert (again.accounts, again.recorded) == ({ALICE: AccountState.SUSPENDED}, {"a.note": "gate/7"})


def test_nothing_is_written_without_anything_new(tmp_path: Path) -> None:
    Memory(tmp_path / "done.json").store()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_one_is_begun_anew_and_replaced(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "done.json"
    file.write_bytes(content)
    memory = Memory(file)
    assert (memory.accounts, memory.recorded) == ({}, {})
    memory.set_account(ALICE, AccountState.PRESENT)
    memory.store()
    assert Memory(file).accounts == {ALICE: AccountState.PRESENT}
