"""The review queue's transitions, one at a time."""

from dataclasses import replace

import pytest

from policy.facts import Way
from policy.review import (
    MAX_ATTEMPTS,
    Item,
    ItemKind,
    Place,
    Stage,
    can_be_decided,
    delay_stanza,
    describe_outcome,
    encode_notice,
    is_due,
    mark_sent,
    release_item,
    settle_item,
)

AT_NS = 1_795_528_931_000_000_000  # 2026-11-24T14:02:11Z
ITEM = Item(
    "h7", ItemKind.MESSAGE, Stage.WAITING, 7, Way.C2S, "alice@metals.example/desk", "bob@metals.example",
    b"<message/>", ("tips",), Place("e1", 5), AT_NS, AT_NS + 100, "evidence",
)  # fmt: skip
LET_GO = replace(ITEM, held=None)
SENT = mark_sent(release_item(LET_GO), Place("e1", 9))
TOLD = replace(SENT, kind=ItemKind.NOTICE)
Status = tuple[str, int, tuple[int, ...]]


def test_nothing_is_decided_before_the_adapter_has_let_go() -> None:
    assert not can_be_decided(ITEM) and not is_due(ITEM, AT_NS + 100)
    settled = settle_item(ITEM, "e1", 5, ())
    assert settled == LET_GO
    assert can_be_decided(LET_GO) and is_due(LET_GO, AT_NS + 100) and not is_due(LET_GO, AT_NS + 99)


@pytest.mark.parametrize(
    ("before", "status", "after"),
    [
        (ITEM, ("e1", 4, ()), ITEM),
        (ITEM, ("e1", 5, (5,)), None),  # its sender has it back
        (ITEM, ("e2", 0, ()), replace(LET_GO, stage=Stage.UNCERTAIN)),
        (LET_GO, ("e2", 9, (5,)), LET_GO),
        (release_item(LET_GO), ("e1", 9, ()), release_item(LET_GO)),
        (SENT, ("e1", 8, ()), SENT),
        (SENT, ("e1", 9, ()), None),
        (SENT, ("e1", 9, (9,)), replace(SENT, stage=Stage.OUTGOING, sent=None, attempts=1)),
        (SENT, ("e2", 0, ()), replace(SENT, stage=Stage.UNCERTAIN, sent=None)),
        (
            replace(SENT, kind=ItemKind.NOTICE),
            ("e2", 0, ()),
            replace(SENT, kind=ItemKind.NOTICE, stage=Stage.OUTGOING, sent=None),
        ),
    ],
)
def test_a_status_says_what_became_of_it(before: Item, status: Status, after: Item | None) -> None:
    assert settle_item(before, *status) == after


def test_what_is_handed_back_again_and_again_is_for_a_person_to_look_at() -> None:
    item = SENT
    for _ in range(MAX_ATTEMPTS - 1):
        settled = settle_item(item, "e1", 9, (9,))
        assert settled is not None and settled.stage is Stage.OUTGOING
        item = mark_sent(settled, Place("e1", 9))
    last = settle_item(item, "e1", 9, (9,))
    assert last is not None and last.stage is Stage.UNCERTAIN and can_be_decided(last)
    assert not is_due(last, AT_NS + 10**18)  # nothing goes out of itself that may have arrived
    assert release_item(last).attempts == 0
    assert settle_item(replace(item, kind=ItemKind.NOTICE), "e1", 9, (9,)) is None


def test_a_delayed_stanza_says_since_when() -> None:
    stanza = delay_stanza(b"<message><body>x</body></message>", "gate.x", AT_NS)
    delay = b"<delay xmlns='urn:xmpp:delay' from=\"gate.x\" stamp='2026-11-24T14:02:11Z'/>"
    assert stanza == b"<message><body>x</body>" + delay + b"</message>"


def test_a_notice_is_a_chat_message_whatever_its_text() -> None:
    assert encode_notice("gate.x", "a@x/d'", "n7", "<b> & 'c'") == (
        b'<message xmlns=\'jabber:client\' from="gate.x" to="a@x/d\'" type=\'chat\' id="n7">'
        b"<body>&lt;b&gt; &amp; 'c'</body></message>"
    )


def test_a_sender_is_told_which_message_it_was() -> None:
    assert (
        describe_outcome(ITEM.to, ITEM.held_at_ns, "gone.")
        == "Your message of 14:02 UTC to bob@metals.example: gone."
    )
