"""The state of a site as seen from outside: its ports, its server's answer, the gate's alarms."""

import asyncio
import contextlib
import datetime as dt
import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.process.json_text import read_json
from components.process.status import read_status
from components.settings.prosody import ProsodySettings
from components.settings.site import SiteFile
from components.site.parts import ListeningPort, listening_ports
from components.site.port_owner import find_owner, first_port_for_all, is_listened_to
from components.site.probe import ANSWER_TIMEOUT_S, reachable_address

_XMLNS_TLS = b"urn:ietf:params:xml:ns:xmpp-tls"


def find_port_problems(settings: SiteFile) -> Iterator[str]:
    """Try to listen on each of the site's ports; yield a line for each failure."""
    for each in listening_ports(settings):
        with socket.socket(socket.AF_INET6 if ":" in each.address else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((each.address, each.port))
                probe.listen()
            except OSError as err:
                yield _explain_port(err, each, settings.path)


def find_ports_for_root(settings: SiteFile) -> Iterator[str]:
    """Yield a line for each port on which a unit of systemd cannot listen, as it has no privileges."""
    for each in listening_ports(settings):
        if each.port < first_port_for_all():
            yield f"port {each.port} ({each.setting}) is for root only, and units are not root: {_free_for_all(each)}"


def _free_for_all(each: ListeningPort) -> str:
    return (
        f"let everybody have it (`sysctl net.ipv4.ip_unprivileged_port_start={each.port}`),"
        f" or set one from {first_port_for_all()} on"
    )


async def find_server_fault(server: ProsodySettings) -> str:
    """Open a client's stream and look for STARTTLS (RFC 6120, 5.4.1); return what is wrong, or nothing."""
    domain, port = server.domains[0], server.c2s_port
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(reachable_address(server.address), port)
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


def find_unwitnessed(status_file: Path) -> list[str]:
    """Return what is not cosigned or stamped now, by the witness's status file, a line for each."""
    faults = read_status(status_file)[0].get("faults")
    return [str(fault) for fault in faults] if isinstance(faults, list) else []


@dataclass(frozen=True, slots=True)
class PresentAlarm:
    """An alarm: how often it was raised, the time of the last (Unix time), and its details."""

    name: str
    times: int
    last_at_ns: int
    details: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        at = dt.datetime.fromtimestamp(self.last_at_ns / 1e9, dt.UTC)
        often = f", {self.times} times" if self.times > 1 else ""
        details = f" ({', '.join(f'{key}: {value}' for key, value in self.details)})" if self.details else ""
        return (
            f"ALARM {self.name}{details} at {at:%Y-%m-%d %H:%M:%S} UTC{often}; docs/alarms.md says what to do"
        )


def alarm_files(site: SiteFile) -> tuple[Path, ...]:
    """Return the status files of the processes that raise alarms."""
    raising = (site.gate, site.transfer, site.console)
    return tuple(each.status_file for each in raising if each)


def find_alarms(*status_files: Path) -> list[PresentAlarm]:
    """Return the alarms in status files; none of one that cannot be read, which its process's probe reports."""
    return [alarm for file in status_files for alarm in _read_alarms(file)]


def _read_alarms(status_file: Path) -> list[PresentAlarm]:
    try:
        entries = read_json(status_file.read_text())["alarms"]
        return [
            PresentAlarm(
                str(each["name"]),
                int(each["times"]),
                int(each["last_at_ns"]),
                tuple((str(key), str(value)) for key, value in each.get("details", {}).items()),
            )
            for each in entries
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _explain_port(err: OSError, listening: ListeningPort, site_toml: Path) -> str:
    port, name = listening.port, listening.setting
    is_for_root = err.errno in (errno.EACCES, errno.EPERM)
    # Who may not try a port sees all the same whether somebody has it.
    if err.errno == errno.EADDRINUSE or (is_for_root and is_listened_to(port)):
        owner = find_owner(port)
        by, stop = (f" by {owner}", "it") if owner else ("", "the other program")
        return f"port {port} ({name}) is in use{by}; stop {stop} or set another port in {site_toml}"
    if is_for_root:
        return f"port {port} ({name}) is for root only: start as root, or {_free_for_all(listening)} in {site_toml}"
    return (
        f"cannot listen on {listening.address} for {name}: {err.strerror}; set another address in {site_toml}"
    )
