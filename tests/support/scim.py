"""An identity provider of the tests' own: speaks to a service of ours over HTTP."""

import io
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class ScimClient:
    """A client of one enterprise's service, at its address; `token` is what it shows."""

    def __init__(self, base: str, token: str, tls: Any = True) -> None:
        self.base = base
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers | {"Content-Type": "application/scim+json"},
            connector=aiohttp.TCPConnector(ssl=self._tls),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def send(
        self, method: str, path: str, document: Any = None, **headers: str
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Send a request; gives the status, the document of the answer (None if it is empty) and its headers."""
        assert self._session is not None
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        more = {"data": io.BytesIO(document)} if isinstance(document, bytes) else {"json": document}
        async with self._session.request(
            method, f"{self.base}{path}", headers=sent, **(more if document is not None else {})
        ) as answer:
            body = await answer.read()
            if body:
                assert answer.content_type == "application/scim+json"
            return answer.status, await answer.json(content_type=None) if body else None, answer.headers

    async def create(self, path: str, **attributes: Any) -> str:
        """Create a resource, and give its id."""
        status, document, _ = await self.send("POST", path, attributes)
        assert status == 201, document
        return str(document["id"])

    async def patch(self, path: str, op: str, attribute: str | None, value: Any = None) -> tuple[int, Any]:
        """Send one operation; gives the status and the document of the answer."""
        operation = {"op": op, "value": value} | ({"path": attribute} if attribute else {})
        status, document, _ = await self.send("PATCH", path, {"schemas": [PATCH], "Operations": [operation]})
        return status, document
