"""The example directory, and facts made from stanzas written as XML."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from policy.directory.directory import parse_directory
from policy.facts import NamedJid, StanzaFacts, Way

EXAMPLE_TEXT = (Path(__file__).parents[3] / "config" / "examples" / "directory.toml").read_text()
EXAMPLE = parse_directory(EXAMPLE_TEXT)

ALICE = "alice@metals.example/desk-1"
BOB = "bob@metals.example"
GEORGE = "george@grain.example"
ROOM = "desk@rooms.metals.example"


def read_stanza(xml: str, way: Way = Way.C2S, **routed: Any) -> StanzaFacts:
    """Take the facts of a stanza that has no namespace itself; `routed` is what the server stamped."""
    stanza = ElementTree.fromstring(xml)
    descendants = list(stanza.iter())[1:]
    facts: dict[str, Any] = {
        "way": way,
        "kind": stanza.tag,
        "type": stanza.get("type", ""),
        "sender": stanza.get("from", ALICE),
        "to": stanza.get("to", ""),
        "elements": tuple(element.tag for element in descendants),
        "text": "\n".join(stanza.itertext()),
        "attributes": tuple(value for element in descendants for value in element.attrib.values()),
        "jids": tuple(
            NamedJid(element.tag, jid, element.get("subscription", ""), element.get("affiliation", ""))
            for element in descendants
            for jid in (element.get("jid"), element.get("to"))
            if jid is not None
        ),
    }
    return StanzaFacts(**(facts | routed))


def say(text: str, to: str = BOB, **routed: Any) -> StanzaFacts:
    """Take the facts of a chat message with a body and nothing else."""
    facts: dict[str, Any] = {
        "way": Way.C2S,
        "kind": "message",
        "type": "chat",
        "sender": ALICE,
        "to": to,
        "elements": ("{jabber:client}body",),
        "text": text,
    }
    return StanzaFacts(**(facts | routed))
