"""What the adapter does with a verdict (gate protocol, section 4.2): what is released, and what never is."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from components.site.prosody import PlannedComponent
from tests.support.ports import free_port
from tests.support.scripted_gate import Component, ScriptedLine, amend, keep, refuse, stanza
from tests.support.stream import Element, XmppStream, message

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example/desk"
BOT = ("bot.metals.example", "the bot's secret")
GATE = "gate.metals.example"
RECEIPT = "{urn:xmpp:sid:0}stanza-id"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
FORGED = f"<stanza-id xmlns='urn:xmpp:sid:0' by='{GATE}' id='gate/7'/>"


def offer(id_: str, content: str = "", to: str = BOB) -> str:
    return f"<message to='{to}' type='chat' id='{id_}'><body>Offer {id_}</body>{content}</message>"


def receipts(element: Element) -> list[tuple[str, str]]:
    return [(each.get("by", ""), each.get("id", "")) for each in element.findall(RECEIPT)]


def ids_of(stream: XmppStream) -> list[str]:
    return [stanza.get("id", "") for stanza in stream.received if stanza.tag.endswith("}message")]


@pytest.mark.parametrize("copies", [0, 1, 3])
async def test_a_message_carries_the_receipt_of_its_own_record_and_no_forged_one(
    tmp_path: Path, copies: int
) -> None:
    others = (
        "<stanza-id xmlns='urn:xmpp:sid:0' by='elsewhere.example' id='gate/8'/>"
        f"<stanza-id xmlns='urn:other' by='{GATE}' id='gate/9'/>"
        "<origin-id xmlns='urn:xmpp:sid:0' id='mine'/>"
    )
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        alice.send(offer("m1", FORGED.join(["<x xmlns='urn:x'/>"] * (copies + 1)) + others))
        received = await bob.expect(message("Offer m1"))
        held = await line.gate.expect(stanza("m1"))
        assert held.body.count(b"id='gate/7'") == copies  # recorded as it was sent
        archived = ("bob@metals.example", received.findall(RECEIPT)[-1].get("id", ""))  # by MAM
        assert receipts(received) == [
            ("elsewhere.example", "gate/8"), (GATE, f"gate/{1000 + held.seq}"), archived,
        ]  # fmt: skip
        assert received.find("{urn:other}stanza-id") is not None
        assert received.find("{urn:xmpp:sid:0}origin-id") is not None
        assert len(received.findall("{urn:x}x")) == copies + 1


@pytest.mark.parametrize("carrier", ["message", "presence", "iq"])
async def test_a_forged_receipt_goes_however_the_gates_name_is_spelt(tmp_path: Path, carrier: str) -> None:
    spellings = [
        GATE, GATE.upper(), "Gate.metals.example", f"{GATE}.", f" {GATE}\t", GATE.replace("g", "\uff47", 1),
        GATE.replace(".", "\u3002"), GATE.replace(".", "\uff0e", 1), GATE.replace("t", "\u00adt"),
        f"{GATE}/x", f"Notice@{GATE.title()}",
    ]  # fmt: skip
    genuine = ["elsewhere.example", f"not{GATE}", f"{GATE}.example", "gate", ""]
    elements = "".join(
        f"<s:stanza-id xmlns:s='urn:xmpp:sid:0' xmlns:t='urn:t' {name}='{by}' id='gate/7'/>"
        for name, bys in (("by", spellings), ("t:by", [GATE]), ("by", genuine))
        for by in bys
    )
    opened = {
        "message": "<message type='chat'",
        "presence": "<presence",
        "iq": "<iq type='result'",
    }[carrier]
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        alice.send(f"{opened} to='{BOB}' id='m1'><x xmlns='urn:x'/>{elements}</{carrier}>")
        received = await bob.expect(lambda element: element.get("id") == "m1")
        assert [by for by, id_ in receipts(received) if id_ == "gate/7"] == genuine
        assert received.find("{urn:x}x") is not None
        # A request that is nothing else has nothing left to ask.
        alice.send(f"<iq type='set' to='{BOB}' id='m2'>{FORGED}</iq>")
        error = await alice.expect(lambda element: element.get("id") == "m2")
        assert error.find(f".//{STANZAS}bad-request") is not None
        await line.turn()
        assert not bob.unread


async def test_a_refusal_goes_to_the_sender_alone_and_says_why(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        phone = await line.login("alice/phone")
        line.gate.hold_back()
        alice.send(offer("m1", FORGED * 2))
        held = await line.gate.expect(stanza("m1"))
        line.gate.release(held.seq, refuse(held.seq, "modify", "policy-violation", "Turn off &lt;OMEMO&gt;."))
        error = await alice.expect(lambda element: element.get("id") == "m1")
        assert (error.get("type"), error.get("from"), error.get("to")) == ("error", BOB, ALICE)
        (found,) = error.findall("{jabber:client}error")
        assert found.get("type") == "modify"
        assert {each.tag: each.text for each in found} == {
            f"{STANZAS}policy-violation": None,
            f"{STANZAS}text": "Turn off <OMEMO>.",
        }
        assert len(error) == 1  # nothing of what was sent, and no receipt
        await line.turn()
        assert "m1" not in ids_of(bob) + ids_of(phone)


@pytest.mark.parametrize(
    ("xml", "answered"),
    [
        ("<iq type='get' id='m1' to='{}'><query xmlns='urn:x'/></iq>", True),
        ("<iq type='set' id='m1' to='{}'><query xmlns='urn:x'/></iq>", True),
        ("<iq type='result' id='m1' to='{}'/>", False),
        ("<iq type='error' id='m1' to='{}'><error type='cancel'/></iq>", False),
        ("<message type='error' id='m1' to='{}'><error type='cancel'/></message>", False),
        ("<presence type='error' id='m1' to='{}'><error type='cancel'/></presence>", False),
        ("<presence type='subscribe' id='m1' to='{}'/>", True),
        ("<message id='m1'><body>To myself</body></message>", True),
    ],
)
async def test_a_refused_error_or_result_is_not_answered(tmp_path: Path, xml: str, answered: bool) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.send(xml.format(BOB))
        held = await line.gate.expect(stanza("m1"))
        line.gate.release(held.seq, refuse(held.seq, "cancel", "not-allowed", "No."))
        if answered:
            error = await alice.expect(lambda element: element.get("id") == "m1")
            assert error.get("type") == "error"
            assert error.find(f".//{STANZAS}not-allowed") is not None
        await line.gate.expect_status(lambda status: status.done == held.seq)
        await line.turn()
        assert not alice.unread
        assert not bob.unread


@pytest.mark.parametrize("way", ["to its bare address", "to another device"])
async def test_the_amended_message_is_what_everybody_sees(tmp_path: Path, way: str) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        phone = await line.login("bob/phone")
        for client in (alice, bob, phone):
            assert (await client.request("set", "<enable xmlns='urn:xmpp:carbons:2'/>")).get(
                "type"
            ) == "result"
        line.gate.hold_back()
        alice.send(
            offer(
                "m1", "<x xmlns='urn:old'/>", to=BOB if way == "to another device" else "bob@metals.example"
            )
        )
        held = await line.gate.expect(stanza("m1"))
        content = (
            "<body>Amended &amp; shorter</body><x xmlns='urn:new'><y/></x>"
            "<forwarded xmlns='urn:xmpp:forward:0'>"
            "<message xmlns='jabber:client'><body>Quoted</body></message></forwarded>"
            f"{FORGED}"
        )
        line.gate.release(held.seq, amend(held.seq, content))
        received = await bob.expect(message("Amended & shorter"))
        assert (received.get("from"), received.get("to"), received.get("type"), received.get("id")) == (
            ALICE, held.facts.to, "chat", "m1",
        )  # fmt: skip
        assert (GATE, f"gate/{1000 + held.seq}") in receipts(received)
        assert (GATE, "gate/7") not in receipts(received)
        carbon = await phone.expect(lambda element: element.tag.endswith("}message"))
        line.gate.go_on()
        assert (await bob.request("set", "<query xmlns='urn:xmpp:mam:2'/>")).get("type") == "result"
        archived = await bob.expect(lambda element: element.find("{urn:xmpp:mam:2}result") is not None)
        assert (await alice.request("set", "<query xmlns='urn:xmpp:mam:2'/>")).get("type") == "result"
        sent = await alice.expect(lambda element: element.find("{urn:xmpp:mam:2}result") is not None)
        for seen in (received, carbon, archived, sent):
            (original,) = [each for each in seen.iter("{jabber:client}message") if each.get("id") == "m1"]
            assert original.findtext("{jabber:client}body") == "Amended & shorter"
            assert original.find("{urn:new}x/{urn:new}y") is not None
            quoted = "{urn:xmpp:forward:0}forwarded/{jabber:client}message/{jabber:client}body"
            assert original.findtext(quoted) == "Quoted"
            assert original.find("{urn:old}x") is None


async def test_what_the_gate_keeps_nobody_gets(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.send(offer("m1") + offer("m2"))
        first, second = await line.gate.expect_all(["m1", "m2"])
        line.gate.release(second.seq, keep(first.seq))
        await bob.expect(message("Offer m2"))
        await line.gate.expect_status(lambda status: status.done == second.seq)
        assert ids_of(bob) == ["m2"]
        assert not alice.unread


async def test_one_verdict_answers_for_many_in_their_order(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        ids = [f"m{number}" for number in range(40)]
        alice.send("".join(map(offer, ids)))
        held = await line.gate.expect_all(ids)
        refused = held[1::4]
        amended = held[2::4]
        kept = held[3::4]
        exceptions = [
            *(refuse(each.seq, "cancel", "not-allowed", "No.") for each in refused),
            *(amend(each.seq, "<body>Amended</body>") for each in amended),
            *(keep(each.seq) for each in kept),
        ]
        line.gate.release(held[-1].seq, *reversed(exceptions))
        await bob.expect(lambda element: element.get("id") == "m38")
        await alice.expect(lambda element: element.get("id") == "m37")
        assert ids_of(bob) == [id_ for number, id_ in enumerate(ids) if number % 4 in (0, 2)]
        assert ids_of(alice) == ids[1::4]
        assert await line.gate.expect_status(lambda status: status.done == held[-1].seq)


async def test_verdicts_out_of_order_or_for_others_change_nothing(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.send(offer("m1") + offer("m2"))
        first, second = await line.gate.expect_all(["m1", "m2"])
        line.gate.say_verdict(first.seq, second.seq, epoch="0123456789abcdef")
        line.gate.say_verdict(second.seq, second.seq)
        line.gate.say_verdict(first.seq, second.seq + 1)
        line.gate.send(
            f"<message from='{GATE}' to='metals.example'><verdict xmlns='urn:steelyard:gate:0'/></message>"
        )
        line.gate.send(f"<message from='{GATE}' to='metals.example'><body>release</body></message>")
        line.gate.send(f"<iq from='{GATE}' to='{BOB}' type='get' id='m1'><query xmlns='urn:x'/></iq>")
        line.gate.send(f"<message from='{GATE}' to='{BOB}'><body>From the gate itself</body></message>")
        await line.turn()
        assert not bob.unread
        assert not line.gate.ended
        line.gate.say_verdict(first.seq, first.seq)
        await bob.expect(message("Offer m1"))
        line.gate.say_verdict(first.seq, first.seq)  # once more: it is done already
        line.gate.say_verdict(first.seq, second.seq)  # overlapping
        await bob.expect(message("Offer m2"))
        await line.gate.expect_status(lambda status: status.done == second.seq)
        assert ids_of(bob) == ["m1", "m2"]


@pytest.mark.parametrize(
    "exception",
    [
        "<amend seq='{}'/>",
        "<amend seq='{}'><forwarded xmlns='urn:xmpp:forward:0'/></amend>",
        "<amend seq='{}'><message xmlns='jabber:client'><body>Amended</body></message></amend>",
        "<postpone seq='{}'/>",
    ],
)
async def test_an_exception_that_is_not_understood_lets_nothing_pass(tmp_path: Path, exception: str) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        line.gate.hold_back()
        alice.send(offer("m1") + offer("m2"))
        first, second = await line.gate.expect_all(["m1", "m2"])
        line.gate.release(second.seq, exception.format(first.seq))
        error = await alice.expect(lambda element: element.get("id") == "m1")
        assert error.find(f".//{STANZAS}internal-server-error") is not None
        await bob.expect(message("Offer m2"))
        assert ids_of(bob) == ["m2"]
        status = await line.gate.expect_status(lambda status: status.done == second.seq)
        assert status.bounced == (first.seq,)


async def test_a_component_that_is_not_the_gate_gives_no_verdict(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, components=(PlannedComponent(*BOT),)) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        bot = await Component.connect(line.plan, *BOT)
        line.gate.hold_back()
        alice.send(offer("m1"))
        held = await line.gate.expect(stanza("m1"))
        verdict = (
            f"<verdict xmlns='urn:steelyard:gate:0' epoch='{held.epoch}' seq='{held.seq}' through='{held.seq}' "
            "log='gate' first='1'/>"
        )
        bot.send(f"<message from='{BOT[0]}' to='metals.example' id='v1'>{verdict}</message>")
        alice.send(f"<message to='metals.example' id='v2'>{verdict}</message>")
        for id_ in ("v1", "v2"):
            assert (
                b"<verdict " in (await line.gate.expect(stanza(id_))).body
            )  # held and submitted like anything else
        await line.turn()
        assert not bob.unread
        bot.send(f"<message from='{GATE}' to='metals.example'>{verdict}</message>")
        await bot.wait_until(lambda: bot.ended)
        assert b"<invalid-from " in bot.said
        await line.turn()
        assert not bob.unread


async def test_a_second_component_of_the_gates_name_is_refused_and_the_line_goes_on(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        second = await Component.connect(line.plan, GATE, line.plan.gate_secret)
        await second.wait_until(lambda: second.ended)
        assert b"<conflict " in second.said
        impostor = await Component.connect(line.plan, GATE, "a guess")
        await impostor.wait_until(lambda: impostor.ended)
        assert b"<not-authorized " in impostor.said
        alice.send(offer("m1"))
        await bob.expect(message("Offer m1"))


async def test_no_route_leads_to_a_domain_that_is_not_federated(tmp_path: Path) -> None:
    calls: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(
        lambda _reader, writer: calls.append(writer), "127.0.0.1", 0
    ) as listener:
        address = listener.sockets[0].getsockname()
        changes: dict[str, Any] = {"s2s_port": free_port(), "federated_domains": ("zurich.example",)}
        async with ScriptedLine(tmp_path, peers={"elsewhere.example": address}, **changes) as line:
            alice = await line.login("alice")
            alice.send(offer("m1", to="eve@elsewhere.example"))
            error = await alice.expect(lambda element: element.get("id") == "m1")
            assert error.get("type") == "error"
            assert error.find(f".//{STANZAS}not-allowed") is not None
            alice.send("<presence to='eve@elsewhere.example' type='subscribe'/>")
            await line.gate.expect(lambda held: held.facts.type == "subscribe")
            await line.turn()
            assert not calls
