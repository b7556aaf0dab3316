"""What is inside a stanza, taken from the events of a parser in one pass: names, values, JIDs and the text model."""

from collections.abc import Mapping

from policy.content.text_model import TextModel
from policy.facts import NamedJid, StanzaFacts, Way


class Descendants:
    """Takes the events of a parser for the descendants of one stanza, and makes its facts of them.

    Names are `{namespace}local`. It is on the path of every stanza: small steps, no look back.
    """

    __slots__ = ("_elements", "_jids", "_model", "_values")

    def __init__(self) -> None:
        self._elements: list[str] = []
        self._values: list[str] = []
        self._jids: list[NamedJid] = []
        self._model = TextModel()

    def start(self, element: str, attributes: Mapping[str, str]) -> None:
        """Take the start of a descendant."""
        self._elements.append(element)
        self._model.start(element, attributes)
        if attributes:
            self._values += attributes.values()
            self.name_jids(element, attributes)

    def text(self, text: str) -> None:
        """Take character data, inside a descendant or the stanza itself."""
        self._model.text(text)

    def end(self) -> None:
        """Take the end of the descendant that was started last."""
        self._model.end()

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
        return StanzaFacts(
            way,
            kind,
            stanza.get("type", ""),
            stanza.get("from", ""),
            stanza.get("to", ""),
            tuple(self._elements),
            self._model.lines(),
            tuple(self._values),
            tuple(self._jids),
            tuple(self._model.followed),
            self._model.joined(),
            self._model.mixed,
            self._model.thread,
        )
