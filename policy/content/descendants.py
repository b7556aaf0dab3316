"""Takes the content of a stanza from a parser's events, in one pass: names, values, JIDs and the text model."""

from collections.abc import Mapping

from policy.address import bare, domain_of
from policy.content.protocol_words import is_prose
from policy.content.text_model import TextModel
from policy.facts import NamedJid, StanzaFacts, Way

DELAYS = frozenset({"{urn:xmpp:delay}delay", "{jabber:x:delay}x"})
"""Where `from` says who kept a stanza back (XEP-0203, XEP-0091)."""


_STANZAS = frozenset({"message", "presence", "iq"})
# What a stanza has of its own (RFC 6120, 8.1). Servers pass on whatever else somebody writes beside these.
_LANGUAGE = "http://www.w3.org/XML/1998/namespace\x0clang"
_OF_STANZAS = frozenset({"from", "to", "id", "type", _LANGUAGE})


class Descendants(TextModel):
    """Takes a parser's events for the descendants of one stanza, and makes its facts from them.

    Names are `{namespace}local`. It is on the path of every stanza, so its steps are small and it never looks back.
    """

    __slots__ = ("_elements", "_jids", "_values")

    def __init__(self) -> None:
        super().__init__()
        self._elements: list[str] = []
        self._values: list[str] = []
        self._jids: list[NamedJid] = []

    def start(self, element: str, attributes: Mapping[str, str]) -> None:
        """Take the start of a descendant."""
        super().start(element, attributes)
        self._elements.append(element)
        if attributes:
            self._values += attributes.values()
            if "jid" in attributes or "to" in attributes:
                self.name_jids(element, attributes)
            if "from" in attributes and element in DELAYS and len(self._around) == 1:
                self._jids.append(NamedJid(element, attributes["from"]))

    def name_jids(self, element: str, attributes: Mapping[str, str]) -> None:
        """Take the JIDs that an element names, without the element."""
        for key in ("jid", "to"):
            if key in attributes:
                subscription, affiliation = (
                    attributes.get("subscription", ""),
                    attributes.get("affiliation", ""),
                )
                self._jids.append(NamedJid(element, attributes[key], subscription, affiliation))

    def facts(self, way: Way, kind: str, stanza: Mapping[str, str]) -> StanzaFacts:
        """Return the facts of the stanza of this kind, which has these attributes."""
        if not stanza.keys() <= _OF_STANZAS and kind in _STANZAS:
            own = {name: value for name, value in stanza.items() if name not in _OF_STANZAS}
            self._values += own.values()
            self._show("", own)
        for name in ("id", "type", _LANGUAGE):
            if is_prose(stanza.get(name, "")):
                self._show("", {name: stanza[name]})
        return StanzaFacts(
            way,
            kind,
            stanza.get("type", ""),
            stanza.get("from", ""),
            stanza.get("to", ""),
            tuple(self._elements),
            self.lines(with_secrets=kind != "iq" or not _is_to_own_account(stanza)),
            tuple(self._values),
            tuple(self._jids),
            tuple(self.followed),
            self.joined(),
            self.mixed,
            self.thread,
        )


def _is_to_own_account(stanza: Mapping[str, str]) -> bool:
    """Return whether a stanza goes to its sender's own account or server, where passwords belong (XEP-0077)."""
    sender = stanza.get("from", "")
    return bare(stanza.get("to", "")) in ("", bare(sender), domain_of(sender))
