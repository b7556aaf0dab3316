"""Approvers' commands: of another firm's people nothing is learned, and a session is its owner's."""

import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from components.access.adhoc import NODE, XMLNS
from components.access.commands import AccessCommands
from components.access.form import encode_submission
from components.archive.keys import create_log_key
from components.link.entity import Request, XmppError
from components.rules.access.note import encode_note
from components.rules.access.register import AccessRegister
from policy.access.statement import AccessAct, Statement
from policy.address import BareJid
from policy.directory.directory import parse_directory
from policy.directory.enterprise import EnterpriseId, Role
from tests.unit.rules.test_grants import DIRECTORY, make_settings

GRAIN = """
[enterprise.grain]
name = "Grain"
sites = [{ domain = "grain.example" }]
[[enterprise.grain.person]]
jid = "george@grain.example"
name = "George"
roles = ["trader"]
[[enterprise.grain.person]]
jid = "hanna@grain.example"
name = "Hanna"
roles = ["approver"]
"""
ERIN, HANNA = "erin@metals.example/pc", "hanna@grain.example/pc"


class Desk:
    def __init__(self, root: Path) -> None:
        keys = ("erin@metals.example", "hanna@grain.example")
        for jid in keys:
            create_log_key(root / f"{jid}.key", f"approver/{jid}")
        settings = make_settings(root, approvers=[root / f"{jid}.pub" for jid in keys])
        self.register = AccessRegister(settings)
        self.directory = parse_directory(DIRECTORY + GRAIN)
        self.commands = AccessCommands(self.register, lambda: self.directory, lambda: None)
        for person, firm in (("alice@metals.example", "metals"), ("george@grain.example", "grain")):
            jid = BareJid(person)
            asked = Statement(
                AccessAct.REQUEST,
                jid,
                EnterpriseId(firm),
                jid,
                int(time.time()),
                id="r1",
                roles=(Role.TRADER,),
            )
            self.register.folder.store(encode_note(asked))

    async def step(
        self, sender: str, command: str, session: str = "", action: str = "execute", **values: str
    ) -> str:
        """Take one step; returns the answer as text."""
        payload = ET.Element(f"{{{XMLNS}}}command", node=f"{NODE}{command}", action=action)
        if session:
            payload.set("sessionid", session)
        if values:
            payload.append(encode_submission("", {name: [value] for name, value in values.items()}))
        answer = await self.commands.handle(Request(sender, "access.metals.example", "1", "set", payload))
        return ET.tostring(answer, encoding="unicode")

    async def begin(self, sender: str, command: str) -> str:
        """Begin a command; returns its session."""
        return (await self.step(sender, command)).partition('sessionid="')[2].partition('"')[0]

    def digest(self, person: str) -> str:
        return self.register.judge(self.directory, int(time.time())).admissions[BareJid(person)].digest


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_each_approver_sees_their_own_firm(desk: Desk) -> None:
    for command in ("list", "approve"):
        shown = await desk.step(HANNA, command)
        assert "george@grain.example" in shown
        assert "metals" not in shown
        assert "alice@metals.example" in await desk.step(ERIN, command)


async def test_another_firms_people_are_as_if_they_were_not_there(desk: Desk) -> None:
    answers = set()
    for person in ("alice@metals.example", "nobody@metals.example", "nobody@elsewhere.example"):
        said = await desk.step(
            HANNA, "request", await desk.begin(HANNA, "request"), "complete", person=person
        )
        answers.add(said.replace(person, "X").partition("note")[2])
    assert len(answers) == 1
    for about in (desk.digest("alice@metals.example"), "alice@metals.example", "00" * 32):
        said = await desk.step(HANNA, "approve", await desk.begin(HANNA, "approve"), "next", about=about)
        assert "choose one of those that the form lists" in said


async def test_a_session_is_its_owners_and_ends(desk: Desk) -> None:
    session = await desk.begin(ERIN, "approve")
    for sender, command in ((HANNA, "approve"), ("erin@metals.example/phone", "approve"), (ERIN, "deny")):
        with pytest.raises(XmppError, match="bad-request"):
            await desk.step(sender, command, session)
    shown = await desk.step(ERIN, "approve", session, "next", about=desk.digest("alice@metals.example"))
    assert "steelyard-access/1 approve person=alice@metals.example" in shown
    assert "steelyard-access/1" not in await desk.step(ERIN, "approve", session, "prev")
    assert 'status="canceled"' in await desk.step(ERIN, "approve", session, "cancel")
    with pytest.raises(XmppError, match="bad-request"):
        await desk.step(ERIN, "approve", session)


@pytest.mark.parametrize(
    "sender", ["alice@metals.example/pc", "frank@metals.example/pc", "x@elsewhere.example"]
)
async def test_others_are_forbidden(desk: Desk, sender: str) -> None:
    """Frank is listed as an approver, and has no key."""
    with pytest.raises(XmppError, match="forbidden"):
        await desk.step(sender, "list")
