"""A client joins its rooms as soon as it is online, before its user has acknowledged the notice: on the real server."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from components.archive.record import RecordKind, Submission, parse_record
from tests.support.access_site import AccessSite
from tests.support.stream import Element, Matcher, XmppStream, message, show

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOM, OTHER = "desk@rooms.metals.example", "tin@rooms.metals.example"
PEOPLE = ("alice", "bob", "carol", "dan", "eve", "zoe")
MUC = "http://jabber.org/protocol/muc"
INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AccessSite]:
    async with AccessSite(tmp_path_factory.mktemp("joins"), PEOPLE, [ROOM, OTHER]) as site:
        for person in PEOPLE:
            site.admit(person)
        zoe = await log_in(site, "zoe")  # she has acknowledged the notice before
        await site.acknowledge(zoe)
        await zoe.close()
        yield site


def join(room: str, nick: str) -> str:
    return f"<presence to='{room}/{nick}' id='j1'><x xmlns='{MUC}'><history maxchars='0'/></x></presence>"


def is_in(room: str, nick: str) -> Matcher:
    """Match a room's word to somebody that they are in it (XEP-0045, 7.2.2)."""
    return lambda element: element.get("from") == f"{room}/{nick}" and 'code="110"' in show(element)


def is_error(element: Element) -> bool:
    return element.get("type") == "error"


async def log_in(site: AccessSite, person: str) -> XmppStream:
    return await site.login(person, await site.fetch_password(person))


async def test_a_join_waits_and_is_carried_out_after_the_first_yes(site: AccessSite) -> None:
    """As Gajim does it: it asks the room what it is, joins, and sends its presence there when that changes."""
    alice = await log_in(site, "alice")
    for room in (ROOM, OTHER):
        info = await alice.request("get", INFO, to=room)
        assert info.get("type") == "result"
        alice.send(join(room, "alice"))
        alice.send(f"<presence to='{room}/alice'><show>away</show></presence>")
    await alice.ping()
    assert not [each for each in alice.unread if is_error(each)]
    await site.acknowledge(alice)
    for room in (ROOM, OTHER):
        await alice.expect(is_in(room, "alice"))
    alice.send(f"<message to='{ROOM}' type='groupchat'><body>copper?</body></message>")
    await alice.expect(message("copper?", from_=f"{ROOM}/alice"))
    async with site.gate.open_log() as log:
        opened = await log.fetch(0, 100_000)
    records = [
        parse_record(RecordKind.STANZA, each.payload or b"")
        for each in opened
        if each.leaf.kind == RecordKind.STANZA
    ]
    ruled = [each for each in records if isinstance(each, Submission) and MUC.encode() in each.body]
    assert {("hold", ("notice-unacknowledged",)), ("release", ("released-after-notice",))} <= {
        (each.action, each.rules) for each in ruled
    }


async def test_the_answer_of_the_room_is_the_clients(site: AccessSite) -> None:
    zoe, bob = await log_in(site, "zoe"), await log_in(site, "bob")
    zoe.send(join(ROOM, "taken"))
    await zoe.expect(is_in(ROOM, "taken"))
    bob.send(join(ROOM, "taken"))
    await site.acknowledge(bob)
    answer = await bob.expect(lambda element: element.get("from") == f"{ROOM}/taken")
    assert is_error(answer)
    assert "conflict" in show(answer)
    bob.send(join(ROOM, "bob"))
    await bob.expect(is_in(ROOM, "bob"))


async def test_who_has_left_or_gone_does_not_come_in(site: AccessSite) -> None:
    zoe, carol = await log_in(site, "zoe"), await log_in(site, "carol")
    zoe.send(join(ROOM, "zoe") + join(OTHER, "zoe"))
    await zoe.expect(is_in(OTHER, "zoe"))
    carol.send(join(ROOM, "carol") + join(OTHER, "carol"))
    carol.send(f"<presence to='{ROOM}/carol' type='unavailable'/>")
    gone = await XmppStream.login(
        site.prosody.address, "carol@metals.example/gone", password=await site.fetch_password("carol")
    )
    gone.send("<presence/>" + join(OTHER, "ghost"))
    await gone.ping()
    await gone.close()
    await site.acknowledge(carol)
    await carol.expect(is_in(OTHER, "carol"))
    await carol.ping()
    await zoe.ping()
    seen = {each.get("from") for each in zoe.received}
    assert f"{OTHER}/carol" in seen
    assert not {f"{ROOM}/carol", f"{OTHER}/ghost"} & seen


async def test_a_gate_that_is_killed_knows_who_wanted_to_come_in(site: AccessSite) -> None:
    dan = await log_in(site, "dan")
    dan.send(join(ROOM, "dan"))
    await dan.ping()
    await site.gate.kill9()
    await site.gate.start()
    await site.acknowledge(dan)
    await dan.expect(is_in(ROOM, "dan"))


async def test_a_server_that_is_killed_has_nobody_who_waits(site: AccessSite) -> None:
    eve = await log_in(site, "eve")
    eve.send(join(ROOM, "eve"))
    await eve.ping()
    await site.prosody.kill9()
    await site.wait_for_state("disconnected")
    await site.prosody.start()
    await site.gate.wait_for_state("connected")
    await site.wait_for_state("connected")
    again = await log_in(site, "eve")
    await site.acknowledge(again)
    again.send(join(ROOM, "alice"))
    await again.expect(is_in(ROOM, "alice"))
    assert not [each for each in again.received if each.get("from") == f"{ROOM}/eve"]
