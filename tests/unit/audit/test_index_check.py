"""`audit index`: whether the index is what the logs say is found row for row, and it can be made again."""

import json
from collections.abc import Callable

import pytest

from components.archive.record import Delivery, Event, RecordKind
from components.audit.checks.index import check_index, read_index_status, rebuild_index
from components.audit.index.compare import COMPARED, NOT_COMPARED
from components.audit.index.database import Connection
from components.audit.index.forget import forget
from components.audit.index.schema import TABLES
from components.audit.search import Page, search
from components.cli.app import run
from tests.support.audit_site import Site
from tests.support.made_index import open_raw

pytestmark = pytest.mark.slow

ALICE, BOB, EVE = "alice@metals.example/desk", "bob@metals.example", "eve@grain.example"


def tell_nothing(done: int, total: int) -> None:
    """Take the progress, and show nothing."""


@pytest.fixture
async def filled(site: Site) -> Site:
    details = (("by", "anna@metals.example"), ("reason", "left the desk"), ("who", BOB))
    await site.record(
        site.say(ALICE, BOB, "copper", rules=("other",)),
        site.say(BOB, ALICE, "tin in Zürich", at_s=1),
        site.say(EVE, BOB, "铜价", at_s=2, action="refuse", rules=("recipient-inside",)),
        Delivery("e1", 2, (1,)),
        Event(RecordKind.ADMISSION, "revoked", details, 1_795_464_245_000_000_000),
    )
    await search(site.settings, "copper", Page(10), tell_nothing)
    return site


def test_every_table_is_compared_or_said_not_to_be() -> None:
    assert sorted((*COMPARED, *NOT_COMPARED)) == sorted(TABLES)


async def test_an_index_that_grew_is_what_the_logs_say(filled: Site) -> None:
    found = await check_index(filled.settings, tell_nothing)
    assert found.differences == ()
    assert found.records == 5  # one of them is the look
    folder = filled.settings.audit.index.parent
    assert not list(folder.glob("index-check*"))


def _change(sql: str) -> Callable[[Connection], object]:
    return lambda db: db.execute(sql)


@pytest.mark.parametrize(
    ("spoil", "rows"),
    [
        (_change("UPDATE entry SET received_at_ns = received_at_ns + 1 WHERE idx = 2"), "records"),
        (_change("UPDATE entry SET route = 1 WHERE idx = 2"), "words of routes"),
        (_change("DELETE FROM entry WHERE idx = 2"), "records"),
        (_change("UPDATE account SET local = 'mallory' WHERE local = 'alice'"), "records"),
        (_change("DELETE FROM word WHERE rowid = 2"), "words"),
        (_change("INSERT INTO word (rowid, text, look) VALUES (90, 'gold', '')"), "words"),
        (_change("UPDATE counter SET entries = entries + 1 WHERE route = 1"), "counters"),
        (_change("DELETE FROM rule"), "rules"),
        (_change("UPDATE epoch SET through = 1"), "epochs"),
        (_change("DELETE FROM bounced"), "bounced stanzas"),
        (_change("UPDATE delivery SET through = 1"), "deliveries"),
        (_change("UPDATE span SET latest_ns = latest_ns + 1"), "times"),
        (_change("INSERT INTO unread VALUES (1)"), "records that cannot be read"),
        (lambda db: forget(db, [2]), "records"),
    ],
)
async def test_a_row_that_differs_is_found(
    filled: Site, spoil: Callable[[Connection], object], rows: str
) -> None:
    with open_raw(filled.settings) as db:
        spoil(db)
    found = await check_index(filled.settings, tell_nothing)
    assert rows in [each for each, _ in found.differences]
    if rows == "records":
        assert ("records", filled.id_of(1)) in found.differences or "gate/" in str(found.differences)
    await rebuild_index(filled.settings, tell_nothing)
    assert (await check_index(filled.settings, tell_nothing)).differences == ()


async def test_the_state_of_the_index_is_told(filled: Site) -> None:
    await filled.record(filled.say(ALICE, BOB, "more"))
    status = await read_index_status(filled.settings)
    assert {each.log: each.size - each.indexed for each in status.logs} == {"gate": 3, "audit": 3}
    assert (status.records, status.indexer, status.fault) == (4, {}, "")
    assert status.size_bytes > 0


def test_the_commands_say_what_to_do(
    filled: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEELYARD_SITE", str(filled.path))
    assert run(["audit", "index", "check"]) == 0
    assert "every row the same" in capsys.readouterr().out
    with open_raw(filled.settings) as db:
        db.execute("DELETE FROM word WHERE rowid = 2")
    assert run(["audit", "index", "check"]) == 1
    assert "steelyard audit index rebuild" in capsys.readouterr().out
    assert run(["audit", "index", "rebuild"]) == 0
    assert run(["audit", "index", "check", "--json"]) == 0
    capsys.readouterr()
    assert run(["audit", "index", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["records"] == 5
