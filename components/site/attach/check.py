"""Checks a server before Steelyard is attached to it. Pure: the survey and the settings are all that it looks at."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from components.settings.site import SiteFile
from components.site.attach.survey import ServerHost, Survey, listed
from components.site.parts import parts_of
from components.site.server import OLDEST_VERSION

_KNOWN = ((0, 12), (13, 0))
_DEFAULT_COMPONENT_PORT = 5347
# Past the archive: the adapter unloads the first, and knows nothing of what the others do.
_UPLOADS = frozenset({"http_file_share", "http_upload", "http_upload_external", "proxy65"})
_OTHER_WAYS = {
    "turn_external": "calls go from client to client",
    "external_services": "calls go from client to client",
    "cloud_notify": "what a push service is told leaves the server unrecorded",
    "unified_push": "what a push service is told leaves the server unrecorded",
    "rest": "programs write to people over HTTP",
    "post_msg": "programs write to people over HTTP",
    "announce": "an administrator writes to everybody past the record",
    "motd": "its text goes to everybody past the record",
    "admin_shell": "whoever has the server's shell can unload the adapter",
    "admin_telnet": "whoever has the server's console can unload the adapter",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that a check found: `is_problem` if nothing may be applied before it is mended."""

    is_problem: bool
    text: str


def check_server(survey: Survey, settings: SiteFile) -> tuple[Note, ...]:
    """Return all that is to be mended or known before this server is attached."""
    checks = (
        _version,
        check_gate_address,
        _component_port,
        check_domains,
        check_other_parts,
        _uploads,
        _other_ways,
        _accounts,
    )
    return tuple(note for check in checks for note in check(survey, settings))


def problem(text: str) -> Note:
    """Return a note of what has to be mended."""
    return Note(True, text)


def remark(text: str) -> Note:
    """Return a note of what is to be known."""
    return Note(False, text)


def read_version(text: str) -> tuple[int, int] | None:
    """Return the two numbers that a version begins with; None if it does not."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _version(survey: Survey, _settings: SiteFile) -> Iterator[Note]:
    version = read_version(survey.version)
    if version is None:
        yield remark(f"this Prosody calls itself {survey.version!r}; the adapter is tried with 0.12 and 13.0")
    elif version < OLDEST_VERSION:
        yield problem(f"Prosody {survey.version} is too old: 0.12 or newer is needed")
    elif version not in _KNOWN:
        yield remark(f"Prosody {survey.version}: the adapter is tried with 0.12 and 13.0")


def check_gate_address(survey: Survey, settings: SiteFile) -> Iterator[Note]:
    """Yield a note if the gate's name is taken, or another gate is attached."""
    jid = settings.gate.jid
    if survey.options.get("stanza_gate"):
        if survey.options["stanza_gate"] != jid:
            yield problem(f"another gate is attached: stanza_gate = {survey.options['stanza_gate']!r}")
    elif survey.find_host(jid):
        yield problem(f"{jid} (gate.jid) is a host of this server already; take another name in site.toml")


def _component_port(survey: Survey, settings: SiteFile) -> Iterator[Note]:
    port = settings.gate.component_port
    ports = [int(each) for each in listed(survey.options, "component_ports")]
    if "component_ports" not in survey.options:
        ports = [_DEFAULT_COMPONENT_PORT]
    if port not in ports:
        listening = ", ".join(map(str, ports)) or "none"
        yield problem(
            f"components connect to port {listening} (component_ports), the gate to {port}: set gate.component_port"
        )
    for address in listed(survey.options, "component_interfaces"):
        if not _is_loopback(str(address)):
            yield problem(
                f"components may connect to {address} (component_interfaces), where their link is in the clear: "
                "set it to 127.0.0.1"
            )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def check_domains(survey: Survey, settings: SiteFile) -> Iterator[Note]:
    """Yield a note for each domain that the server and site.toml do not both have, and for each component."""
    server = settings.prosody
    people = {host.name for host in survey.hosts if not host.component}
    rooms = {host.name for host in survey.hosts if host.component == "muc"}
    for setting, named, there in (
        ("domains", server.domains, people),
        ("room_domains", server.room_domains, rooms),
    ):
        for domain in sorted(set(named) - there):
            yield problem(
                f"prosody.{setting}: {domain} is no such host of this server; take it out of site.toml"
            )
        for domain in sorted(there - set(named)):
            yield problem(
                f"prosody.{setting}: {domain} of this server is missing in site.toml: it is recorded, too"
            )
    for host in survey.hosts:
        if host.component not in ("", "muc") and host.name != settings.gate.jid and not _is_upload(host):
            yield remark(
                f"{host.name} is a component ({host.component}): what it says is recorded, and, unless a site of the "
                "directory has it, refused as soon as the gate enforces"
            )


def check_other_parts(_survey: Survey, settings: SiteFile) -> Iterator[Note]:
    """Yield a note for each table of a component that attaching does not add."""
    for part in parts_of(settings):
        if part.component and part.name != settings.gate.table_name:
            yield problem(
                f"[{part.name}]: attaching adds the gate alone; take the table out of site.toml (docs/attach.md)"
            )


def _is_upload(host: ServerHost) -> bool:
    return host.component in _UPLOADS


def _uploads(survey: Survey, _settings: SiteFile) -> Iterator[Note]:
    for host in survey.hosts:
        for name in sorted(survey.modules_of(host) & _UPLOADS):
            yield remark(
                f"mod_{name} on {host.name} takes files past the archive: it is unloaded while Steelyard is attached"
            )


def _other_ways(survey: Survey, _settings: SiteFile) -> Iterator[Note]:
    found: dict[str, list[str]] = {}
    for host in survey.hosts:
        for name in survey.modules_of(host) & _OTHER_WAYS.keys():
            found.setdefault(name, []).append(host.name)
    for name in sorted(found):
        yield remark(f"mod_{name} ({', '.join(sorted(found[name]))}): {_OTHER_WAYS[name]}")


def _accounts(survey: Survey, _settings: SiteFile) -> Iterator[Note]:
    if survey.options.get("allow_registration") is True:
        yield remark(
            "allow_registration: anybody makes an account; those who are not listed are recorded like all"
        )
