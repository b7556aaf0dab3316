"""Acknowledging the notice: by a word or by a command, once, and by nobody who is not admitted."""

import asyncio
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from components.access import acknowledge
from components.access.acknowledge import COMMAND, Acknowledging, Standing
from components.access.adhoc import NODE, XMLNS
from components.access.form import encode_submission
from components.access.notice import ASK, KNOWN, THANKS, YES
from components.archive.keys import create_log_key
from components.link.entity import Request, XmppError
from components.rules.access.note import encode_note, sign_statement
from components.rules.access.register import AccessRegister
from policy.access.statement import AccessAct, Statement, statement_digest
from policy.address import BareJid
from policy.directory.directory import parse_directory
from policy.directory.enterprise import EnterpriseId, Role
from tests.unit.rules.test_grants import DIRECTORY, make_settings

METALS, ALICE = EnterpriseId("metals"), BareJid("alice@metals.example")
DESK, NOTICE = "alice@metals.example/desk", "notice@access.metals.example"


class Line:
    """Alice is admitted; what is sent to people is in `sent`."""

    def __init__(self, root: Path) -> None:
        approvers = ("erin@metals.example", "frank@metals.example")
        keys = {jid: create_log_key(root / f"{jid}.key", f"approver/{jid}") for jid in approvers}
        settings = make_settings(root, approvers=[root / f"{jid}.pub" for jid in approvers])
        self.register = AccessRegister(settings)
        self.directory = parse_directory(DIRECTORY)
        now_s = int(time.time()) - 10
        asked = Statement(AccessAct.REQUEST, ALICE, METALS, ALICE, now_s, id="r1", roles=(Role.TRADER,))
        self.register.folder.store(encode_note(asked))
        for jid, key in keys.items():
            approved = Statement(
                AccessAct.APPROVE, ALICE, METALS, BareJid(jid), now_s, request=statement_digest(asked)
            )
            self.register.folder.store(sign_statement(approved, key))
        self.sent: list[ET.Element] = []
        self.taking = Acknowledging(self.register, settings.notice, self.read, self.sent.append)

    def read(self) -> Standing:
        return Standing(self.directory, self.register.judge(self.directory, int(time.time())))

    async def say(self, body: str, to: str = NOTICE, sender: str = DESK) -> list[tuple[str, str]]:
        """Have somebody write; returns from where they were answered, and what."""
        self.sent.clear()
        self.taking.take_answer(sender, to, body, "gate/7")
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*under_way)
        return [(each.get("from", ""), each[0].text or "") for each in self.sent]

    async def step(self, action: str = "execute", sender: str = DESK, **values: str) -> ET.Element:
        payload = ET.Element(f"{{{XMLNS}}}command", node=f"{NODE}{COMMAND}", action=action)
        if values:
            payload.append(encode_submission("", {name: [value] for name, value in values.items()}))
        return await self.taking.handle(Request(sender, NOTICE, "1", "set", payload))


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setattr(acknowledge, "_TOLD_AFTER_S", 0.0)
    return Line(tmp_path)


@pytest.mark.parametrize("to", [NOTICE, "access.metals.example"])
async def test_a_word_is_answered_where_it_was_said(line: Line, to: str) -> None:
    ((sender, told),) = await line.say("what is this?", to)
    assert sender == to
    assert told.endswith(ASK)
    assert line.sent[0].find("{urn:xmpp:tmp:quick-response}response[@value='yes']") is not None
    assert line.taking.is_asked(DESK)
    assert await line.say(YES, to) == [(to, THANKS)]
    assert not line.taking.is_asked(DESK)
    assert await line.say("hello?", to) == [(to, KNOWN)]


async def test_a_reply_that_quotes_the_notice_is_an_answer(line: Line) -> None:
    assert await line.say("> This line is recorded.\n> yes or no\n\nYes!") == [(NOTICE, THANKS)]


async def test_what_says_more_than_yes_is_no_answer(line: Line) -> None:
    for body in ("yes\nbut not for long", "> yes", "> yes\nno"):
        ((_, told),) = await line.say(body)
        assert told.endswith(ASK), body


async def test_the_command_asks_and_takes_an_answer(line: Line) -> None:
    form = await line.step()
    assert form.get("status") == "executing"
    assert "This line is recorded" in ET.tostring(form, encoding="unicode")
    assert ASK in ET.tostring(await line.step("complete", agree="0"), encoding="unicode")
    assert (await line.step("cancel")).get("status") == "canceled"
    assert line.taking.is_asked(DESK)
    assert THANKS in ET.tostring(await line.step("complete", agree="true"), encoding="unicode")
    assert not line.taking.is_asked(DESK)
    assert KNOWN in ET.tostring(await line.step(), encoding="unicode")


async def test_nobody_else_is_heard(line: Line) -> None:
    stranger = "mallory@metals.example/x"
    assert await line.say(YES, sender=stranger) == []
    with pytest.raises(XmppError, match="forbidden"):
        await line.step(sender=stranger)
