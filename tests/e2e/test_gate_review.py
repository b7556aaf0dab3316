"""Rules of what may be said on the real line: warned, amended, held, and what reviewers make of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from components.archive.record import Event, RecordKind, Submission, parse_record
from tests.support.line import Line
from tests.support.process import wait_until
from tests.support.reviewer import Reviewer
from tests.support.stream import Element, Matcher, XmppStream, message

pytestmark = pytest.mark.asyncio(loop_scope="module")

GATE = "gate.metals.example"
ALICE, BOB, CAROL = "alice@metals.example", "bob@metals.example", "carol@metals.example"
ROOM = "desk@rooms.metals.example"
DELAY = "{urn:xmpp:delay}delay"
BODY = "{jabber:client}body"
CARBON = "{urn:xmpp:carbons:2}"

POLICY = """
[[rule]]
id = "other-channel"
kind = "lexicon"
action = "warn"
text = "Stay on this line."
terms.en = ["whatsapp"]
must_match = ["whatsapp"]

[[rule]]
id = "links"
kind = "link"
action = "amend"
text = "A link was taken out."
hosts = ["ours.example"]
must_match = ["https://theirs.example/x"]

[[rule]]
id = "inside-information"
kind = "lexicon"
action = "hold"
text = "Your message is with compliance."
terms.en = ["insider tip"]
must_match = ["insider tip"]
"""


class Scene:
    """A line with rules and a reviewer; Alice and Bob are online with carbons, Carol is not."""

    def __init__(self, root: Path) -> None:
        self.policy_file = root / "policy.toml"
        self.policy_file.write_text(POLICY)
        self.line = Line(root, [ALICE, BOB, CAROL], [ROOM])
        self.line.gate.set("policy", str(self.policy_file))
        self.line.gate.add_table("[review]\ndeadline_s = 600")
        self.reviewer = Reviewer(self.line.gate, root / "audit")
        self.alice: XmppStream
        self.phone: XmppStream
        self.bob: XmppStream

    async def log_in(self) -> None:
        """Log in Alice, with a phone, and Bob."""
        self.alice, self.phone, self.bob = [
            await self._present(jid) for jid in (f"{ALICE}/desk", f"{ALICE}/phone", f"{BOB}/desk")
        ]

    async def _present(self, jid: str) -> XmppStream:
        stream = await self.line.login(jid)
        await stream.request("set", "<enable xmlns='urn:xmpp:carbons:2'/>")
        stream.send("<presence/>")
        await stream.ping()
        return stream

    async def records(self) -> list[Submission | Event]:
        """Read what is recorded of stanzas and reviews."""
        async with self.line.gate.open_log() as log:
            opened = await log.fetch(0, 100_000)
        kinds = (RecordKind.STANZA, RecordKind.REVIEW)
        parsed = [parse_record(each.leaf.kind, each.payload or b"") for each in opened if each.leaf.kind in kinds]
        return [each for each in parsed if isinstance(each, Submission | Event)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("review"))
    async with scene.line:
        await scene.log_in()
        yield scene


def say(text: str, to: str = BOB, type_: str = "chat", id_: str = "m1", extra: str = "") -> str:
    return f"<message to='{to}' type='{type_}' id='{id_}'><body>{text}</body>{extra}</message>"


def notice(text: str) -> Matcher:
    return lambda e: e.get("from") == GATE and text in (e.findtext(BODY) or "")


def carbon_of(body: str) -> Matcher:
    return lambda e: any(each.text == body for each in e.iter(BODY)) and e.find(f"{CARBON}sent") is not None


async def test_warned(scene: Scene) -> None:
    scene.alice.send(say("on whatsapp?"))
    await scene.bob.expect(message("on whatsapp?"))
    told = await scene.alice.expect(notice("Stay on this line."))
    assert told.get("type") == "chat"


async def test_amended(scene: Scene) -> None:
    out_of_band = "<x xmlns='jabber:x:oob'><url>https://theirs.example/x?a=1&amp;b=2</url></x>"
    scene.alice.send(say("see https://theirs.example/x?a=1&amp;b=2 or https://ours.example/", extra=out_of_band))
    seen = await scene.bob.expect(message("see [link removed] or https://ours.example/"))
    assert seen.find("{jabber:x:oob}x") is None and seen.get("id") == "m1"
    await scene.alice.expect(notice("A link was taken out."))
    amended = [each for each in await scene.records() if isinstance(each, Submission) and each.amended]
    assert b"[link removed]" in amended[-1].amended and b"theirs.example" not in amended[-1].amended
    assert b"theirs.example" in amended[-1].body


async def test_held_and_released(scene: Scene) -> None:
    scene.alice.send(say("an insider tip", id_="h1") + say("good morning"))
    await scene.bob.expect(message("good morning"))
    await scene.alice.expect(notice("with compliance"))
    (record,) = await scene.reviewer.waiting()
    await scene.reviewer.decide("release", record)
    released = await scene.bob.expect(message("an insider tip"))
    assert (released.get("from"), released.get("id")) == (f"{ALICE}/desk", "h1")
    delay = released.find(DELAY)
    assert delay is not None and delay.get("from") == GATE
    await scene.phone.expect(carbon_of("an insider tip"))
    await scene.alice.expect(notice("has been sent now"))
    assert await scene.reviewer.waiting() == []
