import pytest

from policy.content.namespaces import KNOWN
from tests.unit.policy.content.rules import matches, one_rule

TABLE = [
    (["calls"], "<iq type='set'><jingle xmlns='urn:xmpp:jingle:1'/></iq>", True),
    (["calls"], "<message><propose xmlns='urn:xmpp:jingle-message:0'/></message>", True),
    (["calls"], "<message><invite xmlns='urn:xmpp:call-invites:0'/></message>", True),
    (["calls"], "<message><x xmlns='urn:x'><d xmlns='urn:xmpp:jingle:apps:rtp:1'/></x></message>", True),
    (["calls"], "<iq type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", False),
    (["calls"], "<iq><q xmlns='http://jabber.org/protocol/disco#info'><f var='urn:xmpp:jingle:1'/></q></iq>", False),
    (["location"], "<message><geoloc xmlns='http://jabber.org/protocol/geoloc'/></message>", True),
    (["location"], "see geo:53.5,9.9", True),
    (["location"], "geo:-33.9,18.4", True),
    (["location"], "<message><reference xmlns='urn:xmpp:reference:0' uri='geo:1,2'/></message>", True),
    (["location"], "the geo: team", False),
    (["html"], "<message><html xmlns='http://jabber.org/protocol/xhtml-im'/></message>", True),
    (["html"], "<b>no element</b>", False),
    (["stickers"], "<message><sticker xmlns='urn:xmpp:stickers:0'/></message>", True),
    (["html", "stickers"], "<message><sticker xmlns='urn:xmpp:stickers:0'/></message>", True),
    (["unknown"], "<message><x xmlns='urn:example:new'/></message>", True),
    (["unknown"], "<message><body>x</body><x xmlns='urn:xmpp:sid:0'><y xmlns=''/></x></message>", True),
    (["unknown"], "<message><x xmlns='urn:metals.example:ticket'/></message>", False),
    (["unknown"], "<message><x xmlns='urn:xmpp:jingle:apps:rtp:1'/></message>", False),
    (["unknown"], "<message><x xmlns='urn:xmpp:receiptsx'/></message>", True),
    (["unknown"], "hello", False),
]  # fmt: skip


@pytest.mark.parametrize(("payloads", "example", "found"), TABLE)
def test_payloads(payloads: list[str], example: str, found: bool) -> None:
    more = {"namespaces": ["urn:metals.example:ticket"]} if "unknown" in payloads else {}
    assert matches(one_rule(kind="payload", payloads=payloads, **more), example) is found


@pytest.mark.parametrize("namespace", sorted(KNOWN))
def test_every_known_namespace_is_known(namespace: str) -> None:
    assert not matches(
        one_rule(kind="payload", payloads=["unknown"]), f"<message><x xmlns='{namespace}'/></message>"
    )
