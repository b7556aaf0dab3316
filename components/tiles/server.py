"""Serves tiles and checkpoints over HTTP, for witnesses and mirrors: read-only, with a limit of requests at once."""

from collections.abc import Mapping

from aiohttp import web

from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.served_log import ServedLog
from components.archive.store.open import StoreName
from components.process.http import connections_of, make_runner
from components.process.listener import Listener
from components.tiles.resource import CHECKPOINT_PATH, PathError, parse_path
from components.tiles.source import TileSource

MAX_CONNECTIONS = 512
MAX_REQUESTS = 64
"""How many requests are answered at once; further clients are told to come back."""

KEEP_ALIVE_S = 15.0
_RETRY_S = "1"

# tlog-tiles, APIs: the checkpoint may be cached for a few seconds at most, all else for ever.
_CHECKPOINT_HEADERS = {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "public, max-age=1",
}
_TILE_HEADERS = {
    "Content-Type": "application/octet-stream",
    "Cache-Control": "public, max-age=31536000, immutable",
}
_COMMON_HEADERS = {"X-Content-Type-Options": "nosniff"}
_ERROR_HEADERS = {"Cache-Control": "no-store"}  # what is not there yet may be there in a second


class TileServer:
    """An HTTP server of logs by name: `/<name>/checkpoint`, `/<name>/tile/...`."""

    def __init__(self, logs: Mapping[str, StoreName]) -> None:
        self._logs = {name: ServedLog(path) for name, path in logs.items()}
        self._requests = 0
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    async def start(self, address: str, port: int) -> int:
        """Listen, and return the port (a free one for 0); raises OSError."""
        app = web.Application()
        app.router.add_get("/{log}/{path:.+}", self._answer)  # HEAD, too; other methods are answered with 405
        app.on_response_prepare.append(_add_common_headers)
        self._runner = make_runner(app, keepalive_timeout=KEEP_ALIVE_S)
        await self._runner.setup()
        self._listener = Listener(connections_of(self._runner), None, MAX_CONNECTIONS)
        return self._listener.open(address, port)

    async def close(self) -> None:
        """Stop listening, end the requests under way, and close the logs."""
        if self._listener is not None:
            await self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()
        for log in self._logs.values():
            await log.close()

    async def _answer(self, request: web.Request) -> web.Response:
        if self._requests >= MAX_REQUESTS:
            return _refuse(503, "too many requests at once")
        self._requests += 1
        try:
            return await self._find(request.match_info["log"], request.match_info["path"])
        except LogUnavailable:
            return _refuse(503, "the log cannot be read now")
        except LogDamaged:
            return _refuse(500, "the log is damaged")
        finally:
            self._requests -= 1

    async def _find(self, name: str, path: str) -> web.Response:
        log = self._logs.get(name)
        if log is None:
            return _refuse(404, "there is no such log")
        if path == CHECKPOINT_PATH:
            note = (await TileSource(await log.source()).fetch_checkpoint()).note
            return web.Response(body=note.encode(), headers=_CHECKPOINT_HEADERS)
        try:
            resource = parse_path(path)
        except PathError:
            return _refuse(404, "there is nothing here")
        content = await TileSource(await log.source()).fetch(resource)
        if content is None:
            return _refuse(404, "the newest checkpoint does not cover this yet")
        return web.Response(body=content, headers=_TILE_HEADERS)


def _refuse(status: int, text: str) -> web.Response:
    retry = {"Retry-After": _RETRY_S} if status == 503 else {}
    return web.Response(status=status, text=f"{text}\n", headers=_ERROR_HEADERS | retry)


async def _add_common_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_COMMON_HEADERS)
