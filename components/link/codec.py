"""What the adapter sends, as values (docs/gate-protocol.md, sections 4 and 5); pure, no I/O.

Its side of a XEP-0114 stream goes into `SubmissionParser` as bytes and comes out as `Held` and `Status`.
"""

from xml.parsers import expat

from components.link.said import QUARANTINED, CanaryBack, Held, ProtocolError, Status
from policy.content.descendants import Descendants
from policy.facts import StanzaFacts, Way

__all__ = [
    "XMLNS",
    "XMLNS_FORWARD",
    "XMLNS_SID",
    "XMLNS_STANZA_ERRORS",
    "CanaryBack",
    "Held",
    "ProtocolError",
    "Status",
    "SubmissionParser",
]

XMLNS = "urn:steelyard:gate:0"
XMLNS_FORWARD = "urn:xmpp:forward:0"
XMLNS_SID = "urn:xmpp:sid:0"
XMLNS_STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"

_STREAM_HEADER = (
    b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>"
)
# The separator between namespace and local name. XML does not allow this character. Otherwise any client could choose
# a namespace with the separator in it, and expat would end the stream there.
_SEPARATOR = "\x0c"
_FORWARDED = f"{XMLNS_FORWARD}{_SEPARATOR}forwarded"
_HELD = f"{XMLNS}{_SEPARATOR}held"
_STATUS = f"{XMLNS}{_SEPARATOR}status"
_CANARY = f"{XMLNS}{_SEPARATOR}canary"
_STANZA_ID = f"{XMLNS_SID}{_SEPARATOR}stanza-id"
_STREAM_ERROR = f"http://etherx.jabber.org/streams{_SEPARATOR}error"
_BOUNCED = f"{XMLNS}{_SEPARATOR}bounced"
_UNHELD = f"{XMLNS}{_SEPARATOR}unheld"
_ARCHIVED = f"{XMLNS}{_SEPARATOR}archived"
_UPLOAD = f"{XMLNS}{_SEPARATOR}upload"
_QUARANTINED = f"{XMLNS}{_SEPARATOR}quarantined"
_WAYS = {way.value: way for way in Way}


class SubmissionParser:
    """Cuts the server's side of a stream into submissions, in one pass and with the bytes as they came.

    One expat pass gives both the facts and the offsets of the exact bytes, for what lxml costs for the facts alone.
    Depths: 0 the stream, 1 the carrying message, 2 `held` or `status`, 3 `forwarded` or an event, 4 the stanza.
    """

    def __init__(self) -> None:
        self._expat = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self._expat.buffer_text = True
        # From 2.6 on, expat reads the end of a long tag only after as many bytes have come again. The server sends no
        # more until it has its verdict, and the size of what it sends is limited.
        if hasattr(self._expat, "SetReparseDeferralEnabled"):
            self._expat.SetReparseDeferralEnabled(False)
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._text
        self._depth = 0
        self._buffer = b""
        self._buffer_start = 0
        # Where the open message begins, or the end tag of the last one.
        self._needed_from = 0
        self._out: list[Held | Status] = []
        self._stray: list[str] = []
        self._canaries: list[CanaryBack] = []
        # The condition of the stream error that ended the stream (RFC 6120, 4.9.3).
        self.stream_error = ""
        self._reset("", False)
        self._feed_bytes(_STREAM_HEADER)

    def feed(self, data: bytes) -> list[Held | Status]:
        """Parse the next bytes of the stream, and return the elements that are now complete; raises ProtocolError."""
        self._out = []
        self._feed_bytes(data)
        return self._out

    def take_stray(self) -> list[str]:
        """Return the names of elements that came meanwhile and are not part of the protocol, for the log."""
        stray, self._stray = self._stray, []
        return stray

    def take_canaries(self) -> list[CanaryBack]:
        """Return the canaries that came meanwhile."""
        canaries, self._canaries = self._canaries, []
        return canaries

    def _feed_bytes(self, data: bytes) -> None:
        self._buffer += data
        try:
            self._expat.Parse(data, False)
        except expat.ExpatError as err:
            raise ProtocolError(
                f"not well-formed: {expat.errors.messages[err.code]}", self._open_number()
            ) from None
        except (KeyError, ValueError) as err:
            raise ProtocolError(
                f"a submission lacks or misuses the attribute {err}", self._open_number()
            ) from None
        # A chunk mostly ends within a message: only that message's bytes are still needed.
        self._buffer = self._buffer[self._needed_from - self._buffer_start :]
        self._buffer_start = self._needed_from

    def _open_number(self) -> int:
        """Return the number of the submission that is being read, or 0."""
        number = self._attributes.get("seq", "") if self._kind == _HELD and self._depth > 1 else ""
        return int(number) if number.isdecimal() else 0

    def _reset(self, host: str, trusted: bool) -> None:
        self._host = host
        self._trusted = trusted
        self._kind = ""
        self._is_stream_error = False
        self._attributes: dict[str, str] = {}
        self._receipt: dict[str, str] = {}
        self._body: tuple[int, int] | None = None
        # Where `forwarded` ends; a session event ends with `held`.
        self._body_ends_at = 3
        self._top: tuple[str, dict[str, str]] = ("", {})
        self._inside = Descendants()
        self._bounced: list[int] = []
        self._refused: list[int] = []
        self._unheld: list[str] = []
        self._uploads: list[str] = []
        self._archived: list[tuple[str, str]] = []
        self._unrecorded: list[int] = []
        # What reads a stanza must not end the stream, which is everybody's: the stanza is refused for it.
        self._problem = ""

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        depth = self._depth
        self._depth = depth + 1
        if depth > 4:
            try:
                self._inside.start("{" + name.replace(_SEPARATOR, "}"), attributes)
            except Exception as err:
                self._problem = self._problem or type(err).__name__
        elif depth == 4:
            self._top = (name, attributes)
            self._body = (self._expat.CurrentByteIndex, 0)
        elif depth == 3:
            self._start_said(name, attributes)
        elif depth == 2:
            self._start_carried(name, attributes)
        elif depth == 1:
            host = attributes.get("from", "")
            # Only the server itself submits: a stanza of a client or a component has an account or a resource in its
            # address.
            self._reset(host, bool(host) and "@" not in host and "/" not in host)
            self._is_stream_error = name == _STREAM_ERROR
            self._needed_from = self._expat.CurrentByteIndex

    def _start_said(self, name: str, attributes: dict[str, str]) -> None:
        if name == _BOUNCED:
            self._bounced.append(int(attributes["seq"]))
            if attributes.get("refused") == "true":
                self._refused.append(self._bounced[-1])
            if attributes.get("unrecorded") == "true":
                self._unrecorded.append(self._bounced[-1])
        elif name == _UNHELD:
            self._unheld.append(attributes["host"])
        elif name == _UPLOAD:
            self._uploads.append(f"{attributes['host']}/{attributes['module']}")
        elif name == _ARCHIVED:
            self._archived.append((attributes["record"], attributes["id"]))
        elif name != _FORWARDED:
            self._top = (name, attributes)
            self._body = (self._expat.CurrentByteIndex, 0)
            self._body_ends_at = 2

    def _start_carried(self, name: str, attributes: dict[str, str]) -> None:
        if self._is_stream_error:
            self._kind = self._kind or name[name.rfind(_SEPARATOR) + 1 :]
        elif self._kind == _CANARY and name == _STANZA_ID:
            self._receipt = attributes
        elif self._trusted:
            self._kind = name
            self._attributes = attributes

    def _end(self, name: str) -> None:
        depth = self._depth - 1
        self._depth = depth
        if depth > 4:
            try:
                self._inside.end()
            except Exception as err:
                self._problem = self._problem or type(err).__name__
        if depth == self._body_ends_at and self._body is not None:
            self._body = (self._body[0], self._expat.CurrentByteIndex)
        if depth == 1:
            self._needed_from = self._expat.CurrentByteIndex
            if self._kind == _HELD:
                self._out.append(self._held())
            elif self._kind == _STATUS:
                self._out.append(self._status())
            elif self._kind == _CANARY:
                self._canaries.append(self._canary())
            elif self._is_stream_error:
                self.stream_error = self._kind
            else:
                self._stray.append(name.replace(_SEPARATOR, "}"))

    def _text(self, text: str) -> None:
        if self._depth > 4:
            try:
                self._inside.text(text)
            except Exception as err:
                self._problem = self._problem or type(err).__name__

    def _held(self) -> Held:
        if self._body is None:
            raise ProtocolError("a submission holds nothing")
        attributes = self._attributes
        begin, end = self._body
        top = self._top[1]
        facts = self._facts(_WAYS[attributes["way"]])
        return Held(
            self._host,
            attributes["epoch"],
            int(attributes["seq"]),
            attributes["session"],
            self._buffer[begin - self._buffer_start : end - self._buffer_start],
            facts,
            attributes.get("stopped") == "true",
            attributes.get("inject", ""),
            top.get("id", ""),
            int(attributes["done"]) if "done" in attributes else -1,
            attributes.get("counted") == "true",
            self._problem,
        )

    def _facts(self, way: Way) -> StanzaFacts:
        """Return the facts, or who says it to whom alone where they cannot be read."""
        name, top = self._top
        kind = name[name.rfind(_SEPARATOR) + 1 :]
        if name == _QUARANTINED:
            self._problem, kind = QUARANTINED, top.get("kind", "")
        if not self._problem:
            try:
                if self._body_ends_at == 2:
                    # An event's own JID.
                    self._inside.name_jids("{" + name.replace(_SEPARATOR, "}"), top)
                return self._inside.facts(way, kind, top)
            except Exception as err:
                self._problem = self._problem or type(err).__name__
        return StanzaFacts(way, kind, top.get("type", ""), top.get("from", ""), top.get("to", ""))

    def _canary(self) -> CanaryBack:
        receipt = self._receipt
        record = receipt.get("id", "") if receipt.get("by") == self._host else ""
        return CanaryBack(self._host, self._attributes.get("id", ""), record)

    def _status(self) -> Status:
        attributes = self._attributes
        return Status(
            self._host,
            attributes["epoch"],
            int(attributes["n"]),
            int(attributes["first"]),
            int(attributes["next"]),
            int(attributes["done"]),
            int(attributes["turned-away"]),
            tuple(self._bounced),
            tuple(self._refused),
            tuple(self._unheld),
            tuple(self._unrecorded),
            tuple(self._uploads),
            tuple(self._archived),
        )
