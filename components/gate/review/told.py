"""What a sender is told in a conversation with the line: of what goes on, and of what does not."""

from components.gate.submission import Answered
from policy.address import bare
from policy.content.refusals import DIRECT_CALL, DIRECT_FILE, DIRECT_SESSION
from policy.decision import Action
from policy.facts import StanzaFacts, Way
from policy.reach.affiliation import REFUSALS

_NOT_AGAIN_S = 60
_NS_PER_S = 1_000_000_000
_REMEMBERED_MAX = 4096

# Whom they may not reach is no matter of what they said; it also ends what answers the line's own word by itself.
_OF_REACH = frozenset(rule for each in REFUSALS for rule in each.rules)
_DIRECT = {DIRECT_FILE.rules[0]: "file", DIRECT_CALL.rules[0]: "call", DIRECT_SESSION.rules[0]: "connection"}


def begins_item(answer: Answered) -> bool:
    """Return whether the review queue has something to keep of a stanza: itself, or what its sender is told.

    There is nothing to keep of one that is quarantined.
    """
    if answer.held.problem:
        return False
    return answer.decision.action is Action.HOLD or what_is_told(answer) != ""


def what_is_told(answer: Answered) -> str:
    """Return what its sender is told of a stanza beside the error that names it, if any; or nothing.

    There are clients that show an error without its text, none of an error in a room, and a file as sent that was
    refused (docs/decisions/0167).
    """
    decision, facts = answer.decision, answer.held.facts
    # A remote site's people are told by their own gate; a component has nobody to be told.
    if facts.way is not Way.C2S:
        return ""
    if decision.notice or decision.error is None:
        return decision.notice
    if not _is_said(facts, decision.rules):
        return ""
    return decision.error.text if decision.action is Action.HOLD else f"not delivered. {decision.error.text}"


def name_of(answer: Answered) -> str:
    """Return what a stanza was to a person: a message, or what goes from client to client."""
    return next((_DIRECT[rule] for rule in answer.decision.rules if rule in _DIRECT), "message")


def _is_said(facts: StanzaFacts, rules: tuple[str, ...]) -> bool:
    if any(rule in _DIRECT for rule in rules):
        return True
    return facts.kind == "message" and facts.type != "error" and not _OF_REACH & set(rules)


class ToldLately:
    """Whom the line told what: of what is refused or held, nobody is told the same twice within a minute.

    A client that tries again and again gets its errors, not as many messages. What is said of stanzas that go on is
    always told. It is kept in memory alone: after a crash somebody may be told once more.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], tuple[int, int]] = {}

    def what_is_due(self, answer: Answered, now_ns: int) -> str:
        """Return what they are to be told, or nothing, and remember it; the same record gets the same again."""
        text = what_is_told(answer)
        if not text or answer.decision.notice:
            return text
        key = (bare(answer.held.facts.sender), text)
        record, at_ns = self._told.get(key, (answer.index, now_ns))
        if record != answer.index and now_ns - at_ns < _NOT_AGAIN_S * _NS_PER_S:
            return ""
        if len(self._told) >= _REMEMBERED_MAX:
            self._told.clear()
        self._told[key] = (answer.index, now_ns)
        return text
