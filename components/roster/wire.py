"""Rosters as XML (RFC 6121, 2) and the privileges that a server grants (XEP-0356)."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from policy.address import BareJid
from policy.roster import RosterChange, RosterItem

XMLNS_ROSTER = "jabber:iq:roster"
XMLNS_PRIVILEGE = "urn:xmpp:privilege:2"
XMLNS = "urn:steelyard:roster:0"
QUERY = f"{{{XMLNS_ROSTER}}}query"

_ITEM, _GROUP = f"{{{XMLNS_ROSTER}}}item", f"{{{XMLNS_ROSTER}}}group"
_ITEMS_AT_ONCE = 100  # 5 ms of the server, which does nothing else meanwhile; it would accept thousands


class WireError(Exception):
    """The server's answer is not a roster."""


def encode_get() -> ET.Element:
    """Return the request for a roster."""
    return ET.Element(QUERY)


def encode_empty(owner: BareJid) -> ET.Element:
    """Return the request to empty the roster of an account that is no longer listed."""
    return ET.Element(f"{{{XMLNS}}}empty", jid=owner)


def encode_change(change: RosterChange) -> Iterator[ET.Element]:
    """Return the requests that make a change; removals come first."""
    items = [ET.Element(_ITEM, jid=jid, subscription="remove") for jid in change.removed]
    items += [_encode_item(item) for item in change.put]
    for begin in range(0, len(items), _ITEMS_AT_ONCE):
        query = ET.Element(QUERY)
        query.extend(items[begin : begin + _ITEMS_AT_ONCE])
        yield query


def parse_roster(query: ET.Element | None) -> dict[BareJid, RosterItem]:
    """Parse the answer to a request for a roster; raises WireError."""
    if query is None or query.tag != QUERY:
        raise WireError("the server answers with something that is no roster")
    return {item.jid: item for item in map(_parse_item, query.iterfind(_ITEM))}


def keeps_rosters(message: ET.Element) -> bool | None:
    """Return whether a server lets us read and write its rosters; None if the message is not about privileges."""
    privilege = message.find(f"{{{XMLNS_PRIVILEGE}}}privilege")
    if privilege is None:
        return None
    granted = {perm.get("access"): perm.get("type") for perm in privilege}
    return granted.get("roster") == "both"


def _encode_item(item: RosterItem) -> ET.Element:
    element = ET.Element(_ITEM, jid=item.jid, subscription=item.subscription)
    if item.name:
        element.set("name", item.name)
    for group in sorted(item.groups):
        ET.SubElement(element, _GROUP).text = group
    return element


def _parse_item(element: ET.Element) -> RosterItem:
    groups = frozenset(group.text for group in element.iterfind(_GROUP) if group.text)
    return RosterItem(
        BareJid(element.get("jid", "")),
        element.get("name", ""),
        groups,
        element.get("subscription", "none"),
        element.get("ask", ""),
    )
