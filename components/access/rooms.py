"""The notice in a room: in its description, and as its subject (XEP-0045)."""

import time
from collections.abc import Sequence
from typing import Protocol
from xml.etree import ElementTree as ET

import structlog

from components.access.form import encode_submission
from components.access.notice import XMLNS_COMPONENT
from components.link.entity import EntityError
from components.process.backoff import Backoff
from policy.address import BareJid
from policy.directory.enterprise import Room

_XMLNS_MUC = "http://jabber.org/protocol/muc"
_XMLNS_OWNER = f"{_XMLNS_MUC}#owner"
_ROOM_CONFIG = f"{_XMLNS_MUC}#roomconfig"
_NICKNAME = "Steelyard"
_TIMEOUT_S = 10.0

log = structlog.get_logger("access")


class RoomLink(Protocol):
    """The way to rooms: the component's link."""

    jid: str

    def send(self, stanza: ET.Element) -> bool:
        """Send a stanza; returns False while there is no connection."""

    async def request(
        self, to: str, payload: ET.Element, *, kind: str = "get", sender: str = "", timeout_s: float = 30.0
    ) -> ET.Element | None:
        """Send a request and return the payload of its result; raises EntityError."""


class RoomNotices:
    """Puts the notice into each room once; if a room refuses it, tries again after growing pauses."""

    def __init__(self, link: RoomLink) -> None:
        self._link = link
        self._done: set[BareJid] = set()
        self._pauses: dict[BareJid, Backoff] = {}

    @property
    def stuck(self) -> tuple[str, ...]:
        """Rooms whose last try failed, each with the reason."""
        return tuple(f"{room}: {pause.fault}" for room, pause in self._pauses.items() if pause.fault)

    def forget(self) -> None:
        """Begin again: the server may be another one than before, and its rooms new."""
        self._done.clear()
        self._pauses.clear()

    async def put(self, rooms: Sequence[Room], notice: str) -> float | None:
        """Put the notice into rooms that lack it; return after how many seconds to try again, None if all have it."""
        lacking = [room for room in rooms if room.jid not in self._done]
        self._pauses = {room.jid: self._pauses.get(room.jid, Backoff()) for room in lacking}
        for room in lacking:
            pause = self._pauses[room.jid]
            if not pause.is_due(time.monotonic()):
                continue
            try:
                await put_notice(self._link, room.jid, room.name, notice)
                self._done.add(room.jid)
                # Remove it also if the link went down meanwhile and everything was forgotten.
                self._pauses.pop(room.jid, None)
            except EntityError as error:
                if pause.failed(str(error), time.monotonic()):
                    log.warning("a room has no notice", room=room.jid, reason=str(error))
        now_s = time.monotonic()
        return min((pause.due_in_s(now_s) for pause in self._pauses.values()), default=None)


async def put_notice(link: RoomLink, room: str, name: str, notice: str) -> None:
    """Make a room if need be, describe it, set its subject and leave; raises EntityError.

    The component must be an owner of the room. It does not wait until it has joined: the server carries out all steps
    in order, and if the join fails, the later steps fail, too.
    """
    _send_presence(link, room)
    try:
        query = ET.Element(f"{{{_XMLNS_OWNER}}}query")
        values = {
            "muc#roomconfig_roomname": [name],
            "muc#roomconfig_roomdesc": [notice],
            "muc#roomconfig_persistentroom": ["1"],
        }
        query.append(encode_submission(_ROOM_CONFIG, values))
        await link.request(room, query, kind="set", timeout_s=_TIMEOUT_S)
        message = ET.Element("message", {"from": link.jid, "to": room, "type": "groupchat"})
        ET.SubElement(message, f"{{{XMLNS_COMPONENT}}}subject").text = notice
        link.send(message)
    finally:
        _send_presence(link, room, "unavailable")


def _send_presence(link: RoomLink, room: str, kind: str = "") -> None:
    presence = ET.Element("presence", {"from": link.jid, "to": f"{room}/{_NICKNAME}"})
    if kind:
        presence.set("type", kind)
    else:
        muc = ET.SubElement(presence, f"{{{_XMLNS_MUC}}}x")
        ET.SubElement(muc, f"{{{_XMLNS_MUC}}}history", maxstanzas="0")
    link.send(presence)
