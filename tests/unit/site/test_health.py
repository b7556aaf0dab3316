"""Health is what can be seen from outside: an answer, a port, a fresh status."""

import asyncio
import json
import os
import socket
import time
from pathlib import Path

import pytest

from components.settings.prosody import ProsodySettings
from components.site import health
from components.site.health import find_alarms, find_port_problems, find_ports_for_root, find_server_fault
from components.site.parts import listening_ports
from components.site.probe import StatusProbe, find_fault
from components.site.validate import load_site
from tests.support.ports import free_port
from tests.support.site import part_of

STREAM = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' from='metals.example'>"
TLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


def server_at(port: int) -> ProsodySettings:
    return ProsodySettings.model_construct(address="127.0.0.1", c2s_port=port, domains=("metals.example",))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (f"{STREAM}<stream:features>{TLS}</stream:features>", ""),
        (f"{STREAM}<stream:features/></stream:features>", "offers no TLS for metals.example"),
        (f"{STREAM}<stream:error/></stream:stream>", "does not answer clients"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "does not answer clients"),
        ("", "does not answer clients"),
        ("x" * 200_000, "does not answer clients"),
    ],
)
async def test_a_servers_answer(answer: str, fault: str) -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1000))
        writer.write(answer.encode())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await find_server_fault(server_at(port))
    assert found.startswith(fault) if fault else not found
    assert b"to='metals.example'" in asked[0]


async def test_a_server_that_accepts_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.site.health.ANSWER_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "does not answer" in await find_server_fault(server_at(silent.getsockname()[1]))


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert (
            await find_server_fault(server_at(port)) == f"does not listen on port {port} (prosody.c2s_port)"
        )


@pytest.mark.parametrize(
    ("content", "age_s", "fault"),
    [
        ({"state": "connected", "pid": 7, "records": 3}, 0, ""),
        ({"state": "connected", "pid": 8, "records": 3}, 0, "has not told"),
        ({"state": "connected", "pid": 7, "records": 3}, 60, "has been silent for 6"),
        ({"state": "disconnected", "pid": 7}, 0, "is disconnected; nothing is delivered meanwhile"),
        ({"state": "not recording", "pid": 7}, 0, "is not recording"),
        ({"pid": 7}, 0, "is None"),
        ([], 0, "has not told"),
        ("{", 0, "has not told"),
        (None, 0, "has not told"),
    ],
)
async def test_the_gates_status(site: Path, content: object, age_s: float, fault: str) -> None:
    probe = part_of(site, "gate").probe
    assert isinstance(probe, StatusProbe)
    file = probe.file
    file.parent.mkdir()
    if content is not None:
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        written_at_s = time.time() - age_s
        os.utime(file, (written_at_s, written_at_s))
    found = await find_fault(probe, 7)
    assert found.startswith(fault) if fault else not found


@pytest.mark.parametrize(
    ("content", "alarms"),
    [
        ('{"alarms": []}', []),
        (
            '{"alarms": [{"name": "link-down", "times": 1, "last_at_ns": 1795464245000000000}]}',
            ["ALARM link-down at 2026-11-23 20:04:05 UTC; docs/alarms.md says what to do"],
        ),
        (
            '{"alarms": [{"name": "number-reused", "times": 7, "last_at_ns": 1795464245000000000}]}',
            ["ALARM number-reused at 2026-11-23 20:04:05 UTC, 7 times; docs/alarms.md says what to do"],
        ),
        (
            '{"alarms": [{"name": "host-unheld", "times": 1, "last_at_ns": 1795464245000000000, '
            '"details": {"hosts": "metals.example"}}]}',
            [
                "ALARM host-unheld (hosts: metals.example) at 2026-11-23 20:04:05 UTC; "
                "docs/alarms.md says what to do"
            ],
        ),
        ("{}", []),
        ("[]", []),
        ('{"alarms": [{}]}', []),
        ('{"alarms": [{"name": "x", "times": 1, "last_at_ns": 1, "details": 7}]}', []),
        ("{", []),
        (None, []),
    ],
)
def test_the_gates_alarms(tmp_path: Path, content: str | None, alarms: list[str]) -> None:
    file = tmp_path / "gate.status.json"
    if content is not None:
        file.write_text(content)
    assert [str(alarm) for alarm in find_alarms(file)] == alarms


def test_the_port_of_the_figures_is_on_the_loopback_address(site: Path) -> None:
    port = free_port()
    site.write_text(site.read_text().replace("\ncomponent_port", f"\nmetrics_port = {port}\ncomponent_port"))
    assert ("gate.metrics_port", port) in [
        (each.setting, each.port) for each in listening_ports(load_site(site))
    ]
    assert list(find_port_problems(load_site(site))) == []
    with socket.create_server(("127.0.0.1", port)):
        (problem,) = find_port_problems(load_site(site))
    assert problem.startswith(f"port {port} (gate.metrics_port) is in use")


def test_ports_in_use_are_told_each(site: Path) -> None:
    settings = load_site(site)
    assert list(find_port_problems(settings)) == []
    c2s, component = settings.prosody.c2s_port, settings.gate.component_port
    ourselves = f"{Path('/proc/self/comm').read_text().strip()} (process {os.getpid()})"
    with socket.create_server(("127.0.0.1", c2s)), socket.create_server(("127.0.0.1", component)):
        assert list(find_port_problems(settings)) == [
            f"port {port} ({setting}) is in use by {ourselves}; stop it or set another port in {site}"
            for port, setting in ((c2s, "prosody.c2s_port"), (component, "gate.component_port"))
        ]


def test_a_port_of_which_nobody_says_whose_it_is_is_told_all_the_same(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "find_owner", lambda _port: "")
    settings = load_site(site)
    with socket.create_server(("127.0.0.1", settings.prosody.c2s_port)):
        (problem,) = find_port_problems(settings)
    assert problem.endswith(f"is in use; stop the other program or set another port in {site}")


@pytest.fixture
def not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody listen on a port, as the kernel lets nobody but root on those below 1024."""

    def refuse(_socket: socket.socket, _address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)


@pytest.mark.usefixtures("not_root")
def test_a_port_for_root_is_told_with_what_lets_others_have_it(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "first_port_for_all", lambda: 30_000)
    settings = load_site(site)
    port = settings.prosody.c2s_port
    first, *_ = find_port_problems(settings)
    advice = f"let everybody have it (`sysctl net.ipv4.ip_unprivileged_port_start={port}`), or set one from 30000 on"
    assert first == f"port {port} (prosody.c2s_port) is for root only: start as root, or {advice} in {site}"
    monkeypatch.setattr(health, "is_listened_to", lambda wanted: wanted == port)
    first, *_ = find_port_problems(settings)
    assert first.startswith(f"port {port} (prosody.c2s_port) is in use")


def test_units_are_told_the_ports_that_they_cannot_have(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_site(site)
    assert list(find_ports_for_root(settings)) == []
    monkeypatch.setattr(health, "first_port_for_all", lambda: settings.prosody.c2s_port + 1)
    told = "\n".join(find_ports_for_root(settings))
    assert f"port {settings.prosody.c2s_port} (prosody.c2s_port) is for root only, and units are not" in told


def test_an_address_that_is_not_ours_is_told(site: Path) -> None:
    site.write_text(site.read_text().replace('address = "127.0.0.1"', 'address = "192.0.2.1"', 1))
    (problem,) = find_port_problems(load_site(site))
    assert problem.startswith("cannot listen on 192.0.2.1 for prosody.c2s_port")
