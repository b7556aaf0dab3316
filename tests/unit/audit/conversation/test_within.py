"""What an auditor of one enterprise reads where people of another tried to take part: theirs, and nothing of others."""

import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from components.archive.record import Submission
from components.audit.auditor import Auditor, find_auditor
from components.audit.conversation.item import ItemKind
from components.audit.conversation.read import Around, ConversationView, Whole, read_conversation
from components.process.errors import SiteError
from tests.support.audit_site import REFUSAL, Site
from tests.support.console_site import make_console_site

pytestmark = pytest.mark.slow

ALICE, GEORGE, HANNA = "alice@metals.example", "george@grain.example", "hanna@grain.example"
FLOOR, DEALS = "floor@rooms.grain.example", "deals@rooms.metals.example"
NOTICE = "notice@gate.metals.example"
OF_METALS = ("zinc", "Adler", "metals AG", "Base metals")
"""What nobody at grain may read."""


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return await make_console_site(tmp_path)


def refused(site: Site, sender: str, to: str, text: str, at_s: float) -> Submission:
    type_ = "groupchat" if "rooms." in to else "chat"
    body = f"<message xmlns='jabber:client' from='{sender}/desk' to='{to}' type='{type_}'><body>{text}</body></message>"
    return site.submit(body.encode(), action="refuse", rules=("recipient-outside",), error=REFUSAL, at_s=at_s)


async def read(site: Site, what: Whole | Around, who: str = "greta", seen_by: str = "") -> ConversationView:
    auditor: Auditor = find_auditor(site.settings, who)
    return await read_conversation(site.settings, what, lambda done, total: None, auditor, seen_by)


def texts(view: ConversationView) -> list[str]:
    assert not [each for each in OF_METALS if each in str(asdict(view))]
    return [item.text for item in view.items if item.kind is ItemKind.MESSAGE]


async def test_a_stranger_who_writes_to_somebody_neither_closes_their_conversations_nor_is_in_them(
    site: Site,
) -> None:
    await site.record(
        site.say(f"{GEORGE}/desk", HANNA, "wheat"),
        refused(site, ALICE, GEORGE, "zinc one", 1),
        refused(site, GEORGE, ALICE, "hello outside", 2),
        refused(site, DEALS + "/Bo", GEORGE, "zinc two", 3),
        site.submit(
            f"<message xmlns='jabber:client' from='{NOTICE}' to='{GEORGE}'><body>recorded</body></message>".encode(),
            at_s=4,
        ),
    )
    assert texts(await read(site, Whole((GEORGE,)))) == ["wheat", "hello outside", "recorded"]
    assert texts(await read(site, Whole((GEORGE, HANNA)))) == ["wheat"]
    whole = await read(site, Whole((GEORGE,)), "anna")
    assert [item.text for item in whole.items] == [
        "wheat",
        "zinc one",
        "hello outside",
        "zinc two",
        "recorded",
    ]


async def test_what_a_stranger_says_to_a_room_is_not_read_in_it(site: Site) -> None:
    joins = (
        f"<presence xmlns='jabber:client' from='{ALICE}/desk' to='{FLOOR}/zinc'>"
        "<x xmlns='http://jabber.org/protocol/muc'/></presence>"
    )
    await site.record(
        refused(site, GEORGE, FLOOR, "wheat", 0),
        site.submit(joins.encode(), action="refuse", rules=("recipient-outside",), error=REFUSAL, at_s=1),
        refused(site, ALICE, FLOOR, "zinc", 2),
        refused(site, GEORGE, FLOOR, "rye", 3),
    )
    assert texts(await read(site, Whole((FLOOR,)))) == ["wheat", "rye"]
    # By pages, too: what is left out is on none of them.
    first = await read(site, Whole((FLOOR,), limit=1))
    assert texts(first) == ["rye"]
    assert texts(await read(site, Whole((FLOOR,), 1, before=first.more_before))) == ["wheat"]
    assert texts(await read(site, Around(site.id_of(0), 9, 9))) == ["wheat", "rye"]


async def test_a_record_is_read_around_by_whose_it_is(site: Site) -> None:
    await site.record(
        refused(site, ALICE, GEORGE, "zinc", 0),
        refused(site, GEORGE, ALICE, "hello outside", 1),
        site.say(f"{ALICE}/desk", "bob@metals.example", "zinc", at_s=2),
    )
    assert texts(await read(site, Around(site.id_of(1), 9, 9))) == ["hello outside"]
    for id_ in (site.id_of(0), site.id_of(2)):
        with pytest.raises(SiteError, match=f"^there is no record {id_} among what greta may see$"):
            await read(site, Around(id_, 9, 9))


@pytest.mark.parametrize("parties", [(ALICE,), (ALICE, GEORGE), (ALICE, "bob@metals.example"), (DEALS,)])
async def test_nobody_elses_conversations_are_to_be_had(site: Site, parties: tuple[str, ...]) -> None:
    def answer(raised: pytest.ExceptionInfo[SiteError]) -> str:
        return str(raised.value)

    with pytest.raises(SiteError) as before:
        await read(site, Whole(parties))
    await site.record(
        refused(site, ALICE, GEORGE, "zinc", 0),
        refused(site, GEORGE, ALICE, "hello outside", 1),
        refused(site, GEORGE, DEALS, "hello outside", 2),
        refused(site, ALICE, DEALS, "zinc", 3),
        site.say(f"{ALICE}/desk", "bob@metals.example", "zinc", at_s=4),
    )
    with pytest.raises(SiteError) as after:
        await read(site, Whole(parties))
    assert answer(before) == answer(after)


async def test_nobody_is_told_what_had_reached_somebody_of_another_enterprise(site: Site) -> None:
    await site.record(refused(site, GEORGE, ALICE, "hello outside", 0))
    told = set()
    for name in (ALICE, "nobody@metals.example"):
        with pytest.raises(SiteError) as raised:
            await read(site, Whole((GEORGE,)), seen_by=name)
        told.add(str(raised.value).replace(name, "NAME"))
    assert told == {"NAME is of no enterprise that you may see (audit.auditors)"}
    assert (await read(site, Whole((GEORGE,)), seen_by=GEORGE)).seen_by is not None


async def test_what_is_missing_stays_a_gap(site: Site) -> None:
    await site.record(
        site.say(f"{GEORGE}/desk", HANNA, "wheat"), site.say(f"{HANNA}/desk", GEORGE, "rye", at_s=1)
    )
    assert texts(await read(site, Whole((GEORGE,)))) == ["wheat", "rye"]
    with closing(sqlite3.connect(Path(str(site.settings.gate_log.store)))) as db, db:
        db.execute("UPDATE record SET payload = zeroblob(99) WHERE idx = ?", (site.places[0],))
    # Of what does not open, nobody knows whose it is.
    gap, rye = (await read(site, Whole((GEORGE,)))).items
    assert (gap.kind, gap.record, rye.text) == (ItemKind.UNREADABLE, site.id_of(0), "rye")
