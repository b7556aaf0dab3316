"""What a request of a machine says, and short answers."""

import json
import re

from aiohttp import web

from components.feed.files import FileUnknown
from components.feed.machines import Machine

LONGEST_WAIT_S = 25.0
MACHINE = web.RequestKey("machine", Machine)

_RECORD = re.compile(r"[0-9]{1,15}", re.ASCII)


def machine_of(request: web.Request) -> Machine:
    """Return the machine that asks."""
    return request[MACHINE]


def log_of(request: web.Request) -> str:
    """Return the log that a request names; what the machine does not get is not there for it."""
    name = request.match_info["log"]
    if name not in machine_of(request).logs:
        raise web.HTTPNotFound
    return name


def record_of(request: web.Request) -> int:
    """Return the index of the record that a request names; raises FileUnknown."""
    if not _RECORD.fullmatch(request.match_info["record"]):
        raise FileUnknown("there is no such record")
    return int(request.match_info["record"])


def number_of(request: web.Request, name: str, default: int) -> int:
    """Return a number that a request gives, or the default."""
    try:
        return int(request.query.get(name, default))
    except ValueError:
        raise web.HTTPBadRequest from None


def wait_of(request: web.Request) -> float:
    """Return for how many seconds a machine wants to wait."""
    # Bounded as it was read: no float is as large as a number of a request may be.
    return float(min(LONGEST_WAIT_S, max(0, number_of(request, "wait", 0))))


def tell(status: int, problem: str, *, closes: bool = False) -> web.Response:
    """Answer with what is wrong."""
    text = json.dumps({"problem": problem})
    response = web.Response(status=status, text=text, content_type="application/json")
    if closes:
        response.force_close()
    return response
