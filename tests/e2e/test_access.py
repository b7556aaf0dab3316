"""Admission on the real server: two approve, an account is made, the notice is acknowledged, one puts out again."""

import json
import stat
from pathlib import Path

import pytest

from components.archive.opener import RecordOpener
from components.rules.access.folder import GrantsError
from policy.access.statement import AccessAct
from tests.support.access_site import ACCESS, NOTICE, AccessSite
from tests.support.process import wait_until
from tests.support.stream import Element, StreamEndedError, XmppStream, message, show
from tests.support.typed import said_in

ROOM = "desk@rooms.metals.example"
CLIENT = "jabber:client"


COMMANDS = "http://jabber.org/protocol/commands"
DATA = "jabber:x:data"


def is_notice(element: Element, sender: str = NOTICE) -> bool:
    return element.get("from") == sender and "This line is recorded" in said_in(element)


async def acknowledge_by_command(stream: XmppStream) -> None:
    """Find the one command there is for somebody who is asked, at the address of the notice, and carry it out."""
    items = f"<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>"
    (offered,) = (await stream.request("get", items, to=NOTICE))[0]
    node, to = offered.get("node", ""), offered.get("jid", "")
    assert to == NOTICE
    begun = f"<command xmlns='{COMMANDS}' node='{node}' action='execute'/>"
    form = (await stream.request("set", begun, to=to))[0]
    assert form.get("status") == "executing"
    assert "This line is recorded" in show(form)
    filled = f"<x xmlns='{DATA}' type='submit'><field var='agree'><value>1</value></field></x>"
    done = f"<command xmlns='{COMMANDS}' node='{node}' sessionid='{form.get('sessionid')}'>{filled}</command>"
    answer = (await stream.request("set", done, to=to))[0]
    assert answer.get("status") == "completed"
    assert "You can write to your colleagues now" in show(answer)
    assert len((await stream.request("get", items, to=NOTICE))[0]) == 0


async def test_from_the_request_to_the_revocation(tmp_path: Path) -> None:
    async with AccessSite(tmp_path, ["alice", "bob"], [ROOM]) as site:
        # Not without two.
        digest = site.ask("alice")
        site.decide("erin", AccessAct.APPROVE, digest)
        with pytest.raises(GrantsError, match="needs another approver"):
            site.decide("erin", AccessAct.APPROVE, digest)
        site.admit("bob")
        bobs_password = await site.fetch_password("bob")
        assert [file.name for file in site.passwords.iterdir()] == ["bob@metals.example"]
        site.decide("frank", AccessAct.APPROVE, digest)
        password = await site.fetch_password("alice")
        file = site.passwords / "alice@metals.example"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

        alice = await site.login("alice", password)
        bob = await site.login("bob", bobs_password)
        await alice.expect(is_notice)
        await bob.expect(is_notice)
        # Nothing else before it is acknowledged.
        alice.send("<message to='bob@metals.example' type='chat' id='m1'><body>hello?</body></message>")
        refused = await alice.expect(lambda element: element.get("id") == "m1")
        assert "you have not acknowledged that yet" in show(refused)
        # The notice has a button, and may be answered at either address.
        alice.send(f"<message to='{ACCESS}' type='chat'><body>what is this?</body></message>")
        asked = await alice.expect(lambda element: is_notice(element, ACCESS))
        assert 'value="yes"' in show(asked)
        await site.acknowledge(alice, ACCESS)
        await acknowledge_by_command(bob)
        alice.send("<message to='bob@metals.example' type='chat'><body>copper?</body></message>")
        await bob.expect(message("copper?", from_=alice.jid))
        # The notice is in every room.
        alice.send(f"<presence to='{ROOM}/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        subject = await alice.expect(lambda element: element.find(f"{{{CLIENT}}}subject") is not None)
        assert "This line is recorded" in (subject.findtext(f"{{{CLIENT}}}subject") or "")
        info = await alice.request("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to=ROOM)
        assert "This line is recorded" in show(info)

        # Put out by one: the session is over at once, and there is no account any more.
        site.decide("gina", AccessAct.REVOKE, "alice@metals.example")
        await alice.wait_for_end()
        assert alice.error is not None and "not-authorized" in show(alice.error)
        assert await wait_until(lambda: not file.exists())
        with pytest.raises((AssertionError, StreamEndedError)):
            await XmppStream.login(site.prosody.address, "alice@metals.example", password=password)
        bob.send("<message to='alice@metals.example' type='chat' id='m2'><body>still there?</body></message>")
        gone = await bob.expect(lambda element: element.get("id") == "m2")
        assert gone.get("type") == "error"
        # All of it is in the record.
        assert await wait_until(lambda: len(recorded_names(site)) >= 9), recorded_names(site)
        async with site.gate.open_log() as opener:
            text = await read_log(opener)
        for said in ("approve person=alice", "revoke person=alice", "acknowledge person=alice", "add-user"):
            assert said in text
        assert password not in text


def recorded_names(site: AccessSite) -> list[str]:
    file = site.register.settings.folder / "done.json"
    return list(json.loads(file.read_text())["recorded"]) if file.exists() else []


async def read_log(opener: RecordOpener) -> str:
    opened = await opener.fetch(0, 100_000)
    return "\n".join((each.payload or b"").decode() for each in opened)
