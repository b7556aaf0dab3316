"""The table of who may reach whom (gate protocol, section 4.5), and what the server keeps to itself by it."""

from pathlib import Path

import pytest

from tests.support import server
from tests.support.scripted_gate import ScriptedLine, made_by_server
from tests.support.stream import Element, Matcher, XmppStream, message, show

ALICE, BOB, CAROL = (f"{name}@metals.example" for name in ("alice", "bob", "carol"))
PIT = "pit@rooms.metals.example"
MUC = "http://jabber.org/protocol/muc"
SERVER = "metals.example rooms.metals.example"
APART = f"<class id='1' reaches='1'>{ALICE} {SERVER}</class><class id='2' reaches='2'>{BOB} {CAROL}</class>"
TOGETHER = f"<class id='1' reaches='1'>{ALICE} {BOB} {CAROL} {SERVER} {PIT}</class>"


def room(*people: str) -> str:
    return f"{TOGETHER.replace(' ' + PIT, '')}<room jid='{PIT}'>{' '.join(people)}</room>"


def told_of(stream: XmppStream, jid: str, begin: int = 0) -> list[str]:
    return [show(each) for each in stream.received[begin:] if (each.get("from") or "").startswith(jid)]


def is_gone(jid: str) -> Matcher:
    return lambda element: element.get("type") == "unavailable" and element.get("from") == f"{jid}/desk"


async def friends(line: ScriptedLine) -> tuple[XmppStream, XmppStream]:
    line.prosody.befriend(ALICE, BOB)
    bob, alice = await line.login("bob"), await line.login("alice")
    await bob.expect(lambda element: element.get("from") == f"{ALICE}/desk")
    return alice, bob


async def enter(stream: XmppStream, nick: str, asks: str = f"<x xmlns='{MUC}'/>") -> list[str]:
    """Enter the room, and return what was said there before, as it tells it."""
    begin = len(stream.received)
    stream.send(f"<presence to='{PIT}/{nick}'>{asks}</presence>")
    await stream.expect(lambda each: each.find("{jabber:client}subject") is not None)
    form = "<x xmlns='jabber:x:data' type='submit'/>"
    await stream.request("set", f"<query xmlns='{MUC}#owner'>{form}</query>", to=PIT)
    return [each.findtext("{jabber:client}body") or "" for each in stream.received[begin:] if has_body(each)]


def has_body(element: Element) -> bool:
    return element.find("{jabber:client}body") is not None


async def ask_archive(stream: XmppStream, form: str = "") -> list[str]:
    begin = len(stream.received)
    answer = await stream.request("set", f"<query xmlns='urn:xmpp:mam:2'>{form}</query>", to=PIT)
    assert answer.get("type") == "result", show(answer)
    bodies = (
        each.findtext("{urn:xmpp:mam:2}result//{jabber:client}body") for each in stream.received[begin:]
    )
    return [body for body in bodies if body]


def asking(**fields: str) -> str:
    values = {"FORM_TYPE": "urn:xmpp:mam:2"} | fields
    inside = "".join(f"<field var='{name}'><value>{value}</value></field>" for name, value in values.items())
    return f"<x xmlns='jabber:x:data' type='submit'>{inside}</x>"


async def test_what_the_server_makes_stops_at_a_border_and_is_recorded(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await friends(line)
        line.gate.say_borders(APART)
        for stream, other in ((bob, ALICE), (alice, BOB)):
            assert len(await stream.expect(is_gone(other))) == 0  # without a status
        begin = len(bob.received)
        alice.send("<presence><status>news</status></presence>")
        held = await line.gate.expect(lambda each: made_by_server(each) and b"news" in each.body)
        assert (held.facts.to, held.stopped) == (BOB, True)
        await alice.ping()
        await bob.ping()
        assert told_of(bob, ALICE, begin) == []
        line.gate.say_borders(TOGETHER)
        alice.send("<presence><status>more</status></presence>")
        held = await line.gate.expect(lambda each: made_by_server(each) and b"more" in each.body)
        assert not held.stopped
        await bob.expect(lambda element: "more" in show(element))


@pytest.mark.parametrize(
    "parts",
    [[(2, 2)], [(1, 2)], [(1, 3), (3, 3)], [(1, 2), (1, 2)]],
    ids=["the last alone", "the first alone", "one missing", "begun again"],
)
async def test_a_table_counts_when_all_of_it_has_come(tmp_path: Path, parts: list[tuple[int, int]]) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await friends(line)
        line.gate.say_borders(APART)
        await bob.expect(is_gone(ALICE))
        for part, of in parts:
            line.gate.say_borders(TOGETHER, part, of)
        begin = len(bob.received)
        alice.send("<presence><status>news</status></presence>")
        await alice.ping()
        await bob.ping()
        assert told_of(bob, ALICE, begin) == []
        if parts[-1] == (1, 2):
            line.gate.say_borders("", 2, 2)
            alice.send("<presence><status>more</status></presence>")
            await bob.expect(lambda element: "more" in show(element))


async def test_without_a_table_nobody_is_told_of_anybody(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        line.prosody.befriend(ALICE, BOB)
        bob, alice = [await XmppStream.login(line.prosody.address, jid) for jid in (BOB, ALICE)]
        line.gate.say_borders("")  # as if there were none: nobody is listed
        # Who was there before it hears a farewell from those from whom it parts them.
        await line.turn()
        for stream in (bob, alice):
            stream.send("<presence/>")
        await alice.ping()
        await bob.ping()
        assert (told_of(bob, ALICE), told_of(alice, BOB)) == ([], [])
        assert (await alice.request("get", "<query xmlns='jabber:iq:roster'/>")).get("type") == "result"


async def test_who_may_be_in_a_room_no_more_is_put_out_of_it(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.say_borders(room(ALICE, BOB))
        await enter(alice, "Alice")
        await enter(bob, "Bob")
        admin = f"<query xmlns='{MUC}#admin'><item affiliation='owner' jid='{BOB}'/></query>"
        assert (await alice.request("set", admin, to=PIT)).get("type") == "result"
        line.gate.say_borders(room(ALICE))
        for stream in (alice, bob):
            left = await stream.expect(
                lambda each: each.get("from") == f"{PIT}/Bob" and each.get("type") == "unavailable"
            )
            assert "307" in show(left) and 'role="none"' in show(left)
        begin = len(bob.received)
        alice.send(f"<message type='groupchat' to='{PIT}'><body>without Bob</body></message>")
        await alice.expect(message("without Bob", type="groupchat"))
        await bob.ping()
        assert told_of(bob, PIT, begin) == []
        owners = await alice.request(
            "get", f"<query xmlns='{MUC}#admin'><item affiliation='owner'/></query>", to=PIT
        )
        assert ALICE in show(owners) and BOB not in show(owners)


async def test_who_is_let_in_later_is_told_nothing_of_before(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.say_borders(room(ALICE))
        await enter(alice, "Alice")
        await say(alice, "before")
        line.gate.say_borders(room(ALICE, BOB))
        assert await enter(bob, "Bob") == []
        everything = (
            "",
            asking(),
            asking(start="2020-01-01T00:00:00Z"),
            # ejabberd answers with an error
            *([] if server.SERVER is server.EJABBERD else [asking(start="nonsense")]),
            asking(end="2040-01-01T00:00:00Z"),
            "<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/></set>",
        )
        for form in everything:
            assert await ask_archive(bob, form) == [], form
        assert await ask_archive(alice) == ["before"]
        await line.wait_for_next_second()
        await say(alice, "after")
        assert await ask_archive(bob) == ["after"]
        assert await enter_again(bob) == ["after"]
        since = "<history since='2020-01-01T00:00:00Z' maxstanzas='99'/>"
        assert await enter_again(bob, f"<x xmlns='{MUC}'>{since}</x>") == ["after"]
        if server.SERVER is server.EJABBERD:  # where people join as of old, too
            assert await enter_again(bob, "") == ["after"]
        # Put out and let in again, he starts anew.
        line.gate.say_borders(room(ALICE))
        await bob.expect(lambda each: each.get("type") == "unavailable" and each.get("from") == f"{PIT}/Bob")
        await say(alice, "meanwhile")
        line.gate.say_borders(room(ALICE, BOB))
        assert await ask_archive(bob) == []
        assert await ask_archive(alice, asking(start="2020-01-01T00:00:00Z")) == [
            "before",
            "after",
            "meanwhile",
        ]


async def say(stream: XmppStream, body: str) -> None:
    stream.send(f"<message type='groupchat' to='{PIT}'><body>{body}</body></message>")
    await stream.expect(message(body, type="groupchat"))


async def enter_again(stream: XmppStream, asks: str = f"<x xmlns='{MUC}'/>") -> list[str]:
    stream.send(f"<presence type='unavailable' to='{PIT}/Bob'/>")
    await stream.expect(lambda each: each.get("from") == f"{PIT}/Bob" and each.get("type") == "unavailable")
    stream.unread.clear()
    return await enter(stream, "Bob", asks)


async def test_a_list_of_rooms_names_those_that_the_asker_may_enter(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.say_borders(room(ALICE))
        await enter(alice, "Alice")
        public = "<field var='muc#roomconfig_publicroom'><value>1</value></field>"
        kind = f"<field var='FORM_TYPE'><value>{MUC}#roomconfig</value></field>"
        form = f"<x xmlns='jabber:x:data' type='submit'>{kind}{public}</x>"
        await alice.request("set", f"<query xmlns='{MUC}#owner'>{form}</query>", to=PIT)
        items = "<query xmlns='http://jabber.org/protocol/disco#items'/>"
        assert PIT in show(await alice.request("get", items, to="rooms.metals.example"))
        answer = show(await bob.request("get", items, to="rooms.metals.example"))
        assert "result" in answer and PIT not in answer


async def test_a_room_out_of_storage_keeps_the_newer_borders(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.say_borders(room(ALICE, BOB))
        await enter(alice, "Alice")
        await say(alice, "before")
        form = f"<field var='FORM_TYPE'><value>{MUC}#roomconfig</value></field>"
        form += "<field var='muc#roomconfig_persistentroom'><value>1</value></field>"
        form = f"<x xmlns='jabber:x:data' type='submit'>{form}</x>"
        await alice.request("set", f"<query xmlns='{MUC}#owner'>{form}</query>", to=PIT)
        admin = f"<query xmlns='{MUC}#admin'><item affiliation='owner' jid='{BOB}'/></query>"
        await alice.request("set", admin, to=PIT)
        bob.abort()
        await line.prosody.restart()
        await line.connect_gate()
        line.gate.say_borders(room(ALICE, CAROL))
        carol = await line.login("carol", online=False)
        assert await ask_archive(carol) == []  # let in while the server was away
        alice = await line.login("alice", online=False)
        assert await ask_archive(alice) == ["before"]
        query = f"<query xmlns='{MUC}#admin'><item affiliation='owner'/></query>"
        owners = show(await alice.request("get", query, to=PIT))
        assert ALICE in owners
        assert BOB not in owners
