"""Reads a form, of the one kind that pages of the console send."""

from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict

_TYPE = "application/x-www-form-urlencoded"
# A page of results has some hundred boxes to mark.
_FIELDS_MAX = 10_000


async def read_form(request: web.Request) -> MultiDict[str]:
    """Return what a form says, and nothing for a body of another type; raises HTTPBadRequest for a malformed one."""
    if request.content_type != _TYPE:
        return MultiDict()
    body = await request.read()
    try:
        return MultiDict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX))
    except ValueError:
        raise web.HTTPBadRequest from None
