"""The gate tells who may fetch files: what it hears of sessions, and the links that it lets through."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.gate.readers import Readers
from components.link.codec import Held
from components.rules.file_links import FileLink, FileLinks
from components.rules.file_readers import FileReaders, ReaderRegister
from policy.address import BareJid
from policy.content.stanza import read_stanza
from policy.decision import Action, Decision, release
from policy.facts import StanzaFacts, Way
from tests.unit.gate.fakes import ALICE, BOB, EPOCH, HOST

LINKS = FileLinks("https://files.metals.example/f/", b"k" * 64)
# It is made when tests are collected, and is not over when they are tried, be that long after.
LINK = FileLink(b"f" * 16, BareJid("alice@metals.example"), int(time.time()) + 1_000_000)
URL = LINKS.make(LINK, "a.pdf")


class Scene:
    def __init__(self, file: Path) -> None:
        self.register = ReaderRegister(file)
        self._gate = Readers(self.register, LINKS)
        self.told = FileReaders(file)
        self._seq = 0

    def event(self, kind: str, attributes: str = "", session: str = "c1", body: bytes = b"") -> None:
        body = body or f"<{kind} jid='{ALICE}' {attributes}/>".encode()
        self._hear(StanzaFacts(Way.SESSION, kind, "", "", ""), body, session, release())

    def say(self, decision: Decision, to: str = f"{BOB}/phone") -> None:
        text = f"<message from='{ALICE}' to='{to}'><body>{URL}</body></message>"
        self._hear(read_stanza(text), text.encode(), "c1", decision)

    def _hear(self, facts: StanzaFacts, body: bytes, session: str, decision: Decision) -> None:
        self._seq += 1
        self._gate.heard(Held(HOST, EPOCH, self._seq, session, body, facts), decision)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path / "sessions.db")
    yield scene
    scene.register.close()


def test_sessions(scene: Scene) -> None:
    scene.event("bind", "address='192.0.2.7' tls='TLSv1.3'")
    assert scene.told.find_people("192.0.2.7") == {"alice@metals.example"}
    scene.event("hibernate")
    assert scene.told.find_people("192.0.2.7") == frozenset()
    scene.event("resume", "address='192.0.2.8'")
    assert scene.told.find_people("192.0.2.8") == {"alice@metals.example"}
    scene.event("unbind")
    assert scene.told.find_people("192.0.2.8") == frozenset()
    scene.event("bind")
    scene.event("bind", body=b"<bind jid='")
    assert scene.told.find_people("") == frozenset()


@pytest.mark.parametrize(
    ("decision", "is_told"),
    [
        (release("flagged"), True),
        (Decision(Action.AMEND, ("r",)), True),
        (Decision(Action.HOLD, ("r",)), False),
        (Decision(Action.REFUSE, ("r",)), False),
    ],
)
def test_links(scene: Scene, decision: Decision, is_told: bool) -> None:
    scene.say(decision)
    assert scene.told.find_sent_to(LINK.id) == ({BOB} if is_told else set())


def test_a_link_in_a_room_is_sent_to_the_room(scene: Scene) -> None:
    scene.say(release(), "copper@rooms.metals.example")
    assert scene.told.find_sent_to(LINK.id) == {"copper@rooms.metals.example"}


@pytest.mark.sources
def test_what_it_stumbles_over_stops_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_texts: object) -> frozenset[FileLink]:
        raise RecursionError

    monkeypatch.setattr(LINKS, "find_links", stumble)
    scene.say(release())
    assert scene.told.find_sent_to(LINK.id) == frozenset()
