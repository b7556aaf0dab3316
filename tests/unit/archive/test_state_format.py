"""What a later version wrote is refused with what to do, and stays as it is; nobody is told to move it away."""

import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from components.archive.errors import LaterFormat, LogDamaged
from components.archive.head import require_log
from components.archive.state_format import find_later
from components.archive.store import FORMAT
from components.audit.console.state import ConsoleState
from components.gate.review.store import ReviewStore, check_queue
from components.roster.state import RosterStateError, load_state
from components.transfer.state import UploadStore, check_uploads

LATER = "is of format 2, and this version of Steelyard knows 1: a later one wrote it; run that one"


async def make(path: Path, open_: Callable[[Path], Awaitable[ReviewStore | UploadStore]]) -> None:
    """Make a file as its process does."""
    store = await open_(path)
    await store.close()


def number(path: Path, version: int) -> bytes:
    """Give a database a number, as a later version would; return what it is then."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {version}")
    return path.read_bytes()


async def look_at_uploads(path: Path) -> None:
    check_uploads(path)


@pytest.mark.parametrize(
    ("make_by", "read_by"),
    [
        (ReviewStore.open, ReviewStore.open),
        (ReviewStore.open, check_queue),
        (UploadStore.open, UploadStore.open),
        (UploadStore.open, look_at_uploads),
    ],
)
async def test_a_later_database_is_refused_and_stays(
    tmp_path: Path,
    make_by: Callable[[Path], Awaitable[ReviewStore | UploadStore]],
    read_by: Callable[[Path], Awaitable[object]],
) -> None:
    path = tmp_path / "state.db"
    await make(path, make_by)
    content = number(path, 2)
    with pytest.raises(LaterFormat, match=LATER) as refused:
        await read_by(path)
    assert "move it away" not in str(refused.value)
    assert path.read_bytes() == content
    number(path, 1)  # the first format, said in a number
    found = await read_by(path)
    if isinstance(found, ReviewStore | UploadStore):
        await found.close()


def test_a_later_document_is_refused_by_who_reads_it(tmp_path: Path) -> None:
    roster, console = tmp_path / "roster.json", tmp_path / "console.json"
    roster.write_text(json.dumps({"format": 2, "owners": [], "names": {}, "groups": {}}))
    with pytest.raises(RosterStateError, match=LATER):
        load_state(roster)
    console.write_text(json.dumps({"format": 2, "used_links": {}, "passkeys": []}))
    with pytest.raises(ValueError, match=LATER):
        ConsoleState.open(console)


@pytest.mark.parametrize("document", [{}, {"format": 1}])
def test_a_document_of_the_first_format_need_not_say_so(document: dict[str, object]) -> None:
    assert find_later(document, Path("state.json")) == ""


@pytest.mark.parametrize("found", [2, 0, "1", None])
def test_whatever_else_a_document_says_is_not_known(found: object) -> None:
    assert f"is of format {found}," in find_later({"format": found}, Path("state.json"))


def test_a_log_of_another_format_says_where_to_look() -> None:
    with pytest.raises(
        LogDamaged, match=r"in format 'steelyard-log/3', not .*; docs/operations\.md, section 5"
    ):
        require_log({"format": "steelyard-log/3", "origin": "a"}, "a")
    with pytest.raises(LogDamaged, match="not 'b' in") as other:
        require_log({"format": FORMAT, "origin": "a"}, "b")
    assert "operations" not in str(other.value)
