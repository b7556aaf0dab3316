"""The rules in force: directory and content policy, and the digest that names them in records."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any

from policy.content.policy import ContentPolicy
from policy.directory.directory import Directory

_FORMAT = "steelyard-rules/1"
_NAME_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Rules:
    """All that a decision rests on besides the stanza.

    `digest` is the SHA-256 in hexadecimal of what decides (also of the order of nothing: that has no meaning);
    `name` its beginning, by which each record says what it was decided by.
    """

    directory: Directory
    content: ContentPolicy | None = None
    digest: str = field(init=False, repr=False, compare=False)
    name: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(_encode_canonical(self)).hexdigest()
        object.__setattr__(self, "digest", digest)
        object.__setattr__(self, "name", digest[:_NAME_LENGTH])

    def count_reviewers(self, ids: Iterable[str]) -> int:
        """Return how many people have to agree on what the rules with these ids hold."""
        return self.content.count_reviewers(ids) if self.content else 1


def _encode_canonical(rules: Rules) -> bytes:
    value = {
        "format": _FORMAT,
        "directory": _plain(rules.directory),
        "content": rules.content.digest if rules.content else None,
    }
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _plain(value: Any) -> Any:
    """Return a value of the directory as JSON has it: each in one form only, without derived fields."""
    if value is None or isinstance(value, str | int):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted((_plain(item) for item in value), key=str)
    if isinstance(value, Mapping):
        return [[_plain(key), _plain(item)] for key, item in sorted(value.items(), key=str)]
    if is_dataclass(value):
        return [_plain(getattr(value, each.name)) for each in fields(value) if each.init]
    raise TypeError(f"no canonical form for a {type(value).__name__}")
