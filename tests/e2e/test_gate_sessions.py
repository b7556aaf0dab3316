"""Sessions that end, are replaced or resume while the gate takes its time (gate protocol, section 5.3)."""

from pathlib import Path

import pytest

from components.site.prosody import PlannedComponent
from tests.support.scripted_gate import Component, ScriptedLine, event, refuse, stanza
from tests.support.stream import XmppStream

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example/desk"
BOT = ("bot.metals.example", "the bot's secret")
ROOM = "pit@rooms.metals.example"
ROOM_OWNER = "http://jabber.org/protocol/muc#owner"


def offers(first: int, count: int, to: str = BOB) -> str:
    return "".join(
        f"<message to='{to}' id='m{number}'><body>Offer</body></message>"
        for number in range(first, first + count)
    )


def heard_from(stream: XmppStream, jid: str) -> list[str]:
    """Return the ids, or types, of what came from an address, in order."""
    return [
        each.get("id") or each.get("type") or "available"
        for each in stream.received
        if each.get("from") == jid
    ]


@pytest.mark.parametrize("goodbye", ["", "<presence type='unavailable'/>"], ids=["silently", "politely"])
async def test_last_words_are_carried_out_in_order_before_the_farewell(tmp_path: Path, goodbye: str) -> None:
    async with ScriptedLine(tmp_path) as line:
        line.prosody.befriend("alice@metals.example", "bob@metals.example")
        bob, alice = await line.login("bob"), await line.login("alice")
        await bob.expect(lambda element: element.get("from") == ALICE)
        line.gate.hold_back()
        alice.send(offers(0, 5) + goodbye + "</stream:stream>")
        await line.gate.expect(stanza("m4"))
        await line.turn()
        assert heard_from(bob, ALICE) == ["available"]
        assert not alice.ended  # its answers may still come
        line.gate.go_on()
        await alice.wait_for_end()
        await bob.expect(
            lambda element: element.get("type") == "unavailable" and element.get("from") == ALICE
        )
        assert heard_from(bob, ALICE) == ["available", "m0", "m1", "m2", "m3", "m4", "unavailable"]
        unbound = await line.gate.expect(event("unbind"))
        await line.gate.expect_status(lambda status: status.done >= unbound.seq)


async def test_a_refusal_of_the_last_words_reaches_who_said_them(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.send(offers(0, 2) + "</stream:stream>")
        first, second = await line.gate.expect_all(["m0", "m1"])
        line.gate.release(second.seq, refuse(second.seq, "cancel", "not-allowed", "No."))
        line.gate.go_on()
        await bob.expect(lambda element: element.get("id") == "m0")
        error = await alice.expect(lambda element: element.get("id") == "m1")
        assert error.get("type") == "error"
        await alice.wait_for_end()
        assert first.session == second.session


async def test_what_a_broken_session_said_is_carried_out_in_order(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        line.prosody.befriend("alice@metals.example", "bob@metals.example")
        bob, alice = await line.login("bob"), await line.login("alice")
        await bob.expect(lambda element: element.get("from") == ALICE)
        line.gate.hold_back()
        alice.send(offers(0, 5))
        await line.gate.expect(stanza("m4"))
        alice.abort()
        farewell = await line.gate.expect(lambda held: held.facts.type == "unavailable")
        await line.gate.expect(event("unbind"))
        line.gate.release(farewell.seq - 1)
        await bob.expect(lambda element: element.get("id") == "m4")
        await line.turn()
        assert heard_from(bob, ALICE)[-1] == "m4"
        line.gate.go_on()
        await bob.expect(
            lambda element: element.get("type") == "unavailable" and element.get("from") == ALICE
        )
        assert heard_from(bob, ALICE) == ["available", "m0", "m1", "m2", "m3", "m4", "unavailable"]


async def test_a_replaced_session_is_carried_out_before_its_successor(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        line.prosody.befriend("alice@metals.example", "bob@metals.example")
        bob, alice = await line.login("bob"), await line.login("alice")
        await bob.expect(lambda element: element.get("from") == ALICE)
        line.gate.hold_back()
        alice.send(offers(0, 3))
        await line.gate.expect(stanza("m2"))
        again = await XmppStream.login(line.prosody.address, ALICE)
        await alice.wait_for_end()
        assert alice.error is not None
        assert alice.error.find("{urn:ietf:params:xml:ns:xmpp-streams}conflict") is not None
        again.send("<presence id='p1'/>" + offers(3, 3))
        held = await line.gate.expect_all(["m0", "m5"])
        assert held[0].session != held[1].session
        line.gate.go_on()
        await bob.expect(lambda element: element.get("id") == "m5")
        assert heard_from(bob, ALICE) == [
            "available",
            "m0",
            "m1",
            "m2",
            "unavailable",
            "p1",
            "m3",
            "m4",
            "m5",
        ]
        bob.send(offers(9, 1, to=ALICE))
        await again.expect(lambda element: element.get("id") == "m9")


async def test_a_resumed_session_goes_on_where_its_held_stanzas_stand(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        await alice.enable_resumption()
        line.gate.hold_back()
        alice.send(offers(0, 3))
        await line.gate.expect(stanza("m2"))
        alice.abort()
        await line.gate.expect(event("hibernate"))
        bob.send(offers(7, 1, to=ALICE))
        await line.gate.expect(stanza("m7"))
        await alice.resume()
        await line.gate.expect(event("resume"))
        alice.send(offers(3, 3))
        held = await line.gate.expect_all(["m3", "m4", "m5"])
        line.gate.release(
            held[1].seq,
            refuse(held[0].seq, "cancel", "not-allowed", "No."),
            refuse(held[1].seq, "cancel", "not-allowed", "No."),
        )
        line.gate.go_on()
        await bob.expect(lambda element: element.get("id") == "m5")
        assert heard_from(bob, ALICE) == ["m0", "m1", "m2", "m5"]
        await alice.expect(lambda element: element.get("id") == "m7")
        await alice.expect(lambda element: element.get("id") == "m4" and element.get("type") == "error")
        assert heard_from(alice, BOB) == ["m7", "m3", "m4"]


async def test_what_is_released_during_hibernation_answers_after_it(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        await alice.enable_resumption()
        line.gate.hold_back()
        alice.send(offers(0, 2))
        _, second = await line.gate.expect_all(["m0", "m1"])
        alice.abort()
        await line.gate.expect(event("hibernate"))
        line.gate.release(second.seq, refuse(second.seq, "cancel", "not-allowed", "No."))
        await bob.expect(lambda element: element.get("id") == "m0")
        line.gate.go_on()
        await alice.resume()
        error = await alice.expect(lambda element: element.get("id") == "m1")
        assert error.get("type") == "error"
        alice.send(offers(2, 1))
        await bob.expect(lambda element: element.get("id") == "m2")
        assert heard_from(bob, ALICE) == ["m0", "m2"]
        await alice.close()


async def test_a_connection_that_broke_within_a_stanza_is_resumed(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        await alice.enable_resumption()
        alice.break_off(f"<message to='{BOB}' id='m0'><body>Off")
        await bob.ping()  # so the server has read it
        alice.abort()
        await line.gate.expect(event("hibernate"))
        await alice.resume()
        alice.send(offers(0, 3))
        await bob.expect(lambda element: element.get("id") == "m2")
        assert heard_from(bob, ALICE) == ["m0", "m1", "m2"]


async def test_a_resumed_client_that_sends_no_xml_is_told_so(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice = await line.login("alice")
        await alice.enable_resumption()
        alice.abort()
        await alice.resume()
        alice.break_off("<message></presence>")
        await alice.wait_for_end()
        assert alice.error is not None
        assert alice.error[0].tag.endswith("}not-well-formed")
        await line.gate.expect(event("unbind"))


async def test_a_room_hears_the_last_words_before_it_sees_the_speaker_go(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        for client, nick in ((alice, "Alice"), (bob, "Bob")):
            client.send(
                f"<presence to='{ROOM}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
            )
            await client.expect(lambda element: element.find(".//{*}status[@code='110']") is not None)
            form = "<x xmlns='jabber:x:data' type='submit'/>"
            await client.request("set", f"<query xmlns='{ROOM_OWNER}'>{form}</query>", to=ROOM)
        line.gate.hold_back()
        says = "".join(
            f"<message to='{ROOM}' type='groupchat' id='m{n}'><body>Offer</body></message>" for n in range(3)
        )
        alice.send(says)
        await line.gate.expect(stanza("m2"))
        alice.abort()
        await line.gate.expect(event("unbind"))
        line.gate.go_on()
        await bob.expect(
            lambda element: element.get("type") == "unavailable" and element.get("from") == f"{ROOM}/Alice"
        )
        assert heard_from(bob, f"{ROOM}/Alice")[-4:] == ["m0", "m1", "m2", "unavailable"]
        receipts = [
            each.find("{urn:xmpp:sid:0}stanza-id[@by='gate.metals.example']")
            for each in bob.received
            if each.get("id") in ("m0", "m1", "m2")
        ]
        assert len(receipts) == 3
        assert None not in receipts


async def test_what_a_component_said_before_it_left_is_carried_out(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, components=(PlannedComponent(*BOT),)) as line:
        bob = await line.login("bob")
        bot = await Component.connect(line.plan, *BOT)
        line.gate.hold_back()
        for number in range(3):
            bot.send(f"<message from='{BOT[0]}' to='{BOB}' id='m{number}'><body>Fixing</body></message>")
        await line.gate.expect(stanza("m2"))
        await bot.close()
        await line.turn()
        line.gate.go_on()
        await bob.expect(lambda element: element.get("id") == "m2")
        assert heard_from(bob, BOT[0]) == ["m0", "m1", "m2"]
