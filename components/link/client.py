"""A trader's client: enough of one for a demonstration, and for tests that need a real one (RFC 6121)."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from slixmpp import ClientXMPP
from slixmpp.exceptions import XMPPError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from components.link.codec import XMLNS_STANZA_ERRORS

XMLNS_RECEIPTS = "urn:xmpp:receipts"  # XEP-0184
XMLNS_SID = "urn:xmpp:sid:0"  # XEP-0359
XMLNS_CORRECT = "urn:xmpp:message-correct:0"  # XEP-0308
XMLNS_DELAY = "urn:xmpp:delay"  # XEP-0203
XMLNS_MUC = "http://jabber.org/protocol/muc"  # XEP-0045


PATIENCE_S = 30.0
"""How long a client waits for an answer: on a busy machine it may come late, and only who gets none waits so long."""


# Conditions of SASL (RFC 6120, 6.5) after which another password, or another mechanism, is of no use.
_SAYS_NOTHING_OF_THE_PASSWORD = ("account-disabled", "temporary-auth-failure")


class RequestError(Exception):
    """A request was answered with an error; `condition` and `text` are of it (RFC 6120, 8.3)."""

    def __init__(self, condition: str, text: str) -> None:
        super().__init__(f"{condition}: {text}")
        self.condition = condition
        self.text = text


class LoginError(Exception):
    """The server cannot be reached, is the wrong one, or does not let the account log in."""


@dataclass(frozen=True, slots=True)
class Received:
    """A chat message as it arrived: `stanza_ids` are those of XEP-0359, by the JID that assigned them."""

    sender: str
    body: str
    stanza_ids: dict[str, str]
    delayed: bool


@dataclass(frozen=True, slots=True)
class SendResult:
    """The outcome of a message: the recipient's client confirmed it, or an error came back.

    `condition` and `text` are of that error (RFC 6120, 8.3).
    """

    message_id: str
    delivered: bool
    condition: str = ""
    text: str = ""


class TraderClient:
    """One account's connection, always over TLS; `inbox` holds the chat messages that came, in order.

    The server's certificate must be valid for the domain of `jid` by the authority in `ca_file`, and by no other. It
    waits `patience_s` for each answer, where no other time is given.
    """

    def __init__(
        self, jid: str, password: str, host: str, port: int, ca_file: Path, *, patience_s: float = PATIENCE_S
    ) -> None:
        self.jid = jid
        self._patience_s = patience_s
        self.inbox: asyncio.Queue[Received] = asyncio.Queue()
        self._address = (host, port)
        self._outcomes: dict[str, asyncio.Future[SendResult]] = {}
        self._joins: dict[str, asyncio.Future[None]] = {}
        tls = ssl.create_default_context(cafile=str(ca_file))
        self._xmpp: Any = ClientXMPP(jid, password, ssl_context=tls)
        self._xmpp.enable_direct_tls = False  # the port speaks STARTTLS
        self._xmpp.register_handler(Callback("messages", StanzaPath("message"), self._take))
        self._xmpp.register_handler(Callback("presences", StanzaPath("presence"), self._see))

    async def connect(self, timeout_s: float | None = None) -> None:
        """Log in and become available; raises LoginError."""
        patience_s = timeout_s or self._patience_s
        login: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def fail(reason: str) -> None:
            if not login.done():
                login.set_exception(LoginError(f"{self.jid} cannot log in: {reason}"))

        def succeed(_event: object) -> None:
            if login.done():
                return
            if "starttls" in self._xmpp.features:
                login.set_result(None)
            else:
                fail("the server offers no TLS")

        def refused(failure: Any) -> None:
            if failure["condition"] in _SAYS_NOTHING_OF_THE_PASSWORD:
                fail(f"the server says: {failure['text'] or failure['condition']}")

        handlers = {
            "session_start": succeed,
            "failed_auth": refused,
            "failed_all_auth": lambda _event: fail("the server does not accept the password"),
            "connection_failed": lambda reason: fail(f"no connection to {self._address}: {reason}"),
            "ssl_invalid_chain": lambda error: fail(_explain_end(error)),
            "disconnected": lambda reason: fail(_explain_end(reason)),
        }
        for event, handler in handlers.items():
            self._xmpp.add_event_handler(event, handler)
        self._xmpp.connect(*self._address)
        try:
            async with asyncio.timeout(patience_s):
                await login
        except TimeoutError:
            await self.close()
            raise LoginError(f"{self.jid} cannot log in: no answer in {patience_s:g} s") from None
        except LoginError:
            await self.close()
            raise
        finally:
            for event, handler in handlers.items():
                self._xmpp.del_event_handler(event, handler)
        try:
            await self._xmpp.get_roster(timeout=patience_s)
        except XMPPError as err:
            await self.close()
            raise LoginError(f"{self.jid} gets no roster: {err.condition} {err.text}") from None
        self._xmpp.send_presence()

    def contacts(self) -> dict[str, str]:
        """Return the roster as it is now: names by bare JID."""
        roster = self._xmpp.client_roster
        listed = {jid: roster[jid] for jid in roster if roster[jid]["subscription"] != "none"}
        return {str(jid): str(item["name"]) for jid, item in listed.items()}

    def online(self) -> set[str]:
        """Return the bare JIDs of the contacts that are available now, as far as their servers have told."""
        roster = self._xmpp.client_roster
        return {str(jid) for jid in roster if roster[jid].resources and str(jid) != self.jid}

    async def join(self, room: str, nickname: str, timeout_s: float | None = None) -> None:
        """Join a room (XEP-0045, 7.2), without its history; raises RequestError, also where no answer comes."""
        place = f"{room}/{nickname}"
        presence = self._xmpp.make_presence(pto=place)
        muc = ET.SubElement(presence.xml, f"{{{XMLNS_MUC}}}x")
        ET.SubElement(muc, f"{{{XMLNS_MUC}}}history", maxstanzas="0")
        self._joins[place] = joined = asyncio.get_running_loop().create_future()
        presence.send()
        try:
            async with asyncio.timeout(timeout_s or self._patience_s):
                await joined
        except TimeoutError:
            raise RequestError("remote-server-timeout", f"{room} gives no answer") from None
        finally:
            del self._joins[place]

    def write_in(self, room: str, body: str) -> None:
        """Say something to everybody in a room (XEP-0045, 7.4), and wait for nothing."""
        self._xmpp.make_message(mto=room, mbody=body, mtype="groupchat").send()

    async def send_chat(
        self,
        to: str,
        body: str,
        *,
        corrects: str = "",
        payload: ET.Element | None = None,
        timeout_s: float | None = None,
    ) -> SendResult:
        """Send a chat message that asks for a receipt (XEP-0184), and return its outcome.

        `corrects` is the id of the message that it replaces (XEP-0308), `payload` an element to send along.
        Raises TimeoutError when neither a receipt nor an error comes.
        """
        message = self._xmpp.make_message(mto=to, mbody=body, mtype="chat")
        message["id"] = message_id = self._xmpp.new_id()
        message.xml.append(ET.Element(f"{{{XMLNS_RECEIPTS}}}request"))
        if corrects:
            message.xml.append(ET.Element(f"{{{XMLNS_CORRECT}}}replace", id=corrects))
        if payload is not None:
            message.xml.append(payload)
        outcome: asyncio.Future[SendResult] = asyncio.get_running_loop().create_future()
        self._outcomes[message_id] = outcome
        message.send()
        try:
            async with asyncio.timeout(timeout_s or self._patience_s):
                return await outcome
        finally:
            del self._outcomes[message_id]

    async def ask(self, to: str, payload: ET.Element, timeout_s: float | None = None) -> ET.Element:
        """Send a request (an IQ of type `get`), and return the payload of its answer.

        Raises RequestError, also where no answer comes (`remote-server-timeout`).
        """
        request = self._xmpp.make_iq_get(ito=to)
        request.xml.append(payload)
        try:
            answer = await request.send(timeout=timeout_s or self._patience_s)
        except XMPPError as err:
            raise RequestError(err.condition, err.text) from None
        return next(iter(answer.xml), ET.Element("nothing"))

    def write(self, to: str, body: str) -> None:
        """Send a chat message, and wait for nothing."""
        self._xmpp.make_message(mto=to, mbody=body, mtype="chat").send()

    async def receive(self, timeout_s: float | None = None) -> Received:
        """Wait for the next chat message, and return it; raises TimeoutError."""
        async with asyncio.timeout(timeout_s or self._patience_s):
            return await self.inbox.get()

    async def close(self) -> None:
        """Log out; returns when the connection is closed."""
        self._xmpp.cancel_connection_attempt()
        if self._xmpp.transport is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._xmpp.disconnect(wait=1.0)

    def _take(self, message: Any) -> None:
        xml = message.xml
        if message["type"] == "error":
            self._settle(message["id"], _read_error(message["id"], xml))
            return
        receipt = xml.find(f"{{{XMLNS_RECEIPTS}}}received")
        if receipt is not None:
            message_id = receipt.get("id", "")
            self._settle(message_id, SendResult(message_id, delivered=True))
        elif message["body"]:
            found = xml.findall(f"{{{XMLNS_SID}}}stanza-id")
            ids = {each.get("by", ""): each.get("id", "") for each in found}
            delayed = xml.find(f"{{{XMLNS_DELAY}}}delay") is not None
            self.inbox.put_nowait(Received(str(message["from"]), message["body"], ids, delayed))
            if xml.find(f"{{{XMLNS_RECEIPTS}}}request") is not None:
                self._confirm(message)

    def _see(self, presence: Any) -> None:
        joining = self._joins.get(str(presence["from"]))
        if joining is None or joining.done():
            return
        if presence["type"] == "error":
            error = _read_error("", presence.xml)
            joining.set_exception(RequestError(error.condition, error.text))
        else:
            joining.set_result(None)

    def _settle(self, message_id: str, outcome: SendResult) -> None:
        waiting = self._outcomes.get(message_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)

    def _confirm(self, message: Any) -> None:
        receipt = self._xmpp.make_message(mto=message["from"], mtype="chat")
        receipt.xml.append(ET.Element(f"{{{XMLNS_RECEIPTS}}}received", id=message["id"]))
        receipt.send()


def _explain_end(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"the server's certificate is not valid: {reason.verify_message}"
    return f"the connection was closed: {reason or 'no reason given'}"


def _read_error(message_id: str, xml: ET.Element) -> SendResult:
    """Return the condition and the text of a stanza error (RFC 6120, 8.3.2)."""
    condition = text = ""
    for element in xml.iterfind(f"{{jabber:client}}error/{{{XMLNS_STANZA_ERRORS}}}*"):
        name = element.tag.partition("}")[2]
        if name == "text":
            text = element.text or ""
        else:
            condition = name
    return SendResult(message_id, False, condition, text)
