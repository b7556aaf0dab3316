"""Large stanzas on a real server (gate protocol, 5.5): each is carried out or refused alone, and the link stays up."""

from pathlib import Path

from components.archive.record import RecordKind
from components.link.limits import STANZA_MAX_BYTES
from tests.support.review_scene import Scene, bodies, notice, refused, say
from tests.support.scripted_gate import ScriptedLine, stanza
from tests.support.stream import message

BOB = "bob@metals.example/desk"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


def spread(id_: str, elements: int) -> str:
    """Write a message that is short as it is sent, and long where each element names its namespace."""
    children = "<p:b/>" * elements
    namespace = f"urn:{'x' * 1000}"
    return (
        f"<message to='{BOB}' id='{id_}' xmlns:p='{namespace}'><body>Offer {id_}</body>{children}</message>"
    )


async def test_what_is_too_large_to_be_recorded_is_refused_and_the_line_goes_on(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        fits, exceeds = STANZA_MAX_BYTES // 1100, STANZA_MAX_BYTES // 1000
        alice.send(spread("m1", fits) + spread("m2", exceeds) + spread("m3", 10 * exceeds) + spread("m4", 1))
        received = await bob.expect(message("Offer m1"))
        assert len(received) > fits
        await bob.expect(message("Offer m4"))
        for id_ in ("m2", "m3"):
            error = await alice.expect(lambda element, id_=id_: element.get("id") == id_)  # type: ignore[misc]
            assert error.find(f".//{STANZAS}policy-violation") is not None
            assert "too large" in (error.findtext(f".//{STANZAS}text") or "")
        held = await line.gate.expect(stanza("m4"))
        assert (await line.gate.expect_status(lambda status: status.done >= held.seq)).turned_away == 0
        assert not line.gate.ended and not bob.unread


async def test_many_amended_and_large_held_messages_cost_nobody_anything(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    async with scene.line:
        await scene.log_in()
        ids = [f"m{number}" for number in range(150)]
        link, filling = "https://theirs.example/x", "copper " * 1200
        scene.alice.send("".join(say(f"{link} {filling}{id_}", id_=id_) for id_ in ids))
        for id_ in ids:
            await scene.bob.expect(message(f"[link removed] {filling}{id_}"))
        # As large as a client may send, of characters that take up to six times as much when they are written here.
        doubtful = "<x xmlns='http://www.w3.org/'/>"
        for character in (">", "'", "\u9285"):
            text = f"an insider tip {character * (240_000 // len(character.encode()))}"
            scene.alice.send(say(text, id_="h1", extra=doubtful))
            await scene.reviewer.decide("release", await scene.reviewer.wait_for_one())
            await scene.bob.expect(message(text))
        await scene.alice.expect(notice("has been sent now"))
        assert scene.line.gate.log_tail(10_000).count('"connected"') == 1


async def test_what_breaks_the_link_twice_is_given_back_and_the_others_go_on(tmp_path: Path) -> None:
    """As if the gate's bounds were wrong: the server takes less than the gate may say."""
    scene = Scene(tmp_path, options={"component_stanza_size_limit": "100 * 1024"})
    async with scene.line:
        await scene.log_in()
        link, filling = "https://theirs.example/x", "copper " * 20_000
        # Twice by a verdict, among others.
        scene.alice.send(say(f"{link} first", id_="a1") + say(f"{link} {filling}", id_="a2"))
        scene.alice.send(say(f"{link} third", id_="a3"))
        await scene.bob.expect(message("[link removed] first"))
        error = await scene.alice.expect(refused("a2"))
        assert error.find(f".//{STANZAS}internal-server-error") is not None
        await scene.bob.expect(message("[link removed] third"))
        # Twice by what a reviewer lets go on.
        scene.alice.send(say(f"an insider tip {filling}", id_="h1"))
        await scene.reviewer.decide("release", await scene.reviewer.wait_for_one())
        scene.alice.send(say("meanwhile", id_="m1"))
        await scene.bob.expect(message("meanwhile"))
        await scene.alice.expect(notice("could not deliver"))
        scene.alice.send(say("afterwards", id_="m2"))
        await scene.bob.expect(message("afterwards"))
        assert not any(filling in body for body in bodies(scene.bob))
        told = scene.line.gate.log_tail(10_000)
        # After the first break it is known when it breaks again.
        assert 4 <= told.count("the server closed the stream") <= 6
        assert '"unsendable"' in told
        async with scene.line.gate.open_log() as log:
            kinds = [RecordKind(each.leaf.kind) for each in await log.fetch(0, 100_000)]
        assert RecordKind.ALARM in kinds
