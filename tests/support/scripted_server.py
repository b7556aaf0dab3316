"""A server with an adapter that a test plays, for the real gate: it may lie (XEP-0114, docs/gate-protocol.md)."""

import asyncio
import hashlib
import re
from typing import Self

from lxml import etree

from components.link.codec import XMLNS, XMLNS_FORWARD
from components.site.prosody import ProsodyPlan
from tests.support.adapter_model import HOST
from tests.support.process import PATIENCE_S

_HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
    "xmlns:stream='http://etherx.jabber.org/streams' from='{gate}' id='{id}'>"
)
_HANDSHAKE = re.compile(rb"<handshake[^>]*>([0-9a-f]{40})</handshake>")
_STREAM_ID = "s1"
_GATE = f"{{{XMLNS}}}"


class ScriptedServer:
    """The server's side of the link. It numbers what it submits itself, unless the test says a number.

    It carries out what has its verdict, canaries among it, and says a status after each verdict.
    """

    def __init__(self, plan: ProsodyPlan) -> None:
        self._plan = plan
        self.epoch = "9f2c41d07bd7e3aa"
        self.next_seq = 1
        self.done = 0
        self.verdicts: list[tuple[int, int]] = []
        # The index of the record of each submission that has its verdict; canaries are not among them.
        self.records: dict[int, int] = {}
        self.noted: list[int] = []
        self.carries_canaries = True
        self._canaries: dict[int, str] = {}
        self._statuses = 0
        self._news = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, self._plan.component_address, self._plan.component_port
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        if self._writer is not None:
            self._writer.close()

    def say_status(self, *, done: int | None = None, first: int | None = None) -> None:
        """Say the truth, or what the test wants."""
        self._statuses += 1
        first = self.done + 1 if first is None else first
        self._say(
            f"<status xmlns='{XMLNS}' epoch='{self.epoch}' n='{self._statuses}' first='{first}' "
            f"next='{self.next_seq}' done='{self.done if done is None else done}' turned-away='0'/>"
        )

    def submit(self, text: str = "Tin", *, seq: int | None = None, way: str = "c2s") -> int:
        """Submit a message of Alice's to Bob, by the next number or by this one."""
        number = self.next_seq if seq is None else seq
        self.next_seq = max(self.next_seq, number + 1)
        message = (
            f"<message xmlns='jabber:client' from='alice@{HOST}/desk' to='bob@{HOST}' type='chat'>"
            f"<body>{text}</body></message>"
        )
        self._hold(number, way, message)
        return number

    async def wait_for_verdict(self, seq: int) -> None:
        """Wait until the gate has answered this number."""
        async with asyncio.timeout(PATIENCE_S):
            while not any(first <= seq <= through for first, through in self.verdicts):
                self._news.clear()
                await self._news.wait()

    def _hold(self, seq: int, way: str, message: str) -> None:
        self._say(
            f"<held xmlns='{XMLNS}' epoch='{self.epoch}' way='{way}' session='c1' seq='{seq}'>"
            f"<forwarded xmlns='{XMLNS_FORWARD}'>{message}</forwarded></held>"
        )

    def _say(self, child: str) -> None:
        self._write(f"<message from='{HOST}' to='{self._plan.gate}'>{child}</message>")

    def _write(self, text: str) -> None:
        assert self._writer is not None, "the gate is not connected"
        self._writer.write(text.encode())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b">")
        opening = b""
        writer.write(_HEADER.format(gate=self._plan.gate, id=_STREAM_ID).encode())
        while not (found := _HANDSHAKE.search(opening)):
            opening += await reader.readuntil(b">")
        digest = hashlib.sha1((_STREAM_ID + self._plan.gate_secret).encode()).hexdigest()
        assert found[1].decode() == digest
        writer.write(b"<handshake/>")
        self._writer = writer
        self.say_status()
        parser = etree.XMLPullParser(events=("end",))
        parser.feed(b"<stream>")
        while data := await reader.read(65536):
            parser.feed(data.removesuffix(b"</stream:stream>"))
            for _, element in parser.read_events():
                assert isinstance(element, etree._Element)
                self._take(element)
            self._news.set()

    def _take(self, element: etree._Element) -> None:
        if element.tag == f"{_GATE}noted":
            self.noted.append(int(element.get("n", "")))
        elif element.tag == f"{_GATE}verdict":
            self._take_verdict(element)
        elif element.tag == f"{_GATE}canary":
            self._send_canary(element.get("id", ""))

    def _take_verdict(self, verdict: etree._Element) -> None:
        seq, through, first = (int(verdict.get(name, "")) for name in ("seq", "through", "first"))
        self.verdicts.append((seq, through))
        for number in range(seq, through + 1):
            id_ = self._canaries.pop(number, None)
            if id_ is not None and self.carries_canaries:
                receipt = f"{verdict.get('log')}/{first + number - seq}"
                self._write(
                    f"<message from='{self._plan.gate}' to='{self._plan.gate}' type='headline'>"
                    f"<canary xmlns='{XMLNS}' id='{id_}'/>"
                    f"<stanza-id xmlns='urn:xmpp:sid:0' by='{self._plan.gate}' id='{receipt}'/></message>"
                )
            elif id_ is None:
                self.records[number] = first + number - seq
        self.done = max(self.done, through)
        self.say_status()

    def _send_canary(self, id_: str) -> None:
        seq, self.next_seq = self.next_seq, self.next_seq + 1
        self._canaries[seq] = id_
        gate = self._plan.gate
        self._hold(
            seq,
            "canary",
            f"<message xmlns='jabber:client' from='{gate}' to='{gate}' type='headline'>"
            f"<canary xmlns='{XMLNS}' id='{id_}'/></message>",
        )
