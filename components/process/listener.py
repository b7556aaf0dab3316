"""Accepts connections, but for those of a crowd: whoever opens many and sends nothing keeps nobody else out."""

import asyncio
import errno
import ipaddress
import resource
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

# Both must come within these times: the handshake of TLS, and its end.
_HANDSHAKE_S, _GOODBYE_S = 10.0, 5.0
_BACKLOG = 512
_MOST_CONNECTIONS = 2048
# A file that is put has the connection, a place on the disk, one in the quarantine, and its scanner.
_OPEN_FILES_EACH = 4
# One address has a quarter of the places: a firm's people may share one.
_SHARE = 4
# Whoever has one address of IPv6 has the rest of its network, too.
_IPV6_NETWORK_BITS = 64
_FULL_TOLD_EVERY_S = 60.0
_NO_DESCRIPTOR_S = 0.1

log = structlog.get_logger("http")


def most_connections() -> int:
    """Let this process open as many files as the system lets it, and return for how many connections that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    unlimited = hard == resource.RLIM_INFINITY
    return _MOST_CONNECTIONS if unlimited else min(_MOST_CONNECTIONS, hard // _OPEN_FILES_EACH)


class Listener:
    """Gives each connection to a protocol that `make` makes, with `tls` or without, `most` at once.

    One address (of IPv6: one network of /64) has a quarter of them at most, unless they come by a proxy, that is,
    without TLS. The others are closed at once.
    """

    def __init__(self, make: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None, most: int) -> None:
        self._make = make
        self._tls = tls
        self._most = most
        self._each = max(1, most // _SHARE) if tls else most
        self._by_address: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: list[socket.socket] = []
        self._told_at_s = float("-inf")

    def open(self, address: str, port: int) -> int:
        """Listen, on all addresses that a name has, and return the port (a free one for 0); raises OSError."""
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
        for family, host in dict.fromkeys((each[0], str(each[4][0])) for each in found):
            try:
                listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
            except OSError as error:
                # A machine's name may have an address of IPv6 where there is none.
                if error.errno != errno.EADDRNOTAVAIL or not self._listening:
                    raise
                continue
            listening.setblocking(False)
            port = int(listening.getsockname()[1])
            self._listening.append(listening)
            self._start(self._accept(listening))
        return port

    async def close(self) -> None:
        """Accept no more; what is connected goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listening in self._listening:
            listening.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected, address = await loop.sock_accept(listening)
            except OSError as error:  # no descriptor is free, or it is gone already
                log.warning("a connection was not accepted", reason=str(error))
                await asyncio.sleep(_NO_DESCRIPTOR_S)
                continue
            host = network_of(str(address[0]))
            if self._by_address.total() >= self._most or self._by_address[host] >= self._each:
                connected.close()
                self._tell_full(host)
            else:
                self._by_address[host] += 1
                self._start(self._connect(connected, host))

    async def _connect(self, connected: socket.socket, host: str) -> None:
        times = (
            {"ssl_handshake_timeout": _HANDSHAKE_S, "ssl_shutdown_timeout": _GOODBYE_S} if self._tls else {}
        )
        counted = _Counted(self._make(), lambda: self._leave(host))
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: counted, connected, ssl=self._tls, **times
            )
        except (OSError, asyncio.CancelledError):  # no TLS, or none in time
            connected.close()
        finally:
            if not counted.was_made:
                self._leave(host)

    def _leave(self, host: str) -> None:
        self._by_address[host] -= 1
        if not self._by_address[host]:
            del self._by_address[host]

    def _tell_full(self, host: str) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._told_at_s + _FULL_TOLD_EVERY_S:
            self._told_at_s = now_s
            log.warning("too many connections: some are closed", address=host)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def network_of(host: str) -> str:
    """Return what an address counts as: itself, or the network of IPv6 that it is in."""
    if ":" not in host:
        return host
    address = ipaddress.IPv6Address(host.partition("%")[0])
    return str(
        address.ipv4_mapped or ipaddress.IPv6Network((address.packed, _IPV6_NETWORK_BITS), strict=False)
    )


class _Counted(asyncio.Protocol):
    """Passes everything on, and tells when the connection has ended."""

    def __init__(self, inner: asyncio.Protocol, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._lost = inner.connection_lost
        self._made = inner.connection_made
        self.was_made = False
        # What comes often goes straight there.
        self.data_received = inner.data_received  # type: ignore[method-assign]
        self.eof_received = inner.eof_received  # type: ignore[method-assign]
        self.pause_writing = inner.pause_writing  # type: ignore[method-assign]
        self.resume_writing = inner.resume_writing  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.was_made = True
        self._made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_end()
        self._lost(exc)
