"""A path: its stanzas, with placeholders for the people at its ends."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from xml.sax.saxutils import escape

from policy.address import BareJid, Domain, bare, domain_of
from policy.content.stanza import read_stanza
from policy.facts import StanzaFacts, Way

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class Through(StrEnum):
    """What a path goes through, which says for whom it must be closed.

    `PERSON`: the stanza is addressed to the target; `NAME`: it names the target, to the sender's own server, room or
    account. Both must be refused where the sender may not reach the target. `ROOM`: it is addressed to a room
    (`{room}`), or names one: refused where the sender may not enter that room. `SERVER`: it is addressed to a domain
    of the target's: refused where that belongs to another enterprise. `ACCOUNT`: it stays with one's own account.
    """

    PERSON = "person"
    NAME = "name"
    ROOM = "room"
    SERVER = "server"
    ACCOUNT = "account"


class Closed(StrEnum):
    """Which part closes a path.

    `GATE`: policy refuses each of its stanzas. `BORDER`: the server makes them itself; policy decides on them as on
    others, and the adapter holds back what it would refuse. `SERVER`: the server does not offer it, whoever asks.
    `HARMLESS`: it passes, and neither reaches the target nor tells anything of it.
    """

    GATE = "gate"
    BORDER = "border"
    SERVER = "server"
    HARMLESS = "harmless"


@dataclass(frozen=True, slots=True)
class PathEnds:
    """Who is at the ends of a path: a full JID that says something, and the bare JID that it must not get to.

    `room` is a room that the target may enter, `own_room` one that the sender may; empty where there is none.
    """

    sender: str
    target: BareJid
    room: str = ""
    own_room: str = ""
    resource: str = "desk"
    nick: str = "target"

    def places(self) -> dict[str, str]:
        """Return the value of each placeholder, without empty ones."""
        domain = domain_of(self.target)
        places = {
            "sender": self.sender,
            "own": bare(self.sender),
            "own_domain": domain_of(self.sender),
            "target": self.target,
            "target_full": f"{self.target}/{self.resource}",
            "target_name": self.target.partition("@")[0],
            "target_domain": domain,
            "room": self.room,
            "rooms_domain": domain_of(self.room) if self.room else Domain(f"rooms.{domain}"),
            "own_room": self.own_room,
            "nick": self.nick,
        }
        return {name: place for name, place in places.items() if place}


@dataclass(frozen=True, slots=True)
class Template:
    """One stanza with placeholders such as `{target}`, and its facts, in which they still stand.

    It has no namespace of its own (that of clients), no `id`, and a `from` only where somebody else than the sender
    speaks.
    """

    xml: str
    facts: StanzaFacts = field(init=False, repr=False, compare=False)
    needs: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", _read(self.xml))
        object.__setattr__(self, "needs", frozenset(_PLACEHOLDER.findall(self.xml)))


@dataclass(frozen=True, slots=True)
class Path:
    """A way from a sender to a target, in one or more stanzas that are each tried alone.

    `xep` is where it is specified, `ways` how its stanzas come to a server, `discloses` what they would tell whom.
    """

    id: str
    title: str
    xep: str
    templates: tuple[Template, ...]
    discloses: str
    through: Through = Through.PERSON
    closed: Closed = Closed.GATE
    ways: tuple[Way, ...] = (Way.C2S, Way.S2S)


def make_requests(type_: str, payloads: Iterable[str], to: Sequence[str] = ("",)) -> tuple[Template, ...]:
    """Return the requests (`iq`) with each payload, to each address; the empty one is the sender's own account."""
    return tuple(
        Template(f"<iq type='{type_}'{attribute}>{payload}</iq>")
        for payload in payloads
        for attribute in (f" to='{each}'" if each else "" for each in to)
    )


def fill_facts(template: Template, way: Way, places: Mapping[str, str]) -> StanzaFacts:
    """Return the facts of a stanza between these ends, as the server would route it; needs `template.needs`."""
    facts = template.facts
    if not template.needs:
        return facts._replace(way=way, sender=facts.sender.format_map(places))
    return facts._replace(
        way=way,
        sender=facts.sender.format_map(places),
        to=facts.to.format_map(places),
        text=_fill(facts.text, places),
        attributes=tuple(_fill(value, places) for value in facts.attributes),
        jids=tuple(replace(each, jid=_fill(each.jid, places)) for each in facts.jids),
        followed=tuple(_fill(value, places) for value in facts.followed),
        joined=_fill(facts.joined, places),
    )


def _fill(text: str, places: Mapping[str, str]) -> str:
    return text.format_map(places) if "{" in text else text


def render_stanza(template: Template, places: Mapping[str, str], id_: str) -> str:
    """Write a stanza between these ends as a client sends it."""
    values = {name: escape(value, {"'": "&apos;"}) for name, value in places.items()}
    filled = _PLACEHOLDER.sub(lambda match: values[match[1]], template.xml)
    return re.sub(r"^<\w+", lambda match: f"{match[0]} id='{id_}'", filled)


def _read(xml: str) -> StanzaFacts:
    """Return the facts of a template as the gate reads them from its stream."""
    facts = read_stanza(xml)
    if facts.sender:
        return facts
    # The sender is somebody of their own domain: what they tell its server is not for others to read (XEP-0077).
    from_there = re.sub(r"^<\w+", lambda found: f"{found[0]} from='sender@{{own_domain}}'", xml)
    return read_stanza(from_there)._replace(sender="{sender}")
