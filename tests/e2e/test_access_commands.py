"""Approvers in their clients, grants that end, and a server that was away: on a real site, one after the other."""

import time
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from components.access.adhoc import NODE
from components.rules.access.note import sign_statement
from policy.access.admission import AdmissionState
from policy.access.statement import AccessAct, parse_statement
from policy.address import BareJid
from tests.support.access_site import ACCESS, AccessSite
from tests.support.process import wait_until
from tests.support.stream import Element, XmppStream, show

COMMANDS = "http://jabber.org/protocol/commands"
DATA = "jabber:x:data"
ITEMS = f"<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>"


async def step(
    stream: XmppStream, command: str, session: str = "", action: str = "execute", **values: str
) -> Element:
    """Take one step of a command; returns the command element of the answer, or of its error."""
    fields = "".join(
        f"<field var='{name}'><value>{escape(value)}</value></field>" for name, value in values.items()
    )
    form = f"<x xmlns='{DATA}' type='submit'>{fields}</x>" if values else ""
    attributes = f"node='{NODE}{command}' action='{action}'" + (f" sessionid='{session}'" if session else "")
    answer = await stream.request(
        "set", f"<command xmlns='{COMMANDS}' {attributes}>{form}</command>", to=ACCESS
    )
    return answer if answer.get("type") == "error" else answer[0]


def value_of(command: Element, name: str) -> str:
    return command.findtext(f"{{{DATA}}}x/{{{DATA}}}field[@var='{name}']/{{{DATA}}}value") or ""


def note_of(command: Element) -> str:
    return command.findtext(f"{{{COMMANDS}}}note") or ""


async def enter(site: AccessSite, person: str) -> XmppStream:
    stream = await site.login(person, await site.fetch_password(person))
    await site.acknowledge(stream)
    return stream


async def test_from_clients_until_an_end_and_after_an_outage(tmp_path: Path) -> None:
    async with AccessSite(tmp_path, ["alice", "bob", "carol"]) as site:
        site.admit("bob")
        site.admit("erin")
        erin, bob = await enter(site, "erin"), await enter(site, "bob")
        await commands_are_for_approvers(erin, bob)
        await an_approver_decides_in_a_client(site, erin)
        await a_revocation_takes_effect_when_its_time_comes(site, erin)
        await whoever_is_not_listed_any_more_keeps_the_account_and_says_nothing(site)
        await a_revocation_waits_for_the_server(site)


async def commands_are_for_approvers(erin: XmppStream, bob: XmppStream) -> None:
    offered = await erin.request("get", ITEMS, to=ACCESS)
    assert f"{NODE}approve" in show(offered)
    offered = await bob.request("get", ITEMS, to=ACCESS)
    assert NODE not in show(offered)
    for command in ("list", "approve", "revoke"):
        answer = await step(bob, command)
        assert "forbidden" in show(answer), command
    assert "item-not-found" in show(await step(erin, "bogus"))
    assert "bad-request" in show(await step(erin, "approve", "anothers"))


async def an_approver_decides_in_a_client(site: AccessSite, erin: XmppStream) -> None:
    assert note_of(await step(erin, "deny")) == "There is nothing to decide on."
    asked = await step(erin, "request")
    asked = await step(
        erin, "request", asked.get("sessionid", ""), "complete", person="alice@metals.example", days="7"
    )
    assert note_of(asked) == "Asked for alice@metals.example. Two approvers must approve."
    chosen = await step(erin, "approve")
    assert chosen.get("status") == "executing"
    session = chosen.get("sessionid", "")
    shown = await step(erin, "approve", session, "next", about=value_of(chosen, "about"), reason="joins")
    line = value_of(shown, "statement")
    assert line.startswith("steelyard-access/1 approve person=alice@metals.example")
    # Frank's signature is not Erin's.
    frank = sign_statement(parse_statement(f"{line}\n".replace("by=erin", "by=frank")), site.keys["frank"])
    wrong = await step(erin, "approve", session, "complete", signature=frank.splitlines()[-1])
    assert "is not signed with a key of erin" in note_of(wrong)
    chosen = await step(erin, "approve")
    session = chosen.get("sessionid", "")
    shown = await step(erin, "approve", session, "next", about=value_of(chosen, "about"))
    signed = sign_statement(parse_statement(f"{value_of(shown, 'statement')}\n"), site.keys["erin"])
    done = await step(erin, "approve", session, "complete", signature=f" {signed.splitlines()[-1]} ")
    assert note_of(done) == "Done: approve alice@metals.example."
    assert note_of(await step(erin, "approve")) == "There is nothing to decide on."
    site.decide("gina", AccessAct.APPROVE, "alice@metals.example")
    await site.fetch_password("alice")
    listed = show(await step(erin, "list"))
    assert "alice@metals.example" in listed
    assert "erin@metals.example, gina@metals.example" in listed


async def a_revocation_takes_effect_when_its_time_comes(site: AccessSite, erin: XmppStream) -> None:
    """Nothing is written at that time: both the gate and the component know it from before."""
    site.revoke_later("gina", "erin", int(time.time()) + 2)
    await erin.wait_for_end()
    assert site.standing().admissions[BareJid("erin@metals.example")].state is AdmissionState.REVOKED


async def whoever_is_not_listed_any_more_keeps_the_account_and_says_nothing(site: AccessSite) -> None:
    site.admit("carol")
    password = await site.fetch_password("carol")
    carol = await site.login("carol", password)
    site.list_people(["alice", "bob"])
    await carol.wait_for_end()
    again = await XmppStream.login(site.prosody.address, "carol@metals.example", password=password)
    again.send("<message to='bob@metals.example' type='chat' id='x'><body>and now?</body></message>")
    refused = await again.expect(lambda element: element.get("id") == "x")
    assert refused.get("type") == "error"


async def a_revocation_waits_for_the_server(site: AccessSite) -> None:
    password = await site.fetch_password("bob")
    await site.prosody.kill9()
    site.decide("gina", AccessAct.REVOKE, "bob@metals.example")
    await site.kill9()
    await site.prosody.start()
    await site.start()
    file = site.passwords / "bob@metals.example"
    assert await wait_until(lambda: not file.exists()), site.log_tail()
    with pytest.raises(AssertionError):
        await XmppStream.login(site.prosody.address, "bob@metals.example", password=password)
