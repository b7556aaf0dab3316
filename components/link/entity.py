"""A component of our own on the server (XEP-0114): it sends and gets requests and messages, as elements."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from slixmpp.xmlstream import tostring

from components.link.codec import XMLNS_STANZA_ERRORS
from components.link.stream import ComponentLogin, ComponentStream

XMLNS = "jabber:client"
XMLNS_DISCO_INFO = "http://jabber.org/protocol/disco#info"  # XEP-0030
XMLNS_DISCO_ITEMS = "http://jabber.org/protocol/disco#items"

_XMLNS_COMPONENT = "jabber:component:accept"
_STANZAS = frozenset({"iq", "message", "presence"})
_REQUESTS = frozenset({"get", "set"})

log = logging.getLogger(__name__)


class EntityError(Exception):
    """A request had no result."""


class NoAnswerError(EntityError):
    """The link is down, or went down, or no answer came in time. The request may have been carried out or not."""


class XmppError(EntityError):
    """A stanza error (RFC 6120, 8.3): `request` raises it; if a handler raises it, the requester gets it.

    `more` is an application's own element beside the condition (RFC 6120, 8.3.4); it is not read from errors that come.
    """

    def __init__(
        self, condition: str, text: str = "", kind: str = "cancel", more: ET.Element | None = None
    ) -> None:
        super().__init__(f"{condition}: {text}" if text else condition)
        self.condition = condition
        self.text = text
        self.kind = kind
        self.more = more


@dataclass(frozen=True, slots=True)
class Request:
    """An IQ request to this component; `sender` and `to` are JIDs as the server stamped them."""

    sender: str
    to: str
    id: str
    kind: str
    payload: ET.Element


RequestHandler = Callable[[Request], Awaitable[ET.Element | None]]
"""Returns the payload of the result, None for an empty one; an XmppError that it raises goes to the requester."""

StanzaHandler = Callable[[ET.Element], None]
"""Takes a message, an element in `jabber:client`; it must not take long."""


class EntityLink:
    """One XEP-0114 connection that is kept up: it reconnects by itself, with back-off, until closed.

    Handlers are called in the order in which stanzas come; those of requests run on as tasks of their own. A request
    without a handler is answered with `service-unavailable`; anything else without a handler is dropped.
    """

    def __init__(
        self, login: ComponentLogin, *, on_state: Callable[[bool], None] = lambda _connected: None
    ) -> None:
        self.jid = login.jid
        self._on_state = on_state
        self._stream = _Stream(login, self._take, self._change)
        self._handlers: dict[str, RequestHandler] = {}
        self._on_message: StanzaHandler = _drop
        self._waiting: dict[tuple[str, str], asyncio.Future[ET.Element | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_id = 0

    def serve(self, payload: str, handler: RequestHandler) -> None:
        """Set the handler of requests with this payload, such as `{jabber:iq:version}query`."""
        self._handlers[payload] = handler

    def on_message(self, handler: StanzaHandler) -> None:
        """Set the handler of messages, also of those of type `error`."""
        self._on_message = handler

    def open(self) -> None:
        """Start connecting, and return at once; `on_state` gets the result."""
        self._stream.connect()

    async def close(self) -> None:
        """Close the stream, and do not connect again; waiting requests get NoAnswerError."""
        await self._stream.stay_away()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_up(self) -> bool:
        """Whether the server has accepted the component."""
        return self._stream.is_accepted

    async def request(
        self, to: str, payload: ET.Element, *, kind: str = "get", sender: str = "", timeout_s: float = 30.0
    ) -> ET.Element | None:
        """Send an IQ request (`kind` get or set) and return the payload of its result, None where it is empty.

        Raises XmppError if an error comes back, and NoAnswerError if nothing does.
        """
        self._last_id += 1
        id_ = f"e{self._last_id}"
        iq = ET.Element(f"{{{XMLNS}}}iq", {"from": sender or self.jid, "to": to, "id": id_, "type": kind})
        iq.append(payload)
        answer: asyncio.Future[ET.Element | None] = asyncio.get_running_loop().create_future()
        self._waiting[(to, id_)] = answer
        try:
            if not self.send(iq):
                raise NoAnswerError(f"{to} cannot be asked: {self.jid} is not connected")
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise NoAnswerError(f"{to} gave no answer in {timeout_s:g} s") from None
        finally:
            del self._waiting[(to, id_)]

    def send(self, stanza: ET.Element) -> bool:
        """Send a stanza as it is, in `jabber:client` or in no namespace; return False while the link is down."""
        if not self.is_up:
            return False
        stanza.tag = f"{{{_XMLNS_COMPONENT}}}{_local(stanza.tag)}"
        self._stream.send_raw(tostring(stanza, xmlns=_XMLNS_COMPONENT))
        return True

    def _take(self, stanza: ET.Element) -> None:
        name = _local(stanza.tag)
        stanza.tag = f"{{{XMLNS}}}{name}"
        if name == "message":
            try:
                self._on_message(stanza)
            except Exception:
                # A fault of one stanza must not end the stream, because all others need it.
                log.exception("a message was not handled")
        elif name != "iq":
            return
        elif stanza.get("type") in _REQUESTS:
            task = asyncio.get_running_loop().create_task(self._answer(stanza))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._settle(stanza)

    def _settle(self, iq: ET.Element) -> None:
        # Accept the answer only from the address that we asked: an id alone is easy to guess.
        waiting = self._waiting.get((iq.get("from", ""), iq.get("id", "")))
        if waiting is None or waiting.done():
            return
        if iq.get("type") == "error":
            waiting.set_exception(read_error(iq))
        else:
            waiting.set_result(iq[0] if len(iq) else None)

    async def _answer(self, iq: ET.Element) -> None:
        reply = ET.Element("iq", {"from": iq.get("to", ""), "to": iq.get("from", ""), "id": iq.get("id", "")})
        try:
            payload = await self._handle(iq)
        except XmppError as error:
            reply.set("type", "error")
            reply.append(_make_error(error))
        except Exception:
            log.exception("a request failed")
            reply.set("type", "error")
            reply.append(_make_error(XmppError("internal-server-error")))
        else:
            reply.set("type", "result")
            if payload is not None:
                reply.append(payload)
        self.send(reply)

    async def _handle(self, iq: ET.Element) -> ET.Element | None:
        handler = self._handlers.get(iq[0].tag) if len(iq) else None
        if handler is None:
            raise XmppError("service-unavailable")
        sender, to, id_, kind = (iq.get(key, "") for key in ("from", "to", "id", "type"))
        return await handler(Request(sender, to, id_, kind, iq[0]))

    def _change(self, connected: bool) -> None:
        if not connected:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(
                        NoAnswerError(f"{self.jid} was disconnected before the answer came")
                    )
        self._on_state(connected)


def read_error(stanza: ET.Element) -> XmppError:
    """Return the error of a stanza of type `error` (RFC 6120, 8.3.2)."""
    found = next((child for child in stanza if _local(child.tag) == "error"), None)
    if found is None:
        return XmppError("undefined-condition")
    condition, text = "undefined-condition", ""
    for child in found.iterfind(f"{{{XMLNS_STANZA_ERRORS}}}*"):
        if _local(child.tag) == "text":
            text = child.text or ""
        else:
            condition = _local(child.tag)
    return XmppError(condition, text, found.get("type", "cancel"))


def _make_error(error: XmppError) -> ET.Element:
    element = ET.Element(f"{{{_XMLNS_COMPONENT}}}error", type=error.kind)
    ET.SubElement(element, f"{{{XMLNS_STANZA_ERRORS}}}{error.condition}")
    if error.text:
        ET.SubElement(element, f"{{{XMLNS_STANZA_ERRORS}}}text").text = error.text
    if error.more is not None:
        element.append(error.more)
    return element


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _drop(_stanza: ET.Element) -> None:
    pass


class _Stream(ComponentStream):
    """slixmpp's stream, handshake and parser, without its stanza objects, which cost more than their content."""

    def __init__(
        self, login: ComponentLogin, on_stanza: StanzaHandler, on_state: Callable[[bool], None]
    ) -> None:
        super().__init__(login, on_state=on_state, log=log)
        self._is_accepted = False
        self._on_stanza = on_stanza
        self.add_event_handler("session_start", self._stream_accepted)

    @property
    def is_accepted(self) -> bool:
        return self._is_accepted

    def forget_connection(self) -> None:
        self._is_accepted = False

    def _spawn_event(self, xml: ET.Element) -> None:
        if self.is_accepted and _local(xml.tag) in _STANZAS:
            self._on_stanza(xml)
        else:
            super()._spawn_event(xml)

    def _stream_accepted(self, _event: Any) -> None:
        self._is_accepted = True
        self.accepted()
