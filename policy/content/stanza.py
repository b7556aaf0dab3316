"""The facts of a stanza that is not on the line: an example, or an amended one."""

from xml.parsers import expat

from policy.content.descendants import Descendants
from policy.facts import StanzaFacts, Way

CLIENT = "jabber:client"
_SEPARATOR = "\x0c"  # no character of XML, so that no namespace has it in it


class StanzaTextError(ValueError):
    """The text is not a single stanza; the message says why."""


def read_stanza(text: str | bytes) -> StanzaFacts:
    """Return the facts of one stanza, as the gate reads them from its stream.

    Raises StanzaTextError.
    """
    return _StanzaReader().read(text.encode("utf-8", "replace") if isinstance(text, str) else text)


class _StanzaReader:
    def __init__(self) -> None:
        self._depth = 0
        self._top: tuple[str, dict[str, str]] = ("", {})
        self._inside = Descendants()

    def read(self, text: bytes) -> StanzaFacts:
        parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(f"<stream xmlns='{CLIENT}'>".encode())
            parser.Parse(text)
            parser.Parse(b"</stream>", True)
        except expat.ExpatError as error:
            raise StanzaTextError(f"is not well-formed XML: {expat.errors.messages[error.code]}") from None
        name, top = self._top
        if not name:
            raise StanzaTextError("has no stanza")
        return self._inside.facts(Way.C2S, name[name.rfind(_SEPARATOR) + 1 :], top)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._depth == 1:
            if self._top[0]:
                raise StanzaTextError("has more than one stanza: give each an example of its own")
            self._top = name, attributes
        elif self._depth > 1:
            self._inside.start("{" + name.replace(_SEPARATOR, "}"), attributes)
        self._depth += 1

    def _end(self, _name: str) -> None:
        self._depth -= 1
        if self._depth > 1:
            self._inside.end()

    def _text(self, text: str) -> None:
        if self._depth > 1:
            self._inside.text(text)
