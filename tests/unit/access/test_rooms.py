"""A room that refuses the notice is asked again after pauses that grow, and keeps the others from nothing."""

from xml.etree import ElementTree as ET

import pytest

from components.access.rooms import RoomNotices
from components.link.entity import XmppError
from policy.address import BareJid
from policy.directory.enterprise import Room

PIT, DESK = (Room(BareJid(f"{name}@rooms.metals.example"), name) for name in ("pit", "desk"))


class Rooms:
    """Rooms that take the notice, but for those that refuse it."""

    jid = "access.metals.example"

    def __init__(self) -> None:
        self.refusing: set[str] = set()
        self.asked: list[str] = []

    def send(self, _stanza: ET.Element) -> bool:
        return True

    async def request(
        self, to: str, _payload: ET.Element, *, kind: str = "get", sender: str = "", timeout_s: float = 30.0
    ) -> None:
        assert (kind, sender) == ("set", "")
        self.asked.append(to)
        if to in self.refusing:
            raise XmppError("forbidden", "not yours")


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now_s = [100.0]
    monkeypatch.setattr("components.access.rooms.time.monotonic", lambda: now_s[0])
    return now_s


async def test_one_that_refuses_is_asked_less_and_less_often(now_s: list[float]) -> None:
    rooms = Rooms()
    rooms.refusing = {PIT.jid}
    notices = RoomNotices(rooms)
    pauses_s = []
    for _ in range(5):
        pause_s = await notices.put([PIT, DESK], "Recorded.")
        assert pause_s is not None
        pauses_s.append(pause_s)
        assert await notices.put([PIT, DESK], "Recorded.") == pause_s
        now_s[0] += pause_s
    assert pauses_s == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert rooms.asked.count(DESK.jid) == 1
    assert rooms.asked.count(PIT.jid) == len(pauses_s)
    assert notices.stuck == (f"{PIT.jid}: forbidden: not yours",)
    rooms.refusing = set()
    assert await notices.put([PIT, DESK], "Recorded.") is None
    assert len(notices.stuck) == 0


async def test_after_a_new_connection_all_have_it_anew(now_s: list[float]) -> None:
    rooms = Rooms()
    notices = RoomNotices(rooms)
    assert await notices.put([PIT], "Recorded.") is None
    assert await notices.put([PIT], "Recorded.") is None
    assert rooms.asked == [PIT.jid]
    notices.forget()
    assert await notices.put([PIT], "Recorded.") is None
    assert rooms.asked == [PIT.jid, PIT.jid]
