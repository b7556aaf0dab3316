"""A plain aiohttp server that writes what is put to a file, and nothing else: what an upload costs at least."""

import asyncio
import os
import ssl
import sys
from pathlib import Path

import uvloop
from aiohttp import web

_PUT = "/f/{name}"
_LARGEST_BYTES = 8 << 30


async def _take(request: web.Request) -> web.Response:
    """Write a file as it comes; 201 once it is durable, as with the transfer component."""
    path = Path(sys.argv[1]) / request.match_info["name"]
    with path.open("wb", buffering=0) as file:
        async for chunk in request.content.iter_any():
            file.write(chunk)
        await asyncio.to_thread(os.fsync, file.fileno())
    return web.Response(status=201)


async def _serve(port: int, certificate: str) -> None:
    application = web.Application(client_max_size=_LARGEST_BYTES)
    application.router.add_put(_PUT, _take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, str(Path(certificate).with_suffix(".key")))
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[2]), sys.argv[3]))
