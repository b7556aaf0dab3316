"""Rules of what may be said on the real line: warned, amended, held, and what reviewers make of it."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from components.archive.record import Event, Submission
from components.process.errors import SiteError
from tests.support.gate_process import one_enterprise
from tests.support.review_scene import (
    ALICE,
    BOB,
    BODY,
    CAROL,
    DELAY,
    GATE,
    NOTICE,
    POLICY,
    ROOM,
    Scene,
    bodies,
    carbon_of,
    held_back,
    notice,
    refused,
    say,
)
from tests.support.stream import message, show
from tests.support.typed import said_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("review"))
    async with scene.line:
        await scene.log_in()
        yield scene


async def test_warned(scene: Scene) -> None:
    scene.alice.send(say("on whatsapp?"))
    await scene.bob.expect(message("on whatsapp?"))
    told = await scene.alice.expect(notice("Stay on this line."))
    assert told.get("type") == "chat"
    assert f" UTC to {BOB}: " in (told.findtext(BODY) or "")
    # Who answers is told that nobody reads it there.
    scene.alice.send(say("sorry", NOTICE, id_="n1"))
    answer = await scene.alice.expect(refused("n1"))
    assert "takes no messages" in show(answer)


async def test_amended(scene: Scene) -> None:
    out_of_band = "<x xmlns='jabber:x:oob'><url>https://theirs.example/x?a=1&amp;b=2</url></x>"
    scene.alice.send(
        say("see https://theirs.example/x?a=1&amp;b=2 or https://ours.example/", extra=out_of_band)
    )
    seen = await scene.bob.expect(message("see [link removed] or https://ours.example/"))
    assert seen.find("{jabber:x:oob}x") is None and seen.get("id") == "m1"
    await scene.alice.expect(notice("A link was taken out."))
    amended = [each for each in await scene.records() if isinstance(each, Submission) and each.amended]
    assert b"[link removed]" in amended[-1].amended and b"theirs.example" not in amended[-1].amended
    assert b"theirs.example" in amended[-1].body


async def test_held_and_released(scene: Scene) -> None:
    scene.alice.send(say("an insider tip", id_="h1") + say("good morning"))
    await scene.bob.expect(message("good morning"))
    await scene.alice.expect(held_back("h1"))
    record = await scene.reviewer.wait_for_one()
    await scene.reviewer.decide("release", record)
    released = await scene.bob.expect(message("an insider tip"))
    assert (released.get("from"), released.get("id")) == (f"{ALICE}/desk", "h1")
    delay = released.find(DELAY)
    assert delay is not None and delay.get("from") == GATE
    await scene.phone.expect(carbon_of("an insider tip"))
    await scene.alice.expect(notice("has been sent now"))
    assert await scene.reviewer.waiting() == []


async def test_released_to_somebody_who_is_away(scene: Scene) -> None:
    scene.alice.send(say("an insider tip for Carol", CAROL))
    record = await scene.reviewer.wait_for_one()
    await scene.reviewer.decide("release", record)
    await scene.alice.expect(notice("has been sent now"))
    carol = await scene.present(f"{CAROL}/desk")
    kept = await carol.expect(message("an insider tip for Carol"))
    assert GATE in [delay.get("from") for delay in kept.iter(DELAY)]
    await carol.request("set", "<query xmlns='urn:xmpp:mam:2'/>")
    archived = [e for e in carol.received if e.find("{urn:xmpp:mam:2}result") is not None]
    assert [e.findtext(f".//{BODY}") for e in archived] == ["an insider tip for Carol"]
    await carol.close()


async def test_released_when_its_sender_has_gone(scene: Scene) -> None:
    alice = await scene.present(f"{ALICE}/tablet")
    alice.send(say("insider tip of mine"))
    await alice.expect(held_back())
    await alice.close()
    record = await scene.reviewer.wait_for_one()
    await scene.reviewer.decide("release", record)
    released = await scene.bob.expect(message("insider tip of mine"))
    assert released.get("from") == f"{ALICE}/tablet"
    for device in (scene.alice, scene.phone):
        await device.expect(carbon_of("insider tip of mine"))


async def test_released_in_a_room(scene: Scene) -> None:
    for nick, stream in (("alice", scene.alice), ("bob", scene.bob)):
        stream.send(f"<presence to='{ROOM}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        await stream.expect(lambda e, nick=nick: e.get("from") == f"{ROOM}/{nick}")  # type: ignore[misc]
        if nick == "alice":  # the first in configures it
            await stream.request(
                "set",
                "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>",
                to=ROOM,
            )
    scene.alice.send(say("insider tip for all", ROOM, "groupchat") + say("hello room", ROOM, "groupchat"))
    await scene.bob.expect(message("hello room", from_=f"{ROOM}/alice"))
    record = await scene.reviewer.wait_for_one()
    await scene.reviewer.decide("release", record)
    await scene.alice.expect(held_back(from_=ROOM))
    for stream in (scene.bob, scene.alice):
        said = await stream.expect(message("insider tip for all", from_=f"{ROOM}/alice"))
        assert said.find(DELAY) is not None
    await said_in_the_room(scene)
    # Somebody who has left it cannot speak there any more.
    scene.alice.send(say("insider tip, and goodbye", ROOM, "groupchat"))
    record = await scene.reviewer.wait_for_one()
    scene.alice.send(f"<presence to='{ROOM}/alice' type='unavailable'/>")
    await scene.alice.expect(lambda e: e.get("from") == f"{ROOM}/alice" and e.get("type") == "unavailable")
    await scene.reviewer.decide("release", record)
    await scene.alice.expect(notice("the server could not deliver it"))
    await scene.alice.ping()
    errors = [e for e in scene.alice.unread if e.get("type") == "error" and e.get("from") == ROOM]
    assert len(errors) == 1 and held_back(from_=ROOM)(errors[0])


async def said_in_the_room(scene: Scene) -> None:
    """Warned and amended there, its sender is told there, after all have it; nobody else is told."""
    for text, seen, why in (
        ("on whatsapp, all?", "on whatsapp, all?", "Stay on this line."),
        ("all: https://theirs.example/x", "all: [link removed]", "A link was taken out."),
    ):
        scene.alice.send(say(text, ROOM, "groupchat"))
        for stream in (scene.alice, scene.bob):
            await stream.expect(message(seen, from_=f"{ROOM}/alice"))
        told = await scene.alice.expect(lambda e: e.get("from") == ROOM and e.find(BODY) is not None)
        body = told.findtext(BODY) or ""
        assert body.startswith("[Recorded line] ") and body.endswith(why)
        assert (told.get("type"), told.get("to")) == ("groupchat", f"{ALICE}/desk")
        await scene.alice.expect(notice(why))
    for stream in (scene.bob, scene.phone):
        await stream.ping()
        assert not [each for each in stream.received if "[Recorded line]" in said_in(each)]


async def test_a_message_for_which_a_rule_wants_two_people_waits_for_the_second(scene: Scene) -> None:
    scene.alice.send(say("the merger plan", id_="two"))
    await scene.alice.expect(held_back("two"))
    record = await scene.reviewer.wait_for_one()
    assert await scene.reviewer.decide("release", record, by="rita")
    with pytest.raises(SiteError, match="rita has decided this already"):
        await asyncio.sleep(1.1)
        await scene.reviewer.decide("release", record, by="rita")
    (held,) = json.loads(await scene.reviewer.run("list", "--json"))["held"]
    assert (held["reviewers"], held["votes"]) == (2, [{"by": "rita", "act": "release"}])
    assert "the merger plan" not in bodies(scene.bob)
    assert not await scene.reviewer.decide("release", record, by="omar")
    await scene.bob.expect(message("the merger plan"))
    reviews = [dict(each.details) for each in await scene.records() if isinstance(each, Event)]
    about = [each for each in reviews if each["record"] == record]
    assert [(each["actor"], each.get("with")) for each in about] == [("rita", None), ("omar", "rita")]


async def test_refused(scene: Scene) -> None:
    scene.alice.send(say("insider tip, no"))
    record = await scene.reviewer.wait_for_one()
    with pytest.raises(SiteError, match="needs a reason"):
        await scene.reviewer.decide("refuse", record, " ")
    await scene.reviewer.decide("refuse", record, "clearly not")
    await scene.alice.expect(notice("it was reviewed and was not sent"))
    with pytest.raises(SiteError, match="is not held"):
        await scene.reviewer.decide("release", record)
    reviews = [each for each in await scene.records() if isinstance(each, Event)]
    details = dict(reviews[-1].details)
    assert (reviews[-1].name, details["record"], details["reason"]) == ("refuse", record, "clearly not")
    await scene.bob.ping()
    assert "insider tip, no" not in bodies(scene.bob)


async def test_the_commands(scene: Scene) -> None:
    scene.alice.send(say("insider tip by command"))
    await scene.alice.expect(held_back())
    record = await scene.reviewer.wait_for_one()
    listed = await scene.reviewer.run("list")
    assert f"{record} {ALICE}/desk to {BOB} (inside-information): waits until 20" in listed
    assert "\n    insider tip by command\n" in listed
    assert "1 message. This look is record audit/" in listed
    released = json.loads(await scene.reviewer.run("release", record, "--reason", "by command", "--json"))
    assert (released["record"], released["act"]) == (record, "release")
    await scene.bob.expect(message("insider tip by command"))
    assert "is not held" in await scene.reviewer.run("refuse", record, "--reason", "too late")


async def test_what_cannot_wait_is_refused(scene: Scene) -> None:
    answer = await scene.alice.request(
        "set", "<query xmlns='jabber:iq:private'><x xmlns='urn:x'>insider tip</x></query>"
    )
    assert answer.get("type") == "error"
    assert (
        answer.findtext(".//{urn:ietf:params:xml:ns:xmpp-stanzas}text") == "Your message is with compliance."
    )


async def test_rules_change_under_way_and_a_broken_file_changes_nothing(scene: Scene) -> None:
    gate = scene.line.gate
    await gate.change_rules(scene.policy_file, POLICY.replace('action = "hold"', 'action = "refuse"'))
    scene.alice.send(say("insider tip again", id_="p1"))
    await scene.alice.expect(refused("p1"))
    scene.policy_file.write_text("[[rule]]\nid = 'broken'")
    await gate.wait_for_alarm("rules-broken")
    scene.alice.send(say("insider tip still", id_="p2"))
    await scene.alice.expect(refused("p2"))
    await gate.change_rules(scene.policy_file, POLICY)
    await gate.wait_for_alarm("rules-broken", present=False)


async def test_a_gate_that_is_killed_while_it_holds_and_while_it_releases(scene: Scene) -> None:
    scene.alice.send(say("insider tip before the kill"))
    await scene.alice.expect(held_back())
    await scene.line.gate.kill9()
    await scene.line.gate.start()
    record = await scene.reviewer.wait_for_one()
    releasing = asyncio.create_task(scene.reviewer.decide("release", record))
    await asyncio.sleep(0.05)
    for pause_s in (0.0, 0.2):
        await asyncio.sleep(pause_s)
        await scene.line.gate.kill9()
        await scene.line.gate.start()
    await releasing
    await scene.bob.expect(message("insider tip before the kill"))
    await scene.alice.expect(notice("has been sent now"))
    scene.alice.send(say("after all that"))
    await scene.bob.expect(message("after all that"))
    assert bodies(scene.bob).count("insider tip before the kill") == 1


async def test_a_server_that_is_killed_while_it_delivers_what_was_released(scene: Scene) -> None:
    scene.alice.send(say("insider tip, then a crash"))
    await scene.alice.expect(held_back())
    record = await scene.reviewer.wait_for_one()
    await scene.line.prosody.kill9()
    await scene.line.prosody.start()
    await scene.line.gate.wait_for_state("connected")
    await scene.log_in()
    await scene.reviewer.decide("release", record)
    await scene.bob.expect(message("insider tip, then a crash"))
    await scene.bob.ping()
    assert bodies(scene.bob).count("insider tip, then a crash") == 1


async def test_who_may_not_reach_them_any_more_does_not(scene: Scene) -> None:
    scene.alice.send(say("insider tip for a leaver"))
    await scene.alice.expect(held_back())
    record = await scene.reviewer.wait_for_one()
    gate = scene.line.gate
    await gate.change_rules(gate.directory_file, one_enterprise([ALICE, CAROL], [ROOM]))
    await scene.reviewer.decide("release", record)
    await scene.alice.expect(notice("you may not reach this address any more"))
    await gate.change_rules(gate.directory_file, one_enterprise([ALICE, BOB, CAROL], [ROOM]))


async def test_when_nobody_decides_in_time_the_default_is_carried_out(scene: Scene) -> None:
    gate = scene.line.gate
    await gate.stop()
    gate.replace_setting("deadline_s = 600", 'deadline_s = 0.3\ndefault = "release"')
    await gate.start()
    scene.alice.send(say("insider tip that nobody reads"))
    await scene.bob.expect(message("insider tip that nobody reads"))
    reviews = [each for each in await scene.records() if isinstance(each, Event)]
    assert reviews[-1].name == "release" and dict(reviews[-1].details)["actor"] == "deadline"
