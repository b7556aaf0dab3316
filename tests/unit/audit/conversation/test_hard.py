"""Conversations in which people, clients or clocks do what they should not: nothing is lost or believed."""

from pathlib import Path

import pytest

from components.archive.record import Delivery, Event, RecordKind, Submission
from components.audit.conversation.item import Fate, Item, ItemKind
from components.audit.conversation.read import Around, Whole, read_conversation
from policy.decision import StanzaError
from policy.facts import Way
from tests.support.audit_site import REFUSAL, Site, make_site

ALICE, BOB, CAROL, ROOM = (
    "alice@metals.example",
    "bob@metals.example",
    "carol@metals.example",
    "deals@rooms.example",
)
NASTY = "<script>alert(1)</script>\u202eexe.gnp\u202c a\u0301\u0327 \U0001f469\u200d\U0001f680 ؟مرحبا 你好"


def stanza(
    content: str, id_: str = "", sender: str = f"{ALICE}/desk", to: str = BOB, type_: str = "chat"
) -> bytes:
    head = f"<message xmlns='jabber:client' from='{sender}' to='{to}' type='{type_}' id='{id_}'>"
    return f"{head}{content}</message>".encode("utf-8", "surrogatepass")


def body(text: str) -> str:
    return f"<body>{text.replace('&', '&amp;').replace('<', '&lt;')}</body>"


def replaced(text: str, id_: str) -> str:
    return f"{body(text)}<replace xmlns='urn:xmpp:message-correct:0' id='{id_}'/>"


def retracted(id_: str) -> str:
    return f"<retract xmlns='urn:xmpp:message-retract:1' id='{id_}'/>"


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return await make_site(tmp_path)


async def read(site: Site, *parties: str, limit: int = 100) -> list[Item]:
    await site.record(Delivery("e1", 10_000, ()))
    view = await read_conversation(
        site.settings, Whole(parties or (ALICE, BOB), limit), lambda done, total: None
    )
    return list(view.items)


def texts(item: Item) -> list[str]:
    return [version.text for version in item.versions]


async def test_whatever_somebody_writes_is_text(site: Site) -> None:
    await site.record(site.submit(stanza(body(NASTY), "m1")))
    (item,) = await read(site)
    assert item.text == NASTY


async def test_corrections_of_corrections_are_versions_of_what_was_said_first(site: Site) -> None:
    said = (body("one"), replaced("two", "m1"), replaced("three", "m2"), replaced("four", "m1"))
    await site.record(*(site.submit(stanza(each, f"m{at}")) for at, each in enumerate(said, 1)))
    (item,) = await read(site)
    assert texts(item) == ["one", "two", "three", "four"]
    assert item.text == "four"


async def test_corrections_in_a_circle_end(site: Site) -> None:
    await site.record(
        site.submit(stanza(replaced("a", "m2"), "m1")),
        site.submit(stanza(replaced("b", "m1"), "m2")),
        site.submit(stanza(replaced("c", "m2"), "m1")),
        site.submit(stanza(replaced("d", "m9"), "m9")),
    )
    items = await read(site)
    assert [texts(item) for item in items] == [["a", "b", "c"], ["d"]]
    assert {item.kind for item in items} == {ItemKind.CORRECTION}


@pytest.mark.parametrize("content", [replaced("I sell at 1", "m1"), retracted("m1")])
async def test_nobody_changes_what_another_person_said(site: Site, content: str) -> None:
    await site.record(
        site.submit(stanza(body("I sell at 9,000"), "m1")),
        site.submit(stanza(content, "m2", f"{BOB}/x", ALICE)),
    )
    first, second = await read(site)
    assert (texts(first), first.retraction) == (["I sell at 9,000"], None)
    assert "clients ignore it" in second.remarks[0]
    assert second.about is not None
    assert second.about.record == first.record


async def test_a_correction_that_was_refused_did_not_change_what_others_read(site: Site) -> None:
    await site.record(
        site.submit(stanza(body("kept"), "m1")),
        site.submit(stanza(replaced("secret", "m1"), "m2"), action="refuse", error=REFUSAL),
    )
    (item,) = await read(site)
    assert item.text == "kept"
    assert [version.fate for version in item.versions] == [Fate.CARRIED_OUT, Fate.REFUSED]


async def test_what_is_not_in_the_log_is_named_as_such(site: Site) -> None:
    reply = f"{body('yes')}<reply xmlns='urn:xmpp:reply:0' id='gone'/>"
    await site.record(
        site.submit(stanza(retracted("never"), "m1")),
        site.submit(stanza(replaced("x", "never"), "m2")),
        site.submit(stanza(reply, "m3")),
    )
    items = await read(site)
    assert [item.kind for item in items] == [ItemKind.RETRACTION, ItemKind.CORRECTION, ItemKind.MESSAGE]
    assert all("no earlier message" in item.remarks[0] for item in items[:2])
    assert [item.about.record if item.about else None for item in items] == ["", "", ""]


async def test_of_two_messages_with_one_id_the_last_one_before_is_meant(site: Site) -> None:
    await site.record(
        site.submit(stanza(body("first"), "m1")),
        site.submit(stanza(body("second"), "m1")),
        site.submit(stanza(replaced("changed", "m1"), "m2")),
        site.submit(stanza(body("third"), "m1")),
    )
    first, second, third = await read(site)
    assert (texts(first), texts(second), texts(third)) == (["first"], ["second", "changed"], ["third"])
    assert "2 messages have this id" in second.versions[1].remark


@pytest.mark.parametrize(
    ("action", "error", "fate"), [("refuse", REFUSAL, Fate.REFUSED), ("hold", None, Fate.HELD)]
)
async def test_what_nobody_got_takes_no_change_of_what_others_have_under_its_id(
    site: Site, action: str, error: StanzaError | None, fate: Fate
) -> None:
    """Somebody has a second message refused on purpose: their correction changes the first one at its reader."""
    reply = f"{body('yes')}<reply xmlns='urn:xmpp:reply:0' id='m1'/>"
    await site.record(
        site.submit(stanza(body("I buy 100"), "m1")),
        site.submit(stanza(body("a secret"), "m1"), action=action, error=error),
        site.submit(stanza(replaced("I buy 900", "m1"), "m2")),
        site.submit(stanza("<received xmlns='urn:xmpp:receipts' id='m1'/>", "r", f"{BOB}/x", ALICE)),
        site.submit(stanza(reply, "m3", f"{BOB}/x", ALICE)),
    )
    first, second, answer = await read(site)
    assert (texts(first), texts(second)) == (["I buy 100", "I buy 900"], ["a secret"])
    assert (first.versions[1].remark, second.fate) == ("", fate)
    assert (len(first.acknowledgements), len(second.acknowledgements)) == (1, 0)
    assert answer.about is not None and answer.about.record == first.record


async def test_a_message_under_the_id_of_anothers_record_is_the_one_that_is_meant(site: Site) -> None:
    """Receipts tell everybody which number comes next; clients know a message by the id that it has itself."""
    await site.record(
        site.submit(stanza(body("I buy 100"), "gate/2")),
        site.submit(stanza(body("Lunch?"), "m2")),
        site.submit(stanza(replaced("I buy 900", "gate/2"), "m3")),
        site.submit(stanza(retracted("gate/3"), "m4")),
    )
    first, second = await read(site)
    assert (first.record, texts(first), first.versions[1].remark) == (
        "gate/1",
        ["I buy 100", "I buy 900"],
        "",
    )
    assert (second.record, texts(second)) == ("gate/2", ["Lunch?"])
    assert first.retraction is not None


async def test_another_conversations_message_with_the_same_id_is_not_meant(site: Site) -> None:
    await site.record(
        site.submit(stanza(body("to Carol"), "m1", to=CAROL)),
        site.submit(stanza(retracted("m1"), "m2")),
    )
    (item,) = await read(site)
    assert item.kind is ItemKind.RETRACTION
    assert item.about is not None
    assert item.about.record == ""


async def test_the_order_is_that_of_the_log_when_a_clock_goes_back(site: Site) -> None:
    await site.record(
        site.submit(stanza(body("one"), "m1"), at_s=100), site.submit(stanza(body("two"), "m2"), at_s=10)
    )
    one, two = await read(site)
    assert (one.text, one.remarks, two.text) == ("one", (), "two")
    assert "clock went back" in two.remarks[0]


async def test_a_quote_of_what_nobody_said_is_told(site: Site) -> None:
    def reply(quoted: str) -> str:
        quote = f"> {quoted}\n"
        part = f"<body start='0' end='{len(quote)}'/>"
        fallback = f"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>{part}</fallback>"
        return f"{body(quote + 'agreed')}<reply xmlns='urn:xmpp:reply:0' id='m1'/>{fallback}"

    await site.record(
        site.submit(stanza(body("We never fix prices"), "m1")),
        site.submit(stanza(reply("We never fix prices"), "m2", BOB, ALICE)),
        site.submit(stanza(reply("We fix prices"), "m3", BOB, ALICE)),
    )
    _, true, false = await read(site)
    assert (true.text, true.remarks) == ("agreed", ())
    assert (false.text, false.remarks) == (
        "agreed",
        ("it quotes what that message does not say: We fix prices",),
    )


async def test_a_reply_cannot_hide_its_text_in_what_it_quotes(site: Site) -> None:
    hidden = (
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='999'/></fallback>"
    )
    whole = (
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='11'/></fallback>"
    )
    to = "<reply xmlns='urn:xmpp:reply:0' id='m1'/>"
    await site.record(
        site.submit(stanza(body("hello"), "m1")),
        site.submit(stanza(f"{body('buy all now')}{to}{hidden}", "m2")),
        site.submit(stanza(f"{body('buy all now')}{to}{whole}", "m3")),
    )
    _, beyond, all_of_it = await read(site)
    assert beyond.text == "buy all now"
    assert "buy all now" in all_of_it.remarks[0]


async def test_what_only_some_clients_show_is_shown_besides(site: Site) -> None:
    html = (
        "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>WhatsApp</p>"
        "</body></html>"
    )
    await site.record(site.submit(stanza(body("lunch?") + html, "m1")))
    (item,) = await read(site)
    assert (item.text, item.also) == ("lunch?", "WhatsApp")


@pytest.mark.parametrize(
    ("content", "type_"),
    [
        (f"{body('sell at noon')}<error type='cancel'/>", "error"),
        (
            "<error type='cancel'><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>sell at noon</text></error>",
            "error",
        ),
        (
            "<composing xmlns='http://jabber.org/protocol/chatstates'/><x xmlns='urn:x'>sell at noon</x>",
            "chat",
        ),
        ("<active xmlns='http://jabber.org/protocol/chatstates'/><thread>sell at noon</thread>", "chat"),
        ("<received xmlns='urn:xmpp:receipts' id='m1'/><x xmlns='urn:x'>sell at noon</x>", "chat"),
        ("<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'>sell at noon</displayed>", "chat"),
    ],
)
async def test_words_are_read_also_where_clients_say_none(site: Site, content: str, type_: str) -> None:
    """Clients show them with errors, and programs anywhere."""
    wordless = (
        "<composing xmlns='http://jabber.org/protocol/chatstates'/><thread>4f2a-77</thread>",
        "<received xmlns='urn:xmpp:receipts' id='m1'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='m1' sender='desk@rooms.example/Bob Baker'/>",
    )
    await site.record(
        site.submit(stanza(body("tin?"), "m1")),
        *(site.submit(stanza(each, "", f"{BOB}/My phone", ALICE)) for each in wordless),
        site.submit(stanza(body("tin?") + "<error type='cancel'/>", "m1", f"{BOB}/x", ALICE, "error")),
        site.submit(stanza(content, "m1", type_=type_)),
        site.submit(stanza(replaced("copper?", "m1"), "m2")),
    )
    items = await read(site)
    assert [item.kind for item in items] == [ItemKind.MESSAGE, ItemKind.OTHER]
    said, hidden = items
    assert "sell at noon" in f"{hidden.text}\n{hidden.also}"
    assert type_ != "error" or texts(said) == ["tin?", "copper?"]


@pytest.mark.parametrize("broken", [b"<message", b"\xff\xfe", stanza("<body>\ud800</body>", "m1")])
async def test_what_cannot_be_read_loses_nothing_else(site: Site, broken: bytes) -> None:
    await site.record(
        site.submit(stanza(body("before"), "m1")),
        site.submit(broken),
        site.submit(stanza(body("after"), "m2")),
    )
    assert [item.text for item in await read(site)] == ["before", "after"]


async def test_a_held_message_stands_twice_once_it_is_released(site: Site) -> None:
    held = site.submit(stanza(body("Copper at 9,000"), "m1"), action="hold", rules=("prices",))
    delayed = f"{body('Copper at 9,000')}<delay xmlns='urn:xmpp:delay' stamp='2026-11-23T20:04:05Z'/>"
    await site.record(held, site.submit(stanza(body("Hello?"), "m2", BOB, ALICE)))
    details = (("actor", "erin"), ("reason", "fine"), ("record", site.id_of(0)), ("stage", "waiting"))
    released = site.submit(stanza(delayed, "m1"))._replace(way=Way.GATE)
    await site.record(Event(RecordKind.REVIEW, "release", details, held.received_at_ns + 10**9), released)
    first, between, second = await read(site)
    assert (first.fate, first.why, first.text) == (Fate.RELEASED, "prices", "Copper at 9,000")
    assert [(act.by.jid, act.reason) for act in first.reviews] == [("erin", "release: fine")]
    assert between.text == "Hello?"
    assert (second.kind, second.about and second.about.record) == (ItemKind.RELEASED, first.record)
    assert second.record in first.records


async def test_reactions_change_and_count_once_for_a_person(site: Site) -> None:
    def react(*emojis: str) -> str:
        inside = "".join(f"<reaction>{each}</reaction>" for each in emojis)
        return f"<reactions xmlns='urn:xmpp:reactions:0' id='m1'>{inside}</reactions>"

    await site.record(
        site.submit(stanza(body("x"), "m1")),
        site.submit(stanza(react("👍", "👀"), "r1", f"{BOB}/a", ALICE)),
        site.submit(stanza(react("👍"), "r2", f"{BOB}/b", ALICE)),
        site.submit(stanza(react("👍"), "r3")),
    )
    (item,) = await read(site)
    told = {each.emoji: ([act.record for act in each.acts], len(each.undone)) for each in item.reactions}
    assert told == {"👍": ([site.id_of(1), site.id_of(3)], 0), "👀": ([], 1)}


async def test_a_moderator_takes_back_what_another_person_said(site: Site) -> None:
    moderate = (
        f"<iq xmlns='jabber:client' from='{CAROL}/x' to='{ROOM}' type='set' id='i'>"
        "<moderate xmlns='urn:xmpp:message-moderate:1' id='s1'><retract xmlns='urn:xmpp:message-retract:1'/>"
        "<reason>No prices</reason></moderate></iq>"
    )
    said = body("9,000") + f"<stanza-id xmlns='urn:xmpp:sid:0' by='{ROOM}' id='s1'/>"
    await site.record(
        site.submit(stanza(said, "m1", to=ROOM, type_="groupchat")), site.submit(moderate.encode())
    )
    (item,) = await read(site, ROOM)
    assert item.retraction is not None
    assert (item.retraction.by.jid, item.retraction.reason) == (f"{CAROL}/x", "No prices")
    assert item.retraction.is_by_moderator


async def test_one_reads_so_many_items_around_a_record_whatever_lies_between(site: Site) -> None:
    records: list[Submission] = []
    for number in range(40):
        records.append(site.submit(stanza(body(f"a{number}"), f"a{number}")))
        records.append(site.submit(stanza(body(f"c{number}"), f"c{number}", to=CAROL)))
        records.append(
            site.submit(stanza("<active xmlns='http://jabber.org/protocol/chatstates'/>", f"s{number}"))
        )
    await site.record(*records)
    what = Around(site.id_of(60), 3, 4)
    view = await read_conversation(site.settings, what, lambda done, total: None)
    assert [item.text for item in view.items] == [f"a{number}" for number in range(17, 25)]
    assert [item.is_hit for item in view.items] == [False] * 3 + [True] + [False] * 4
    assert view.more_before == site.id_of(51)


async def test_a_correction_far_from_its_message_stands_for_itself_and_quotes_it(site: Site) -> None:
    said = [site.submit(stanza(body(f"a{number}"), f"a{number}")) for number in range(30)]
    await site.record(*said, site.submit(stanza(replaced("late", "a0"), "c")))
    view = await read_conversation(site.settings, Around(site.id_of(30), 2, 2), lambda done, total: None)
    assert [item.text for item in view.items] == ["a28", "a29", "late"]
    quote = view.items[-1].about
    assert quote is not None
    assert (quote.record, quote.text) == (site.id_of(0), "a0")


async def test_a_correction_of_what_is_cut_off_is_not_lost(site: Site) -> None:
    said = [site.submit(stanza(body(f"a{number}"), f"a{number}")) for number in range(10)]
    await site.record(
        *said, site.submit(stanza(replaced("late", "a6"), "c")), site.submit(stanza(body("z"), "z"))
    )
    assert [item.text for item in await read(site, limit=2)] == ["late", "z"]
    assert [item.text for item in await read(site, limit=4)] == ["a8", "a9", "late", "z"]
    assert [item.text for item in await read(site, limit=5)] == ["late", "a7", "a8", "a9", "z"]


async def test_around_a_receipt_is_around_what_it_acknowledges(site: Site) -> None:
    received = "<received xmlns='urn:xmpp:receipts' id='a3'/>"
    said = [site.submit(stanza(body(f"a{number}"), f"a{number}")) for number in range(9)]
    await site.record(*said, site.submit(stanza(received, "r", f"{BOB}/x", ALICE)))
    view = await read_conversation(site.settings, Around(site.id_of(9), 1, 1), lambda done, total: None)
    assert [item.text for item in view.items] == ["a2", "a3", "a4"]
    assert view.items[1].records == (site.id_of(3), site.id_of(9))


async def test_a_room_made_of_a_person_hides_nothing_of_them(site: Site) -> None:
    muc = "<x xmlns='http://jabber.org/protocol/muc'/>"

    def presence(sender: str, kind: str = "", inside: str = "") -> bytes:
        head = f"<presence xmlns='jabber:client' from='{sender}/desk' to='{BOB}/Bo'{kind}>"
        return f"{head}{inside}</presence>".encode()

    await site.record(
        site.submit(presence(CAROL, " type='unavailable'")),
        site.submit(stanza(body("hi"), "m1")),
        site.submit(presence(ALICE, "", muc)),
        site.submit(stanza(body("psst"), "m2", type_="groupchat")),
        site.submit(stanza(body("not for them"), "m3", f"{CAROL}/x", type_="groupchat")),
    )
    assert [item.text for item in await read(site)] == ["hi", "psst"]
    assert "hi" in [item.text for item in await read(site, BOB)]


async def test_one_persons_talk_with_everybody(site: Site) -> None:
    await site.record(
        site.submit(stanza(body("to Bob"), "m1")),
        site.submit(stanza(body("to Carol"), "m2", to=CAROL)),
        site.submit(stanza(body("of others"), "m3", f"{BOB}/x", CAROL)),
    )
    assert [item.text for item in await read(site, ALICE)] == ["to Bob", "to Carol"]
    assert [item.text for item in await read(site, ALICE, BOB, CAROL)] == ["to Bob", "to Carol", "of others"]


async def test_somebody_written_to_as_if_they_were_a_room_is_still_read(site: Site) -> None:
    await site.record(
        site.submit(stanza(body("hi"), "m1")), site.submit(stanza(body("psst"), "m2", type_="groupchat"))
    )
    assert [item.text for item in await read(site)] == ["hi", "psst"]
