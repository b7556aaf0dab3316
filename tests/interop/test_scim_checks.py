"""Other people's checks of SCIM servers find nothing wrong with ours (scim2-tester)."""

import asyncio
from pathlib import Path

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from components.directory.scim.provider import Provider
from components.directory.scim.server import ScimServer
from components.settings.directory import ScimSource
from policy.directory.enterprise import Role

TOKEN = "the token of a test, long enough"


def check(base: str) -> list[tuple[Status, str, str]]:
    """Run all checks; gives the outcome of each, its name and what it says."""
    with httpx2.Client(base_url=base, headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        client = SyncSCIMClient(http)
        client.discover()
        results = check_server(client)
    return [(result.status, str(result.title), str(result.reason)) for result in results]


async def test_a_checker_of_servers_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    source = ScimSource(
        enterprise="metals",
        token_file=tmp_path / "token",
        state=tmp_path / "metals.json",
        domain="metals.example",
        roles={"Traders": Role.TRADER},
    )
    server = ScimServer({"metals": Provider(source, lambda: "2026-11-24T12:00:00Z")})
    port = await server.start("127.0.0.1", 0)
    try:
        results = await asyncio.to_thread(check, f"http://127.0.0.1:{port}/scim/metals/v2")
    finally:
        await server.close()
    assert [result for result in results if result[0] not in (Status.SUCCESS, Status.SKIPPED)] == []
    assert sum(status is Status.SUCCESS for status, _, _ in results) > 70
