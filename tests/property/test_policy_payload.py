"""What must hold of whatever a trader may type, and of wherever encryption may hide."""

from hypothesis import assume, given
from hypothesis import strategies as st

from policy.content.payload import READABLE, decide_payload
from policy.decide import decide
from policy.decision import Action
from tests.unit.policy.samples import EXAMPLE, say

OTR_TAG = " \t  \t\t\t\t \t \t \t  "
MARKERS = (
    "?OTRv23?",
    "?OTR:AAMDJ.",
    OTR_TAG,
    "-----BEGIN PGP MESSAGE-----",
    "-----BEGIN AGE ENCRYPTED FILE-----",
    "aesgcm://x/y#z",
    "AESGCM://x/y#z",
)
NAMESPACES = ("eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2", "jabber:x:encrypted", "urn:xmpp:eme:0")

words = st.one_of(st.text(), st.text(alphabet="?OTRv23:/ -BEGINPMSA\t\naesgcm"))
names = st.builds("{{{}}}{}".format, st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=10))


@given(words)
def test_what_has_no_marker_is_never_refused(text: str) -> None:
    assume(
        "?OTR" not in text and "BEGIN" not in text and OTR_TAG not in text and "aesgcm" not in text.lower()
    )
    assert decide(EXAMPLE, say(text)).action is Action.RELEASE


@given(words, words, st.sampled_from(MARKERS))
def test_a_marker_is_found_wherever_it_stands(before: str, after: str, marker: str) -> None:
    assert decide_payload(say(before + marker + after)) is not READABLE


@given(st.lists(names), st.lists(names), st.sampled_from(NAMESPACES), st.text(min_size=1, max_size=10))
def test_an_encrypted_element_is_found_wherever_it_stands(
    before: list[str], after: list[str], namespace: str, local: str
) -> None:
    elements = (*before, f"{{{namespace}}}{local}", *after)
    assert decide_payload(say("hello", elements=elements)) is not READABLE


@given(st.lists(names), words, st.lists(st.text()))
def test_every_stanza_gets_one_and_the_same_decision(
    elements: list[str], text: str, attributes: list[str]
) -> None:
    facts = say(text, elements=tuple(elements), attributes=tuple(attributes))
    assert decide_payload(facts) is decide_payload(facts)
