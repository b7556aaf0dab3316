"""The console's own files, which come from nowhere else."""

import mimetypes

from aiohttp import web

from components.audit.console.headers import UNCHANGING
from components.audit.console.render import STATIC, address_of
from components.audit.console.visit import Refused, Visit

FILES = frozenset(file.name for file in STATIC.iterdir() if file.suffix in (".js", ".css", ".svg"))


async def send_file(visit: Visit) -> web.StreamResponse:
    """Send a file, for as long as the browser likes: with another content it has another address."""
    name = visit.request.match_info["name"]
    if name not in FILES or visit.request.path != address_of(name):
        raise Refused(404, "error.404")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    content = (STATIC / name).read_bytes()
    headers = {"Cache-Control": UNCHANGING}
    return web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)
