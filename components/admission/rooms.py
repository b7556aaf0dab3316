"""The notice in every room: in its description, and as its subject (XEP-0045)."""

import asyncio
from xml.etree import ElementTree as ET

from components.admission.form import encode_submission
from components.admission.notice import XMLNS_COMPONENT
from components.link.entity import EntityError, EntityLink, NoAnswerError, read_error

_XMLNS_MUC = "http://jabber.org/protocol/muc"
_XMLNS_USER = f"{_XMLNS_MUC}#user"
_XMLNS_OWNER = f"{_XMLNS_MUC}#owner"
_ROOM_CONFIG = f"{_XMLNS_MUC}#roomconfig"
_SELF = "110"  # XEP-0045, 7.2.2: this presence is one's own
_NICKNAME = "Steelyard"
_TIMEOUT_S = 10.0


class RoomNotices:
    """Puts the notice into rooms, one after the other; the component must be an owner of them."""

    def __init__(self, link: EntityLink) -> None:
        self._link = link
        self._joining: dict[str, asyncio.Future[None]] = {}

    async def put(self, room: str, name: str, notice: str) -> None:
        """Make the room if need be, describe it, set its subject and leave; raises EntityError."""
        await self._join(room)
        try:
            query = ET.Element(f"{{{_XMLNS_OWNER}}}query")
            values = {
                "muc#roomconfig_roomname": [name],
                "muc#roomconfig_roomdesc": [notice],
                "muc#roomconfig_persistentroom": ["1"],
            }
            query.append(encode_submission(_ROOM_CONFIG, values))
            await self._link.request(room, query, kind="set", timeout_s=_TIMEOUT_S)
            message = ET.Element("message", {"from": self._link.jid, "to": room, "type": "groupchat"})
            ET.SubElement(message, f"{{{XMLNS_COMPONENT}}}subject").text = notice
            self._link.send(message)
        finally:
            self._send_presence(room, "unavailable")

    def take(self, presence: ET.Element) -> None:
        """Take a presence that comes from a room."""
        room = presence.get("from", "").partition("/")[0]
        waiting = self._joining.get(room)
        if waiting is None or waiting.done():
            return
        if presence.get("type") == "error":
            waiting.set_exception(read_error(presence))
            return
        codes = presence.findall(f"{{{_XMLNS_USER}}}x/{{{_XMLNS_USER}}}status")
        if any(each.get("code") == _SELF for each in codes):
            waiting.set_result(None)

    async def _join(self, room: str) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._joining[room] = waiting
        try:
            if not self._send_presence(room):
                raise NoAnswerError(f"{room} cannot be joined: not connected")
            async with asyncio.timeout(_TIMEOUT_S):
                await waiting
        except TimeoutError:
            raise EntityError(f"{room} cannot be joined: no answer in {_TIMEOUT_S:g} s") from None
        finally:
            del self._joining[room]

    def _send_presence(self, room: str, kind: str = "") -> bool:
        presence = ET.Element("presence", {"from": self._link.jid, "to": f"{room}/{_NICKNAME}"})
        if kind:
            presence.set("type", kind)
        else:
            muc = ET.SubElement(presence, f"{{{_XMLNS_MUC}}}x")
            ET.SubElement(muc, f"{{{_XMLNS_MUC}}}history", maxstanzas="0")
        return self._link.send(presence)
