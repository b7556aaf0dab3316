"""Makes the items of the review queue: held messages, and notices to senders."""

from components.gate.review.told import name_of
from components.gate.submission import Answered
from policy.address import notice_address
from policy.facts import StanzaFacts, Way
from policy.review import (
    Item,
    ItemKind,
    Place,
    Stage,
    delay_stanza,
    describe_outcome,
    encode_notice,
    encode_room_notice,
)


def make_message(answer: Answered, token: str, gate: str, now_ns: int) -> Item:
    """Return a message that waits for a reviewer from now on, as it is sent when it is released."""
    held, facts, decision = answer.held, answer.held.facts, answer.decision
    return Item(
        token,
        ItemKind.MESSAGE,
        Stage.WAITING,
        answer.index,
        facts.way,
        facts.sender,
        facts.to,
        delay_stanza(decision.amended or held.body, gate, now_ns),
        decision.rules,
        Place(held.epoch, held.seq),
        now_ns,
    )


def make_warnings(answer: Answered, text: str, name: str, gate: str, now_ns: int) -> list[Item]:
    """Return what the sender is told of a stanza; of one that goes on, in a room as well, if it is a word to all there.

    Not in the room alone: there are clients that do not show what a room itself says (docs/decisions/0137). What does
    not go on is marked there by its error.
    """
    facts = answer.held.facts
    if facts.kind == "message" or not answer.decision.notice:
        text = describe_outcome(facts.to, now_ns, text, name_of(answer))
    told = [make_notice(f"n{name}", answer.index, gate, facts.sender, text, now_ns)]
    if answer.decision.notice and _is_for_room(facts):
        told.append(make_notice(f"m{name}", answer.index, gate, facts.sender, text, now_ns, room=facts.to))
    return told


def make_notice(
    token: str, record: int, gate: str, to: str, text: str, now_ns: int, *, room: str = ""
) -> Item:
    """Return a notice of the gate: in its own conversation with a person, or in a room that they are in."""
    from_ = room or notice_address(gate)
    encode = encode_room_notice if room else encode_notice
    stanza = encode(from_, to, f"{token}-{now_ns:x}", text)
    return Item(token, ItemKind.NOTICE, Stage.OUTGOING, record, Way.GATE, from_, to, stanza)


def _is_for_room(facts: StanzaFacts) -> bool:
    return facts.kind == "message" and facts.type == "groupchat" and "/" not in facts.to
