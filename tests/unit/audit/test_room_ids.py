"""The ids that rooms give messages: a later record says them, and then search, reading and exports know them."""

from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from components.archive.record import Delivery, Submission
from components.audit.checks.index import check_index
from components.audit.conversation.item import Item
from components.audit.conversation.read import Whole, read_conversation
from components.audit.index.forget import forget
from components.audit.search import Page, search
from tests.support.audit_site import Site, make_site
from tests.support.export_site import ALICE, BOB, ROOM, body, export_to, ignore, stanza
from tests.support.made_index import open_raw

GIVEN = "0192-room"
REACTION = f"<reactions xmlns='urn:xmpp:reactions:0' id='{GIVEN}'><reaction>👍</reaction></reactions>"
REPLY = f"<reply xmlns='urn:xmpp:reply:0' to='{ROOM}/al' id='{GIVEN}'/>"
RETRACTION = f"<retract xmlns='urn:xmpp:message-retract:1' id='{GIVEN}'/>"


SAID, REACTION_TO, TOLD, ANSWER, TAKEN_BACK, TOLD_AGAIN = range(6)


@dataclass(frozen=True, slots=True)
class Pit:
    """A room in which Alice says something, and others name it by the room's id before and after that is known."""

    site: Site


@pytest.fixture
async def pit(tmp_path: Path) -> Pit:
    site = await make_site(tmp_path)

    def say(sender: str, content: str, id_: str) -> Submission:
        return site.submit(stanza(sender, ROOM, content, type="groupchat", id=id_))

    await site.record(say(ALICE, body("copper?"), "g1"))
    first = site.places[0]
    await site.record(
        say(BOB, REACTION, "g2"),
        Delivery("e1", 2, (), ((first, GIVEN), (9_999, "of no record"), (2**63 - 1, "of none that can be"))),
        say(BOB, body("taken") + REPLY, "g3"),
        say(ALICE, RETRACTION, "g4"),
        Delivery("e1", 99, (), ((first, GIVEN),)),
    )
    return Pit(site)


async def read(pit: Pit) -> list[Item]:
    return list((await read_conversation(pit.site.settings, Whole((ROOM,), 50), ignore)).items)


async def test_what_names_a_message_by_its_rooms_id_is_read_with_it(pit: Pit) -> None:
    said, reply = await read(pit)
    assert [reaction.emoji for reaction in said.reactions] == ["👍"]
    assert said.retraction is not None and said.retraction.record == pit.site.id_of(TAKEN_BACK)
    assert reply.about is not None and reply.about.record == pit.site.id_of(SAID)


@pytest.mark.parametrize("query", [f"id:{GIVEN}", "is:retracted"])
async def test_a_search_finds_it_by_its_rooms_id(pit: Pit, query: str) -> None:
    found = await search(pit.site.settings, query, Page(limit=9), ignore)
    assert [each.id for each in found.records] == [pit.site.id_of(SAID)]


async def test_an_export_tells_it_at_the_message(pit: Pit, tmp_path: Path) -> None:
    await export_to(pit.site, tmp_path / "out", "jsonl")
    lines = [orjson.loads(line) for line in (tmp_path / "out/export.jsonl").read_bytes().splitlines()]
    by_record = {line["id"]: line for line in lines}
    said, reply = (by_record[pit.site.id_of(number)] for number in (SAID, ANSWER))
    assert GIVEN in said["ids"]
    assert [each["id"] for each in said["effects"]] == [
        pit.site.id_of(number) for number in (REACTION_TO, TAKEN_BACK)
    ]
    assert reply["answers_record"] == said["id"]


async def test_an_index_that_grew_is_what_the_logs_say(pit: Pit) -> None:
    await search(pit.site.settings, "*", Page(limit=1), ignore)
    assert (await check_index(pit.site.settings, ignore)).differences == ()


@pytest.mark.parametrize(
    ("gone", "left"), [([SAID], 0), ([TOLD], 1), ([TOLD_AGAIN], 1), ([TOLD, TOLD_AGAIN], 0)]
)
async def test_what_is_destroyed_leaves_no_id(pit: Pit, gone: list[int], left: int) -> None:
    await search(pit.site.settings, "*", Page(limit=1), ignore)
    with open_raw(pit.site.settings) as db:
        forget(db, [pit.site.places[number] for number in gone])
        for table in ("room_id", "altered"):
            sql = f"SELECT count(DISTINCT idx) FROM {table} WHERE idx = ?"
            assert db.execute(sql, (pit.site.places[SAID],)).fetchone() == (left,), table
