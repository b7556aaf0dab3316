"""What a process serves over HTTP, while it lives."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def serve_http(
    application: web.Application, address: str, port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve while in this context; gives the port (a free one for 0). Raises OSError when it is in use.

    Without an access log: its lines would hold what people ask for.
    """
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, port, ssl_context=tls).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
