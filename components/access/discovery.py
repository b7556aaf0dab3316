"""What the component says of itself (XEP-0030): its commands, to approvers."""

from collections.abc import Callable
from xml.etree import ElementTree as ET

from components.access.commands import NAMES, NODE
from components.access.commands import XMLNS as XMLNS_COMMANDS
from components.access.form import XMLNS as XMLNS_DATA
from components.link.entity import Request, XmppError

XMLNS_INFO = "http://jabber.org/protocol/disco#info"
XMLNS_ITEMS = "http://jabber.org/protocol/disco#items"


class Discovery:
    """Answers disco requests; `is_approver` says who is told of commands."""

    def __init__(self, jid: str, is_approver: Callable[[str], bool]) -> None:
        self._jid = jid
        self._is_approver = is_approver
        self._commands = {f"{NODE}{command}": name for command, name in NAMES.items()}

    async def answer_info(self, request: Request) -> ET.Element:
        """Return what a node is; raises XmppError (`item-not-found`) for others."""
        node = request.payload.get("node", "")
        identity = {"category": "component", "type": "generic", "name": "Access to the recorded line"}
        features = [XMLNS_INFO, XMLNS_ITEMS, XMLNS_COMMANDS]
        if node == XMLNS_COMMANDS:
            identity = {"category": "automation", "type": "command-list"}
        elif node in self._commands and self._is_approver(request.sender):
            identity = {"category": "automation", "type": "command-node", "name": self._commands[node]}
            features = [XMLNS_COMMANDS, XMLNS_DATA]
        elif node:
            raise XmppError("item-not-found")
        query = ET.Element(f"{{{XMLNS_INFO}}}query", {"node": node} if node else {})
        ET.SubElement(query, f"{{{XMLNS_INFO}}}identity", identity)
        for feature in sorted(features):
            ET.SubElement(query, f"{{{XMLNS_INFO}}}feature", var=feature)
        return query

    async def answer_items(self, request: Request) -> ET.Element:
        """Return the commands (XEP-0050, 2.1); there are none for somebody who is no approver."""
        node = request.payload.get("node", "")
        query = ET.Element(f"{{{XMLNS_ITEMS}}}query", {"node": node} if node else {})
        if node == XMLNS_COMMANDS and self._is_approver(request.sender):
            for command, name in self._commands.items():
                ET.SubElement(query, f"{{{XMLNS_ITEMS}}}item", jid=self._jid, node=command, name=name)
        return query
