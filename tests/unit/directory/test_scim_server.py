"""The service over real HTTP: what providers send, what they get, and what is kept."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from components.directory.people import SourceError
from components.directory.scim.people import list_scim
from components.directory.scim.provider import Provider
from components.directory.scim.schema import ENTERPRISE
from components.directory.scim.server import BODY_MAX_BYTES, ScimServer
from components.directory.scim.state import ScimStateError, load_state
from components.settings.directory import ScimSource
from tests.support.process import PATIENCE_S
from tests.support.scim import ScimClient

TOKEN = "the token of a test, long enough"


def make_source(root: Path, **changes: Any) -> ScimSource:
    (root / "token").write_text(f"{TOKEN}\n")
    settings: dict[str, Any] = {
        "enterprise": "metals",
        "token_file": root / "token",
        "state": root / "metals.json",
        "domain": "metals.example",
        "desks": {"Base metals": "base"},
        "roles": {"Traders": "trader", "Approvers": "approver"},
    }
    return ScimSource(**(settings | changes))


class Service:
    """A running service, and a client of it."""

    def __init__(self, root: Path) -> None:
        self.source = make_source(root)
        self.changes = 0
        self.provider = Provider(self.source, lambda: "2026-11-24T12:00:00Z", self._changed)
        self.server = ScimServer({"metals": self.provider})
        self.base = ""

    def _changed(self) -> None:
        self.changes += 1

    @asynccontextmanager
    async def client(self, token: str = TOKEN, enterprise: str = "metals") -> AsyncIterator[ScimClient]:
        async with ScimClient(f"{self.base}/scim/{enterprise}/v2", token) as client:
            yield client


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    service = Service(tmp_path)
    service.base = f"http://127.0.0.1:{await service.server.start('127.0.0.1', 0)}"
    yield service
    await service.server.close()


@pytest.fixture
async def client(service: Service) -> AsyncIterator[ScimClient]:
    async with service.client() as client:
        yield client


async def test_nobody_gets_in_without_the_token(service: Service) -> None:
    paths = ("/Users", "/Users/1", "/ServiceProviderConfig", "/Schemas", "/Nothing")
    for token, enterprise in (("", "metals"), ("wrong", "metals"), (TOKEN[:-1], "metals"), (TOKEN, "grain")):
        async with service.client(token, enterprise) as stranger:
            for path in paths:
                status, document, headers = await stranger.send("GET", path)
                assert (status, document["status"]) == (401, "401"), (token, enterprise, path)
                assert headers["WWW-Authenticate"] == 'Bearer realm="scim"'
            status, _, _ = await stranger.send("POST", "/Users", {"userName": "eve"})
            assert status == 401
    async with service.client(enterprise="metals%2F..%2Fmetals") as stranger:
        assert (await stranger.send("GET", "/Users"))[0] == 401
    assert service.changes == 0
    service.source.token_file.write_text("another token that is long enough")
    async with service.client() as client, service.client("another token that is long enough") as renewed:
        assert (await client.send("GET", "/Users"))[0] == 401
        assert (await renewed.send("GET", "/Users"))[0] == 200
    service.source.token_file.write_text("short")
    async with service.client("short") as client:
        assert (await client.send("GET", "/Users"))[0] == 503


async def test_what_the_service_says_of_itself(client: ScimClient) -> None:
    _, config, _ = await client.send("GET", "/ServiceProviderConfig")
    assert (config["patch"]["supported"], config["bulk"]["supported"]) == (True, False)
    _, types, _ = await client.send("GET", "/ResourceTypes")
    assert [(each["id"], each["endpoint"]) for each in types["Resources"]] == [
        ("User", "/Users"),
        ("Group", "/Groups"),
    ]
    _, schemas, _ = await client.send("GET", "/Schemas")
    assert (schemas["totalResults"], schemas["Resources"][2]["id"]) == (3, ENTERPRISE)
    for schema in schemas["Resources"]:
        _, alone, _ = await client.send("GET", f"/Schemas/{schema['id']}")
        assert alone == schema
    names = {attribute["name"]: attribute for attribute in schemas["Resources"][0]["attributes"]}
    assert (names["userName"]["required"], names["userName"]["uniqueness"]) == (True, "server")
    assert (await client.send("GET", "/Schemas/x"))[0] == 404


async def test_the_life_of_a_user(service: Service, client: ScimClient) -> None:
    status, made, headers = await client.send(
        "POST",
        "/Users",
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "Ann@metals.example",
            "externalId": "x1",
            "name": {"givenName": "Ann", "familyName": "Arbor"},
            "password": "must not be kept",
            "active": True,
        },
    )
    assert status == 201
    path = f"/Users/{made['id']}"
    assert headers["Location"] == made["meta"]["location"] == f"{client.base}{path}"
    assert headers["ETag"] == made["meta"]["version"]
    assert "must not be kept" not in service.source.state.read_text()
    assert service.source.state.stat().st_mode & 0o777 == 0o600
    assert (await client.send("GET", path))[1] == made
    assert (await client.send("GET", path, If_None_Match=made["meta"]["version"]))[0] == 304

    status, found, _ = await client.send("GET", '/Users?filter=userName eq "ann@METALS.example"')
    assert (found["totalResults"], found["Resources"]) == (1, [made])
    status, clash, _ = await client.send("POST", "/Users", {"userName": "ANN"})  # the domain is the source's
    assert (status, clash["scimType"]) == (409, "uniqueness")

    status, changed, _ = await client.send(
        "PUT", path, {"userName": "ann", "displayName": "Ann"}, If_Match=made["meta"]["version"]
    )
    assert (status, changed["displayName"], "name" in changed) == (200, "Ann", False)
    for method in ("PUT", "PATCH", "DELETE"):
        status, _, _ = await client.send(method, path, {"userName": "x"}, If_Match=made["meta"]["version"])
        assert status == 412, method
    before = service.changes
    status, same = await client.patch(path, "replace", "displayName", "Ann")
    assert (status, same, service.changes) == (200, changed, before)
    assert (await client.patch(path, "Replace", "active", "False"))[1]["active"] is False
    assert (await client.send("DELETE", path, If_Match="*"))[0] == 204
    for method in ("GET", "DELETE", "PUT", "PATCH"):
        assert (await client.send(method, path, {"userName": "ann"}))[0] == 404
    await client.create("/Users", userName="ann")  # the account is free again


async def test_groups_make_people(service: Service, client: ScimClient) -> None:
    with pytest.raises(SourceError, match="nothing has been pushed for metals yet"):
        list_scim(service.source)
    ann = await client.create(
        "/Users",
        userName="Ann@Metals.example",
        displayName="Ann Arbor",
        externalId="x1",
        **{ENTERPRISE: {"employeeNumber": "1001", "department": "Base metals"}},
    )
    ben = await client.create("/Users", userName="ben", name={"givenName": "Ben", "familyName": "Berg"})
    cid = await client.create("/Users", userName="cid", externalId="x3", roles=[{"value": "Approvers"}])
    listing = list_scim(service.source)
    assert [listed.person.jid for listed in listing.people] == ["cid@metals.example"]
    assert listing.left_out == 2
    traders = await client.create("/Groups", displayName="Traders", members=[{"value": ann}, {"value": cid}])
    assert (await client.patch(f"/Groups/{traders}", "Add", "members", [{"value": ben}]))[0] == 200
    _, shown, _ = await client.send("GET", f"/Users/{ann}")
    assert [(group["display"], group["value"]) for group in shown["groups"]] == [("Traders", traders)]
    found = {
        person.jid: (person.name, person.id, person.desk, sorted(person.roles))
        for person in (listed.person for listed in list_scim(service.source).people)
    }
    assert found == {
        "ann@metals.example": ("Ann Arbor", "1001", "base", ["trader"]),
        "ben@metals.example": ("Ben Berg", None, None, ["trader"]),
        "cid@metals.example": ("cid", "x3", None, ["approver", "trader"]),
    }
    await client.patch(f"/Users/{ann}", "replace", None, {"active": False})
    await client.send("DELETE", f"/Users/{ben}")
    assert [listed.person.jid for listed in list_scim(service.source).people] == ["cid@metals.example"]
    _, group, _ = await client.send("GET", f"/Groups/{traders}")
    assert [member["value"] for member in group["members"]] == [ann, cid]
    _, group, _ = await client.send("GET", f"/Groups/{traders}?excludedAttributes=members")
    assert "members" not in group
    _, group, _ = await client.send("GET", f"/Groups/{traders}?attributes=displayName")
    assert set(group) == {"schemas", "id", "displayName"}


async def test_queries_come_in_pages(service: Service, client: ScimClient) -> None:
    for number in range(7):
        await client.create("/Users", userName=f"u{number}", externalId=f"x{number}")

    async def page(query: str) -> tuple[Any, Any, list[str]]:
        _, answer, _ = await client.send("GET", f"/Users?{query}")
        return (
            answer["totalResults"],
            answer["itemsPerPage"],
            [user["userName"] for user in answer["Resources"]],
        )

    assert await page("startIndex=1&count=3") == (7, 3, ["u0", "u1", "u2"])
    assert await page("startIndex=7&count=3") == (7, 1, ["u6"])
    assert await page("startIndex=8&count=3") == (7, 0, [])
    assert await page("count=0") == (7, 0, [])
    assert await page("startIndex=-5&count=-5") == (7, 0, [])
    assert await page('filter=externalId eq "x3"') == (1, 1, ["u3"])
    assert await page('filter=externalId eq "nobody"') == (0, 0, [])
    _, answer, _ = await client.send(
        "POST", "/Users/.search", {"startIndex": 2, "count": 1, "attributes": ["userName"]}
    )
    assert (answer["startIndex"], answer["totalResults"]) == (2, 7)
    assert [set(user) for user in answer["Resources"]] == [{"schemas", "id", "userName"}]
    # All of it is still there for a service that starts anew.
    again = Provider(service.source, str)
    assert again.state == service.provider.state


async def test_wrong_requests(service: Service, client: ScimClient) -> None:
    ann = await client.create("/Users", userName="ann")
    rows = [
        ("POST", "/Users", b"{", 400, "invalidSyntax"),
        ("POST", "/Users", b"[" * 100_000, 400, "invalidSyntax"),
        ("POST", "/Users", [], 400, "invalidSyntax"),
        ("POST", "/Users", {}, 400, "invalidValue"),
        ("POST", "/Users", {"userName": "a b"}, 400, "invalidValue"),
        ("POST", "/Users", {"userName": {"a": 1}}, 400, "invalidValue"),
        ("POST", "/Groups", {"members": []}, 400, "invalidValue"),
        ("PUT", f"/Users/{ann}", {"displayName": "A"}, 400, "invalidValue"),
        ("PATCH", f"/Users/{ann}", {}, 400, "invalidSyntax"),
        ("GET", "/Users?filter=userName co 1", None, 400, "invalidFilter"),
        ("GET", "/Users?startIndex=x", None, 400, "invalidValue"),
        ("POST", "/Users/.search", [], 400, "invalidSyntax"),
        ("POST", "/Users/.search", {"filter": 7}, 400, "invalidFilter"),
        ("POST", "/Users/.search", b'{"filter": "userName eq \\ud800"}', 400, "invalidFilter"),
        ("POST", f"/Users/{ann}", {}, 405, None),
        ("POST", "/Bulk", {}, 501, None),
        ("GET", "/Me", None, 501, None),
        ("POST", "/.search", {}, 501, None),
        ("GET", "/Nothing", None, 404, None),
        ("POST", "/Users", b" " * (BODY_MAX_BYTES + 1), 413, None),
    ]
    for method, path, document, expected, kind in rows:
        status, answer, _ = await client.send(method, path, document)
        assert (status, answer.get("scimType")) == (expected, kind), (method, path, answer)
        assert answer["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert service.changes == 1


async def test_what_no_client_sends_is_no_fault_of_the_service(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    named = f"Host: a\r\nAuthorization: Bearer {TOKEN}\r\n"
    length = "Content-Length: 9\r\n\r\n"
    requests = {
        "GET {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xe9\r\n\r\n": b"401",
        f"POST {{}} HTTP/1.1\r\nHost: a:b:c\r\nAuthorization: Bearer {TOKEN}\r\n{length}{{}}": b"400",
        f"POST {{}} HTTP/1.1\r\n{named}Content-Encoding: gzip\r\n{length}no packed": b"415",
        f"POST {{}} HTTP/1.1\r\n{named}Content-Encoding: deflate\r\n{length}no packed": b"415",
        f"POST {{}} HTTP/1.1\r\n{named}Transfer-Encoding: chunked\r\n\r\nQQ\r\n": b"400",
        f"POST {{}} HTTP/1.1\r\n{named}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\nQQ\r\n": b"400",
    }
    port = int(service.base.rpartition(":")[2])
    with capture_logs() as logged:
        for request, status in requests.items():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request.replace("{}", "/scim/metals/v2/Users").encode("latin-1"))
            async with asyncio.timeout(PATIENCE_S):
                assert (await reader.readline()).split()[1] == status, request
            writer.close()
    assert [each for each in logged if each["log_level"] != "debug"] == []
    assert caplog.text == ""
    assert service.changes == 0


async def test_what_cannot_be_kept_is_not_answered_as_done(service: Service, client: ScimClient) -> None:
    ann = await client.create("/Users", userName="ann")
    kept = service.source.state.read_bytes()
    # A folder where the draft would be written: it fails even for root.
    draft = service.source.state.parent / "metals.json.new"
    draft.mkdir()
    status, answer, _ = await client.send("POST", "/Users", {"userName": "ben"})
    assert (status, "kept" in answer["detail"]) == (503, True)
    assert (await client.send("DELETE", f"/Users/{ann}"))[0] == 503
    _, found, _ = await client.send("GET", "/Users")
    assert [user["userName"] for user in found["Resources"]] == ["ann"]
    assert service.source.state.read_bytes() == kept
    draft.rmdir()
    await client.create("/Users", userName="ben")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"version":2}', b'{"version":1,"Users":[1],"Groups":[]}']
)
def test_a_damaged_file_is_never_taken_for_an_empty_one(content: bytes, tmp_path: Path) -> None:
    source = make_source(tmp_path)
    source.state.write_bytes(content)
    with pytest.raises(ScimStateError):
        load_state(source.state)
    with pytest.raises(ScimStateError):
        Provider(source, str)
    with pytest.raises(SourceError):
        list_scim(source)


def test_two_desks_are_one_too_many(tmp_path: Path) -> None:
    source = make_source(tmp_path, desks={"A": "base", "B": "precious"})
    users = [{"id": "1", "userName": "ann", "roles": [{"value": each} for each in ("A", "B", "Traders")]}]
    source.state.write_text(json.dumps({"version": 1, "Users": users, "Groups": []}))
    with pytest.raises(SourceError, match=r"SCIM user ann: belongs to several desks \(base, precious\)"):
        list_scim(source)
