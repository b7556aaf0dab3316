"""What the gate tells the transfer component of sessions and of links that were sent."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

import pytest

from components.rules.file_links import FileLink
from components.rules.file_readers import FileReaders, ReaderRegister, canonical_address
from policy.address import BareJid

ALICE, BOB = BareJid("alice@metals.example"), BareJid("bob@metals.example")
ROOM = BareJid("copper@rooms.metals.example")
LINK = FileLink(b"f" * 16, ALICE, 2_000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run" / "sessions.db"


class Register(Protocol):
    def __call__(self, file: Path, now_s: float = 1_000) -> ReaderRegister: ...


@pytest.fixture
def register() -> Iterator[Register]:
    """Makes registers, and closes them at the end."""
    with ExitStack() as stack:

        def make(file: Path, now_s: float = 1_000) -> ReaderRegister:
            return stack.enter_context(closing(ReaderRegister(file, lambda: now_s)))

        yield make


def test_sessions_come_and_go(file: Path, register: Register) -> None:
    gate, readers = register(file), FileReaders(file)
    gate.begin("e1")
    gate.arrived("c1", ALICE, "192.0.2.7")
    gate.arrived("c2", BOB, "::ffff:192.0.2.7")
    gate.arrived("c3", BOB, "2001:DB8::1")
    gate.arrived("c4", BOB, "no address")
    assert readers.find_people("192.0.2.7") == {ALICE, BOB}
    assert readers.find_people("2001:db8:0::1") == {BOB}
    assert readers.find_people("") == readers.find_people("no address") == frozenset()
    gate.arrived("c1", ALICE, "192.0.2.8")
    gate.left("c3")
    gate.left("c3")
    assert readers.find_people("192.0.2.7") == {BOB}
    assert readers.find_people("2001:db8::1") == frozenset()
    assert file.stat().st_mode & 0o077 == 0


def test_a_server_that_starts_again_has_no_sessions(file: Path, register: Register) -> None:
    gate, readers = register(file), FileReaders(file)
    gate.begin("e1")
    gate.arrived("c1", ALICE, "192.0.2.7")
    gate.sent([LINK], BOB)
    gate.close()
    gate = register(file)  # the gate, too, was started again
    gate.begin("e1")
    assert readers.find_people("192.0.2.7") == {ALICE}
    gate.begin("e2")
    assert readers.find_people("192.0.2.7") == frozenset()
    assert readers.find_sent_to(LINK.id) == {BOB}


def test_links_that_were_sent_are_kept_while_they_open(file: Path, register: Register) -> None:
    gate, readers = register(file), FileReaders(file)
    gate.begin("e1")
    gate.sent([LINK], BOB)
    gate.sent([LINK, FileLink(b"g" * 16, ALICE, 900)], ROOM)
    assert readers.find_sent_to(LINK.id) == {BOB, ROOM}
    assert readers.find_sent_to(b"g" * 16) == {ROOM}
    assert readers.find_sent_to(b"h" * 16) == frozenset()
    gate.begin("e2")
    assert readers.find_sent_to(LINK.id) == {BOB, ROOM}
    assert readers.find_sent_to(b"g" * 16) == frozenset()


def test_a_file_that_is_missing_or_damaged_lets_nobody_fetch_and_stops_nothing(
    file: Path, register: Register
) -> None:
    readers = FileReaders(file)
    assert readers.find_people("192.0.2.7") == readers.find_sent_to(LINK.id) == frozenset()
    file.parent.mkdir()
    file.write_bytes(b"no database" * 500)
    gate = register(file)
    gate.begin("e1")
    assert readers.find_people("192.0.2.7") == frozenset()
    gate.begin("e1")  # now the damaged file is gone
    gate.arrived("c1", ALICE, "192.0.2.7")
    assert readers.find_people("192.0.2.7") == {ALICE}


def test_what_cannot_be_written_stops_nothing(tmp_path: Path, register: Register) -> None:
    (tmp_path / "file").touch()
    gate = register(tmp_path / "file" / "sessions.db")
    gate.begin("e1")
    gate.arrived("c1", ALICE, "192.0.2.7")
    gate.left("c1")
    gate.sent([LINK], BOB)
    gate.close()


def test_addresses_have_one_form() -> None:
    assert canonical_address("::FFFF:192.0.2.7") == "192.0.2.7"
    assert canonical_address("2001:DB8:0:0::1") == "2001:db8::1"
    assert canonical_address("192.0.2.7:80") == ""
