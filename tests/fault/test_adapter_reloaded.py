"""An operator unloads, reloads and loads the adapter, or a host, under traffic: nothing passes unrecorded (G1, G2)."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support import observer
from tests.support.console import CONSOLE_MODULES, Console
from tests.support.line import Line
from tests.support.process import wait_until
from tests.support.stream import XmppStream, message

TIMEOUT_S = 10.0
HOST, ROOMS, GATE_HOST = "metals.example", "rooms.metals.example", "gate.metals.example"
ADAPTER = "'stanza_gate'"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


@pytest.fixture
async def traders() -> list[observer.Trader]:
    return observer.make_traders(4)


@pytest.fixture
async def line(tmp_path: Path, traders: list[observer.Trader]) -> AsyncIterator[Line]:
    people = [trader.jid.partition("/")[0] for trader in traders]
    modules = (*observer.MODULES_UNDER_LOAD, *CONSOLE_MODULES)
    async with Line(tmp_path, people, hold_timeout_s=TIMEOUT_S, modules=modules) as line:
        for trader in traders:
            await trader.login(line.prosody.address)
        yield line


async def it_flows(traders: list[observer.Trader], messages: int = 20) -> None:
    """Wait until each has received so many more."""
    before = {trader.jid: len(trader.received()) for trader in traders}
    assert await wait_until(lambda: all(len(t.received()) > before[t.jid] + messages for t in traders))


async def check_all(line: Line, traders: list[observer.Trader]) -> None:
    """Check that nobody received what is not recorded, and that all that counts as carried out was received."""
    observer.check_log(await observer.read_log(line.gate), traders)
    by_jid = {trader.jid: trader for trader in traders}
    for trader in traders:
        assert trader.refused_ids().isdisjoint(by_jid[trader.partner].received_ids())


@pytest.mark.parametrize(
    "commands",
    [
        [f"module:reload({ADAPTER})"],
        [f"module:reload({ADAPTER}, '*')"],
        [f"module:reload({ADAPTER}, '{HOST}')"],
        [f"module:reload({ADAPTER}, '{GATE_HOST}')"],
        [f"module:unload({ADAPTER})", f"module:load({ADAPTER})"],
        ["module:reload('room_borders')", f"module:reload({ADAPTER})"],
        [f"module:unload({ADAPTER}, '*')"],
        ["module:reload('component')"],
    ],
    ids=" ".join,
)
async def test_a_reload_goes_on_where_it_was(
    line: Line, traders: list[observer.Trader], commands: list[str]
) -> None:
    console = Console(line.prosody)
    async with observer.Load(traders):
        for _ in range(3):
            await it_flows(traders)
            for command in commands:
                await console.say(command)
        await it_flows(traders)
    await observer.wait_for_answers(traders)
    await line.gate.wait_for_alarm("host-unheld", present=False)
    await check_all(line, traders)


def named_unheld(line: Line) -> list[str]:
    """Return the hosts that the alarm names."""
    alarms = line.gate.status().get("alarms", ())
    return [
        host for each in alarms if each["name"] == "host-unheld" for host in each["details"]["hosts"].split()
    ]


@pytest.mark.parametrize("hosts", [(HOST,), ()], ids=["one host", "all"])
async def test_where_it_is_unloaded_nothing_passes(
    line: Line, traders: list[observer.Trader], hosts: tuple[str, ...]
) -> None:
    console = Console(line.prosody)
    where = "".join(f", '{host}'" for host in hosts)
    async with observer.Load(traders):
        await it_flows(traders)
        await console.say(f"module:unload({ADAPTER}{where})")
        unheld = list(hosts) or sorted((HOST, ROOMS, GATE_HOST))  # one after the other
        assert await wait_until(lambda: named_unheld(line) == unheld), line.gate.status()
        refused = [len(trader.refused_ids()) for trader in traders]
        assert await wait_until(
            lambda: all(
                len(trader.refused_ids()) > n + 20 for trader, n in zip(traders, refused, strict=True)
            )
        )
        received = [len(trader.received()) for trader in traders]
        assert await wait_until(
            lambda: all(
                len(trader.refused_ids()) > n + 40 for trader, n in zip(traders, refused, strict=True)
            )
        )
        assert [len(trader.received()) for trader in traders] == received
        await console.say(f"module:load({ADAPTER}{where})")
        await line.gate.wait_for_alarm("host-unheld", present=False)
        await observer.wait_until_it_flows(traders)
        await line.gate.wait_for_alarm("canary-lost", present=False)
    await observer.wait_for_answers(traders)
    await check_all(line, traders)


async def test_loaded_late_it_holds_all_from_then_on(tmp_path: Path, traders: list[observer.Trader]) -> None:
    people = [trader.jid.partition("/")[0] for trader in traders]
    modules = (*observer.MODULES_UNDER_LOAD, *CONSOLE_MODULES)
    without = {"modules_disabled": f"{{ 's2s', {ADAPTER} }}"}
    async with Line(tmp_path, people, hold_timeout_s=TIMEOUT_S, modules=modules, options=without) as line:
        with pytest.raises(AssertionError, match="temporary-auth-failure"):
            await line.login(traders[0].jid)
        await line.gate.wait_for_alarm("adapter-missing")
        await Console(line.prosody).say(f"module:load({ADAPTER})")
        for trader in traders:
            await trader.login(line.prosody.address)
        async with observer.Load(traders):
            await it_flows(traders)
        await observer.wait_for_answers(traders)
        await line.gate.wait_for_alarm("host-unheld", present=False)
        await line.gate.wait_for_alarm("adapter-missing", present=False)
        await check_all(line, traders)


async def test_nobody_comes_in_where_it_is_unloaded(line: Line, traders: list[observer.Trader]) -> None:
    console = Console(line.prosody)
    await console.say(f"module:unload({ADAPTER}, '{HOST}')")
    with pytest.raises(AssertionError):
        await line.login(f"{traders[0].jid}-2")
    await console.say(f"module:load({ADAPTER}, '{HOST}')")
    await line.login(f"{traders[0].jid}-2")


@pytest.mark.parametrize("module", ["auth_while_held", "auth_internal_hashed"])
async def test_what_admits_people_can_be_loaded_again_and_admits_nobody_without(
    line: Line, traders: list[observer.Trader], module: str
) -> None:
    console = Console(line.prosody)
    async with observer.Load(traders):
        await it_flows(traders)
        await console.say(f"module:reload('{module}')")
        await line.login(f"{traders[0].jid}-2")
        await console.say("module:unload('auth_while_held')")
        with pytest.raises(AssertionError):
            await line.login(f"{traders[0].jid}-3")
        await console.say("module:load('auth_while_held')")
        await line.login(f"{traders[0].jid}-3")
        await it_flows(traders)
    await observer.wait_for_answers(traders)
    await check_all(line, traders)


@pytest.mark.parametrize("command", ["unload", "reload"])
async def test_sessions_that_count_go_on_without_the_module_that_counts(
    line: Line, traders: list[observer.Trader], command: str
) -> None:
    (buyer, seller), others = traders[:2], traders[2:]
    talking, away = buyer.streams[-1], seller.streams[-1]
    await talking.enable_resumption()
    await away.enable_resumption()
    away.acknowledges = False
    away.abort()
    async with observer.Load(others):
        for number in range(3):
            talking.send(
                f"<message to='{seller.jid}' type='chat' id='m{number}'><body>{number}</body></message>"
            )
            await talking.expect_acknowledged(number + 1)
            await Console(line.prosody).say(f"module:{command}('smacks')")
        await it_flows(others)
    await away.resume()
    for number in range(3):
        await away.expect(message(str(number)))
    talking.send(f"<message to='{seller.jid}' type='chat' id='m3'><body>3</body></message>")
    await talking.expect_acknowledged(4)
    await away.expect(message("3"))


async def test_a_login_tells_nobody_who_has_an_account_whatever_is_loaded_again(line: Line) -> None:
    async def begins(name: str) -> str:
        stream = XmppStream(line.prosody.address, HOST)
        await stream.open()
        said = base64.b64encode(f"n,,n={name},r=abc".encode()).decode()
        stream.send(f"<auth xmlns='{SASL}' mechanism='SCRAM-SHA-1'>{said}</auth>")
        answer = await stream.expect(lambda each: each.tag.startswith(f"{{{SASL}}}"))
        stream.abort()
        return str(answer.tag)

    console = Console(line.prosody)
    for command in (
        "module:reload('auth_while_held')",
        "module:reload('auth_internal_hashed')",
        "module:reload('unknown_accounts')",
        "module:unload('unknown_accounts')",
    ):
        await console.say(command)
        known, unknown = await begins("buyer0"), await begins("nobody")
        assert known == unknown == f"{{{SASL}}}challenge", command


@pytest.mark.parametrize("host", [HOST, ROOMS, GATE_HOST])
async def test_a_host_that_is_activated_again_is_held_from_the_start(
    line: Line, traders: list[observer.Trader], host: str
) -> None:
    console = Console(line.prosody)
    for _ in range(2):
        async with observer.Load(traders):
            await it_flows(traders)
            await console.say(f"host:deactivate('{host}')")
            if host != HOST:
                await console.say(f"host:activate('{host}')")
                await observer.wait_until_it_flows(traders)
        if host == HOST:
            assert await wait_until(lambda: all(trader.streams[-1].ended for trader in traders))
            await console.say(f"host:activate('{host}')")
            # What waited offline comes at login: before anybody says more.
            for trader in traders:
                await trader.login(line.prosody.address)
            await observer.wait_until_it_flows(traders)
    await line.gate.wait_for_state("connected")
    await line.gate.wait_for_alarm("host-unheld", present=False)
    await line.gate.wait_for_alarm("canary-lost", present=False)
    await check_all(line, traders)
