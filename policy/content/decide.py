"""Decides on a stanza by its content: the strongest of all matching rules wins."""

from collections.abc import Iterable

from ahocorasick_rs import BytesAhoCorasick

from policy.content.link import Link
from policy.content.policy import Combination, ContentPolicy
from policy.content.rule import STRENGTH, ContentAction, Rule
from policy.content.said import Said
from policy.decision import HELD, Action, Decision, StanzaError, release
from policy.facts import StanzaFacts, Way

UNOBJECTIONABLE = release()

# Nobody writes these: events, the gate's own messages, and what the gate or the server makes of decided stanzas.
_SAID_BY_NOBODY = frozenset({Way.SESSION, Way.CANARY, Way.SERVER, Way.GATE})

# The automaton takes time that grows with the square of a text that repeats itself. Of longer links there are few.
_SHORT = 256


def decide_content(
    policy: ContentPolicy, facts: StanzaFacts, remembered: frozenset[str] = frozenset()
) -> Decision:
    """Decide on a stanza by its content (docs/policy.md, section 5).

    `remembered` are the ids of rules that match because of earlier messages (RuleMemory.observe). The strongest action
    of all rules that match wins (refuse, hold, amend, warn, flag), with the text of that rule (of several, the one
    whose id comes first); the ids of all are named, sorted. Only messages are held: `hold` refuses stanzas that cannot
    wait. Refusals are `policy-violation` errors.
    """
    if facts.way in _SAID_BY_NOBODY:
        return UNOBJECTIONABLE
    said = Said(facts)
    found, links = policy.find_rules(said)
    if remembered:
        found |= remembered.intersection(policy.by_id)
    if not found:
        return UNOBJECTIONABLE
    matched = policy.combine(frozenset(found))
    strip: tuple[str, ...] | None = ()
    if matched.amending:
        strip = _links_to_strip(said, matched.amending, links)
    if strip is None and STRENGTH[matched.strongest.action] <= STRENGTH[ContentAction.HOLD]:
        # The link cannot be taken out as it was written, so the stanza may not pass, not even after a review.
        return _refuse(matched.amending[0], matched.ids)
    return _act(matched, facts, strip or ())


def _act(matched: Combination, facts: StanzaFacts, strip: tuple[str, ...]) -> Decision:
    rule, ids = matched.strongest, matched.ids
    match rule.action:
        case ContentAction.FLAG:
            return matched.flagged
        case ContentAction.REFUSE:
            return _refuse(rule, ids)
        case ContentAction.HOLD if not _can_wait(facts):
            return _refuse(rule, ids)
        case ContentAction.HOLD:
            # People of a remote site are told only by their own gate.
            error = (
                StanzaError("wait", "policy-violation", HELD + rule.text) if facts.way is Way.C2S else None
            )
            return Decision(Action.HOLD, ids, error, strip=strip)
        case ContentAction.AMEND:
            return Decision(Action.AMEND, ids, notice=rule.text, strip=strip)
        case ContentAction.WARN:
            return Decision(Action.RELEASE, ids, notice=rule.text)


def _can_wait(facts: StanzaFacts) -> bool:
    """Return whether a stanza is still useful after a review. An IQ, a presence and an error are not."""
    return facts.kind == "message" and facts.type != "error"


def _refuse(rule: Rule, ids: tuple[str, ...]) -> Decision:
    return Decision(
        Action.REFUSE, ids, StanzaError("modify", "policy-violation", rule.text)
    )  # RFC 6120, 8.3.3.12


def _links_to_strip(
    said: Said, amending: Iterable[Rule], links: dict[str, list[Link]]
) -> tuple[str, ...] | None:
    """Return the links to take out as they were written, the longest first; None if one is not literally there."""
    written = {link.written for rule in amending for link in links.get(rule.id, ())}
    longest_first = sorted(written, key=lambda text: (-len(text), text))
    short = [text for text in longest_first if len(text) <= _SHORT]
    finder = BytesAhoCorasick([_encode(text) for text in short])
    for place in (said.facts.text, *said.facts.attributes):
        numbers = {number for number, *_ in finder.find_matches_as_indexes(_encode(place), overlapping=True)}
        written.difference_update(short[number] for number in numbers)
        written.difference_update([text for text in written if len(text) > _SHORT and text in place])
    return None if written else tuple(longest_first)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
