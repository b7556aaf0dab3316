"""The HTTP side: one path for each file, which is put once and fetched while its link is open."""

import ssl

from aiohttp import web

from components.transfer.fetch import Sender
from components.transfer.headers import COMMON, CORS
from components.transfer.receive import Receiver

PATH = "/f/{token}/{name}"
_KEEP_ALIVE_S = 30.0


class FileServer:
    """Serves PUT, GET, HEAD and OPTIONS of files, and nothing else."""

    def __init__(self, receiver: Receiver, sender: Sender) -> None:
        application = web.Application()
        application.router.add_put(PATH, receiver.answer)
        application.router.add_get(PATH, sender.answer)  # HEAD, too
        application.router.add_options(PATH, _answer_options)
        # Without an access log: its lines would hold links that open files.
        self._runner = web.AppRunner(
            application, access_log=None, keepalive_timeout=_KEEP_ALIVE_S, handle_signals=False
        )

    async def start(self, address: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen, and return the port (a free one for 0); raises OSError."""
        await self._runner.setup()
        await web.TCPSite(self._runner, address, port, ssl_context=tls).start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening and end what is under way: its clients begin anew."""
        await self._runner.cleanup()


async def _answer_options(_request: web.Request) -> web.Response:
    """Answer what a browser asks before a request of another origin (CORS)."""
    return web.Response(status=204, headers=COMMON | CORS)
