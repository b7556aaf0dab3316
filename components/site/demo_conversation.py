"""The conversation of the demonstration, and its expected outcome."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from components.link.client import Received, SendResult, TraderClient
from components.site.demo_scenes import Heading, Message, Notice, Show
from policy.address import notice_address

ALICE, BOB = "alice@metals.example", "bob@metals.example"
GEORGE, HANNA = "george@grain.example", "hanna@grain.example"

_OMEMO = "eu.siacs.conversations.axolotl"  # XEP-0384, version 0.3, which most clients speak


class UnexpectedError(Exception):
    """The line did not do what it promises."""


class Conversation:
    """The conversation and its expected outcome; `play` returns the records of the delivered messages."""

    def __init__(self, gate: str, clients: Mapping[str, TraderClient], show: Show) -> None:
        self._gate = gate
        self._clients = clients
        self._show = show
        self._records: list[str] = []

    async def play(self) -> list[str]:
        """Play the conversation, and return the ids of its records; raises UnexpectedError at the first fault."""
        self._show(Heading("A conversation"))
        price = await self._say(
            ALICE, BOB, "Copper cathodes, 25 t, 9410 USD/t CIF Hamburg, firm until 16:00."
        )
        await self._say(BOB, ALICE, "I take the copper at 9395, today.")
        await self._refused(ALICE, GEORGE, "Do you buy copper too?", "another enterprise")
        reason = await self._refused(ALICE, BOB, "[an encrypted message]", "encrypted", _encrypted())
        await self._told(ALICE, reason)
        await self._say(
            ALICE, BOB, "Copper cathodes, 25 t, 9395 USD/t CIF Hamburg, firm until 16:00.", corrects=price
        )
        # Messages keep their order: had one of Alice's reached George, it would be there before this one.
        await self._say(HANNA, GEORGE, "Nobody else writes to you, does anybody?")
        for jid, client in self._clients.items():
            while not client.inbox.empty():
                if not (received := client.inbox.get_nowait()).delayed:
                    raise UnexpectedError(f"{jid} received what nobody should: {received.body!r}")
        return self._records

    async def deliver(self, sender: str, to: str, body: str, **how: Any) -> tuple[str, str]:
        """Send a message that must be recorded and arrive; return its id and its record. Raises UnexpectedError."""
        outcome = await self._send(sender, to, body, **how)
        if not outcome.delivered:
            raise UnexpectedError(f"{sender} could not write to {to}: {outcome.condition}: {outcome.text}")
        received = await self._receive(to)
        while received.delayed:  # left over from a demonstration that was interrupted
            received = await self._receive(to)
        record = received.stanza_ids.get(self._gate, "")
        if received.body != body or received.sender.partition("/")[0] != sender or not record:
            raise UnexpectedError(f"{to} received {received}, not what {sender} had written, with its record")
        return outcome.message_id, record

    async def _say(self, sender: str, to: str, body: str, corrects: str = "") -> str:
        """Say something that must be recorded and arrive; return its id."""
        message_id, record = await self.deliver(sender, to, body, corrects=corrects)
        self._records.append(record)
        self._show(Message(sender, to, body, record, is_correction=bool(corrects)))
        return message_id

    async def _refused(
        self, sender: str, to: str, body: str, why: str, payload: ET.Element | None = None
    ) -> str:
        """Send what must be refused; return the reason."""
        outcome = await self._send(sender, to, body, payload=payload)
        if outcome.delivered or not outcome.text:
            raise UnexpectedError(f"{sender} to {to} ({why}) was not refused with a reason: {outcome}")
        self._show(Message(sender, to, body, condition=outcome.condition, text=outcome.text))
        return outcome.text

    async def _told(self, sender: str, reason: str) -> None:
        """Wait for the line's own word on what was refused, which clients show that do not show an error's text."""
        line = notice_address(self._gate)
        received = await self._receive(sender)
        while received.delayed:
            received = await self._receive(sender)
        if received.sender != line or not received.body.endswith(reason):
            raise UnexpectedError(f"{sender} received {received}, not why their message was refused")
        self._show(Notice(line, sender, received.body))

    async def _send(self, sender: str, to: str, body: str, **how: Any) -> SendResult:
        try:
            return await self._clients[sender].send_chat(to, body, **how)
        except TimeoutError:
            raise UnexpectedError(
                f"a message from {sender} to {to} was neither delivered nor refused"
            ) from None

    async def _receive(self, receiver: str) -> Received:
        try:
            return await self._clients[receiver].receive()
        except TimeoutError:
            raise UnexpectedError(f"{receiver} did not receive what was confirmed") from None


def _encrypted() -> ET.Element:
    encrypted = ET.Element(f"{{{_OMEMO}}}encrypted")
    header = ET.SubElement(encrypted, f"{{{_OMEMO}}}header", sid="27183")
    ET.SubElement(header, f"{{{_OMEMO}}}key", rid="31415").text = "BASE64=="
    ET.SubElement(header, f"{{{_OMEMO}}}iv").text = "BASE64=="
    ET.SubElement(encrypted, f"{{{_OMEMO}}}payload").text = "BASE64=="
    return encrypted
