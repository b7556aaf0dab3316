"""When no verdict comes (gate protocol, section 5): the line stops, says so, and goes on where it stood."""

import asyncio
from pathlib import Path

import pytest

from tests.support.scripted_gate import ScriptedLine, event, refuse, stanza
from tests.support.stream import Element, Matcher, XmppStream, message

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example/desk"
TIMEOUT_S = 2.0  # so that an answer comes in time on a busy machine, too
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


def offer(id_: str, to: str = BOB) -> str:
    return f"<message to='{to}' type='chat' id='{id_}'><body>Offer {id_}</body></message>"


async def expect_bounce(client: XmppStream, id_: str) -> None:
    error = await client.expect(lambda element: element.get("id") == id_)
    assert error.get("type") == "error"
    (found,) = error.findall("{jabber:client}error")
    assert found.get("type") == "wait"
    assert [child.tag for child in found] == [f"{STANZAS}resource-constraint", f"{STANZAS}text"]
    assert "recording is interrupted" in str(found.findtext(f"{STANZAS}text"))
    assert len(error) == 1


def ids_of(stream: XmppStream) -> list[str]:
    return [stanza.get("id", "") for stanza in stream.received if stanza.tag.endswith("}message")]


def unavailable(jid: str) -> Matcher:
    def matches(element: Element) -> bool:
        return element.get("type") == "unavailable" and element.get("from") == jid

    return matches


async def test_a_stanza_without_verdict_is_bounced_and_never_delivered(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=TIMEOUT_S) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.send(offer("m1") + offer("m2"))
        first, second = await line.gate.expect_all(["m1", "m2"])
        assert not alice.unread
        await expect_bounce(alice, "m1")
        await expect_bounce(alice, "m2")
        await line.gate.expect_status(lambda status: status.done == second.seq)
        assert line.gate.bounced == {first.seq, second.seq}
        line.gate.release(second.seq)  # too late
        await line.turn()
        alice.send(offer("m3"))
        third = await line.gate.expect(stanza("m3"))
        assert third.seq == second.seq + 1
        line.gate.release(third.seq)
        await bob.expect(message("Offer m3"))
        assert ids_of(bob) == ["m3"]
        assert not alice.unread


@pytest.mark.parametrize("sign_of_life", ["verdict", "refusal", "noted"])
async def test_a_silent_gate_gets_nothing_until_it_speaks(tmp_path: Path, sign_of_life: str) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=TIMEOUT_S) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        line.gate.notes = False
        alice.send(offer("m1"))
        held = await line.gate.expect(stanza("m1"))
        await expect_bounce(alice, "m1")
        bob.send(offer("m2", to=ALICE) + f"<iq type='result' id='r1' to='{ALICE}'/>")
        alice.send(offer("m3") + f"<message to='{BOB}' type='error' id='e1'><error/></message>")
        await expect_bounce(bob, "m2")
        await expect_bounce(alice, "m3")
        status = await line.gate.expect_status(lambda status: status.turned_away > 0)
        assert status.next_seq == held.seq + 1
        turned_away = status.turned_away
        while turned_away < 4:
            turned_away += (await line.gate.expect_status(lambda status: status.turned_away > 0)).turned_away
        assert turned_away == 4
        if sign_of_life == "noted":
            line.gate.note(line.gate.statuses[-1])
        elif sign_of_life == "verdict":
            line.gate.release(held.seq)
        else:
            line.gate.release(held.seq, refuse(held.seq, "cancel", "not-allowed", "No."))
        await line.turn()
        alice.send(offer("m4"))
        again = await line.gate.expect(stanza("m4"))
        assert again.seq == held.seq + 1
        line.gate.go_on()
        await bob.expect(message("Offer m4"))
        assert ids_of(bob) == ["m2", "m4"]  # m2 is bob's own error
        assert not alice.unread


async def test_what_was_bounced_is_named_until_it_is_noted(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=TIMEOUT_S) as line:
        alice = await line.login("alice")
        line.gate.hold_back()
        line.gate.notes = False
        alice.send(offer("m1"))
        first = await line.gate.expect(stanza("m1"))
        await expect_bounce(alice, "m1")
        named = await line.gate.expect_status(lambda status: status.bounced == (first.seq,))
        alice.send(offer("m2"))  # turned away, which makes for another status
        await line.gate.expect_status(lambda status: status.turned_away == 1)
        # One between them may say that more is done.
        since = line.gate.statuses[line.gate.statuses.index(named) :]
        assert [each.number for each in since] == [named.number + each for each in range(len(since))]
        assert {each.bounced for each in since} == {(first.seq,)}
        line.gate.note(named)
        await line.turn()
        alice.send(offer("m3"))
        third = await line.gate.expect(stanza("m3"))
        await expect_bounce(alice, "m3")
        status = await line.gate.expect_status(lambda status: status.done == third.seq)
        assert status.bounced == (third.seq,)


async def test_the_next_gate_is_told_what_was_bounced(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=TIMEOUT_S) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        line.gate.notes = False
        alice.send(offer("m1") + offer("m2"))
        first, second = await line.gate.expect_all(["m1", "m2"])
        await line.gate.close()
        await expect_bounce(alice, "m1")
        await expect_bounce(alice, "m2")
        alice.send(offer("m3"))
        await expect_bounce(alice, "m3")  # the gate has been away for as long as the timeout
        gate = await line.connect_gate()
        status = await gate.expect_status()
        assert (status.first_seq, status.next_seq, status.done) == (
            second.seq + 1,
            second.seq + 1,
            second.seq,
        )
        assert status.bounced == (first.seq, second.seq)
        assert status.turned_away == 1
        await line.turn()
        alice.send(offer("m4"))
        await bob.expect(message("Offer m4"))
        assert ids_of(bob) == ["m4"]
        assert [held.seq for held in gate.submissions] == [second.seq + 1]


async def test_after_a_break_what_is_held_is_submitted_again_after_a_status(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.send(offer("m1") + offer("m2"))
        first, second = await line.gate.expect_all(["m1", "m2"])
        line.gate.release(first.seq)
        await bob.expect(message("Offer m1"))
        await line.gate.close()
        await line.turn()
        alice.send(offer("m3"))  # while nobody is there
        bob.send(offer("m4", to=ALICE))
        await line.turn()
        gate = await line.connect_gate()
        gate.hold_back()
        # What was there when the stream broke may go out alone, and the rest once it is answered (section 5.10).
        await gate.wait_until(lambda: len(gate.submissions) > 0)
        assert 0 < gate.said.index(b"<status ") < gate.said.index(b"<held ")
        (status,) = gate.statuses
        assert (status.first_seq, status.next_seq, status.done) == (second.seq, second.seq + 3, first.seq)
        assert gate.submissions[0] == second  # the same number, and the same bytes
        gate.go_on()
        await bob.expect(message("Offer m3"))
        await alice.expect(message("Offer m4"))
        assert [held.seq for held in gate.submissions] == [second.seq, second.seq + 1, second.seq + 2]
        assert ids_of(bob) == ["m1", "m2", "m3"]


async def test_a_gate_that_stays_silent_is_disconnected_for_its_successor(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=TIMEOUT_S) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        stuck = line.gate
        stuck.hold_back()
        stuck.notes = False
        alice.send(offer("m1"))
        await stuck.expect(stanza("m1"))
        await stuck.wait_until(lambda: stuck.ended)
        assert b"<connection-timeout " in stuck.said
        await expect_bounce(alice, "m1")
        await (await line.connect_gate()).expect_status()
        await line.turn()
        alice.send(offer("m2"))
        await bob.expect(message("Offer m2"))


async def test_a_quiet_gate_is_not_a_silent_one(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=TIMEOUT_S) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        await asyncio.sleep(2 * TIMEOUT_S)  # nobody says anything meanwhile
        alice.send(offer("m1"))
        await bob.expect(message("Offer m1"))
        assert not line.gate.ended


async def test_events_and_farewells_wait_for_the_gate_without_a_limit(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=TIMEOUT_S) as line:
        line.prosody.befriend("alice@metals.example", "bob@metals.example")
        alice, bob = await line.login("alice"), await line.login("bob")
        await bob.expect(lambda element: element.get("from") == ALICE)
        await line.gate.close()
        alice.abort()
        bob.send(offer("m1", to=ALICE))
        await expect_bounce(bob, "m1")
        assert not [
            each for each in bob.received if each.get("type") == "unavailable" and each.get("from") == ALICE
        ]
        gate = await line.connect_gate()
        assert (await gate.expect(event("unbind"))).facts.kind == "unbind"
        await bob.expect(unavailable(ALICE))


async def test_nobody_may_bind_while_too_many_events_wait(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=TIMEOUT_S, window_stanzas=8) as line:
        await line.gate.close()
        clients = [await line.login(f"carol/{number}", online=False) for number in range(8)]
        late = XmppStream(line.prosody.address, "metals.example")
        await late.open()
        await late.authenticate("alice")
        bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
        answer = await late.request("set", bind)
        assert answer.get("type") == "error"
        assert answer.find(f".//{STANZAS}resource-constraint") is not None
        gate = await line.connect_gate()
        await gate.wait_until(lambda: len(gate.submissions) == len(clients))
        await line.turn()
        assert (await late.request("set", bind)).get("type") == "result"


async def test_who_is_back_before_the_farewell_is_released_is_seen_to_go_and_come(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        line.prosody.befriend("alice@metals.example", "bob@metals.example")
        alice, bob = await line.login("alice"), await line.login("bob")
        await bob.expect(lambda element: element.get("from") == ALICE)
        line.gate.hold_back()
        alice.abort()
        farewell = await line.gate.expect(lambda held: held.facts.type == "unavailable")
        again = await XmppStream.login(line.prosody.address, ALICE)
        again.send("<presence id='p1'/>")
        presence = await line.gate.expect(stanza("p1"))
        assert presence.seq > farewell.seq
        line.gate.go_on()
        await bob.expect(lambda element: element.get("id") == "p1")
        seen = [each.get("type") for each in bob.received if each.get("from") == ALICE]
        assert seen[-2:] == ["unavailable", None]


async def test_a_client_may_come_and_leave_while_the_gate_is_away(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=TIMEOUT_S) as line:
        await line.gate.close()
        alice = await line.login("alice", online=False)
        await alice.close()  # nothing of hers waits for an answer
        bob = await line.login("bob", online=False)
        bob.send(offer("m1", to=ALICE) + "</stream:stream>")
        await expect_bounce(bob, "m1")
        await bob.wait_for_end()
        gate = await line.connect_gate()
        await gate.wait_until(lambda: len(gate.submissions) == 4)
        assert [held.facts.kind for held in gate.submissions] == ["bind", "unbind", "bind", "unbind"]
