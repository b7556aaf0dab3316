"""Who speaks to the gate, or as the gate, without being entitled to: refused, recorded, and the line goes on."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from components.archive.record import Submission
from components.site.prosody import PlannedComponent
from tests.support.gate_process import GATE
from tests.support.line import Line
from tests.support.observer import read_log
from tests.support.scripted_gate import Component
from tests.support.stream import Element, XmppStream, message

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example/desk"
PEOPLE = ["alice@metals.example", "bob@metals.example"]
BOT = ("bot.metals.example", "the bot's secret")
MARKER = "Quecksilber"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"

VERDICT = "<verdict xmlns='urn:steelyard:gate:0' epoch='1' seq='1' through='999999' log='gate' first='0'/>"
HELD = (
    "<held xmlns='urn:steelyard:gate:0' epoch='1' way='c2s' session='c1' seq='1'><forwarded xmlns='urn:xmpp:forward:0'>"
    f"<message xmlns='jabber:client' from='{BOB}' to='{ALICE}'><body>{MARKER}</body></message></forwarded></held>"
)
NOTED = "<noted xmlns='urn:steelyard:gate:0' n='99'/>"


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with Line(tmp_path, PEOPLE, components=(PlannedComponent(*BOT),)) as line:
        yield line
        assert MARKER not in line.gate.log_tail(10_000)


@pytest.fixture
async def alice(line: Line) -> XmppStream:
    return await line.login(ALICE)


@pytest.fixture
async def bob(line: Line) -> XmppStream:
    return await line.login(BOB)


async def find_record(line: Line, id_: str) -> Submission:
    content = await read_log(line.gate)
    (found,) = [each for each in content.submissions.values() if f"id='{id_}'".encode() in each.body]
    return found


def error_of(id_: str) -> Callable[[Element], bool]:
    return lambda element: element.get("id") == id_ and element.get("type") == "error"


@pytest.mark.parametrize(
    ("xml", "rule"),
    [
        (f"<message to='{GATE}' id='i1'><body>{MARKER}</body></message>", "gate-address"),
        (f"<message to='{GATE}/x' id='i1'>{VERDICT}</message>", "gate-namespace"),
        (f"<message to='someone@{GATE}' id='i1'>{HELD}</message>", "gate-namespace"),
        (
            f"<iq to='{GATE}' id='i1' type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
            "gate-address",
        ),
        (f"<presence to='{GATE}' id='i1' type='subscribe'/>", "gate-address"),
        (f"<message to='metals.example' id='i1'>{VERDICT}</message>", "gate-namespace"),
        (f"<message to='metals.example' id='i1'>{NOTED}</message>", "gate-namespace"),
        (f"<message to='{BOB}' id='i1'>{HELD}</message>", "gate-namespace"),
        (f"<message to='{BOB}' id='i1'><x xmlns='urn:x'><y>{VERDICT}</y></x></message>", "gate-namespace"),
        (
            f"<iq to='{BOB}' id='i1' type='set'><p:held xmlns:p='urn:steelyard:gate:0'/></iq>",
            "gate-namespace",
        ),
        (f"<iq id='i1' type='set'><query xmlns='jabber:iq:private'>{NOTED}</query></iq>", "gate-namespace"),
    ],
)
async def test_a_client_that_speaks_the_protocol_is_refused(
    line: Line, alice: XmppStream, bob: XmppStream, xml: str, rule: str
) -> None:
    alice.send(xml)
    error = await alice.expect(error_of("i1"))
    assert error.find(f".//{STANZAS}not-allowed") is not None
    record = await find_record(line, "i1")
    assert (record.action, record.rules) == ("refuse", (rule,))
    refusal = [json.loads(each) for each in line.gate.log_tail().splitlines() if '"refused"' in each][-1]
    assert (refusal["sender"], refusal["rules"]) == (ALICE, [rule])
    alice.send(f"<message to='{BOB}' id='m1'><body>Tin</body></message>")
    await bob.expect(message("Tin"))
    assert [each.get("id") for each in bob.received if each.tag.endswith("}message")] == ["m1"]


@pytest.mark.parametrize(
    "payload", [HELD, VERDICT, NOTED, "<body>Quecksilber</body>"], ids=["held", "verdict", "noted", "body"]
)
async def test_a_component_that_speaks_the_protocol_is_refused(
    line: Line, alice: XmppStream, bob: XmppStream, payload: str
) -> None:
    bot = await Component.connect(line.prosody.plan, *BOT)
    for number, to in enumerate((GATE, "metals.example", BOB)):
        bot.send(f"<message from='{BOT[0]}' to='{to}' id='i{number}'>{payload}</message>")
    await bot.wait_until(lambda: bot.said.count(b"<not-allowed ") == 3)
    for number in range(3):
        record = await find_record(line, f"i{number}")
        assert (record.way, record.action) == ("component", "refuse")
    alice.send(f"<message to='{BOB}' id='m1'><body>Tin</body></message>")
    await bob.expect(message("Tin"))
    assert [each.get("id") for each in bob.received if each.tag.endswith("}message")] == ["m1"]
    content = await read_log(line.gate)
    assert not [each for each in content.submissions.values() if each.epoch == "1"]
    await bot.close()


async def test_a_second_component_of_the_gates_name_changes_nothing(
    line: Line, alice: XmppStream, bob: XmppStream
) -> None:
    gate = line.gate.pid
    for _ in range(3):
        second = await Component.connect(line.prosody.plan, GATE, line.prosody.plan.gate_secret)
        await second.wait_until(lambda: second.ended)  # noqa: B023 - awaited within the turn
        assert b"<conflict " in second.said
        assert b"<held " not in second.said
        alice.send(f"<message to='{BOB}'><body>Tin</body></message>")
        await bob.expect(message("Tin"))
    await line.gate.wait_for_state("connected")
    assert line.gate.pid == gate


async def test_a_components_secret_is_good_for_that_component_alone(
    line: Line, alice: XmppStream, bob: XmppStream
) -> None:
    """Prosody gives a handshake to the host that it is addressed to, whichever host the stream is for."""
    second = await Component.connect(line.prosody.plan, GATE, BOT[1], shakes_with=BOT[0])
    assert second.ended
    assert b"<not-authorized " in second.said
    bot = await Component.connect(line.prosody.plan, *BOT)
    assert not bot.ended
    await bot.close()
    alice.send(f"<message to='{BOB}'><body>Tin</body></message>")
    await bob.expect(message("Tin"))


async def test_what_has_no_xml_form_is_refused_before_it_is_submitted(
    line: Line, alice: XmppStream, bob: XmppStream
) -> None:
    """Attributes that use the reserved prefix `xml`: a bare server sends them on, and the recipient's stream breaks."""
    alice.send(f"<message to='{BOB}' id='i1'><body xml:forged='1'>{MARKER}</body></message>")
    error = await alice.expect(error_of("i1"))
    assert error.find(f".//{STANZAS}bad-request") is not None
    alice.send(f"<message to='{BOB}' id='m1'><body>Tin</body></message>")
    await bob.expect(message("Tin"))
    content = await read_log(line.gate)
    assert content.ids()["i1"] == 0


@pytest.mark.parametrize(
    "to", ["eve@elsewhere.example", "elsewhere.example", "nobody@metals.example", "eve@rooms.metals.example"]
)
async def test_who_is_not_on_the_line_gets_nothing(line: Line, alice: XmppStream, to: str) -> None:
    alice.send(f"<message to='{to}' id='i1'><body>{MARKER}</body></message>")
    error = await alice.expect(error_of("i1"))
    assert error.find(f".//{STANZAS}not-allowed") is not None
    assert (await find_record(line, "i1")).action == "refuse"
