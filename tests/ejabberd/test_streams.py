"""What a server's or a component's stream says waits for its verdict while it says more, and stays in order."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio

from components.site.prosody import PlannedComponent
from policy.facts import Way
from tests.support.certificates import CertificateAuthority
from tests.support.ejabberd import EjabberdServer
from tests.support.foreign_server import ForeignStream, showing
from tests.support.ports import free_port
from tests.support.scripted_gate import Component, ScriptedLine, amend, bounce, refuse, stanza
from tests.support.stream import XmppStream, message

pytestmark = pytest.mark.asyncio(loop_scope="module")

ZURICH, METALS = "zurich.example", "metals.example"
BOT = ("bot.metals.example", "s3cret")
# So many stanzas of a stream are in the window at most (docs/gate-protocol.md, section 5.1).
MOST = 256

Speaker = Component | ForeignStream


@dataclass(frozen=True, slots=True)
class Streams:
    """The line, and how a stream of either kind begins."""

    line: ScriptedLine
    begin: dict[Way, Callable[[], Awaitable[Speaker]]]

    async def speaker(self, way: Way) -> Speaker:
        return await self.begin[way]()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def streams(
    tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority
) -> AsyncIterator[Streams]:
    root = tmp_path_factory.mktemp("streams")
    certificates = authority.issue(root / "certs", (METALS, f"rooms.{METALS}"))
    shown = authority.issue(root / "zurich", (ZURICH,)) / f"{ZURICH}.crt"
    async with ScriptedLine(
        root,
        components=(PlannedComponent(*BOT),),
        certificates=certificates,
        s2s_port=free_port(),
        federated_domains=(ZURICH,),
    ) as line:

        async def server() -> ForeignStream:
            stream = ForeignStream(
                (line.plan.address, line.plan.s2s_port), ZURICH, METALS, tls=showing(shown)
            )
            await stream.open()
            await stream.prove()
            return stream

        async def component() -> Component:
            return await Component.connect(line.plan, *BOT)

        yield Streams(line, {Way.S2S: server, Way.COMPONENT: component})
        # A process that has crashed would be missed by nobody: what it held goes back.
        assert "stanza_gate_stream:init" not in (line.plan.root / "ejabberd.log").read_text()


def sender(way: Way) -> str:
    return BOT[0] if way is Way.COMPONENT else f"zoe@{ZURICH}"


def offers(way: Way, to: XmppStream, *ids: str) -> str:
    return "".join(
        f"<message from='{sender(way)}' to='{to.jid}' type='chat' id='{id_}'><body>Offer {id_}</body></message>"
        for id_ in ids
    )


def heard(stream: XmppStream) -> list[str]:
    return [each.get("id", "") for each in stream.received if each.tag.endswith("}message")]


async def arrives(stream: XmppStream, id_: str) -> None:
    await stream.expect(lambda element: element.get("id") == id_)


both = pytest.mark.parametrize("way", [Way.S2S, Way.COMPONENT])


@both
async def test_it_says_more_before_the_verdict_and_stays_in_order(streams: Streams, way: Way) -> None:
    line, speaker = streams.line, await streams.speaker(way)
    bob = await line.login(f"bob/{way}-order")
    line.gate.hold_back()
    ids = [f"o{number}" for number in range(20)]
    speaker.send(offers(way, bob, *ids))
    held = await line.gate.expect_all(ids)  # no verdict was given on the first
    assert {each.facts.way for each in held} == {way}
    assert len({each.session for each in held}) == 1
    await line.turn()
    assert heard(bob) == []
    line.gate.release(held[0].seq)
    await arrives(bob, ids[0])
    line.gate.go_on()
    await arrives(bob, ids[-1])
    assert heard(bob) == ids
    await speaker.close()
    await bob.close()


@both
async def test_what_is_refused_bounced_or_amended_does_not_disturb_the_rest(
    streams: Streams, way: Way
) -> None:
    line, speaker = streams.line, await streams.speaker(way)
    bob = await line.login(f"bob/{way}-mixed")
    line.gate.hold_back()
    speaker.send(offers(way, bob, *"abcde"))
    held = await line.gate.expect_all([*"abcde"])
    line.gate.release(
        held[-1].seq,
        refuse(held[1].seq, "cancel", "not-allowed", "No."),
        bounce(held[2].seq),
        amend(held[3].seq, "<body>Amended</body>"),
    )
    await bob.expect(message("Amended"))
    await arrives(bob, "e")
    assert heard(bob) == ["a", "d", "e"]
    if isinstance(speaker, Component):
        await speaker.wait_until(lambda: speaker.said.count(b"type='error'") == 2)
        assert speaker.said.index(b"id='b'") < speaker.said.index(b"id='c'")
    line.gate.go_on()
    await speaker.close()
    await bob.close()


@both
async def test_what_was_held_goes_its_way_when_the_stream_has_ended(streams: Streams, way: Way) -> None:
    line, speaker = streams.line, await streams.speaker(way)
    bob = await line.login(f"bob/{way}-last")
    line.gate.hold_back()
    speaker.send(offers(way, bob, "l0", "l1"))
    await line.gate.expect_all(["l0", "l1"])
    await speaker.close()
    await line.turn()
    line.gate.go_on()
    await arrives(bob, "l1")
    assert heard(bob) == ["l0", "l1"]
    # It is done with, and its process has nothing left to do.
    seq = line.gate.submissions[-1].seq
    await line.gate.expect_status(lambda status: status.done >= seq)
    await bob.close()


@both
async def test_a_stream_with_much_in_the_window_is_read_no_more(streams: Streams, way: Way) -> None:
    line, speaker = streams.line, await streams.speaker(way)
    bob = await line.login(f"bob/{way}-much")
    line.gate.hold_back()
    ids = [f"m{number}" for number in range(MOST + 10)]
    speaker.send(offers(way, bob, *ids))
    held = await line.gate.expect_all(ids[:MOST])
    await line.turn()
    assert line.gate.submissions[-1].seq == held[-1].seq
    line.gate.release(held[0].seq)
    await line.gate.expect(stanza(ids[MOST]))
    line.gate.go_on()
    await arrives(bob, ids[-1])
    assert heard(bob) == ids
    await speaker.close()
    await bob.close()


async def test_the_streams_of_a_server_count_as_one(streams: Streams) -> None:
    line, speakers = streams.line, [await streams.speaker(Way.S2S) for _ in range(3)]
    bob = await line.login("bob/one-of-three")
    line.gate.hold_back()
    before = len(line.gate.submissions)
    ids = [[f"{name}{number}" for number in range(MOST)] for name in "xyz"]
    for speaker, said in zip(speakers, ids, strict=True):
        speaker.send(offers(Way.S2S, bob, *said))
    await line.gate.wait_until(lambda: len(line.gate.submissions) - before >= MOST)
    await line.turn()
    assert len(line.gate.submissions) - before < MOST + len(speakers)
    line.gate.go_on()
    for said in ids:
        await arrives(bob, said[-1])
        assert [id_ for id_ in heard(bob) if id_[0] == said[0][0]] == said
    for speaker in speakers:
        await speaker.close()
    await bob.close()


@both
async def test_a_window_that_dies_gives_all_back_and_the_stream_goes_on(streams: Streams, way: Way) -> None:
    line, speaker = streams.line, await streams.speaker(way)
    bob = await line.login(f"bob/{way}-died")
    line.gate.hold_back()
    speaker.send(offers(way, bob, "d0", "d1"))
    await line.gate.expect_all(["d0", "d1"])
    assert isinstance(line.prosody, EjabberdServer)
    line.prosody.evaluate("exit(whereis(stanza_gate_window), kill).")
    await line.gate.wait_until(lambda: line.gate.ended)
    await line.connect_gate()
    speaker.send(offers(way, bob, "d2"))
    await arrives(bob, "d2")
    assert heard(bob) == ["d2"]
    if isinstance(speaker, Component):
        await speaker.wait_until(lambda: speaker.said.count(b"type='error'") == 2)
    await speaker.close()
    await bob.close()
