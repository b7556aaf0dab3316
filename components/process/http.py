"""The HTTP server of a process, and what its clients share."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from components.process.listener import Listener, most_connections

IDLE_S = 75.0
"""As long as browsers and proxies like to keep a connection; whoever sends a head bit by bit has no longer either."""

SERVER = "steelyard"
"""What each server of ours calls itself: which program it is made with, in which version, is nobody's business."""

_NO_HTTP = {"Server": SERVER, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

log = structlog.get_logger("http")


class Connection(RequestHandler):
    """Answers what is no proper HTTP without a word of it: it may hold a secret, which has no place in a log."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """See aiohttp's RequestHandler."""
        if (
            not (isinstance(exc, HttpProcessingError) or is_broken_off(request, exc))
            or request.writer.output_size
        ):
            return super().handle_error(request, status, exc, message)
        log.debug("no proper HTTP", address=request.remote, error=type(exc).__name__)
        answer = web.Response(status=400, text="this is no proper HTTP\n", headers=_NO_HTTP)
        answer.force_close()
        return answer


def is_broken_off(request: web.BaseRequest, error: BaseException | None) -> bool:
    """Return whether a request did not arrive whole: its body is malformed, or whoever asked is gone."""
    is_gone = isinstance(error, ConnectionError) and request.transport is None
    return is_gone or isinstance(error, web.RequestPayloadError)


def make_runner(application: web.Application, **settings: Any) -> web.AppRunner:
    """Return what runs an application, with further settings of `web.AppRunner`.

    Its answers name no version. There is no access log, because its lines would show what people ask for.
    """
    application.on_response_prepare.append(_hide_version)
    return web.AppRunner(application, access_log=None, **settings)


async def _hide_version(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER


def connections_of(
    runner: web.AppRunner, connection: type[Connection] = Connection
) -> Callable[[], RequestHandler]:
    """Return what makes each connection of a server that is set up: the protocol of `loop.create_server`.

    No body is unpacked (Content-Encoding): a megabyte of one can be a gigabyte, which the server would read on for
    after it has refused it.
    """
    server = runner.server
    if server is None:
        raise OSError("no server was set up")
    settings = server._kwargs | {"auto_decompress": False}
    return partial(connection, server, loop=asyncio.get_running_loop(), **settings)


@asynccontextmanager
async def serve_http(
    application: web.Application,
    address: str,
    port: int,
    tls: ssl.SSLContext | None = None,
    idle_s: float = IDLE_S,
) -> AsyncIterator[int]:
    """Serve while in this context, and yield the port (a free one for 0). Raises OSError if it is in use.

    So many connections are open at once as a `Listener` takes, and none keeps the process from a file that it needs.
    A connection on which nothing is asked for `idle_s` is closed, also one that has never asked anything.
    """
    runner = make_runner(application, keepalive_timeout=idle_s)
    await runner.setup()
    listener = Listener(connections_of(runner), tls, most_connections())
    try:
        try:
            yield listener.open(address, port)
        finally:
            await listener.close()
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
