"""A component's stream (XEP-0114) that is kept up: it connects again by itself, with back-off, until closed."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from slixmpp.componentxmpp import ComponentXMPP

_RECONNECT_MIN_S = 0.1


@dataclass(frozen=True, slots=True)
class ComponentLogin:
    """How a component connects to its server: its JID and secret there, and the address where the server listens.

    `reconnect_max_s` is the longest time between two attempts.
    """

    jid: str
    secret: str = field(repr=False)
    address: str
    port: int
    reconnect_max_s: float = 10.0


class ComponentStream(ComponentXMPP):
    """slixmpp's connection and handshake. Subclasses handle the content.

    They call `accepted` when the server has accepted the component, and `is_accepted` says whether it has. Then
    `on_state` is called with True, and with False when such a connection is lost.
    """

    def __init__(
        self, login: ComponentLogin, *, on_state: Callable[[bool], None], log: logging.Logger
    ) -> None:
        super().__init__(login.jid, login.secret, login.address, login.port)  # type: ignore[no-untyped-call]
        self._on_state = on_state
        self._reconnect_max_s = login.reconnect_max_s
        self._reconnect_s = _RECONNECT_MIN_S
        self._closing = False
        self._retry: asyncio.TimerHandle | None = None
        self._log = log
        self.add_event_handler("connection_failed", self._failed)
        self.add_event_handler("disconnected", self._disconnected)
        self.add_event_handler("stream_error", self._stream_error)

    @property
    def is_accepted(self) -> bool:
        """Whether the server has accepted the component on the present connection."""
        raise NotImplementedError

    def forget_connection(self) -> None:
        """Drop what belongs to a lost connection."""
        raise NotImplementedError

    def accepted(self) -> None:
        """Note that the server has accepted the component."""
        self._reconnect_s = _RECONNECT_MIN_S
        self._on_state(True)

    async def stay_away(self) -> None:
        """Close the stream, and do not connect again."""
        self._closing = True
        if self._retry is not None:
            self._retry.cancel()
        self.cancel_connection_attempt()
        if self.transport is not None:
            await self.disconnect(wait=1.0)

    def _failed(self, reason: Any) -> None:
        self._log.warning(
            "cannot connect to the server: %s; next attempt in %.1f s", reason, self._reconnect_s
        )
        self.cancel_connection_attempt()
        self._connect_later()

    def _disconnected(self, reason: Any) -> None:
        was_accepted = self.is_accepted
        self.forget_connection()
        if was_accepted:
            self._on_state(False)
        if not self._closing:
            self._log.warning("disconnected: %s", reason or "connection lost")
            self._connect_later()

    def _stream_error(self, error: Any) -> None:
        # For instance `conflict`: a component of this name is connected already.
        self._log.error("the server closed the stream: %s %s", error["condition"], error["text"])

    def _connect_later(self) -> None:
        if self._closing or self._retry is not None:
            return
        self._retry = asyncio.get_running_loop().call_later(self._reconnect_s, self._connect_now)
        self._reconnect_s = min(self._reconnect_s * 2, self._reconnect_max_s)

    def _connect_now(self) -> None:
        self._retry = None
        self.connect()
