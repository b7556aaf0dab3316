"""Reads the properties of a query: the value behind each name."""

import re
from collections.abc import Callable, Iterable

from components.audit.query.error import UnclearError
from components.audit.query.times import LATEST_NS, read_moment, read_range, read_span
from components.audit.query.tree import (
    Bound,
    ById,
    ByRule,
    FileHash,
    FileName,
    FileSize,
    FileType,
    Group,
    HasFile,
    HasText,
    InThread,
    Is,
    Listed,
    Moment,
    Node,
    OfKind,
    Or,
    Party,
    SearchKind,
    SeenBy,
    Side,
    SimilarTo,
    Span,
    StanzaType,
    State,
    Term,
    Verdict,
    Words,
)
from components.audit.query.words import fold_party, spell_words, write_words
from policy.decision import Action
from policy.observed import MARKS, WOULD

_VERDICTS = {action.value: action for action in Action} | {
    "released": Action.RELEASE, "amended": Action.AMEND, "held": Action.HOLD, "refused": Action.REFUSE,
}  # fmt: skip
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/([a-z0-9!#$&^_.+-]+|\*)", re.ASCII)
_STANZA_TYPES = (
    "chat", "groupchat", "normal", "headline", "error", "get", "set", "result", "unavailable",
    "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe",
)  # fmt: skip
_SIZE = re.compile(r"(?P<count>\d{1,19}(?:\.\d{1,6})?)(?P<unit>[kmgt]?)b?", re.ASCII)
_UNIT_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE_MAX = 2**63 - 1  # what the index holds
_HASH = re.compile(r"[0-9a-f]{8,64}", re.ASCII)
_RECORD = re.compile(r"(?P<log>[^/\s]+)/(?P<number>[0-9]{1,12})", re.ASCII)


def read_words(text: str, make: Callable[[tuple[str, ...], bool], Term]) -> Node:
    """Return a term for each spelling of some words, the last of which may end in `*`; raises UnclearError."""
    stem = text.rstrip()
    prefix = stem.endswith("*")
    stem = stem.removesuffix("*")
    if "*" in stem or (prefix and stem != stem.rstrip()):
        raise UnclearError("star")
    spellings = [make(words, prefix) for words in spell_words(stem)]
    if not spellings:
        raise UnclearError("no_letter")
    return Or(tuple(spellings)) if len(spellings) > 1 else spellings[0]


def join_spellings(nodes: tuple[Node, ...]) -> Or:
    """Return at least two nodes, any of which may match; the spellings of a word stand beside the others, each once.

    So the canonical text of a word in several spellings is read as that word.
    """
    if not any(map(_is_spelled, nodes)):
        return Or(nodes)
    apart = (node.nodes if isinstance(node, Or) and _is_spelled(node) else (node,) for node in nodes)
    return Or(tuple(dict.fromkeys(each for group in apart for each in group)))


def _is_spelled(node: Node) -> bool:
    """Return whether these are the spellings of one word, or of one phrase, as `read_words` returns them."""
    match node:
        case Or((Words() | FileName() as first, *_) as spellings):
            make = type(first)
            return tuple(spellings) == tuple(
                make(words, first.prefix) for words in spell_words(write_words(first.words))
            )
    return False


def _read_party(name: str, value: str, _now_s: int) -> Term:
    return Party(Side(name), *_read_address(name, value))


def _read_address(name: str, value: str) -> tuple[str, str]:
    text = fold_party(value)
    if "/" in text:
        raise UnclearError("resource", address=f"{name}:{value.split('/', 1)[0]}")
    if "*" in text:
        raise UnclearError("address.whole")
    local, at, domain = text.rpartition("@")
    if not at:
        return domain, ""
    if not domain or "@" in local:
        raise UnclearError("address")
    return local, domain


def _read_person(name: str, value: str, now_s: int) -> Term:
    return _read_party("with", value, now_s) if "@" in value else _read_listed(name, value, now_s)


def _read_listed(name: str, value: str, _now_s: int) -> Term:
    called = fold_party(value)
    if "*" in called or "/" in called:
        raise UnclearError("listed", example=EXAMPLES[name])
    return Listed(Group(name), called)


def _read_seen_by(name: str, value: str, _now_s: int) -> Term:
    local, domain = _read_address(name, value)
    if not local:
        raise UnclearError("person", example=EXAMPLES[name])
    return SeenBy(local, domain)


def _read_state(_name: str, value: str, _now_s: int) -> Term:
    if value.lower() == "held":
        return Verdict(Action.HOLD)
    try:
        return Is(State(value.lower()))
    except ValueError:
        raise _wrong_value("one_of.is", value, (*State, "held")) from None


def _read_thread(_name: str, value: str, _now_s: int) -> Term:
    return InThread(value)


def _read_id(_name: str, value: str, _now_s: int) -> Term:
    return ById(value)


def _read_size(_name: str, value: str, _now_s: int) -> Term:
    first, is_range, last = value.partition("..")
    least = _read_bytes(first) if first.strip() else None
    most = (_read_bytes(last) if last.strip() else None) if is_range else least
    if (least, most) == (None, None) or (least is not None and most is not None and least > most):
        raise UnclearError("size")
    return FileSize(least, most)


def _read_bytes(value: str) -> int:
    from fractions import Fraction  # few queries name a size

    found = _SIZE.fullmatch(value.strip().lower())
    if not found:
        raise UnclearError("size")
    # Exactly: as a float, 1.005kb would be 1,004 bytes.
    return min(int(Fraction(found["count"]) * _UNIT_BYTES[found["unit"] or ""]), _SIZE_MAX)


def compare(name: str, operator: str, value: str, now_s: int) -> Term:
    """Read `date>=2026-01-01` and `size<1mb`, as KQL has them; raises UnclearError."""
    includes_less, includes_equal = operator[0] == "<", operator.endswith("=")
    if name == "size":
        size = _read_bytes(value)
        if operator == "=":
            return FileSize(size, size)
        if includes_less and not includes_equal and size == 0:
            raise UnclearError("size.negative")
        bound = size if includes_equal else min(size + (-1 if includes_less else 1), _SIZE_MAX)
        return FileSize(None, bound) if includes_less else FileSize(bound, None)
    begin_ns, end_ns = read_span(value, now_s)
    if operator == "=":
        return Span(begin_ns, end_ns)
    end_ns = min(end_ns, LATEST_NS)
    if includes_less:
        return Moment(Bound.BEFORE, end_ns if includes_equal else begin_ns)
    return Moment(Bound.AFTER, begin_ns if includes_equal else end_ns)


def _read_moment(name: str, value: str, now_s: int) -> Term:
    return Moment(Bound(name), read_moment(value, now_s))


def _read_date(_name: str, value: str, now_s: int) -> Term:
    return Span(*read_range(value, now_s))


def _read_verdict(_name: str, value: str, _now_s: int) -> Term:
    verdict = value.lower()
    if verdict in MARKS:
        return ByRule(verdict, False)
    if verdict == WOULD.rstrip("-"):
        return ByRule(WOULD, True)
    action = _VERDICTS.get(verdict)
    if action is None:
        raise _wrong_value("one_of.verdict", value, (*_VERDICTS, WOULD.rstrip("-"), *MARKS))
    return Verdict(action)


def _read_kind(_name: str, value: str, _now_s: int) -> Term:
    try:
        return OfKind(SearchKind(value.lower()))
    except ValueError:
        raise _wrong_value("one_of.kind", value, SearchKind) from None


def _wrong_value(key: str, value: str, possible: Iterable[str]) -> UnclearError:
    names = [str(each) for each in possible]
    return UnclearError(key, names=", ".join(names), maybe=suggest(value.lower(), names))


def suggest(wrong: str, names: Iterable[str]) -> str:
    """Return what somebody may have meant; empty if nothing is like it."""
    from difflib import get_close_matches

    near = get_close_matches(wrong, list(names), 1, 0.6)
    return near[0] if near else ""


def _read_rule(_name: str, value: str, _now_s: int) -> Term:
    rule = value.casefold().removesuffix("*")
    if not rule or "*" in rule:
        raise UnclearError("rule")
    return ByRule(rule, value.endswith("*"))


def _read_has(_name: str, value: str, _now_s: int) -> Term:
    if value.lower() == "file":
        return HasFile()
    if value.lower() == "text":
        return HasText()
    raise _wrong_value("one_of.has", value, ("file", "text"))


def _read_file(_name: str, value: str, _now_s: int) -> Node:
    return read_words(value, FileName)


def _read_type(_name: str, value: str, _now_s: int) -> Term:
    kind = value.lower()
    if kind in _STANZA_TYPES:
        return StanzaType(kind)
    if not _MEDIA_TYPE.fullmatch(kind):
        raise _wrong_value("one_of.type", value, _STANZA_TYPES)
    return FileType(kind.removesuffix("*"), kind.endswith("*"))


def _read_hash(_name: str, value: str, _now_s: int) -> Term:
    digits = value.lower()
    if not _HASH.fullmatch(digits):
        raise UnclearError("hash")
    return FileHash(digits)


def _read_similar(_name: str, value: str, _now_s: int) -> Term:
    found = _RECORD.fullmatch(value)
    if not found:
        raise UnclearError("similar")
    return SimilarTo(found["log"], int(found["number"]))


PROPERTIES: dict[str, Callable[[str, str, int], Node]] = {
    "from": _read_party, "to": _read_party, "with": _read_party,
    "person": _read_person, "desk": _read_listed, "room": _read_person, "site": _read_listed,
    "enterprise": _read_listed, "owner": _read_listed, "seen-by": _read_seen_by,
    "date": _read_date, "before": _read_moment, "after": _read_moment,
    "verdict": _read_verdict, "kind": _read_kind, "rule": _read_rule, "is": _read_state,
    "thread": _read_thread, "id": _read_id, "type": _read_type,
    "has": _read_has, "file": _read_file, "size": _read_size, "hash": _read_hash, "similar": _read_similar,
}  # fmt: skip
PROPERTY_NAMES = ", ".join(f"{name}:" for name in PROPERTIES)
EXAMPLES = {
    "from": "from:alice", "to": "to:bob@grain.example", "with": "with:@grain.example",
    "person": 'person:"Alice Arden"', "desk": "desk:base", "room": "room:desk@rooms.metals.example",
    "site": "site:metals.example", "enterprise": "enterprise:metals", "owner": "owner:metals",
    "seen-by": "seen-by:alice@metals.example", "date": "date:2026-01-01..2026-02-01",
    "before": "before:2026-11-23", "after": "after:2h",
    "verdict": "verdict:refused", "kind": "kind:message", "rule": "rule:payload*", "is": "is:edited",
    "thread": "thread:e0ffe42b28561960c6b12b944a092794b9683a38", "id": "id:gate/100042", "type": "type:image/*",
    "has": "has:file", "file": "file:report", "size": "size:1mb..", "hash": "hash:9f86d081",
    "similar": "similar:transfer/12",
}  # fmt: skip
