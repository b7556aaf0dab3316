"""SCIM over HTTP (RFC 7644, 3): `/scim/ENTERPRISE/v2/Users`, `/Groups` and the service's description of itself."""

import hmac
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiohttp import web

from components.directory.scim.discovery import (
    describe_schemas,
    describe_service,
    describe_types,
    list_response,
)
from components.directory.scim.error import ScimError
from components.directory.scim.provider import Provider, read_token
from components.directory.scim.schema import RESOURCE_TYPES, ResourceType
from components.directory.scim.state import Resource, version_of
from components.process.http import IDLE_S, connections_of, is_broken_off, make_runner
from components.process.json_text import read_json
from components.process.listener import Listener, most_connections

BODY_MAX_BYTES = 8 * 1024 * 1024
_CONTENT_TYPE = "application/scim+json"
_LISTS: Mapping[str, Callable[[], list[dict[str, Any]]]] = {
    "ResourceTypes": describe_types,
    "Schemas": describe_schemas,
}

log = structlog.get_logger("directory")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ScimServer:
    """An HTTP server of the providers, each below the name of its enterprise."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    def application(self) -> web.Application:
        """Return the web application: no route of it is open, nor what is none (`_guard`)."""
        app = web.Application(client_max_size=BODY_MAX_BYTES, middlewares=[self._guard])
        base = "/scim/{enterprise}/v2"
        kinds = "{kind:Users|Groups}"
        app.router.add_get(f"{base}/ServiceProviderConfig", self._describe_service)
        app.router.add_get(f"{base}/{{list:ResourceTypes|Schemas}}", self._list)
        app.router.add_get(f"{base}/{{list:ResourceTypes|Schemas}}/{{id}}", self._list_one)
        app.router.add_get(f"{base}/{kinds}", self._query)
        app.router.add_post(f"{base}/{kinds}", self._create)
        app.router.add_post(f"{base}/{kinds}/.search", self._search)
        app.router.add_route("*", f"{base}/{{rest:\\.search|Bulk|Me}}", _refuse)
        app.router.add_get(f"{base}/{kinds}/{{id}}", self._fetch)
        app.router.add_put(f"{base}/{kinds}/{{id}}", self._replace)
        app.router.add_patch(f"{base}/{kinds}/{{id}}", self._patch)
        app.router.add_delete(f"{base}/{kinds}/{{id}}", self._delete)
        return app

    async def start(self, address: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen, and return the port (a free one for 0); raises OSError."""
        self._runner = make_runner(self.application(), keepalive_timeout=IDLE_S)
        await self._runner.setup()
        self._listener = Listener(connections_of(self._runner), tls, most_connections())
        return self._listener.open(address, port)

    async def close(self) -> None:
        """Stop listening, and end the requests under way."""
        if self._listener is not None:
            await self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Refuse requests without the enterprise's token, and write errors as the protocol defines them."""
        try:
            self._authenticate(request)
            _require_host(request)
            return await handler(request)
        except ScimError as error:
            return _answer(error.document(), error.status, _challenge(error.status))
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return _answer(ScimError(error.status, str(error.reason)).document(), error.status)
        except Exception as error:
            if is_broken_off(request, error):
                raise
            log.error("request failed", method=request.method, error=type(error).__name__)
            return _answer(ScimError(500, "the service failed; see its log").document(), 500)

    def _authenticate(self, request: web.Request) -> None:
        """Compare the token (RFC 6750, 2.1); an unknown enterprise looks the same as a wrong token."""
        # For an unknown path: whose it would be.
        name = request.match_info.get("enterprise") or request.path.removeprefix("/scim/").partition("/")[0]
        provider = self._providers.get(name)
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        if provider is not None and scheme.lower() == "bearer":
            try:
                token = read_token(provider.source.token_file)
            except (OSError, ValueError) as error:
                log.error("no token", reason=str(error))
                raise ScimError(503, "the service has no token to compare with") from None
            if hmac.compare_digest(token.encode(), shown.strip().encode(errors="replace")):
                return
        raise ScimError(401, "show the token of this enterprise: Authorization: Bearer ...")

    def _provider(self, request: web.Request) -> Provider:
        return self._providers[request.match_info["enterprise"]]

    async def _describe_service(self, request: web.Request) -> web.Response:
        return _answer(describe_service())

    async def _list(self, request: web.Request) -> web.Response:
        entries = _LISTS[request.match_info["list"]]()
        return _answer(list_response(entries, len(entries)))

    async def _list_one(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        entry = next((each for each in _LISTS[request.match_info["list"]]() if each["id"] == id_), None)
        if entry is None:
            raise ScimError(404, f"there is no {id_!r}")
        return _answer(entry)

    async def _query(self, request: web.Request) -> web.Response:
        return _answer(self._provider(request).query(_kind(request), request.query, _base(request)))

    async def _search(self, request: web.Request) -> web.Response:
        """Answer a query that comes as a document (RFC 7644, 3.4.3)."""
        document = await _read(request)
        if not isinstance(document, dict):
            raise ScimError(400, "the request must be a JSON object", "invalidSyntax")
        query = {
            key: ",".join(map(str, value)) if isinstance(value, list) else str(value)
            for key, value in document.items()
            if value is not None
        }
        return _answer(self._provider(request).query(_kind(request), query, _base(request)))

    async def _fetch(self, request: web.Request) -> web.Response:
        resource = self._provider(request).fetch(_kind(request), request.match_info["id"])
        if request.headers.get("If-None-Match") == version_of(resource):
            return web.Response(status=304, headers={"ETag": version_of(resource)})
        return self._show(request, resource)

    async def _create(self, request: web.Request) -> web.Response:
        kind = _kind(request)
        resource = await self._provider(request).create(kind, await _read(request))
        log.info("pushed", act="create", kind=kind.name, id=resource["id"])
        location = {"Location": f"{_base(request)}{kind.endpoint}/{resource['id']}"}
        return self._show(request, resource, 201, location)

    async def _replace(self, request: web.Request) -> web.Response:
        return await self._change(request, "replace")

    async def _patch(self, request: web.Request) -> web.Response:
        return await self._change(request, "patch")

    async def _change(self, request: web.Request, act: str) -> web.Response:
        provider, kind, id_ = self._provider(request), _kind(request), request.match_info["id"]
        change = provider.replace if act == "replace" else provider.patch
        resource = await change(kind, id_, await _read(request), request.headers.get("If-Match", ""))
        log.info("pushed", act=act, kind=kind.name, id=id_)
        return self._show(request, resource)

    async def _delete(self, request: web.Request) -> web.Response:
        kind, id_ = _kind(request), request.match_info["id"]
        await self._provider(request).delete(kind, id_, request.headers.get("If-Match", ""))
        log.info("pushed", act="delete", kind=kind.name, id=id_)
        return web.Response(status=204)

    def _show(
        self,
        request: web.Request,
        resource: Resource,
        status: int = 200,
        more: Mapping[str, str] | None = None,
    ) -> web.Response:
        shown = self._provider(request).present(_kind(request), resource, _base(request), request.query)
        return _answer(shown, status, {"ETag": version_of(resource), **(more or {})})


async def _refuse(_request: web.Request) -> web.Response:
    """Refuse the optional parts of the standard (RFC 7644, 3.4.3, 3.7, 3.11)."""
    raise ScimError(501, "the service does not do this; see ServiceProviderConfig")


def _kind(request: web.Request) -> ResourceType:
    return RESOURCE_TYPES[request.match_info["kind"]]


def _require_host(request: web.Request) -> None:
    """Raise ScimError unless the request names a host: resources are told by addresses on it."""
    try:
        request.url.origin()
    except ValueError:
        raise ScimError(400, "the request names no host") from None


def _base(request: web.Request) -> str:
    return f"{request.url.origin()}/scim/{request.match_info['enterprise']}/v2"


async def _read(request: web.Request) -> Any:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ScimError(415, "send the request as it is, without Content-Encoding")
    try:
        return read_json(await request.read())
    except ValueError:
        raise ScimError(400, "the request is no JSON", "invalidSyntax") from None


def _challenge(status: int) -> Mapping[str, str]:
    return {"WWW-Authenticate": 'Bearer realm="scim"'} if status == 401 else {}


def _answer(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        # An error may quote half a character, which no text in UTF-8 can hold.
        body=json.dumps(document, ensure_ascii=False).encode(errors="replace"),
        status=status,
        headers={
            "Content-Type": f"{_CONTENT_TYPE}; charset=utf-8",
            "Cache-Control": "no-store",
            **(headers or {}),
        },
    )
