"""Rules for files decide on files inside stanzas, as far as nobody has to open these; and stanzas without pass by."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from components.rules.inside_files import InsideFiles
from policy.content.parse import parse_policy
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Lexicon, Rule, Uploads
from policy.content.stanza import read_stanza
from policy.decision import Action, Decision, refuse, release
from policy.facts import StanzaFacts, Way
from policy.files.built_in import DENIED_HASH, REFUSED_TYPE
from policy.files.carried import find_carried
from policy.files.denied import DeniedHashes
from policy.files.facts import FileMark
from policy.files.inside import may_carry
from policy.files.slot import Purpose
from policy.rules import Rules
from tests.unit.policy.files.test_carried import CONTENT, LINES, OOB, SHARING, TEXT
from tests.unit.policy.samples import ALICE, BOB, EXAMPLE

FIRST = release("flagged")
BITS = f"<data xmlns='urn:xmpp:bob' cid='goods.png' type='image/png'>{TEXT}</data>"
AVATAR = f"<data xmlns='urn:xmpp:avatar:data'>{LINES}</data>"
EVERY_KIND = [
    BITS,
    AVATAR,
    f"<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/jpeg</TYPE><BINVAL>{LINES}</BINVAL></PHOTO></vCard>",
    f"<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><photo><uri>data:image/png;base64,{TEXT}</uri></photo></vcard>",
    f"<x xmlns='a'><thumbnail xmlns='urn:xmpp:thumbs:1' uri='data:image/webp;base64,{TEXT}'/></x>",
    f"<body>see dAta:application/pdf;base64,{TEXT} please</body>",
    f"<body>see &#100;ata:application/pdf;base64,{TEXT} please</body>",
    "<body>data:text/plain,Kupfer%209410</body>",
    f"<body>begin {TEXT} end</body>",
    f"<body>{LINES}</body>",
    f"<body>{TEXT.replace('+', '-').replace('/', '_')}</body>",
    f"<x xmlns='urn:unknown'><y>{TEXT}</y></x>",
    f"<x xmlns='urn:unknown' y='{TEXT}'/>",
    f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>{BITS}</message></forwarded>",
    "<data xmlns='urn:xmpp:bob' cid='1'>AAAA</data>",
]


def message(inside: str) -> bytes:
    return f"<message from='{ALICE}' to='{BOB}' type='chat'>{inside}</message>".encode()


def facts_of(stanza: bytes) -> StanzaFacts:
    return read_stanza(stanza)._replace(way=Way.C2S)


def decide(
    inside: str,
    *rules: Rule,
    denied: frozenset[bytes] = frozenset(),
    refused: tuple[str, ...] = (),
    first: Decision = FIRST,
    **routed: Any,
) -> Decision:
    files = InsideFiles(refused, lambda: DeniedHashes(denied))
    stanza = message(inside)
    facts = facts_of(stanza)._replace(**routed)
    return files.decide(first, Rules(EXAMPLE, ContentPolicy(rules)), facts, stanza)


def rule(action: ContentAction = ContentAction.REFUSE, **matched: Any) -> Rule:
    return Rule("r", action, "" if action is ContentAction.FLAG else "Not here.", Uploads(**matched))


@pytest.mark.parametrize("inside", EVERY_KIND)
def test_a_hash_that_is_not_sent_is_refused_whatever_carries_it(inside: str) -> None:
    content = find_carried(message(inside))[0].content
    assert content is not None
    found = decide(inside, denied=frozenset({sha256(content).digest()}))
    assert (found.action, found.rules) == (Action.REFUSE, ("flagged", DENIED_HASH))
    assert decide(inside, denied=frozenset({bytes(32)})) is FIRST


@pytest.mark.parametrize("inside", EVERY_KIND)
def test_what_has_a_file_inside_is_looked_into(inside: str) -> None:
    assert may_carry(facts_of(message(inside)))


@pytest.mark.parametrize(
    "inside",
    [
        "<body>hello</body>",
        "<body>" + "copper at 8450, " * 100 + "</body>",
        "<body>the price: 8450, data: none</body>",
        OOB,
        SHARING + OOB,
        "<active xmlns='http://jabber.org/protocol/chatstates'/>",
        "<body>" + "铜价" * 300 + "</body>",
    ],
)
def test_other_stanzas_are_not_parsed_or_have_nothing_inside(inside: str) -> None:
    assert decide(inside, rule(names=("*",))) is FIRST
    if "data:" not in inside and "sfs" not in inside:
        assert not may_carry(facts_of(message(inside)))


def test_a_site_without_rules_for_files_looks_into_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_facts: StanzaFacts) -> bool:
        raise AssertionError

    monkeypatch.setattr("components.rules.inside_files.may_carry", fail)
    assert decide(BITS) is FIRST
    assert decide(BITS, Rule("words", ContentAction.FLAG, "", Lexicon((), fold=True))) is FIRST
    with pytest.raises(AssertionError):
        decide(BITS, rule(names=("*",)))


@pytest.mark.parametrize(
    ("inside", "matched", "expected"),
    [
        (BITS, {"types": ("image/*",)}, True),
        (BITS, {"types": ("image/jpeg",)}, False),
        (BITS, {"names": ("*.png",)}, True),
        (BITS, {"names": ("*.pdf",)}, False),
        (BITS, {"larger_than_bytes": 699}, True),
        (BITS, {"larger_than_bytes": 700}, False),
        (BITS, {"sha256": (sha256(CONTENT).hexdigest(),)}, True),
        (BITS, {"purposes": (Purpose.MESSAGE,)}, True),
        (AVATAR, {"purposes": (Purpose.MESSAGE,)}, False),
        (AVATAR, {"purposes": (Purpose.PROFILE,)}, True),
        (BITS, {"desks": ("base",)}, True),
        (BITS, {"desks": ("precious",)}, False),
        (BITS, {"to_desks": ("base",)}, True),
        (BITS, {"to_desks": ("precious",)}, False),
        (BITS, {"marks": (FileMark.MACROS, FileMark.UNSCANNABLE)}, False),
        (SHARING, {"names": ("*",)}, False),
    ],
)
def test_what_can_be_told_without_opening_it_counts(
    inside: str, matched: dict[str, Any], expected: bool
) -> None:
    assert (decide(inside, rule(**matched)).action is Action.REFUSE) is expected


@pytest.mark.parametrize(
    ("action", "kind", "expected"),
    [
        (ContentAction.FLAG, "message", Action.RELEASE),
        (ContentAction.WARN, "iq", Action.RELEASE),
        (ContentAction.HOLD, "message", Action.HOLD),
        (ContentAction.HOLD, "iq", Action.REFUSE),
        (ContentAction.HOLD, "presence", Action.REFUSE),
        (ContentAction.REFUSE, "iq", Action.REFUSE),
    ],
)
def test_each_action_is_done_to_the_stanza(action: ContentAction, kind: str, expected: Action) -> None:
    found = decide(BITS, rule(action, names=("*",)), kind=kind)
    assert (found.action, found.rules) == (expected, ("flagged", "r"))
    assert bool(found.notice) is (action is ContentAction.WARN)


def test_a_type_that_nobody_sends_is_refused_by_what_the_stanza_says() -> None:
    assert decide(BITS, refused=("image/png",)).rules == ("flagged", REFUSED_TYPE)
    assert decide(BITS, refused=("image/gif",)) is FIRST


@pytest.mark.parametrize("way", [way for way in Way if way not in (Way.C2S, Way.S2S)])
def test_only_what_people_say_is_decided_on(way: Way) -> None:
    assert decide(BITS, rule(names=("*",)), way=way) is FIRST


def test_no_metadata_are_taken_out() -> None:
    assert decide(BITS, rule(ContentAction.AMEND, names=("*",))) is FIRST


def test_a_refusal_stays() -> None:
    refused = refuse("r", "cancel", "not-allowed", "No.")
    assert decide(BITS, rule(names=("*",)), first=refused) is refused


def test_the_example_lets_pictures_of_people_pass() -> None:
    example = parse_policy((Path(__file__).parents[4] / "config" / "examples" / "policy.toml").read_text())
    for inside in (BITS, AVATAR):
        stanza = message(inside)
        assert InsideFiles().decide(FIRST, Rules(EXAMPLE, example), facts_of(stanza), stanza) is FIRST
