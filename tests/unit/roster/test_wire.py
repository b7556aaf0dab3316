"""Rosters as XML, there and back."""

from xml.etree import ElementTree as ET

import pytest

from components.roster.wire import WireError, encode_change, encode_empty, keeps_rosters, parse_roster
from policy.address import BareJid
from policy.roster import RosterChange, RosterItem

ITEMS = tuple(
    RosterItem(
        BareJid(f"t{number:03}@metals.example"), f"Trader <{number}>", frozenset({"Base & more", "EMEA"})
    )
    for number in range(450)
)


def test_a_change_goes_out_in_parts_and_comes_back_as_it_was() -> None:
    gone = tuple(BareJid(f"g{number}@metals.example") for number in range(3))
    queries = list(encode_change(RosterChange(ITEMS, gone)))
    assert [len(query) for query in queries] == [100, 100, 100, 100, 53]
    assert [item.get("subscription") for item in queries[0][:4]] == ["remove", "remove", "remove", "both"]
    sent = [ET.fromstring(ET.tostring(query)) for query in queries]
    whole = ET.Element(sent[0].tag)
    whole.extend(item for query in sent for item in query if item.get("subscription") != "remove")
    assert parse_roster(whole) == {item.jid: item for item in ITEMS}


def test_nothing_to_change_is_nothing_to_send() -> None:
    assert list(encode_change(RosterChange())) == []


def test_what_a_server_may_leave_out() -> None:
    query = ET.fromstring(
        "<query xmlns='jabber:iq:roster'><item jid='a@b' ask='subscribe'><group/></item></query>"
    )
    assert parse_roster(query) == {"a@b": RosterItem(BareJid("a@b"), "", frozenset(), "none", "subscribe")}


@pytest.mark.parametrize("answer", [None, ET.Element("{jabber:iq:private}query")])
def test_an_answer_that_is_no_roster(answer: ET.Element | None) -> None:
    with pytest.raises(WireError):
        parse_roster(answer)


@pytest.mark.parametrize(
    ("privilege", "granted"),
    [
        ("<privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='both'/></privilege>", True),
        ("<privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='get'/></privilege>", False),
        ("<privilege xmlns='urn:xmpp:privilege:2'><perm access='message' type='both'/></privilege>", False),
        ("<privilege xmlns='urn:xmpp:privilege:2'/>", False),
        ("<body>privilege</body>", None),
    ],
)
def test_what_a_server_grants(privilege: str, granted: bool | None) -> None:
    assert keeps_rosters(ET.fromstring(f"<message xmlns='jabber:client'>{privilege}</message>")) is granted


def test_an_account_is_named_with_its_domain() -> None:
    assert encode_empty(BareJid("bob@metals.example")).attrib == {"jid": "bob@metals.example"}
