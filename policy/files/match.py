"""Which rules of kind `file` match a file (docs/policy.md, section 5)."""

import unicodedata
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from policy.files.facts import FileFacts
from policy.files.name import clean_name

if TYPE_CHECKING:
    from policy.content.rule import Rule, Uploads

_SEPARATORS = ("/", "\\")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A rule's id and settings; `fits_name` tells whether one of its names is that of a file."""

    id: str
    matched: "Uploads"
    fits_name: Callable[[str], bool]


class FileMatcher:
    """The rules of kind `file` among `rules`, ready to be applied."""

    def __init__(self, rules: "Iterable[Rule]") -> None:
        # Rules name the marks of files, so they cannot be loaded before.
        from policy.content.rule import Uploads

        self._rules = [
            _Prepared(rule.id, rule.matched, prepare_names(rule.matched.names))
            for rule in rules
            if isinstance(rule.matched, Uploads)
        ]

    def find_rules(self, facts: FileFacts, desk: str) -> frozenset[str]:
        """Return the ids of the rules that match a file, sent by somebody of a desk, empty for none.

        Rules that say to which desks do not: nobody knows yet to whom its link will be sent.
        """
        return frozenset(
            rule.id for rule in self._rules if not rule.matched.to_desks and _fits(rule, facts, (desk,))
        )

    def find_rules_to(
        self, facts: FileFacts, desks: Collection[str], to_desks: Collection[str]
    ) -> frozenset[str]:
        """Return the ids of the rules that say to which desks and match a file, `desks` being those that it is from."""
        return frozenset(
            rule.id
            for rule in self._rules
            if not set(rule.matched.to_desks).isdisjoint(to_desks) and _fits(rule, facts, desks)
        )


def _fits(rule: _Prepared, facts: FileFacts, desks: Collection[str]) -> bool:
    wanted, content = rule.matched, facts.content
    return (
        (not wanted.types or fits_type(content.found_type, wanted.types))
        and (not wanted.names or any(map(rule.fits_name, (facts.name, *content.member_names))))
        and facts.size_bytes >= wanted.larger_than_bytes + bool(wanted.larger_than_bytes)
        and (not wanted.sha256 or facts.sha256.hex() in wanted.sha256)
        and (not wanted.marks or not content.marks.isdisjoint(wanted.marks))
        and (not wanted.desks or not set(wanted.desks).isdisjoint(desks))
        and (not wanted.purposes or facts.purpose in wanted.purposes)
    )


def fits_type(media_type: str, types: Iterable[str]) -> bool:
    """Return whether a media type, with parameters or not, is one of these, or of a kind such as `image/*`."""
    kind = media_type.partition(";")[0].strip().lower()
    return not {kind, f"{kind.partition('/')[0]}/*"}.isdisjoint(types)


def prepare_names(names: Iterable[str]) -> Callable[[str], bool]:
    """Return what tells whether the last part of a path is one of these names; `*` is any text, `?` any character.

    Capitals, wide letters, invisible characters, and blanks and dots at the end make no difference.
    """
    alternatives = "|".join(sorted(map(_translate, names)))
    if not alternatives:
        return lambda _path: False
    return lambda path: _compile(f"(?s)(?:{alternatives})").fullmatch(_fold(_last_part(path))) is not None


def _translate(name: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(char, f"\\x{{{ord(char):x}}}") for char in _fold(name))


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", clean_name(name)).casefold())


def _last_part(path: str) -> str:
    for separator in _SEPARATORS:
        path = path.rstrip(separator).rpartition(separator)[2]
    return path


@cache
def _compile(pattern: str) -> Any:
    # A component that has no such rule does without this library.
    import re2

    return re2.compile(pattern)
