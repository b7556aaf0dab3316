"""Finds the fault of a process from outside: in its status file, or by a request over HTTP."""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from components.process.status import read_status

ANSWER_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class StatusProbe:
    """A process with a status file, which is well in the state `good`.

    `faults` explains states whose names are not enough; `meanwhile` says what does not work in the meantime. States
    that are `passing` are no fault of a process that has just started.
    """

    file: Path
    good: str = "connected"
    faults: Mapping[str, str] = field(default_factory=dict)
    meanwhile: str = ""
    passing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """A process that answers `HEAD path` with `status`; `otherwise` says what is wrong if the answer differs.

    `setting` names the port in site.toml; `address` may be the one for all addresses of the machine.
    """

    setting: str
    address: str
    port: int
    path: str
    status: int
    otherwise: str
    tls: bool = False


Probe = StatusProbe | HttpProbe


async def find_fault(probe: Probe, pid: int | None = None) -> str:
    """Return what is wrong with a process, in words that follow its name, or nothing.

    With `pid`, a status of another process does not count.
    """
    return await _ask(probe) if isinstance(probe, HttpProbe) else _judge(probe, pid)


def reachable_address(address: str) -> str:
    """Return an address at which this machine reaches a program that listens on `address`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104


def _judge(probe: StatusProbe, pid: int | None) -> str:
    status, fault = read_status(probe.file, pid)
    if not status:
        return fault
    if problems := status.get("problems"):
        return f"does not take all of the rules: {problems[0]}"
    if stuck := status.get("stuck"):
        return f"cannot finish, and tries again: {stuck[0]}"
    state = str(status.get("state"))
    if state in probe.passing:
        return fault
    if not fault and state != probe.good:
        fault = probe.faults.get(state, f"is {state}")
    return f"{fault}; {probe.meanwhile}" if fault and probe.meanwhile else fault


async def _ask(probe: HttpProbe) -> str:
    address = reachable_address(probe.address)
    host = f"[{address}]" if ":" in address else address
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(address, probe.port, ssl=_make_tls(probe))
            with contextlib.closing(writer):
                writer.write(
                    f"HEAD {probe.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
                )
                status_line = await reader.readline()
    except (TimeoutError, OSError):
        return f"does not answer on port {probe.port} ({probe.setting})"
    answered = status_line.startswith(b"HTTP/1.1 %d " % probe.status)
    return "" if answered else probe.otherwise


def _make_tls(probe: HttpProbe) -> ssl.SSLContext | None:
    if not probe.tls:
        return None
    tls = ssl.create_default_context()  # who answers is not the question, and nothing secret is said
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    return tls
