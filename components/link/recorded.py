"""The facts of a recorded stanza, read as the gate read them when the stanza was submitted."""

from components.link.codec import XMLNS, XMLNS_FORWARD, Held, ProtocolError, SubmissionParser
from policy.facts import StanzaFacts

_HEAD = (
    f"<message from='recorded'><held xmlns='{XMLNS}' epoch='' seq='0' session='' way='{{way}}'>"
    f"<forwarded xmlns='{XMLNS_FORWARD}'>"
)
_TAIL = b"</forwarded></held></message>"


class RecordedReader:
    """Reads stanzas one after another, which is quicker than a new parser for each."""

    def __init__(self) -> None:
        self._parser = SubmissionParser()

    def read(self, way: str, body: bytes) -> StanzaFacts:
        """Return the facts of a stanza that came by this way; raises ProtocolError if it is not a stanza."""
        try:
            submissions = self._parser.feed(_HEAD.format(way=way).encode() + body + _TAIL)
        except ProtocolError:
            self._parser = SubmissionParser()
            raise
        match submissions:
            case [Held(facts=facts, problem="")]:
                return facts
        self._parser = SubmissionParser()
        raise ProtocolError("is no stanza")
