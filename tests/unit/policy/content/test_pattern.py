import time

import pytest

from policy.content import pattern as pattern_module
from policy.content.parse import PolicyError
from tests.unit.policy.content.rules import matches, one_rule

TABLE = [
    ([r"\bcall me\b"], {}, "Call Me now", True),
    ([r"\bcall me\b"], {"case_sensitive": True}, "Call Me now", False),
    ([r"\bcall me\b"], {"case_sensitive": True}, "do call me now", True),
    ([r"\d{16}"], {}, "４１１１１１１１１１１１１１１１", True),
    ([r"\d{16}"], {"fold": False}, "４１１１１１１１１１１１１１１１", False),
    ([r"\d{4}"], {}, "4\u200b1\u200b1\u200b1", True),
    ([r"a{3}", r"b{3}"], {}, "xbbbx", True),
    ([r"a{3}", r"b{3}"], {}, "abab", False),
    ([r"微信\s*号"], {}, "我的微信 号", True),
    ([r"^secret$"], {}, "secret", True),
    ([r"(?m)^secret$"], {}, "no\nsecret\nno", True),
    ([r"\Qa.b"], {}, "a.b", True),
    ([r"\Qa.b"], {}, "axb", False),
    ([r"grün"], {}, "GRÜN", True),
]


@pytest.mark.parametrize(("patterns", "settings", "text", "found"), TABLE)
def test_patterns(patterns: list[str], settings: dict[str, bool], text: str, found: bool) -> None:
    assert matches(one_rule(kind="pattern", patterns=patterns, **settings), text) is found


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(", "is no regular expression of RE2: missing"),
        ("(?=a)b", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("a{1001}", "invalid repetition size"),
        ("((((a{100}){100}){100}){100})", "invalid repetition size|too large|bad repetition"),
        ("a*", "matches every text"),
        ("|a", "matches every text"),
        ("", "must not be empty"),
    ],
)
def test_what_is_no_usable_pattern(pattern: str, told: str) -> None:
    with pytest.raises(PolicyError, match=told) as caught:
        one_rule(kind="pattern", patterns=["good", pattern])
    assert caught.value.problems[0].startswith("rule[0].patterns[1]: ")


def test_a_pattern_that_ruins_other_engines_is_quick() -> None:
    policy = one_rule(kind="pattern", patterns=[r"(a+)+b", r"(x|x|x)*y"])
    began = time.process_time()
    assert not matches(policy, "a" * 20_000 + "c" + "x" * 20_000)
    assert time.process_time() - began < 5


def test_patterns_that_are_too_large_together_are_searched_singly(monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = [r"[a-z]{50}x", r"(foo|bar){20}", "needle"]
    monkeypatch.setattr(pattern_module, "_TOGETHER_MAX_BYTES", 4000)
    policy = one_rule(kind="pattern", patterns=patterns)
    assert matches(policy, "a needle")
    assert matches(policy, "a" * 50 + "x")
    assert not matches(policy, "hay")


class _OutOfMemory:
    """An automaton that gave up: RE2 then reports no match at all, not even that of the empty pattern."""

    def Match(self, _text: str) -> list[int]:  # noqa: N802
        return []


def test_an_automaton_that_gave_up_lets_no_match_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern_module, "_compile_together", lambda _sources: _OutOfMemory())
    policy = one_rule(kind="pattern", patterns=["hay", "needle"])
    assert matches(policy, "a needle")
    assert not matches(policy, "straw")
