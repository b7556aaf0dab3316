"""What the adapter submits (gate protocol, section 4.1): every stanza once, in order, as it will be delivered."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from lxml import etree

from components.site.prosody import PlannedComponent
from policy.facts import Way
from tests.support.certificates import CertificateAuthority
from tests.support.ports import free_port
from tests.support.prosody import ProsodyServer, peers_of, private_plan
from tests.support.scripted_gate import (
    Component,
    ScriptedLine,
    event,
    made_by_server,
    refuse,
    stanza,
)
from tests.support.server import SERVER
from tests.support.stream import Element, XmppStream, message

BOB = "bob@metals.example/desk"
BOT = ("bot.metals.example", "the bot's secret")

WRITINGS = {
    "escapes": "<body>3 &lt; 4 &amp; 5 &gt; 2 \"'</body>",
    "cdata": "<body><![CDATA[<a>&]]></body>",
    "characters": "<body>&#x1F4B0;铜é&#9;</body>",
    "whitespace": "<body> \n\t </body>",
    "empty": "<body></body><x xmlns='urn:x'></x>",
    "inherited": "<x xmlns='urn:x'><y><z xmlns='urn:z'><y/></z></y></x>",
    "no namespace": "<x xmlns=''><y/></x>",
    "clients' namespace inside": "<x xmlns='urn:x'><body xmlns='jabber:client'>a<b/></body></x>",
    "prefix": "<p:x xmlns:p='urn:x'><p:y/><body/></p:x>",
    "attribute": "<x xmlns='urn:x' a='&apos;&quot;&lt;&amp;&gt;'/>",
    "attribute of a namespace": "<x xmlns='urn:x' xmlns:p='urn:p' p:a='1' a='2'/>",
    "language": "<body xml:lang='de'>Zinn</body>",
    "protocol": "<body>&lt;/forwarded>&lt;/held>&lt;/message></body>",
    "protocol as elements": (
        "<held xmlns='urn:steelyard:gate:0' seq='1'><forwarded xmlns='urn:xmpp:forward:0'><message/></forwarded></held>"
    ),
}


@pytest.mark.parametrize("name", WRITINGS)
async def test_what_is_submitted_is_what_was_sent_and_what_is_received(tmp_path: Path, name: str) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        addresses = f"from='alice@metals.example/desk' to='{BOB}'"
        sent = f"<message {addresses} type='chat' id='m1' xml:lang='en'>{WRITINGS[name]}</message>"
        alice.send(sent)
        held = await line.gate.expect(stanza("m1"))
        meant = sent.replace("<message", "<message xmlns='jabber:client'", 1)
        assert canonical(held.body.decode()) == canonical(meant)
        assert (held.host, held.facts.way) == ("metals.example", Way.C2S)
        # Said where it has moved since it was said last.
        done = f" done='{held.done}'" if held.done >= 0 else ""
        wrapping = (
            "<message from='metals.example' to='gate.metals.example'>"
            f"<held xmlns='urn:steelyard:gate:0' epoch='{held.epoch}' way='c2s' session='{held.session}' "
            f"seq='{held.seq}'{done}>"
            "<forwarded xmlns='urn:xmpp:forward:0'>"
        )
        assert wrapping.encode() + held.body + b"</forwarded></held></message>" in line.gate.said
        line.gate.go_on()
        received = await bob.expect(lambda element: element.get("id") == "m1")
        for added in (each for name in SERVER.adds_to_messages for each in received.findall(name)):
            received.remove(added)
        assert canonical(etree.tostring(received, encoding="unicode")) == canonical(meant)


def receipt_of(element: Element) -> str:
    (receipt,) = element.findall("{urn:xmpp:sid:0}stanza-id[@by='gate.metals.example']")
    return receipt.get("id", "")


def canonical(xml: str) -> str:
    return ElementTree.canonicalize(xml, rewrite_prefixes=True)


async def test_numbers_have_no_gaps_and_sessions_keep_their_names(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        for jid in ("bob", "carol"):
            line.prosody.befriend("alice@metals.example", f"{jid}@metals.example")
        alice, bob = await line.login("alice"), await line.login("bob")
        phone = await line.login("alice/phone")
        for number in range(100):
            alice.send(f"<message to='{BOB}' id='a{number}'><body>Offer</body></message>")
            bob.send(f"<message to='{alice.jid}' id='b{number}'><body>Bid</body></message>")
        await bob.expect(lambda element: element.get("id") == "a99")
        await alice.expect(lambda element: element.get("id") == "b99")
        await phone.close()
        await line.gate.expect(event("unbind"))
        submissions = line.gate.submissions
        assert [held.seq for held in submissions] == list(range(1, len(submissions) + 1))
        assert len({held.epoch for held in submissions}) == 1
        sessions = {held.facts.sender: held.session for held in submissions if held.facts.way is Way.C2S}
        assert len(set(sessions.values())) == len(sessions) == 3
        for held in submissions:
            if held.facts.way is Way.C2S:
                assert held.session == sessions[held.facts.sender]


@pytest.mark.parametrize("kind", ["message", "presence", "iq"])
@pytest.mark.parametrize(
    "to", ["", "alice@metals.example", BOB, "bob@metals.example", "metals.example", "rooms.metals.example"]
)
async def test_nothing_passes_before_the_verdict(tmp_path: Path, kind: str, to: str) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.unread.clear()
        address = f" to='{to}'" if to else ""
        type_ = {"message": "chat", "presence": "unavailable" if to else "", "iq": "get"}[kind]
        type_ = f" type='{type_}'" if type_ else ""
        payload = "<ping xmlns='urn:xmpp:ping'/>" if kind == "iq" else ""
        alice.send(f"<{kind} id='m1'{address}{type_}>{payload}</{kind}>")
        held = await line.gate.expect(stanza("m1"))
        assert (held.facts.kind, held.facts.way) == (kind, Way.C2S)
        await line.turn()
        assert not alice.unread
        assert not bob.unread


async def test_what_the_server_makes_in_somebodys_name_is_submitted(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        line.prosody.befriend("alice@metals.example", "bob@metals.example")
        await line.login("bob")
        alice = await line.login("alice")
        broadcast = await line.gate.expect(
            lambda held: made_by_server(held) and held.facts.sender == alice.jid
        )
        assert (broadcast.facts.kind, broadcast.facts.to) == ("presence", "bob@metals.example")
        item = (
            "<query xmlns='jabber:iq:roster'><item jid='bob@metals.example' subscription='remove'/></query>"
        )
        assert (await alice.request("set", item)).get("type") == "result"
        types: set[str] = set()
        while types != {"unsubscribe", "unsubscribed"}:
            held = await line.gate.expect(
                lambda held: made_by_server(held) and held.facts.type.startswith("unsubscribe")
            )
            assert held.facts.to == "bob@metals.example"
            types.add(held.facts.type)


async def test_a_sessions_events_are_submitted_with_its_address(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice = await line.login("alice")
        bound = await line.gate.expect(event("bind"))
        assert bound.body in (
            b"<bind jid='alice@metals.example/desk' address='127.0.0.1'/>",
            b"<bind address='127.0.0.1' jid='alice@metals.example/desk'/>",
        )
        presence = await line.gate.expect(lambda held: held.facts.kind == "presence")
        assert bound.session == presence.session
        await alice.enable_resumption()
        alice.abort()
        hibernated = await line.gate.expect(event("hibernate"))
        assert hibernated.body == b"<hibernate jid='alice@metals.example/desk'/>"
        await alice.resume()
        resumed = await line.gate.expect(event("resume"))
        assert b"jid='alice@metals.example/desk'" in resumed.body
        assert b"address='127.0.0.1'" in resumed.body
        await alice.close()
        unbound = await line.gate.expect(event("unbind"))
        assert b"jid='alice@metals.example/desk'" in unbound.body
        assert {held.session for held in (bound, hibernated, resumed, unbound)} == {bound.session}


async def test_an_encrypted_sessions_event_names_protocol_and_cipher(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    certificates = authority.issue(tmp_path / "certs", ["metals.example", "rooms.metals.example"])
    changes: dict[str, Any] = {
        "certificates": certificates,
        "plain_port_allowed": False,
        "s2s_port": free_port(),
    }
    async with ScriptedLine(tmp_path, **changes) as line:
        await line.login("alice", tls=authority.client_context())
        bound = (await line.gate.expect(event("bind"))).body.decode()
        assert re.search(r" tls='TLSv1\.[23]'", bound)
        assert re.search(r" cipher='[A-Z0-9_-]+'", bound)


async def test_another_components_stanza_is_held(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, components=(PlannedComponent(*BOT),)) as line:
        bob = await line.login("bob")
        bot = await Component.connect(line.plan, *BOT)
        line.gate.hold_back()
        bot.send(f"<message from='{BOT[0]}' to='{BOB}' id='m1'><body>Fixing at noon</body></message>")
        held = await line.gate.expect(stanza("m1"))
        assert (held.host, held.facts.way, held.facts.sender) == (BOT[0], Way.COMPONENT, BOT[0])
        await line.turn()
        assert not bob.unread
        line.gate.go_on()
        received = await bob.expect(message("Fixing at noon", from_=BOT[0]))
        assert receipt_of(received) == f"gate/{1000 + held.seq}"
        await bot.close()


async def test_a_federated_servers_stanza_is_held(tmp_path: Path, authority: CertificateAuthority) -> None:
    plans = {}
    for domain in ("metals.example", "zurich.example"):
        certificates = authority.issue(tmp_path / domain, [domain, f"rooms.{domain}"])
        changes: dict[str, Any] = {
            "domains": (domain,),
            "room_domains": (f"rooms.{domain}",),
            "certificates": certificates,
        }
        plans[domain] = private_plan(
            tmp_path / domain, s2s_port=free_port(), plain_port_allowed=False, **changes
        )
    here, there = plans.values()
    zurich = ProsodyServer(there, peers=peers_of(here))
    zurich.register("zoe@zurich.example")
    ours: dict[str, Any] = {
        "s2s_port": here.s2s_port,
        "certificates": here.certificates,
        "federated_domains": there.domains,
    }
    tls = authority.client_context()
    async with (
        zurich,
        ScriptedLine(tmp_path, peers=peers_of(there), plain_port_allowed=False, **ours) as line,
    ):
        bob = await line.login("bob", tls=tls)
        zoe = await XmppStream.login(zurich.address, "zoe@zurich.example/desk", tls=tls)
        line.gate.hold_back()
        for number in range(2):
            zoe.send(f"<message to='{BOB}' id='m{number}'><body>Bid {number}</body></message>")
        first, second = await line.gate.expect_all(["m0", "m1"])
        assert (first.host, first.facts.way, first.facts.sender) == ("metals.example", Way.S2S, zoe.jid)
        await line.turn()
        assert not bob.unread
        line.gate.release(second.seq, refuse(first.seq, "cancel", "not-allowed", "No."))
        received = await bob.expect(message("Bid 1", from_=zoe.jid))
        assert receipt_of(received) == f"gate/{1000 + second.seq}"
        error = await zoe.expect(lambda element: element.get("id") == "m0")
        assert error.find(".//{urn:ietf:params:xml:ns:xmpp-stanzas}not-allowed") is not None
        assert [each.get("id") for each in bob.received if each.get("from") == zoe.jid] == ["m1"]


async def test_a_status_tells_the_ids_that_a_room_gives_messages_that_it_keeps(tmp_path: Path) -> None:
    pit = "pit@rooms.metals.example"
    async with ScriptedLine(tmp_path) as line:
        alice = await line.login("alice")
        alice.send(f"<presence to='{pit}/Al'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        await alice.expect(lambda each: each.find("{jabber:client}subject") is not None)
        alice.send(
            f"<message type='groupchat' to='{pit}' id='r1'><body>copper</body></message>"
            f"<message type='groupchat' to='{pit}' id='r2'><no-store xmlns='urn:xmpp:hints'/><body>tin</body></message>"
        )
        told = await alice.expect(message("copper", type="groupchat"))
        await alice.expect(message("tin", type="groupchat"))
        (room_id,) = told.findall(f"{{urn:xmpp:sid:0}}stanza-id[@by='{pit}']")
        status = await line.gate.expect_status(lambda status: bool(status.archived))
        assert status.archived == ((receipt_of(told), room_id.get("id")),)
