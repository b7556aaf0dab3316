"""Finds what a stanza carries besides text, by the namespaces of its elements."""

from collections.abc import Iterable
from functools import lru_cache

from policy.content.namespaces import CALLS, HTML, KNOWN, LOCATION, STICKERS, is_usual
from policy.content.rule import PayloadKind, Payloads, Rule
from policy.content.said import Said

_BY_KIND = {
    PayloadKind.CALLS: CALLS,
    PayloadKind.LOCATION: LOCATION,
    PayloadKind.HTML: HTML,
    PayloadKind.STICKERS: STICKERS,
}
_JINGLE = "urn:xmpp:jingle:"  # each application and transport of Jingle has a namespace of its own
_NO_CALL = "urn:xmpp:jingle:apps:file-transfer:"  # also describes uploaded files (XEP-0385)
_SHAPES_KEPT = 1024
_NOTHING: frozenset[str] = frozenset()
_GEO_URI = "geo:"  # RFC 5870


class PayloadMatcher:
    """Finds which rules name a payload that a stanza has."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = [(rule.id, rule.matched) for rule in rules if isinstance(rule.matched, Payloads)]
        objectionable = {name for _, what in self._rules for name in _objectionable(what)}
        allowed = [KNOWN.union(what.namespaces) for _, what in self._rules if _has_unknown(what)]
        # What no rule can object to, so that most stanzas are done with one look; empty without rules.
        self._harmless = frozenset.intersection(*allowed) if allowed else KNOWN
        self._harmless -= objectionable
        self._asks_for_places = any(PayloadKind.LOCATION in what.payloads for _, what in self._rules)
        # A client makes most of its stanzas of the same elements.
        self._find = lru_cache(_SHAPES_KEPT)(self._find_by_elements)

    def find_rules(self, said: Said) -> frozenset[str]:
        """Return the ids of the rules that name a payload of this stanza."""
        if not self._rules:
            return _NOTHING
        elements = said.facts.elements
        find = self._find if is_usual(elements) else self._find_by_elements
        return find(elements, self._asks_for_places and _has_geo_uri(said))

    def _find_by_elements(self, elements: tuple[str, ...], has_place: bool) -> frozenset[str]:
        namespaces = {name[1:].rpartition("}")[0] for name in elements}
        if namespaces <= self._harmless and not has_place:
            return _NOTHING
        return frozenset(rule for rule, what in self._rules if _is_in(what, namespaces, has_place))


def _has_unknown(what: Payloads) -> bool:
    return PayloadKind.UNKNOWN in what.payloads


def _objectionable(what: Payloads) -> Iterable[str]:
    return (name for kind in what.payloads if kind in _BY_KIND for name in _BY_KIND[kind])


def _is_in(what: Payloads, namespaces: set[str], has_place: bool) -> bool:
    return any(_is_of_kind(kind, what, namespaces, has_place) for kind in what.payloads)


def _is_of_kind(kind: PayloadKind, what: Payloads, namespaces: set[str], has_place: bool) -> bool:
    match kind:
        case PayloadKind.UNKNOWN:
            return any(_is_unknown(name, what) for name in namespaces)
        case PayloadKind.LOCATION if has_place:
            return True
        case PayloadKind.CALLS if any(_is_jingle(name) for name in namespaces):
            return True
    return not _BY_KIND[kind].isdisjoint(namespaces)


def _is_jingle(name: str) -> bool:
    return name.startswith(_JINGLE) and not name.startswith(_NO_CALL)


def _is_unknown(name: str, what: Payloads) -> bool:
    return name not in KNOWN and not name.startswith(_JINGLE) and name not in what.namespaces


def _has_geo_uri(said: Said) -> bool:
    for text in (*said.texts, *said.facts.attributes):  # noqa: SIM110 - a generator costs more than a look
        if _GEO_URI in text and _names_place(text):
            return True
    return False


def _names_place(text: str) -> bool:
    return any(after.lstrip("-")[:1].isdigit() for after in text.split(_GEO_URI)[1:])
