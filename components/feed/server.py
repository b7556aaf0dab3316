"""The feed over HTTPS: batches of logs, requests to their writers, and machines' own logs (docs/feed.md)."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import structlog
from aiohttp import web

from components.archive.backup import CopyError
from components.archive.blobs.errors import BlobError
from components.archive.errors import LogError, LogMissing, LogUnavailable
from components.archive.follow import MAX_BATCH_BYTES, Batch, CopyState, LogForked
from components.archive.follow.encoding import encode_batch, encode_state, parse_batch, parse_state
from components.archive.follow.files import encode_heads
from components.archive.follow.source import make_batch
from components.archive.keys import KeyFileError
from components.archive.served_log import ServedLog
from components.archive.store import LogSource
from components.feed.asked import MACHINE, log_of, machine_of, number_of, record_of, tell, wait_of
from components.feed.connections import Connections
from components.feed.files import FedFiles, FileUnknown, Pieces
from components.feed.machines import Machine, Machines
from components.feed.own_logs import OwnLog
from components.feed.requests import MAX_ORDER_BYTES, MAX_REQUEST_BYTES, RequestRefused, Requests, is_order
from components.feed.stream import STALLED_S, Stalled, TooLong, cut, read_body, send_pieces
from components.rules.load import parse_site_directory
from components.rules.reviewers import load_reviewers
from components.settings.archive import load_approvers
from components.settings.blobs import open_objects
from components.settings.site import SiteFile
from policy.directory.directory import Directory, DirectoryError

MAX_AT_ONCE = 12
"""So many requests of one machine are answered at once."""

MAX_CONNECTIONS = 24
"""So many connections a machine may have open."""

_LOOK_EVERY_S = 0.2
_LOOK_FOR_LOG_S = 2.0
_LARGEST_BODY_BYTES = 2 * MAX_BATCH_BYTES

log = structlog.get_logger("feed")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FeedServer:
    """Answers listed machines, each of them with what is meant for it."""

    def __init__(self, site: SiteFile, requests: Requests, stalled_s: float = STALLED_S) -> None:
        self._site = site
        self._requests = requests
        self._machines = Machines(site)
        self._reviewers = load_reviewers(site)
        self._approvers = load_approvers(site.archive.approvers)
        self._logs = {each.name: ServedLog(each.store) for each in site.verified_logs}
        self._origins = {each.name: each.origin for each in site.verified_logs}
        self._own = {each.name: OwnLog(each) for each in site.other_audit_logs}
        self._files = _open_files(site, self._logs)
        self._stalled_s = stalled_s
        self._connections = Connections(MAX_CONNECTIONS)
        self._busy: Counter[str] = Counter()
        self._seen_s: dict[str, float] = {}
        self._stops = False

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
        found = Machines(site), load_reviewers(site), load_approvers(site.archive.approvers)
        self._machines, self._reviewers, self._approvers = found

    def application(self) -> web.Application:
        """Return the web application."""
        app = web.Application(client_max_size=_LARGEST_BODY_BYTES, middlewares=[self._admit])
        app.on_shutdown.append(self._stop_waiting)
        router = app.router
        router.add_get("/logs", self._list_logs)
        router.add_get("/logs/{log}/batch", self._send_batch)
        router.add_get("/logs/{log}/files/{record}", self._send_heads)
        router.add_get("/logs/{log}/files/{record}/{digest}", self._send_file)
        router.add_put("/logs/{log}/requests/{id}", self._take_request)
        router.add_get("/logs/{log}/requests/{id}", self._send_answer)
        router.add_delete("/logs/{log}/requests/{id}", self._withdraw)
        router.add_get("/own", self._send_own_state)
        router.add_post("/own", self._take_own)
        return app

    async def _stop_waiting(self, _app: web.Application) -> None:
        """Have what machines wait for answered as it is: the server ends only when nobody is being answered."""
        self._stops = True

    async def close(self) -> None:
        """Close the logs."""
        for served in self._logs.values():
            await served.close()
        for own in self._own.values():
            await own.close()
        if self._files is not None:
            await self._files.close()

    @web.middleware
    async def _admit(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        machine = self._find_machine(request)
        if machine is None:
            log.warning("refused", peer=request.remote)
            return tell(403, "this certificate is not listed here", closes=True)
        if not self._connections.admit(machine.id, request.transport):
            return tell(503, "too many connections", closes=True)
        if self._busy[machine.id] >= MAX_AT_ONCE:
            return tell(503, "too many requests at once")
        self._busy[machine.id] += 1
        self._seen_s[machine.id] = dt.datetime.now(dt.UTC).timestamp()
        request[MACHINE] = machine
        try:
            return await handler(request)
        except RequestRefused as error:
            log.warning("refused", machine=machine.id, reason=str(error))
            return tell(403, str(error))
        except FileUnknown as error:
            return tell(404, str(error))
        except TooLong as error:
            return tell(413, str(error), closes=True)
        except Stalled as error:
            return tell(408, str(error), closes=True)
        except LogForked as error:
            return tell(409, str(error))
        except CopyError as error:
            return tell(400, str(error))
        except (LogError, KeyFileError, BlobError) as error:
            log.warning("cannot be read", machine=machine.id, reason=str(error))
            is_passing = isinstance(error, LogUnavailable | BlobError)
            return tell(503 if is_passing else 500, "the log cannot be read now")
        finally:
            self._busy[machine.id] -= 1

    def _find_machine(self, request: web.Request) -> Machine | None:
        """Return the machine that asks: each time anew, because it may have been taken from the list meanwhile."""
        transport = request.transport
        tls = transport.get_extra_info("ssl_object") if transport is not None else None
        shown = tls.getpeercert(binary_form=True) if tls is not None else None
        return self._machines.find(shown, dt.datetime.now(dt.UTC))

    async def _list_logs(self, request: web.Request) -> web.Response:
        machine = machine_of(request)
        found = [{"name": name, "origin": self._origins[name]} for name in sorted(machine.logs)]
        own = self._origins.get(machine.own_log or "", "")
        return web.json_response({"machine": machine.id, "logs": found, "own": own})

    async def _send_batch(self, request: web.Request) -> web.StreamResponse:
        name = log_of(request)
        state = parse_state(request.query)
        max_bytes = min(MAX_BATCH_BYTES, max(1, number_of(request, "bytes", MAX_BATCH_BYTES)))
        wait_s = wait_of(request)
        try:
            source = await self._logs[name].source()
        except LogMissing:
            # Nobody has written to it yet.
            await asyncio.sleep(min(wait_s, _LOOK_FOR_LOG_S))
            return web.Response(status=204)
        batch = await self._wait_for(source, state, max_bytes, wait_s)
        body = encode_batch(batch)
        return await self._send(request, (len(body), cut(body)))

    async def _wait_for(self, source: LogSource, state: CopyState, max_bytes: int, wait_s: float) -> Batch:
        """Return what follows a copy's state, once there is something, or nothing after so long.

        A copy that is ahead of the log is told at once: the log was put back, or is another one.
        """
        loop = asyncio.get_running_loop()
        give_up_at_s = loop.time() + wait_s
        batch = await make_batch(source, state, max_bytes)
        while not (_is_answer(batch, state) or self._stops) and loop.time() < give_up_at_s:
            await asyncio.sleep(_LOOK_EVERY_S)
            newest = await source.fetch_newest_checkpoint()
            if newest != batch.checkpoint:
                batch = await make_batch(source, state, max_bytes)
        return batch

    async def _send_heads(self, request: web.Request) -> web.Response:
        entries = await self._files_of(request).find(log_of(request), record_of(request))
        return web.Response(body=encode_heads(entries), content_type="application/octet-stream")

    async def _send_file(self, request: web.Request) -> web.StreamResponse:
        name, record, digest = log_of(request), record_of(request), request.match_info["digest"]
        start = number_of(request, "from", 0)
        return await self._send(request, await self._files_of(request).open(name, record, digest, start))

    async def _send(self, request: web.Request, content: tuple[int, Pieces]) -> web.StreamResponse:
        def is_listed() -> bool:
            return self._find_machine(request) is not None

        return await send_pieces(request, machine_of(request).id, content, is_listed, self._stalled_s)

    def _files_of(self, _request: web.Request) -> FedFiles:
        if self._files is None:
            raise FileUnknown("this site takes no files")
        return self._files

    async def _take_request(self, request: web.Request) -> web.Response:
        machine, name = machine_of(request), log_of(request)
        id_ = request.match_info["id"]
        largest_bytes = MAX_ORDER_BYTES if is_order(id_) else MAX_REQUEST_BYTES
        body = await read_body(request, largest_bytes, self._stalled_s)
        if is_order(id_):
            self._requests.check_order(name, id_, body, self._approvers)
        else:
            self._requests.check(machine, name, id_, body, self._reviewers)
        await self._requests.hand_in(machine, name, id_, body)
        return web.Response(status=202)

    async def _send_answer(self, request: web.Request) -> web.Response:
        machine, name, id_ = machine_of(request), log_of(request), request.match_info["id"]
        directory = self._read_directory()
        answer = await self._requests.find_answer(machine, name, id_, wait_of(request), directory)
        return web.Response(status=204) if answer is None else web.Response(text=answer)

    async def _withdraw(self, request: web.Request) -> web.Response:
        await self._requests.withdraw(machine_of(request), log_of(request), request.match_info["id"])
        return web.Response(status=204)

    async def _send_own_state(self, request: web.Request) -> web.Response:
        return web.json_response(encode_state(await self._own_of(request).state()))

    async def _take_own(self, request: web.Request) -> web.Response:
        batch = parse_batch(await read_body(request, _LARGEST_BODY_BYTES, self._stalled_s))
        return web.json_response(encode_state(await self._own_of(request).take(batch)))

    def _own_of(self, request: web.Request) -> OwnLog:
        own = self._own.get(machine_of(request).own_log or "")
        if own is None:
            raise web.HTTPNotFound
        return own

    def _read_directory(self) -> Directory:
        file = self._site.gate.directory_file
        try:
            return parse_site_directory(file.name, file.read_text("utf-8")).directory
        except (DirectoryError, OSError, UnicodeDecodeError) as error:
            raise LogUnavailable(f"gate.directory cannot be used: {error}") from None


def _is_answer(batch: Batch, state: CopyState) -> bool:
    return batch.is_new or bool(state.destroying) or batch.checkpoint.size < state.signed


def _open_files(site: SiteFile, logs: Mapping[str, ServedLog]) -> FedFiles | None:
    """Return the files that the site keeps; None where it takes none."""
    if site.transfer is None:
        return None
    name = site.transfer.log_settings(site.folder).name
    return FedFiles(name, logs[name], open_objects(site.transfer))
