"""The HTTP server of a process, and what its clients share."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

IDLE_S = 3630.0
"""Longer than proxies keep a connection open: who closes it first should not be this side."""


@asynccontextmanager
async def serve_http(
    application: web.Application,
    address: str,
    port: int,
    tls: ssl.SSLContext | None = None,
    idle_s: float = IDLE_S,
) -> AsyncIterator[int]:
    """Serve while in this context, and yield the port (a free one for 0). Raises OSError if it is in use.

    A connection on which nothing is asked for `idle_s` is closed, also one that has never asked anything.
    There is no access log, because its lines would show what people ask for.
    """
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=idle_s)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, port, ssl_context=tls).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def read_limited(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Read a body of at most so many bytes; raises aiohttp.ClientPayloadError for a longer one."""
    content = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        content += chunk
        if len(content) > max_bytes:
            raise aiohttp.ClientPayloadError(f"an answer of more than {max_bytes} bytes")
    return bytes(content)
