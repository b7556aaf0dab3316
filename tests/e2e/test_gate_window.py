"""The window (gate protocol, sections 3 and 5.1): clients are slowed before anything is turned away."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import CertificateAuthority
from tests.support.foreign_server import ForeignStream, showing
from tests.support.ports import free_port
from tests.support.scripted_gate import ScriptedLine, made_by_server, stanza
from tests.support.stream import XmppStream

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example/desk"
TEXT = "{urn:ietf:params:xml:ns:xmpp-stanzas}text"


def offers(first: int, count: int, padding: int = 0, to: str = BOB) -> str:
    return "".join(
        f"<message to='{to}' id='{number}'><body>{'.' * padding}</body></message>"
        for number in range(first, first + count)
    )


def ids_of(stream: XmppStream, kind: str | None = None) -> list[int]:
    messages = [stanza for stanza in stream.received if stanza.tag.endswith("}message")]
    return [int(stanza.get("id", "")) for stanza in messages if stanza.get("type") == kind]


@pytest.mark.parametrize(
    ("changes", "padding"),
    [({"window_stanzas": 16}, 0), ({"window_bytes": 8 * 1024}, 80)],
    ids=["stanzas", "bytes"],
)
async def test_what_comes_when_the_window_is_full_is_turned_away(
    tmp_path: Path, changes: dict[str, Any], padding: int
) -> None:
    async with ScriptedLine(tmp_path, **changes) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.send(offers(0, 36, padding))  # one read of the server's
        status = await line.gate.expect_status(lambda status: status.turned_away > 0)
        line.gate.go_on()
        alice.send(offers(100, 1))  # and on it goes
        await bob.expect(lambda element: element.get("id") == "100")
        assert len(ids_of(alice, "error")) == status.turned_away
        assert set(ids_of(alice, "error")) == set(range(36)) - set(ids_of(bob))
        assert ids_of(bob) == sorted(ids_of(bob))
        for element in alice.received:
            if element.get("type") == "error":
                assert "overloaded" in str(element.findtext(f".//{TEXT}"))


@pytest.mark.parametrize(
    ("changes", "options", "limit"),
    [
        ({"window_stanzas": 80}, {}, 40),
        ({"window_bytes": 80 * 1300}, {}, 40),
        ({}, {"stanza_gate_session_window": "20"}, 40),
    ],
    ids=["stanzas", "bytes", "session"],
)
async def test_a_client_is_slowed_long_before_and_nothing_of_it_is_lost(
    tmp_path: Path, changes: dict[str, Any], options: dict[str, str], limit: int
) -> None:
    async with ScriptedLine(tmp_path, options=options, **changes) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        before = len(line.gate.submissions)
        alice.send(offers(0, 1000, padding=800))
        await line.gate.expect(stanza("15"))
        await line.turn()
        assert (
            len(line.gate.submissions) - before < limit
        )  # a quarter of the window, and what was read with it
        assert not alice.unread
        line.gate.go_on()
        await bob.expect(lambda element: element.get("id") == "999")
        assert ids_of(bob) == list(range(1000))
        assert ids_of(alice, "error") == []
        assert all(status.turned_away == 0 for status in line.gate.statuses)


async def test_an_encrypted_client_that_was_slowed_is_read_to_the_end(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    """Its connection may hold decrypted data that no event of the socket announces."""
    certificates = authority.issue(tmp_path / "certs", ["metals.example", "rooms.metals.example"])
    changes: dict[str, Any] = {
        "certificates": certificates,
        "window_stanzas": 80,
    }
    async with ScriptedLine(tmp_path, plain_port_allowed=False, **changes) as line:
        tls = authority.client_context()
        alice, bob = await line.login("alice", tls=tls), await line.login("bob", tls=tls)
        for first in range(0, 500, 100):
            line.gate.hold_back()
            alice.send(offers(first, 100, padding=800))
            await line.gate.expect(stanza(f"{first + 15}"))
            await line.turn()
            line.gate.go_on()
            await bob.expect(lambda element: element.get("id") == f"{first + 99}")  # noqa: B023
        assert ids_of(bob) == list(range(500))
        assert ids_of(alice, "error") == []


async def test_one_clients_flood_does_not_slow_another(tmp_path: Path) -> None:
    options = {"stanza_gate_session_window": "20"}
    async with ScriptedLine(tmp_path, options=options) as line:
        alice, bob, carol = await line.login("alice"), await line.login("bob"), await line.login("carol")
        line.gate.hold_back()
        alice.send(offers(0, 1000, padding=800))
        await line.gate.expect(stanza("15"))
        await line.turn()
        carol.send(offers(5000, 1))
        held = await line.gate.expect(stanza("5000"))
        line.gate.release(held.seq)
        await bob.expect(lambda element: element.get("id") == "5000")
        line.gate.go_on()
        await bob.expect(lambda element: element.get("id") == "999")
        assert [id_ for id_ in ids_of(bob) if id_ < 1000] == list(range(1000))


async def test_the_sessions_of_a_person_have_the_share_of_one(tmp_path: Path) -> None:
    options = {"stanza_gate_session_window": "20"}
    async with ScriptedLine(tmp_path, options=options) as line:
        bob, carol = await line.login("bob"), await line.login("carol")
        sessions = [await line.login(f"alice/{number}") for number in range(4)]
        line.gate.hold_back()
        before = len(line.gate.submissions)
        for number, session in enumerate(sessions):
            session.send(offers(1000 * number, 200, padding=2000))
        await line.gate.wait_until(lambda: len(line.gate.submissions) - before >= 20)
        await line.turn()
        carol.send(offers(9000, 1))
        await line.gate.expect(stanza("9000"))
        assert len(line.gate.submissions) - before < 20 + len(sessions) * 5
        line.gate.go_on()
        for first in range(0, 4000, 1000):
            await bob.expect(lambda element: element.get("id") == f"{first + 199}")  # noqa: B023
            said = [each for each in ids_of(bob) if first <= each < first + 1000]
            assert said == list(range(first, first + 200))


async def test_what_presences_lead_to_waits_in_its_senders_order_and_nobody_elses(tmp_path: Path) -> None:
    """Each goes to two contacts, and is a submission for each: more than one may have in the window."""
    line = ScriptedLine(tmp_path, options={"stanza_gate_session_window": "20"})
    for contact in ("bob", "carol"):
        line.prosody.befriend("alice@metals.example", f"{contact}@metals.example")
    async with line:
        alice, bob, carol = await line.login("alice"), await line.login("bob"), await line.login("carol")
        line.gate.hold_back()
        alice.send(
            "".join(f"<presence id='p{n}'><status>{'.' * 800}</status></presence>" for n in range(100))
        )
        await line.gate.expect(stanza("p15"))
        await line.turn()
        said = line.gate.submissions[-1].seq
        line.gate.release(said)
        await line.turn()
        made = [held for held in line.gate.submissions if held.seq > said and made_by_server(held)]
        assert 20 <= len(made) < 25
        carol.send(offers(5000, 1))
        held = await line.gate.expect(stanza("5000"))
        line.gate.release(held.seq)
        await bob.expect(lambda element: element.get("id") == "5000")
        line.gate.go_on()
        await bob.expect(lambda element: element.get("id") == "p99")
        told = [element.get("id", "") for element in bob.received if element.tag.endswith("}presence")]
        assert [id_ for id_ in told if id_.startswith("p")] == [f"p{number}" for number in range(100)]


async def test_a_sites_streams_have_the_share_of_one_client(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    """All that they say arrives, in the order of each, and what our own people say waits behind no more of it."""
    changes: dict[str, Any] = {
        "certificates": authority.issue(tmp_path / "certs", ["metals.example", "rooms.metals.example"]),
        "s2s_port": free_port(),
        "federated_domains": ("zurich.example",),
    }
    shown = showing(authority.issue(tmp_path / "zurich", ["zurich.example"]) / "zurich.example.crt")
    async with ScriptedLine(tmp_path, options={"stanza_gate_session_window": "20"}, **changes) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        to = (line.plan.address, line.plan.s2s_port)
        streams = [ForeignStream(to, "zurich.example", "metals.example", tls=shown) for _ in range(4)]
        for stream in streams:
            await stream.open()
            await stream.prove()
        line.gate.hold_back()
        before = len(line.gate.submissions)
        for number, stream in enumerate(streams):
            said = offers(1000 * number, 200, padding=2000)
            stream.send(said.replace("<message ", "<message from='zoe@zurich.example' "))
        await line.gate.wait_until(lambda: len(line.gate.submissions) - before >= 20)
        await line.turn()
        alice.send(offers(9000, 1))
        await line.gate.expect(stanza("9000"))
        assert len(line.gate.submissions) - before < 2 * 20 + len(streams) * 5
        line.gate.go_on()
        for first in range(0, 4000, 1000):
            await bob.expect(lambda element: element.get("id") == f"{first + 199}")  # noqa: B023
            assert [each for each in ids_of(bob) if first <= each < first + 1000] == list(
                range(first, first + 200)
            )
        for stream in streams:
            await stream.close()


async def test_a_slowed_client_is_read_again_when_the_gate_was_away(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, window_stanzas=80, hold_timeout_s=2.0) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        await line.gate.close()
        alice.send(offers(0, 300, padding=800))
        await alice.expect(lambda element: element.get("id") == "299")  # all bounced
        assert ids_of(alice, "error") == list(range(300))
        await (await line.connect_gate()).expect_status()
        await line.turn()
        alice.send(offers(300, 300, padding=800))
        await bob.expect(lambda element: element.get("id") == "599")
        assert ids_of(bob) == list(range(300, 600))


async def test_a_slowed_client_may_leave_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, window_stanzas=80) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.send(offers(0, 500, padding=800) + "</stream:stream>")
        await line.gate.expect(stanza("15"))
        await line.turn()
        line.gate.go_on()
        await bob.expect(lambda element: element.get("id") == "499")
        assert ids_of(bob) == list(range(500))
        await alice.wait_for_end()


async def test_a_resumed_client_is_slowed_again(tmp_path: Path) -> None:
    options = {"stanza_gate_session_window": "20"}
    async with ScriptedLine(tmp_path, options=options) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        await alice.enable_resumption()
        line.gate.hold_back()
        alice.send(offers(0, 20))
        await line.gate.expect(stanza("19"))  # the server has stopped reading, at the end of a stanza
        alice.abort()
        await alice.resume()
        before = len(line.gate.submissions)
        alice.send(offers(20, 1000, padding=800))
        await line.turn()
        assert len(line.gate.submissions) - before < 20
        line.gate.go_on()
        await bob.expect(lambda element: element.get("id") == "1019")
        assert ids_of(bob) == list(range(1020))
        assert ids_of(alice, "error") == []
