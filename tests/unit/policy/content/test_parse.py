"""A policy.toml is checked as a whole: every mistake is told, with its path."""

import re
from pathlib import Path
from typing import get_args

import pytest

from components.link.codec import Held, SubmissionParser
from components.rules.topic_models import load_model
from policy.content.example import check_examples, count_examples, read_example
from policy.content.parse import PolicyError, find_lexicon_files, parse_policy
from policy.content.rule import ContentAction, Lexicon, Matched, Topics
from tests.unit.policy.content.rules import one_rule, write_rule

ROOT = Path(__file__).resolve().parents[4]
EXAMPLE = (ROOT / "config" / "examples" / "policy.toml").read_text()
TOPICS = (ROOT / "config" / "examples" / "topics.toml").read_text()


def problems(text: str, files: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, files)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "rule: is missing"),
        ("rule = []", "rule: must not be empty"),
        ("rule = 3", "rule: must be a list: [...]"),
        ("rule = [3]", "rule[0]: must be a table"),
        ("x = '", "policy.toml: "),
        ("rule = " + "[" * 3000 + "]" * 3000, "policy.toml: has tables or arrays too deep inside one another"),
        (write_rule(kind="lexicon", terms={"en": ["x"]}) + "\n[rules]\n", "rules: there is no such setting here"),
        (write_rule(), "rule[0].kind: is missing"),
        (write_rule(kind="words"), "rule[0].kind: is none of '"),
        (write_rule("Has Space", kind="lexicon", terms={"en": ["x"]}), "rule[0].id: is no id"),
        (write_rule("gate-address", kind="lexicon", terms={"en": ["x"]}), "rule[0].id: 'gate-address' is a rule"),
        (write_rule("undecidable", kind="lexicon", terms={"en": ["x"]}), "rule[0].id: 'undecidable' is a rule"),
        (write_rule(action="zap", kind="lexicon", terms={"en": ["x"]}), "rule[0].action: 'zap' is none of 'flag'"),
        (write_rule(text="", kind="lexicon", terms={"en": ["x"]}), "rule[0].text: must not be empty"),
        (write_rule(text="a\u0007b", kind="lexicon", terms={"en": ["x"]}), "rule[0].text: has the control"),
        (write_rule(kind="lexicon", terms={"en": ["x"]}, must_match=[]), "rule[0].must_match: must not be empty"),
        (write_rule(kind="lexicon", terms={"en": ["x"]}, must_match=[1]), "rule[0].must_match[0]: must be a text"),
        (write_rule(kind="lexicon"), "rule[0].terms: is missing"),
        (write_rule(kind="lexicon", terms={"english": ["x"]}), "rule[0].terms.english: is no language"),
        (write_rule(kind="lexicon", terms={"en": [" * "]}), "rule[0].terms.en[0]: ' * ' has a '*' inside"),
        (write_rule(kind="lexicon", terms={"en": ["x", "*"]}), "rule[0].terms.en[1]: is empty"),
        (write_rule(kind="lexicon", terms={"en": ["a*b"]}), "rule[0].terms.en[0]: 'a*b' has a '*' inside"),
        (write_rule(kind="lexicon", terms={"en": ["a" * 201]}), "rule[0].terms.en[0]: has 201 characters"),
        (write_rule(kind="lexicon", terms={"en": ["x"]}, fold="yes"), "rule[0].fold: must be true or false"),
        (write_rule(kind="lexicon", terms={"en": ["x"]}, hosts=[]), "rule[0].hosts: there is no such setting here"),
        (write_rule(kind="lexicon", files={"en": ["a.txt"]}), "rule[0].files.en[0]: there is no file a.txt"),
        (write_rule(action="amend", kind="pattern", patterns=["x"]), "rule[0].action: only links and files can be"),
        (write_rule(kind="pattern", patterns=[]), "rule[0].patterns: must not be empty"),
        (write_rule(kind="link", hosts=[], schemes=["HTTPS"]), "rule[0].schemes[0]: is no scheme"),
        (write_rule(kind="payload", payloads=[]), "rule[0].payloads: must not be empty"),
        (write_rule(kind="payload", payloads=["x"]), "rule[0].payloads[0]: 'x' is none of 'calls'"),
        (write_rule(kind="payload", payloads=["html"], namespaces=["u"]), "rule[0].namespaces: has a meaning only if"),
    ],
)  # fmt: skip
def test_every_mistake_is_told_with_its_path(text: str, told: str) -> None:
    assert [problem for problem in problems(text) if problem.startswith(told)]


def test_all_mistakes_are_told_at_once() -> None:
    text = write_rule("a", kind="pattern", patterns=["(", "["]) + write_rule(
        "a", "amend", kind="lexicon", terms={"en": [""]}
    )
    assert [problem.partition(":")[0] for problem in problems(text)] == [
        "rule[0].patterns[0]",
        "rule[0].patterns[1]",
        "rule[1].terms.en[0]",
        "rule[1].id",
        "rule[1].action",
    ]


def test_texts_are_for_those_who_are_told() -> None:
    assert problems(write_rule(kind="lexicon", terms={"en": ["x"]}).replace("text =", "# text =")) == (
        "rule[0].text: is missing: say to the sender what is wrong and what to do instead",
    )
    flagging = write_rule(action="flag", kind="lexicon", terms={"en": ["x"]})
    assert parse_policy(flagging).rules[0].text == ""
    assert problems(flagging + 'text = "x"\n')[0].startswith("rule[0].text: flag tells the sender nothing")


def test_what_is_wrong_in_a_lexicon_file_is_told_with_its_line() -> None:
    text = write_rule(kind="lexicon", files={"en": ["a.txt", "b.txt"]})
    assert problems(text, {"a.txt": "good\n# no term\n\n b*d\n*\n", "b.txt": "# nothing\n"}) == (
        "a.txt:4: 'b*d' has a '*' inside: one may stand at the start, and one at the end",
        "a.txt:5: is empty: write a word or a phrase",
        "b.txt: has no term: write one on each line",
    )


@pytest.mark.parametrize("text", ["", "x = '", "rule = 3", "rule = [3]", write_rule(kind="lexicon", files=3)])
def test_files_are_looked_for_in_wrong_policies_too(text: str) -> None:
    assert find_lexicon_files(text) == ()


def test_the_example_has_every_kind_of_rule_and_its_examples_are_right() -> None:
    policy = parse_policy(f"{EXAMPLE}\n{TOPICS}")
    assert check_examples(policy, load_model) == ()
    assert count_examples(policy) > 60
    assert {type(rule.matched) for rule in policy.rules} == set(get_args(Matched))
    assert {rule.action for rule in policy.rules} == set(ContentAction)
    for rule in policy.rules:
        assert rule.must_not_match, rule.id
        if isinstance(rule.matched, Lexicon):
            assert {term.language for term in rule.matched.terms} == {"en", "de", "zh"}, rule.id


def test_topics_are_off_by_default() -> None:
    assert not any(isinstance(rule.matched, Topics) for rule in parse_policy(EXAMPLE).rules)


def test_examples_that_go_wrong_are_named() -> None:
    policy = one_rule(
        kind="lexicon",
        terms={"en": ["tip"]},
        must_match=["a tip", "tips"],
        must_not_match=["tap", "tip", "<message", "<iq/><iq/>", "<iq>&bomb;</iq>"],
    )
    assert [(failure.path, failure.problem) for failure in check_examples(policy, load_model)] == [
        ("r.must_match[1]", "does not match: 'tips'"),
        ("r.must_not_match[1]", "matches: 'tip'"),
        ("r.must_not_match[2]", "is not well-formed XML: not well-formed (invalid token)"),
        ("r.must_not_match[3]", "has more than one stanza: give each an example of its own"),
        ("r.must_not_match[4]", "is not well-formed XML: undefined entity"),
    ]


@pytest.mark.parametrize(
    "stanza",
    [
        "<message to='b@x' type='chat'><subject>s</subject><body>a &amp; b<!-- c -->d</body>e<x xmlns='u' a='1' b='2'/>"
        "</message>",
        "<message><html xmlns='h'><body>in<b>si</b>der<br/></body></html></message>",
        "<presence from='a@x/y'><status>away</status></presence>",
        "<iq type='get' to='x'><query xmlns='q' node='n'><item>deep<y>er</y></item></query></iq>",
        "<message/>",
    ],
)
def test_an_examples_facts_are_those_that_the_gate_takes(stanza: str) -> None:
    held = (
        "<message from='x.example' to='gate.x.example'><held xmlns='urn:steelyard:gate:0' epoch='e' seq='1' way='c2s' "
        "session='s'><forwarded xmlns='urn:xmpp:forward:0'>{0}</forwarded></held></message>"
    )
    in_client = re.sub(r"^<\w+", r"\g<0> xmlns='jabber:client'", stanza)
    (item,) = SubmissionParser().feed(held.format(in_client).encode())
    assert isinstance(item, Held)
    ours = read_example(stanza)
    for field in ("kind", "type", "to", "sender", "elements", "text", "attributes"):
        assert getattr(ours, field) == getattr(item.facts, field), field
