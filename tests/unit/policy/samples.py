"""The example directory, and facts made from stanzas written as XML."""

from pathlib import Path
from typing import Any

from policy.content.stanza import read_stanza as read_any_stanza
from policy.directory.directory import parse_directory
from policy.facts import StanzaFacts, Way

EXAMPLE_TEXT = (Path(__file__).parents[3] / "config" / "examples" / "directory.toml").read_text()
EXAMPLE = parse_directory(EXAMPLE_TEXT)

ALICE = "alice@metals.example/desk-1"
BOB = "bob@metals.example"
GEORGE = "george@grain.example"
ROOM = "desk@rooms.metals.example"


def read_stanza(xml: str, way: Way = Way.C2S, **routed: Any) -> StanzaFacts:
    """Take the facts of a stanza that has no namespace itself; `routed` is what the server stamped."""
    facts = read_any_stanza(xml)
    return facts._replace(**({"way": way, "sender": facts.sender or ALICE} | routed))


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
