"""The feed over HTTPS: batches of logs, requests to their writers, and machines' own logs (docs/feed.md)."""

import asyncio
import datetime as dt
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import structlog
from aiohttp import web

from components.archive.backup import CopyError
from components.archive.errors import LogError, LogMissing, LogUnavailable
from components.archive.follow import MAX_BATCH_BYTES, Batch, CopyState, LogForked
from components.archive.follow.encoding import encode_batch, encode_state, parse_batch, parse_state
from components.archive.follow.source import make_batch
from components.archive.keys import KeyFileError
from components.archive.served_log import ServedLog
from components.archive.store import LogSource
from components.feed.machines import Machine, Machines
from components.feed.own_logs import OwnLog
from components.feed.requests import MAX_REQUEST_BYTES, RequestRefused, Requests
from components.rules.load import parse_site_directory
from components.rules.reviewers import load_reviewers
from components.settings.site import SiteFile
from policy.directory.directory import Directory, DirectoryError

MAX_AT_ONCE = 12
"""So many requests of one machine are answered at once."""

LONGEST_WAIT_S = 25.0
_LOOK_EVERY_S = 0.2
_LOOK_FOR_LOG_S = 2.0
_PIECE_BYTES = 256 * 1024
_STALLED_S = 60.0
_LARGEST_BODY_BYTES = 2 * MAX_BATCH_BYTES
_MACHINE = web.RequestKey("machine", Machine)

log = structlog.get_logger("feed")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FeedServer:
    """Answers listed machines, each of them with what is meant for it."""

    def __init__(self, site: SiteFile, requests: Requests) -> None:
        self._site = site
        self._requests = requests
        self._machines = Machines(site)
        self._reviewers = load_reviewers(site)
        self._logs = {each.name: ServedLog(each.store) for each in site.verified_logs}
        self._origins = {each.name: each.origin for each in site.verified_logs}
        self._own = {each.name: OwnLog(each) for each in site.other_audit_logs}
        self._busy: Counter[str] = Counter()
        self._seen_s: dict[str, float] = {}

    @property
    def machines(self) -> Machines:
        """The machines that are listed now."""
        return self._machines

    @property
    def faults(self) -> Mapping[str, str]:
        """What is wrong with logs of machines, by their names."""
        return {name: each.fault for name, each in self._own.items() if each.fault}

    @property
    def seen_s(self) -> Mapping[str, float]:
        """When each machine asked last (Unix time)."""
        return self._seen_s

    def read_again(self, site: SiteFile) -> None:
        """Take over who is listed now; raises SettingsError and KeyFileError, and then nothing is taken over."""
        machines, reviewers = Machines(site), load_reviewers(site)
        self._machines, self._reviewers = machines, reviewers

    def application(self) -> web.Application:
        """Return the web application."""
        app = web.Application(client_max_size=_LARGEST_BODY_BYTES, middlewares=[self._admit])
        router = app.router
        router.add_get("/logs", self._list_logs)
        router.add_get("/logs/{log}/batch", self._send_batch)
        router.add_put("/logs/{log}/requests/{id}", self._take_request)
        router.add_get("/logs/{log}/requests/{id}", self._send_answer)
        router.add_delete("/logs/{log}/requests/{id}", self._withdraw)
        router.add_get("/own", self._send_own_state)
        router.add_post("/own", self._take_own)
        return app

    async def close(self) -> None:
        """Close the logs."""
        for served in self._logs.values():
            await served.close()
        for own in self._own.values():
            await own.close()

    @web.middleware
    async def _admit(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        machine = self._find_machine(request)
        if machine is None:
            log.warning("refused", peer=request.remote)
            response = _tell(403, "this certificate is not listed here")
            response.force_close()
            return response
        if self._busy[machine.id] >= MAX_AT_ONCE:
            return _tell(503, "too many requests at once")
        self._busy[machine.id] += 1
        self._seen_s[machine.id] = dt.datetime.now(dt.UTC).timestamp()
        request[_MACHINE] = machine
        try:
            return await handler(request)
        except RequestRefused as error:
            log.warning("refused", machine=machine.id, reason=str(error))
            return _tell(403, str(error))
        except LogForked as error:
            return _tell(409, str(error))
        except CopyError as error:
            return _tell(400, str(error))
        except (LogError, KeyFileError) as error:
            log.warning("cannot be read", machine=machine.id, reason=str(error))
            return _tell(503 if isinstance(error, LogUnavailable) else 500, "the log cannot be read now")
        finally:
            self._busy[machine.id] -= 1

    def _find_machine(self, request: web.Request) -> Machine | None:
        """Return the machine that asks: each time anew, because it may have been taken from the list meanwhile."""
        transport = request.transport
        tls = transport.get_extra_info("ssl_object") if transport is not None else None
        shown = tls.getpeercert(binary_form=True) if tls is not None else None
        return self._machines.find(shown, dt.datetime.now(dt.UTC))

    async def _list_logs(self, request: web.Request) -> web.Response:
        machine = _machine_of(request)
        found = [{"name": name, "origin": self._origins[name]} for name in sorted(machine.logs)]
        own = self._origins.get(machine.own_log or "", "")
        return web.json_response({"machine": machine.id, "logs": found, "own": own})

    async def _send_batch(self, request: web.Request) -> web.StreamResponse:
        name = _log_of(request)
        state = parse_state(request.query)
        max_bytes = min(MAX_BATCH_BYTES, max(1, _number(request, "bytes", MAX_BATCH_BYTES)))
        wait_s = _wait_of(request)
        try:
            source = await self._logs[name].source()
        except LogMissing:
            # Nobody has written to it yet.
            await asyncio.sleep(min(wait_s, _LOOK_FOR_LOG_S))
            return web.Response(status=204)
        batch = await _wait_for(source, state, max_bytes, wait_s)
        return await self._stream(request, encode_batch(batch))

    async def _stream(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Send a body piece by piece, as fast as the machine takes it and as long as it is listed."""
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        try:
            await response.prepare(request)
            async for piece in _cut(body):
                if self._find_machine(request) is None:
                    raise ConnectionResetError("it is not listed any more")
                async with asyncio.timeout(_STALLED_S):
                    await response.write(piece)
            await response.write_eof()
        except (ConnectionError, TimeoutError) as error:
            log.info("cut", machine=_machine_of(request).id, reason=str(error) or "the link stands still")
            response.force_close()
            if request.transport is not None:
                # So that what has come cannot be taken for all.
                request.transport.abort()
        return response

    async def _take_request(self, request: web.Request) -> web.Response:
        machine, name = _machine_of(request), _log_of(request)
        body = await request.content.read(MAX_REQUEST_BYTES + 1)
        if len(body) > MAX_REQUEST_BYTES or not request.content.at_eof():
            return _tell(413, "too long for a request")
        id_ = request.match_info["id"]
        self._requests.check(machine, name, id_, body, self._reviewers)
        await self._requests.hand_in(machine, name, id_, body)
        return web.Response(status=202)

    async def _send_answer(self, request: web.Request) -> web.Response:
        machine, name, id_ = _machine_of(request), _log_of(request), request.match_info["id"]
        directory = self._read_directory()
        answer = await self._requests.find_answer(machine, name, id_, _wait_of(request), directory)
        return web.Response(status=204) if answer is None else web.Response(text=answer)

    async def _withdraw(self, request: web.Request) -> web.Response:
        await self._requests.withdraw(_machine_of(request), _log_of(request), request.match_info["id"])
        return web.Response(status=204)

    async def _send_own_state(self, request: web.Request) -> web.Response:
        return web.json_response(encode_state(await self._own_of(request).state()))

    async def _take_own(self, request: web.Request) -> web.Response:
        batch = parse_batch(await request.read())
        return web.json_response(encode_state(await self._own_of(request).take(batch)))

    def _own_of(self, request: web.Request) -> OwnLog:
        own = self._own.get(_machine_of(request).own_log or "")
        if own is None:
            raise web.HTTPNotFound
        return own

    def _read_directory(self) -> Directory:
        file = self._site.gate.directory_file
        try:
            return parse_site_directory(file.name, file.read_text("utf-8")).directory
        except (DirectoryError, OSError, UnicodeDecodeError) as error:
            raise LogUnavailable(f"gate.directory cannot be used: {error}") from None


async def _wait_for(source: LogSource, state: CopyState, max_bytes: int, wait_s: float) -> Batch:
    """Return what follows a copy's state, once there is something, or nothing after so long."""
    loop = asyncio.get_running_loop()
    give_up_at_s = loop.time() + wait_s
    batch = await make_batch(source, state, max_bytes)
    while not batch.is_new and not state.destroying and loop.time() < give_up_at_s:
        await asyncio.sleep(_LOOK_EVERY_S)
        newest = await source.fetch_newest_checkpoint()
        if newest != batch.checkpoint:
            batch = await make_batch(source, state, max_bytes)
    return batch


async def _cut(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]


def _machine_of(request: web.Request) -> Machine:
    return request[_MACHINE]


def _log_of(request: web.Request) -> str:
    """Return the log that a request names; what the machine does not get is not there for it."""
    name = request.match_info["log"]
    if name not in _machine_of(request).logs:
        raise web.HTTPNotFound
    return name


def _number(request: web.Request, name: str, default: int) -> int:
    try:
        return int(request.query.get(name, default))
    except ValueError:
        raise web.HTTPBadRequest from None


def _wait_of(request: web.Request) -> float:
    return min(LONGEST_WAIT_S, max(0.0, float(_number(request, "wait", 0))))


def _tell(status: int, problem: str) -> web.Response:
    return web.Response(status=status, text=json.dumps({"problem": problem}), content_type="application/json")
