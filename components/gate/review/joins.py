"""Joins of rooms that wait until the person has acknowledged the notice (docs/admission.md, section 4)."""

from components.gate.review.change import Change
from components.gate.submission import Answered
from policy.address import BareJid, bare
from policy.decision import Action, Decision
from policy.directory.directory import Directory
from policy.facts import StanzaFacts, Way
from policy.review import Item, ItemKind, Place, Stage, encode_join_error, joins_anew, release_item

_EVENT = "{urn:steelyard:gate:0}"
_ENDS = frozenset({"bind", "unbind"})


def is_join(answer: Answered) -> bool:
    """Return whether a held stanza is a join."""
    return answer.decision.action is Action.HOLD and answer.held.facts.kind == "presence"


def begin_join(change: Change, answer: Answered, token: str) -> None:
    """Add a join, in place of an earlier one with the same session and nickname."""
    held, facts = answer.held, answer.held.facts
    if token in change.items:
        return
    for item in _waiting(change):
        if (item.sender, item.to) == (facts.sender, facts.to):
            if not joins_anew(item, held.body):
                return
            change.drop(item.token)
    change.add(
        Item(
            token,
            ItemKind.JOIN,
            Stage.WAITING,
            answer.index,
            facts.way,
            facts.sender,
            facts.to,
            held.body,
            answer.decision.rules,
            Place(held.epoch, held.seq),
            epoch=held.epoch,
        )
    )


def end_joins(change: Change, facts: StanzaFacts) -> None:
    """Forget the joins of a session that leaves the room, goes offline, or is over."""
    session, room = _find_end(facts)
    for item in _waiting(change) if session else ():
        if item.sender == session and (not room or bare(item.to) == room):
            change.drop(item.token)


def release_joins(change: Change, directory: Directory) -> None:
    """Let people join who have acknowledged the notice, and forget people who are no longer on the line."""
    for item in _waiting(change):
        person = bare(item.sender)
        if item.held is not None or person in directory.uninformed:
            continue
        if person in directory.people:
            change.put(release_item(item))
        else:
            change.drop(item.token)


def refuse_join(change: Change, item: Item, decision: Decision) -> None:
    """Answer a join that may not be carried out any more, because its client waits for the room's answer."""
    if decision.error is not None:
        stanza = encode_join_error(item, decision.error)
        token = f"r{item.token[1:]}"
        change.put(
            Item(token, ItemKind.NOTICE, Stage.OUTGOING, item.record, Way.GATE, item.to, item.sender, stanza)
        )


def _waiting(change: Change) -> list[Item]:
    return [
        item
        for item in change.items.values()
        if item.kind is ItemKind.JOIN and item.stage in (Stage.WAITING, Stage.OUTGOING)
    ]


def _find_end(facts: StanzaFacts) -> tuple[str, BareJid | str]:
    """Return which session leaves which room. No room means all rooms; no session means that nothing ends."""
    if facts.way is Way.SESSION and facts.kind in _ENDS:
        return next((named.jid for named in facts.jids if named.element.startswith(_EVENT)), ""), ""
    if facts.way is Way.C2S and facts.kind == "presence" and facts.type == "unavailable":
        return facts.sender, bare(facts.to)
    return "", ""
