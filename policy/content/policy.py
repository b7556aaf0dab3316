"""A policy: the rules in force, ready to be applied, and the digest that names them in records."""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from policy.content.lexicon import LexiconMatcher
from policy.content.link import Link, LinkMatcher
from policy.content.pattern import PatternMatcher
from policy.content.payload_kind import PayloadMatcher
from policy.content.rule import Rule
from policy.content.said import Said

_FORMAT = "steelyard-policy/1"


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """Rules with ids of their own, in any order, and what is derived from them: never change it.

    `digest` is the SHA-256 of the canonical form in hexadecimal: all of the rules but their examples.
    """

    rules: tuple[Rule, ...]
    by_id: dict[str, Rule] = field(init=False, repr=False, compare=False)
    digest: str = field(init=False)
    _lexicons: LexiconMatcher = field(init=False, repr=False, compare=False)
    _patterns: PatternMatcher = field(init=False, repr=False, compare=False)
    _links: LinkMatcher = field(init=False, repr=False, compare=False)
    _payloads: PayloadMatcher = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rules = tuple(sorted(self.rules, key=lambda rule: rule.id))
        derived = {
            "rules": rules,
            "by_id": {rule.id: rule for rule in rules},
            "digest": hashlib.sha256(encode_canonical(rules)).hexdigest(),
            "_lexicons": LexiconMatcher(rules),
            "_patterns": PatternMatcher(rules),
            "_links": LinkMatcher(rules),
            "_payloads": PayloadMatcher(rules),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def find_rules(self, said: Said) -> tuple[set[str], dict[str, list[Link]]]:
        """Return the ids of all rules that match what is said, and for the link rules among them which links."""
        found = self._payloads.find_rules(said)
        links: dict[str, list[Link]] = {}
        if said.texts:
            found |= self._lexicons.find_rules(said)
            found |= self._patterns.find_rules(said)
        if said.texts or said.facts.attributes:
            links = self._links.find_links(said)
            found.update(links)
        return found, links


def encode_canonical(rules: tuple[Rule, ...]) -> bytes:
    """Encode rules so that those which decide alike have one form: sorted JSON, without the examples."""
    described = []
    for rule in sorted(rules, key=lambda rule: rule.id):
        table = asdict(rule)
        del table["must_match"], table["must_not_match"]
        table["kind"] = type(rule.matched).__name__.lower()
        described.append(table)
    value = {"format": _FORMAT, "rules": described}
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
