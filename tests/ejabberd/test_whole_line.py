"""The real gate beside a real ejabberd: what is said is recorded, refused, delivered, and verifies."""

from pathlib import Path

from components.archive.record import RecordKind, Submission, parse_record
from tests.support.line import Line
from tests.support.stream import message

ALICE, BOB, ROOM = "alice@metals.example", "bob@metals.example", "pit@rooms.metals.example"
MUC = "http://jabber.org/protocol/muc"
OMEMO = (
    "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>AAAA</payload></encrypted>"
)


async def test_what_is_said_is_recorded_before_it_is_delivered(tmp_path: Path) -> None:
    async with Line(tmp_path, [ALICE, BOB], [ROOM]) as line:
        line.prosody.befriend(ALICE, BOB)
        alice, bob = await line.login(f"{ALICE}/desk"), await line.login(f"{BOB}/desk")
        for stream in (alice, bob):
            stream.send("<presence/>")
            await stream.ping()
        alice.send(f"<message to='{BOB}/desk' type='chat' id='m1'><body>Copper, 25 t</body></message>")
        received = await bob.expect(message("Copper, 25 t"))
        receipt = received.find("{urn:xmpp:sid:0}stanza-id[@by='gate.metals.example']")
        assert receipt is not None
        # Refused, with the gate's reason.
        alice.send(f"<message to='{BOB}/desk' type='chat' id='m2'>{OMEMO}</message>")
        refused = await alice.expect(lambda element: element.get("id") == "m2")
        assert refused.get("type") == "error"
        assert "OMEMO" in str(refused.findtext(".//{urn:ietf:params:xml:ns:xmpp-stanzas}text"))
        alice.send("<message to='george@grain.example' type='chat' id='m3'><body>Copper?</body></message>")
        assert (await alice.expect(lambda element: element.get("id") == "m3")).get("type") == "error"
        # A room.
        for stream, nick in ((alice, "al"), (bob, "bo")):
            stream.send(f"<presence to='{ROOM}/{nick}'><x xmlns='{MUC}'/></presence>")
            await stream.expect(lambda element: element.find("{jabber:client}subject") is not None)
        bob.send(f"<message to='{ROOM}' type='groupchat' id='r1'><body>tin?</body></message>")
        heard = await alice.expect(message("tin?", type="groupchat"))
        assert heard.find("{urn:xmpp:sid:0}stanza-id[@by='gate.metals.example']") is not None
        assert not [each for each in bob.received if each.get("id") in ("m2", "m3")]
        index = int(receipt.get("id", "").partition("/")[2])
        async with line.gate.open_log() as log:
            opened = await log.fetch(0, 100_000)
    records = [
        parse_record(RecordKind.STANZA, each.payload or b"")
        for each in opened
        if each.leaf.kind == RecordKind.STANZA
    ]
    said = {each.body: each for each in records if isinstance(each, Submission)}
    (offer,) = (each for body, each in said.items() if b"Copper, 25 t" in body)
    assert (offer.way, offer.action) == ("c2s", "release")
    assert b"Copper, 25 t" in (opened[index].payload or b"")  # the receipt names this record
    assert [each.action for body, each in said.items() if b"id='m2'" in body or b"id='m3'" in body] == [
        "refuse"
    ] * 2
