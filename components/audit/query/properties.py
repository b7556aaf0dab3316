"""Reads the properties of a query: the value behind each name."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from components.audit.query.tree import (
    Bound,
    ByRule,
    FileHash,
    FileName,
    FileType,
    HasFile,
    Moment,
    Node,
    OfKind,
    Or,
    Party,
    SearchKind,
    Side,
    SimilarTo,
    Term,
    Verdict,
)
from components.audit.query.words import fold_party, spell_words
from policy.decision import Action

_VERDICTS = {action.value: action for action in Action} | {
    "released": Action.RELEASE, "amended": Action.AMEND, "held": Action.HOLD, "refused": Action.REFUSE,
}  # fmt: skip
_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?P<time>T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_AGO = re.compile(r"(?P<count>\d{1,9})(?P<unit>[smhdw])", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_YEAR = 2261  # the last whole year whose nanoseconds fit into SQLite's 64 bits
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/([a-z0-9!#$&^_.+-]+|\*)", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{8,64}", re.ASCII)
_RECORD = re.compile(r"(?P<log>[^/\s]+)/(?P<number>[0-9]{1,12})", re.ASCII)


def read_words(text: str, make: Callable[[tuple[str, ...], bool], Term]) -> Node:
    """Return a term for each spelling of some words, the last of which may end in `*`; raises ValueError."""
    stem = text.rstrip()
    prefix = stem.endswith("*")
    stem = stem.removesuffix("*")
    if "*" in stem or (prefix and stem != stem.rstrip()):
        raise ValueError("a * stands only at the end of a word, and means any ending")
    spellings = [make(words, prefix) for words in spell_words(stem)]
    if not spellings:
        raise ValueError("there is no letter or digit to search for in this")
    return Or(tuple(spellings)) if len(spellings) > 1 else spellings[0]


def _read_party(name: str, value: str, _now_s: int) -> Term:
    text = fold_party(value)
    if "/" in text:
        raise ValueError(f"leave out the resource: {name}:{value.split('/', 1)[0]}")
    if "*" in text:
        raise ValueError("addresses are matched whole: alice, alice@metals.example or @metals.example")
    local, at, domain = text.rpartition("@")
    if not at:
        return Party(Side(name), domain, "")
    if not domain or "@" in local:
        raise ValueError("an address looks like alice, alice@metals.example or @metals.example")
    return Party(Side(name), local, domain)


def _read_moment(name: str, value: str, now_s: int) -> Term:
    text = value.upper()
    try:
        if ago := _AGO.fullmatch(value.lower()):
            at = _EPOCH + timedelta(seconds=now_s - int(ago["count"]) * _UNIT_S[ago["unit"]])
        elif found := _MOMENT.fullmatch(text):
            at = datetime.fromisoformat(text)
            at = at if found["zone"] else at.replace(tzinfo=UTC)
        else:
            raise ValueError
        microseconds = (at - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise ValueError(
            "a time is a date (2026-11-23), a date and time (2026-11-23T14:05, or 2026-11-23T14:05+01:00), "
            "or how long ago (30m, 2h, 7d, 4w)"
        ) from None
    if microseconds < 0 or at.year > _LAST_YEAR:
        raise ValueError(f"a time lies between 1970 and {_LAST_YEAR}")
    return Moment(Bound(name), microseconds * 1000)


def _read_verdict(_name: str, value: str, _now_s: int) -> Term:
    action = _VERDICTS.get(value.lower())
    if action is None:
        raise ValueError(f"a verdict is one of {', '.join(_VERDICTS)}")
    return Verdict(action)


def _read_kind(_name: str, value: str, _now_s: int) -> Term:
    try:
        return OfKind(SearchKind(value.lower()))
    except ValueError:
        raise ValueError(f"a kind is one of {', '.join(SearchKind)}") from None


def _read_rule(_name: str, value: str, _now_s: int) -> Term:
    rule = value.casefold().removesuffix("*")
    if not rule or "*" in rule:
        raise ValueError("a rule is its whole id, or its beginning and a *")
    return ByRule(rule, value.endswith("*"))


def _read_has(_name: str, value: str, _now_s: int) -> Term:
    if value.lower() != "file":
        raise ValueError("a record has:file, or nothing else that can be asked for")
    return HasFile()


def _read_file(_name: str, value: str, _now_s: int) -> Node:
    return read_words(value, FileName)


def _read_type(_name: str, value: str, _now_s: int) -> Term:
    kind = value.lower()
    if not _MEDIA_TYPE.fullmatch(kind):
        raise ValueError("a type is a media type (application/pdf), or all of a kind (image/*)")
    return FileType(kind.removesuffix("*"), kind.endswith("*"))


def _read_hash(_name: str, value: str, _now_s: int) -> Term:
    digits = value.lower()
    if not _HASH.fullmatch(digits):
        raise ValueError("a hash is the first 8 to 64 hexadecimal digits of a file's SHA-256")
    return FileHash(digits)


def _read_similar(_name: str, value: str, _now_s: int) -> Term:
    found = _RECORD.fullmatch(value)
    if not found:
        raise ValueError(
            "name the record of a picture, such as transfer/12, or of a message with a link to it"
        )
    return SimilarTo(found["log"], int(found["number"]))


PROPERTIES: dict[str, Callable[[str, str, int], Node]] = {
    "from": _read_party, "to": _read_party, "with": _read_party,
    "before": _read_moment, "after": _read_moment,
    "verdict": _read_verdict, "kind": _read_kind, "rule": _read_rule,
    "has": _read_has, "file": _read_file, "type": _read_type, "hash": _read_hash, "similar": _read_similar,
}  # fmt: skip
PROPERTY_NAMES = ", ".join(f"{name}:" for name in PROPERTIES)
EXAMPLES = {
    "from": "from:alice", "to": "to:bob@grain.example", "with": "with:@grain.example",
    "before": "before:2026-11-23", "after": "after:2h",
    "verdict": "verdict:refused", "kind": "kind:message", "rule": "rule:payload*",
    "has": "has:file", "file": "file:report", "type": "type:image/*", "hash": "hash:9f86d081",
    "similar": "similar:transfer/12",
}  # fmt: skip
