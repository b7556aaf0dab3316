"""A policy: the rules in force, ready to be applied, and the digest that names them in records."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Protocol

from policy.content.lexicon import LexiconMatcher
from policy.content.link import Link, LinkMatcher
from policy.content.pattern import PatternMatcher
from policy.content.payload_kind import PayloadMatcher
from policy.content.rule import STRENGTH, ContentAction, Rule
from policy.content.said import Said
from policy.decision import Decision, release

_FORMAT = "steelyard-policy/1"

_COMBINATIONS_KEPT = 1024


class Matcher(Protocol):
    """All rules of one kind, ready to be applied; it is made from a policy's rules, and takes those of its kind."""

    def find_rules(self, said: Said) -> Collection[str]:
        """Return the ids of the rules that match one stanza."""


# Links have a matcher of their own, which says which links; rates and topics need what was said before (RuleMemory).
_MATCHERS: tuple[Callable[[Iterable[Rule]], Matcher], ...] = (PayloadMatcher, LexiconMatcher, PatternMatcher)


@dataclass(frozen=True, slots=True)
class Combination:
    """Rules that match one stanza: their ids, sorted; the first of the strongest; and those that amend.

    `flagged` is the decision if all of them only flag.
    """

    ids: tuple[str, ...]
    strongest: Rule
    amending: tuple[Rule, ...]
    flagged: Decision


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """Rules with ids of their own, in any order, and what is derived from them: never change it.

    `own_links` is what links to the site's own files begin with, behind the host: link rules are not about them.
    `digest` is the SHA-256 of the canonical form in hexadecimal: all of the rules but their examples.
    """

    rules: tuple[Rule, ...]
    own_links: str = ""
    by_id: dict[str, Rule] = field(init=False, repr=False, compare=False)
    digest: str = field(init=False)
    # Worked out once for all stanzas that match the same rules.
    combine: Callable[[frozenset[str]], Combination] = field(init=False, repr=False, compare=False)
    _matchers: tuple[Matcher, ...] = field(init=False, repr=False, compare=False)
    _links: LinkMatcher = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rules = tuple(sorted(self.rules, key=lambda rule: rule.id))
        by_id = {rule.id: rule for rule in rules}
        derived = {
            "rules": rules,
            "by_id": by_id,
            "combine": lru_cache(_COMBINATIONS_KEPT)(lambda found: _combine(by_id, found)),
            "digest": hashlib.sha256(encode_canonical(rules) + self.own_links.encode()).hexdigest(),
            "_matchers": tuple(make(rules) for make in _MATCHERS),
            "_links": LinkMatcher(rules, self.own_links),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def count_reviewers(self, ids: Iterable[str]) -> int:
        """Return how many people have to agree on what the rules with these ids hold; of one that is gone, one."""
        known = (self.by_id[id_].reviewers for id_ in ids if id_ in self.by_id)
        return max(known, default=1) or 1

    def find_rules(self, said: Said) -> tuple[set[str], dict[str, list[Link]]]:
        """Return the ids of all matching rules, and, for link rules, the links."""
        found: set[str] = set()
        for matcher in self._matchers:
            found.update(matcher.find_rules(said))
        links: dict[str, list[Link]] = {}
        if said.texts or said.facts.attributes:
            links = self._links.find_links(said)
            found.update(links)
        return found, links


def _combine(by_id: Mapping[str, Rule], found: frozenset[str]) -> Combination:
    ids = tuple(sorted(found))
    rules = [by_id[id_] for id_ in ids]
    strongest = max(rules, key=lambda rule: STRENGTH[rule.action])  # the first of several
    amending = tuple(rule for rule in rules if rule.action is ContentAction.AMEND)
    return Combination(ids, strongest, amending, release(*ids))


def encode_canonical(rules: tuple[Rule, ...]) -> bytes:
    """Encode rules so that equal rules have one form: sorted JSON, without the examples."""
    described = []
    for rule in sorted(rules, key=lambda rule: rule.id):
        table = asdict(rule)
        del table["must_match"], table["must_not_match"]
        # What earlier policies could not say is left out where it says nothing: they keep their digests.
        for name, default in (("reviewers", 1), ("hide_names", False)):
            if table[name] == default:
                del table[name]
        table["kind"] = type(rule.matched).__name__.lower()
        described.append(table)
    value = {"format": _FORMAT, "rules": described}
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
