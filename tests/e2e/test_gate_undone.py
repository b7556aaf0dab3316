"""What was released and not carried out: the status names it, whoever tells the sender (gate protocol, section 4.3)."""

from pathlib import Path
from typing import Any

import pytest

from policy.facts import Way
from tests.support.ports import free_port
from tests.support.scripted_gate import ScriptedLine, stanza
from tests.support.stream import Element, XmppStream, message, show

ALICE, BOB, CAROL = (f"{name}@metals.example" for name in ("alice", "bob", "carol"))
SERVER = "metals.example rooms.metals.example"
APART = f"<class id='1' reaches='1'>{ALICE} {SERVER}</class><class id='2' reaches='2'>{BOB} {CAROL}</class>"
TOGETHER = f"<class id='1' reaches='1'>{ALICE} {BOB} {CAROL} {SERVER}</class>"
BLOCK = "<block xmlns='urn:xmpp:blocking'><item jid='{}'/></block>"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


def offer(id_: str, to: str) -> str:
    return f"<message to='{to}' type='chat' id='{id_}'><body>Offer {id_}</body></message>"


async def condition_of(stream: XmppStream, id_: str) -> str:
    """Wait for the error that answers a stanza, and return its condition."""
    answer: Element = await stream.expect(lambda each: each.get("id") == id_ and each.get("type") == "error")
    (error,) = answer.findall("{jabber:client}error")
    return str(error[0].tag).removeprefix(STANZAS)


# Borders --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", [BOB, f"{BOB}/desk"])
@pytest.mark.parametrize(
    "said",
    [
        "<message to='{to}' type='chat' id='x1'><body>Offer</body></message>",
        "<message to='{to}' type='headline' id='x1'><body>Offer</body></message>",
    ],
)
async def test_what_a_new_border_stops_goes_back(tmp_path: Path, said: str, to: str) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.say_borders(TOGETHER)
        line.gate.hold_back()
        alice.send(said.format(to=to))
        held = await line.gate.expect(stanza("x1"))
        line.gate.say_borders(APART)  # as a gate does that has started anew, with other rules
        line.gate.go_on()
        assert await condition_of(alice, "x1") == "not-allowed"
        await line.gate.expect_status(lambda status: status.done >= held.seq)
        assert held.seq in line.gate.bounced
        await bob.ping()
        assert not [each for each in bob.received if each.get("id") == "x1"]


async def test_a_request_over_a_new_border_is_answered(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, _bob = await line.login("alice"), await line.login("bob")
        line.gate.say_borders(TOGETHER)
        line.gate.hold_back()
        alice.send(f"<iq type='get' to='{BOB}/desk' id='x1'><query xmlns='jabber:iq:version'/></iq>")
        held = await line.gate.expect(stanza("x1"))
        line.gate.say_borders(APART)
        line.gate.go_on()
        assert await condition_of(alice, "x1") == "not-allowed"
        await line.gate.expect_status(lambda status: status.done >= held.seq)
        assert held.seq in line.gate.bounced


async def test_what_was_told_before_a_border_is_told_again_after_a_resumption(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.say_borders(TOGETHER)
        await bob.enable_resumption()
        bob.acknowledges = False
        bob.abort()
        await line.turn()
        alice.send(offer("m1", f"{BOB}/desk"))
        held = await line.gate.expect(stanza("m1"))
        await line.gate.expect_status(lambda status: status.done >= held.seq)
        line.gate.say_borders(APART)
        await line.turn()
        await bob.resume()
        await bob.expect(message("Offer m1"))


# The server's own answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        (f"<message to='{BOB}' type='chat' id='x1'><body>Offer</body></message>", "service-unavailable"),
        (f"<iq type='get' to='{BOB}/desk' id='x1'><ping xmlns='urn:xmpp:ping'/></iq>", "service-unavailable"),
        (
            "<message to='nobody@metals.example' type='chat' id='x1'><body>Offer</body></message>",
            "service-unavailable",
        ),
        (
            "<message to='bob@elsewhere.example' type='chat' id='x1'><body>Offer</body></message>",
            "not-allowed",
        ),
        ("<iq type='get' id='x1'><query xmlns='urn:example:nothing'/></iq>", "service-unavailable"),
    ],
    ids=["blocked", "blocked request", "no such person", "not federated", "unknown request"],
)
async def test_what_the_server_answers_with_an_error_is_not_carried_out(
    tmp_path: Path, said: str, condition: str
) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        await bob.request("set", BLOCK.format(ALICE))
        alice.send(said)
        held = await line.gate.expect(stanza("x1"))
        assert await condition_of(alice, "x1") == condition
        await line.gate.expect_status(lambda status: status.done >= held.seq)
        assert held.seq in line.gate.bounced
        assert len([each for each in alice.received if each.get("id") == "x1"]) == 1
        await bob.ping()
        assert not [each for each in bob.received if each.get("id") == "x1"]


async def test_what_a_recipient_has_blocked_is_not_carried_out_if_nobody_is_told(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        await bob.request("set", BLOCK.format(ALICE))
        alice.send(offer("m1", f"{BOB}/desk"))
        held = await line.gate.expect(stanza("m1"))
        await line.gate.expect_status(lambda status: status.done >= held.seq)
        assert held.seq in line.gate.bounced
        assert not [each for each in bob.received if each.get("id") == "m1"]


async def test_a_headline_that_finds_nobody_is_not_carried_out(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        found, missed = [BOB, f"{BOB}/desk"], [CAROL, f"{CAROL}/desk"]
        for number, to in enumerate([*found, *missed]):
            alice.send(f"<message to='{to}' type='headline' id='h{number}'><body>Tin is up</body></message>")
        held = [await line.gate.expect(stanza(f"h{number}")) for number in range(4)]
        await line.gate.expect_status(lambda status: status.done >= held[-1].seq)
        assert line.gate.bounced == {each.seq for each in held[len(found) :]}
        await bob.ping()
        assert [each.get("id") for each in bob.received if each.get("type") == "headline"] == ["h0", "h1"]
        await (carol := await line.login("carol")).ping()
        assert not [each for each in carol.received if each.get("type") == "headline"]
        assert not [each for each in alice.received if each.get("type") == "error"]


async def test_what_arrives_is_carried_out(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        room = "pit@rooms.metals.example"
        said = [
            offer("m1", BOB),
            offer("m2", f"{BOB}/desk"),
            offer("m3", CAROL),  # waits offline
            offer("m4", f"{ALICE}/desk"),
            f"<iq type='get' to='{BOB}/desk' id='m5'><ping xmlns='urn:xmpp:ping'/></iq>",
            f"<presence to='{room}/A' id='m6'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
            "<presence id='m7'/>",
        ]
        alice.send("".join(said))
        last = [await line.gate.expect(stanza(f"m{number}")) for number in range(1, len(said) + 1)][-1]
        await bob.expect(message("Offer m2"))
        await line.gate.expect_status(lambda status: status.done >= last.seq)
        assert line.gate.bounced == set()


async def test_what_a_departed_sender_is_answered_counts_as_well(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        await bob.request("set", BLOCK.format(ALICE))
        line.gate.hold_back()
        alice.send(offer("m1", BOB))
        held = await line.gate.expect(stanza("m1"))
        alice.abort()
        await line.turn()
        line.gate.go_on()
        await line.gate.expect_status(lambda status: status.done >= held.seq)
        assert held.seq in line.gate.bounced


async def test_the_bounce_of_a_session_that_was_not_resumed_is_recorded(tmp_path: Path) -> None:
    options = {"smacks_hibernation_time": "1"}
    async with ScriptedLine(tmp_path, options=options) as line:
        alice, bob, _home = await line.login("alice"), await line.login("bob"), await line.login("bob/home")
        await bob.enable_resumption()
        bob.acknowledges = False
        alice.send(offer("m1", f"{BOB}/desk"))
        held = await line.gate.expect(stanza("m1"))
        await line.gate.expect_status(lambda status: status.done >= held.seq and not status.bounced)
        # Only now: his session waits for a second and no longer.
        bob.abort()
        assert await condition_of(alice, "m1") == "recipient-unavailable"
        await line.gate.expect_status(lambda status: held.seq in status.bounced)
        bounce = await line.gate.expect(stanza("m1"))
        assert (bounce.facts.way, bounce.facts.sender, bounce.facts.to) == (
            Way.SERVER,
            f"{BOB}/desk",
            f"{ALICE}/desk",
        )
        assert b"recipient-unavailable" in bounce.body, show(alice.received[-1])


async def test_the_bounce_of_a_server_that_cannot_be_reached_is_recorded(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"s2s_port": free_port(), "federated_domains": ("zurich.example",)}
    async with ScriptedLine(tmp_path, **changes) as line:
        alice = await line.login("alice")
        line.gate.say_borders(TOGETHER.replace(SERVER, f"{SERVER} zoe@zurich.example"))
        alice.send(offer("m1", "zoe@zurich.example"))
        held = await line.gate.expect(stanza("m1"))
        assert await condition_of(alice, "m1") == "remote-server-not-found"
        bounce = await line.gate.expect(stanza("m1"))
        assert (bounce.facts.way, bounce.facts.sender) == (Way.SERVER, "zoe@zurich.example")
        await line.gate.expect_status(lambda status: held.seq in status.bounced)
