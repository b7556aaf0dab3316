"""Conformance transcripts: what clients do and what each must receive (tests/conformance/README.md)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from tests.support.pattern import fill_in, find_difference, find_placeholders, parse_stanzas
from tests.support.prosody import ProsodyServer, Version
from tests.support.stream import Element, XmppStream, show

_STANZA_ID = "{urn:xmpp:sid:0}stanza-id"
_NO_PHOTO = "<x xmlns='vcard-temp:x:update'><photo/></x>"

_CLIENT = re.compile(r"client (\S+) is (\S+)/(\S+)")
_CONTACTS = re.compile(r"contacts (\S+) and (\S+)")
_ROOM = re.compile(r"room (\S+)")
_OF_VERSION = re.compile(r"\s+(before|from) (\d+)(?:\.(\d+))?\|(.*)")
_STEP = re.compile(
    r"(?P<client>\S+) (?P<act>connects|goes online|enables resumption|resumes|stops acknowledging|aborts"
    r"|disconnects|receives nothing"
    r"|(?P<block>sends and disconnects|sends|receives in any order|receives|loses the stream)"
    r"(?: (?P<times>[1-9]\d*) times)?:)"
)


class TranscriptError(ValueError):
    """A transcript that cannot be read; the message names its file and line."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a transcript; `xml` is the block below it, `client` is `everyone` or a declared name."""

    line: int
    client: str
    act: str
    xml: str = ""
    times: int = 1


@dataclass(slots=True)
class Transcript:
    """A transcript as read: `clients` maps each client's name to its person and resource."""

    name: str
    title: str
    clients: dict[str, tuple[str, str]] = field(default_factory=dict)
    contacts: list[tuple[str, str]] = field(default_factory=list)
    rooms: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def people(self) -> list[str]:
        """The people, in the order of their first clients."""
        return list(dict.fromkeys(person for person, _ in self.clients.values()))

    @property
    def has_messages(self) -> bool:
        """Whether any client receives a message that a client sent."""
        return any("<body>" in step.xml for step in self.steps if step.act.startswith("receives"))

    def account(self, person: str) -> str:
        """Return a person's bare JID: an account of this transcript's own."""
        return f"{person}.{self.name}@metals.example"

    def room(self, room: str) -> str:
        """Return a room's JID."""
        return f"{room}.{self.name}@rooms.metals.example"

    def values(self) -> dict[str, str]:
        """Return what stands for each placeholder that can be known before."""
        jids = {person: self.account(person) for person in self.people}
        jids |= {room: self.room(room) for room in self.rooms}
        values = {
            "server": "metals.example",
            "rooms": "rooms.metals.example",
            "100 kB": "Steelyard " * 10_000,
            "no photo": _NO_PHOTO,
            "occupant": "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>",
            "delayed": "<delay xmlns='urn:xmpp:delay' from='metals.example' stamp='{any}'/>",
        }
        for name, jid in jids.items():
            values[name] = jid
            values[f"archived by {name}"] = f"<stanza-id xmlns='urn:xmpp:sid:0' by='{jid}' id='{{any}}'/>"
        for person, resource in self.clients.values():
            values[f"{person}/{resource}"] = f"{jids[person]}/{resource}"
        return values


def read_transcript(file: Path, server: Version) -> Transcript:
    """Read a transcript as it goes on this version of the server; raises `TranscriptError`."""
    lines = [_read_version(line.rstrip(), server) for line in file.read_text(encoding="utf-8").splitlines()]
    blocks = list(_split_blocks(lines)) or [(1, "", "")]
    transcript = Transcript(file.stem, title=blocks[0][1])
    try:
        for number, text, xml in blocks[1:]:
            line = number
            _read_line(transcript, line, text, xml)
        for step in transcript.steps:
            line = step.line
            _check(transcript, step)
        line = 1
        if not transcript.steps:
            raise TranscriptError("there are no steps")
    except (TranscriptError, etree.XMLSyntaxError) as error:
        raise TranscriptError(f"{file.name}:{line}: {error}") from None
    return transcript


def _read_line(transcript: Transcript, line: int, text: str, xml: str) -> None:
    if match := _CLIENT.fullmatch(text):
        transcript.clients[match[1]] = (match[2], match[3])
    elif match := _CONTACTS.fullmatch(text):
        transcript.contacts.append((match[1], match[2]))
    elif match := _ROOM.fullmatch(text):
        transcript.rooms.append(match[1])
    elif (match := _STEP.fullmatch(text)) and bool(match["block"]) == bool(xml):
        act = match["block"] or match["act"]
        transcript.steps.append(Step(line, match["client"], act, xml, int(match["times"] or 1)))
    else:
        raise TranscriptError(f"this is no step of a transcript: {text}")


def _check(transcript: Transcript, step: Step) -> None:
    if step.client not in (*transcript.clients, "everyone"):
        raise TranscriptError(f"no client is called {step.client}")
    parse_stanzas(step.xml)
    captured = {name[1:] for other in transcript.steps for name in find_placeholders(other.xml)}
    known = {"any", "n", *transcript.values(), *captured}
    for name in find_placeholders(step.xml):
        if name not in known and not name.startswith("="):
            raise TranscriptError(f"nothing is called {{{name}}}")


def _read_version(line: str, server: Version) -> str:
    """Return what a line says on this version of the server: nothing, if it is for others."""
    match = _OF_VERSION.fullmatch(line)
    if match is None:
        return line
    is_older = server < (int(match[2]), int(match[3] or 0))
    return f" {match[4]}" if is_older == (match[1] == "before") else ""


def _split_blocks(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Yield (number of the line, the line, the indented block below it)."""
    index = 0
    while index < len(lines):
        start, block = index, []
        index += 1
        while index < len(lines) and (lines[index].startswith(" ") or not lines[index]):
            block.append(lines[index])
            index += 1
        if lines[start] and not lines[start].startswith("#"):
            yield start + 1, lines[start], "\n".join(block).strip()


async def play(transcript: Transcript, server: ProsodyServer, *, gate: str = "") -> int:
    """Play a transcript on a server; raises an `AssertionError` that names the step that went otherwise.

    Receipts of the `gate` (its stanza-ids) are taken out of what is received: nothing else may differ.
    Returns how many there were.
    """
    server.register(*map(transcript.account, transcript.people))
    for pair in transcript.contacts:
        server.befriend(*map(transcript.account, pair))
    stage = _Stage(transcript, server, gate)
    try:
        for step in (*transcript.steps, Step(0, "everyone", "receives nothing")):
            try:
                await stage.perform(step)
            except AssertionError as error:
                place = f"{transcript.name}.txt:{step.line or 'end'}: {step.client} {step.act}"
                raise AssertionError(f"{place}\n{error}") from error
    finally:
        stage.clear()
    return stage.receipts


class _Stage:
    def __init__(self, transcript: Transcript, server: ProsodyServer, gate: str) -> None:
        self.receipts = 0
        self._clients = transcript.clients
        self._server = server
        self._gate = gate
        self._streams: dict[str, XmppStream] = {}
        self._values = transcript.values()

    async def perform(self, step: Step) -> None:
        if step.act == "receives nothing":
            await self._expect_nothing(step.client)
        elif step.act in ("connects", "goes online"):
            await self._connect(step.client, online=step.act == "goes online")
        else:
            await self._act(self._streams[step.client], step)

    def clear(self) -> None:
        for stream in self._streams.values():
            if not stream.ended:
                stream.abort()

    async def _connect(self, client: str, *, online: bool) -> None:
        person, resource = self._clients[client]
        stream = await XmppStream.login(self._server.address, self._values[f"{person}/{resource}"])
        self._streams[client] = stream
        if online:
            stream.send("<presence/>")
            await self._receive(stream, f"<presence from='{stream.jid}'>{_NO_PHOTO}</presence>")

    async def _act(self, stream: XmppStream, step: Step) -> None:
        match step.act:
            case "enables resumption":
                await stream.enable_resumption()
            case "resumes":
                await stream.resume()
            case "stops acknowledging":
                stream.acknowledges = False
            case "aborts":
                stream.abort()
            case "disconnects":
                await stream.close()
            case "sends":
                stream.send(self._block(step))
            case "sends and disconnects":
                stream.send(self._block(step) + "</stream:stream>")
                await stream.wait_for_end()
            case "receives":
                await self._receive(stream, self._block(step))
            case "receives in any order":
                await self._receive_in_any_order(stream, self._block(step))
            case "loses the stream":
                await stream.wait_for_end()
                assert stream.error is not None, "the stream ended without a stream error"
                self._compare(parse_stanzas(self._block(step))[0], stream.error)

    def _block(self, step: Step) -> str:
        if step.times == 1:
            return fill_in(step.xml, self._values)
        return "".join(fill_in(step.xml, self._values | {"n": str(n + 1)}) for n in range(step.times))

    async def _receive(self, stream: XmppStream, xml: str) -> None:
        for pattern in parse_stanzas(xml):
            self._compare(pattern, await self._next(stream))

    async def _receive_in_any_order(self, stream: XmppStream, xml: str) -> None:
        patterns = parse_stanzas(xml)
        while patterns:
            element = await self._next(stream)
            for pattern in patterns:
                if not find_difference(pattern, element, dict(self._values)):
                    break
            else:
                raise AssertionError(f"received what none of the patterns match:\n{show(element)}")
            self._compare(pattern, element)
            patterns.remove(pattern)

    async def _next(self, stream: XmppStream) -> Element:
        element = await stream.take()
        for receipt in element.findall(f".//{_STANZA_ID}[@by='{self._gate}']") if self._gate else ():
            parent = receipt.getparent()
            assert parent is not None
            parent.remove(receipt)
            self.receipts += 1
        return element

    def _compare(self, pattern: Element, element: Element) -> None:
        captured = dict(self._values)
        difference = find_difference(pattern, element, captured)
        assert not difference, f"{difference}\nreceived: {show(element)}\nexpected: {show(pattern)}"
        self._values = captured

    async def _expect_nothing(self, client: str) -> None:
        """Ping from all, so that all that was sent is carried out, and then once more: it has now arrived."""
        connected = [stream for stream in self._streams.values() if not stream.ended]
        for stream in connected + connected:
            await stream.ping()
        for name, stream in self._streams.items():
            if client in (name, "everyone") and stream in connected and stream.unread:
                raise AssertionError(f"{name} received, unexpected:\n" + "\n".join(map(show, stream.unread)))
