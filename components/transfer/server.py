"""The HTTP side: one path for each file, which is put once and fetched while its link is open."""

import ssl
from functools import partial

from aiohttp import web

from components.process.http import Connection, connections_of, make_runner
from components.process.listener import Listener, most_connections
from components.transfer.fetch import Sender
from components.transfer.headers import COMMON, CORS
from components.transfer.metrics import FileMetrics
from components.transfer.receive import Receiver

PATH = "/f/{token}/{name}"
_IDLE_S = 30.0
# Of each upload, at most twice as much waits to be taken: it comes while what was before it is sealed.
_READ_AHEAD_BYTES = 256 << 10
_SHUTDOWN_S = 2.0


class FileServer:
    """Serves PUT, GET, HEAD and OPTIONS of files, and nothing else.

    A connection is closed on which no whole request has come for `idle_s`, also one that sends its headers slowly.
    """

    def __init__(
        self,
        receiver: Receiver,
        sender: Sender,
        metrics: FileMetrics | None = None,
        *,
        idle_s: float = _IDLE_S,
    ) -> None:
        metrics = metrics or FileMetrics()
        application = web.Application()
        # The receiver itself asks for the file, or refuses it before it comes.
        put = partial(metrics.count_put, receiver.answer)
        application.router.add_put(PATH, put, expect_handler=_leave_expectation)
        application.router.add_get(PATH, partial(metrics.count_get, sender.answer))  # HEAD, too
        application.router.add_options(PATH, _answer_options)
        application.on_response_prepare.append(_guard_browser)
        self._runner = make_runner(
            application,
            keepalive_timeout=idle_s,
            shutdown_timeout=_SHUTDOWN_S,
            read_bufsize=_READ_AHEAD_BYTES,
        )
        self._listener: Listener | None = None

    async def start(self, address: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen, and return the port (a free one for 0); raises OSError."""
        await self._runner.setup()
        self._listener = Listener(connections_of(self._runner, _Connection), tls, most_connections())
        return self._listener.open(address, port)

    async def close(self) -> None:
        """Stop listening and end what is under way: its clients begin anew."""
        if self._listener is not None:
            await self._listener.close()
        await self._runner.cleanup()


async def _answer_options(_request: web.Request) -> web.Response:
    """Answer what a browser asks before a request of another origin (CORS)."""
    return web.Response(status=204, headers=COMMON | CORS)


async def _leave_expectation(_request: web.Request) -> None:
    pass


class _Connection(Connection):
    """Answers what is no proper HTTP as other answers look."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        answer = super().handle_error(request, status, exc, message)
        _finish(answer)
        return answer


async def _guard_browser(_request: web.Request, response: web.StreamResponse) -> None:
    _finish(response)


def _finish(response: web.StreamResponse) -> None:
    """Let answers that are not ours not be sniffed or run either."""
    for name, value in COMMON.items():
        response.headers.setdefault(name, value)
