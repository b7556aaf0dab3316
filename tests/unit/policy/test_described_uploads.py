"""What clients say of uploads passes with the example policy: Dino, Movim, and those that send the link alone."""

from pathlib import Path

import pytest

from policy.content.decide import decide_content
from policy.content.parse import parse_policy
from policy.content.payload import READABLE, decide_payload
from policy.content.stanza import read_stanza
from tests.unit.policy.files.test_carried import METADATA, OOB, SHARING, SIMS, URL, message

EXAMPLE = (Path(__file__).parents[3] / "config/examples/policy.toml").read_text()
POLICY = parse_policy(EXAMPLE, {}, "https://files.metals.example/f/")
THUMBNAIL = (
    "<thumbnail xmlns='urn:xmpp:thumbs:1' uri='data:image/thumbhash,abc' media-type='image/thumbhash'/>"
)
METADATA_FIRST = (
    "<file-sharing xmlns='urn:xmpp:sfs:0' id='1' disposition='inline'>"
    f"<file xmlns='urn:xmpp:file:metadata:0'>{METADATA}{THUMBNAIL}</file></file-sharing>"
)
SOURCE_LATER = (
    "<attach-to xmlns='urn:xmpp:message-attaching:1' id='1'/><sources xmlns='urn:xmpp:sfs:0' id='1'>"
    f"<url-data xmlns='http://jabber.org/protocol/url-data' target='{URL}'/></sources>"
)


@pytest.mark.parametrize("inside", [OOB, SHARING + OOB, SIMS + OOB, METADATA_FIRST, SOURCE_LATER + OOB])
def test_no_rule_objects(inside: str) -> None:
    facts = read_stanza(message(inside))
    assert decide_payload(facts) is READABLE
    assert decide_content(POLICY, facts).rules == ()


@pytest.mark.parametrize("inside", [OOB, SIMS])
def test_links_to_elsewhere_fall_under_the_rules(inside: str) -> None:
    elsewhere = message(inside.replace("files.metals.example", "files.elsewhere.example"))
    assert decide_content(POLICY, read_stanza(elsewhere)).rules == ("unknown-link",)
