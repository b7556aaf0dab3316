"""A server that was started without the adapter is closed: nobody logs in, and no stanza goes anywhere (G1)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from components.site.prosody import PlannedComponent
from tests.support.certificates import CertificateAuthority
from tests.support.gate_process import one_enterprise
from tests.support.line import Line
from tests.support.observer import read_log
from tests.support.scripted_gate import Component
from tests.support.two_sites import TwoSites
from tests.support.typed import said_in

ALICE, BOB, ZOE = "alice@metals.example", "bob@metals.example", "zoe@zurich.example"
BOT = "bot.metals.example"
MISSING = {
    "it is not enabled": {"modules_disabled": "{ 's2s', 'stanza_gate' }"},
    "it failed to load": {"stanza_gate": "{}"},
}


@pytest.fixture(params=list(MISSING.values()), ids=list(MISSING))
async def line(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Line]:
    async with Line(
        tmp_path,
        [ALICE, BOB],
        ["pit@rooms.metals.example"],
        options=request.param,
        components=(PlannedComponent(BOT, "secret"),),
    ) as line:
        yield line


async def test_nobody_logs_in_and_the_gate_says_why(line: Line) -> None:
    with pytest.raises(AssertionError, match="temporary-auth-failure"):
        await line.login(f"{ALICE}/desk")
    await line.gate.wait_for_alarm("adapter-missing")
    assert "The line is closed: mod_stanza_gate is not loaded" in line.prosody.log_tail()


async def test_a_component_says_nothing(line: Line) -> None:
    bot = await Component.connect(line.prosody.plan, BOT, "secret")
    for number, to in enumerate((BOB, f"{BOB}/desk", "metals.example", "pit@rooms.metals.example", BOT)):
        heard = len(bot.said)
        bot.send(f"<message from='x@{BOT}' to='{to}' id='m{number}' type='chat'><body>Offer</body></message>")
        answer = f"id='m{number}'".encode(), b"cannot record"
        await bot.wait_until(lambda: all(part in bot.said[heard:] for part in answer))  # noqa: B023
    assert b"<body>Offer" not in bot.said


async def test_another_server_says_nothing_and_hears_nothing(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    domains = ("metals.example", "zurich.example")
    directory = {
        f"gate.{domain}": one_enterprise((ALICE, ZOE), gate=f"gate.{domain}", domains=domains)
        for domain in domains
    }
    sites = TwoSites(
        tmp_path,
        [(domain,) for domain in domains],
        [ALICE, ZOE],
        authority,
        directory,
        {"metals.example": {"modules_disabled": "{ 'stanza_gate' }"}},
    )
    await sites.start()
    try:
        zoe = await sites.login(f"{ZOE}/desk")
        zoe.send(f"<message to='{ALICE}' type='chat' id='m1'><body>Offer</body></message>")
        reply = await zoe.expect(lambda element: element.get("id") == "m1")
        assert reply.get("type") == "error"
        assert "cannot record" in said_in(reply)
        # What the server says in its own name is told nobody either.
        disco = "<query xmlns='http://jabber.org/protocol/disco#items'/>"
        answer = await zoe.request("get", disco, to="metals.example")
        assert answer.get("type") == "error"
        assert not (await read_log(sites.gates[0])).submissions
    finally:
        await sites.stop()
