"""A rule's own examples: a message's text, or a whole stanza as XML, and whether the rule matches it."""

from collections.abc import Iterator
from dataclasses import dataclass

from policy.content.decide import decide_content
from policy.content.policy import ContentPolicy
from policy.content.rule import Rule
from policy.content.stanza import CLIENT, StanzaTextError, read_stanza
from policy.facts import StanzaFacts, Way

_STANZAS = ("<message", "<presence", "<iq")


@dataclass(frozen=True, slots=True)
class ExampleFailure:
    """An example that does not do what it should: `path` as in `rule-id.must_match[0]`, and what is wrong."""

    path: str
    problem: str


def check_examples(policy: ContentPolicy) -> tuple[ExampleFailure, ...]:
    """Decide on every rule's own examples, and return those that do not do what they should."""
    return tuple(failure for rule in policy.rules for failure in _check_rule(policy, rule))


def count_examples(policy: ContentPolicy) -> int:
    """Count the examples of all rules."""
    return sum(len(rule.must_match) + len(rule.must_not_match) for rule in policy.rules)


def read_example(text: str) -> StanzaFacts:
    """Take the facts of an example: of a stanza if it begins with one's name, else of a message with that body.

    Raises StanzaTextError.
    """
    if not text.startswith(_STANZAS):
        return StanzaFacts(Way.C2S, "message", "chat", "", "", (f"{{{CLIENT}}}body",), text)
    return read_stanza(text)


def _check_rule(policy: ContentPolicy, rule: Rule) -> Iterator[ExampleFailure]:
    for name, examples, wanted in (
        ("must_match", rule.must_match, True),
        ("must_not_match", rule.must_not_match, False),
    ):
        for index, example in enumerate(examples):
            path = f"{rule.id}.{name}[{index}]"
            try:
                matches = rule.id in decide_content(policy, read_example(example)).rules
            except StanzaTextError as error:
                yield ExampleFailure(path, str(error))
                continue
            if matches is not wanted:
                yield ExampleFailure(
                    path, f"{'matches' if matches else 'does not match'}: {_shorten(example)!r}"
                )


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
