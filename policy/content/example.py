"""A rule's own examples: a message's text, or a whole stanza as XML, and whether the rule matches it."""

from collections.abc import Iterator
from dataclasses import dataclass

from policy.content.decide import decide_content
from policy.content.memory import RuleMemory
from policy.content.policy import ContentPolicy
from policy.content.rate import matches_amount, parse_amount
from policy.content.rule import Rate, Rule, Topics
from policy.content.stanza import CLIENT, StanzaTextError, read_stanza
from policy.facts import StanzaFacts, Way
from policy.files.facts import FileExample
from policy.files.match import FileMatcher
from policy.topic.model import ModelError, ModelLoader

_STANZAS = ("<message", "<presence", "<iq")


@dataclass(frozen=True, slots=True)
class ExampleFailure:
    """An example that fails: `path` as in `rule-id.must_match[0]`, and what is wrong."""

    path: str
    problem: str


def check_examples(policy: ContentPolicy, load_model: ModelLoader) -> tuple[ExampleFailure, ...]:
    """Decide on every rule's own examples, and return those that fail."""
    return tuple(failure for rule in policy.rules for failure in _check_rule(policy, rule, load_model))


def count_examples(policy: ContentPolicy) -> int:
    """Count the examples of all rules."""
    return sum(len(rule.must_match) + len(rule.must_not_match) for rule in policy.rules)


def read_example(text: str) -> StanzaFacts:
    """Return the facts of an example: of a stanza if it begins with a stanza's name, else of a message with this body.

    Raises StanzaTextError.
    """
    if not text.startswith(_STANZAS):
        return StanzaFacts(Way.C2S, "message", "chat", "", "", (f"{{{CLIENT}}}body",), text)
    return read_stanza(text)


def _check_rule(policy: ContentPolicy, rule: Rule, load_model: ModelLoader) -> Iterator[ExampleFailure]:
    for name, examples, wanted in (
        ("must_match", rule.must_match, True),
        ("must_not_match", rule.must_not_match, False),
    ):
        for index, example in enumerate(examples):
            path = f"{rule.id}.{name}[{index}]"
            try:
                matches = _matches(policy, rule, example, load_model)
            except (StanzaTextError, ModelError) as error:
                yield ExampleFailure(path, str(error))
                continue
            if matches is not wanted:
                yield ExampleFailure(
                    path, f"{'matches' if matches else 'does not match'}: {_name(example)!r}"
                )


def _matches(policy: ContentPolicy, rule: Rule, example: str | FileExample, load_model: ModelLoader) -> bool:
    if isinstance(example, FileExample):
        matcher, desks, to = FileMatcher([rule]), {example.desk}, {example.to_desk}
        found = matcher.find_rules(example.facts, example.desk)
        return bool(found or matcher.find_rules_to(example.facts, desks, to))
    match rule.matched:
        case Rate() as rate:
            amount, seconds = parse_amount(example) or (0, 0)
            return matches_amount(rate, amount, seconds)
        case Topics():
            return _matches_conversation(rule, example, load_model)
    return rule.id in decide_content(policy, read_example(example)).rules


def _matches_conversation(rule: Rule, example: str, load_model: ModelLoader) -> bool:
    """Return whether the last message of a conversation matches: each line of an example is a message."""
    memory, alone = RuleMemory(load_model, flags_topics=True), ContentPolicy((rule,))
    messages = [example] if example.startswith(_STANZAS) else example.splitlines()
    found = [memory.observe(alone, read_example(message), 0) for message in messages]
    return bool(found and found[-1])


def _name(example: str | FileExample) -> str:
    text = example.facts.name if isinstance(example, FileExample) else example
    return text if len(text) <= 60 else text[:59] + "…"
