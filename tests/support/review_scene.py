"""A line with rules of what may be said, and a reviewer; what its people say and see."""

from pathlib import Path

from components.archive.record import Event, RecordKind, Submission, parse_record
from tests.support.line import Line
from tests.support.reviewer import Reviewer
from tests.support.stream import Matcher, XmppStream

GATE = "gate.metals.example"
NOTICE = f"notice@{GATE}"
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

[[rule]]
id = "two-people"
kind = "lexicon"
action = "hold"
text = "Your message is with compliance."
terms.en = ["merger plan"]
must_match = ["merger plan"]
reviewers = 2
"""


class Scene:
    """A line with rules and a reviewer; Alice and Bob are online with carbons, Carol is not."""

    def __init__(self, root: Path, *, options: dict[str, str] | None = None) -> None:
        self.policy_file = root / "policy.toml"
        self.policy_file.write_text(POLICY)
        self.line = Line(root, [ALICE, BOB, CAROL], [ROOM], options=options)
        self.line.gate.replace_setting("[gate]", f'[gate]\npolicy = "{self.policy_file}"')
        self.line.gate.add_table("[review]\ndeadline_s = 600")
        self.reviewer = Reviewer(self.line.gate, root / "audit")
        self.alice: XmppStream
        self.phone: XmppStream
        self.bob: XmppStream

    async def log_in(self) -> None:
        """Log in Alice, with a phone, and Bob."""
        self.alice, self.phone, self.bob = [
            await self.present(jid) for jid in (f"{ALICE}/desk", f"{ALICE}/phone", f"{BOB}/desk")
        ]

    async def present(self, jid: str) -> XmppStream:
        """Log in and be available, with carbons."""
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
        parsed = [
            parse_record(RecordKind(each.leaf.kind), each.payload or b"")
            for each in opened
            if each.leaf.kind in kinds
        ]
        return [each for each in parsed if isinstance(each, Submission | Event)]


def say(text: str, to: str = BOB, type_: str = "chat", id_: str = "m1", extra: str = "") -> str:
    return f"<message to='{to}' type='{type_}' id='{id_}'><body>{text}</body>{extra}</message>"


def notice(text: str) -> Matcher:
    return lambda e: e.get("from") == NOTICE and text in (e.findtext(BODY) or "")


def held_back(id_: str = "m1", from_: str = BOB) -> Matcher:
    """Match what the sender of a held message gets, on the message itself."""
    return lambda e: (
        (e.get("id"), e.get("from")) == (id_, from_)
        and e.get("type") == "error"
        and "not delivered yet" in (e.findtext(".//{urn:ietf:params:xml:ns:xmpp-stanzas}text") or "")
    )


def carbon_of(body: str) -> Matcher:
    return lambda e: any(each.text == body for each in e.iter(BODY)) and e.find(f"{CARBON}sent") is not None


def refused(id_: str) -> Matcher:
    return lambda e: e.get("id") == id_ and e.get("type") == "error"


def bodies(stream: XmppStream) -> list[str]:
    return [e.findtext(BODY) or "" for e in stream.received]
