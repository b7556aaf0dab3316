"""The rooms of the directory are there before anybody joins them, and nobody's: on the real server."""

from pathlib import Path

from tests.support.gate_process import one_enterprise
from tests.support.line import Line
from tests.support.stream import Matcher, XmppStream, message, show

ALICE, BOB = "alice@metals.example", "bob@metals.example"
ROOM, LATER = "desk@rooms.metals.example", "tin@rooms.metals.example"
MUC = "http://jabber.org/protocol/muc"
TELLS_ALL = '["whois"] = "anyone"'
OWNER = f"<query xmlns='{MUC}#owner'/>"


def is_in(room: str, nick: str) -> Matcher:
    return lambda element: element.get("from") == f"{room}/{nick}" and 'code="110"' in show(element)


async def join(stream: XmppStream, room: str, nick: str) -> str:
    """Join, and return what the room says of that."""
    stream.send(f"<presence to='{room}/{nick}'><x xmlns='{MUC}'/></presence>")
    return show(await stream.expect(is_in(room, nick)))


async def see_through(one: XmppStream, other: XmppStream, room: str) -> None:
    """Have one take a name that is not theirs: everybody in the room sees whose it is."""
    await join(other, room, "carol")
    told = await one.expect(lambda each: each.get("from") == f"{room}/carol")
    assert f'jid="{other.jid}"' in show(told)


async def find_full(line: Line, one: XmppStream, room: str) -> None:
    """Have somebody who is in a room come in with more sessions than an account may have there."""
    more = [await line.login(one.jid.partition("/")[0]) for _ in range(2)]
    await join(more[0], room, "alice too")
    more[1].send(f"<presence to='{room}/alice'><x xmlns='{MUC}'/></presence>")
    answer = await more[1].expect(lambda each: each.get("from") == f"{room}/alice")
    assert answer.get("type") == "error" and "resource-constraint" in show(answer)
    # Who is in stays, under another name, and whoever leaves makes room.
    await join(more[0], room, "alice three")
    more[0].send(f"<presence to='{room}/alice three' type='unavailable'/>")
    # Of the other name, the room has told already that it is gone.
    is_out = is_in(room, "alice three")
    await more[0].expect(lambda each: each.get("type") == "unavailable" and is_out(each))
    await join(more[1], room, "alice")


async def test_nobody_owns_a_room_by_joining_it_first(tmp_path: Path) -> None:
    async with Line(tmp_path, [ALICE, BOB], [ROOM], makes_rooms=True) as line:
        alice, bob = await line.login(ALICE), await line.login(BOB)
        await alice.ping()
        for room in (ROOM, LATER):
            if room == LATER:
                directory = one_enterprise([ALICE, BOB], [ROOM, LATER])
                await line.gate.change_rules(line.gate.directory_file, directory)
                await alice.ping()
            said = await join(alice, room, "alice")
            assert 'affiliation="none"' in said
            assert 'code="201"' not in said  # created by joining
            await join(bob, room, "bob")
            await see_through(alice, bob, room)
            alice.send(f"<message to='{room}' type='groupchat'><body>to {room}</body></message>")
            await bob.expect(message(f"to {room}", from_=f"{room}/alice"))
            assert (await alice.request("get", OWNER, to=room)).get("type") == "error"
        # After a restart of the server they are the same.
        await line.prosody.kill9()
        await line.prosody.start()
        await line.gate.wait_for_state("connected")
        again = await line.login(BOB)
        await again.ping()
        assert 'affiliation="none"' in await join(again, LATER, "bob")
        await see_through(again, await line.login(ALICE), LATER)


async def test_a_room_takes_few_sessions_of_an_account(tmp_path: Path) -> None:
    few = {"room_account_sessions": "2"}
    async with Line(tmp_path, [ALICE, BOB], [ROOM], makes_rooms=True, options=few) as line:
        alice, bob = await line.login(ALICE), await line.login(BOB)
        await alice.ping()
        await join(alice, ROOM, "alice")
        await join(bob, ROOM, "bob")
        await find_full(line, alice, ROOM)


async def test_a_room_of_before_tells_who_is_behind_a_name(tmp_path: Path) -> None:
    async with Line(tmp_path, [ALICE, BOB], [ROOM], makes_rooms=True) as line:
        alice = await line.login(ALICE)
        await join(alice, ROOM, "alice")
        await line.prosody.stop()
        (kept,) = line.prosody.plan.root.rglob("config/desk.dat")
        assert kept.read_text().count(TELLS_ALL) == 1
        kept.write_text(kept.read_text().replace(TELLS_ALL, TELLS_ALL.replace("anyone", "moderators")))
        await line.prosody.start()
        await line.gate.wait_for_state("connected")
        alice, bob = await line.login(ALICE), await line.login(BOB)
        await alice.ping()
        await join(alice, ROOM, "alice")
        await see_through(alice, bob, ROOM)
