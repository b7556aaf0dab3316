"""What a query says of people, rooms, ids and marks: as it was then, and with nothing of another enterprise."""

from collections.abc import Sequence

import pytest

from components.archive.record import Delivery, Event, Record, RecordKind, Submission
from components.audit import asked
from components.audit.auditor import Auditor
from components.audit.search import Page, SearchResult, find_ids, search
from components.rules.recorded_directory import DETAIL, write_listed
from policy.directory.directory import parse_directory
from policy.supervision.reviewer import Role
from tests.support.audit_site import T0_NS, Site

pytestmark = pytest.mark.slow

ALICE, BOB, EVE = "alice@metals.example/desk", "bob@metals.example", "eve@grain.example"
ROOM = "desk@rooms.metals.example"

DIRECTORY = """
gate = "gate.example"
[enterprise.metals]
name = "Metals Trading AG"
sites = [{ domain = "metals.example", rooms = "rooms.metals.example" }]
desk = [{ id = "base", name = "Base metals" }, { id = "precious", name = "Edelmetalle Zürich" }]
person = [
  { jid = "alice@metals.example", name = "Alice Müller", desk = "base", roles = ["trader"] },
  { jid = "bob@metals.example", name = "Bob Baker", desk = "precious", roles = ["trader"] },
]
room = [{ jid = "desk@rooms.metals.example", name = "Morning call" }]
[enterprise.grain]
name = "Grain Brothers Ltd"
sites = [{ domain = "grain.example" }]
desk = [{ id = "floor", name = "Trading floor" }]
person = [{ jid = "eve@grain.example", name = "Eve Evans", desk = "floor", roles = ["trader"] }]
"""
MOVED = DIRECTORY.replace('name = "Alice Müller", desk = "base"', 'name = "Alice Arden", desk = "precious"')


def quiet(_done: int, _total: int) -> None:
    pass


def listed(after: str, before: str = "", at_s: float = 0) -> Event:
    name = "changed" if before else "in-force"
    lines = write_listed(parse_directory(after), parse_directory(before) if before else None)
    return Event(RecordKind.RULES, name, ((DETAIL, lines),), T0_NS + int(at_s * 10**9))


def stanza(site: Site, xml: str, **fields: object) -> Submission:
    return site.submit(xml.encode(), **fields)  # type: ignore[arg-type]


async def look_for(site: Site, query: str, auditor: Auditor | None = None) -> SearchResult:
    return await search(site.settings, query, Page(1000), quiet, auditor)


async def check(site: Site, expected: Sequence[tuple[str, list[int]]], records: Sequence[Record]) -> None:
    await site.record(*records)
    for query, numbers in expected:
        found = [view.id for view in (await look_for(site, query)).records]
        assert found == [site.id_of(number) for number in numbers], query
        assert list(await find_ids(site.settings, query, quiet)) == found, query


async def test_people_are_as_they_were_listed_at_the_time(site: Site) -> None:
    records: list[Record] = [
        site.say(ALICE, BOB, "one"),
        listed(DIRECTORY, at_s=1),
        site.say(ALICE, BOB, "two", at_s=2),
        listed(MOVED, DIRECTORY, at_s=3),
        site.say(ALICE, "carol@metals.example", "three", at_s=4),
        site.say(EVE, EVE, "four", at_s=5),
        site.say(EVE, BOB, "five", at_s=6, action="refuse"),
        site.say("x@strange.example", EVE, "six", at_s=7, action="refuse"),
    ]
    await check(
        site,
        [
            ("desk:base", [0, 2]),
            ('desk:"base metals"', [0, 2]),
            ("desk:precious", [0, 2, 4, 6]),
            ("desk:zuerich from:alice", [0, 2, 4]),
            ("person:müller", [0, 2]),
            ('person:"Alice Arden"', [4]),
            ("person:mueller", [0, 2]),
            ("person:alice", [0, 2, 4]),
            ("person:eve@grain.example", [5, 6, 7]),
            ("enterprise:metals kind:message", [0, 2, 4, 6]),
            ('enterprise:"grain brothers"', [5, 6, 7]),
            ("site:grain.example", [5, 6, 7]),
            ("owner:metals", [0, 2, 4]),
            ("owner:grain", [5, 6, 7]),
            ("owner:nobody", []),
            ("NOT owner:metals kind:message", [5, 6, 7]),
        ],
        records,
    )


async def test_a_directory_that_never_changed_tells_the_same(site: Site) -> None:
    records: list[Record] = [listed(DIRECTORY), site.say(ALICE, BOB, "one"), site.say(EVE, EVE, "two")]
    expected = [("desk:base", [1]), ("owner:grain", [2]), ("enterprise:metals", [1]), ("person:evans", [2])]
    await check(site, expected, records)


async def test_an_auditor_of_one_enterprise_finds_nothing_of_another(site: Site) -> None:
    await site.record(
        listed(DIRECTORY),
        site.say(ALICE, BOB, "copper"),
        site.say(EVE, EVE, "coppre"),
        site.say(EVE, BOB, "copper", action="refuse"),
    )
    grain = Auditor("george", "George", frozenset(Role), frozenset({"grain"}))
    for query, numbers in (
        ("*", [2, 3]),
        ("NOT copper", [2]),
        ("copper OR from:alice", [3]),
        ("enterprise:metals", []),  # what others are called is not looked up (docs/decisions/0312)
        ("enterprise:grain", [2, 3]),
    ):
        found = await look_for(site, query, grain)
        assert [view.id for view in found.records] == [site.id_of(number) for number in numbers], query
        assert found.submissions == 2
        assert list(await find_ids(site.settings, query, quiet, grain)) == [view.id for view in found.records]
    assert (await look_for(site, f"id:{site.id_of(1)}", grain)).matched == 0
    assert (await look_for(site, "/cop/", grain)).examined == 2
    only = Auditor("nobody", "Nobody", frozenset(Role), frozenset())
    assert (await look_for(site, "*", only)).matched == 0
    access = (await site.accesses())[-1]
    assert (access.actor, access.query) == ("nobody", "(NOT *) AND *")
    assert (await site.accesses())[0].query == 'owner:"grain" AND *'


async def test_near_spellings_tell_what_they_widened_to(site: Site) -> None:
    words = ("copper", "coper", "cooper", "cpoper", "tin", "coppers", "silver")
    await site.record(
        listed(DIRECTORY), *(site.say(ALICE, BOB, word) for word in words), site.say(EVE, EVE, "coppre")
    )
    found = await look_for(site, "copper~1")
    assert [site.places.index(int(view.id.split("/")[1])) for view in found.records] == [1, 2, 3, 4, 6, 8]
    assert found.widened[0].words == ("copper", "cooper", "coper", "coppers", "coppre", "cpoper")
    metals = Auditor("mia", "Mia", frozenset(Role), frozenset({"metals"}))
    assert "coppre" not in (await look_for(site, "copper~1", metals)).widened[0].words
    assert (await look_for(site, "quartz~")).matched == 0


async def test_an_arabic_word_is_found_with_what_is_written_onto_it_on_request(site: Site) -> None:
    said = ("نبيع النحاس غدا", "بِنُحاسهم", "ونحاسنا", "نجاس", "سعر النخيل")
    await site.record(*(site.say(ALICE, BOB, text) for text in said))
    found = await look_for(site, "نحاس~")
    assert [view.id for view in found.records] == [site.id_of(number) for number in range(3)]
    assert found.widened[0].words == ("النحاس", "بنحاسهم", "ونحاسنا")
    assert (await site.accesses())[-1].query == "نحاس~0"
    assert (await look_for(site, "نحاس")).matched == 0
    # One other letter is asked for apart, and is all that differs then.
    (near,) = (await look_for(site, "نحاس~1")).records
    assert near.id == site.id_of(3)


async def test_a_near_spelling_tells_nobody_what_others_looked_for(site: Site) -> None:
    await site.record(site.say(ALICE, BOB, "copper"))
    await look_for(site, "coppra OR copprs")
    assert (await look_for(site, "copper~")).widened[0].words == ("copper",)
    # Who asks for looks may read them there.
    assert "coppra" in (await look_for(site, "copper~ kind:look")).widened[0].words


async def test_regular_expressions_look_into_the_newest_and_say_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.record(*(site.say(ALICE, BOB, f"Lot {number}: copper 9,12{number}.50") for number in range(6)))
    assert (await look_for(site, r"/lot [24]:/")).matched == 2
    found = await look_for(site, r"copper -/\d,12[0-3]\.50/")
    assert (found.matched, found.examined, found.is_cut) == (2, 6, False)
    monkeypatch.setattr(asked, "MAX_EXAMINED", 3)
    cut = await look_for(site, r"/lot/")
    assert (cut.matched, cut.examined, cut.is_cut) == (3, 3, True)
    assert (await look_for(site, r"copper OR /nothing/")).matched == 6
    assert (await look_for(site, r"NOT /lot [345]/")).matched == 0


async def test_words_near_each_other(site: Site) -> None:
    texts = (
        "copper a b price",
        "price a copper",
        "copper a b c price",
        "Kupfer über Zürich",
        "내부자가 오늘 거래를 했다",
        "铜价今天上涨",
    )
    await check(
        site,
        [
            ("copper w/3 price", [0, 1]),
            ("copper w/2 price", [1]),
            ("copper NEAR(n=4) price", [0, 1, 2]),
            ('(copper OR kupfer) w/2 (price OR "über zürich")', [1, 3]),
            ("cop* w/2 pri*", [1]),
            ("zurich w/2 kupfer", [3]),
            ("zuerich w/2 ueber", [3]),
            ("zuerich w/1 zurich", []),
            ("내부자 w/2 거래", [4]),
            ("铜 w/5 涨", [5]),
            ("铜 w/4 涨", []),
        ],
        [site.say(ALICE, BOB, text) for text in texts],
    )


async def test_what_stanzas_do_and_what_was_done_to_them(site: Site) -> None:
    def message(inside: str, id_: str, who: str = ALICE, kind: str = "chat") -> Submission:
        return stanza(
            site,
            f"<message xmlns='jabber:client' from='{who}' to='{BOB}' type='{kind}' id='{id_}'>{inside}</message>",
        )

    correct = "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/><body>copper?</body>"
    retract = "<retract xmlns='urn:xmpp:message-retract:1' id='o2'/>"
    origin = "<origin-id xmlns='urn:xmpp:sid:0' id='o2'/><thread>t-1</thread>"
    records = [
        message("<body>coper</body>", "m1"),
        message(f"<body>tin</body>{origin}", "m2"),
        message(correct, "m3"),
        message(retract, "m4"),
        message("<reactions xmlns='urn:xmpp:reactions:0' id='m1'><reaction>👍</reaction></reactions>", "m5"),
        message("<received xmlns='urn:xmpp:receipts' id='m1'/>", "m6"),
        message("<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>", "m7"),
        message(correct.replace("m1", "late"), "m8"),
        message("<body>late</body>", "late", kind="normal"),
        message(correct, "m9", who="eve@metals.example"),
        site.say(ALICE, BOB, "held", action="hold"),
    ]
    await check(
        site,
        [
            ("is:edited", [0, 8]),
            ("is:retracted", [1]),
            ("is:correction", [2, 7, 9]),
            ("is:retraction", [3]),
            ("is:reaction", [4]),
            ("is:receipt", [5]),
            ("is:marker", [6]),
            ("is:held", [10]),
            ("is:message", [0, 1, 8, 10]),
            ("id:m1", [0]),
            ("id:o2", [1]),
            ("id:gate/3", [2]),
            ("thread:t-1", [1]),
            ("type:chat", [0, 1, 2, 3, 4, 5, 6, 7, 9]),
            ("type:normal", [8, 10]),
            ("has:text -is:correction", [0, 1, 4, 8, 10]),
            ("NOT has:text", [3, 5, 6]),
        ],
        records,
    )


async def test_who_could_see_it_by_delivery_and_by_presence_in_the_room(site: Site) -> None:
    def presence(who: str, to: str, type_: str = "") -> Submission:
        join = "" if type_ else "<x xmlns='http://jabber.org/protocol/muc'/>"
        kind = f" type='{type_}'" if type_ else ""
        return stanza(site, f"<presence xmlns='jabber:client' from='{who}' to='{to}'{kind}>{join}</presence>")

    def said(who: str, text: str) -> Submission:
        return stanza(
            site,
            f"<message xmlns='jabber:client' from='{who}' to='{ROOM}' type='groupchat'><body>{text}</body></message>",
        )

    carol, bob = "carol@metals.example/pc", "bob@metals.example/pc"
    records: list[Record] = [
        presence(ALICE, f"{ROOM}/Alice"),
        said(ALICE, "before"),
        presence(bob, f"{ROOM}/Bob"),
        said(ALICE, "both"),
        presence(bob, f"{ROOM}/Bob", "unavailable"),
        said(ALICE, "after"),
        presence(carol, f"{ROOM}/Carol"),
        said(ALICE, "carol sees"),
        stanza(site, "<unbind jid='carol@metals.example/pc'/>", kind=RecordKind.SESSION),
        said(ALICE, "carol is gone"),
        site.say(ALICE, BOB, "to bob"),
        site.say(ALICE, BOB, "bounced"),
        site.say(ALICE, BOB, "refused", action="refuse"),
        Delivery("e1", 12, (11,)),
        site.say(ALICE, BOB, "not yet"),
        # The server was started anew: nobody is in the room before they come back.
        site.submit(said(ALICE, "to nobody").body, epoch="e2", seq=1),
        Delivery("e2", 1, ()),
    ]
    await check(
        site,
        [
            ("seen-by:bob@metals.example kind:message", [3, 10]),
            ("seen-by:bob kind:message", [3, 10]),
            ("seen-by:carol@metals.example kind:message", [7]),
            ('seen-by:alice kind:message "to nobody"', [15]),
            ("is:join", [0, 2, 6]),
            ("is:leave", [4]),
            (f"room:{ROOM} kind:message", [1, 3, 5, 7, 9, 15]),
            ("type:groupchat", [1, 3, 5, 7, 9, 15]),
        ],
        records,
    )
