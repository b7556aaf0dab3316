"""What must hold of whatever rules an enterprise writes, and of whatever a client sends."""

import random
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.content.decide import decide_content
from policy.content.example import read_example
from policy.content.parse import PolicyError, find_lexicon_files, parse_policy
from policy.content.policy import ContentPolicy
from policy.content.rule import (
    STRENGTH,
    ContentAction,
    Lexicon,
    Links,
    Matched,
    Patterns,
    PayloadKind,
    Payloads,
    Rate,
    Rule,
    Term,
    Topics,
    Uploads,
)
from policy.content.stanza import StanzaTextError
from policy.decide import decide
from policy.decision import Action, Decision
from policy.facts import NamedJid, StanzaFacts, Way
from policy.files.facts import FileMark
from tests.support.rounds import examples
from tests.unit.policy.samples import ALICE, BOB, EXAMPLE, GEORGE, say

EXAMPLE_POLICY = (Path(__file__).parents[2] / "config" / "examples" / "policy.toml").read_text()
WORDS = ("tip", "tips", "insider", "kurs drücken", "内幕", "消息", "a股", "fix", "tip fix")
PATTERNS = (r"\btip", r"\d{3}", r"fix$", r"[内幕]+", r"(?i)KURS", r"x{2,5}y?", r"(a|b)+c")
HOSTS = ("evil.com", "*.evil.com", "reuters.com", "x.de")
PIECES = (
    *WORDS, " ", "\n", "https://", "evil.com", "reuters.com", "/", "@", ".", "。", "\u200b", "\u00ad", "Ｔｉｐ", "tіp",
    "123", "xxy", "geo:1,2", "javascript:", "//", "\\", ":", "t\u0301ip", "看", "😀",
)  # fmt: skip
ELEMENTS = (
    "{jabber:client}body",
    "{http://www.w3.org/1999/xhtml}a",
    "{http://jabber.org/protocol/geoloc}geoloc",
    "{urn:xmpp:jingle:1}jingle",
    "{urn:example:new}x",
    "{}x",
    "x",
    "",
)

texts = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
wild_texts = st.one_of(
    texts, texts.map(lambda text: f"{text}\udc00 https://x.x\udc00")
)  # half of a surrogate pair, too
facts = st.builds(
    StanzaFacts,
    way=st.sampled_from(Way),
    kind=st.sampled_from(["message", "presence", "iq", "session"]),
    type=st.sampled_from(["", "chat", "groupchat", "error"]),
    sender=st.sampled_from([ALICE, GEORGE, "nobody@x.example"]),
    to=st.sampled_from([BOB, GEORGE, ""]),
    elements=st.lists(st.one_of(st.sampled_from(ELEMENTS), st.text(max_size=20)), max_size=5).map(tuple),
    text=wild_texts,
    attributes=st.lists(wild_texts, max_size=3).map(tuple),
    jids=st.just(()) | st.just((NamedJid("{jabber:iq:roster}item", BOB),)),
)


def subset(choices: Any, min_size: int = 0) -> Any:
    return st.lists(st.sampled_from(choices), unique=True, min_size=min_size).map(
        lambda found: tuple(sorted(found))
    )


BY_KIND: dict[type[Matched], st.SearchStrategy[Matched]] = {
    Lexicon: st.builds(
        Lexicon,
        subset([*WORDS, "tip*", "*ip"], 1).map(lambda words: tuple(Term("en", word) for word in words)),
        st.booleans(),
    ),
    Patterns: st.builds(Patterns, subset(PATTERNS, 1), st.booleans(), st.booleans()),
    Links: st.builds(Links, subset(HOSTS), subset(("http", "https", "javascript")), st.booleans()),
    Payloads: st.builds(Payloads, subset(tuple(PayloadKind), 1), st.sampled_from([(), ("urn:example:new",)])),
    Uploads: st.builds(Uploads, marks=subset(tuple(FileMark), 1)),  # matches no stanza
}
matched = st.one_of(*BY_KIND.values())


def test_every_kind_is_drawn_but_those_that_need_a_memory() -> None:
    assert set(BY_KIND) == set(get_args(Matched)) - {Rate, Topics}


@st.composite
def policies(draw: st.DrawFn, max_size: int = 5) -> tuple[Rule, ...]:
    rules = []
    for number in range(draw(st.integers(0, max_size))):
        what = draw(matched)
        actions = [a for a in ContentAction if a is not ContentAction.AMEND or isinstance(what, Links)]
        rules.append(Rule(f"rule-{number}", draw(st.sampled_from(actions)), f"Told by {number}.", what))
    return tuple(rules)


def strength(decision: Decision) -> int:
    order = {Action.RELEASE: 0, Action.AMEND: 2, Action.HOLD: 3, Action.REFUSE: 4}
    return order[decision.action] or bool(decision.notice)


@given(policies(), matched, facts)
def test_adding_a_refusing_rule_never_allows(
    rules: tuple[Rule, ...], what: Matched, said: StanzaFacts
) -> None:
    added = Rule("added", ContentAction.REFUSE, "No.", what)
    before = decide(EXAMPLE, said, ContentPolicy(rules))
    after = decide(EXAMPLE, said, ContentPolicy((*rules, added)))
    assert strength(after) >= strength(before)
    assert set(before.rules) <= set(after.rules)
    if "added" in after.rules:
        assert after.action is Action.REFUSE


@given(policies(), policies(3), facts)
def test_more_rules_never_weaken_a_decision(
    some: tuple[Rule, ...], more: tuple[Rule, ...], said: StanzaFacts
) -> None:
    others = tuple(Rule(f"more-{rule.id}", rule.action, rule.text, rule.matched) for rule in more)
    few, all_ = (decide_content(ContentPolicy(rules), said) for rules in (some, some + others))
    assert strength(all_) >= strength(few)
    assert set(few.rules) <= set(all_.rules)


@given(policies(), facts, st.randoms(use_true_random=False))
def test_the_order_of_rules_has_no_meaning(
    rules: tuple[Rule, ...], said: StanzaFacts, chance: random.Random
) -> None:
    shuffled = chance.sample(rules, len(rules))
    one, other = ContentPolicy(rules), ContentPolicy(tuple(shuffled))
    assert one == other
    assert one.digest == other.digest
    assert decide_content(one, said) == decide_content(other, said) == decide_content(one, said)


@given(policies(), facts)
def test_rules_decide_each_for_itself(rules: tuple[Rule, ...], said: StanzaFacts) -> None:
    """What is found together, in one pass, is what each would find alone."""
    alone = {rule.id for rule in rules if decide_content(ContentPolicy((rule,)), said).rules}
    decision = decide_content(ContentPolicy(rules), said)
    assert set(decision.rules) == alone
    if alone:
        strongest = max(STRENGTH[rule.action] for rule in rules if rule.id in alone)
        assert strength(decision) >= strongest


@given(policies(), facts)
def test_no_rule_opens_a_border(rules: tuple[Rule, ...], said: StanzaFacts) -> None:
    before, after = decide(EXAMPLE, said), decide(EXAMPLE, said, ContentPolicy(rules))
    if before.action is Action.REFUSE:
        assert (after.action, after.error) == (before.action, before.error)
        assert after.rules[: len(before.rules)] == before.rules


@given(st.sampled_from(WORDS), texts, texts, st.sampled_from(["", " ", "\n", "(", "。"]))
def test_a_term_between_spaces_is_always_found(word: str, before: str, after: str, edge: str) -> None:
    rule = Rule("r", ContentAction.FLAG, "", Lexicon((Term("en", word),), fold=True))
    said = StanzaFacts(
        Way.C2S, "message", "chat", ALICE, BOB, ("{jabber:client}body",), f"{before} {word} {after}{edge}"
    )
    assert decide_content(ContentPolicy((rule,)), said).rules == ("r",)


@given(texts)
def test_a_refused_host_is_found_wherever_it_stands(before: str) -> None:
    rule = Rule("r", ContentAction.FLAG, "", Links(("reuters.com",), ("https",), True))
    said = say(f"{before} https://evil.com/x")
    assert decide_content(ContentPolicy((rule,)), said).rules == ("r",)


# --- files ---

toml_keys = st.text("abcz-", min_size=1, max_size=4)
toml_values = st.recursive(
    st.one_of(
        st.text(max_size=8),
        st.integers(),
        st.booleans(),
        st.sampled_from(["*", "(", "a*", "lexicon", "amend"]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abcz-", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = (
    "id", "kind", "action", "text", "terms", "files", "fold", "patterns", "case_sensitive", "hosts", "schemes",
    "bare_hosts", "payloads", "namespaces", "count", "more_than", "window_s", "topics", "share", "messages", "model",
    "must_match", "must_not_match", "other",
)  # fmt: skip
GOOD: dict[str, list[Any]] = {
    "kind": ["lexicon", "pattern", "link", "payload", "rate", "topic"],
    "action": list(ContentAction),
    "terms": [{"en": ["tip"]}, {"en": ["t*p", ""]}],
    "files": [{"en": ["a.txt"]}],
    "patterns": [["a+"], ["("]],
    "hosts": [["x.de"], ["://"]],
    "payloads": [["html"], ["unknown"]],
    "count": ["messages", "recipients"],
    "more_than": [3, -1],
    "window_s": [60, 0],
    "topics": [["private"], ["weather"]],
    "share": [1, 0.5, 2],
    "messages": [1, 99],
    "model": ["ngram", "e5"],
    "must_match": [["x"], ["<iq"], ["3 in 60 s"]],
}


def write_toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = "".join(f"\\U{ord(char):08x}" for char in value)
        return f'"{escaped}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(write_toml, value)) + "]"
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{write_toml(key)} = {write_toml(entry)}" for key, entry in value.items()) + "}"
        )
    return str(value)


@st.composite
def rule_files(draw: st.DrawFn) -> str:
    lines = []
    for _ in range(draw(st.integers(0, 3))):
        lines.append("[[rule]]")
        for key in draw(st.lists(st.sampled_from(KEYS), unique=True)):
            values = st.sampled_from(GOOD[key]) if key in GOOD else toml_values
            value = draw(values if draw(st.integers(0, 4)) else toml_values)
            lines.append(f"{key} = {write_toml(value)}")
    return "\n".join(lines)


@pytest.mark.slow
@examples(300)
@given(st.one_of(rule_files(), st.text()), texts)
def test_no_file_breaks_the_parser(text: str, terms: str) -> None:
    files = dict.fromkeys(find_lexicon_files(text), terms)
    try:
        policy = parse_policy(text, files)
    except PolicyError as error:
        assert error.problems
        assert all(": " in problem for problem in error.problems)
    else:
        assert policy.rules


@given(st.data())
def test_a_damaged_example_file_is_refused_or_a_policy(data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(EXAMPLE_POLICY)))
    length = data.draw(st.integers(0, 40))
    text = EXAMPLE_POLICY[:cut] + data.draw(texts) + EXAMPLE_POLICY[cut + length :]
    try:
        assert parse_policy(text).rules
    except PolicyError as error:
        assert error.problems


@given(st.one_of(st.text(), texts.map(lambda text: f"<message>{text}</message>")))
def test_no_example_breaks_the_reader(text: str) -> None:
    try:
        assert read_example(text).way is Way.C2S
    except StanzaTextError as error:
        assert str(error)
