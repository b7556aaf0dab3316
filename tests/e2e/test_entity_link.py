"""A component of our own on a real Prosody: asking, being asked, hearing, and coming back."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from components.link.entity import EntityLink, NoAnswerError, Request, XmppError
from components.link.stream import ComponentLogin
from components.site.prosody import PlannedComponent
from tests.support.process import PATIENCE_S
from tests.support.prosody import ProsodyServer, private_plan

ROSTER, DESK = "roster.steelyard.example", "desk.steelyard.example"
PING = "{urn:xmpp:ping}ping"
QUERY = "{urn:example:asked}query"


class _Entity:
    """A link, and whether it is up."""

    def __init__(self, server: ProsodyServer, jid: str) -> None:
        self.states: asyncio.Queue[bool] = asyncio.Queue()
        port = server.plan.component_port
        login = ComponentLogin(jid, "s3cret", "127.0.0.1", port)
        self.link = EntityLink(login, on_state=self.states.put_nowait)

    async def wait(self, state: bool) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self.states.get() is not state:
                pass


async def test_two_entities_on_one_server(tmp_path: Path) -> None:
    plan = private_plan(
        tmp_path / "prosody",
        components=(PlannedComponent(ROSTER, "s3cret"), PlannedComponent(DESK, "s3cret")),
    )
    async with ProsodyServer(plan) as server, AsyncExitStack() as stack:
        asker, asked = _Entity(server, ROSTER), _Entity(server, DESK)
        for entity in (asker, asked):
            entity.link.open()
            stack.push_async_callback(entity.link.close)
            await entity.wait(True)
        await _asks(asker.link, asked.link)
        await _hears(asker.link, asked.link)
        await _comes_back(server, asker)
        await asker.link.close()
        assert not asker.link.is_up
        with pytest.raises(NoAnswerError):
            await asker.link.request("metals.example", ET.Element(PING))


async def _asks(asker: EntityLink, asked: EntityLink) -> None:
    heard: list[Request] = []

    async def answer(request: Request) -> ET.Element:
        heard.append(request)
        if request.kind == "set":
            raise XmppError("not-allowed", "Only <looking>, please.", "auth")
        return ET.Element(QUERY, {"answer": "yes & no"})

    async def fail(_request: Request) -> None:
        raise ValueError("a fault of the handler's own")

    asked.serve(QUERY, answer)
    asked.serve("{urn:example:broken}query", fail)
    assert await asker.request("metals.example", ET.Element(PING)) is None
    payload = await asker.request(DESK, ET.Element(QUERY))
    assert payload is not None
    assert (payload.tag, payload.get("answer")) == (QUERY, "yes & no")
    assert (heard[0].sender, heard[0].to, heard[0].kind, heard[0].payload.tag) == (ROSTER, DESK, "get", QUERY)
    refusals = {
        "service-unavailable": asker.request(DESK, ET.Element("{urn:example:unknown}query")),
        "not-allowed": asker.request(DESK, ET.Element(QUERY), kind="set"),
        "internal-server-error": asker.request(DESK, ET.Element("{urn:example:broken}query")),
    }
    for condition, request in refusals.items():
        with pytest.raises(XmppError) as caught:
            await request
        assert caught.value.condition == condition
        if condition == "not-allowed":
            assert (caught.value.text, caught.value.kind) == ("Only <looking>, please.", "auth")
    with pytest.raises(NoAnswerError):  # no time at all to answer
        await asker.request(DESK, ET.Element("{urn:example:slow}query"), timeout_s=0)


async def _hears(asker: EntityLink, asked: EntityLink) -> None:
    came: asyncio.Queue[ET.Element] = asyncio.Queue()

    def take(stanza: ET.Element) -> None:
        came.put_nowait(stanza)
        if stanza.get("id") == "m0":
            raise ValueError("one stanza's fault")

    asked.on_message(take)
    # Nobody has anything to do with presence, so it is dropped.
    assert asker.send(ET.Element("{jabber:client}presence", {"from": ROSTER, "to": DESK, "type": "probe"}))
    for index in range(2):
        message = ET.Element("message", {"from": ROSTER, "to": f"bot@{DESK}", "id": f"m{index}"})
        inner = ET.SubElement(message, "{urn:xmpp:forward:0}forwarded")
        ET.SubElement(inner, "{jabber:client}message", {"to": "x"})
        assert asker.send(message)
    async with asyncio.timeout(PATIENCE_S):
        stanzas = [await came.get() for _ in range(2)]
    assert [stanza.get("id") for stanza in stanzas] == ["m0", "m1"]
    assert [stanza.tag.rpartition("}")[2] for stanza in stanzas] == ["message", "message"]
    assert {stanza.tag.partition("}")[0] for stanza in stanzas} == {"{jabber:client"}
    assert stanzas[1].find("{urn:xmpp:forward:0}forwarded/{jabber:client}message") is not None


async def _comes_back(server: ProsodyServer, entity: _Entity) -> None:
    async def never(_request: Request) -> None:
        await asyncio.Event().wait()

    entity.link.serve("{urn:example:slow}query", never)
    waiting = asyncio.create_task(entity.link.request(ROSTER, ET.Element("{urn:example:slow}query")))
    await asyncio.sleep(0)
    await server.kill9()
    await entity.wait(False)
    with pytest.raises(NoAnswerError):
        await waiting
    await server.start()
    await entity.wait(True)
    assert await entity.link.request("metals.example", ET.Element(PING)) is None
