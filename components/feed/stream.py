"""Bodies of requests and answers, piece by piece: a link may be slow, but not stand still."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import structlog
from aiohttp import web

from components.archive.blobs.errors import BlobError
from components.feed.files import Pieces

PIECE_BYTES = 256 * 1024
STALLED_S = 60.0

log = structlog.get_logger("feed")


class Stalled(Exception):  # noqa: N818 - the condition is the name
    """A machine has begun to send something, and nothing more comes."""


class TooLong(Exception):  # noqa: N818 - the condition is the name
    """A machine sends more than it may."""


async def read_body(request: web.Request, largest_bytes: int, stalled_s: float) -> bytes:
    """Return the body of a request; raises TooLong and Stalled."""
    body = bytearray()
    try:
        while True:
            async with asyncio.timeout(stalled_s):
                piece = await request.content.readany()
            if not piece:
                return bytes(body)
            body += piece
            if len(body) > largest_bytes:
                raise TooLong(f"more than {largest_bytes:,} bytes")
    except TimeoutError:
        raise Stalled("the link stands still") from None


async def send_pieces(
    request: web.Request,
    machine: str,
    content: tuple[int, Pieces],
    is_listed: Callable[[], bool],
    stalled_s: float,
) -> web.StreamResponse:
    """Send a body, whose size comes first, as fast as the machine takes it and as long as it is listed."""
    size, pieces = content
    response = web.StreamResponse(headers={"Content-Length": str(size)})
    try:
        async with aclosing(pieces):
            await response.prepare(request)
            async for piece in pieces:
                if not is_listed():
                    raise ConnectionResetError("it is not listed any more")
                async with asyncio.timeout(stalled_s):
                    await response.write(piece)
            await response.write_eof()
    except (ConnectionError, TimeoutError, BlobError) as error:
        log.info("cut", machine=machine, reason=str(error) or "the link stands still")
        response.force_close()
        if request.transport is not None:
            # So that what has come cannot be taken for all.
            request.transport.abort()
    return response


async def cut(body: bytes) -> Pieces:
    """Yield a body in pieces."""
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]
