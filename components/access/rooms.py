"""The notice in a room: in its description, and as its subject (XEP-0045)."""

from xml.etree import ElementTree as ET

from components.access.form import encode_submission
from components.access.notice import XMLNS_COMPONENT
from components.link.entity import EntityLink

_XMLNS_MUC = "http://jabber.org/protocol/muc"
_XMLNS_OWNER = f"{_XMLNS_MUC}#owner"
_ROOM_CONFIG = f"{_XMLNS_MUC}#roomconfig"
_NICKNAME = "Steelyard"
_TIMEOUT_S = 10.0


async def put_notice(link: EntityLink, room: str, name: str, notice: str) -> None:
    """Make a room if need be, describe it, set its subject and leave; raises EntityError.

    The component must be an owner of it. That it is in is not waited for: all of this is carried out in order, and
    whoever did not get in cannot configure what is not there.
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


def _send_presence(link: EntityLink, room: str, kind: str = "") -> None:
    presence = ET.Element("presence", {"from": link.jid, "to": f"{room}/{_NICKNAME}"})
    if kind:
        presence.set("type", kind)
    else:
        muc = ET.SubElement(presence, f"{{{_XMLNS_MUC}}}x")
        ET.SubElement(muc, f"{{{_XMLNS_MUC}}}history", maxstanzas="0")
    link.send(presence)
