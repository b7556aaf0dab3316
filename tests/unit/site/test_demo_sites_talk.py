"""The demonstration of two sites is strict: what is not seen, not recorded at both, or not refused makes it fail."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from components.link.client import Received, SendResult
from components.site import demo_sites_talk
from components.site.demo_conversation import UnexpectedError
from components.site.demo_scenes import Contacts, Message, Online, Scene
from components.site.demo_sites import LONDON, OLIVER, ROOM, SHANGHAI, WEI
from components.site.demo_sites_talk import Talk

NAMES = {WEI: "Wei Lin", OLIVER: "Oliver Owen"}


class FakeLine:
    """Two clients, each at its site; the attributes say what is wrong."""

    def __init__(self) -> None:
        self.clients = {jid: FakeClient(jid, self) for jid in NAMES}
        self.gates = [SHANGHAI.gate, LONDON.gate]
        self.sees = True
        self.knows = True
        self.reaches_strangers = False
        self.refuses = False
        self.alters: Callable[[str], str] = str
        self.count = 0

    def deliver(self, sender: str, to: str, body: str) -> None:
        self.count += 1
        ids = dict.fromkeys(self.gates, f"gate/{self.count}")
        self.clients[to].inbox.append(Received(sender, self.alters(body), ids, delayed=False))


class FakeClient:
    """One of them."""

    def __init__(self, jid: str, line: FakeLine) -> None:
        self.jid, self._line = jid, line
        self.inbox: list[Received] = []

    def contacts(self) -> dict[str, str]:
        return {jid: name for jid, name in NAMES.items() if jid != self.jid} if self._line.knows else {}

    def online(self) -> set[str]:
        return set(self.contacts()) if self._line.sees else set()

    async def send_chat(self, to: str, body: str, **_how: Any) -> SendResult:
        if to not in NAMES:
            return SendResult("m1", self._line.reaches_strangers, "not-allowed", "Your own enterprise only.")
        if self._line.refuses:
            return SendResult("m1", False, "not-allowed", "No.")
        self._line.deliver(f"{self.jid}/phone", to, body)
        return SendResult("m1", delivered=True)

    async def join(self, _room: str, _nickname: str) -> None:
        return None

    def write_in(self, room: str, body: str) -> None:
        for jid in NAMES:
            self._line.deliver(f"{room}/{self.jid.partition('@')[0]}", jid, body)

    async def receive(self) -> Received:
        if not self.inbox:
            await asyncio.sleep(60)
        return self.inbox.pop(0)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> FakeLine:
    monkeypatch.setattr(demo_sites_talk, "_SEEN_WITHIN_S", 0.02)
    return FakeLine()


async def play(line: FakeLine) -> tuple[list[Scene], Talk]:
    scenes: list[Scene] = []
    talk = Talk(line.clients, scenes.append)  # type: ignore[arg-type]
    await talk.meet()
    await talk.play()
    await talk.share_room()
    return scenes, talk


async def test_what_is_shown_names_the_records_of_both_sites(line: FakeLine) -> None:
    scenes, talk = await play(line)
    assert [each.names for each in scenes if isinstance(each, Contacts | Online)] == [
        {OLIVER: "Oliver Owen"},
        {WEI: "Wei Lin"},
    ] * 2
    said = [
        (each.sender, each.to, each.record or each.condition) for each in scenes if isinstance(each, Message)
    ]
    assert said == [
        (WEI, OLIVER, "gate/1 in Shanghai and gate/1 in London"),
        (OLIVER, WEI, "gate/2 in Shanghai and gate/2 in London"),
        (WEI, "trader@elsewhere.example", "not-allowed"),
        (OLIVER, ROOM, "gate/4 in Shanghai and gate/4 in London"),
    ]
    assert talk.records == {site: ["gate/1", "gate/2", "gate/4"] for site in (SHANGHAI, LONDON)}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"knows": False}, f"{WEI} has no contact {OLIVER}"),
        ({"sees": False}, f"{WEI} does not see that {OLIVER} is there"),
        ({"refuses": True}, f"{WEI} could not write to {OLIVER}: not-allowed: No."),
        ({"reaches_strangers": True}, "was not refused with a reason"),
        ({"gates": [SHANGHAI.gate]}, "was not recorded in London"),
        ({"gates": [LONDON.gate]}, "was not recorded in Shanghai"),
        ({"alters": str.upper}, "not what wei@shanghai.example had written"),
    ],
)
async def test_anything_else_makes_it_fail(line: FakeLine, wrong: dict[str, Any], said: str) -> None:
    for name, value in wrong.items():
        setattr(line, name, value)
    with pytest.raises(UnexpectedError, match=said):
        await play(line)


async def test_a_room_that_says_something_else_makes_it_fail(line: FakeLine) -> None:
    talk = Talk(line.clients, lambda _scene: None)  # type: ignore[arg-type]
    line.alters = str.upper
    with pytest.raises(UnexpectedError, match="in the room"):
        await talk.share_room()


async def test_what_the_line_itself_says_is_not_taken_for_an_answer(line: FakeLine) -> None:
    line.clients[OLIVER].inbox += [
        Received(f"notice@{LONDON.gate}", "This line is recorded", {}, delayed=False),
        Received(f"{WEI}/phone", "an earlier one", {}, delayed=True),
    ]
    _, talk = await play(line)
    assert len(talk.records[LONDON]) == 3
