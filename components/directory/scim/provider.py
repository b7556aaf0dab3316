"""One enterprise's service provider: each change of its users and groups is durable before the answer."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from components.directory.people import parse_account
from components.directory.scim.discovery import RESULTS_MAX, list_response
from components.directory.scim.error import ScimError, invalid_value
from components.directory.scim.patch import patch_resource
from components.directory.scim.path import matches, parse_filter
from components.directory.scim.schema import ENTERPRISE, GROUP, USER, ResourceType, clean
from components.directory.scim.state import Resource, ScimState, load_state, store_state, version_of
from components.settings.directory import ScimSource
from policy.address import AddressError, BareJid

_PAGE = 100


class Provider:
    """The users and groups of one enterprise. `on_change` is called after each change, when it is durable."""

    def __init__(
        self, source: ScimSource, now: Callable[[], str], on_change: Callable[[], None] = lambda: None
    ) -> None:
        self.source = source
        self._state = load_state(source.state) or ScimState()
        self._accounts = {self._account(user): id_ for id_, user in self._state.users.items()}
        self._now = now
        self._on_change = on_change
        self._turn = asyncio.Lock()

    @property
    def state(self) -> ScimState:
        """What has been pushed."""
        return self._state

    def fetch(self, kind: ResourceType, id_: str) -> Resource:
        """Find a resource; raises ScimError (404)."""
        resource = self._state.of(kind).get(id_)
        if resource is None:
            raise ScimError(404, f"there is no {kind.name} {id_!r}")
        return resource

    def query(self, kind: ResourceType, query: Mapping[str, str], base: str) -> dict[str, Any]:
        """Return the answer to a query (RFC 7644, 3.4.2): `filter`, `startIndex` and `count`; raises ScimError."""
        found = list(self._state.of(kind).values())
        if filter_text := query.get("filter"):
            filter_ = parse_filter(filter_text)
            found = [resource for resource in found if matches(kind, filter_, resource)]
        start = max(1, _number(query, "startIndex", 1))
        count = min(max(0, _number(query, "count", _PAGE)), RESULTS_MAX)
        page = found[start - 1 : start - 1 + count]
        groups = self._state.groups_of() if kind is USER and page else {}
        shown = [self._present(kind, each, base, query, groups) for each in page]
        return list_response(shown, len(found), start)

    def present(
        self, kind: ResourceType, resource: Resource, base: str, query: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return a resource for an answer; `base` is the address of the service."""
        return self._present(kind, resource, base, query, self._state.groups_of() if kind is USER else {})

    async def create(self, kind: ResourceType, document: Any) -> Resource:
        """Add a resource (RFC 7644, 3.3); raises ScimError: 400, or 409 if it exists already."""
        async with self._turn:
            cleaned = self._check(kind, clean(kind, _object(document)), "")
            resource = {"id": uuid.uuid4().hex, **cleaned, "created": self._now(), "changed": self._now()}
            await self._keep(self._state.with_resource(kind, resource))
            self._index(kind, resource)
            return resource

    async def replace(self, kind: ResourceType, id_: str, document: Any, if_match: str = "") -> Resource:
        """Replace a resource (RFC 7644, 3.5.1); raises ScimError."""
        async with self._turn:
            _require_version(self.fetch(kind, id_), if_match)
            return await self._change(kind, id_, clean(kind, _object(document)))

    async def patch(self, kind: ResourceType, id_: str, body: Any, if_match: str = "") -> Resource:
        """Change some attributes of a resource (RFC 7644, 3.5.2); raises ScimError."""
        async with self._turn:
            resource = self.fetch(kind, id_)
            _require_version(resource, if_match)
            return await self._change(kind, id_, patch_resource(kind, resource, body))

    async def delete(self, kind: ResourceType, id_: str, if_match: str = "") -> None:
        """Remove a resource (RFC 7644, 3.6); raises ScimError."""
        async with self._turn:
            resource = self.fetch(kind, id_)
            _require_version(resource, if_match)
            await self._keep(self._state.without(kind, id_))
            self._index(kind, None, before=resource)

    async def _change(self, kind: ResourceType, id_: str, cleaned: dict[str, Any]) -> Resource:
        before = self.fetch(kind, id_)
        after = {"id": id_, **self._check(kind, cleaned, id_), "created": before["created"]}
        if after == {key: value for key, value in before.items() if key != "changed"}:
            return before
        resource = {**after, "changed": self._now()}
        await self._keep(self._state.with_resource(kind, resource))
        self._index(kind, resource, before=before)
        return resource

    async def _keep(self, state: ScimState) -> None:
        try:
            # Killed before this is done: the client gets no answer, and pushes again.
            await asyncio.to_thread(store_state, self.source.state, state)
        except OSError as error:
            raise ScimError(503, f"nothing can be kept now: {error.strerror}") from None
        self._state = state
        self._on_change()

    def _index(self, kind: ResourceType, resource: Resource | None, before: Resource | None = None) -> None:
        """Note which user has an account now."""
        if kind is USER and before is not None:
            self._accounts.pop(self._account(before), None)
        if kind is USER and resource is not None:
            self._accounts[self._account(resource)] = str(resource["id"])

    def _check(self, kind: ResourceType, cleaned: dict[str, Any], own_id: str) -> dict[str, Any]:
        if kind is GROUP:
            return cleaned
        try:
            account = self._account(cleaned)
        except AddressError as error:
            raise invalid_value(f"userName: {error}") from None
        if self._accounts.get(account, own_id) != own_id:
            raise ScimError(409, f"{account} is another user's account", "uniqueness")
        return cleaned

    def _account(self, user: Resource) -> BareJid:
        return parse_account(self.source, user["userName"])

    def _present(
        self,
        kind: ResourceType,
        resource: Resource,
        base: str,
        query: Mapping[str, str],
        groups: Mapping[str, list[Resource]],
    ) -> dict[str, Any]:
        shown = {key: value for key, value in resource.items() if key not in ("created", "changed")}
        if kind is USER and (own := groups.get(str(resource["id"]))):
            shown["groups"] = [
                {
                    "value": group["id"],
                    "display": group["displayName"],
                    "$ref": f"{base}/Groups/{group['id']}",
                }
                for group in own
            ]
        schemas = [kind.schema, ENTERPRISE] if ENTERPRISE in resource else [kind.schema]
        meta = {
            "resourceType": kind.name,
            "created": resource["created"],
            "lastModified": resource["changed"],
            "location": f"{base}{kind.endpoint}/{resource['id']}",
            "version": version_of(resource),
        }
        return _selected({"schemas": schemas, **shown, "meta": meta}, query)


def _selected(shown: dict[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    """Return a resource without what a client does not ask for (RFC 7644, 3.9), but always with `id` and `schemas`."""
    always = ("schemas", "id")
    if "attributes" in query:
        names = _names(query["attributes"])
        return {key: value for key, value in shown.items() if key in always or key.lower() in names}
    names = _names(query.get("excludedAttributes", ""))
    return {key: value for key, value in shown.items() if key in always or key.lower() not in names}


def _names(text: str) -> set[str]:
    """Return the attributes in a list; those of a schema, and the parts of one, can only be chosen as a whole."""
    return {name.strip().partition(".")[0].lower() for name in text.split(",") if name.strip()}


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        raise invalid_value(f"{name} is no number") from None


def _object(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise ScimError(400, "the request must be a JSON object", "invalidSyntax")
    return document


def _require_version(resource: Resource, if_match: str) -> None:
    versions = [each.strip() for each in if_match.split(",")]
    if if_match and "*" not in versions and version_of(resource) not in versions:
        raise ScimError(412, "it has changed since; fetch it again")


def read_token(file: Path) -> str:
    """Read the token that a client must send; raises OSError, and ValueError if it is too short."""
    token = file.read_text(encoding="utf-8").strip()
    if len(token) < TOKEN_MIN:
        raise ValueError(f"{file} has fewer than {TOKEN_MIN} characters; delete it and run `steelyard init`")
    return token


TOKEN_MIN = 24
