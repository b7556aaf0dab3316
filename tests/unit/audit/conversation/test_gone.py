"""What was destroyed, is missing or cannot be opened has its place in a conversation: nothing is left out."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from components.archive.conversation import ConversationHash
from components.archive.keys import create_conversation_key, load_conversation_key
from components.archive.record import RecordKind, encode_submission
from components.archive.writer import Entry
from components.audit.conversation.item import ItemKind
from components.audit.conversation.read import Whole, read_conversation
from components.audit.index.forget import forget
from components.audit.indexed import open_site_index
from tests.support.audit_site import Site, make_site

ALICE, BOB, CAROL = "alice@metals.example", "bob@metals.example", "carol@metals.example"


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    """Alice writes to Bob, Carol and Bob by turns."""
    site = await make_site(tmp_path)
    key_file = site.settings.archive.conversation_key_file
    create_conversation_key(key_file)
    hashes = ConversationHash(load_conversation_key(key_file))
    entries = []
    for number in range(9):
        to = (BOB, CAROL, BOB)[number % 3]
        payload = encode_submission(site.say(f"{ALICE}/desk", to, f"m{number}"))
        entries.append(Entry(RecordKind.STANZA, payload, conversation=hashes.of_people(ALICE, to)))
    await site.record_payloads(entries)
    return site


def spoil(site: Site, number: int, column: str) -> None:
    with closing(sqlite3.connect(Path(str(site.settings.gate_log.store)))) as db, db:
        db.execute(f"UPDATE record SET {column} WHERE idx = ?", (site.places[number],))


async def read(site: Site) -> list[tuple[ItemKind, str, str]]:
    view = await read_conversation(site.settings, Whole((ALICE, BOB)), lambda done, total: None)
    return [(item.kind, item.text or item.record, " ".join(item.remarks)) for item in view.items]


async def test_what_does_not_open_stands_where_it_stood(site: Site) -> None:
    spoil(site, 3, "payload = zeroblob(99)")
    spoil(site, 4, "payload = zeroblob(99)")  # of another conversation
    found = await read(site)
    assert [kind for kind, _, _ in found] == [ItemKind.MESSAGE] * 2 + [ItemKind.UNREADABLE] + [
        ItemKind.MESSAGE
    ] * 3
    assert found[2][1] == site.id_of(3)


@pytest.mark.parametrize("indexed", [False, True])
async def test_what_is_missing_is_not_called_destroyed(site: Site, indexed: bool) -> None:
    if indexed:
        await read(site)
    spoil(site, 3, "payload = NULL")
    found = await read(site)
    assert (found[2][0], found[2][1]) == (ItemKind.UNREADABLE, site.id_of(3))
    assert "no order destroyed it" in found[2][2]


async def test_what_an_order_destroyed_is_called_so(site: Site) -> None:
    await read(site)
    spoil(site, 3, "payload = NULL")
    with open_site_index(site.settings) as index, index.change() as db:
        forget(db, [site.places[3]])
    found = await read(site)
    assert (found[2][0], found[2][1]) == (ItemKind.DESTROYED, site.id_of(3))
    assert [text for _, text, _ in found if text.startswith("m")] == ["m0", "m2", "m5", "m6", "m8"]
