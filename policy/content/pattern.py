"""The regular expressions of all rules in one automaton: RE2, which takes linear time for every text."""

from collections.abc import Iterable
from typing import Any

import re2

from policy.content.rule import Patterns, Rule
from policy.content.said import Said

_TOGETHER_MAX_BYTES = 64 * 1024 * 1024


class PatternError(ValueError):
    """A text is not a usable regular expression; the message says why."""


class PatternMatcher:
    """Finds which rules have a pattern that matches."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._owners: list[tuple[str, bool]] = []
        self._singly: list[Any] = []
        sources = []
        for rule in rules:
            if isinstance(rule.matched, Patterns):
                for pattern in rule.matched.patterns:
                    source = pattern if rule.matched.case_sensitive else "(?i)" + pattern
                    sources.append(source)
                    self._owners.append((rule.id, rule.matched.fold))
                    self._singly.append(compile_pattern(source))
        self._together = _compile_together(sources) if sources else None

    def find_rules(self, said: Said) -> set[str]:
        """Return the ids of the rules with a matching pattern."""
        found: set[str] = set()
        if self._owners:
            for text in said.texts:
                for number in self._match(text):
                    found.add(self._owners[number][0])
            for text in said.folded:
                for number in self._match(text):
                    rule, folds = self._owners[number]
                    if folds:
                        found.add(rule)
        return found

    def _match(self, text: str) -> list[int]:
        if self._together is not None:
            numbers: list[int] = self._together.Match(text)
            # The empty pattern, added last, always matches: without it, the automaton ran out of memory.
            empty = len(self._owners)
            if empty in numbers:
                numbers.remove(empty)
                return numbers
        return [number for number, pattern in enumerate(self._singly) if pattern.search(text)]


def compile_pattern(pattern: str) -> Any:
    """Compile one pattern; raises PatternError."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(f"is no regular expression of RE2: {text}") from None


def check_pattern(pattern: str) -> str:
    """Check a pattern as a person wrote it, and return it; raises PatternError."""
    if compile_pattern(pattern).search(""):
        raise PatternError("matches every text: it must need at least one character")
    return pattern


def _compile_together(sources: list[str]) -> Any:
    """Compile all patterns into one; None if they are too large for that and are searched one by one."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _TOGETHER_MAX_BYTES
    together = re2.Set.SearchSet(options)
    for source in (*sources, ""):
        together.Add(source)
    try:
        together.Compile()
    except re2.error:
        return None
    return together
