"""What can be seen of a site from outside: its ports, its server's answer, its gate's status."""

import asyncio
import contextlib
import datetime as dt
import errno
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.process.metrics import METRICS_ADDRESS
from components.process.status import read_status
from components.site.settings import (
    DirectorySettings,
    ProsodySettings,
    SiteSettings,
    TilesSettings,
    listening_ports,
)

_XMLNS_TLS = b"urn:ietf:params:xml:ns:xmpp-tls"
_ANSWER_TIMEOUT_S = 2.0


def find_port_problems(settings: SiteSettings) -> Iterator[str]:
    """Try to listen on each of the site's ports; yields a line for each where that fails."""
    for name, port in listening_ports(settings):
        address = _address_of(settings, name)
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
                probe.listen()
            except OSError as err:
                yield _explain_port(err, name, port, address, settings.path)


async def find_server_fault(server: ProsodySettings) -> str:
    """Open a client's stream and look for STARTTLS (RFC 6120, 5.4.1); return what is wrong, or nothing."""
    domain, port = server.domains[0], server.c2s_port
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(reachable_address(server), port)
            with contextlib.closing(writer):
                writer.write(
                    f"<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' "
                    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>".encode()
                )
                answer = await reader.readuntil(b"</stream:features>")
                writer.write(b"</stream:stream>")
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return f"does not answer clients on port {port} (prosody.c2s_port)"
    except OSError:
        return f"does not listen on port {port} (prosody.c2s_port)"
    return "" if _XMLNS_TLS in answer else f"offers no TLS for {domain}; see prosody.certificates"


def reachable_address(server: ProsodySettings) -> str:
    """Return an address at which the server can be reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.address, server.address)  # noqa: S104


async def find_tiles_fault(tiles: TilesSettings, log_name: str) -> str:
    """Ask the server of tiles for a log's checkpoint (HTTP HEAD); return what is wrong, or nothing."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(tiles.address, tiles.address)  # noqa: S104
    host = f"[{address}]" if ":" in address else address
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(address, tiles.port)
            with contextlib.closing(writer):
                writer.write(
                    f"HEAD /{log_name}/checkpoint HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
                )
                status_line = await reader.readline()
    except (TimeoutError, OSError):
        return f"does not answer on port {tiles.port} (tiles.port)"
    if status_line.split(b" ")[1:2] != [b"200"]:
        return f"has no checkpoint of {log_name} to serve"
    return ""


async def find_scim_fault(directory: DirectorySettings) -> str:
    """Ask the service that takes SCIM pushes for anything (HTTP HEAD); return what is wrong, or nothing."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(directory.scim_address, directory.scim_address)  # noqa: S104
    tls = None
    if directory.scim_certificate:
        tls = ssl.create_default_context()  # who answers is not the question, and nothing secret is said
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(address, directory.scim_port, ssl=tls)
            with contextlib.closing(writer):
                writer.write(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                status_line = await reader.readline()
    except (TimeoutError, OSError):
        return f"does not answer on port {directory.scim_port} (directory.scim_port)"
    return "" if status_line.startswith(b"HTTP/1.1 401") else "is not what answers on directory.scim_port"


def find_gate_fault(status_file: Path, pid: int | None = None) -> str:
    """Read the gate's status file; return what is wrong, or nothing when the gate `pid` records."""
    status, fault = read_status(status_file, pid)
    if fault:
        return f"{fault}; nothing is delivered meanwhile" if status else fault
    state = status.get("state")
    return "" if state == "connected" else f"is {state}; nothing is delivered meanwhile"


def find_roster_fault(status_file: Path, pid: int | None = None) -> str:
    """Read the roster component's status file; return what is wrong, or nothing when the component `pid` works."""
    status, fault = read_status(status_file, pid)
    if fault:
        return fault
    told = {
        "disconnected": "is disconnected from the server",
        "refused": "may not keep rosters; install the package prosody-modules, and see prosody.log",
    }
    if problems := status.get("problems"):
        return f"goes on with the rules that it had: {problems[0]}"
    return told.get(str(status.get("state")), "")


def find_witness_fault(status_file: Path, pid: int | None = None) -> str:
    """Read the witness's status file; return what is wrong, or nothing when the witness `pid` works.

    That another witness does not answer is no fault of this one; see `find_unwitnessed`.
    """
    return read_status(status_file, pid)[1]


def find_access_fault(status_file: Path, pid: int | None = None) -> str:
    """Read the access component's status file; return what is wrong, or nothing when process `pid` works."""
    status, fault = read_status(status_file, pid)
    if not fault and status.get("state") != "connected":
        fault = f"is {status.get('state')}"
    return f"{fault}; accounts are neither made nor removed meanwhile" if fault and status else fault


def find_unwitnessed(status_file: Path) -> list[str]:
    """Read from the witness's status file what is not cosigned or stamped now, a line for each."""
    faults = read_status(status_file)[0].get("faults")
    return [str(fault) for fault in faults] if isinstance(faults, list) else []


def _address_of(settings: SiteSettings, port_name: str) -> str:
    if port_name == "gate.metrics_port":
        return METRICS_ADDRESS
    if port_name.startswith("witness.") and settings.witness:
        return settings.witness.address
    if port_name.startswith("tiles.") and settings.tiles:
        return settings.tiles.address
    if port_name.startswith("directory.") and settings.directory:
        return settings.directory.scim_address
    return (settings.gate if port_name.startswith("gate.") else settings.prosody).address


@dataclass(frozen=True, slots=True)
class PresentAlarm:
    """An alarm that the gate shows: how often it was raised, and when last (Unix time)."""

    name: str
    times: int
    last_at_ns: int

    def __str__(self) -> str:
        at = dt.datetime.fromtimestamp(self.last_at_ns / 1e9, dt.UTC)
        often = f", {self.times} times" if self.times > 1 else ""
        return f"ALARM {self.name} at {at:%Y-%m-%d %H:%M:%S} UTC{often}; docs/alarms.md says what to do"


def find_alarms(status_file: Path) -> list[PresentAlarm]:
    """Read the alarms in the gate's status file; none where it cannot be read, which is find_gate_fault's to tell."""
    try:
        entries = json.loads(status_file.read_text())["alarms"]
        return [
            PresentAlarm(str(each["name"]), int(each["times"]), int(each["last_at_ns"])) for each in entries
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _explain_port(err: OSError, name: str, port: int, address: str, site_toml: Path) -> str:
    if err.errno == errno.EADDRINUSE:
        return f"port {port} ({name}) is in use; stop the other program or set another port in {site_toml}"
    if err.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} ({name}) is for root only; set one above 1023 in {site_toml}"
    return f"cannot listen on {address} for {name}: {err.strerror}; set another address in {site_toml}"
