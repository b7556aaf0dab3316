"""What the gate wants said (gate protocol, 4.7) on a real server: in its own name, and in that of others."""

from pathlib import Path

from policy.facts import Way
from tests.support.gate_process import GATE
from tests.support.scripted_gate import ScriptedLine, stanza
from tests.support.stream import message

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example/desk"
CARBONS = "<enable xmlns='urn:xmpp:carbons:2'/>"
SENT = "{urn:xmpp:carbons:2}sent"


def inject(id_: str, from_: str = ALICE, to: str = BOB, type_: str = "chat") -> str:
    addresses = f"from='{from_}' to='{to}' type='{type_}' id='{id_}'"
    return wrap(
        f" id='{id_}'", f"<message xmlns='jabber:client' {addresses}><body>Offer {id_}</body></message>"
    )


def wrap(attributes: str, content: str) -> str:
    return (
        f"<message from='{GATE}' to='metals.example'><inject xmlns='urn:steelyard:gate:0'{attributes}>"
        f"<forwarded xmlns='urn:xmpp:forward:0'>{content}</forwarded></inject></message>"
    )


async def test_it_is_held_submitted_and_said_as_if_its_sender_said_it(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        bob = await line.login("bob")
        # From the gate itself, and nobody's account.
        line.gate.hold_back()
        line.gate.send(inject("g1", from_=GATE))
        held = await line.gate.expect(stanza("g1"))
        assert (held.facts.way, held.inject, held.host) == (Way.GATE, "g1", "metals.example")
        await line.turn()
        assert not bob.unread
        line.gate.release(held.seq)
        said = await bob.expect(message("Offer g1", from_=GATE))
        assert [each.get("by") for each in said.iter("{urn:xmpp:sid:0}stanza-id")].count(GATE) == 1
        line.gate.go_on()
        # From somebody of another site, whose message was held here.
        line.gate.send(inject("g5", from_="george@zurich.example/desk"))
        await bob.expect(message("Offer g5", from_="george@zurich.example/desk"))
        # From somebody who is away: it is in their archive all the same.
        line.gate.send(inject("g2"))
        await bob.expect(message("Offer g2", from_=ALICE))
        alice, phone = await line.login("alice"), await line.login("alice/phone")
        await alice.request("set", "<query xmlns='urn:xmpp:mam:2'/>")
        archived = [e for e in alice.received if e.find("{urn:xmpp:mam:2}result") is not None]
        assert [e.findtext(".//{jabber:client}body") for e in archived] == ["Offer g2"]
        # From a device that is there: the other one gets the carbon.
        for device in (alice, phone):
            await device.request("set", CARBONS)
        line.gate.send(inject("g3"))
        await bob.expect(message("Offer g3", from_=ALICE))
        await phone.expect(lambda e: e.find(SENT) is not None)
        # From a device that has gone: all others get it.
        line.gate.send(inject("g4", from_="alice@metals.example/tablet"))
        await bob.expect(message("Offer g4", from_="alice@metals.example/tablet"))
        for device in (alice, phone):
            await device.expect(lambda e: e.find(SENT) is not None)
        await line.turn()
        assert [sum(e.find(SENT) is not None for e in each.received) for each in (alice, phone)] == [1, 2]


async def test_what_goes_wrong_is_told_to_the_gate_and_to_nobody_else(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=2.0) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        # Not understood.
        before = len(line.gate.submissions)
        offer = f"<message xmlns='jabber:client' from='{ALICE}' to='{BOB}'><body>x</body></message>"
        for request in (
            wrap("", offer),
            wrap(" id='w1'", ""),
            wrap(" id='w2'", offer.replace(f" to='{BOB}'", "")),
            wrap(" id='w3'", offer.replace(f" from='{ALICE}'", "")),
            f"<message from='{GATE}' to='metals.example'><inject xmlns='urn:steelyard:gate:0' id='w4'/></message>",
        ):
            line.gate.send(request)
        # A client that tries it speaks as a client.
        alice.send(inject("c1").replace(f"from='{GATE}'", f"from='{ALICE}' id='mine'", 1))
        assert (await line.gate.expect(stanza("mine"))).facts.way is Way.C2S
        assert len(line.gate.submissions) == before + 1
        # The server has no such room: that is for the gate to know, whether the sender is there or not.
        for id_, speaker in (("r1", "carol@metals.example/desk"), ("r2", ALICE)):
            line.gate.send(inject(id_, speaker, "nowhere@rooms.metals.example", "groupchat"))
            held = await line.gate.expect(stanza(id_))
            status = await line.gate.expect_status(lambda status, seq=held.seq: status.done >= seq)  # type: ignore[misc]
            assert held.seq in status.refused and held.seq in status.bounced
        # Her own errors reach her as ever.
        alice.send(
            "<message to='nowhere@rooms.metals.example' type='groupchat' id='own'><body>x</body></message>"
        )
        await alice.expect(lambda e: e.get("id") == "own" and e.get("type") == "error")
        # Refused by the gate, and without a verdict in time.
        line.gate.hold_back()
        line.gate.send(inject("x1") + inject("x2"))
        first, second = await line.gate.expect_all(["x1", "x2"])
        line.gate.release(
            first.seq,
            f"<refuse seq='{first.seq}'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
            "</error></refuse>",
        )
        status = await line.gate.expect_status(lambda status: status.done >= second.seq)
        assert second.seq in status.bounced and first.seq not in status.bounced and not status.refused
        await line.turn()
        assert not bob.unread
        assert [e.get("id") for e in alice.unread] in ([], ["mine"])
