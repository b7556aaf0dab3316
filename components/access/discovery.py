"""Answers service discovery (XEP-0030): shows the commands to the people who may use them."""

from collections.abc import Callable, Mapping
from xml.etree import ElementTree as ET

from components.access.adhoc import XMLNS as XMLNS_COMMANDS
from components.access.form import XMLNS as XMLNS_DATA
from components.link.entity import XMLNS_DISCO_INFO, XMLNS_DISCO_ITEMS, Request, XmppError


class Discovery:
    """Answers disco requests; `find_commands` gives the nodes and names of the commands that a person may use."""

    def __init__(self, find_commands: Callable[[str], Mapping[str, str]]) -> None:
        self._find_commands = find_commands

    async def answer_info(self, request: Request) -> ET.Element:
        """Return the description of a node; raises XmppError (`item-not-found`) for unknown nodes."""
        node = request.payload.get("node", "")
        commands = self._find_commands(request.sender)
        identity = {"category": "component", "type": "generic", "name": "Access to the recorded line"}
        if "@" in request.to:
            identity |= {"category": "client", "type": "bot", "name": "The recorded line"}
        features = [XMLNS_DISCO_INFO, XMLNS_DISCO_ITEMS, XMLNS_COMMANDS]
        if node == XMLNS_COMMANDS:
            identity = {"category": "automation", "type": "command-list"}
        elif node in commands:
            identity = {"category": "automation", "type": "command-node", "name": commands[node]}
            features = [XMLNS_COMMANDS, XMLNS_DATA]
        elif node:
            raise XmppError("item-not-found")
        query = ET.Element(f"{{{XMLNS_DISCO_INFO}}}query", {"node": node} if node else {})
        ET.SubElement(query, f"{{{XMLNS_DISCO_INFO}}}identity", identity)
        for feature in sorted(features):
            ET.SubElement(query, f"{{{XMLNS_DISCO_INFO}}}feature", var=feature)
        return query

    async def answer_items(self, request: Request) -> ET.Element:
        """Return the commands (XEP-0050, 2.1) that the requester may use."""
        node = request.payload.get("node", "")
        query = ET.Element(f"{{{XMLNS_DISCO_ITEMS}}}query", {"node": node} if node else {})
        if node == XMLNS_COMMANDS:
            for command, name in self._find_commands(request.sender).items():
                ET.SubElement(query, f"{{{XMLNS_DISCO_ITEMS}}}item", jid=request.to, node=command, name=name)
        return query
